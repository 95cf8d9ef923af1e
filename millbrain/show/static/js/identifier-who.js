// Who may see which values of a record, and why: from the record's own rights, prefix and grants.

import { fill, h } from "./dom.js";
import { full, number } from "./format.js";
import { nameOf, recordHref, whoIs } from "./identifiers.js";
import { _ } from "./words.js";

const WHYS = {
  public: () => _("everybody may read it"),
  owner: () => _("administers the record"),
  node: () => _("administers this node"),
  grant: () => _("was given it"),
};

function because(reader) {
  const place = reader.record ? [" ", h("a", { class: "mono", href: recordHref(reader.record) }, `${reader.record} #${reader.index}`)] : "";
  return h("li", { class: reader.lapsed ? "faint" : "" }, whoIs(reader.who), h("span", { class: "soft" }, ` ${WHYS[reader.why]?.() ?? reader.why}`), place,
    reader.through.length ? h("span", { class: "faint" }, ` ${_("through")} ${reader.through.join(" → ")}`) : null,
    reader.by ? h("span", { class: "faint" }, ` ${_("by")} `, whoIs(reader.by)) : null,
    reader.until ? h("span", { class: "faint" }, ` ${_("until {at}", { at: full(reader.until) })}`) : null,
    reader.lapsed ? h("span", { class: "bad" }, ` ${_("gives nothing now")}: ${reader.lapsed}`) : null);
}

const sameReaders = (seen) => JSON.stringify(seen.readers.map(({ index, ...rest }) => rest));

/** Show it: values that the same people see, for the same reason, stand together. */
export function showWho(node, record) {
  if (!record.seen) {
    fill(node, h("p", {}, _("You read this as {n} of {all} values.", { n: number(record.values.length), all: number(record.values.length + record.hidden) })),
      h("p", { class: "soft" }, _("Who else may see what is told to those who may read the whole record.")));
    return;
  }
  const values = new Map(record.values.map((value) => [value.index, value]));
  const groups = Map.groupBy(record.seen, sameReaders);
  fill(node, [...groups.values()].map((all) => h("section", { class: "seen" },
    h("h3", {}, all.flatMap((seen, at) => [at ? ", " : "", values.has(seen.index) ? nameOf(values.get(seen.index)) : h("span", { class: "mono" }, seen.type)])),
    h("ul", {}, all[0].readers.map(because)))));
}
