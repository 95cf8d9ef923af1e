// The plant: every line with the states of its machines, OEE of the day, pieces against the plan.

import { byId, fill, h } from "/static/js/dom.js";
import { NONE, number } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { problem } from "/static/js/problem.js";
import { _, pick } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import { areaName, ask, asOf, grouped, legend, pct, simulated, DOWN, PRODUCING } from "./works.js";
import { lineCard } from "./cards.js";

const STATES_S = 5;
const FIGURES_S = 20;
let machines = [];
let lines = new Map();

function showStates(answer) {
  machines = answer.rows;
  byId("running").set(machines.filter((row) => row.state === PRODUCING).length, answer.as_of);
  byId("down").set(machines.filter((row) => row.state === DOWN).length, answer.as_of);
  fill(byId("running-sub"), _("of {n} machines", { n: number(machines.length) }));
  simulated(machines);
  asOf("as-of", answer);
  showLines();
}

function showLines() {
  const areas = [...grouped(machines, (row) => `${row.plant}|${row.area}`).values()];
  fill(byId("areas"), areas.length ? areas.map((rows) => h("div", {}, h("h3", {}, areaName(rows[0])),
    h("div", { class: "lines" }, [...grouped(rows, (row) => row.line).values()].map((own) => lineCard(own, lines.get(own[0].line)))))) :
    h("p", { class: "empty" }, _("No machine has told a state, pieces or energy yet. Give the tags of a machine the signals machine_state, good_count and energy_kwh, and it appears here.")));
}

function showAll(answer) {
  const row = answer.rows[0];
  for (const name of ["oee", "availability", "effectiveness", "quality"]) byId(name).set(row?.[`${name}_pct`], answer.as_of);
  byId("energy").set(row?.en_kwh, answer.as_of);
  fill(byId("energy-sub"), row ? _("{n} while not producing", { n: pct(row.idle_pct, 0) }) : NONE);
}

function showDigital(answer) {
  fill(byId("digital"),
    h("thead", {}, h("tr", {}, h("th", {}, _("Area")), ...[_("Equipment"), _("Digital"), _("Share of digital equipment"), _("Networked"), _("Share of it that is networked"), _("Upload rate")].map((name) => h("th", { class: "number" }, name)))),
    h("tbody", {}, answer.rows.map((row) => h("tr", {}, h("td", {}, pick(row.title, row.title_zh) || row.area || _("without an area")),
      ...[number(row.equipment_count), number(row.digital_count), pct(row.digital_pct), number(row.networked_count), pct(row.networked_pct), pct(row.upload_pct)].map((text) => h("td", { class: "number" }, text))))));
}

fill(byId("legend"), legend());
every(STATES_S, async (signal) => {
  try {
    showStates(await ask("now", { size: 500 }, signal));
    problem(null);
  } catch (error) {
    if (error.status) problem(error);
    throw error;
  }
});
every(FIGURES_S, async (signal) => {
  const [all, byLine, digital] = await Promise.all([
    ask("indicators", { by: "all" }, signal), ask("indicators", { by: "line", size: 200 }, signal), ask("digital", {}, signal)]);
  lines = new Map(byLine.rows.map((row) => [row.key, row]));
  showAll(all);
  showLines();
  showDigital(digital);
});
