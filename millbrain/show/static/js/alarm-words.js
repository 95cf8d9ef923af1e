// Names and marks of alarms, from the declared life cycle and the cards of the apps.

import { get } from "./api.js";
import { h, s } from "./dom.js";
import { _, pick } from "./words.js";

const SHAPES = {
  4: "M12 2 22 12 12 22 2 12Z",
  3: "M12 3 22 21H2Z",
  2: "M4 4h16v16H4Z",
  1: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16Z",
  0: "M4 12h16",
};
const WAITING = new Set(["unacknowledged", "returned_unacknowledged", "latched_unacknowledged"]);

export const declared = { states: {}, actions: {}, priorities: {}, apps: {} };

/** Read the declarations once; every name below needs them. */
export async function readDeclared() {
  const [cycle, rules] = await Promise.all([get("/alarms/lifecycle"), get("/alarm-rules")]);
  Object.assign(declared, cycle, { apps: rules.apps });
}

export const stateName = (state) => pick(...(declared.states[state] ?? [state, state]));
export const priorityName = (priority) => pick(...(declared.priorities[priority] ?? ["", ""]));
export const kindName = (app, kind) => pick(...(declared.apps[app]?.kinds[kind] ?? [kind, kind]));
export const appName = (app) => pick(declared.apps[app]?.title ?? app, declared.apps[app]?.title_zh ?? app);
export const isWaiting = (state) => WAITING.has(state);

export function actionName(action) {
  if (action === "comment") return _("comment");
  const known = declared.actions[action];
  return known ? pick(known.title, known.title_zh) : action;
}

/** An action as the label of a button. */
export function verb(action) {
  const name = actionName(action);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The priority as a shape: filled while somebody is waited for. */
export function priorityMark(priority, state = "unacknowledged") {
  return s("svg", { class: `priority priority-${priority}${isWaiting(state) ? "" : " quiet"}`, viewBox: "0 0 24 24",
    role: "img", "aria-label": priorityName(priority) },
  s("title", {}, priorityName(priority)), s("path", { d: SHAPES[priority] }));
}

const OF_VEHICLES = new Set(["battery", "inspection"]); // every other app speaks of machines

/** Pack and cell, as far as they are named; a machine's part stands in the sentence. */
export function placeName(row) {
  if (!OF_VEHICLES.has(row.app)) return "";
  const pack = row.pack_no ? _("pack {n}", { n: row.pack_no }) : "";
  const cell = row.cell_no ? _("cell {n}", { n: row.cell_no }) : "";
  return [pack, cell].filter(Boolean).join(" · ");
}

/** A thing as a link with its plate. */
export function thingLink(row) {
  const folder = OF_VEHICLES.has(row.app) ? "/vehicles" : "/plant/machine";
  return [h("a", { class: "vin", href: `${folder}/${encodeURIComponent(row.thing)}` }, row.thing),
    row.plate ? ` ${row.plate}` : ""];
}
