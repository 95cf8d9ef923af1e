// <xy-chart>: curves, bands, dots and bars over time or over a number, drawn by ECharts in the
// colours of the theme. What is shown is data; every axis has its unit.

import { fill, h, token } from "../dom.js";
import { full, number } from "../format.js";
import { _ } from "../words.js";

const LIBRARY = "/static/vendor/echarts.esm.min.js";
const DAY_MS = 86_400_000;
const SHORT_MS = 600_000; // a span so short is labelled with seconds
let library = null;

function load() {
  library ??= import(LIBRARY);
  return library;
}

/** Series as ECharts wants them; a band is two stacked lines, the lower one unseen. */
function drawn(each, index) {
  const colour = token(each.tone ?? "--ink");
  const base = { name: each.name ?? "", data: each.data, silent: Boolean(each.quiet), z: each.z ?? 2 + index };
  if (each.type === "band") {
    const edge = { type: "line", symbol: "none", silent: true, stack: `band ${index}`, lineStyle: { opacity: 0 }, z: 1 };
    return [
      { ...edge, name: "", stackStrategy: "all", data: each.data.map(([x, low]) => [x, low]) },
      { ...edge, name: each.name, stackStrategy: "all", itemStyle: { color: colour },
        data: each.data.map(([x, low, high]) => [x, low === null ? null : high - low]),
        areaStyle: { color: colour, opacity: each.opacity ?? 0.16 } },
    ];
  }
  if (each.type === "dots") {
    return [{ ...base, type: "scatter", symbolSize: each.size ?? 7,
      itemStyle: { color: colour, opacity: each.opacity ?? 0.85 },
      label: { show: Boolean(each.labels), formatter: (point) => point.data[2] ?? "", position: "right",
        color: token("--soft"), fontSize: 11, fontFamily: token("--sans") },
      labelLayout: { hideOverlap: true } }];
  }
  if (each.type === "bars") {
    return [{ ...base, type: "bar", barMaxWidth: 22, barCategoryGap: "25%", stack: each.stack, itemStyle: { color: colour } }];
  }
  return [{ ...base, type: "line", step: each.step ? "end" : false, connectNulls: false, animation: false,
    showSymbol: Boolean(each.symbol), symbolSize: 4, itemStyle: { color: colour },
    lineStyle: { color: colour, width: each.width ?? 1.4, opacity: each.opacity ?? 1, type: each.dash ? "dashed" : "solid" } }];
}

export class XyChart extends HTMLElement {
  #chart = null;
  #spec = null;
  #isShort = false;
  #size = new ResizeObserver(() => {
    if (!this.#chart) return;
    this.#chart.resize();
    this.#draw(); // a narrow legend takes more rows
  });
  #theme = () => this.#spec && this.#draw();

  connectedCallback() {
    this.#size.observe(this);
    document.documentElement.addEventListener("themechange", this.#theme);
  }

  disconnectedCallback() {
    this.#size.disconnect();
    this.#chart?.dispose();
    this.#chart = null;
    document.documentElement.removeEventListener("themechange", this.#theme);
  }

  /**
   * spec: {x: {kind: "time"|"number"|"log", clock: label hours, name, unit, digits of the readout, min, max}, y: the
   * same, series:
   * [{type: "line"|"band"|"dots"|"bars", name, tone, data, ...}], limits: [{value, name}] across
   * the plot, empty: what to say where there are no points, tip(point) -> lines of text}. Data are
   * [x, y], of a band [x, low, high]; a null breaks the line. onpick(point) is called for a click.
   */
  async set(spec) {
    this.#spec = spec;
    if (!spec.series.some((each) => each.data.length)) {
      this.#chart?.dispose();
      this.#chart = null;
      fill(this, h("p", { class: "empty" }, spec.empty ?? _("No data in this span.")));
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
    if (!this.#chart) {
      this.replaceChildren();
      this.#chart = echarts.init(this, null, { renderer: "canvas" });
      this.#chart.on("click", (point) => this.#spec.onpick?.(point));
    }
    this.#draw();
  }

  #axis(given, text, lines) {
    const kind = { time: "time", log: "log" }[given.kind] ?? "value";
    const name = given.unit && given.name ? `${given.name} [${given.unit}]` : given.name || given.unit || "";
    return {
      type: kind, name, nameTextStyle: text, scale: given.zero !== true, min: given.min, max: given.max,
      minInterval: given.whole ? 1 : undefined, axisLine: { show: lines, lineStyle: { color: token("--rule") } },
      axisTick: { show: lines, lineStyle: { color: token("--rule") } },
      splitLine: { show: !lines, lineStyle: { color: token("--hair") } }, splitNumber: 4,
      axisLabel: { ...text, hideOverlap: true, formatter: (value) => this.#label(given, value) },
    };
  }

  #label(given, value) {
    if (given.kind === "time") {
      const [date, clock] = full(value).split(" ");
      if (this.#isShort) return clock;
      return given.clock && clock !== "00:00:00" ? clock.slice(0, 5) : date.slice(5);
    }
    const decimals = (String(Number(value.toFixed(4))).split(".")[1] ?? "").length;
    return number(value, decimals); // as many as the step between two labels needs
  }

  /** Rows that a legend of these names takes [px]: Chinese letters are twice as wide. */
  #legendRows(named) {
    const widths = named.map((each) => 28 + [...each.name].reduce((sum, letter) => sum + (letter > "\u2e80" ? 11.5 : 6), 0));
    return Math.ceil(widths.reduce((sum, width) => sum + width, 0) / Math.max(this.clientWidth - 20, 1));
  }

  #draw() {
    const { x, y, series, limits = [] } = this.#spec;
    const text = { color: token("--soft"), fontFamily: token("--sans"), fontSize: this.#spec.large ? 16 : 11 };
    const named = series.filter((each) => each.name && !each.quiet);
    const across = {
      silent: true, symbol: "none", animation: false, lineStyle: { color: token("--level-3"), type: "dashed", width: 1 },
      label: { formatter: (line) => line.name, position: "insideEndTop", color: token("--soft"), fontSize: 11, fontFamily: token("--sans") },
      data: limits.map((limit) => ({ name: limit.name, ...(limit.vertical ? { xAxis: limit.value } : { yAxis: limit.value }) })),
    };
    const ends = series.flatMap((each) => (each.data.length ? [each.data[0][0], each.data.at(-1)[0]] : []));
    this.#isShort = x.kind === "time" && x.max === undefined && Math.max(...ends) - Math.min(...ends) < SHORT_MS;
    const all = series.flatMap(drawn);
    if (limits.length) all[0].markLine = across;
    this.#chart.setOption({
      animation: false,
      grid: { left: 8, right: 14, top: named.length > 1 ? 28 + 18 * this.#legendRows(named) : 28, bottom: x.name ? 24 : 6, containLabel: true },
      legend: { show: named.length > 1, top: 0, left: 0, icon: "roundRect", itemWidth: 14, itemHeight: 3, textStyle: text,
        data: named.map((each) => each.name), selectedMode: false },
      tooltip: { trigger: this.#spec.tip ? "item" : "axis", renderMode: "richText", confine: true, padding: 8,
        backgroundColor: token("--sheet"), borderColor: token("--rule"), textStyle: { ...text, color: token("--ink") },
        formatter: (points) => (this.#spec.tip ? this.#spec.tip(points).join("\n") : this.#lines([points].flat())) },
      xAxis: { ...this.#axis(x, text, true), nameLocation: "middle", nameGap: 26 },
      yAxis: { ...this.#axis(y, text, false), nameGap: 10, nameTextStyle: { ...text, align: "left" } },
      series: all,
    }, { notMerge: true });
  }

  #lines(points) {
    const { x, y, series } = this.#spec;
    const at = points[0].value[0];
    const head = x.kind === "time" ? full(at).slice(0, this.#isShort ? 19 : at % DAY_MS ? 16 : 10) : `${number(at, x.digits ?? 0)} ${x.unit ?? ""}`;
    const lines = series.filter((each) => each.name && !each.quiet).map((each) => {
      const point = each.data.find((other) => other[0] === at);
      if (!point || point[1] === null) return null;
      const figures = each.type === "band" ? point.slice(1, 3) : point.slice(1, 2);
      return `${each.name}  ${figures.map((value) => number(value, y.digits ?? 1)).join(" … ")} ${y.unit ?? ""}`;
    });
    return [head, ...lines.filter(Boolean)].join("\n");
  }
}

customElements.define("xy-chart", XyChart);
