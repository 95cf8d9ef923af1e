// The wall of the monitoring centre: what to call in, where, of which kind, and the newest cases in
// turn. It runs for months: everything is drawn in place, and once a day the page is loaded anew.

import { byId, data, fill, h } from "/static/js/dom.js";
import { number, time } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { _, language } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import "/static/js/elements/tile-map.js";
import "/static/js/elements/xy-chart.js";
import { ask, asOf, KIND_NAMES, kindName, noon, partName, sentence, severityName, simulatedNotice } from "./battery.js";

const PERIOD_S = 5;
const DAY_PERIOD_S = 120;
const TURN_S = 12;
const SHOWN = 3; // lines of the ticker that can be read from five metres
const KINDS_MAX = 8;
const TAKEN = 40;
const RELOAD_MS = 24 * 3600 * 1000;
const STOP = 3;

const regions = data("regions");
const names = Object.fromEntries(regions.map((region) => [region.code, language === "zh" ? region.short ?? region.name_zh : region.name]));
const opened = Date.now();
let suspects = [];
let turn = 0;

function showCounts(answer) {
  const rows = answer.rows;
  const sum = (name, of = rows) => of.reduce((total, row) => total + row[name], 0);
  byId("call-outs").set(sum("call_outs"), answer.as_of);
  byId("danger").set(sum("findings", rows.filter((row) => row.severity >= STOP)), answer.as_of);
  byId("danger").closest(".figure").classList.toggle("alert", rows.some((row) => row.severity >= STOP));
  byId("fresh").set(sum("new_findings"), answer.as_of);
  byId("watched").set(sum("findings") - sum("call_outs"), answer.as_of);
  const kinds = KIND_NAMES.map((kind) => {
    const mine = rows.filter((row) => row.kind === kind);
    return { kind, call: sum("call_outs", mine), all: sum("findings", mine) };
  }).filter((each) => each.all).sort((a, b) => b.call - a.call || b.all - a.all).slice(0, KINDS_MAX);
  const most = Math.max(1, ...kinds.map((each) => each.all));
  fill(byId("kinds"), kinds.map((each) => {
    const call = h("i", { class: "call" });
    const rest = h("i", {});
    call.style.flexGrow = each.call;
    rest.style.flexGrow = each.all - each.call;
    const bar = h("span", { class: "bar" }, call, rest);
    bar.style.inlineSize = `${(100 * each.all) / most}%`;
    return h("li", {}, h("span", { class: "name" }, kindName(each.kind)), h("span", { class: "room" }, bar), h("b", {}, number(each.all)));
  }));
  asOf("counts", answer);
}

function showDistricts(answer) {
  const found = Object.fromEntries(answer.rows.map((row) => [row.region_code, row.called]));
  const elsewhere = answer.rows.filter((row) => !names[row.region_code]).reduce((sum, row) => sum + row.called, 0);
  byId("map").set(regions.map((region) => ({ ...region, connected: found[region.code] ?? 0 })), elsewhere, {
    legend: _("vehicles to call in"), words: (n) => _("{n} to call in", { n }), link: () => "/battery?call_out=1" });
  asOf("districts", answer);
}

function line(row) {
  return h("tr", { class: `level-row-${row.severity}` },
    h("td", { class: "risk-cell" }, h("b", {}, number(row.risk)), h("small", { class: `level level-${row.severity}` }, severityName(row.severity))),
    h("td", { class: "who" }, row.plate || row.vin, h("small", {}, [row.model, names[row.region_code]].filter(Boolean).join(" · "))),
    h("td", { class: "what" }, h("b", {}, kindName(row.kind)), " ", h("span", { class: "soft" }, partName(row)), h("p", {}, sentence(row))));
}

/** The first line stays: it is the most urgent; the others take turns. */
function showTicker() {
  const [first, ...others] = suspects;
  const places = SHOWN - 1;
  const from = others.length > places ? (turn * places) % others.length : 0;
  const shown = first ? [first, ...[...others, ...others].slice(from, from + Math.min(places, others.length))] : [];
  fill(byId("ticker"), shown.length ? shown.map(line) : h("tr", {}, h("td", { class: "empty" }, _("Nothing is open: no cell is out of line."))));
}

function showOpened(answer) {
  byId("opened").set({
    large: true, x: { kind: "time" }, y: { whole: true, zero: true, digits: 0 },
    series: [
      { type: "bars", stack: "all", tone: "--level-2", name: _("to call in"), data: answer.rows.map((row) => [noon(row.day), row.call_outs]) },
      { type: "bars", stack: "all", tone: "--off-1", name: _("to watch"), data: answer.rows.map((row) => [noon(row.day), row.findings - row.call_outs]) },
    ],
    empty: _("Nothing was found within 30 days."),
  });
  asOf("opened", answer);
}

function showCoverage(answer) {
  const row = answer.rows[0];
  byId("judged").set(row?.judged ?? 0, answer.as_of);
  fill(byId("judged-sub"), _("of {n}, until {at}", { n: number(row?.vehicles ?? 0), at: time(answer.as_of) }));
}

every(PERIOD_S, async (signal) => {
  if (Date.now() - opened > RELOAD_MS) location.reload();
  try {
    const [counts, districts, list] = await Promise.all([
      ask("counts", {}, signal), ask("districts", {}, signal), ask("suspects", { size: TAKEN }, signal)]);
    byId("closed").hidden = true;
    showCounts(counts);
    showDistricts(districts);
    suspects = list.rows;
    asOf("suspects", list);
    simulatedNotice(list.rows);
    showTicker();
  } catch (error) {
    byId("closed").hidden = error.status !== 401;
    throw error;
  }
});
every(DAY_PERIOD_S, async (signal) => {
  const [days, coverage] = await Promise.all([ask("opened", { days: 30 }, signal), ask("coverage", {}, signal)]);
  showOpened(days);
  showCoverage(coverage);
});
setInterval(() => {
  turn += 1;
  showTicker();
}, TURN_S * 1000);
