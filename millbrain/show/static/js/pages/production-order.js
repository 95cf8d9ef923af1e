// One production order: where it stands against what was promised, its operations, reports, lots.

import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, NONE, number, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { every } from "../poll.js";
import { guardedBy, problem } from "../problem.js";
import { drawPager } from "../table.js";
import { _, pick } from "../words.js";

const PERIOD_S = 5;
const SIZE = 25;
const number_ = byId("order").dataset.number;
const path = `/production/orders/${encodeURIComponent(number_)}`;
let words = null;
let page = 1;

const minute = (at) => (at ? time(at).slice(0, -3) : NONE);

function figure(title, value, note, kind = "") {
  return h("div", { class: `figure ${kind}` }, h("dt", {}, title), h("dd", {}, value, note ? h("small", {}, note) : null));
}

function showHead(order) {
  fill(byId("state"), pick(order.state_en, order.state_zh));
  fill(byId("badges"), simulatedBadge(order));
  fill(byId("what"), [pick(order.title, order.title_zh), order.product, order.revision, order.customer, order.line].filter(Boolean).join(" · "));
  fill(byId("as-of"), _("as of {at}", { at: time(Date.now()) }));
  const wanted = order.promised_at ?? order.due_at;
  const isDone = Boolean(order.completed_at);
  const end = isDone ? order.completed_at : order.projected_at;
  const against = order.late_s === null ? "" : span(Math.abs(order.late_s));
  fill(byId("figures"),
    figure(_("Good"), `${number(order.good)} / ${number(order.quantity)}`, _("{n} scrap, {m} rework", { n: number(order.scrap), m: number(order.rework) })),
    figure(order.promised_at ? _("Promised") : _("Needed"), minute(wanted)),
    figure(isDone ? _("Completed") : _("Projected"), minute(end), isDone ? "" : _("by standard times")),
    figure(_("Against promise"), against || NONE, against ? (order.is_late ? _("late") : _("in hand")) : "", order.is_late ? "late" : ""),
    figure(_("Done"), `${number(order.progress_ratio * 100)} %`, _("of the standard time")));
  fill(byId("why"), isDone ? "" : pick(order.why, order.why_zh));
}

const HEADS = [[() => _("Step")], [() => _("Operation")], [() => _("State")], [() => _("Good"), "number"], [() => _("Scrap"), "number"],
  [() => _("Rework"), "number"], [() => _("Planned"), "number"], [() => _("Spent"), "number"], [() => _("Machines"), "wrap"], [() => _("Projected")]];

function operation(each, order) {
  const planned = each.setup_s + order.quantity * each.run_s;
  const ahead = order.spans.find((other) => other.step === each.step);
  const shown = each.stations.slice(0, 4).map((name, at) => [at ? " " : "", h("a", { href: `/cards?station=${encodeURIComponent(name)}` }, name)]);
  return h("tr", { class: each.conflicts.length ? "is-odd" : "" },
    h("td", { class: "mono" }, each.step), h("td", {}, pick(each.title, each.title_zh) || each.operation),
    h("td", {}, h("span", { class: `op ${each.state}` }, pick(...words.operation_states[each.state]))),
    h("td", { class: "number" }, number(each.good)), h("td", { class: "number" }, number(each.scrap)), h("td", { class: "number" }, number(each.rework)),
    h("td", { class: "number soft" }, span(planned)),
    h("td", { class: "number" }, each.setup_spent_s + each.run_spent_s ? span(each.setup_spent_s + each.run_spent_s) : NONE),
    h("td", { class: "wrap" }, shown, each.stations.length > 4 ? h("small", { class: "faint" }, ` +${each.stations.length - 4}`) : null),
    h("td", { title: ahead ? `${full(ahead.begin)} – ${full(ahead.end)}` : "" }, each.finished_at ? h("span", { class: "soft" }, _("finished {at}", { at: minute(each.finished_at) }))
      : ahead ? [`${minute(ahead.begin)} – ${minute(ahead.end)} `, h("small", { class: "faint" }, ahead.machine, ahead.behind ? ` ${_("behind {order}", { order: ahead.behind })}` : "")] : NONE));
}

function showOperations(order) {
  fill(byId("operations"), h("thead", {}, h("tr", {}, HEADS.map(([title, kind]) => h("th", { class: kind }, title())))),
    h("tbody", {}, order.operations.length ? order.operations.map((each) => operation(each, order))
      : h("tr", {}, h("td", { class: "empty", colspan: HEADS.length }, _("Not released yet: release it into operations.")))));
  const found = order.operations.flatMap((each) => each.conflicts.map((conflict) => ({ ...conflict, step: each.step })));
  byId("conflicts-panel").hidden = !found.length;
  fill(byId("conflicts"), found.map((each) => h("li", {}, h("b", { class: "mono" }, each.step), " ", pick(each.title, each.title_zh),
    each.found ? `: ${each.found}` : "", each.allowed ? ` / ${each.allowed}` : "")));
}

function showReports(answer) {
  const heads = [_("At"), _("Step"), _("Kind"), _("Pieces"), _("Person"), _("Machine"), _("Reason"), ""];
  fill(byId("reports"), h("thead", {}, h("tr", {}, heads.map((title) => h("th", {}, title)))),
    h("tbody", {}, answer.rows.length ? answer.rows.map((row) => h("tr", {},
      h("td", { title: _("device {device}, received {received}", { device: full(row.device_at), received: full(row.received_at) }) }, time(row.at)),
      h("td", { class: "mono" }, row.step), h("td", {}, row.reversal_of ? `${_("taken back")}: ` : "", pick(row.kind_en, row.kind_zh)),
      h("td", { class: "number" }, row.quantity ? `${row.reversal_of ? "−" : ""}${number(row.quantity)}` : ""),
      h("td", {}, row.person), h("td", {}, row.machine), h("td", {}, reasonName(row.reason)),
      h("td", { class: "late" }, row.flags.map((flag) => flag).join(", "))))
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("Nothing was reported yet.")))));
  fill(byId("report-count"), _("{n} reports", { n: number(answer.total) }));
  drawPager(byId("pager"), answer, (to) => {
    page = to;
    load().catch(problem);
  });
}

function reasonName(code) {
  const known = words.reasons.find((each) => each.code === code);
  return known ? pick(known.title, known.title_zh) : code;
}

function showGenealogy(moves) {
  const lot = (each) => h("a", { class: "key", href: `/identifiers/trace?id=${encodeURIComponent(each.key)}` }, each.is_serial ? each.key : `${each.key} × ${number(each.quantity)}`);
  const list = (lots) => (lots.length ? lots.map((each, at) => [at ? ", " : "", lot(each)]) : h("span", { class: "faint" }, NONE));
  fill(byId("genealogy"), moves.length ? h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, [_("At"), _("Step"), _("Went in"), _("Came out")].map((title) => h("th", {}, title)))),
    h("tbody", {}, moves.map((move) => h("tr", {}, h("td", {}, time(move.at)), h("td", { class: "mono" }, move.step),
      h("td", { class: "wrap" }, list(move.consumed)), h("td", { class: "wrap" }, list(move.produced)))))))
    : h("p", { class: "empty" }, _("No lot or serial was reported.")));
}

function showHistory(order) {
  fill(byId("history"), [...order.history].reverse().map((each) => h("li", { class: each.who ? "" : "own" },
    h("header", {}, h("b", {}, pick(...(words.actions[each.action] ?? [_("Entered"), _("Entered")]))), h("span", { class: "soft" }, each.who), h("time", { title: full(each.at) }, time(each.at))),
    each.detail.reason ? h("p", {}, each.detail.reason) : null)));
}

const step = guardedBy(load)((action, reason) =>
  (action === "release" ? post(`${path}/release`, {}) : post(`${path}/steps`, { action, reason })));

function act(action) {
  const needs = ["pause", "cancel"].includes(action);
  const reason = needs ? byId("reason").value.trim() : "";
  if (needs && !reason) return byId("reason").focus();
  return step(action, reason);
}

function showActions(order) {
  if (byId("act").contains(document.activeElement)) return;
  const asks = order.allowed.some((name) => ["pause", "cancel"].includes(name));
  fill(byId("act"), order.allowed.map((name) => h("button", { type: "button", class: `button ${name === "release" ? "main" : ""}`, "data-act": name, onclick: () => act(name) },
    pick(...words.actions[name]))), asks ? h("input", { id: "reason", maxlength: 500, placeholder: _("reason, to hold or cancel"), "aria-label": _("Reason") }) : null);
}

async function load(signal) {
  const order = await get(path, {}, signal);
  const [reports, moves] = await Promise.all([
    get("/production/reports", { order: number_, page, size: SIZE }, signal), get(`${path}/genealogy`, {}, signal)]);
  showHead(order);
  showOperations(order);
  showReports(reports);
  showGenealogy(moves);
  showHistory(order);
  showActions(order);
}

async function start() {
  byId("act").addEventListener("submit", (event) => event.preventDefault());
  words = await get("/production/words");
  every(PERIOD_S, async (signal) => {
    try {
      await load(signal);
    } catch (error) {
      if (error.status === 404) problem(error);
      throw error;
    }
  });
}

start().catch(problem);
