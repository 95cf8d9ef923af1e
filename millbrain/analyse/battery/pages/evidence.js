// The stable words of evidence as people read them. A word without an entry is shown as it is, so
// that a newer room never hides what it found.

import { _ } from "/static/js/words.js";

const NAMES = {
  deviation: () => _("deviation from the herd"),
  score: () => _("deviation in standard deviations of the herd"),
  rest_mv: () => _("deviation at rest"),
  loaded_mv: () => _("deviation under load"),
  drift: () => _("drift at rest"),
  lowest: () => _("share of reports with this cell lowest"),
  "own alarm": () => _("the vehicle's own alarm"),
  rise: () => _("rise of the hottest probe"),
  "follows the current": () => _("resistance: follows the current"),
  "level at rest": () => _("level at rest"),
  "beside its neighbours": () => _("difference from its neighbours, in standard deviations"),
  "low when empty": () => _("low when nearly empty"),
  "low when full": () => _("low when full"),
  "the same at every SOC": () => _("the same at every state of charge"),
  "missing capacity": () => _("missing capacity"),
  "missing charge": () => _("missing charge"),
  "loses charge": () => _("loses charge"),
  leak: () => _("leak current"),
  "at once": () => _("came at once"),
  "the others are well": () => _("the other cells are well"),
  neighbour: () => _("its neighbour mirrors it"),
  mirror: () => _("its neighbour mirrors it"),
  implausible: () => _("implausible values"),
  stuck: () => _("does not move"),
  measured: () => _("measured"),
  fell: () => _("fell"),
  rose: () => _("rose"),
  spread: () => _("spread of the probes"),
  "no cell stands out": () => _("no cell stands out"),
};

const FAMILIES = {
  herd: () => _("the herd"),
  trend: () => _("trend"),
  drift: () => _("drift"),
  rank: () => _("rank"),
  load: () => _("load"),
  rest: () => _("rest"),
  charge: () => _("pattern over SOC"),
  course: () => _("course"),
  measurement: () => _("measurement"),
  measured: () => _("measured"),
  neighbour: () => _("neighbour"),
  vehicle: () => _("vehicle itself"),
  temperature: () => _("temperature"),
};

export function evidenceName(name) {
  return NAMES[name]?.() ?? name;
}

export function familyName(family) {
  return FAMILIES[family]?.() ?? family;
}
