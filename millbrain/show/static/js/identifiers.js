// What the pages of identifiers share: keys, values, the way an answer came, words.

import { h } from "./dom.js";
import { full, NONE, number, span, time } from "./format.js";
import { _, pick } from "./words.js";

const STATES = {
  found: () => _("found"),
  none: () => _("does not exist"),
  taken_down: () => _("taken down"),
  unknown: () => _("nobody is known to answer"),
  unreachable: () => _("no answer from the node in charge"),
};

export const stateName = (state) => STATES[state]?.() ?? state;

const WHYS = {
  none: () => _("The node in charge of this prefix answered: there is no such identifier."),
  taken_down: () => _("An administrator of this node has taken it down."),
  unknown: () => _("No record here has it as an alias, and no other node is known to be asked."),
  unreachable: () => _("The node in charge is known, but it did not answer in time."),
};

export const whyNot = (state) => WHYS[state]?.() ?? "";

const VERBS = {
  create: () => _("created"),
  delete: () => _("deleted"),
  add: () => _("values added"),
  remove: () => _("values removed"),
  modify: () => _("values changed"),
  put: () => _("values changed"),
  load: () => _("loaded from a file"),
};

export const verbName = (verb) => VERBS[verb]?.() ?? verb;

/** Address of the page that resolves an identifier. */
export const resolveHref = (text) => `/identifiers?q=${encodeURIComponent(text)}`;

export const recordHref = (handle) => `/identifiers/record?handle=${encodeURIComponent(handle)}`;

/** An identifier that can be followed. */
export function keyLink(text, shown = text) {
  return h("a", { class: "key", href: resolveHref(text) }, shown);
}

/** A scheme as a small label. */
export function schemeMark(key) {
  return h("span", { class: "scheme", title: key.source }, pick(key.title, key.title_zh));
}

const isAddress = (text) => /^https?:\/\/[^\s]+$/.test(text);

function administrator(told) {
  return [h("span", {}, `${told.index}:`), h("span", { class: "mono" }, told.handle),
    h("small", { class: "faint", title: _("permissions, twelve bits") }, ` ${told.permissions}`)];
}

/** Say an identity: everybody, an account of these pages, an organisation, or index:handle. */
export function whoIs(text) {
  if (text === "*") return h("b", {}, _("everybody"));
  const [, kind, name] = /^\d+:(account|organisation):(.*)$/i.exec(text) ?? [];
  if (!kind) return h("span", { class: "mono" }, text);
  return h("span", {}, `${kind.toLowerCase() === "account" ? _("account") : _("organisation")} `, h("b", {}, plainName(name)));
}

/** Names of accounts mark capitals with ^, since identifiers fold case. */
const plainName = (text) => text.toLowerCase().replace(/\^(.)/g, (whole, letter) => letter.toUpperCase());

function grant(text) {
  try {
    const { to, fields, until } = JSON.parse(text);
    return h("span", {}, whoIs(`${to.index}:${to.handle}`), h("span", { class: "soft" }, ` ${_("may read")} `), h("span", { class: "mono" }, fields.join(", ")),
      until ? h("span", { class: "soft" }, ` ${_("until {at}", { at: full(until) })}`) : null);
  } catch {
    return text; // damaged: shown as it is
  }
}

/** The data of a value, as a person reads it; what is an identifier or an address can be followed. */
export function dataOf(value) {
  const { format, value: told } = value.data;
  if (format === "admin") return administrator(told);
  if (format === "vlist") return told.map((each) => h("div", { class: "mono" }, `${each.index}:${each.handle}`));
  if (format === "base64") {
    return h("span", { class: "faint" }, _("{n} bytes", { n: number(Math.floor((told.length * 3) / 4)) }));
  }
  const text = typeof told === "string" ? told : JSON.stringify(told);
  if (value.type === "GRANT") return grant(text);
  if (value.kind === "truth") return text === "true" || text === "1" ? _("yes") : _("no");
  if (value.choice) return [pick(value.choice, value.choice_zh), h("small", { class: "faint mono" }, ` ${text}`)];
  if (value.refers) return keyLink(value.refers, text);
  if (isAddress(text)) return h("a", { href: text, rel: "noreferrer noopener", target: "_blank" }, text);
  return value.unit ? [text, h("small", { class: "unit" }, ` ${value.unit}`)] : text;
}

/** Text that two versions of a value are compared by. */
export const textOf = (value) => JSON.stringify([value.type, value.data, value.is_public]);

export const isTechnical = (value) => /^(HS_|ALIAS$|META|GRANT$|RANGE$)/i.test(value.type);

/** Who may read a value, in two words. */
export function reach(value) {
  return value.is_public ? h("span", { class: "soft" }, _("everybody"))
    : h("span", { class: "badge" }, _("restricted"));
}

/** The name of a value: of its field where a template has one, else its type. */
export function nameOf(value) {
  const title = pick(value.label ?? "", value.label_zh ?? "");
  return title ? h("span", { title: value.type }, title) : h("span", { class: "mono" }, value.type);
}

/** A template by its title, with a link to it. */
export function templateLink(template) {
  return h("a", { href: `/identifiers/templates?handle=${encodeURIComponent(template.handle)}` },
    pick(template.title, template.title_zh) || template.handle);
}

/** The word "simulated" where a record says so of itself. */
export function simulatedMark(values) {
  const isSimulated = values.some((value) => value.type.toLowerCase() === "simulated" && value.data.value === "true");
  return isSimulated ? h("span", { class: "badge simulated" }, _("simulated")) : null;
}

/** The way that an answer came: asker, nodes, who answered. */
export function wayOf(answer) {
  const stops = [h("span", { class: "stop" }, _("you")), h("span", { class: answer.by === "here" ? "stop end" : "stop" }, _("this node"))];
  if (answer.by === "cache") stops.push(h("span", { class: "stop end" }, _("its memory")));
  else for (const [at, node] of answer.path.entries()) {
    stops.push(h("span", { class: at === answer.path.length - 1 && answer.state !== "unreachable" ? "stop end mono" : "stop mono" }, node));
  }
  return h("span", { class: "way-of" }, stops);
}

/** How long it took, in the resolver and with everything around it. */
export function took(answer, around) {
  return h("span", { title: _("in the resolver; {n} ms with the way through the pages", { n: number(around) }) },
    answer.took_ms < 1 ? `${number(answer.took_ms * 1000)} µs` : `${number(answer.took_ms, 1)} ms`);
}

export function changedAt(value) {
  const at = Date.parse(value.timestamp);
  return !at ? h("span", { class: "faint" }, NONE)
    : h("span", { title: `${full(at)} · ${_("{age} ago", { age: span((Date.now() - at) / 1000) })}` }, time(at));
}
