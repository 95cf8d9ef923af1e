// <tile-map>: districts as equal tiles in their rough place, coloured by a count.

import { fill, s } from "../dom.js";
import { number } from "../format.js";
import { _, pick } from "../words.js";

const TILE = 62;
const GAP = 3;
const HEIGHT = 52;
const LONG_NAME = 8; // letters; longer ones are set smaller
const LEGEND_STEPS = 24;
const LEGEND = { step: 6, height: 8 };

/** Place of a count on the colour scale, 0..1: square root, so that small districts show. */
function place(count, most) {
  return most > 0 ? Math.sqrt(count / most) : 0;
}

function colour(at) {
  return `color-mix(in oklab, var(--map-high) ${Math.round(at * 100)}%, var(--map-low))`;
}

function tile(region, most, words) {
  const at = place(region.connected, most);
  const x = region.col * (TILE + GAP);
  const y = region.row * (HEIGHT + GAP);
  const name = pick(region.name, region.short);
  const connected = words.words(number(region.connected));
  const rect = s("rect", { x, y, width: TILE, height: HEIGHT, rx: 2 });
  rect.style.fill = colour(at);
  const tone = region.connected ? (at > 0.6 ? "over" : "") : "none";
  return s("a", { href: words.link(region), class: tone },
    s("title", {}, `${pick(region.name, region.name_zh)}: ${connected}`),
    rect,
    s("text", { class: name.length > LONG_NAME ? "name long" : "name", x: x + 6, y: y + 17 }, name),
    s("text", { class: "count", x: x + 6, y: y + 41 }, number(region.connected)));
}

function legend(most, y, words) {
  const steps = Array.from({ length: LEGEND_STEPS }, (_unused, index) => {
    const rect = s("rect", { x: index * LEGEND.step, y, width: LEGEND.step + 0.5, height: LEGEND.height });
    rect.style.fill = colour(index / (LEGEND_STEPS - 1));
    return rect;
  });
  const end = LEGEND_STEPS * LEGEND.step;
  return s("g", { class: "legend" }, steps,
    s("text", { x: 0, y: y + 21 }, "0"),
    s("text", { x: end / 2, y: y + 21, "text-anchor": "middle" }, number(Math.round(most / 4))),
    s("text", { x: end, y: y + 21, "text-anchor": "end" }, number(most)),
    s("text", { x: end + 10, y: y + 8 }, words.legend));
}

/** What is counted where nobody says otherwise: vehicles connected. */
const CONNECTED = {
  legend: _("vehicles connected"),
  words: (n) => _("{n} connected", { n }),
  link: (region) => `/vehicles?region=${encodeURIComponent(region.code)}`,
};

export class TileMap extends HTMLElement {
  /**
   * regions: [{code, name, name_zh, short, col, row, connected}]; elsewhere: count outside; words:
   * {legend, words(n), link(region)} where something else than connected vehicles is counted.
   */
  set(regions, elsewhere = 0, words = CONNECTED) {
    const placed = regions.filter((region) => Number.isFinite(region.col));
    if (!placed.length) return;
    const most = Math.max(1, ...placed.map((region) => region.connected));
    const columns = 1 + Math.max(...placed.map((region) => region.col));
    const rows = 1 + Math.max(...placed.map((region) => region.row));
    const width = columns * (TILE + GAP) - GAP;
    const height = rows * (HEIGHT + GAP) - GAP;
    const note = elsewhere
      ? s("g", { class: "legend" }, s("text", { x: 0, y: height - 34 },
          _("elsewhere or without position: {n}", { n: number(elsewhere) })))
      : null;
    fill(this, s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": _("Districts") },
      placed.map((region) => tile(region, most, words)), legend(most, height - 24, words), note));
  }
}

customElements.define("tile-map", TileMap);
