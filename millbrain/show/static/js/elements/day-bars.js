// <day-bars>: a column a day, with a second count stacked on it or hanging below the line.

import { s } from "../dom.js";
import { number } from "../format.js";

const HEIGHT = 150;
const FOOT = 20;
const HEAD = 14;
const LEFT = 58;
const RIGHT = 16;

/** A round number at or above the highest. */
function ceiling(most) {
  const step = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map((n) => n * step).find((n) => n >= most);
}

class DayBars extends HTMLElement {
  /** days: [{day, first, second}]; names: what first and second are; below: second hangs. */
  set(days, names, below = false) {
    this.last = [days, names, below];
    const width = this.clientWidth || 900;
    const most = ceiling(Math.max(1, ...days.map((each) => each.first + (below ? 0 : each.second))));
    const least = below && days.some((each) => each.second) ? ceiling(Math.max(...days.map((each) => each.second))) : 0;
    const room = HEIGHT - HEAD - FOOT;
    const scale = room / (most + least);
    const line = HEAD + most * scale;
    const step = (width - LEFT - RIGHT) / days.length;
    const bar = Math.max(1, Math.min(26, step * 0.72));
    const every = Math.ceil(52 / step);
    const parts = [
      s("text", { x: LEFT - 8, y: HEAD + 4, class: "bars-text", "text-anchor": "end" }, number(most)),
      s("text", { x: LEFT - 8, y: line + 4, class: "bars-text", "text-anchor": "end" }, "0"),
      s("path", { class: "bars-rule", d: `M${LEFT} ${HEAD}H${width}` }),
      s("path", { class: "bars-line", d: `M${LEFT} ${line}H${width}` })];
    days.forEach((each, at) => {
      const x = LEFT + at * step + (step - bar) / 2;
      const top = line - each.first * scale;
      parts.push(s("g", { class: "bars-day" }, s("title", {}, `${each.day} · ${names[0]} ${number(each.first)} · ${names[1]} ${number(each.second)}`),
        s("rect", { class: "bars-hit", x: LEFT + at * step, y: HEAD, width: step, height: room }),
        s("rect", { class: "bars-first", x, y: top, width: bar, height: line - top }),
        s("rect", { class: "bars-second", x, y: below ? line : top - each.second * scale, width: bar, height: each.second * scale })));
      if ((days.length - 1 - at) % every === 0) parts.push(s("text", { x: x + bar / 2, y: HEIGHT - 4, class: "bars-text", "text-anchor": "middle" }, each.day.slice(5)));
    });
    this.replaceChildren(s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": names.join(", ") }, parts));
  }

  connectedCallback() {
    this.observer = new ResizeObserver(() => this.last && this.set(...this.last));
    this.observer.observe(this.parentElement);
  }

  disconnectedCallback() {
    this.observer?.disconnect();
  }
}

customElements.define("day-bars", DayBars);
