// A machine: its state, the ribbon of the day, indicators, pieces, a trend, losses, stops, signals.

import { get, put } from "/static/js/api.js";
import { byId, data, fill, h } from "/static/js/dom.js";
import { figure, full, instant, number, span, unitText } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { qualityWord, tagTitle, trendPath } from "/static/js/tag-words.js";
import { problem } from "/static/js/problem.js";
import { _ } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import "/static/js/elements/xy-chart.js";
import { areaName, ask, asOf, clock, dayBegin, hourSpec, legend, lineName, linePath, lossTable, machineName, pct, reasonName, ribbon, simulated, since, stateMark, stateName, stopHead, stopRows } from "./works.js";

const STATES_S = 5;
const FIGURES_S = 15;
const MONTH_S = 300;
const TREND_MS = 8 * 3_600_000;
const LOSSES = 12; // the largest
const STOPS = 10; // the newest
const OTHERS = ["power_kw", "spindle_speed_rpm", "spindle_load_pct"]; // drawn first where they are there
const TEXTS = ["stop_reason", "order_operation"];
const machine = data("parameters").machine;
const tags = new Map(); // signal -> tag: its title and unit
let shown = new URLSearchParams(location.search).get("signal") ?? "";
let drawn = ""; // the signal whose trend stands on the page
let isBegun = false; // whether state and figures stand on it
let haveTags;
const tagged = new Promise((resolve) => { haveTags = resolve; });

const titleOf = (signal) => tagTitle(tags.get(signal) ?? { signal });
const unitOf = (signal) => unitText(tags.get(signal)?.unit);

function showState(row) {
  if (!row) {
    problem({ message: _("Nothing is known of machine {machine}: no signal of it that tells a state, pieces or energy was read.", { machine }) });
    return;
  }
  fill(byId("name"), machineName(row));
  fill(byId("state"), stateMark(row.state), " ", h("small", { class: "soft" }, row.reason ? `${reasonName(row)} · ` : "", _("for {span}", { span: since(row) }), row.job ? ` · ${row.job}` : ""));
  fill(byId("where"), row.line ? h("a", { href: linePath(row.line) }, lineName(row)) : null, row.area ? ` · ${areaName(row)}` : null, ` · ${machine}`);
  simulated([row]);
  asOf("as-of", row);
  const field = byId("nameplate").elements.cycle_s;
  if (!field.value && row.cycle_s) field.value = row.cycle_s;
  problem(null);
}

/** The nameplate stands in the register of things; a machine that is not registered is added. */
async function keepNameplate(cycle_s) {
  const { rows } = await get("/things", { q: machine, size: 100 });
  const known = rows.find((row) => row.id === machine) ?? { kind: "machine", protocol: "" };
  const { id, ...fields } = known;
  await put(`/things/${encodeURIComponent(machine)}`, { ...fields, attributes: { ...fields.attributes, cycle_s } });
}

function startNameplate() {
  const form = byId("nameplate");
  form.hidden = document.documentElement.dataset.role === "viewer";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepNameplate(Number(form.elements.cycle_s.value)).then(() => {
      fill(byId("effectiveness-sub"), _("kept; the next hours follow it"));
      problem(null);
    }).catch(problem);
  });
}

function valueText(row) {
  if (row.signal === "machine_state") return stateName(row.value);
  if (row.value !== null && row.value !== undefined) return figure(row.value, unitOf(row.signal));
  return row.text;
}

async function learnTags(signal) {
  const { rows } = await get("/tags", { thing: machine, size: 500 }, signal);
  for (const tag of rows) if (!tags.get(tag.signal)?.title) tags.set(tag.signal, tag); // two connections may bring one signal
  haveTags();
}

function showTags(answer) {
  const numbers = answer.rows.filter((row) => row.value !== null && !TEXTS.includes(row.signal)).map((row) => row.signal);
  if (!shown && !OTHERS.some((name) => numbers.includes(name))) shown = numbers[0] ?? "";
  const field = byId("signal");
  if (field.options.length !== numbers.length) fill(field, numbers.map((name) => h("option", { value: name }, titleOf(name))));
  if (shown) field.value = shown;
  fill(byId("tags"),
    h("thead", {}, h("tr", {}, h("th", {}, _("Signal")), h("th", { class: "number" }, _("Value")), h("th", {}, _("Age")), h("th", {}, _("Quality")), h("th", {}, _("Connection")))),
    h("tbody", {}, answer.rows.map((row) => h("tr", {},
      h("td", {}, h("a", { href: trendPath([row]), title: row.signal }, titleOf(row.signal))),
      h("td", { class: "number" }, valueText(row)),
      h("td", { title: full(row.device_at) }, span((Date.now() - instant(row.device_at)) / 1000)),
      h("td", {}, qualityWord(row.quality)), h("td", {}, row.link)))));
}

/** The trend of the chosen signal; until one is chosen, of the first usual one that has readings. */
async function showTrend(signal) {
  const from = new Date(Date.now() - TREND_MS).toISOString();
  const asked = get("/readings", { thing: machine, signals: shown || OTHERS.join(","), from, points: 400 }, signal);
  const [{ curves }] = await Promise.all([asked, tagged]);
  const curve = curves.find((each) => (shown ? each.signal === shown : each.t.length)) ?? { t: [] };
  shown = drawn = curve.signal ?? "";
  byId("signal").value = shown;
  byId("trend").set({
    x: { kind: "time", clock: true }, y: { digits: 2, unit: unitOf(shown) },
    series: [
      { type: "band", tone: "--drive", name: _("lowest to highest"), data: curve.t.map((at, i) => [at, curve.min[i], curve.max[i]]) },
      { type: "line", tone: "--drive", name: titleOf(shown), data: curve.t.map((at, i) => [at, curve.avg[i]]) },
    ],
    empty: _("Nothing was read of this signal in 8 hours."),
  });
}

function showIndicators({ indicators: row, as_of }) {
  for (const name of ["oee", "availability", "effectiveness", "quality"]) byId(name).set(row?.[`${name}_pct`], as_of);
  if (row && row.effectiveness_pct === null && row.pq_count) fill(byId("effectiveness-sub"), _("no nameplate cycle is known"));
  byId("made").set(row?.gq_count, as_of);
  fill(byId("made-sub"), _("scrap {s}, rework {r}", { s: number(row?.sq_count ?? 0), r: number(row?.rq_count ?? 0) }));
  byId("energy").set(row?.en_kwh, as_of);
  fill(byId("energy-sub"), row?.piece_kwh ? _("{n} kWh a good piece", { n: number(row.piece_kwh, 2) }) : "\u00a0");
}

function showEnergy(rows) {
  const whole = rows.reduce((sum, row) => sum + row.energy_kwh, 0);
  fill(byId("energies"),
    h("thead", {}, h("tr", {}, h("th", {}, _("State")), h("th", { class: "number" }, "kWh"), h("th", { class: "number" }, _("Share")), h("th", { class: "number" }, _("h:min:s")), h("th", { class: "number" }, _("mean kW")))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("td", {}, stateMark(row.state)), h("td", { class: "number" }, number(row.energy_kwh, 1)),
      h("td", { class: "number" }, whole ? pct((100 * row.energy_kwh) / whole, 0) : "–"), h("td", { class: "number" }, clock(row.time_h * 3_600_000)),
      h("td", { class: "number" }, row.time_h ? number(row.energy_kwh / row.time_h, 1) : "–")))));
}

fill(byId("legend"), legend());
startNameplate();
byId("signal").addEventListener("change", (event) => {
  shown = event.target.value;
  showTrend().catch(problem);
});
every(FIGURES_S, async (signal) => {
  const day = await ask("machine_day", { machine }, signal);
  showState(day.state);
  showIndicators(day);
  byId("hours").set(hourSpec(day.hours));
  fill(byId("losses"), lossTable(day.losses.slice(0, LOSSES)));
  showEnergy(day.energy);
  fill(byId("stops"), stopHead(false), h("tbody", {}, stopRows(day.stops.slice(-STOPS).reverse(), false)));
  fill(byId("ribbon"), ribbon(day.runs, dayBegin(), Math.max(Date.now(), dayBegin() + 3_600_000)));
  isBegun = true;
});
every(FIGURES_S, showTrend);
every(STATES_S, async (signal) => {
  const [latest] = await Promise.all([
    get("/readings/latest", { thing: machine, size: 200 }, signal).catch((error) => {
      if (error.name === "AbortError") throw error;
      return { rows: [] };
    }), tags.size ? null : learnTags(signal)]);
  showTags(latest);
  if (shown && drawn !== shown) await showTrend(signal);
  if (isBegun) showState((await ask("machine_state", { machine }, signal)).rows[0]); // the day told it at first
});
every(MONTH_S, async (signal) => {
  const month = await ask("machine_failures", { machine }, signal);
  for (const name of ["mttr", "mtbf"]) byId(name).set(month[`${name}_h`], month.as_of);
});
