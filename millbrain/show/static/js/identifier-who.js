// Who may see which values of a record, and why.

import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { _ } from "./words.js";

/** Show it for a record. */
export async function showWho(node, record) {
  const open = record.values.filter((value) => value.is_public).length;
  fill(node, h("p", {}, _("{n} values: everybody. {hidden} values: administrators of the record or the node.", {
    n: number(open), hidden: number(record.values.length - open + record.hidden) })));
}
