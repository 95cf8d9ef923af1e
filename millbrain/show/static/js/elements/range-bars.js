// <range-bars>: how a figure is distributed in each of some groups, one row a group, one scale.

import { fill, h, s } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";
import { niceStep } from "./small-charts.js";

const ROW = 26;
const FOOT = 22;
const RIGHT = 96;
const NAME_SHARE = 0.24;

export class RangeBars extends HTMLElement {
  #rows = [];
  #spec = {};
  #size = new ResizeObserver(() => this.#draw());

  connectedCallback() {
    this.#size.observe(this);
  }

  disconnectedCallback() {
    this.#size.disconnect();
  }

  /** rows: [{name, note, low, from, middle, to, high}] ascending figures; spec: {unit, digits}. */
  set(rows, spec) {
    this.#rows = rows;
    this.#spec = spec;
    this.#draw();
  }

  #draw() {
    const width = this.clientWidth;
    const rows = this.#rows;
    if (width < 80) return;
    if (!rows.length) {
      fill(this, h("p", { class: "empty" }, this.#spec.empty ?? _("No data in this span.")));
      return;
    }
    const left = Math.min(150, width * NAME_SHARE);
    const low = Math.min(...rows.map((row) => row.low));
    const high = Math.max(...rows.map((row) => row.high));
    const step = niceStep(Math.max(high - low, 1e-6), 4);
    const first = Math.floor(low / step) * step;
    const last = Math.ceil(high / step) * step;
    const x = (value) => left + ((value - first) / (last - first || 1)) * (width - left - RIGHT);
    const foot = rows.length * ROW;
    const ticks = [];
    for (let value = first; value <= last + step / 2; value += step) {
      ticks.push(s("line", { x1: x(value), x2: x(value), y1: 0, y2: foot }),
        s("text", { x: x(value), y: foot + 15, "text-anchor": "middle" }, number(value, step < 1 ? 1 : 0)));
    }
    fill(this, s("svg", { width, height: foot + FOOT, viewBox: `0 0 ${width} ${foot + FOOT}`, role: "img", "aria-label": this.#spec.label ?? "" },
      s("g", { class: "axis" }, ticks, s("text", { x: width - RIGHT + 8, y: foot + 15 }, this.#spec.unit ?? "")),
      rows.map((row, index) => this.#row(row, index * ROW + ROW / 2, x, width, left))));
  }

  #row(row, y, x, width, left) {
    const digits = this.#spec.digits ?? 1;
    const title = `${row.name}: ${[row.low, row.from, row.middle, row.to, row.high].map((value) => number(value, digits)).join(" · ")} ${this.#spec.unit ?? ""}`;
    return s("g", {}, s("title", {}, title),
      s("text", { class: "name", x: 0, y: y + 4, textLength: row.name.length > 22 ? left - 8 : null, lengthAdjust: "spacingAndGlyphs" }, row.name),
      s("line", { class: "reach", x1: x(row.low), x2: x(row.high), y1: y, y2: y }),
      s("rect", { class: "half", x: x(row.from), y: y - 5, width: Math.max(1, x(row.to) - x(row.from)), height: 10, rx: 1 }),
      s("line", { class: "middle", x1: x(row.middle), x2: x(row.middle), y1: y - 8, y2: y + 8 }),
      s("text", { class: "note", x: width, y: y + 4, "text-anchor": "end" }, row.note ?? ""));
  }
}

customElements.define("range-bars", RangeBars);
