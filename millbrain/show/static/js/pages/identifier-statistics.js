// What was resolved and registered: by day, prefix, answer and node.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, NONE, number, share, time } from "../format.js";
import { _ } from "../words.js";
import "../elements/day-bars.js";

const DAY_MS = 86_400_000;
const FOUND = 1;
const PREFIXES_MAX = 200;
const query = { days: 31, prefix: "" };

const CODES = {
  1: () => _("found"),
  2: () => _("error of the node"),
  3: () => _("busy"),
  4: () => _("not understood"),
  100: () => _("does not exist"),
  200: () => _("no such values"),
  301: () => _("another node answers for it"),
  302: () => _("sent to another node"),
  303: () => _("sent on to the node of the prefix"),
  400: () => _("refused"),
  402: () => _("asked to prove who asks"),
};

const codeName = (code) => CODES[code]?.() ?? _("answer {code}", { code });

function problem(error) {
  byId("problem").hidden = !error;
  byId("counted").hidden = Boolean(error);
  if (error) fill(byId("problem"), error.status === 403 ? _("Statistics are told to administrators of the node, those of a prefix to who may read it.") : error.message);
}

const isoDay = (at) => new Date(at).toISOString().slice(0, 10);

function span() {
  const to = Date.now() + DAY_MS; // a node may be a day ahead of UTC
  return { from: isoDay(to - query.days * DAY_MS), to: isoDay(to) };
}

const asked = (more) => ({ ...span(), prefix: query.prefix, ...more });

function sums(rows, name) {
  const found = new Map();
  for (const row of rows) {
    const each = found.get(row[name]) ?? { resolved: 0, found: 0, registered: 0, removed: 0 };
    each[row.kind] += row.count;
    if (row.kind === "resolved" && row.code === FOUND) each.found += row.count;
    found.set(row[name], each);
  }
  return found;
}

function showDays(answer) {
  const byDay = sums(answer.rows, "day");
  const days = [];
  const newest = Math.min(Date.parse(answer.to), Math.max(Date.now(), ...[...byDay.keys()].map((day) => Date.parse(day))));
  for (let at = Date.parse(answer.from); at <= newest; at += DAY_MS) days.push(isoDay(at));
  const of = (day) => byDay.get(day) ?? { resolved: 0, found: 0, registered: 0, removed: 0 };
  byId("resolved").set(days.map((day) => ({ day, first: of(day).found, second: of(day).resolved - of(day).found })), [_("found"), _("other answers")]);
  byId("registered").set(days.map((day) => ({ day, first: of(day).registered, second: of(day).removed })), [_("registered"), _("deleted")], true);
}

function figure(name, value, hint) {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value, h("small", {}, hint ?? "")));
}

function showFigures(answer) {
  const [all = { resolved: 0, found: 0, registered: 0, removed: 0 }] = sums(answer.rows.map((row) => ({ ...row, all: 0 })), "all").values();
  const days = Math.max(1, query.days);
  fill(byId("figures"), figure(_("Resolved"), number(all.resolved), _("{n} a day", { n: number(all.resolved / days, all.resolved < 10 * days ? 1 : 0) })),
    figure(_("of these found"), share(all.found, all.resolved), number(all.found)),
    figure(_("Registered"), number(all.registered), _("{n} a day", { n: number(all.registered / days, all.registered < 10 * days ? 1 : 0) })),
    figure(_("Deleted"), number(all.removed)), figure(_("Prefixes"), number(sums(answer.rows, "prefix").size)));
}

function bar(part, whole) {
  return h("td", { class: "bar-cell wide" }, h("span", { class: "bar", style: `width:${whole ? (100 * part) / whole : 0}%` }));
}

function table(node, heads, rows) {
  fill(node, h("thead", {}, h("tr", {}, heads.map(([head, kind]) => h("th", { class: kind }, head)))),
    h("tbody", {}, rows.length ? rows : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("Nothing was counted in this span.")))));
}

function showPrefixes(answer) {
  const found = [...sums(answer.rows, "prefix")].sort(([, a], [, b]) => b.resolved - a.resolved || b.registered - a.registered).slice(0, PREFIXES_MAX);
  const most = Math.max(0, ...found.map(([, each]) => each.resolved));
  table(byId("prefixes"), [[_("Prefix"), ""], [_("Resolved"), "number"], ["", "wide"], [_("found"), "number wide"], [_("Registered"), "number"], [_("Deleted"), "number wide"]],
    found.map(([prefix, each]) => h("tr", {},
      h("td", { class: "mono" }, prefix ? h("button", { type: "button", class: "button bare", onclick: () => change({ prefix }) }, prefix) : h("span", { class: "faint" }, _("prefixes not known"))),
      h("td", { class: "number" }, number(each.resolved)), bar(each.resolved, most), h("td", { class: "number wide" }, share(each.found, each.resolved)),
      h("td", { class: "number" }, number(each.registered)), h("td", { class: "number wide" }, number(each.removed)))));
}

function showCodes(answer) {
  const counts = new Map();
  for (const row of answer.rows) if (row.kind === "resolved") counts.set(row.code, (counts.get(row.code) ?? 0) + row.count);
  const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
  table(byId("codes"), [[_("Answer"), ""], ["", "number"], ["", "wide"], [_("Share"), "number"]], [...counts].sort(([, a], [, b]) => b - a).map(([code, n]) =>
    h("tr", {}, h("td", {}, codeName(code), h("small", { class: "faint mono" }, ` ${code}`)), h("td", { class: "number" }, number(n)), bar(n, all), h("td", { class: "number" }, share(n, all)))));
}

function showNodes(answer, reports) {
  const senders = new Map((reports?.senders ?? []).map((each) => [each.prefix, each]));
  const counted = sums(answer.rows, "node");
  const names = [...new Set([...counted.keys(), ...senders.keys()])].sort();
  table(byId("nodes"), [[_("Node"), ""], [_("Resolved"), "number"], [_("Registered"), "number"], [_("Last report"), "wide"], [_("Gaps"), "number"]], names.map((name) => {
    const each = counted.get(name) ?? { resolved: 0, registered: 0 };
    const sender = senders.get(name);
    const gaps = sender ? sender.missing.reduce((sum, [first, last]) => sum + last - first + 1, 0) + sender.lost : null;
    return h("tr", {}, h("td", { class: name ? "mono" : "" }, name || _("this node")), h("td", { class: "number" }, number(each.resolved)), h("td", { class: "number" }, number(each.registered)),
      h("td", { class: "wide", title: sender?.heard_ms ? full(sender.heard_ms) : "" }, sender?.heard_ms ? time(sender.heard_ms) : NONE),
      h("td", { class: `number ${gaps ? "bad" : ""}` }, gaps === null ? NONE : number(gaps)));
  }));
  const waiting = reports?.outbox?.waiting;
  fill(byId("outbox"), waiting === undefined || waiting === null ? null : _("{n} reports wait for the node above", { n: number(waiting) }));
}

async function load() {
  for (const button of byId("spans").children) button.setAttribute("aria-pressed", String(Number(button.dataset.days) === query.days));
  fill(byId("chosen"), query.prefix ? [h("span", { class: "soft" }, `${_("Prefix")} `), h("b", { class: "mono" }, query.prefix), " ",
    h("button", { type: "button", class: "button bare", onclick: () => change({ prefix: "" }) }, _("Clear"))] : null);
  byId("csv").href = address("/identifiers/statistics", asked({ by: "day,prefix,kind,code,node", format: "csv" }));
  try {
    const answer = await get("/identifiers/statistics", asked({ by: "day,prefix,kind,code,node" }));
    const reports = document.documentElement.dataset.role === "admin" ? await get("/identifiers/reports").catch(() => null) : null;
    problem(null);
    fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
    fill(byId("span-note"), _("{from} to {to}, days of each node's own zone", { from: answer.from, to: answer.to }));
    showFigures(answer);
    showDays(answer);
    showPrefixes(answer);
    showCodes(answer);
    showNodes(answer, reports);
  } catch (error) {
    problem(error);
  }
}

function change(values) {
  Object.assign(query, values);
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  history.replaceState(null, "", `/identifiers/statistics?${given}`);
  load();
}

const given = new URLSearchParams(location.search);
query.days = Number(given.get("days")) || query.days;
query.prefix = given.get("prefix") ?? "";
byId("spans").addEventListener("click", (event) => event.target.dataset.days && change({ days: Number(event.target.dataset.days) }));
load();
