// What the battery pages share: how to ask, what the words of the room mean, how its rows look.

import { address, get } from "/static/js/api.js";
import { byId, data, fill, h } from "/static/js/dom.js";
import { full, number, time } from "/static/js/format.js";
import { simulatedBadge } from "/static/js/names.js";
import { _, language, pick } from "/static/js/words.js";

const ROOM = "/rooms/battery";
const DAY_MS = 86_400_000;

/** Ask one of the room's queries. */
export function ask(name, parameters, signal) {
  return get(`${ROOM}/${name}`, parameters, signal);
}

/** Where a query's rows can be downloaded. */
export function download(name, parameters, format) {
  return address(`${ROOM}/${name}`, { ...parameters, format });
}

/** Columns of the page's queries as the template left them: query -> name -> column. */
export function columnsOf(query) {
  return Object.fromEntries(data("queries")[query].columns.map((column) => [column.name, column]));
}

const KINDS = {
  "self-discharge": () => _("self-discharge"),
  capacity: () => _("low capacity"),
  resistance: () => _("high internal resistance"),
  connection: () => _("loose connection"),
  sensor: () => _("faulty measurement"),
  insulation: () => _("low insulation"),
  thermal: () => _("thermal event"),
  strategy: () => _("control strategy"),
  heat: () => _("heat watch"),
  deviation: () => _("out of line, cause open"),
};
export const KIND_NAMES = Object.keys(KINDS);

export function kindName(kind) {
  return KINDS[kind]?.() ?? kind;
}

const SEVERITIES = [() => _("note"), () => _("watch"), () => _("service"), () => _("stop"), () => _("danger")];

export function severityName(severity) {
  return SEVERITIES[severity]?.() ?? String(severity);
}

export function severityMark(severity) {
  return h("span", { class: `level level-${severity}` }, severityName(severity));
}

const EVENTS = {
  soc_jump: () => _("jump of the state of charge"),
  dcdc_off: () => _("DC-DC off while driving"),
  hot_charge: () => _("charging current not reduced at temperature"),
};

export function eventName(kind) {
  return EVENTS[kind]?.() ?? kind;
}

/** The part in words: pack and cell, or the whole vehicle. */
export function partName(row) {
  if (!row.pack_no) return _("whole vehicle");
  if (!row.cell_no) return _("pack {no}", { no: row.pack_no });
  return _("pack {pack}, cell {cell}", { pack: row.pack_no, cell: row.cell_no });
}

export function sentence(row) {
  return pick(row.sentence, row.sentence_zh);
}

export function suspectPath(row) {
  return `/battery/${encodeURIComponent(row.vin ?? row.thing)}`;
}

/** A vehicle as a link to its battery page, with its plate where there is one. */
export function vehicleCell(row) {
  return h("td", { class: "vin" }, h("a", { href: suspectPath(row) }, row.vin), " ", simulatedBadge(row),
    row.plate ? h("span", { class: "plate" }, row.plate) : null);
}

/** Milliseconds of the noon of a day: between the ticks of its neighbours whatever the zone. */
export function noon(day) {
  return Date.parse(`${day}T04:00:00Z`);
}

export function daysAgo(days) {
  return Date.now() - days * DAY_MS;
}

/** Write "as of" into every note of the page that waits for this query. */
export function asOf(name, answer) {
  for (const note of document.querySelectorAll(`[data-as-of="${name}"]`)) {
    fill(note, _("as of {at}", { at: time(answer.as_of) }));
    note.title = full(answer.as_of);
  }
}

/** Say how many of the vehicles are simulated, where any is. */
export function simulatedNotice(rows) {
  const count = rows.filter((row) => row.simulated).length;
  const notice = byId("simulated");
  if (!notice) return;
  notice.hidden = !count;
  fill(notice, h("b", {}, _("Simulated data")), _("{n} of {known} rows are of simulated vehicles.", { n: number(count), known: number(rows.length) }));
}

export const listed = new Intl.ListFormat(language === "zh" ? "zh-CN" : "en-GB", { type: "unit" });
