// One alarm beside the list: why it stands, its evidence, what was done, a place for a comment.

import { actionName, kindName, placeName, priorityMark, priorityName, stateName, thingLink, verb } from "../alarm-words.js";
import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { figure, full, share, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { _, pick } from "../words.js";

const mayAct = document.documentElement.dataset.role !== "viewer";
let act = null;
let shown = 0;

function pairs(entries) {
  return h("dl", { class: "pairs" }, entries.filter(([, value]) => value !== null && value !== "")
    .flatMap(([title, value]) => [h("dt", {}, title), h("dd", {}, value)]));
}

function evidence(row) {
  if (!row.evidence.length) return h("p", { class: "soft" }, _("No figures came with it."));
  return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, _("Evidence")),
    h("th", { class: "number" }, _("Value")), h("th", { class: "number" }, _("Limit")), h("th", {}, _("From – to")))),
  h("tbody", {}, row.evidence.map((piece) => h("tr", {}, h("td", {}, piece.name, " ", h("small", {}, piece.family)),
    h("td", { class: "number" }, figure(piece.value, piece.unit)),
    h("td", { class: "number soft" }, figure(piece.threshold, piece.unit)),
    h("td", { class: "soft when" }, `${time(piece.since)} – ${time(piece.until)}`))))));
}

export function stepText(step) {
  const held = step.active_s !== null ? _("after {span}", { span: span(step.active_s) }) : "";
  const until = step.until ? _("until {at}", { at: full(step.until) }) : "";
  return [actionName(step.action), held, until].filter(Boolean).join(" ");
}

function history(row) {
  return h("ul", { class: "steps" }, row.history.map((step) => h("li", {},
    h("span", { class: "soft", title: full(step.at) }, time(step.at)), " ", h("b", {}, stepText(step)),
    step.who ? ` · ${step.who}` : "", step.alarm_id === row.id ? "" : h("small", {}, ` ${_("earlier")}`),
    step.reason ? h("p", {}, step.reason) : null)));
}

function commentForm(row) {
  return h("form", { class: "field", onsubmit: async (event) => {
    event.preventDefault();
    await post(`/alarms/${row.id}/comment`, { text: event.target.elements.text.value });
    shown = 0;
    await showAlarm(row.id);
  } }, h("textarea", { name: "text", rows: 2, maxlength: 1000, required: true, "aria-label": _("Comment") }),
  h("div", {}, h("button", { class: "button" }, _("Add comment"))));
}

function draw(row) {
  const actions = mayAct ? row.allowed.map((name) =>
    h("button", { type: "button", class: "button", onclick: () => act(name, [row.id]) }, verb(name))) : [];
  fill(byId("drawer"),
    h("header", {}, priorityMark(row.priority, row.state), h("span", {}, priorityName(row.priority)),
      h("span", { class: "soft" }, stateName(row.state)), simulatedBadge(row),
      h("button", { type: "button", class: "button bare", "aria-label": _("Close"), onclick: () => {
        location.hash = "";
      } }, "✕")),
    h("h2", {}, pick(row.sentence, row.sentence_zh)),
    pairs([
      [_("Thing"), thingLink(row)], [_("Model"), row.model], [_("Operator"), row.operator],
      [_("Kind"), kindName(row.app, row.kind)], [_("Where"), placeName(row)],
      [_("Value"), figure(row.value, row.unit)], [_("Limit"), figure(row.threshold, row.unit)],
      [_("Confidence"), share(row.confidence, 1)],
      [_("Condition"), row.is_active ? _("holds") : _("has returned to normal")],
      [_("Announced"), full(row.raised_at)], [_("Evidence from"), full(row.first_seen_at)],
      [_("Newest evidence"), full(row.last_seen_at)], [_("Acknowledged by"), row.acknowledged_by],
      [_("Hidden until"), row.until ? full(row.until) : ""], [_("Reason"), row.reason],
      [_("Work order"), row.order ? h("a", { href: `/orders/${encodeURIComponent(row.order)}` }, row.order)
        : row.call_out ? _("called for, not raised yet") : ""],
    ]),
    actions.length ? h("div", { class: "tools" }, actions) : null,
    h("h3", {}, _("Evidence")), evidence(row),
    h("h3", {}, _("History")), mayAct ? commentForm(row) : null, history(row));
}

/** Show an alarm; 0 closes the drawer. */
export async function showAlarm(id) {
  const drawer = byId("drawer");
  drawer.hidden = !id;
  if (!id) {
    shown = 0;
    return;
  }
  try {
    const answer = await get(`/alarms/${id}`);
    draw(answer);
    if (shown !== id) drawer.scrollTop = 0;
    shown = id;
  } catch (error) {
    fill(drawer, h("p", { class: "problem" }, error.message));
  }
}

export function startDrawer(takeAction) {
  act = takeAction;
}
