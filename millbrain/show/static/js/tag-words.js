// How connections and tags are said on the pages: state, quality, age, values, refusals of a sheet.

import { h } from "./dom.js";
import { figure, full, instant, NONE, number, span, unitText } from "./format.js";
import { _, pick } from "./words.js";

const PHASES = {
  connected: () => _("is connected"),
  connecting: () => _("connecting"),
  failed: () => _("not connected"),
  off: () => _("switched off"),
};
const QUALITIES = { 0: () => _("bad value"), 64: () => _("uncertain value"), 192: () => _("good value") };

export const qualityWord = (quality) => (QUALITIES[quality] ?? (() => String(quality)))();

export function phaseWord(row) {
  return (PHASES[row.phase] ?? (() => _("not known")))();
}

/** The class of the mark: connected, partly, failed, connecting, off. */
export function phaseLook(row) {
  return row.phase === "connected" && row.troubles ? "partly" : row.phase;
}

export function whyText(row) {
  return pick(row.why, row.why_zh) ?? "";
}

export function rateText(row) {
  if (row.rate_hz === null || row.rate_hz === undefined) return NONE;
  return number(row.rate_hz, row.rate_hz < 10 ? 1 : 0);
}

export function agoText(at) {
  const age = (Date.now() - instant(at)) / 1000;
  return Number.isNaN(age) ? NONE : _("{age} ago", { age: span(Math.max(0, age)) });
}

/** The address of the trend of some tags. */
export function trendPath(tags) {
  const query = new URLSearchParams();
  for (const tag of tags) query.append("s", `${tag.thing}~${tag.signal}`);
  return `/trend?${query}`;
}

export function tagTitle(tag) {
  return pick(tag.title, tag.title_zh) || tag.signal;
}

/** The cells of value, quality and age; grey where they are old, a link to the curve on the number. */
export function valueCells(tag) {
  const look = tag.stale ? " stale" : "";
  if (tag.quality === null) {
    return [h("td", { class: "number faint" }, NONE), h("td", { class: "faint" }, NONE), h("td", { class: "faint" }, NONE)];
  }
  const said = tag.kind === "text" ? tag.text : tag.kind === "truth" && tag.value !== null
    ? (tag.value ? _("yes") : _("no")) : figure(tag.value, unitText(tag.unit));
  return [
    h("td", { class: `value number${look}` }, h("a", { href: trendPath([tag]) }, said || NONE)),
    h("td", { class: tag.quality === 192 ? `soft${look}` : tag.quality ? "level-2" : "bad" }, qualityWord(tag.quality)),
    h("td", { class: `soft${look}`, title: full(tag.device_at) }, agoText(tag.received_at)),
  ];
}

/** What an import of a sheet did, row by row. */
export function importReport(answer) {
  const said = _("new: {added}, changed: {changed}, as before: {unchanged}, rows refused: {refused}", answer);
  return [
    h("p", { class: answer.refused ? "problem" : "good" },
      answer.done ? said : `${_("Nothing was changed.")} ${said}`),
    answer.wrongs.length ? h("table", {},
      h("thead", {}, h("tr", {}, [_("Row"), _("Column"), _("Found"), _("Allowed")].map((title) => h("th", {}, title)))),
      h("tbody", {}, answer.wrongs.map((wrong) => h("tr", {}, h("td", { class: "number" }, wrong.row), h("td", {}, wrong.column),
        h("td", { class: "mono wrap" }, wrong.found), h("td", { class: "wrap" }, wrong.allowed))))) : null,
  ];
}

/** Fields for the options of a room, filled with what a connection has. */
export function optionFields(room, connection) {
  return Object.entries(room?.options ?? {}).map(([name, [english, chinese]]) => {
    const isSecret = room.secrets.includes(name);
    const kept = connection?.secrets?.includes(name);
    return h("label", { class: "field" }, h("span", { class: "mono" }, name),
      h("input", { name: `option:${name}`, type: isSecret ? "password" : "text", autocomplete: isSecret ? "new-password" : "off",
        value: connection?.options?.[name] ?? "", placeholder: kept ? _("kept; leave empty to keep it") : "" }),
      h("small", {}, pick(english, chinese)));
  });
}

/** The options of a form: empty ones are left out; yes, no and numbers become such. */
export function givenOptions(form) {
  const options = {};
  for (const [name, text] of new FormData(form)) {
    if (!name.startsWith("option:") || text === "") continue;
    options[name.slice(7)] = text === "true" ? true : text === "false" ? false : /^-?\d{1,15}$/.test(text) ? Number(text) : text;
  }
  return options;
}
