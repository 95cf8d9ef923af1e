// <heat-strip>: every temperature probe as a tile, coloured from the coldest to the hottest.

import { fill, h } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";

const ABNORMAL = 214;
const INVALID = 215;
const SPAN_DEGC_MIN = 10; // a smaller spread is not stretched to full colour

function colour(at) {
  return at < 0.5
    ? `color-mix(in oklab, var(--mild) ${Math.round(at * 200)}%, var(--cold))`
    : `color-mix(in oklab, var(--hot) ${Math.round((at - 0.5) * 200)}%, var(--mild))`;
}

function probe(value, no, pack, low, span) {
  const name = _("pack {pack}, probe {no}", { pack, no });
  if (value === ABNORMAL || value === INVALID) {
    const word = value === ABNORMAL ? _("abnormal") : _("invalid");
    return h("li", { class: "gap", title: `${name}: ${word}` }, "–");
  }
  const tile = h("li", { title: `${name}: ${number(value)} °C` }, number(value));
  tile.style.background = colour((value - low) / span);
  return tile;
}

export class HeatStrip extends HTMLElement {
  /** packs: [{no, temps: [°C, 214 abnormal, 215 invalid]}] */
  set(packs) {
    const known = packs.flatMap((pack) => pack.temps).filter((value) => value < ABNORMAL);
    const low = Math.min(...known);
    const high = Math.max(...known);
    const span = Math.max(SPAN_DEGC_MIN, high - low);
    const floor = low - (span - (high - low)) / 2;
    fill(this, packs.map((pack) => h("div", { class: "pack-temps" },
      h("h3", {}, _("pack {no}", { no: pack.no })),
      h("ol", {}, pack.temps.map((value, index) => probe(value, index + 1, pack.no, floor, span))))),
    known.length ? h("p", { class: "readout" }, _("{n} probes, {low} to {high} °C, spread {spread} °C", {
      n: number(known.length), low: number(low), high: number(high), spread: number(high - low) })) : null);
  }
}

customElements.define("heat-strip", HeatStrip);
