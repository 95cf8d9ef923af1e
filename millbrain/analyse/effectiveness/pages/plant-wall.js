// The wall of a plant: every line, OEE of the day, what is down and for how long. It runs for
// months: everything is drawn in place, and once a day the page is loaded anew.

import { byId, fill, h } from "/static/js/dom.js";
import { instant, number, span } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { _ } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import { lineCard } from "./cards.js";
import { ask, dayBegin, DOWN, grouped, legend, machineName, PRODUCING, reasonName, simulated, stopHead, stopRows } from "./works.js";

const STATES_S = 5;
const FIGURES_S = 30;
const RELOAD_MS = 24 * 3_600_000;
const DOWN_MAX = 6;
const STOPS = 6;
const plant = new URLSearchParams(location.search).get("plant") ?? "";
const opened = Date.now();
let machines = [];
let lines = new Map();

function show() {
  fill(byId("lines"), [...grouped(machines, (row) => row.line).values()].map((own) => lineCard(own, lines.get(own[0].line))));
}

function showStates(answer) {
  machines = answer.rows;
  simulated(machines);
  const down = machines.filter((row) => row.state === DOWN).sort((a, b) => instant(a.since_at) - instant(b.since_at));
  byId("running").set(machines.filter((row) => row.state === PRODUCING).length, answer.as_of);
  byId("down").set(down.length, answer.as_of);
  fill(byId("running-sub"), _("of {n} machines", { n: number(machines.length) }));
  byId("andon").classList.toggle("calm", !down.length);
  fill(byId("andon"), down.length ? down.slice(0, DOWN_MAX).map((row) => h("li", {}, h("b", {}, machineName(row)), " ", row.reason ? reasonName(row) : "", " ", span((Date.now() - instant(row.since_at)) / 1000))) : h("li", {}, _("no machine is down")));
  show();
}

fill(byId("legend"), legend());
every(STATES_S, async (signal) => {
  if (Date.now() - opened > RELOAD_MS) location.reload();
  try {
    showStates(await ask("now", { plant, size: 500 }, signal));
    byId("closed").hidden = true;
  } catch (error) {
    byId("closed").hidden = error.status !== 401;
    throw error;
  }
});
every(FIGURES_S, async (signal) => {
  const [all, byLine, stops] = await Promise.all([
    ask("indicators", { plant, by: "all" }, signal), ask("indicators", { plant, by: "line", size: 200 }, signal),
    ask("stops", { plant, since_ms: dayBegin(), state: DOWN, size: STOPS }, signal)]);
  lines = new Map(byLine.rows.map((row) => [row.key, row]));
  const row = all.rows[0];
  byId("oee").set(row?.oee_pct, all.as_of);
  byId("made").set(row?.gq_count, all.as_of);
  byId("energy").set(row?.en_kwh, all.as_of);
  fill(byId("stops"), stopHead(true, false), h("tbody", {}, stopRows(stops.rows, true, false)));
  show();
});
