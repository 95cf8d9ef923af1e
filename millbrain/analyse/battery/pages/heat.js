// The heat watch: who is flagged now and why, where, how hot the fleet is, how it goes on.

import { byId, data, fill, h } from "/static/js/dom.js";
import { full, number, time } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { drawPager, startRowLinks } from "/static/js/table.js";
import { problem } from "/static/js/problem.js";
import { _, language } from "/static/js/words.js";
import "/static/js/elements/live-value.js";
import "/static/js/elements/tile-map.js";
import "/static/js/elements/xy-chart.js";
import { ask, asOf, download, noon, severityMark, simulatedNotice, suspectPath, vehicleCell } from "./battery.js";

const PERIOD_S = 10;
const DAYS_PERIOD_S = 300;
const SIZE = 12;
const HOT_DEGC = 45;
const STOP = 3;
const CHARGING = 1;

const regions = data("regions");
const names = Object.fromEntries(regions.map((region) => [region.code, language === "zh" ? region.name_zh : region.name]));
let page = 1;

function listRow(row) {
  const reasons = language === "zh" ? row.reasons_zh : row.reasons;
  return h("tr", { "data-href": suspectPath(row) }, vehicleCell(row),
    h("td", { class: "wide" }, row.model), h("td", {}, severityMark(row.severity)),
    h("td", { class: "number" }, row.temp_max_degc === null ? h("span", { class: "faint" }, _("not heard")) : `${number(row.temp_max_degc)} °C`),
    h("td", { class: "wrap" }, reasons.map((reason) => h("p", {}, reason))),
    h("td", { class: "wide" }, names[row.region_code] ?? ""),
    h("td", { title: full(row.since) }, time(row.since).slice(0, 11)));
}

function showList(answer) {
  const heads = [[_("Vehicle")], [_("Model"), "wide"], [_("Severity")], [_("Hottest probe"), "number"], [_("Why")], [_("District"), "wide"], [_("since")]];
  fill(byId("rows"),
    answer.rows.length ? null : h("caption", { class: "empty" }, _("No vehicle is flagged: none is hotter than its state allows."), " ",
      _("Unless set otherwise, 42 °C count when full, 45 °C at rest, 50 °C while charging and 55 °C while driving.")),
    h("thead", {}, h("tr", {}, heads.map(([title, look]) => h("th", { class: look ?? "" }, title)))), h("tbody", {}, answer.rows.map(listRow)));
  drawPager(byId("pager"), answer, (wanted) => {
    page = wanted;
    load().catch((error) => problem(error));
  });
  byId("pager").hidden = answer.total <= answer.size;
  for (const format of ["csv", "xlsx"]) byId(format).href = download("hot_vehicles", {}, format);
  byId("flagged").set(answer.total, answer.as_of);
  asOf("hot_vehicles", answer);
  simulatedNotice(answer.rows);
}

function pastRow(row) {
  return h("tr", { "data-href": suspectPath(row) }, vehicleCell(row), h("td", { class: "wide" }, row.model), h("td", {}, severityMark(row.severity)),
    h("td", { class: "wrap" }, language === "zh" ? row.sentence_zh : row.sentence),
    h("td", { title: full(row.since) }, time(row.since).slice(0, 11)), h("td", { title: full(row.until) }, time(row.until).slice(0, 11)));
}

function showPast(answer) {
  byId("past-panel").hidden = !answer.rows.length;
  const heads = [[_("Vehicle")], [_("Model"), "wide"], [_("Severity")], [_("Why")], [_("since")], [_("until")]];
  fill(byId("past"), h("thead", {}, h("tr", {}, heads.map(([title, look]) => h("th", { class: look ?? "" }, title)))),
    h("tbody", {}, answer.rows.map(pastRow)));
  asOf("hot_before", answer);
}

function showTemps(answer) {
  const rows = answer.rows;
  const heard = rows.reduce((sum, row) => sum + row.vehicles, 0);
  byId("heard").set(heard, answer.as_of);
  byId("above").set(rows.filter((row) => row.from_degc >= HOT_DEGC - 1).reduce((sum, row) => sum + row.vehicles, 0), answer.as_of);
  byId("temps").set({
    x: { name: _("hottest probe"), unit: "°C", digits: 0 }, y: { name: _("vehicles"), whole: true, zero: true, digits: 0 },
    series: !rows.length ? [] : [
      { type: "bars", stack: "all", tone: "--level-3", name: _("flagged"), data: rows.map((row) => [row.from_degc + 1, row.flagged]) },
      { type: "bars", stack: "all", tone: "--park", name: _("not flagged"), data: rows.map((row) => [row.from_degc + 1, row.vehicles - row.flagged]) },
    ],
    tip: (point) => [_("{from} to {to} °C", { from: number(point.data[0] - 1), to: number(point.data[0] + 1) }), `${point.seriesName} ${number(point.data[1])}`],
    empty: _("No vehicle was heard within ten minutes."),
  });
  asOf("hot_temps", answer);
}

function showRegions(answer) {
  const found = Object.fromEntries(answer.rows.map((row) => [row.region_code, row]));
  const elsewhere = answer.rows.filter((row) => !names[row.region_code]).reduce((sum, row) => sum + row.flagged, 0);
  byId("map").set(regions.map((region) => ({ ...region, connected: found[region.code]?.flagged ?? 0 })), elsewhere, {
    legend: _("vehicles flagged"), words: (n) => _("{n} flagged", { n }), link: () => "/battery?kind=heat" });
  const temps = answer.rows.map((row) => row.temp_max_degc).filter((value) => value !== null);
  byId("hottest").set(temps.length ? Math.max(...temps) : null, answer.as_of);
  asOf("hot_regions", answer);
}

function showDays(answer) {
  const line = (column, title, tone) => ({ type: "line", name: title, tone, width: 1.6, data: answer.rows.map((row) => [noon(row.day), row[column]]) });
  byId("days").set({
    x: { kind: "time" }, y: { unit: "°C", digits: 0 },
    series: !answer.rows.length ? [] : [
      line("temp_p999_degc", _("one in a thousand is hotter"), "--level-3"), line("temp_p95_degc", _("one in twenty is hotter"), "--level-2"),
      line("temp_p50_degc", _("median"), "--soft")],
    empty: _("No day with temperatures in this span."),
  });
  byId("flags").set({
    x: { kind: "time" }, y: { whole: true, zero: true, digits: 0 },
    series: !answer.rows.length ? [] : [{ type: "bars", tone: "--level-3", name: _("newly flagged"), data: answer.rows.map((row) => [noon(row.day), row.flagged]) }],
    empty: " ",
  });
  asOf("hot_days", answer);
}

async function load(signal) {
  try {
    const [list, past, temps, places, all] = await Promise.all([ask("hot_vehicles", { page, size: SIZE }, signal), ask("hot_before", { size: SIZE }, signal), ask("hot_temps", {}, signal),
      ask("hot_regions", {}, signal), ask("hot_vehicles", { size: 500 }, signal)]);
    showList(list);
    showPast(past);
    showTemps(temps);
    showRegions(places);
    byId("urgent").set(all.rows.filter((row) => row.severity >= STOP).length, all.as_of);
    byId("hot-charging").set(all.rows.filter((row) => row.charge_state === CHARGING && row.is_heard).length, all.as_of);
    problem(null);
  } catch (error) {
    if (error.status) problem(error);
    throw error;
  }
}

startRowLinks();
every(PERIOD_S, load);
every(DAYS_PERIOD_S, async (signal) => showDays(await ask("hot_days", { days: 45 }, signal)));
