// A vehicle's identifiers: its own record, its packs', and where its cells are told of.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { dataOf, isTechnical, keyLink, nameOf, resolveHref, simulatedMark } from "../identifiers.js";
import { _ } from "../words.js";

const FACTS_MAX = 4;
const KINDS = { vehicle: () => _("vehicle"), pack: () => _("pack") };

function facts(record) {
  return record.values.filter((value) => !isTechnical(value) && !value.refers && value.kind !== "truth").slice(0, FACTS_MAX)
    .map((value) => h("span", { class: "fact" }, h("small", { class: "faint" }, nameOf(value)), " ", dataOf(value)));
}

function row(record) {
  return h("tr", {}, h("td", { class: "soft" }, KINDS[record.kind]()), h("td", {}, keyLink(record.handle), " ", simulatedMark(record.values)),
    h("td", { class: "wrap" }, facts(record)));
}

/** Ask once: identifiers do not change by the second. */
export async function showIdentifiers(vin) {
  const { records, problem } = await get(`/identifiers/vehicles/${encodeURIComponent(vin)}`);
  if (!records.length) {
    fill(byId("identifiers"), h("tr", {}, h("td", { class: "empty" }, problem || _("No record of this node has this VIN."))));
    return;
  }
  fill(byId("identifiers"), records.map(row));
  const { handle } = records[0];
  fill(byId("identifiers-links"), h("a", { href: `/identifiers/trace?thing=${encodeURIComponent(vin)}` }, _("Cells, modules and lots")), " · ",
    h("a", { href: resolveHref(handle) }, _("QR code")), " · ", h("a", { href: `/identifiers/labels?text=${encodeURIComponent(handle)}` }, _("Print a label")));
}
