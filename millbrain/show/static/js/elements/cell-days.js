// <cell-days>: every cell (down) on every day (across) as a coloured point of one picture, so that
// a cell that leaves the herd is seen as a line. A click chooses a cell.

import { fill, h, token } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";

const HEIGHT = 300;
const ROW_MIN = 2;
const LEFT = 34;
const FOOT = 18;
const LABEL_PX = 64;

function rgb(name) {
  const value = token(name).replace("#", "");
  return [0, 2, 4].map((at) => parseInt(value.slice(at, at + 2), 16));
}

function mixed(from, to, share) {
  return `rgb(${from.map((part, i) => Math.round(part + (to[i] - part) * share)).join(" ")})`;
}

export class CellDays extends HTMLElement {
  #spec = null;
  #size = new ResizeObserver(() => this.#spec && this.#draw());
  #theme = () => this.#spec && this.#draw();

  connectedCallback() {
    this.#size.observe(this);
    document.documentElement.addEventListener("themechange", this.#theme);
  }

  disconnectedCallback() {
    this.#size.disconnect();
    document.documentElement.removeEventListener("themechange", this.#theme);
  }

  /**
   * spec: {days: ["2026-11-22", ...], cells: [[value or null per cell] per day], scale: value of
   * full colour, unit, digits, chosen: cell from 1, label, empty, onpick(cell)}.
   */
  set(spec) {
    this.#spec = spec;
    this.#draw();
  }

  #draw() {
    const { days, cells, unit, empty } = this.#spec;
    const width = this.clientWidth;
    const count = Math.max(0, ...cells.map((values) => values.length));
    if (!days.length || !count) {
      fill(this, h("p", { class: "empty" }, empty ?? _("No data in this span.")));
      return;
    }
    if (width < 80) return;
    const row = Math.max(ROW_MIN, Math.min(8, Math.floor(HEIGHT / count)));
    const column = (width - LEFT) / days.length;
    const ratio = window.devicePixelRatio || 1;
    const height = row * count + FOOT;
    const canvas = h("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio), role: "img", "aria-label": this.#spec.label ?? "" });
    canvas.style.inlineSize = `${width}px`;
    canvas.style.blockSize = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    this.#paint(pen, row, column, count);
    this.#axis(pen, row, column, count);
    const readout = h("p", { class: "readout" }, this.#legend());
    const at = (event) => this.#at(event, canvas, row, column, count);
    canvas.addEventListener("mousemove", (event) => {
      const found = at(event);
      const value = found && cells[found.day][found.cell - 1];
      readout.textContent = found
        ? `${days[found.day]} · ${_("cell {no}", { no: found.cell })} · ${number(value, this.#spec.digits ?? 1)} ${unit}` : this.#legend();
    });
    canvas.addEventListener("mouseleave", () => { readout.textContent = this.#legend(); });
    canvas.addEventListener("click", (event) => {
      const found = at(event);
      if (found) this.#spec.onpick?.(found.cell);
    });
    fill(this, canvas, readout);
  }

  #legend() {
    const { scale, unit, digits = 1 } = this.#spec;
    return _("blue below, red above the herd; full colour from {scale}", { scale: `±${number(scale, digits)} ${unit}` });
  }

  #at(event, canvas, row, column, count) {
    const box = canvas.getBoundingClientRect();
    const day = Math.floor((event.clientX - box.left - LEFT) / column);
    const cell = 1 + Math.floor((event.clientY - box.top) / row);
    return day >= 0 && day < this.#spec.days.length && cell >= 1 && cell <= count ? { day, cell } : null;
  }

  #paint(pen, row, column, count) {
    const { days, cells, scale } = this.#spec;
    const middle = rgb("--wash");
    const low = rgb("--drive");
    const high = rgb("--level-3");
    days.forEach((_day, x) => {
      for (let cell = 0; cell < count; cell += 1) {
        const value = cells[x][cell];
        if (value === null || value === undefined) continue; // a gap shows the paper
        const share = Math.min(1, Math.abs(value) / scale);
        pen.fillStyle = mixed(middle, value < 0 ? low : high, share);
        pen.fillRect(LEFT + x * column, cell * row, Math.ceil(column), row);
      }
    });
  }

  #axis(pen, row, column, count) {
    const { days, chosen } = this.#spec;
    pen.font = `11px ${token("--sans")}`;
    pen.fillStyle = token("--soft");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const every = count > 120 ? 50 : count > 40 ? 20 : 10;
    for (let cell = every; cell <= count; cell += every) {
      if (Math.abs(cell - chosen) * row > 10) pen.fillText(String(cell), LEFT - 8, (cell - 0.5) * row);
    }
    if (chosen) {
      pen.fillStyle = token("--ink");
      pen.font = `600 11px ${token("--sans")}`;
      pen.fillText(String(chosen), LEFT - 8, (chosen - 0.5) * row);
      pen.fillRect(LEFT - 5, (chosen - 1) * row, 3, row);
    }
    pen.font = `11px ${token("--sans")}`;
    pen.fillStyle = token("--soft");
    pen.textAlign = "left";
    const step = Math.max(1, Math.ceil(LABEL_PX / column));
    for (let day = 0; day < days.length; day += step) {
      pen.fillText(days[day].slice(5), LEFT + day * column, row * count + FOOT / 2 + 2);
    }
  }
}

customElements.define("cell-days", CellDays);
