// <trend-chart>: any signals over any span. Zooming asks the server for finer data of what is seen;
// the rest stays as coarse as it was, so memory does not grow however long somebody zooms.

import { fill, h, token } from "../dom.js";
import { full, number } from "../format.js";
import { _ } from "../words.js";

const LIBRARY = "/static/vendor/echarts.esm.min.js";
const ZOOM_WAIT_MS = 250;
const FINER_BELOW = 0.6; // share of the loaded span that must be seen before finer data pays
const AXIS_WIDTH = 58;
const TONES = ["--drive", "--level-2", "--charge", "--simulated", "--level-3", "--level-1", "--soft"];
const FEW_POINTS = 60; // so few are drawn as dots too, or a lone report would not be seen
const LINES = ["points", "low", "high", "marks"]; // the mean, the extremes around it, doubtful points
let library = null;

function load() {
  library ??= import(LIBRARY);
  return library;
}

function nameOf(series) {
  return series.unit ? `${series.title} [${series.unit}]` : series.title;
}

/** Curves of one unit share an axis; where there is no unit, those of one quantity do. */
function scaleOf(series) {
  return series.unit || series.quantity || "";
}

/** What stands at an axis: quantity and unit at the first, which has room, else the unit. */
function axisName(all, scale, index) {
  const quantities = new Set(all.filter((each) => scaleOf(each) === scale).map((each) => each.quantity ?? ""));
  const [quantity] = quantities.size === 1 ? quantities : [""];
  if (!scale) return _("value");
  return index || !quantity || quantity === scale ? scale : `${quantity} [${scale}]`;
}

function merged(coarse, fine, from, to) {
  if (!fine.length) return coarse;
  return [...coarse.filter((point) => point[0] < from), ...fine, ...coarse.filter((point) => point[0] > to)];
}

export class TrendChart extends HTMLElement {
  #chart = null;
  #spec = null;
  #ask = null;
  #timer = 0;
  #running = null;
  #size = new ResizeObserver(() => this.#chart?.resize());
  #theme = () => this.#chart && this.#draw();

  connectedCallback() {
    this.#size.observe(this);
    document.documentElement.addEventListener("themechange", this.#theme);
  }

  disconnectedCallback() {
    this.#size.disconnect();
    this.#running?.abort();
    this.#chart?.dispose();
    this.#chart = null;
    document.documentElement.removeEventListener("themechange", this.#theme);
  }

  /**
   * Show signals. spec: {from, to, bucket, series: [{title, unit, quantity, digits, points, low,
   * high, marks}]}, quantity where it is known, the last four as [[ms, value|null], ...], marks where there are any; ask(from, to,
   * signal) resolves to the same of a part.
   */
  async set(spec, ask) {
    this.#spec = spec;
    this.#ask = ask;
    if (!spec.series.length) { // the library cannot draw a chart without an axis
      this.#chart?.dispose();
      this.#chart = null;
      this.replaceChildren();
      return;
    }
    let echarts;
    try {
      echarts = await load();
    } catch {
      fill(this, h("p", { class: "empty" }, _("The chart library is not installed; run: make setup")));
      return;
    }
    if (!this.isConnected || this.#spec !== spec) return;
    this.#chart ??= this.#start(echarts);
    this.#draw();
  }

  #start(echarts) {
    this.replaceChildren();
    const chart = echarts.init(this, null, { renderer: "canvas" });
    chart.on("datazoom", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#refine(), ZOOM_WAIT_MS);
    });
    return chart;
  }

  /** Whether the reader looks at a part of what is loaded. */
  get zoomed() {
    const zoom = this.#chart?.getOption()?.dataZoom?.[0];
    return Boolean(zoom) && zoom.end - zoom.start < 99;
  }

  async #refine() {
    const zoom = this.#chart.getOption().dataZoom[0];
    const { from, to } = this.#spec;
    const left = from + ((to - from) * zoom.start) / 100;
    const right = from + ((to - from) * zoom.end) / 100;
    this.#running?.abort();
    if ((right - left) / (to - from) > FINER_BELOW) return;
    this.#running = new AbortController();
    try {
      const fine = await this.#ask(left, right, this.#running.signal);
      this.#chart.setOption({
        series: this.#spec.series.flatMap((series, index) => LINES.map((line) => ({
          data: merged(series[line] ?? [], fine.series[index]?.[line] ?? [], left, right),
        }))),
      });
    } catch (error) {
      if (error.name !== "AbortError") console.warn(error.message);
    }
  }

  #draw() {
    const { series, from, to } = this.#spec;
    const colours = TONES.map(token);
    const scales = [...new Set(series.map(scaleOf))];
    const text = { color: token("--soft"), fontFamily: token("--sans"), fontSize: 11 };
    const lineOf = (name) => ({ lineStyle: { color: token(name) } });
    this.#chart.setOption({
      animation: false,
      textStyle: { fontFamily: token("--sans") },
      color: colours,
      grid: {
        left: 52, right: 12 + AXIS_WIDTH * Math.max(0, scales.length - 1), top: 40, bottom: 62,
      },
      legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 14, itemHeight: 3, textStyle: text },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: token("--sheet"),
        borderColor: token("--rule"), padding: 8, textStyle: { ...text, color: token("--ink") },
        axisPointer: { type: "line", ...lineOf("--faint") },
        formatter: (points) => this.#tip(points),
      },
      xAxis: {
        type: "time", min: from, max: to, axisLine: lineOf("--rule"), axisTick: lineOf("--rule"),
        splitLine: { show: false },
        axisLabel: { ...text, hideOverlap: true, formatter: (at) => this.#tick(at) },
      },
      yAxis: scales.map((scale, index) => ({
        type: "value", scale: true, name: axisName(series, scale, index), nameGap: 10, position: index ? "right" : "left",
        offset: index > 1 ? AXIS_WIDTH * (index - 1) : 0, nameTextStyle: index ? text : { ...text, align: "left" }, axisLabel: text,
        splitNumber: 4, splitLine: { show: index === 0, ...lineOf("--hair") }, axisLine: { show: false },
      })),
      dataZoom: [
        { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false },
        {
          type: "slider", filterMode: "none", height: 18, bottom: 8, borderColor: token("--rule"),
          fillerColor: token("--wash"), handleStyle: { color: token("--sheet"), borderColor: token("--soft") },
          dataBackground: { ...lineOf("--rule"), areaStyle: { color: token("--wash") } },
          selectedDataBackground: { ...lineOf("--soft"), areaStyle: { color: token("--wash") } },
          moveHandleSize: 0, textStyle: text, labelFormatter: (at) => full(at).slice(5, 16), brushSelect: false,
        },
      ],
      series: series.flatMap((each, index) => LINES.map((line) => ({
        name: nameOf(each), type: "line", showSymbol: line === "marks" || (line === "points" && each.points.length < FEW_POINTS),
        symbol: line === "marks" ? "diamond" : "emptyCircle", symbolSize: line === "marks" ? 7 : 4, connectNulls: false, silent: line !== "points",
        color: line === "marks" ? token("--level-2") : colours[index % colours.length], yAxisIndex: scales.indexOf(scaleOf(each)), data: each[line] ?? [],
        lineStyle: line === "points" ? { width: 1.4 } : { width: line === "marks" ? 0 : 0.7, opacity: 0.45 },
      }))),
    }, { notMerge: true });
  }

  #tick(at) {
    const [date, clock] = full(at).split(" ");
    const days = (this.#spec.to - this.#spec.from) / 86_400_000;
    if (days < 0.001 && at % 1000) return `${clock}.${String(at % 1000).padStart(3, "0")}`;
    if (days > 3) return date.slice(5);
    return clock === "00:00:00" ? date.slice(5) : clock.slice(0, days < 0.02 ? 8 : 5);
  }

  #tip(points) {
    const lines = points.filter((point) => point.seriesIndex % LINES.length === 0).map((point) => {
      const series = this.#spec.series[point.seriesIndex / LINES.length];
      const digits = series.digits;
      const [, low, high] = [0, 1, 2].map((line) =>
        points.find((other) => other.seriesIndex === point.seriesIndex + line)?.value[1]);
      const range = low === high ? "" : `  (${number(low, digits)} … ${number(high, digits)})`;
      return `${series.title}  ${number(point.value[1], digits)} ${series.unit}${range}`;
    });
    return [full(points[0].value[0]), ...lines].join("\n");
  }
}

customElements.define("trend-chart", TrendChart);
