// Names of the code words of orders, and the marks that several pages draw from them.

import { get } from "./api.js";
import { h } from "./dom.js";
import { NONE, span } from "./format.js";
import { _, pick } from "./words.js";

/** What filters and steps may be set to, and the words; filled by loadChoices. */
export const choices = { words: null };

export async function loadChoices() {
  Object.assign(choices, await get("/orders/choices"));
  return choices;
}

const named = (kind, code) => {
  const names = choices.words?.[kind]?.[code];
  return names ? pick(names[0], names[1]) : String(code);
};

export const stateWord = (state) => named("states", state);
export const actionWord = (action) => named("actions", action);
export const severityWord = (severity) => named("severities", severity);
export const levelWord = (level) => named("levels", level);
export const partWord = (part) => named("parts", part);

/** A severity as a word in its colour. */
export function severityMark(severity) {
  return h("span", { class: `severity severity-${severity}` }, severityWord(severity));
}

/** Working time in hours: a day of it would be read as 24. */
function workSpan(seconds) {
  const minutes = Math.max(0, Math.round(seconds / 60));
  if (minutes < 60) return _("{n} min", { n: minutes });
  const rest = minutes % 60;
  const hours = Math.floor(minutes / 60);
  return rest && hours < 10 ? _("{h} h {m} min", { h: hours, m: rest }) : _("{n} h", { n: hours });
}

/** What is left of the time for the present step, or how late it is; in words, not only in red. */
export function timeLeft(order) {
  if (order.left_s === null || order.left_s === undefined) return h("span", { class: "faint" }, NONE);
  const working = order.left_is_working;
  if (order.is_overdue) {
    const by = working ? workSpan(-order.left_s) : span(-order.left_s);
    const text = working ? _("late by {time} of working time", { time: by }) : _("late by {time}", { time: by });
    return h("b", { class: "late" }, text);
  }
  const left = working ? workSpan(order.left_s) : span(order.left_s);
  return h("span", {}, working ? _("{time} of working time left", { time: left }) : _("{time} left", { time: left }));
}

/** Who is told by now, where the order is escalated. */
export function levelBadge(order) {
  return order.level ? h("span", { class: "badge bad" }, _("escalated: {who}", { who: levelWord(order.level) })) : null;
}
