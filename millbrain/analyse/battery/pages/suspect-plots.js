// The plots of one suspect: its cell against the herd over time, all cells as a picture, at rest
// against all reports, state of health. One answer of the room fills them all.

import { byId, fill, h } from "/static/js/dom.js";
import { number } from "/static/js/format.js";
import { _ } from "/static/js/words.js";
import "/static/js/elements/cell-days.js";
import "/static/js/elements/xy-chart.js";
import { ask, asOf, noon } from "./battery.js";

const NEWEST_DAYS = 7;
const SCALES = { deviation_mv: [20, "mV"], rest_mv: [20, "mV"], excess_mohm: [0.4, "mΩ"] };
const TONES = ["--level-3", "--drive", "--simulated", "--level-2"];
const NAMED_MAX = 4;

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

/** [noon, 5 %, 95 %] of the cells of each day; null where none is known. */
function band(rows, measure) {
  return rows.map((row) => {
    const known = row[measure].filter((value) => value !== null).sort((a, b) => a - b);
    return known.length ? [noon(row.day), quantile(known, 0.05), quantile(known, 0.95)] : [noon(row.day), null, null];
  });
}

function line(rows, measure, cell) {
  return rows.map((row) => [noon(row.day), row[measure][cell - 1] ?? null]);
}

/** Mean of each cell over rows, null where it was never known. */
function means(rows, measure, count) {
  return Array.from({ length: count }, (_unused, index) => {
    const known = rows.map((row) => row[measure][index]).filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  });
}

class Plots {
  constructor(vin) {
    this.vin = vin;
    this.rows = [];
    this.pack = 0;
    this.measure = "deviation_mv";
    this.cells = [];
    this.finding = null;
    this.span = 90;
    this.onspan = () => {};
    this.#buttons("measures", "measure", (value) => {
      this.measure = value;
      this.#grid();
    });
    this.#buttons("spans", "days", (value) => {
      this.span = Number(value);
      this.onspan();
    });
  }

  days() {
    return this.span;
  }

  /** The finding looked at, and all open ones: their cells are drawn as lines of their own. */
  emphasise(finding, open) {
    const first = finding?.cell_no ? [finding.cell_no] : [];
    this.finding = finding;
    this.pack = finding?.pack_no || this.pack;
    const others = open.filter((row) => row.cell_no && row.pack_no === this.pack).map((row) => row.cell_no);
    this.cells = [...new Set([...first, ...others])].slice(0, NAMED_MAX);
    this.#draw();
  }

  async load(signal) {
    const [days, soh] = await Promise.all([
      ask("cell_days", { vin: this.vin, days: this.span }, signal), ask("soh_history", { vin: this.vin, days: 400 }, signal)]);
    this.rows = days.rows;
    this.pack ||= days.rows[0]?.pack_no ?? 1;
    this.#packs();
    this.#draw();
    this.#health(soh.rows);
    asOf("cell_days", days);
    asOf("soh_history", soh);
  }

  #buttons(id, key, act) {
    byId(id).addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of byId(id).querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      act(button.dataset[key]);
    });
  }

  #packs() {
    const packs = [...new Set(this.rows.map((row) => row.pack_no))];
    byId("packs").hidden = packs.length < 2;
    fill(byId("packs"), packs.map((no) => h("button", { type: "button", "aria-pressed": String(no === this.pack), onclick: () => {
      this.pack = no;
      this.#packs();
      this.#draw();
    } }, _("pack {no}", { no }))));
  }

  #mine() {
    return this.rows.filter((row) => row.pack_no === this.pack);
  }

  #draw() {
    this.#curves("deviation", "deviation_mv", "mV");
    this.#curves("excess", "excess_mohm", "mΩ");
    this.#grid();
    this.#scatter();
  }

  #curves(id, measure, unit) {
    const rows = this.#mine();
    const known = rows.filter((row) => row[measure].some((value) => value !== null));
    const limit = this.finding && { mV: "deviation_mv", mOhm: "excess_mohm" }[this.finding.unit] === measure ? this.finding.threshold : null;
    byId(id).set({
      x: { kind: "time" }, y: { unit, digits: unit === "mV" ? 1 : 2 },
      series: !known.length ? [] : [
        { type: "band", name: _("the herd"), tone: "--soft", data: band(rows, measure) },
        ...this.cells.map((cell, index) => ({ type: "line", name: _("cell {no}", { no: cell }), tone: TONES[index], width: index ? 1.2 : 2.2,
          symbol: rows.length < 60, data: line(rows, measure, cell) })),
      ],
      limits: limit === null ? [] : [{ value: limit, name: _("limit") }],
      empty: _("No day with enough reports in this span."),
    });
  }

  #grid() {
    const rows = this.#mine();
    const [scale, unit] = SCALES[this.measure];
    const days = this.#calendar(rows);
    const byDay = new Map(rows.map((row) => [row.day, row[this.measure]]));
    byId("grid").set({
      days, cells: days.map((day) => byDay.get(day) ?? []), scale, unit, digits: unit === "mV" ? 1 : 2,
      chosen: this.cells[0] ?? 0, label: _("Deviation of every cell on every day"),
      empty: _("No day with enough reports in this span."),
      onpick: (cell) => {
        this.cells = [cell, ...this.cells.filter((other) => other !== cell)].slice(0, NAMED_MAX);
        this.#draw();
      },
    });
  }

  /** Every day from the first to the last, so that a day without reports is seen as a gap. */
  #calendar(rows) {
    if (!rows.length) return [];
    const days = [];
    for (let at = noon(rows[0].day); at <= noon(rows.at(-1).day); at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10));
    return days;
  }

  #scatter() {
    const rows = this.#mine().slice(-NEWEST_DAYS);
    const count = Math.max(0, ...rows.map((row) => row.deviation_mv.length));
    const rest = means(rows, "rest_mv", count);
    const all = means(rows, "deviation_mv", count);
    const points = rest.map((value, index) => [value, all[index], String(index + 1)]).filter((point) => point[0] !== null && point[1] !== null);
    const marked = (point) => this.cells.includes(Number(point[2]));
    const ends = points.flatMap((point) => point.slice(0, 2));
    const far = [Math.min(...ends), Math.max(...ends)];
    byId("scatter").set({
      x: { name: _("at rest"), unit: "mV", digits: 0 }, y: { name: _("all reports"), unit: "mV", digits: 0 },
      series: !points.length ? [] : [
        { type: "line", quiet: true, tone: "--rule", dash: true, width: 1, data: far.map((value) => [value, value]) },
        { type: "dots", tone: "--soft", opacity: 0.5, size: 6, name: _("cells"), data: points.filter((point) => !marked(point)) },
        { type: "dots", tone: TONES[0], size: 11, labels: true, name: _("suspect"), data: points.filter(marked) },
      ],
      tip: (point) => [_("cell {no}", { no: point.data[2] }), `${_("at rest")} ${number(point.data[0], 1)} mV`, `${_("all reports")} ${number(point.data[1], 1)} mV`],
      empty: _("No day with rest in this span."),
    });
  }

  #health(rows) {
    const mine = rows.filter((row) => row.pack_no === this.pack && row.method === "charge" && row.soh_pct !== null);
    byId("soh").set({
      x: { kind: "time" }, y: { unit: "%", digits: 1 },
      series: !mine.length ? [] : [
        { type: "band", name: _("± 2 standard uncertainties"), tone: "--drive", data: mine.map((row) =>
          [noon(row.day), row.soh_pct - 2 * (row.soh_std_pct ?? 0), row.soh_pct + 2 * (row.soh_std_pct ?? 0)]) },
        { type: "line", name: _("state of health"), tone: "--drive", width: 1.8, symbol: true, data: mine.map((row) => [noon(row.day), row.soh_pct]) },
      ],
      empty: _("Too few charges have told a capacity yet."),
    });
  }
}

export function startPlots(vin) {
  return new Plots(vin);
}
