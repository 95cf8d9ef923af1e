// Numbers, units and instants as people read them. Instants are shown in the plant's time zone.

import { _, language } from "./words.js";

const locale = language === "zh" ? "zh-CN" : "en-GB";
const zone = document.documentElement.dataset.zone;
const numbers = new Map();

export const NONE = "–";

/** A number with a fixed count of decimals; a dash where there is none. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (!numbers.has(digits)) {
    numbers.set(
      digits,
      new Intl.NumberFormat(locale, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
        useGrouping: true,
      }),
    );
  }
  return numbers.get(digits).format(value);
}

/** The unit as it is written: tables and findings hold plain letters. */
export function unitText(unit) {
  return (unit ?? "").replace("Ohm", "Ω").replace("degC", "°C").replace(/^um$/, "µm");
}

/** A figure with as many decimals as it deserves, and its unit. */
export function figure(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${number(value, digits)} ${unitText(unit)}`.trim();
}

/** A number with the decimals that it was given with, six at most: nothing of a limit is rounded away. */
export function exact(value) {
  const text = Number.isFinite(value) ? String(Number(value.toFixed(6))) : "";
  return number(value, (text.split(".")[1] ?? "").length);
}

/** A share as a percentage with its sign. */
export function share(part, whole) {
  return whole > 0 ? `${number((100 * part) / whole, part && part < whole / 100 ? 1 : 0)} %` : NONE;
}

const parts = new Intl.DateTimeFormat("en-GB", {
  timeZone: zone,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

function split(at) {
  return Object.fromEntries(parts.formatToParts(at).map((part) => [part.type, part.value]));
}

/** Milliseconds since 1970 of what the API gave: ISO text, or seconds, or milliseconds. */
export function instant(value) {
  if (value === null || value === undefined || value === "") return NaN;
  if (typeof value === "number") return value < 1e11 ? value * 1000 : value;
  return Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? value : `${value.replace(" ", "T")}Z`);
}

/** 2026-11-22 09:30:05 */
export function full(value) {
  const at = instant(value);
  if (Number.isNaN(at)) return NONE;
  const p = split(at);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`;
}

/** The time of day today, the date before it on other days. */
export function time(value, now = Date.now()) {
  const at = instant(value);
  if (Number.isNaN(at)) return NONE;
  const p = split(at);
  const today = split(now);
  const clock = `${p.hour}:${p.minute}:${p.second}`;
  if (p.day === today.day && p.month === today.month && p.year === today.year) return clock;
  const date = p.year === today.year ? `${p.month}-${p.day}` : `${p.year}-${p.month}-${p.day}`;
  return `${date} ${clock}`;
}

/** The plant's offset from UTC, such as UTC+8. */
export const zoneName = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "shortOffset" })
  .formatToParts(0)
  .find((part) => part.type === "timeZoneName")
  .value.replace("GMT", "UTC");

/** A span of time in its two largest units. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return _("{n} s", { n: whole });
  if (whole < 3600) return _("{n} min", { n: Math.floor(whole / 60) });
  const [large, small] = whole < 86_400 ? [3600, 60] : [86_400, 3600];
  const first = Math.floor(whole / large);
  const rest = Math.floor((whole % large) / small);
  if (large === 3600) return rest ? _("{h} h {m} min", { h: first, m: rest }) : _("{n} h", { n: first });
  return rest ? _("{d} d {h} h", { d: first, h: rest }) : _("{n} d", { n: first });
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size in bytes with a binary prefix. */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  let size = Number(value);
  let step = 0;
  while (size >= 1024 && step < SIZES.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${number(size, step && size < 100 ? 1 : 0)} ${SIZES[step]}`;
}

/** Read a datetime-local text as the plant's time: try the offset that the formatter uses. */
export function fromLocal(text) {
  const guess = Date.parse(`${text}Z`);
  const shown = Date.parse(`${full(guess).replace(" ", "T")}Z`);
  return guess - (shown - guess);
}
