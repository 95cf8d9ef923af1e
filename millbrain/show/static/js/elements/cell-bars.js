// <cell-bars>: every cell of every pack as a bar up or down from its pack's median.
//
// A zero-based bar of 3,300 mV hides what matters, the few millivolts by which one cell leaves the
// herd; so the median is the line and the deviation is the bar. The scale follows the herd, and a
// cell beyond it is cut off with an arrow and its figure.

import { fill, h, s } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";

export const ABNORMAL = 65_534;
export const INVALID = 65_535;
const HEIGHT = 190;
const TOP = 20;
const BOTTOM = 34;
const LEFT = 46;
const RIGHT = 44;
const PACK_GAP = 26;
const SCALE_MV_MIN = 20;
const OUTLIER_MV_MIN = 15; // below that a deviation is the resolution of the sensing, not a fault
const OUTLIER_Z = 6;
const MAD_TO_SIGMA = 1.4826;
const LABELS_MAX = 12;
const EVERY_LABEL = [1, 2, 5, 10, 20, 50, 100, 200, 500];

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, spread and outliers of one pack's cells [mV]; markers left out. */
export function herd(cells) {
  const known = cells.filter((cell) => cell < ABNORMAL);
  if (!known.length) return null;
  const middle = median(known);
  const sigma = MAD_TO_SIGMA * median(known.map((cell) => Math.abs(cell - middle)));
  const limit = Math.max(OUTLIER_MV_MIN, OUTLIER_Z * sigma);
  return { middle, sigma, limit, low: Math.min(...known), high: Math.max(...known), known: known.length };
}

function scaleOf(packs) {
  const all = packs.flatMap((pack) => (pack.herd
    ? pack.cells.filter((cell) => cell < ABNORMAL).map((cell) => Math.abs(cell - pack.herd.middle)) : []));
  all.sort((a, b) => a - b);
  const most = all[Math.floor(all.length * 0.98)] ?? 0;
  const step = [20, 30, 50, 100, 200, 500, 1000, 2000, 5000].find((each) => each >= most * 1.25);
  return Math.max(SCALE_MV_MIN, step ?? Math.ceil(most));
}

function gap(x, width, cell) {
  const word = cell === ABNORMAL ? _("abnormal") : _("invalid");
  const middle = (HEIGHT - BOTTOM + TOP) / 2;
  return s("g", { class: "gap" }, s("rect", { x, y: TOP, width, height: HEIGHT - BOTTOM - TOP }),
    width > 7 ? s("text", { x: x + width / 2, y: middle, transform: `rotate(-90 ${x + width / 2} ${middle})` }, word) : null);
}

/** The number of a cell that left the herd; beside the bar, with its value, where the bar is cut. */
function mark(x, bar, edge, { no, cell, up, cut }) {
  if (!cut) return s("text", { class: "mark", x: x + bar / 2, y: up ? edge - 4 : edge + 12, "text-anchor": "middle" }, String(no));
  return s("text", { class: "mark", x: x + bar + 3, y: up ? edge + 9 : edge - 2 }, `${up ? "▲" : "▼"} ${no}: ${number(cell)} mV`);
}

export class CellBars extends HTMLElement {
  #packs = [];
  #size = new ResizeObserver(() => this.#draw());

  connectedCallback() {
    this.#size.observe(this);
  }

  disconnectedCallback() {
    this.#size.disconnect();
  }

  /** packs: [{no, voltage, current, cells: [mV, 65534 abnormal, 65535 invalid]}] */
  set(packs) {
    this.#packs = packs.map((pack) => ({ ...pack, herd: herd(pack.cells) }));
    this.#draw();
  }

  #draw() {
    const width = this.clientWidth;
    const packs = this.#packs;
    const count = packs.reduce((sum, pack) => sum + pack.cells.length, 0);
    if (!count || width < 80) return;
    const scale = scaleOf(packs);
    const room = width - LEFT - RIGHT - PACK_GAP * (packs.length - 1);
    const step = room / count;
    const zero = (TOP + HEIGHT - BOTTOM) / 2;
    const half = zero - TOP;
    const y = (mv) => zero - (Math.max(-scale, Math.min(scale, mv)) / scale) * half;
    const readout = h("p", { class: "readout" });
    let x = LEFT;
    const groups = packs.map((pack) => {
      const group = this.#pack(pack, x, step, y, scale);
      x += pack.cells.length * step + PACK_GAP;
      return group;
    });
    const drawing = s("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
      "aria-label": _("Deviation of each cell from the median of its pack") },
    this.#grid(width, scale, y), groups);
    drawing.addEventListener("mouseover", (event) => {
      readout.textContent = event.target.closest("[data-text]")?.dataset.text ?? this.#summary();
    });
    drawing.addEventListener("mouseleave", () => { readout.textContent = this.#summary(); });
    readout.textContent = this.#summary();
    fill(this, drawing, readout);
  }

  #summary() {
    return this.#packs.map((pack) => {
      const { herd: all, no } = pack;
      if (!all) return _("pack {no}: no cell known", { no });
      return _("pack {no}: {n} cells, median {middle} mV, {low} to {high} mV, spread {spread} mV", {
        no, n: number(pack.cells.length), middle: number(all.middle), low: number(all.low),
        high: number(all.high), spread: number(all.high - all.low),
      });
    }).join(" · ");
  }

  #grid(width, scale, y) {
    return s("g", { class: "axis" }, [-scale, -scale / 2, 0, scale / 2, scale].map((mv) => [
      s("line", { x1: LEFT, x2: width - RIGHT, y1: y(mv), y2: y(mv), class: mv ? "" : "median" }),
      s("text", { x: LEFT - 6, y: y(mv) + 3.5, "text-anchor": "end" }, `${mv > 0 ? "+" : ""}${number(mv)}`),
    ]), s("text", { x: LEFT - 6, y: TOP - 8, "text-anchor": "end" }, "mV"));
  }

  #pack(pack, start, step, y, scale) {
    const bar = Math.max(1, step - (step > 4 ? 1.5 : 0.3));
    const every = EVERY_LABEL.find((each) => each * step > 26) ?? 500;
    let labels = 0;
    const cells = pack.cells.map((cell, index) => {
      const x = start + index * step;
      const no = index + 1;
      if (cell >= ABNORMAL || !pack.herd) return gap(x, step, cell);
      const off = cell - pack.herd.middle;
      const out = Math.abs(off) > pack.herd.limit;
      const edge = y(off);
      const text = _("pack {pack}, cell {no}: {mv} mV, {off} mV from the median", {
        pack: pack.no, no, mv: number(cell), off: `${off > 0 ? "+" : ""}${number(off, off % 1 ? 1 : 0)}`,
      });
      const up = off >= 0;
      const label = out && labels < LABELS_MAX ? mark(x, bar, edge, { no, cell, up, cut: Math.abs(off) > scale }) : null;
      if (label) labels += 1;
      return s("g", { class: out ? "cell out" : "cell", "data-text": text },
        s("rect", { class: "catch", x, y: TOP, width: step, height: HEIGHT - TOP - BOTTOM }),
        s("rect", { class: "bar-mark", x, y: Math.min(edge, y(0)), width: bar, height: Math.max(0.75, Math.abs(edge - y(0))) }),
        label);
    });
    const numbers = pack.cells.map((_cell, index) => ((index + 1) % every === 0 || index === 0
      ? s("text", { x: start + index * step + bar / 2, y: HEIGHT - BOTTOM + 13, "text-anchor": "middle" }, String(index + 1))
      : null));
    const end = start + pack.cells.length * step;
    const title = [_("pack {no}", { no: pack.no })];
    if (Number.isFinite(pack.voltage)) title.push(`${number(pack.voltage, 1)} V`);
    if (Number.isFinite(pack.current)) title.push(`${number(pack.current, 1)} A`);
    const median_ = pack.herd
      ? s("text", { class: "level-text", x: end + 4, y: y(0) + 3.5 }, number(pack.herd.middle)) : null;
    return s("g", {}, cells, s("g", { class: "axis" }, numbers),
      s("text", { class: "pack", x: start, y: HEIGHT - 4 }, title.join(" · ")), median_);
  }
}

customElements.define("cell-bars", CellBars);
