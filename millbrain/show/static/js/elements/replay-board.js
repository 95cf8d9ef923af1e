// <replay-board>: panels of signals under one time axis. A point is a stored report; where a signal
// pauses for longer than usual, or was marked invalid, its line ends and begins again.

import { fill, h, s } from "../dom.js";
import { full, number } from "../format.js";
import { _ } from "../words.js";

const LEFT = 46;
const RIGHT = 8;
const PANEL = 62;
const TOP = 16;
const FOOT = 20;
const GAP_FACTOR = 2; // as the server tells gaps
const TICKS = 6;

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Points of a signal as runs that may be joined; lone points stay runs of one. */
function runs(signal, times, blocks) {
  const carried = times.map((_t, index) => index)
    .filter((index) => signal.block < 0 || (blocks[index] >>> signal.block) & 1);
  const pauses = carried.slice(1).map((index, at) => times[index] - times[carried[at]]).filter((pause) => pause > 0);
  const longest = GAP_FACTOR * median(pauses) || Infinity;
  const found = [];
  let run = [];
  let before = null;
  for (const index of carried) {
    const value = signal.values[index];
    const isBreak = value === null || (before !== null && times[index] - before > longest);
    if (isBreak && run.length) {
      found.push(run);
      run = [];
    }
    if (value !== null) run.push([times[index], value]);
    before = times[index];
  }
  if (run.length) found.push(run);
  return found;
}

function bounds(panel) {
  const values = panel.signals.flatMap((signal) => signal.values.filter((value) => value !== null));
  if (!values.length) return null;
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return low === high ? [low - 1, high + 1] : [low, high];
}

export class ReplayBoard extends HTMLElement {
  #replay = null;
  #panels = [];
  #cursor = 0;
  #size = new ResizeObserver(() => this.#draw());

  connectedCallback() {
    this.#size.observe(this);
    const move = (event) => {
      if (event.type === "pointerdown") this.setPointerCapture(event.pointerId);
      if (event.type === "pointermove" && !event.buttons) return;
      this.dispatchEvent(new CustomEvent("seek", { detail: this.#nearest(event.clientX) }));
    };
    this.addEventListener("pointerdown", move);
    this.addEventListener("pointermove", move);
  }

  disconnectedCallback() {
    this.#size.disconnect();
  }

  /** replay: as the API gives it; panels: [{title, signals: [signal]}]. */
  set(replay, panels) {
    this.#replay = replay;
    this.#panels = panels.filter((panel) => bounds(panel));
    this.#draw();
  }

  /** Put the cursor on a report by its index. */
  point(index) {
    this.#cursor = index;
    const line = this.querySelector(".cursor");
    const at = this.#replay?.t[index];
    if (!line || at === undefined) return;
    const x = this.#x(at);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
  }

  get #span() {
    return [Date.parse(this.#replay.from) / 1000, Date.parse(this.#replay.to) / 1000];
  }

  #x(at) {
    const [from, to] = this.#span;
    return LEFT + ((at - from) / (to - from || 1)) * (this.clientWidth - LEFT - RIGHT);
  }

  #nearest(clientX) {
    const [from, to] = this.#span;
    const share = (clientX - this.getBoundingClientRect().left - LEFT) / (this.clientWidth - LEFT - RIGHT);
    const at = from + share * (to - from);
    let best = 0;
    this.#replay.t.forEach((t, index) => {
      if (Math.abs(t - at) < Math.abs(this.#replay.t[best] - at)) best = index;
    });
    return best;
  }

  #draw() {
    const width = this.clientWidth;
    if (!this.#replay || width < 120) return;
    if (!this.#replay.t.length) {
      fill(this, h("p", { class: "empty" }, _("The vehicle sent no report in this span.")));
      return;
    }
    const height = this.#panels.length * PANEL + TOP + FOOT;
    fill(this, s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": _("Signals") },
      s("defs", {}, s("pattern", { id: "silence", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        s("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 6 }))),
      this.#silences(height), this.#panels.map((panel, index) => this.#panel(panel, TOP + index * PANEL, width)),
      this.#marks(height), this.#axis(width, height),
      s("line", { class: "cursor", y1: 0, y2: height - FOOT })));
    this.point(this.#cursor);
  }

  #silences(height) {
    return this.#replay.gaps.map((gap) => s("rect", { fill: "url(#silence)", x: this.#x(gap.from), y: TOP,
      width: Math.max(1, this.#x(gap.to) - this.#x(gap.from)), height: height - TOP - FOOT },
    s("title", {}, _("no report for {n} s", { n: number(gap.seconds) }))));
  }

  #panel(panel, top, width) {
    const [low, high] = bounds(panel);
    const y = (value) => top + PANEL - 8 - ((value - low) / (high - low)) * (PANEL - 26);
    const digits = high - low < 10 ? 1 : 0;
    const paths = panel.signals.map((signal, tone) => {
      const parts = runs(signal, this.#replay.t, this.#replay.blocks);
      const d = parts.map((run) => this.#path(run, y, panel.isStepped)).join("");
      const lone = parts.filter((run) => run.length === 1).map(([[at, value]]) =>
        s("circle", { class: `tone-${tone}`, cx: this.#x(at), cy: y(value), r: 1.6 }));
      return s("g", {}, s("path", { class: `line tone-${tone}`, d }), lone);
    });
    let x = LEFT;
    const names = panel.signals.map((signal, tone) => {
      const text = `${signal.name_shown}${signal.unit ? ` [${signal.unit}]` : ""}`;
      const node = s("text", { class: panel.signals.length > 1 ? `name tone-${tone}` : "name", x, y: top + 11 }, text);
      x += [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12 : 6.2), 18);
      return node;
    });
    return s("g", {},
      s("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(high), y2: y(high) }),
      s("line", { class: "base", x1: LEFT, x2: width - RIGHT, y1: y(low), y2: y(low) }),
      s("text", { x: LEFT - 5, y: y(high) + 4, "text-anchor": "end" }, number(high, digits)),
      s("text", { x: LEFT - 5, y: y(low) + 4, "text-anchor": "end" }, number(low, digits)),
      names, paths);
  }

  #path(run, y, isStepped) {
    return run.map(([at, value], index) => {
      const [x, height] = [this.#x(at).toFixed(1), y(value).toFixed(1)];
      if (!index) return `M${x} ${height}`;
      return isStepped ? `H${x}V${height}` : `L${x} ${height}`;
    }).join("");
  }

  #marks(height) {
    const mark = (kind, at, title) => s("line", { class: kind, x1: this.#x(at), x2: this.#x(at), y1: 4, y2: height - FOOT },
      s("title", {}, title));
    return [mark("instant", Date.parse(this.#replay.at) / 1000, _("Instant")),
      ...this.#replay.alarms.filter((change) => change.level || change.set.length).map((change) => mark("event", change.at, full(change.at))),
      ...this.#replay.events.map((event) => mark("event", event.at, event.text))];
  }

  #axis(width, height) {
    const [from, to] = this.#span;
    const count = Math.max(2, Math.min(TICKS, Math.floor(width / 110)));
    return Array.from({ length: count + 1 }, (_unused, index) => {
      const at = from + ((to - from) * index) / count;
      const anchor = index === 0 ? "start" : index === count ? "end" : "middle";
      return s("text", { x: this.#x(at), y: height - 5, "text-anchor": anchor }, full(at * 1000).slice(11));
    });
  }
}

customElements.define("replay-board", ReplayBoard);
