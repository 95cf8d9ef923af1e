// Acting on alarms: what needs a reason or an end is asked for first.

import { declared, verb } from "../alarm-words.js";
import { post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { span } from "../format.js";
import { _ } from "../words.js";

const SPANS_S = [3600, 4 * 3600, 12 * 3600, 86_400, 7 * 86_400];
const state = { span_s: SPANS_S[1], done: null };

function drawSpans() {
  fill(byId("spans"), SPANS_S.map((s) => h("button", { type: "button", "aria-pressed": String(s === state.span_s),
    onclick: () => {
      state.span_s = s;
      drawSpans();
    } }, span(s))));
}

/** Ask for what an action needs; the answer is null where the reader thinks better of it. */
function ask(action, count) {
  const needs = declared.actions[action].needs;
  fill(byId("ask-title"), _("{action}, alarms: {n}", { action: verb(action), n: count }));
  byId("ask-span").hidden = !needs.includes("until");
  fill(byId("ask-ok"), verb(action));
  drawSpans();
  const dialog = byId("ask");
  dialog.returnValue = "";
  dialog.querySelector("textarea").value = "";
  dialog.showModal();
  dialog.querySelector("textarea").focus();
  return new Promise((resolve) => {
    state.done = resolve;
  });
}

export function startAsk() {
  const dialog = byId("ask");
  dialog.addEventListener("close", () => {
    const reason = dialog.querySelector("textarea").value.trim();
    const until = new Date(Date.now() + state.span_s * 1000 - 1000).toISOString();
    state.done?.(dialog.returnValue === "ok" && reason ? { reason, until } : null);
  });
}

/** Take an action on alarms; null where nothing was done. */
export async function perform(action, ids) {
  const needs = declared.actions[action].needs;
  if (!needs.length) return post("/alarms/act", { action, ids });
  const given = await ask(action, ids.length);
  if (!given) return null;
  const body = { action, ids, reason: given.reason };
  return post("/alarms/act", needs.includes("until") ? { ...body, until: given.until } : body);
}
