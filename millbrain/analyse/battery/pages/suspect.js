// One suspect: why, what is known of it elsewhere, tables. The plots stand in suspect-plots.js.

import { get } from "/static/js/api.js";
import { byId, fill, h } from "/static/js/dom.js";
import { figure, full, instant, number, span, time } from "/static/js/format.js";
import { simulatedBadge, stateMark } from "/static/js/names.js";
import { every } from "/static/js/poll.js";
import { startRowLinks } from "/static/js/table.js";
import { problem } from "/static/js/problem.js";
import { _, pick } from "/static/js/words.js";
import "/static/js/elements/cell-bars.js";
import { ask, asOf, download, eventName, kindName, partName, sentence, severityMark, suspectPath, vehicleCell,  } from "./battery.js";
import { evidenceName, familyName } from "./evidence.js";
import { startPlots } from "./suspect-plots.js";

const LIVE_PERIOD_S = 5;
const PERIOD_S = 60;
const CELLS_BIT = 7;
const SIMILAR_MAX = 20;
const ORDERS_MAX = 500;

const vin = byId("vehicle").dataset.vin;
const plots = startPlots(vin);
let findings = [];
let chosen = 0;
let model = null;

// Why ---------------------------------------------------------------------------------------------

function tab(row, index) {
  return h("button", { type: "button", role: "tab", "aria-selected": String(index === chosen), onclick: () => choose(index) },
    kindName(row.kind), " ", h("span", { class: "soft" }, partName(row)), row.is_open ? null : h("span", { class: "faint" }, ` ${_("closed")}`));
}

function choose(index) {
  chosen = index;
  showWhy();
  loadSimilar().catch((error) => console.warn(error.message));
}

function pieces(row) {
  try {
    return JSON.parse(row.evidence || "[]");
  } catch {
    return []; // a row of an older version; the sentence still says what it is
  }
}

function evidenceTable(row) {
  const rows = pieces(row).map((piece) => h("tr", {},
    h("td", {}, evidenceName(piece.name)),
    h("td", { class: "soft wide" }, familyName(piece.family)),
    h("td", { class: "number" }, figure(piece.value, piece.unit)),
    h("td", { class: "number" }, figure(piece.threshold, piece.unit)),
    h("td", { class: "wide" }, full(piece.since).slice(0, 16)), h("td", { class: "wide" }, full(piece.until).slice(0, 16)),
    h("td", { class: "number wide" }, span(piece.until - piece.since))));
  return h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", {}, _("Evidence")), h("th", { class: "wide" }, _("Family")),
      h("th", { class: "number" }, _("Figure")), h("th", { class: "number" }, _("Limit")),
      h("th", { class: "wide" }, _("since")), h("th", { class: "wide" }, _("until")), h("th", { class: "number wide" }, _("for")))),
    h("tbody", {}, rows)));
}

function facts(row) {
  const pair = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  const families = new Set(pieces(row).map((piece) => piece.family)).size;
  return h("dl", { class: "pairs" },
    pair(_("Severity"), severityMark(row.severity), row.call_out ? ` · ${_("call in")}` : ""),
    pair(_("Figure"), h("b", {}, figure(row.value, row.unit)), " ", h("span", { class: "soft" }, _("limit {limit}", { limit: figure(row.threshold, row.unit) }))),
    pair(_("Confidence"), number(row.confidence, 2), " ", h("span", { class: "soft" }, _("{n} independent families of evidence", { n: families }))),
    pair(_("First seen"), full(row.first_seen_at).slice(0, 16)),
    pair(_("Last seen"), full(row.last_seen_at).slice(0, 16), " ", h("span", { class: "soft" }, _("{age} ago", { age: span((Date.now() - instant(row.last_seen_at)) / 1000) }))),
    pair(_("State"), row.is_open ? _("open") : _("closed: the evidence has stayed away")));
}

function showWhy() {
  const row = findings[chosen];
  fill(byId("findings"), findings.length > 1 ? findings.map(tab) : null);
  byId("findings").hidden = findings.length < 2;
  plots.emphasise(row ?? null, findings.filter((each) => each.is_open));
  if (!row) {
    fill(byId("why"), h("p", { class: "empty" }, _("Nothing speaks against this vehicle. Its cells are shown below all the same.")));
    return;
  }
  fill(byId("why"), h("p", { class: `sentence level-edge-${row.severity}` }, sentence(row)),
    h("div", { class: "split" }, facts(row), evidenceTable(row)));
}

async function loadWhy(signal) {
  const answer = await ask("why", { vin }, signal);
  const key = (row) => row && `${row.kind}|${row.pack_no}|${row.cell_no}`;
  const kept = key(findings[chosen]);
  findings = answer.rows;
  chosen = Math.max(0, findings.findIndex((row) => key(row) === kept));
  showWhy();
  asOf("why", answer);
}

// The vehicle itself ------------------------------------------------------------------------------

function showTitle(answer) {
  const row = { ...answer.thing, ...answer.latest };
  fill(byId("plate"), row.plate || vin);
  byId("vin").hidden = !row.plate;
  fill(byId("model"), row.model || "");
  fill(byId("operator"), row.operator || "");
  fill(byId("state"), answer.latest ? stateMark(answer.latest.state) : "");
  fill(byId("badges"), simulatedBadge(row));
  fill(byId("as-of"), answer.latest ? _("last report {at}, {age} ago", {
    at: full(answer.latest.received_at), age: span((instant(answer.as_of) - instant(answer.latest.received_at)) / 1000) }) : _("no report yet"));
  if (model === null) {
    model = row.model ?? "";
    loadSimilar().catch((error) => console.warn(error.message));
  }
}

function showCells(answer) {
  const report = answer.report;
  const cells = report?.cells_mv ?? [];
  if (!cells.length) {
    fill(byId("cells"), h("p", { class: "empty" }, _("No cell voltages reported yet.")));
    return;
  }
  const counts = report.pack_cell_count?.length ? report.pack_cell_count : [cells.length];
  let start = 0;
  byId("cells").set(counts.map((count, index) => {
    const part = cells.slice(start, start + count);
    start += count;
    return { no: report.pack_no?.[index] ?? index + 1, cells: part, voltage: report.pack_voltage_v?.[index], current: report.pack_current_a?.[index] };
  }));
  fill(byId("cells-note"), _("device time {at}", { at: full(answer.block_at[CELLS_BIT]) }));
}

// Elsewhere: the same case as an alarm, an order, a record. Each may be absent. -----------------

function link(path, ...words) {
  return h("a", { class: "button", href: path }, ...words);
}

async function loadElsewhere(signal) {
  const quietly = (path, parameters) => get(path, parameters, signal).catch(() => ({ rows: [] }));
  const [orders, alarms] = await Promise.all([
    quietly("/orders", { thing: vin, size: 5 }), quietly("/alarms", { q: vin, size: 5 })]);
  const from = findings[chosen] ? instant(findings[chosen].last_seen_at) : null;
  fill(byId("elsewhere"),
    orders.rows.map((order) => link(`/orders/${encodeURIComponent(order.number)}`, _("Order"), " ", order.number)),
    alarms.rows.length ? link(`/alarms?q=${encodeURIComponent(vin)}`, _("Alarms"), " ", number(alarms.total)) : null,
    link(`/vehicles/${encodeURIComponent(vin)}/record`, _("Health record")),
    from ? link(`/vehicles/${encodeURIComponent(vin)}/replay?at=${new Date(from).toISOString()}`, _("Replay")) : null);
}

// Tables ------------------------------------------------------------------------------------------

function table(id, heads, rows, empty) {
  if (!rows.length) {
    fill(byId(id), h("caption", { class: "empty" }, empty));
    return;
  }
  fill(byId(id), h("thead", {}, h("tr", {}, heads.map(([name, look]) => h("th", { class: look ?? "" }, name)))), h("tbody", {}, rows));
}

function showCharges(answer) {
  const cell = (value, digits = 1) => h("td", { class: "number" }, number(value, digits));
  table("charges", [[_("Began")], [`${_("SOC")} %`, "number"], [`${_("Charge")} Ah`, "number"], [`${_("Energy")} kWh`, "number"],
    [`${_("Current, mean")} A`, "number wide"], [`${_("Hottest")} °C`, "number"], [`${_("Capacity, estimated")} Ah`, "number"]],
  answer.rows.map((row) => h("tr", {},
    h("td", { title: _("until {at}", { at: full(row.end_at) }) }, full(row.start_at).slice(0, 16)),
    h("td", { class: "number" }, `${row.soc_start_pct} → ${row.soc_end_pct}`), cell(row.charge_ah), cell(row.energy_kwh),
    h("td", { class: "number wide" }, number(row.current_mean_a, 1)), cell(row.temp_max_degc, 0),
    h("td", { class: "number" }, row.capacity_ah === null ? "–" : `${number(row.capacity_ah, 1)} ± ${number(row.capacity_std_ah, 1)}`))),
  _("No charge within this span."));
  byId("charges-csv").href = download("charges", { vin, days: plots.days() }, "csv");
  asOf("charges", answer);
}

function showEvents(answer) {
  const units = { soc_jump: "%", dcdc_off: "s", hot_charge: "A" };
  table("events", [[_("Device time")], [_("Event")], [_("Figure"), "number"]], answer.rows.map((row) => h("tr", {},
    h("td", { class: "soft" }, time(row.device_at)), h("td", { class: "wrap" }, eventName(row.kind)),
    h("td", { class: "number" }, figure(row.value, units[row.kind] ?? "")))), _("No event of its control within this span."));
  asOf("events", answer);
}

/** What became of a similar case: its newest order where there is one, else what the data say. */
function outcome(row, orders) {
  const order = orders.find((each) => each.thing === row.vin);
  if (order) return h("a", { href: `/orders/${encodeURIComponent(order.number)}` }, `${order.number} · ${pick(order.state, order.state_zh)}`);
  return row.is_open ? _("open, no order") : _("closed: the evidence has stayed away");
}

async function loadSimilar() {
  const row = findings[chosen];
  if (!row || model === null) return;
  fill(byId("similar-words"), model ? _("{kind} on {model}", { kind: kindName(row.kind), model }) : _("the model is not known"));
  const [answer, orders] = await Promise.all([
    ask("similar", { vin, kind: row.kind, model, size: SIMILAR_MAX }),
    get("/orders", { app: "battery", size: ORDERS_MAX }).catch(() => ({ rows: [] }))]);
  table("similar", [[_("Vehicle")], [_("Part")], [_("Figure"), "number"], [_("Confidence"), "number wide"], [_("First seen"), "wide"], [_("Last seen"), "wide"], [_("What became of it")]],
    answer.rows.map((each) => h("tr", { "data-href": suspectPath(each) }, vehicleCell(each), h("td", {}, partName(each)),
      h("td", { class: "number" }, figure(each.value, each.unit)), h("td", { class: "number wide" }, number(each.confidence, 2)),
      h("td", { class: "wide" }, full(each.first_seen_at).slice(0, 10)), h("td", { class: "wide" }, full(each.last_seen_at).slice(0, 10)),
      h("td", {}, outcome(each, orders.rows)))), _("No other case of this kind on this model."));
  asOf("similar", answer);
}

async function load(signal) {
  try {
    await loadWhy(signal);
    problem(null);
  } catch (error) {
    if (error.status) problem(error);
    throw error;
  }
  const asked = { vin, days: plots.days() };
  const [charges, events] = await Promise.all([ask("charges", { ...asked, size: 100 }, signal), ask("events", { ...asked, size: 100 }, signal),
    plots.load(signal), loadElsewhere(signal), loadSimilar()]);
  showCharges(charges);
  showEvents(events);
}

function startDownloads() {
  byId("evidence").href = download("evidence", { vin, days: plots.days() });
  for (const format of ["csv", "xlsx"]) byId(`days-${format}`).href = download("cell_days", { vin, days: plots.days() }, format);
}

startRowLinks();
startDownloads();
plots.onspan = () => {
  startDownloads();
  load().catch((error) => problem(error));
};
every(PERIOD_S, load);
every(LIVE_PERIOD_S, async (signal) => {
  const answer = await get(`/vehicles/${encodeURIComponent(vin)}`, {}, signal);
  showTitle(answer);
  showCells(answer);
});
