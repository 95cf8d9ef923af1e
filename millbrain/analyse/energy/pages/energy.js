// Energy of a meter: totals, load curve, days, months, load types.

import { address, get } from "/static/js/api.js";
import { byId, fill, h } from "/static/js/dom.js";
import { full, instant, number, share } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { problem } from "/static/js/problem.js";
import { _ } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import "/static/js/elements/xy-chart.js";

const PERIOD_S = 60;
const CLOCK_BELOW_MS = 2.5 * 86_400_000; // a shorter curve is read by the hour
const ROOM = "/rooms/energy";
const LOADS = { Light_Load: () => _("light load"), Medium_Load: () => _("medium load"), Maximum_Load: () => _("maximum load") };
const noon = (day) => Date.parse(`${day}T12:00:00Z`);
let meter = new URLSearchParams(location.search).get("thing");

function showTotals(row) {
  for (const [id, name] of [["kwh", "energy_kwh"], ["peak", "peak_kw"], ["factor", "power_factor_pct"], ["reactive", "reactive_lagging_kvarh"], ["co2", "co2_t"], ["intervals", "interval_count"]]) {
    byId(id).set(row[name], row.as_of);
  }
  byId("peak-sub").textContent = full(row.peak_at).slice(0, 16);
  byId("span").textContent = `${row.first_day} … ${row.last_day}`;
  byId("as-of").textContent = _("as of {at}", { at: full(row.as_of) });
  for (const format of ["csv", "xlsx"]) byId(format).href = address(`${ROOM}/energy_days`, { thing: row.thing, format });
}

function showDays(rows) {
  const bars = (node, column, unit, tone, name) => byId(node).set({
    x: { kind: "time" }, y: { name, unit, zero: true, digits: 0 },
    series: [{ type: "bars", tone, name, data: rows.map((row) => [noon(row.day), row[column]]) }],
    onpick: (point) => {
      byId("day").value = new Date(point.data[0]).toISOString().slice(0, 10);
      showCurve().catch(problem);
    },
  });
  bars("by-day", "energy_kwh", "kWh", "--park", _("energy"));
  bars("peaks", "peak_kw", "kW", "--soft", _("peak demand"));
}

async function showCurve(signal) {
  const answer = await get(`${ROOM}/load_curve`, { thing: meter, day: byId("day").value, days: Number(byId("days").value), size: 2000 }, signal);
  const ends = answer.rows.map((row) => instant(row.device_at));
  const isShort = ends.at(-1) - ends[0] < CLOCK_BELOW_MS;
  byId("curve").set({
    x: { kind: "time", clock: isShort }, y: { name: _("mean power of a quarter-hour"), unit: "kW", zero: true, digits: 1 },
    series: [{ type: "line", step: true, name: _("mean power of a quarter-hour"), tone: "--ink", data: answer.rows.map((row, i) => [ends[i], row.power_kw]) }],
  });
}

function table(node, heads, lines) {
  fill(byId(node), h("thead", {}, h("tr", {}, heads.map(([name, look]) => h("th", { class: look ?? "" }, name)))), h("tbody", {}, lines));
}

function showMonths(rows) {
  table("months", [[_("Month")], ["kWh", "number"], [_("peak kW"), "number"], [_("power factor"), "number"], [_("CO2 t"), "number"]],
    rows.map((row) => h("tr", {}, h("td", {}, row.month.slice(0, 7)), h("td", { class: "number" }, number(row.energy_kwh, 1)),
      h("td", { class: "number" }, number(row.peak_kw, 1)), h("td", { class: "number" }, `${number(row.power_factor_pct, 1)} %`), h("td", { class: "number" }, number(row.co2_t, 2)))));
}

function showLoads(rows) {
  const all = rows.reduce((sum, row) => sum + row.energy_kwh, 0);
  table("loads", [[_("Load type")], ["kWh", "number"], [_("share"), "number"]],
    rows.map((row) => h("tr", {}, h("td", {}, LOADS[row.load_type]?.() ?? row.load_type), h("td", { class: "number" }, number(row.energy_kwh, 1)), h("td", { class: "number" }, share(row.energy_kwh, all)))));
}

async function load(signal) {
  const { rows } = await get(`${ROOM}/meters`, {}, signal);
  byId("none").hidden = rows.length > 0;
  byId("energy").hidden = byId("meters").hidden = !rows.length;
  if (!rows.length) return problem(null);
  const row = rows.find((one) => one.thing === meter) ?? rows[0];
  meter = row.thing;
  fill(byId("meter"), rows.map((one) => h("option", { value: one.thing, selected: one.thing === meter }, one.thing)));
  showTotals(row);
  byId("day").value ||= row.first_day;
  const [days, months, loads] = await Promise.all([get(`${ROOM}/energy_days`, { thing: meter, size: 800 }, signal),
    get(`${ROOM}/energy_months`, { thing: meter, size: 120 }, signal), get(`${ROOM}/energy_loads`, { thing: meter }, signal)]);
  showDays(days.rows);
  showMonths(months.rows);
  showLoads(loads.rows);
  await showCurve(signal);
  problem(null);
}

byId("meter").addEventListener("change", (event) => {
  meter = event.target.value;
  byId("day").value = "";
  history.replaceState(null, "", `?${new URLSearchParams({ thing: meter })}`);
  load().catch(problem);
});
for (const id of ["day", "days"]) byId(id).addEventListener("change", () => showCurve().catch(problem));
every(PERIOD_S, async (signal) => {
  try {
    await load(signal);
  } catch (error) {
    if (error.status) problem(error);
    throw error;
  }
});
