// What trace and recall share: things by their kind, names, values, places.

import { get } from "./api.js";
import { h } from "./dom.js";
import { full, time } from "./format.js";
import { resolveHref } from "./identifiers.js";
import { _, pick } from "./words.js";

const FACTS_MAX = 3;
const BATTERY_KINDS = { P: () => _("pack"), M: () => _("module"), C: () => _("cell") };
const LOT = /\/(SALT|PRECURSOR|CATHODE|ROLL|LOT|BATCH)\b/i;

/** What a thing is, as far as its identifier says: a code word for filters, '' = not known. */
export function kindOf(thing) {
  if (thing.startsWith("vin:")) return "vehicle";
  const battery = /^bat:.{3}([PMC])/.exec(thing);
  if (battery) return { P: "pack", M: "module", C: "cell" }[battery[1]];
  return LOT.test(thing) ? "lot" : "";
}

const KINDS = { vehicle: () => _("vehicle"), lot: () => _("lot"), pack: BATTERY_KINDS.P, module: BATTERY_KINDS.M, cell: BATTERY_KINDS.C };

export const kindName = (kind) => KINDS[kind]?.() ?? _("thing");

/** The identifier without its scheme, as people write it. */
export const bare = (thing) => thing.replace(/^(hdl|vin|bat|gs1|oid|ecode|did|url|vaa):/, "");

export function thingLink(each) {
  return h("a", { class: "key", href: resolveHref(each.handle ?? each.thing) }, bare(each.thing));
}

const STEPS = {
  assembling: () => _("assembling"),
  commissioning: () => _("commissioning"),
  disassembling: () => _("disassembling"),
  inspecting: () => _("inspecting"),
  installing: () => _("installing"),
  packing: () => _("packing"),
  receiving: () => _("receiving"),
  shipping: () => _("shipping"),
  storing: () => _("storing"),
};

/** A business step of the CBV by its name. */
function stepName(step) {
  const word = (step ?? "").replace(/^.*BizStep-|^urn:epcglobal:cbv:bizstep:/, "");
  return STEPS[word]?.() ?? word;
}

const meanings = new Map(); // prefix, index and type of a value -> field of a template

/** Learn what values mean; without it they are told by their types. */
export async function learnMeanings() {
  const known = await get("/identifiers/templates").catch(() => ({ templates: [] }));
  for (const { prefix, fields } of known.templates) {
    for (const field of fields) meanings.set(`${prefix} ${field.index} ${field.type}`, field);
  }
}

/** One value in short: its meaning, its data, its unit. */
function fact(each, value) {
  const field = meanings.get(`${(each.handle ?? each.thing).split("/")[0].replace(/^hdl:/, "")} ${value.index} ${value.type}`);
  const word = field?.choices?.[value.data.value];
  return [h("small", { class: "faint" }, `${field ? pick(field.title, field.title_zh) : value.type} `),
    h("span", { class: "fact" }, word ? pick(...word) : value.data.value, field?.unit ? h("small", { class: "unit" }, ` ${field.unit}`) : null)];
}

/** The first values of a record that a person would recognise it by. */
export function factsOf(each) {
  const plain = (each.fields ?? []).filter((value) => value.data.format === "string" && !/^(HS_|ALIAS|META|simulated)/i.test(value.type)
    && !/^(88|86)\.|^https?:/.test(value.data.value));
  return plain.slice(0, FACTS_MAX).map((value) => fact(each, value));
}

export function placeOf(each) {
  if (!each.place) return null;
  const { place, at, inside, step } = each.place;
  const where = [stepName(step), place ? bare(place) : ""].filter(Boolean).join(" · ");
  return h("span", { class: "soft", title: `${full(at)}${inside ? ` · ${_("inside of {thing}", { thing: inside })}` : ""}` }, where);
}

/** A span of time in which an edge held. */
export function heldSpan(since, until) {
  if (!since && !until) return "";
  return until ? `${since ? time(since) : "…"} – ${time(until)}` : _("since {at}", { at: time(since) });
}
