// What a vehicle did over a span of device time: curves, track, raw frames. The span ends at the
// newest report unless somebody says otherwise, so a vehicle that went silent last year shows its
// last day, not an empty one.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { fromLocal, full, instant, number, time } from "../format.js";
import { _, pick } from "../words.js";
import "../elements/track-map.js";
import "../elements/trend-chart.js";

const POINTS = 1000;
const FRAMES_MAX = 50;
const SIGNALS_MAX = 8;
const DEFAULT_SPAN_S = 21_600;
const DEFAULT_SIGNALS = ["soc_pct", "speed_kmh", "current_a"];
const SHOWN_HEX = 120;
const MINUTE_MS = 60_000;

function rounded(at) {
  return Math.ceil(at / MINUTE_MS) * MINUTE_MS;
}

function localText(at) {
  return full(at).replace(" ", "T");
}

class SpanView {
  constructor(path, signals, newest) {
    this.path = path;
    this.signals = new Map(signals.map((signal) => [signal.name, signal]));
    this.chosen = DEFAULT_SIGNALS;
    this.seconds = DEFAULT_SPAN_S;
    this.to = rounded(instant(newest));
    this.following = true;
    this.places = [];
    this.running = null;
  }

  /** The newest report moved on; the view follows at most once a minute, and only when asked to. */
  newest(at) {
    const end = rounded(instant(at));
    if (this.following && end > this.to) {
      this.to = end;
      this.load();
    }
    this.last = end;
  }

  get from() {
    return this.to - this.seconds * 1000;
  }

  show() {
    for (const button of byId("spans").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.span) === this.seconds));
    }
    byId("until").value = localText(this.to);
    byId("newest").hidden = this.following;
    fill(byId("chosen"), this.chosen.map((name) => this.signals.get(name)?.title ?? name).join(" · "));
  }

  async load() {
    this.running?.abort();
    const mine = new AbortController();
    this.running = mine;
    this.show();
    const jobs = [this.loadTrend(mine.signal), this.loadTrack(mine.signal), this.loadFrames(mine.signal)];
    for (const done of await Promise.allSettled(jobs)) {
      if (done.reason && done.reason.name !== "AbortError") fill(byId("trend-note"), done.reason.message);
    }
  }

  async askTrend(from, to, signal) {
    const parameters = {
      signals: this.chosen.join(","), from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: POINTS,
    };
    const answer = await get(`${this.path}/trend`, parameters, signal);
    return {
      from, to, bucket: answer.bucket_s,
      series: answer.signals.map((curve) => ({
        title: this.signals.get(curve.name)?.title ?? pick(curve.title, curve.title_zh),
        unit: curve.unit,
        digits: this.signals.get(curve.name)?.digits ?? 1,
        points: curve.t.map((at, index) => [at, curve.avg[index]]),
        low: curve.t.map((at, index) => [at, curve.min[index]]),
        high: curve.t.map((at, index) => [at, curve.max[index]]),
      })),
    };
  }

  async loadTrend(signal) {
    if (!this.chosen.length) return;
    const spec = await this.askTrend(this.from, this.to, signal);
    await byId("trend").set(spec, (from, to, cancelled) => this.askTrend(from, to, cancelled));
    const points = spec.series.reduce((most, series) => Math.max(most, series.points.length), 0);
    fill(byId("trend-note"), spec.bucket > 1
      ? _("{n} points, each the mean, lowest and highest of {s} s", { n: number(points), s: number(spec.bucket) })
      : _("{n} points, every report", { n: number(points) }));
  }

  async loadTrack(signal) {
    const parameters = { from: new Date(this.from).toISOString(), to: new Date(this.to).toISOString() };
    const answer = await get(`${this.path}/track`, parameters, signal);
    const points = answer.points.map((point) =>
      point ? { at: point[0], lon: point[1], lat: point[2], kmh: point[3] } : { lon: null, lat: null });
    byId("track").set(points, this.places);
    fill(byId("track-note"), _("{from} to {to}", { from: time(this.from), to: time(this.to) }));
  }

  async loadFrames(signal) {
    const parameters = { from: new Date(this.from).toISOString(), to: new Date(this.to).toISOString(), size: FRAMES_MAX };
    const answer = await get(`${this.path}/frames`, parameters, signal);
    const rows = answer.rows.map((row) => h("tr", {},
      h("td", {}, time(row.device_at)), h("td", { class: "soft" }, time(row.received_at)),
      h("td", { class: "soft" }, row.link), h("td", { class: "number" }, number(row.size_bytes)),
      h("td", { class: "mono" }, row.raw.slice(0, SHOWN_HEX)),
      h("td", {}, h("a", { href: `/inspector#${row.raw}` }, _("inspect")))));
    fill(byId("frames"), rows.length ? rows
      : h("tr", {}, h("td", { class: "empty", colspan: 6 }, _("No raw frame of this span is kept."))));
    fill(byId("frames-note"), _("newest {n}, as of {at}", { n: number(answer.rows.length), at: time(answer.as_of) }));
  }

  choose(name, wanted) {
    const rest = this.chosen.filter((other) => other !== name);
    this.chosen = wanted ? [...rest, name].slice(-SIGNALS_MAX) : rest;
    for (const box of byId("choices").querySelectorAll("input")) box.checked = this.chosen.includes(box.value);
    this.load();
  }

  start() {
    fill(byId("choices"), [...this.signals.values()].map((signal) => h("label", {},
      h("input", { type: "checkbox", value: signal.name, checked: this.chosen.includes(signal.name),
        onchange: (event) => this.choose(signal.name, event.target.checked) }),
      h("span", {}, signal.title, signal.unit ? h("span", { class: "faint" }, ` ${signal.unit}`) : ""))));
    byId("spans").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      this.seconds = Number(button.dataset.span);
      this.load();
    });
    byId("until").addEventListener("change", (event) => {
      this.to = fromLocal(event.target.value);
      this.following = false;
      this.load();
    });
    byId("newest").addEventListener("click", () => {
      this.following = true;
      this.to = this.last;
      this.load();
    });
    get("/overview").then((answer) => {
      this.places = answer.regions;
    }).catch((error) => console.warn(error.message)).finally(() => this.load());
    return this;
  }
}

/** Start the span of a vehicle. Returns the view, whose newest(at) is told of new reports. */
export function startSpan(path, signals, newest) {
  return new SpanView(path, signals, newest).start();
}
