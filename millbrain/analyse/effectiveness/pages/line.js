// A line: takt, pieces against the plan, andon, last stops, the day of every machine. The wall of a
// line is the same module on a screen without the bar: drawn in place, loaded anew once a day.

import { get } from "/static/js/api.js";
import { byId, data, fill, h } from "/static/js/dom.js";
import { number, span, time, instant } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { problem } from "/static/js/problem.js";
import { _, pick } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import "/static/js/elements/xy-chart.js";
import { ask, asOf, clock, dayBegin, hourSpec, legend, lineName, machineName, machinePath, reasonName, ribbon, simulated, slotRuns, stateMark, stopHead, stopRows } from "./works.js";

const STATES_S = 5;
const FIGURES_S = 15;
const RELOAD_MS = 24 * 3_600_000;
const STOPS = 6;
const CALLS = 5;
const SLOT_MS = 120_000;
const LONGER_S = 60;
const given = data("parameters").line;
const line = given === "-" ? "" : given;
const isWall = document.documentElement.hasAttribute("data-wall");
const opened = Date.now();
let machines = [];

function showStates(answer) {
  machines = answer.rows.filter((row) => line || !row.line);
  fill(byId("name"), machines.length ? lineName(machines[0]) : given);
  const takt = machines.find((row) => row.takt_s)?.takt_s;
  byId("takt").set(takt, answer.as_of);
  simulated(machines);
  asOf("as-of", answer);
}

function showHours(answer, all) {
  const good = answer.rows.reduce((sum, row) => sum + row.good_count, 0);
  const known = answer.rows.every((row) => row.plan_count !== null);
  const plan = known ? answer.rows.reduce((sum, row) => sum + row.plan_count, 0) : null;
  const busy_ms = answer.rows.reduce((sum, row) => sum + row.busy_h, 0) * 3_600_000;
  byId("made").set(good, answer.as_of);
  byId("plan").set(plan === null ? null : Math.floor(plan), answer.as_of);
  byId("gap").set(null, answer.as_of, plan === null ? "–" : `${good >= plan ? "+" : "−"}${number(Math.abs(good - Math.floor(plan)))}`);
  byId("gap").closest(".figure").classList.toggle("alert", plan !== null && good < plan);
  const units = Math.max(1, machines.length);
  byId("pace").set(good ? busy_ms / units / 1000 / good : null, answer.as_of);
  byId("oee").set(all.rows[0]?.oee_pct, all.as_of);
  byId("hours").set(hourSpec(answer.rows, isWall));
}

function showRibbons(answer) {
  const rows = new Map(answer.rows.map((row) => [row.machine, slotRuns(row, SLOT_MS)]));
  const from = dayBegin();
  const until = Math.max(Date.now(), from + 3_600_000);
  fill(byId("ribbons"), machines.flatMap((row) => [
    h("a", { href: machinePath(row.machine) }, h("b", {}, machineName(row)), stateMark(row.state)),
    ribbon(rows.get(row.machine) ?? [], from, until)]));
}

/** Calls of this line, where the andon of production is there; else what stands now. */
async function showAndon(signal) {
  const node = byId("andon");
  let calls = null;
  try {
    calls = (await get("/production/andon", { line, open: true, size: CALLS }, signal)).rows;
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  if (calls?.length) {
    fill(node, calls.map((call) => h("li", {}, h("b", {}, pick(call.kind_en, call.kind_zh)), " ", call.station, " ", time(call.raised_at))));
    node.classList.remove("calm");
    return;
  }
  const down = machines.filter((row) => row.state === 4);
  node.classList.toggle("calm", !down.length);
  fill(node, down.length ? down.map((row) => h("li", {}, h("b", {}, machineName(row)), " ", row.reason ? reasonName(row) : _("down"), " ", span((Date.now() - instant(row.since_at)) / 1000))) : h("li", {}, _("no call, no machine is down")));
}

fill(byId("legend"), legend());
every(STATES_S, async (signal) => {
  if (isWall && Date.now() - opened > RELOAD_MS) location.reload();
  try {
    showStates(await ask("now", { line, size: 200 }, signal));
    problem(null);
    if (byId("closed")) byId("closed").hidden = true;
    await showAndon(signal);
  } catch (error) {
    if (byId("closed")) byId("closed").hidden = error.status !== 401;
    if (error.status) problem(error);
    throw error;
  }
});
every(FIGURES_S, async (signal) => {
  const place = { line };
  const [hours, all, stops, ribbons] = await Promise.all([
    ask("hours", { ...place, days: 1 }, signal), ask("indicators", { ...place, by: "all" }, signal),
    ask("stops", { ...place, hours: 12, longer_s: LONGER_S, sort: "start_at", order: "desc", size: STOPS }, signal),
    ask("ribbons", { ...place, since_ms: dayBegin(), slot_ms: SLOT_MS, size: 200 }, signal)]);
  showHours(hours, all);
  fill(byId("stops"), stopHead(true, false), h("tbody", {}, stops.rows.length ? stopRows(stops.rows, true, false) : h("tr", {}, h("td", { class: "empty", colspan: 6 }, _("no stop of more than {n}", { n: clock(LONGER_S * 1000) })))));
  showRibbons(ribbons);
});
