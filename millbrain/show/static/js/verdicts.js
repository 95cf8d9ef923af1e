// Words and marks of the inspection lane.

import { h } from "./dom.js";
import { number } from "./format.js";
import { _, pick } from "./words.js";

const STATES = {
  inside: () => _("within the limit"),
  outside: () => _("beyond the limit"),
  unjudged: () => _("not judged"),
  absent: () => _("not measured"),
  missing: () => _("required, not measured"),
  invalid: () => _("condition not met"),
};
const TONES = { normal: "good", maintain: "bad", none: "warn" };

export const stateText = (state) => STATES[state]?.() ?? state;

export const stateTone = (state) => ({ inside: "good", outside: "bad", missing: "bad", invalid: "bad" }[state] ?? "soft");

/** The conclusion as a badge, both languages in the data. */
export function conclusion(row) {
  return h("span", { class: `badge ${TONES[row.conclusion] ?? ""}` }, pick(row.conclusion_en, row.conclusion_zh));
}

/** A range such as "≤ 60 °C" or "30 – 90 %". */
export function range(limit, unit, per = "") {
  if (!limit) return "–";
  const written = (value) => number(value, Number.isInteger(value) ? 0 : 2);
  const tail = `${unit ? ` ${unit}` : ""}${limit.per ? ` × ${per || limit.per}` : ""}`;
  if (limit.low === null) return `≤ ${written(limit.high)}${tail}`;
  if (limit.high === null) return `≥ ${written(limit.low)}${tail}`;
  return `${written(limit.low)} – ${written(limit.high)}${tail}`;
}
