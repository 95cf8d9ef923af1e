// <track-map>: where a vehicle went, on plain paper: equirectangular around the middle of the track,
// with a graticule, a scale bar, the seats of the districts for orientation, and speed as colour.

import { fill, h, s } from "../dom.js";
import { number, time } from "../format.js";
import { _, pick } from "../words.js";
import { niceStep } from "./small-charts.js";

const KM_PER_DEG = 111.32;
const SPEED_KMH_MAX = 120;
const SPEED_BINS = 12;
const HEIGHT = 380;
const MARGIN = 26;
const SPAN_DEG_MIN = 0.004; // about 400 m: a parked car is a point, not a map of its noise

function colour(kmh) {
  if (kmh === null || kmh === undefined) return "var(--faint)";
  const at = Math.min(1, Math.max(0, kmh / SPEED_KMH_MAX));
  return at < 0.5
    ? `color-mix(in oklab, var(--level-1) ${Math.round(at * 200)}%, var(--cold))`
    : `color-mix(in oklab, var(--level-3) ${Math.round((at - 0.5) * 200)}%, var(--level-1))`;
}

function projection(points, width) {
  const lons = points.map((point) => point.lon);
  const lats = points.map((point) => point.lat);
  const middle = [(Math.min(...lons) + Math.max(...lons)) / 2, (Math.min(...lats) + Math.max(...lats)) / 2];
  const shrink = Math.cos((middle[1] * Math.PI) / 180);
  const spanX = Math.max(SPAN_DEG_MIN, (Math.max(...lons) - Math.min(...lons)) * shrink);
  const spanY = Math.max(SPAN_DEG_MIN, Math.max(...lats) - Math.min(...lats));
  const scale = Math.min((width - 2 * MARGIN) / spanX, (HEIGHT - 2 * MARGIN) / spanY);
  return {
    x: (lon) => width / 2 + (lon - middle[0]) * shrink * scale,
    y: (lat) => HEIGHT / 2 - (lat - middle[1]) * scale,
    lon: (x) => middle[0] + (x - width / 2) / scale / shrink,
    lat: (y) => middle[1] - (y - HEIGHT / 2) / scale,
    kmPerPixel: KM_PER_DEG / scale,
  };
}

function graticule(map, width) {
  const step = niceStep(map.lat(0) - map.lat(HEIGHT), 4);
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  const lines = [];
  for (let lat = Math.ceil(map.lat(HEIGHT) / step) * step; lat < map.lat(0); lat += step) {
    lines.push(s("line", { x1: 0, x2: width, y1: map.y(lat), y2: map.y(lat) }),
      s("text", { x: 4, y: map.y(lat) - 3 }, `${number(lat, digits)}°N`));
  }
  for (let lon = Math.ceil(map.lon(0) / step) * step; lon < map.lon(width); lon += step) {
    lines.push(s("line", { y1: 0, y2: HEIGHT, x1: map.x(lon), x2: map.x(lon) }),
      s("text", { x: map.x(lon) + 3, y: HEIGHT - 4 }, `${number(lon, digits)}°E`));
  }
  return s("g", { class: "axis" }, lines);
}

function scaleBar(map, width) {
  const km = niceStep(map.kmPerPixel * width, 6);
  const size = km / map.kmPerPixel;
  const x = width - size - 14;
  const label = km < 1 ? `${number(km * 1000)} m` : `${number(km, km % 1 ? 1 : 0)} km`;
  return s("g", { class: "scale" }, s("path", { d: `M${x} 14v5h${size}v-5` }),
    s("text", { x: x + size / 2, y: 32, "text-anchor": "middle" }, label));
}

function legend() {
  const bins = Array.from({ length: SPEED_BINS }, (_unused, index) => {
    const piece = h("i", {});
    piece.style.background = colour((index / (SPEED_BINS - 1)) * SPEED_KMH_MAX);
    return piece;
  });
  return h("p", { class: "speed-legend" }, `${_("Speed")} 0`, h("span", {}, bins), `${SPEED_KMH_MAX} km/h`);
}

export class TrackMap extends HTMLElement {
  #points = [];
  #places = [];
  #map = null;
  #size = new ResizeObserver(() => this.#draw());

  connectedCallback() {
    this.#size.observe(this);
  }

  disconnectedCallback() {
    this.#size.disconnect();
  }

  /** points: [{at, lon, lat, kmh}], a null lon or lat is a gap; places: regions with lon and lat. */
  set(points, places = []) {
    this.#points = points;
    this.#places = places;
    this.#draw();
  }

  /** Put the cursor on a point by its index; away where it has no position. */
  mark(index) {
    const cursor = this.querySelector(".cursor");
    if (!cursor || !this.#map) return;
    const point = this.#points[index];
    const isKnown = Number.isFinite(point?.lon) && Number.isFinite(point?.lat);
    cursor.setAttribute("visibility", isKnown ? "visible" : "hidden");
    if (!isKnown) return;
    cursor.setAttribute("cx", this.#map.x(point.lon));
    cursor.setAttribute("cy", this.#map.y(point.lat));
  }

  #draw() {
    const width = this.clientWidth;
    const known = this.#points.filter((point) => Number.isFinite(point.lon) && Number.isFinite(point.lat));
    if (!known.length || width < 80) {
      if (width) fill(this, h("p", { class: "empty" }, _("No position in this span.")));
      return;
    }
    const map = projection(known, width);
    this.#map = map;
    const first = known[0];
    const last = known.at(-1);
    const readout = h("p", { class: "readout" }, this.#summary(known));
    const drawing = s("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
      "aria-label": _("Track") },
    graticule(map, width), this.#towns(map, width), this.#lines(map),
    s("circle", { class: "start", cx: map.x(first.lon), cy: map.y(first.lat), r: 4.5 }),
    s("circle", { class: "end", cx: map.x(last.lon), cy: map.y(last.lat), r: 5 }),
    s("circle", { class: "cursor", r: 4, visibility: "hidden" }), scaleBar(map, width));
    drawing.addEventListener("mousemove", (event) => this.#follow(event, map, drawing, readout, known));
    drawing.addEventListener("mouseleave", () => {
      drawing.querySelector(".cursor").setAttribute("visibility", "hidden");
      readout.textContent = this.#summary(known);
    });
    fill(this, drawing, h("div", { class: "under" }, readout, legend()));
  }

  #summary(known) {
    return _("{n} positions, {from} to {to}; ring = start, disc = end", {
      n: number(known.length), from: time(known[0].at), to: time(known.at(-1).at) });
  }

  #towns(map, width) {
    return s("g", { class: "towns" }, this.#places.map((place) => {
      const x = map.x(place.lon);
      const y = map.y(place.lat);
      if (!(x > 0 && x < width && y > 0 && y < HEIGHT)) return null;
      return [s("circle", { cx: x, cy: y, r: 1.5 }), s("text", { x: x + 5, y: y + 4 }, pick(place.name, place.short))];
    }));
  }

  /** One path for each run of points of the same speed bin: few nodes, however long the track. */
  #lines(map) {
    const paths = new Map();
    let before = null;
    for (const point of this.#points) {
      if (!Number.isFinite(point.lon) || !Number.isFinite(point.lat)) {
        before = null;
        continue;
      }
      if (before) {
        const bin = Number.isFinite(point.kmh) ? Math.min(SPEED_BINS - 1, Math.floor((point.kmh / SPEED_KMH_MAX) * SPEED_BINS)) : -1;
        const part = `M${map.x(before.lon).toFixed(1)} ${map.y(before.lat).toFixed(1)}L${map.x(point.lon).toFixed(1)} ${map.y(point.lat).toFixed(1)}`;
        paths.set(bin, (paths.get(bin) ?? "") + part);
      }
      before = point;
    }
    return s("g", { class: "lines" }, [...paths].map(([bin, d]) => {
      const path = s("path", { d });
      path.style.stroke = colour(bin < 0 ? null : (bin / (SPEED_BINS - 1)) * SPEED_KMH_MAX);
      return path;
    }));
  }

  #follow(event, map, drawing, readout, known) {
    const box = drawing.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    let best = known[0];
    let least = Infinity;
    for (const point of known) {
      const far = (map.x(point.lon) - x) ** 2 + (map.y(point.lat) - y) ** 2;
      if (far < least) [best, least] = [point, far];
    }
    const cursor = drawing.querySelector(".cursor");
    cursor.setAttribute("cx", map.x(best.lon));
    cursor.setAttribute("cy", map.y(best.lat));
    cursor.setAttribute("visibility", "visible");
    readout.textContent = `${time(best.at)} · ${number(best.kmh, 1)} km/h · ${number(best.lon, 6)}°E ${number(best.lat, 6)}°N`;
  }
}

customElements.define("track-map", TrackMap);
