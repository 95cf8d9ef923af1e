// One vehicle: the newest values by one request every few seconds, everything over a span on demand.

import { get } from "../api.js";
import { byId, data, fill, find, h } from "../dom.js";
import { full, instant, NONE, number, span as spanText, time } from "../format.js";
import { eventName, simulatedBadge, stateMark } from "../names.js";
import { every } from "../poll.js";
import { _ } from "../words.js";
import "../elements/cell-bars.js";
import "../elements/heat-strip.js";
import "../elements/live-value.js";
import { showIdentifiers } from "./vehicle-identifiers.js";
import { startCommands } from "./vehicle-commands.js";
import { startSpan } from "./vehicle-span.js";

const PERIOD_S = 3;
const EVENTS_PERIOD_S = 15;
const EVENTS_MAX = 50;
const BLOCK = { vehicle: 0, position: 4, extremes: 5, alarm: 6, cells: 7, temps: 8 };
const SOURCE = {
  cell_max_mv: BLOCK.extremes, cell_min_mv: BLOCK.extremes, cell_spread_mv: BLOCK.extremes,
  temp_max_degc: BLOCK.extremes, temp_min_degc: BLOCK.extremes, alarm_level: BLOCK.alarm,
};
const NUMBERS = ["soc_pct", "speed_kmh", "voltage_v", "current_a", "odometer_km", "cell_max_mv",
  "cell_min_mv", "cell_spread_mv", "temp_max_degc", "temp_min_degc", "insulation_kohm"];
const CODES = ["vehicle_state", "charge_state", "power_mode", "dcdc_state"];
const NO_ALARM = 255;
const GEARS = { 0: "N", 13: "R", 14: "D", 15: "P" };

const vin = byId("vehicle").dataset.vin;
const path = `/vehicles/${encodeURIComponent(vin)}`;
const signals = Object.fromEntries(data("signals").map((signal) => [signal.name, signal]));

function title(answer) {
  const row = { ...answer.thing, ...answer.latest };
  fill(byId("plate"), row.plate || vin);
  byId("vin").hidden = !row.plate;
  fill(byId("model"), row.model || "");
  fill(byId("operator"), row.operator || "");
  fill(byId("state"), answer.latest ? stateMark(answer.latest.state) : "");
  const age = answer.latest ? (instant(answer.as_of) - instant(answer.latest.received_at)) / 1000 : NaN;
  fill(byId("badges"), simulatedBadge(row),
    answer.report ? h("span", { class: "badge" }, `GB/T 32960-${answer.report.edition}`) : null);
  fill(byId("as-of"), answer.latest
    ? _("last report {at}, {age} ago", { at: full(answer.latest.received_at), age: spanText(age) })
    : _("no report yet"));
}

function code(name, value) {
  if (value === null || value === undefined) return NONE;
  return signals[name]?.codes?.[value] ?? String(value);
}

function gear(report) {
  const byte = report.gear_code;
  if (byte === null || byte === undefined) return NONE;
  const forces = [byte & 0x20 ? _("driving force") : "", byte & 0x10 ? _("braking force") : ""];
  return [GEARS[byte & 0x0f] ?? String(byte & 0x0f), ...forces].filter(Boolean).join(" · ");
}

function values(answer) {
  const report = answer.report ?? {};
  const at = (name) => answer.block_at[SOURCE[name] ?? BLOCK.vehicle];
  for (const name of NUMBERS) byId(name).set(report[name], at(name));
  for (const name of CODES) byId(name).set(null, at(name), code(name, report[name]));
  const power = Number.isFinite(report.voltage_v) && Number.isFinite(report.current_a)
    ? (report.voltage_v * report.current_a) / 1000 : null;
  byId("power_kw").set(power, at("voltage_v"));
  byId("gear").set(null, at("gear"), gear(report));
  alarm(report, at("alarm_level"));
  fill(byId("live-note"), answer.report ? _("device time {at}", { at: full(answer.report.device_at) }) : "");
}

function alarm(report, at) {
  const level = report.alarm_level;
  const none = level === null || level === undefined || level === NO_ALARM;
  byId("alarm_level").set(null, at, none ? NONE : String(level));
  byId("alarm_level").className = none ? "" : `level-${level}`;
  const words = byId("alarm-words");
  const names = signals.alarm_flags.codes;
  const set = Object.keys(names).filter((bit) => (report.alarm_flags ?? 0) & (1 << bit));
  words.className = `alarm-words level-${none ? 0 : level}`;
  fill(words, set.length ? h("span", {}, set.map((bit) => names[bit]).join(" · ")) : null);
}

function split(valuesOfAll, counts, numbers) {
  if (!counts.length && valuesOfAll.length) return [{ no: 1, values: valuesOfAll, index: 0 }];
  let start = 0;
  return counts.map((count, index) => {
    const part = valuesOfAll.slice(start, start + count);
    start += count;
    return { no: numbers[index] ?? index + 1, values: part, index };
  });
}

function cells(answer) {
  const report = answer.report;
  if (!report?.cells_mv?.length) {
    fill(byId("cells"), h("p", { class: "empty" }, _("No cell voltages reported yet.")));
    return;
  }
  byId("cells").set(split(report.cells_mv, report.pack_cell_count ?? [], report.pack_no ?? []).map((pack) => ({
    no: pack.no, cells: pack.values, voltage: report.pack_voltage_v?.[pack.index], current: report.pack_current_a?.[pack.index],
  })));
  fill(byId("cells-note"), _("device time {at}", { at: full(answer.block_at[BLOCK.cells]) }));
}

function temps(answer) {
  const report = answer.report;
  if (!report?.temps_degc?.length) {
    fill(byId("temps"), h("p", { class: "empty" }, _("No temperatures reported yet.")));
    return;
  }
  byId("temps").set(split(report.temps_degc, report.pack_temp_count ?? [], report.pack_no ?? [])
    .map((pack) => ({ no: pack.no, temps: pack.values })));
  fill(byId("temps-note"), _("device time {at}", { at: full(answer.block_at[BLOCK.temps]) }));
}

function answerWord(row) {
  if (row.answer === 1) return h("span", { class: "good" }, _("accepted"));
  if (row.answer > 1) return h("span", { class: "bad" }, _("refused ({n})", { n: row.answer }));
  return "";
}

function showEvents(answer) {
  const rows = answer.rows.map((row) => h("tr", {}, h("td", { class: "soft" }, time(row.received_at)),
    h("td", {}, eventName(row.event)), h("td", { class: "soft" }, row.link), h("td", {}, answerWord(row))));
  fill(byId("events"), rows.length ? rows : h("tr", {}, h("td", { class: "empty" }, _("No event yet."))));
  fill(byId("events-note"), _("events {n}, as of {at}", { n: number(answer.total), at: time(answer.as_of) }));
}

function missing(error) {
  const problem = byId("problem");
  problem.hidden = !error;
  if (error) fill(problem, error.message);
}

let spanView = null;

every(PERIOD_S, async (signal) => {
  try {
    const answer = await get(path, {}, signal);
    missing(null);
    title(answer);
    values(answer);
    cells(answer);
    temps(answer);
    spanView ??= startSpan(path, data("signals").filter((signal) => signal.curve), answer.report?.device_at ?? answer.as_of);
    spanView.newest(answer.report?.device_at);
  } catch (error) {
    if (error.status) missing(error);
    throw error;
  }
});
every(EVENTS_PERIOD_S, async (signal) => showEvents(await get(`${path}/events`, { size: EVENTS_MAX }, signal)));
showIdentifiers(vin).catch(() => {}); // a vehicle that is not there is said above
if (find("#command")) startCommands(path);
