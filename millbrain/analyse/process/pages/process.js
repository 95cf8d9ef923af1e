// SPC: the charts of one characteristic with zones and rule marks, its capability, and all of them.

import { address, get } from "/static/js/api.js";
import { byId, fill, h } from "/static/js/dom.js";
import { exact, full, NONE, number, time, unitText } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { problem } from "/static/js/problem.js";
import { _, pick } from "/static/js/words.js";
import "/static/js/elements/xy-chart.js";

const PERIOD_S = 10;
const ROOM = "/rooms/process";
const CHARTS = {
  i: () => _("Individual values"), mr: () => _("Moving ranges"), xbar: () => _("Subgroup means"), r: () => _("Subgroup ranges"),
  s: () => _("Subgroup standard deviations"), p: () => _("Share nonconforming"), np: () => _("Nonconforming pieces"),
  c: () => _("Nonconformities"), u: () => _("Nonconformities per unit"), ewma: () => _("Weighted moving average (EWMA)"),
  "cusum+": () => _("Cumulative sum, upper"), "cusum-": () => _("Cumulative sum, lower"),
};
const KINDS = { "i-mr": "I-MR", "xbar-r": "Xbar-R", "xbar-s": "Xbar-S", ewma: "EWMA", cusum: "CUSUM" };
let rows = [];
let chosen = new URLSearchParams(location.search);

const titleOf = (row) => pick(row.title, row.title_zh);
const digitsOf = (value) => (Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 3 : 5);
const figure = (value, unit) => (value === null || value === undefined ? NONE : `${number(value, digitsOf(value))} ${unitText(unit)}`.trim());
/** The numbers of broken rules out of their keys. */
const ruleNumbers = (hits) => hits.replace(/[a-z]+_/g, "");
const limitsText = (row) => `${exact(row.lower)} … ${exact(row.upper)} ${unitText(row.unit)}`;
const isOne = (row) => row.thing === chosen.get("thing") && row.signal === chosen.get("signal");

function choose(row) {
  chosen = new URLSearchParams({ thing: row.thing, signal: row.signal });
  history.replaceState(null, "", `?${chosen}`);
  load().catch(problem);
}

/** The rules that points of a chart complete, shown by their number. */
function marked(chart) {
  const at = {};
  for (const [rule, points] of Object.entries(chart.marks)) {
    for (const i of points) (at[i] ??= []).push(rule.split("_")[1]);
  }
  return at;
}

function zones(chart, line) {
  if (!chart.runs) return [];
  return [-2, -1, 1, 2].map((n) => ({ type: "line", quiet: true, tone: "--hair", width: 1, step: true,
    data: chart.centre.map((value, i) => [line(i), value + n * chart.sigma[i]]) }));
}

function draw(node, title, chart, view, row) {
  title.textContent = CHARTS[chart.name]?.() ?? chart.name;
  const line = (i) => view.place + i + 1;
  const steps = (name, values, tone) => ({ type: "line", name, tone, width: 1, step: true, dash: true, data: values.map((value, i) => [line(i), value]) });
  const marks = marked(chart);
  const points = Object.keys(marks).map(Number);
  const limits = chart.runs && chart.name !== "p" && chart.name !== "u"
    ? [["lower", _("lower specification limit")], ["upper", _("upper specification limit")]].filter(([key]) => row[key] !== null && row[key] !== undefined && chart.name === "i")
      .map(([key, name]) => ({ value: row[key], name })) : [];
  node.set({
    x: { name: _("point"), digits: 0, min: view.place + 1, max: Math.max(view.place + chart.value.length, view.place + 2) }, y: { unit: unitText(row.unit), digits: digitsOf(chart.centre.at(-1) || 1) }, limits,
    series: [...zones(chart, line),
      steps(_("upper control limit"), chart.upper, "--level-3"), steps(_("centre"), chart.centre, "--soft"), steps(_("lower control limit"), chart.lower, "--level-3"),
      { type: "line", name: _("value"), tone: "--ink", symbol: chart.value.length < 300, data: chart.value.map((value, i) => [line(i), value]) },
      { type: "dots", quiet: false, name: _("breaks a rule"), tone: "--level-3", size: 9, labels: true, data: points.map((i) => [line(i), chart.value[i], marks[i].join(",")]) }],
    empty: _("No complete point yet."),
  });
}

function showRules(view, row) {
  const lines = view.charts.flatMap((chart) => Object.entries(chart.marks).map(([rule, points]) => ({ chart, rule, points })));
  byId("rule-set").textContent = row.rules === "nelson" ? _("Nelson's eight rules") : _("Western Electric's rules");
  fill(byId("rules"),
    lines.length ? null : h("caption", { class: "empty" }, _("No rule is broken in this window.")),
    h("thead", {}, h("tr", {}, [_("Rule"), _("Chart"), _("Points"), _("newest")].map((name) => h("th", {}, name)))),
    h("tbody", {}, lines.map(({ chart, rule, points }) => h("tr", {},
      h("td", { class: "wrap" }, h("b", {}, rule.split("_")[1]), ` ${pick(...view.rules[rule])}`),
      h("td", {}, CHARTS[chart.name]?.() ?? chart.name),
      h("td", { class: "wrap" }, points.slice(-8).map((i) => number(view.place + i + 1)).join(", ")),
      h("td", { title: full(view.at_ms[points.at(-1)]) }, time(view.at_ms[points.at(-1)]))))));
}

function showCapability(view, row) {
  const found = view.capability;
  const index = (name, title) => [title, found[name][0] === null ? NONE : number(found[name][0], 2),
    found[name][1] === null ? "" : `${number(found[name][1], 2)} – ${number(found[name][2], 2)}`];
  const normal = () => (found.normal_p === null ? _("cannot be said") : found.normal_p < 0.05
    ? _("refused (p = {p}): read the indices with care", { p: number(found.normal_p, 3) }) : _("not refused (p = {p})", { p: number(found.normal_p, 3) }));
  const lines = !found ? [] : [
    index("cp", "Cp"), index("cpk", "Cpk"), index("pp", "Pp"), index("ppk", "Ppk"),
    [_("Asked for"), number(row.cpk_min, 2), ""],
    [_("Mean"), figure(found.mean, row.unit), ""],
    [_("Standard deviation within subgroups"), figure(found.spread, row.unit), ""],
    [_("Standard deviation overall"), figure(found.overall, row.unit), ""],
    [_("Outside the limits"), number(found.outside_count), _("{n} values; {ppm} ppm expected if normal", { n: number(found.count), ppm: number(found.beyond_ppm, 1) })],
    [_("Normality (Anderson-Darling)"), normal(), ""]];
  fill(byId("capability"), lines.length ? null : h("caption", { class: "empty" }, _("Without specification limits there is no capability.")),
    h("tbody", {}, lines.map(([name, value, more]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, value), h("td", { class: "soft wrap" }, more)))));
  const { edges, counts } = view.histogram;
  const limits = ["lower", "target", "upper"].filter((key) => row[key] !== null);
  const seen = [...edges, ...limits.map((key) => row[key])];
  const [low, high] = [Math.min(...seen), Math.max(...seen)];
  byId("histogram").set({
    x: { name: _("value"), unit: unitText(row.unit), digits: digitsOf(edges[0] ?? 1), min: low - (high - low) / 25, max: high + (high - low) / 25 }, y: { name: _("readings"), whole: true, zero: true, digits: 0 },
    series: [{ type: "bars", tone: "--park", name: _("readings"), data: counts.map((count, i) => [(edges[i] + edges[i + 1]) / 2, count]) }],
    limits: limits.map((key) => ({ vertical: true, value: row[key],
      name: { lower: _("lower limit"), target: _("target"), upper: _("upper limit") }[key] })),
    empty: _("Too few readings for a histogram."),
  });
}

function showAll() {
  const heads = [[_("Characteristic")], [_("Machine")], [_("Chart")], [_("Limits")], [_("Points"), "number"], ["Cpk", "number"], [_("Broken rules")], [_("newest")]];
  fill(byId("all"), h("thead", {}, h("tr", {}, heads.map(([name, look]) => h("th", { class: look ?? "" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", { class: isOne(row) ? "chosen" : "", "aria-current": isOne(row) ? "true" : null, onclick: () => choose(row) },
      h("td", {}, h("a", { href: `?${new URLSearchParams({ thing: row.thing, signal: row.signal })}` }, titleOf(row))), h("td", {}, row.thing), h("td", {}, KINDS[row.chart] ?? row.chart),
      h("td", {}, limitsText(row)), h("td", { class: row.points ? "number" : "number faint" }, number(row.points)),
      h("td", { class: `number${row.cpk_high !== null && row.cpk_high < row.cpk_min ? " level level-2" : ""}` }, number(row.cpk, 2)),
      h("td", { class: row.hits ? "level level-2" : "faint" }, ruleNumbers(row.hits) || (row.points ? _("none") : NONE)), h("td", { title: full(row.last_at) }, time(row.last_at))))));
  fill(byId("choice"), rows.map((row) => h("option", { value: `${row.thing}|${row.signal}`, selected: isOne(row) }, `${row.thing} · ${titleOf(row)}`)));
  for (const format of ["csv", "xlsx"]) byId(format).href = address(`${ROOM}/characteristics`, { format });
}

async function load(signal) {
  const answer = await get(`${ROOM}/characteristics`, { size: 500 }, signal);
  rows = answer.rows.toSorted((a, b) => Number(b.points > 0) - Number(a.points > 0)); // those that are measured first
  byId("none").hidden = rows.length > 0;
  byId("process").hidden = !rows.length;
  if (!rows.length) return problem(null);
  const row = rows.find(isOne) ?? rows[0];
  chosen = new URLSearchParams({ thing: row.thing, signal: row.signal });
  showAll();
  const view = await get(`${ROOM}/chart`, { thing: row.thing, signal: row.signal, newest: Number(byId("newest").value) }, signal);
  const [first, second] = view.charts;
  draw(byId("first"), byId("first-title"), first, view, row);
  byId("second-panel").hidden = !second;
  if (second) draw(byId("second"), byId("second-title"), second, view, row);
  byId("phase").textContent = row.given_sigma !== null ? _("limits from known centre and sigma")
    : row.points < row.baseline ? _("phase I: {n} of {all} points; limits are provisional", { n: number(row.points), all: number(row.baseline) })
      : _("phase II: limits from the first {n} points", { n: number(row.baseline) });
  showRules(view, row);
  showCapability(view, row);
  byId("as-of").textContent = _("as of {at}", { at: full(row.as_of) });
  problem(null);
}

byId("choice").addEventListener("change", (event) => choose(rows.find((row) => `${row.thing}|${row.signal}` === event.target.value)));
byId("newest").addEventListener("change", () => load().catch(problem));
every(PERIOD_S, async (signal) => {
  try {
    await load(signal);
  } catch (error) {
    if (error.status) problem(error);
    throw error;
  }
});
