// The andon board: open calls in the order in which somebody must come, and how calls went lately.

import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, instant, NONE, number, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { every } from "../poll.js";
import { guardedBy, problem } from "../problem.js";
import { _, pick } from "../words.js";

const PERIOD_S = 3;
const LAST = 15;
let words = null;

const age = (at) => span((Date.now() - instant(at)) / 1000);

const step = guardedBy(load)((call, body) => post(`/production/andon/${call.id}/steps`, body));

/** Ask for the cause and solve the call. */
function solve(call) {
  const dialog = byId("solve");
  const leaves = words.reasons.filter((reason) => !words.reasons.some((other) => other.parent === reason.code));
  const parents = words.reasons.filter((reason) => words.reasons.some((other) => other.parent === reason.code));
  const option = (reason) => h("option", { value: reason.code }, pick(reason.title, reason.title_zh));
  const group = (parent) => h("optgroup", { label: pick(parent.title, parent.title_zh) }, leaves.filter((reason) => reason.parent === parent.code).map(option));
  const choice = h("select", { name: "reason", required: true, "aria-label": _("Cause") }, h("option", { value: "" }, _("Cause")),
    parents.map(group), leaves.filter((reason) => !reason.parent).map(option), h("option", { value: "other" }, _("other")));
  const note = h("input", { name: "note", maxlength: 500, placeholder: _("what was done"), "aria-label": _("Note") });
  fill(dialog, h("h2", {}, _("Solved: {what}", { what: `${call.station} ${pick(call.kind_en, call.kind_zh)}` })),
    h("form", { method: "dialog", class: "form-row", onsubmit: () => step(call, { action: "resolve", reason: choice.value, note: note.value.trim() }) },
      choice, note, h("button", { class: "button main" }, _("Solved"))));
  dialog.showModal();
}

function card(call) {
  const rises = call.rise_at ? _("to {who} in {age}", { who: pick(...(words.andon_levels[Math.min(call.level + 1, words.andon_levels.length - 1)])), age: span((instant(call.rise_at) - Date.now()) / 1000) }) : "";
  return h("article", { class: `call ${call.state} ${call.stops_line ? "stops" : ""}`, "data-call": call.id },
    h("header", {}, h("b", {}, call.station), h("span", {}, pick(call.kind_en, call.kind_zh)), call.stops_line ? h("span", { class: "late" }, _("line stands")) : null, simulatedBadge(call)),
    h("p", { class: "age", title: full(call.raised_at) }, age(call.raised_at)),
    h("p", {}, [call.line, call.order && `${call.order} ${call.step}`, call.note].filter(Boolean).join(" · ")),
    h("p", { class: "soft" }, call.state === "acknowledged" ? _("{who} came after {age}", { who: call.acknowledged_by, age: span((instant(call.acknowledged_at) - instant(call.raised_at)) / 1000) })
      : _("called by {who}, with the {level}", { who: call.raised_by, level: pick(call.level_en, call.level_zh) }), rises ? ` · ${rises}` : ""),
    h("div", { class: "tools" },
      call.allowed.includes("acknowledge") ? h("button", { type: "button", class: "button", "data-act": "acknowledge", onclick: () => step(call, { action: "acknowledge" }) }, _("On my way")) : null,
      call.allowed.includes("resolve") ? h("button", { type: "button", class: "button main", "data-act": "resolve", onclick: () => solve(call) }, _("Solved")) : null));
}

function showOpen(answer) {
  const rows = [...answer.rows].sort((one, other) => other.stops_line - one.stops_line || instant(one.raised_at) - instant(other.raised_at));
  const stopped = rows.filter((call) => call.stops_line).length;
  fill(byId("total"), _("{n} open", { n: number(answer.total) }));
  fill(byId("stopped"), stopped ? h("b", { class: "late" }, _("{n} lines stand", { n: number(stopped) })) : null);
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
  fill(byId("calls"), rows.length ? rows.map(card) : h("p", { class: "calm" }, _("Nobody calls.")));
}

function figures(node, rows, name) {
  const heads = ["", _("Calls"), _("until somebody came"), _("until solved"), _("line stood")];
  const mean = (value) => (value === null ? NONE : span(value));
  fill(node, h("thead", {}, h("tr", {}, heads.map((title, at) => h("th", { class: at ? "number" : "" }, title)))),
    h("tbody", {}, rows.length ? rows.slice(0, 8).map((row) => h("tr", {}, h("td", {}, name(row.name)), h("td", { class: "number" }, number(row.count)),
      h("td", { class: "number" }, mean(row.answered_s)), h("td", { class: "number" }, mean(row.solved_s)),
      h("td", { class: "number" }, row.stopped_s ? span(row.stopped_s) : NONE)))
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("No call.")))));
}

function reasonName(code) {
  const known = words.reasons.find((each) => each.code === code);
  return known ? pick(known.title, known.title_zh) : code === "other" ? _("other") : code;
}

function showLast(rows) {
  fill(byId("last"), h("tbody", {}, rows.length ? rows.map((call) => h("tr", {}, h("td", { title: full(call.raised_at) }, time(call.raised_at)),
    h("td", {}, call.station), h("td", {}, pick(call.kind_en, call.kind_zh)), h("td", {}, pick(call.state_en, call.state_zh)),
    h("td", { class: "wrap" }, [reasonName(call.reason), call.resolution].filter(Boolean).join(": "))))
    : h("tr", {}, h("td", { class: "empty" }, _("No call.")))));
}

async function load(signal) {
  const [open, last, lately] = await Promise.all([get("/production/andon", { open: true, size: 200 }, signal),
    get("/production/andon", { size: LAST }, signal), get("/production/andon/statistics", {}, signal)]);
  showOpen(open);
  showLast(last.rows);
  figures(byId("kinds"), lately.by_kind, (name) => pick(...words.andon_kinds[name]));
  figures(byId("reasons"), lately.by_reason, reasonName);
  figures(byId("stations"), lately.by_station, (name) => name);
}

async function start() {
  words = await get("/production/words");
  every(PERIOD_S, load);
}

start().catch(problem);
