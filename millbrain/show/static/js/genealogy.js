// What trace and recall share: things by their kind, names, values, places.

import { h } from "./dom.js";
import { full, time } from "./format.js";
import { resolveHref } from "./identifiers.js";
import { _ } from "./words.js";

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

/** The first values of a record that a person would recognise it by. */
export function factsOf(each) {
  const plain = (each.fields ?? []).filter((value) => value.data.format === "string" && !/^(HS_|ALIAS|META|simulated)/i.test(value.type)
    && !/^(88|86)\.|^https?:/.test(value.data.value));
  return plain.slice(0, 3).map((value) => [h("small", { class: "faint" }, `${value.type} `), h("span", { class: "fact" }, value.data.value)]);
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
