// <bar-chart> and <live-chart>: small SVG drawings with labelled axes, drawn anew on each set().

import { fill, s } from "../dom.js";
import { number, time } from "../format.js";

const WIDTH = 460;
const LEFT = 40;
const RIGHT = 8;
const TOP = 14;

/** A round step that divides 0..most into about `count` parts. */
export function niceStep(most, count = 3) {
  const raw = most / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= raw);
  return factor * power;
}

function grid(most, y, unit) {
  const step = Math.max(1, niceStep(most));
  const lines = [];
  for (let value = 0; value <= most + step * 0.01; value += step) {
    lines.push(
      s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: value ? "" : "zero" }),
      s("text", { x: LEFT - 6, y: y(value) + 3.5, "text-anchor": "end" }, number(value)),
    );
  }
  return s("g", { class: "axis" }, lines, unit ? s("text", { x: LEFT, y: TOP - 4 }, unit) : null);
}

export class BarChart extends HTMLElement {
  /** bars: [{label, count, title}]; unit: of the counts; foot: what the labels are. */
  set(bars, unit, foot) {
    const height = 132;
    const floor = height - 30;
    const most = Math.max(1, ...bars.map((bar) => bar.count));
    const y = (value) => floor - (value / most) * (floor - TOP - 6);
    const step = (WIDTH - LEFT - RIGHT) / Math.max(1, bars.length);
    const drawn = bars.map((bar, index) => {
      const x = LEFT + index * step;
      return s("g", {}, s("title", {}, bar.title),
        s("rect", { class: "bar", x: x + 1.5, y: y(bar.count), width: step - 3, height: floor - y(bar.count) }));
    });
    const labels = bars.map((bar, index) =>
      s("text", { class: "label", x: LEFT + index * step, y: height - 16, "text-anchor": "middle" }, bar.label));
    const last = s("text", { class: "label", x: WIDTH - RIGHT, y: height - 16, "text-anchor": "middle" }, "100");
    fill(this, s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": foot },
      grid(most, y, unit), drawn, labels, last,
      s("text", { class: "label", x: WIDTH - RIGHT, y: height - 3, "text-anchor": "end" }, foot)));
  }
}

export class LiveChart extends HTMLElement {
  /** points: [[ms, value or null], ...] ascending; null is a gap. */
  set(points) {
    if (points.length < 2) return;
    const height = 104;
    const floor = height - 18;
    const from = points[0][0];
    const to = points.at(-1)[0];
    const most = Math.max(1, ...points.map((point) => point[1] ?? 0)) * 1.05;
    const x = (at) => LEFT + ((at - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
    const y = (value) => floor - (value / most) * (floor - TOP - 4);
    let line = "";
    let open = false;
    for (const [at, value] of points) {
      if (value === null) {
        open = false;
      } else {
        line += `${open ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
        open = true;
      }
    }
    const [endAt, end] = points.at(-1);
    fill(this, s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": this.dataset.unit ?? "" },
      grid(most, y, this.dataset.unit),
      s("path", { class: "line", d: line }),
      end === null ? null : s("circle", { class: "end", cx: x(endAt), cy: y(end), r: 2.5 }),
      s("g", { class: "axis" },
        s("text", { x: LEFT, y: height - 4 }, time(from)),
        s("text", { x: WIDTH - RIGHT, y: height - 4, "text-anchor": "end" }, time(to)))));
  }
}

customElements.define("bar-chart", BarChart);
customElements.define("live-chart", LiveChart);
