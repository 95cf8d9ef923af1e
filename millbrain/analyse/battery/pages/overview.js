// The battery overview: suspects by risk, and what stands around them. The list's filters stand in
// the address, so that a view can be kept and sent.

import { byId, fill, h } from "/static/js/dom.js";
import { figure, full, number, time, unitText } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { drawPager, startRowLinks } from "/static/js/table.js";
import { problem } from "/static/js/problem.js";
import { _ } from "/static/js/words.js";
import { ask, asOf, columnsOf, download, KIND_NAMES, kindName, noon, partName, sentence, severityMark, severityName, simulatedNotice, suspectPath, vehicleCell,  } from "./battery.js";
import { funnel, reach } from "./funnel.js";
import "/static/js/elements/live-value.js";
import "/static/js/elements/range-bars.js";
import "/static/js/elements/state-bar.js";
import "/static/js/elements/xy-chart.js";

const LIST_PERIOD_S = 10;
const BOARD_PERIOD_S = 30;
const SIZE = 25;
const TYPING_MS = 250;
const NAMES = ["q", "kind", "model", "call_out", "sort", "order", "page"];
const SERVICE = 2;
const STOP = 3;

const filters = byId("filters");
const table = byId("rows");
const columns = columnsOf("suspects");
const query = Object.fromEntries(NAMES.map((name) => [name, ""]));
let running = null;

const SHOWN = [
  ["risk", "number", (row) => h("td", { class: "number risk" }, riskBar(row.risk))],
  ["vin", "", vehicleCell],
  ["model", "wide", (row) => h("td", { class: "wide" }, row.model)],
  ["operator", "wide", (row) => h("td", { class: "wide" }, row.operator)],
  ["kind", "", (row) => h("td", { title: sentence(row) }, kindName(row.kind), h("small", { class: "part" }, partName(row)))],
  ["severity", "", (row) => h("td", {}, severityMark(row.severity), row.call_out ? h("small", { class: "part" }, _("call in")) : null)],
  ["value", "number", (row) => h("td", { class: "number" }, figure(row.value, row.unit),
    h("small", { class: "part" }, _("limit {limit}", { limit: figure(row.threshold, row.unit) })))],
  ["trend", "number wide", (row) => h("td", { class: "number wide" }, trend(row))],
  ["confidence", "number wide", (row) => h("td", { class: "number wide" }, number(row.confidence, 2))],
  ["open_days", "number", (row) => h("td", { class: "number" }, _("{n} d", { n: number(row.open_days) }))],
  ["last_seen_at", "wide", (row) => h("td", { class: "wide", title: full(row.last_seen_at) }, time(row.last_seen_at).slice(0, 11))],
];

function riskBar(risk) {
  const bar = h("i", { class: "risk-bar" });
  bar.style.inlineSize = `${risk / 25}rem`;
  return [bar, String(risk)];
}

function trend(row) {
  if (!row.cell_no || !["mV", "mOhm"].includes(row.unit)) return "–";
  const sign = row.trend > 0 ? "+" : "";
  return `${sign}${number(row.trend, 2)} ${unitText(row.unit)}/${_("day")}`;
}

function heading([name, look]) {
  const column = columns[name];
  const sorted = query.sort === name || (!query.sort && name === "risk");
  const down = query.sort ? query.order === "desc" : true;
  return h("th", { class: look, "aria-sort": sorted ? (down ? "descending" : "ascending") : null },
    h("button", { type: "button", onclick: () => sortBy(name) }, column.title.split(",")[0],
      column.unit ? h("small", {}, ` ${column.unit}`) : null));
}

function sortBy(name) {
  const isNumber = SHOWN.find((each) => each[0] === name)[1].includes("number");
  const first = isNumber ? "desc" : "asc";
  const turned = query.sort === name && query.order === first ? (first === "desc" ? "asc" : "desc") : first;
  change({ sort: name, order: turned });
}

function showList(answer) {
  fill(table,
    answer.rows.length ? null : h("caption", { class: "empty" }, _("Nothing open matches: no cell is out of line, or the filters leave nothing.")),
    h("thead", {}, h("tr", {}, SHOWN.map(heading))),
    h("tbody", {}, answer.rows.map((row) => h("tr", { "data-href": suspectPath(row) }, SHOWN.map((each) => each[2](row))))));
  drawPager(byId("pager"), answer, (page) => change({ page: page > 1 ? page : "" }));
  asOf("suspects", answer);
  simulatedNotice(answer.rows);
}

function parameters() {
  return { ...query, page: query.page || 1, size: SIZE };
}

async function load(signal) {
  const answer = await ask("suspects", parameters(), signal);
  showList(answer);
  problem(null);
}

async function change(values) {
  Object.assign(query, { page: "" }, values);
  const given = new URLSearchParams(NAMES.filter((name) => query[name]).map((name) => [name, query[name]]));
  history.replaceState(null, "", `/battery${given.size ? `?${given}` : ""}`);
  showFilters();
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    await load(mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") problem(error);
  } finally {
    if (running === mine) running = null;
  }
}

function showFilters() {
  for (const name of ["q", "kind", "model"]) {
    if (document.activeElement !== filters.elements[name]) filters.elements[name].value = query[name];
  }
  filters.elements.call_out.checked = query.call_out === "1";
  const { page, ...rest } = query;
  for (const format of ["csv", "xlsx"]) byId(format).href = download("suspects", rest, format);
}

function startFilters() {
  const given = new URLSearchParams(location.search);
  for (const name of NAMES) query[name] = given.get(name) ?? "";
  filters.elements.kind.append(...KIND_NAMES.map((kind) => h("option", { value: kind }, kindName(kind))));
  showFilters();
  let timer = 0;
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.elements.q.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ q: event.target.value.trim() }), TYPING_MS);
  });
  for (const name of ["kind", "model"]) {
    filters.elements[name].addEventListener("change", (event) => change({ [name]: event.target.value }));
  }
  filters.elements.call_out.addEventListener("change", (event) => change({ call_out: event.target.checked ? "1" : "" }));
}

// The board around the list -------------------------------------------------------------------

function showCounts(answer) {
  const rows = answer.rows;
  const sum = (name, of = rows) => of.reduce((total, row) => total + row[name], 0);
  byId("call-outs").set(sum("call_outs"), answer.as_of);
  byId("danger").set(sum("findings", rows.filter((row) => row.severity >= STOP)), answer.as_of);
  byId("fresh").set(sum("new_findings"), answer.as_of);
  const kinds = KIND_NAMES.filter((kind) => rows.some((row) => row.kind === kind));
  const levels = [0, 1, 2, 3, 4].filter((level) => rows.some((row) => row.severity === level));
  const cell = (of) => h("td", { class: "number" }, of.length ? number(sum("findings", of)) : h("span", { class: "faint" }, "·"));
  fill(byId("kinds"),
    h("thead", {}, h("tr", {}, h("th", {}, _("Kind")), levels.map((level) => h("th", { class: `number level-${level}` }, severityName(level))),
      h("th", { class: "number" }, _("to call in")))),
    h("tbody", {}, kinds.map((kind) => {
      const mine = rows.filter((row) => row.kind === kind);
      return h("tr", {}, h("td", {}, h("a", { href: `/battery?kind=${encodeURIComponent(kind)}` }, kindName(kind))),
        levels.map((level) => cell(mine.filter((row) => row.severity === level))),
        h("td", { class: "number" }, number(sum("call_outs", mine))));
    })));
  if (!rows.length) fill(byId("kinds"), h("caption", { class: "empty" }, _("No finding is open.")));
  asOf("counts", answer);
}

function showCoverage(answer) {
  const row = answer.rows[0] ?? { vehicles: 0, judged: 0, too_few: 0, no_cells: 0, silent: 0 };
  byId("judged").set(row.judged, answer.as_of);
  fill(byId("judged-sub"), _("of {n}, today or yesterday", { n: number(row.vehicles) }));
  byId("blind").set(row.vehicles - row.judged, answer.as_of);
  fill(byId("blind-sub"), _("see the bar for why"));
  byId("coverage").set([
    { className: "fill-charging", label: _("judged"), count: row.judged },
    { className: "off-1", label: _("too few reports with cells"), count: row.too_few },
    { className: "off-2", label: _("reports without cell voltages"), count: row.no_cells },
    { className: "off-3", label: _("silent for 24 hours"), count: row.silent },
  ].map((part) => ({ ...part, href: "/vehicles" })));
  fill(byId("as-of"), _("days judged until {at}", { at: time(answer.as_of) }));
}

function showFunnel(answer) {
  const rows = answer.rows.filter((row) => row.vehicles > 0 && row.model);
  const select = filters.elements.model;
  if (select.options.length === 1) {
    select.append(...rows.map((row) => h("option", { value: row.model }, row.model)).sort((a, b) => a.value.localeCompare(b.value)));
    showFilters();
  }
  const vehicles = rows.reduce((sum, row) => sum + row.vehicles, 0);
  const cases = rows.reduce((sum, row) => sum + row.cases, 0);
  const p = vehicles ? cases / vehicles : 0;
  const sizes = rows.map((row) => row.vehicles);
  const edge = funnel(Math.min(...sizes), Math.max(...sizes), p);
  const line = (data, extra) => ({ type: "line", data, quiet: true, dash: true, tone: "--soft", width: 1, ...extra });
  byId("funnel").set({
    x: { kind: "log", name: _("vehicles of the model"), digits: 0, ...reach(sizes) },
    y: { name: _("suspect vehicles"), unit: "%", min: 0, digits: 1 },
    series: [
      line(edge.low95, { opacity: 0.6 }), line(edge.high95, { opacity: 0.6 }), line(edge.low998), line(edge.high998),
      { type: "line", quiet: true, tone: "--faint", width: 1, data: edge.high95.map(([n]) => [n, 100 * p]) },
      { type: "dots", tone: "--drive", labels: true, name: _("models"), size: 8,
        data: rows.map((row) => [row.vehicles, (100 * row.cases) / row.vehicles, row.model, row.cases]) },
    ],
    tip: (point) => [point.data[2], _("{cases} of {vehicles} vehicles, {share} %", {
      cases: number(point.data[3]), vehicles: number(point.data[0]), share: number(point.data[1], 2) })],
    onpick: (point) => change({ model: point.data[2] }),
    empty: _("No vehicle is known yet."),
  });
  asOf("models", answer);
}

function showHealth(answer) {
  byId("soh").set(answer.rows.map((row) => ({
    name: row.model || _("unknown model"), low: row.soh_p05_pct, from: row.soh_p25_pct, middle: row.soh_p50_pct,
    to: row.soh_p75_pct, high: row.soh_p95_pct, note: _("{n} packs, ±{std} %", { n: number(row.packs), std: number(row.soh_std_pct, 1) }),
  })), { unit: "%", digits: 1, label: _("State of health by model, estimated"), empty: _("No charge has told a capacity yet.") });
  asOf("health", answer);
}

function showOpened(answer) {
  const bars = (name) => answer.rows.map((row) => [noon(row.day), row[name]]);
  byId("opened").set({
    x: { kind: "time" }, y: { name: _("findings"), whole: true, zero: true, digits: 0 },
    series: [
      { type: "bars", stack: "all", tone: "--level-2", name: _("to call in"), data: bars("call_outs") },
      { type: "bars", stack: "all", tone: "--off-1", name: _("to watch"),
        data: answer.rows.map((row) => [noon(row.day), row.findings - row.call_outs]) },
    ],
    empty: _("Nothing was found within 30 days."),
  });
  asOf("opened", answer);
}

async function board(signal) {
  const [counts, coverage, models, health, opened, vehicles] = await Promise.all([
    ask("counts", {}, signal), ask("coverage", {}, signal), ask("models", { severity_min: SERVICE }, signal),
    ask("health", {}, signal), ask("opened", { days: 30 }, signal), ask("models", { size: 500 }, signal),
  ]);
  showCounts(counts);
  byId("vehicles").set(vehicles.rows.reduce((sum, row) => sum + row.cases, 0), counts.as_of);
  showCoverage(coverage);
  showFunnel(models);
  showHealth(health);
  showOpened(opened);
}

startFilters();
startRowLinks();
every(LIST_PERIOD_S, (signal) => (running ? null : load(signal).catch((error) => {
  if (error.status) problem(error);
  throw error;
})));
every(BOARD_PERIOD_S, board);
