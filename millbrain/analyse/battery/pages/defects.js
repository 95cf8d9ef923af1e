// Fleet defects: the groups that stand out, and for the chosen one against whom, since when, why.

import { byId, data, fill, h } from "/static/js/dom.js";
import { full, instant, number, time } from "/static/js/format.js";
import { every } from "/static/js/poll.js";
import { startRowLinks } from "/static/js/table.js";
import { problem } from "/static/js/problem.js";
import { _, pick } from "/static/js/words.js";
import "/static/js/elements/xy-chart.js";
import { ask, asOf, download, eventName, kindName, suspectPath, vehicleCell } from "./battery.js";
import { funnel, reach } from "./funnel.js";

const PERIOD_S = 60;
const CASES_MAX = 2000;
const GROUPED = {
  model: () => _("model"), pack_code: () => _("pack code"), software: () => _("software"), production_month: () => _("month of production"),
};
const CAUSES = { design: () => _("design defect"), strategy: () => _("control-strategy defect"), open: () => _("cause open") };
const SIGNALS = {
  SOC: () => _("state of charge"), temperature: () => _("hottest probe"), current: () => _("current"), doing: () => _("vehicle"),
  dcdc: () => _("DC-DC"), gear: () => _("gear"),
};

let rows = [];
let chosen = "";

const keyOf = (row) => `${row.grouped_by}|${row.group}|${row.what}`;
const name = (words, word) => words[word]?.() ?? word;

function whatName(what) {
  const [sort, word] = what.split(":");
  if (sort === "finding") return kindName(word);
  if (sort === "event") return eventName(word);
  if (sort === "alarm") {
    const codes = data("signals").find((signal) => signal.name === "alarm_flags")?.codes ?? {};
    return _("own alarm: {name}", { name: codes[word] ?? word });
  }
  return what;
}

function beyond(row) {
  const share = Math.min(1, row.llr / (2 * row.llr_limit));
  const bar = h("i", { class: "reach-bar" });
  bar.style.inlineSize = `${5 * share}rem`;
  return h("span", { class: "reach", title: _("ratio {llr}, limit {limit}", { llr: number(row.llr, 1), limit: number(row.llr_limit, 1) }) }, bar, number(row.llr, 1));
}

function listRow(row) {
  const key = keyOf(row);
  return h("tr", { class: key === chosen ? "chosen" : "", tabindex: 0, onclick: () => choose(key), onkeydown: (event) => event.key === "Enter" && choose(key) },
    h("td", {}, h("b", {}, row.group), h("small", { class: "part" }, name(GROUPED, row.grouped_by))),
    h("td", {}, whatName(row.what)),
    h("td", {}, name(CAUSES, row.cause), row.is_open ? null : h("small", { class: "part" }, _("no longer beyond the limits"))),
    h("td", { class: "number" }, _("{cases} of {vehicles}", { cases: number(row.cases), vehicles: number(row.vehicles) })),
    h("td", { class: "number" }, number(row.expected, 1)),
    h("td", { class: "number" }, number(row.limit_high, 1)),
    h("td", { class: "number wide" }, beyond(row)),
    h("td", { class: "wide" }, full(row.first_at).slice(0, 10)), h("td", { class: "wide" }, full(row.last_at).slice(0, 10)));
}

function showList() {
  const heads = [[_("Group")], [_("What is counted")], [_("Cause")], [_("Vehicles concerned"), "number"], [_("Expected"), "number"],
    [_("At most by chance"), "number"], [_("Sequential test"), "number wide"], [_("First"), "wide"], [_("Last"), "wide"]];
  fill(byId("suspicions"),
    rows.length ? null : h("caption", { class: "empty" }, _("No group of vehicles stands out.")),
    h("thead", {}, h("tr", {}, heads.map(([title, look]) => h("th", { class: look ?? "" }, title)))),
    h("tbody", {}, rows.map(listRow)));
}

function choose(key) {
  chosen = key;
  history.replaceState(null, "", `#${encodeURIComponent(key)}`);
  showList();
  showOne().catch((error) => problem(error));
}

async function showOne(signal) {
  const row = rows.find((each) => keyOf(each) === chosen) ?? rows[0];
  byId("one").hidden = !row;
  for (const panel of document.querySelectorAll(".detail")) panel.hidden = !row;
  if (!row) return;
  chosen = keyOf(row);
  fill(byId("one-title"), `${name(GROUPED, row.grouped_by)} ${row.group}: ${whatName(row.what)}`);
  fill(byId("cause"), h("span", { class: "badge" }, name(CAUSES, row.cause)));
  fill(byId("sentence"), pick(row.sentence, row.sentence_zh));
  showPattern(row);
  const isModel = row.grouped_by === "model";
  byId("dossier").hidden = !isModel;
  byId("dossier").href = download("dossier", { what: row.what, model: row.group });
  const nothing = { rows: [], points: [] };
  const asked = { what: row.what, model: row.group };
  const [groups, cases, course] = await Promise.all([
    isModel ? ask("groups", { what: row.what }, signal) : nothing,
    isModel ? ask("cases", { ...asked, size: CASES_MAX }, signal) : nothing,
    isModel ? ask("course", asked, signal).catch(() => nothing) : nothing]);
  showFunnel(row, groups);
  showCourse(row, course);
  showCases(row, cases);
}

/** Every model where the group is one; else the group alone against the rate of the others. */
function showFunnel(row, groups) {
  const p = row.vehicles ? row.expected / row.vehicles : 0;
  const others = groups.rows.filter((each) => each.model !== row.group && each.vehicles > 0);
  const sizes = [row.vehicles, ...others.map((each) => each.vehicles)];
  const edge = funnel(Math.min(...sizes), Math.max(...sizes), p);
  const line = (points, extra) => ({ type: "line", quiet: true, dash: true, tone: "--soft", width: 1, data: points, ...extra });
  const dot = (vehicles, cases, label) => [vehicles, (100 * cases) / vehicles, label, cases];
  byId("funnel").set({
    x: { kind: "log", name: _("vehicles of the group"), digits: 0, ...reach(sizes) }, y: { name: _("vehicles concerned"), unit: "%", min: 0, digits: 1 },
    series: [
      line(edge.low95, { opacity: 0.6 }), line(edge.high95, { opacity: 0.6 }), line(edge.low998), line(edge.high998),
      { type: "dots", tone: "--soft", size: 7, labels: true, name: _("others"), data: others.map((each) => dot(each.vehicles, each.cases, each.model)) },
      { type: "dots", tone: "--level-3", size: 12, labels: true, name: _("this group"), data: [dot(row.vehicles, row.cases, row.group)] },
    ],
    tip: (point) => [point.data[2], _("{cases} of {vehicles} vehicles, {share} %", {
      cases: number(point.data[3]), vehicles: number(point.data[0]), share: number(point.data[1], 2) })],
  });
  if (groups.as_of) asOf("groups", groups);
}

function showCourse(row, course) {
  fill(byId("course-note"), _("largest {llr}, limit {limit}", { llr: number(row.llr, 2), limit: number(row.llr_limit, 2) }));
  byId("course").set({
    x: { kind: "time" }, y: { name: _("log-likelihood ratio"), digits: 2,
      max: Math.ceil(Math.max(row.llr_limit, ...course.points.map((point) => point[1])) * 1.15) },
    series: [{ type: "line", name: _("ratio"), tone: "--level-3", width: 1.8, step: true, symbol: true, data: course.points }],
    limits: [{ value: row.llr_limit, name: _("limit") }],
    empty: row.grouped_by === "model" ? _("No case of a known vehicle is in the warehouse.")
      : _("The course is drawn for models only; the largest value reached stands above."),
  });
}

function showPattern(row) {
  let pattern = null;
  try {
    pattern = row.pattern ? JSON.parse(row.pattern) : null;
  } catch {
    pattern = null; // of an older version; the sentence still says what it is
  }
  const per = (share) => number(100 * share, 0);
  fill(byId("pattern-words"), pattern ? _("before {own} % of {events} events, and before {others} % of {controls} other moments", {
    own: per(pattern.share), events: number(pattern.events), others: per(pattern.share_others), controls: number(pattern.controls) }) : "");
  const items = (pattern?.items ?? []).map((item) => h("li", {}, h("b", {}, name(SIGNALS, item.signal)), " ", pick(item.value, item.value_zh),
    h("small", { class: "part" }, _("{n} s before, median", { n: number(item.before_s) }))));
  fill(byId("pattern"), items.length ? [items, h("li", { class: "end" }, h("b", {}, whatName(row.what)))]
    : h("p", { class: "empty" }, _("No common sequence comes before these cases: it speaks for the part, not for the control.")));
}

function showCases(row, answer) {
  const own = answer.rows.filter((each) => each.is_own);
  fill(byId("cases"),
    own.length ? null : h("caption", { class: "empty" }, row.grouped_by === "model" ? _("No case of a known vehicle is in the warehouse.")
      : _("The members of this group are in the register only.")),
    h("thead", {}, h("tr", {}, h("th", {}, _("Vehicle")), h("th", {}, _("Operator")), h("th", {}, _("First case")))),
    h("tbody", {}, own.map((each) => h("tr", { "data-href": suspectPath(each) }, vehicleCell(each), h("td", {}, each.operator),
      h("td", { title: full(each.first_at) }, time(instant(each.first_at)))))));
  byId("cases-csv").href = download("cases", { what: row.what, model: row.group }, "csv");
  if (answer.as_of) asOf("cases", answer);
}

async function load(signal) {
  try {
    const asked = { open_only: byId("open-only").checked ? 1 : 0 };
    const answer = await ask("suspicions", asked, signal);
    rows = answer.rows;
    for (const format of ["csv", "xlsx"]) byId(format).href = download("suspicions", asked, format);
    asOf("suspicions", answer);
    showList();
    await showOne(signal);
    showList(); // marks what showOne chose
    problem(null);
  } catch (error) {
    if (error.status) problem(error);
    throw error;
  }
}

chosen = decodeURIComponent(location.hash.slice(1));
startRowLinks();
byId("open-only").addEventListener("change", () => load().catch((error) => problem(error)));
every(PERIOD_S, load);
