// What the pages of the works share: how to ask, names and colours of states, ribbons, tables.

import { address, get } from "/static/js/api.js";
import { byId, data, fill, h } from "/static/js/dom.js";
import { full, instant, NONE, number, span, time } from "/static/js/format.js";
import { _, language, pick } from "/static/js/words.js";

const ROOM = "/rooms/effectiveness";
export const STALE_S = 120;
export const PRODUCING = 1;
export const DOWN = 4;
export const DAY_MS = 86_400_000;

export function ask(name, parameters, signal) {
  return get(`${ROOM}/${name}`, parameters, signal);
}

export function download(name, parameters, format) {
  return address(`${ROOM}/${name}`, { ...parameters, format });
}

const STATES = [
  () => _("offline"), () => _("producing"), () => _("idle"), () => _("set-up"),
  () => _("down"), () => _("upkeep"), () => _("blocked"), () => _("starved"),
];

export const stateName = (state) => STATES[state]?.() ?? String(state);
export const STATE_CODES = [1, 3, 2, 7, 6, 4, 5, 0];

/** A state as a coloured square and a word. */
export function stateMark(state) {
  return h("span", { class: "machine-state" }, h("i", { class: `tone s${state}` }), stateName(state));
}

const LOSSES = {
  good: () => _("good pieces"), quality: () => _("scrap and rework"), speed: () => _("slower than nameplate"),
  micro: () => _("micro-stops"), producing: () => _("producing, nameplate not known"),
  unknown: () => _("offline or no data"), idle: () => _("idle"), setup: () => _("set-up"), down: () => _("down"),
  maintenance: () => _("upkeep"), blocked: () => _("blocked"), starved: () => _("starved"),
};
export const LOSS_TONES = {
  good: "s1", quality: "quality", speed: "speed", micro: "micro", producing: "s1", unknown: "s0", idle: "s2",
  setup: "s3", down: "s4", maintenance: "s5", blocked: "s6", starved: "s7",
};
export const lossName = (loss) => LOSSES[loss]?.() ?? loss;

/** The name of a row's reason by the plant's reason tree; a code without a name stays a code. */
export const reasonName = (row) => pick(row.reason_title, row.reason_title_zh) || row.reason || _("no reason given");
export const machineName = (row) => pick(row.title, row.title_zh) || row.machine;
export const lineName = (row) => pick(row.line_title, row.line_title_zh) || row.line || _("without a line");
export const areaName = (row) => pick(row.area_title, row.area_title_zh) || row.area || _("without an area");
export const machinePath = (machine) => `/plant/machine/${encodeURIComponent(machine)}`;
export const linePath = (line) => `/plant/line/${encodeURIComponent(line)}`;

/** Hours, minutes and seconds: a loss is told to the second. */
export function clock(ms) {
  if (ms === null || ms === undefined) return NONE;
  const whole = Math.round(Math.abs(ms) / 1000);
  const two = (value) => String(value).padStart(2, "0");
  return `${ms < 0 ? "−" : ""}${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

export const pct = (value, digits = 1) => (value === null || value === undefined ? NONE : `${number(value, digits)} %`);

/** Whether what is told of a machine is too old to be believed. */
export const isStale = (row) => !row.as_of || Date.now() - instant(row.as_of) > STALE_S * 1000;

/** Machines grouped: by key, in the order in which they came. */
export function grouped(rows, key) {
  const found = new Map();
  for (const row of rows) {
    if (!found.has(key(row))) found.set(key(row), []);
    found.get(key(row)).push(row);
  }
  return found;
}

/** How many machines are in each state: [{state, count}] in the order of the legend. */
export function stateCounts(rows) {
  return STATE_CODES.map((state) => ({ state, count: rows.filter((row) => row.state === state).length })).filter((each) => each.count);
}

export function asOf(id, answer) {
  const note = byId(id);
  if (!note) return;
  fill(note, _("as of {at}", { at: time(answer.as_of) }));
  note.title = full(answer.as_of);
}

export function simulated(rows) {
  const notice = byId("simulated");
  if (!notice) return;
  notice.hidden = !rows.some((row) => row.is_simulated);
  fill(notice, h("b", {}, _("Simulated data")), " ", _("machines and people of this plant are invented"));
}

/** Begin of the plant day that runs now [ms]: 08:00 Beijing time. */
export function dayBegin(now = Date.now()) {
  return Math.floor(now / DAY_MS) * DAY_MS;
}

/** A ribbon of runs between two instants; each piece says what it is. */
export function ribbon(rows, from, until) {
  const width = until - from;
  const pieces = rows.map((row) => {
    const start = Math.max(instant(row.start_at), from);
    const end = Math.min(instant(row.end_at), until);
    if (end <= start) return null;
    const title = `${stateName(row.state)} · ${time(row.start_at)}–${time(row.end_at)} · ${clock(instant(row.end_at) - instant(row.start_at))}`;
    const piece = h("i", { class: `tone s${row.state}`, title: row.reason ? `${title} · ${reasonName(row)}` : title });
    piece.style.left = `${(100 * (start - from)) / width}%`;
    piece.style.width = `${(100 * (end - start)) / width}%`;
    return piece;
  });
  const ticks = [];
  const step = width > 14 * 3_600_000 ? 4 * 3_600_000 : 2 * 3_600_000;
  for (let at = from; at <= until; at += step) {
    const tick = h("span", {}, time(at).slice(-8, -3));
    tick.style.left = `${(100 * (at - from)) / width}%`;
    ticks.push(tick);
  }
  return h("div", { class: "ribbon" }, h("div", { class: "track", role: "img", "aria-label": _("states of the day") }, pieces), h("div", { class: "ticks" }, ticks));
}

/** Slots of time as runs, for a ribbon. */
export function slotRuns(row, width) {
  const found = [];
  for (const [i, slot] of row.slots.entries()) {
    const last = found.at(-1);
    if (last && last.state === row.states[i] && last.end_at === slot * width) last.end_at += width;
    else found.push({ state: row.states[i], start_at: slot * width, end_at: (slot + 1) * width });
  }
  return found;
}

/** Bars of pieces by hour against the plan, as xy-chart wants them. */
export function hourSpec(rows, large = false) {
  const middle = (row) => instant(row.hour_at) + 1_800_000;
  const span = rows.length ? { min: instant(rows[0].hour_at), max: instant(rows.at(-1).hour_at) + 3_600_000 } : {};
  return {
    large, x: { kind: "time", clock: true, ...span }, y: { zero: true, digits: 0, unit: large ? "" : _("pieces/h") },
    series: [
      { type: "bars", stack: "made", tone: "--charge", name: _("good"), data: rows.map((row) => [middle(row), row.good_count]) },
      { type: "bars", stack: "made", tone: "--level-3", name: _("scrap and rework"), data: rows.map((row) => [middle(row), row.scrap_count + row.rework_count]) },
      { type: "line", tone: "--ink", step: false, symbol: true, name: _("plan at nameplate"), data: rows.map((row) => [middle(row), row.plan_count]) },
    ],
    empty: _("Nothing was made yet."),
  };
}

/** Losses as rows with bars: the largest first; good time leads. */
export function lossTable(rows, onpick) {
  const whole = rows.reduce((sum, row) => sum + (row.time_ms ?? 0), 0);
  const most = Math.max(1, ...rows.map((row) => Math.abs(row.time_ms ?? 0)));
  const body = rows.map((row) => {
    const bar = h("i", { class: `tone ${LOSS_TONES[row.loss]}` });
    bar.style.inlineSize = `${(100 * Math.abs(row.time_ms ?? 0)) / most}%`;
    const name = h("span", { class: "machine-state" }, h("i", { class: `tone ${LOSS_TONES[row.loss]}` }), lossName(row.loss));
    return h("tr", { tabindex: onpick && row.stop_count ? 0 : null, onclick: onpick && row.stop_count ? () => onpick(row) : null },
      h("td", {}, name), h("td", { class: "reason", title: row.reason }, ["good", "quality", "speed", "producing", "unknown"].includes(row.loss) ? "" : reasonName(row)),
      h("td", { class: "number" }, clock(row.time_ms)), h("td", { class: "number" }, whole ? pct((100 * row.time_ms) / whole) : NONE),
      h("td", { class: "number" }, row.stop_count ? number(row.stop_count) : ""), h("td", { class: "bar" }, bar));
  });
  return [
    h("thead", {}, h("tr", {}, h("th", {}, _("Where time went")), h("th", {}, _("Reason")), h("th", { class: "number" }, _("h:min:s")),
      h("th", { class: "number" }, _("of planned time")), h("th", { class: "number" }, _("Stops")), h("th", {}))),
    h("tbody", {}, body.length ? body : h("tr", {}, h("td", { colspan: 6, class: "empty" }, _("No planned time in this span.")))),
    h("tfoot", {}, h("tr", {}, h("td", { colspan: 2 }, _("Planned time")), h("td", { class: "number" }, clock(whole)), h("td", { class: "number" }, whole ? pct(100) : ""), h("td"), h("td"))),
  ];
}

export function stopRows(rows, withMachine = true, withOrder = true) {
  return rows.map((row) => h("tr", {},
    withMachine ? h("td", {}, h("a", { href: machinePath(row.machine) }, machineName(row))) : null,
    h("td", {}, stateMark(row.state)), h("td", { class: "reason", title: row.reason }, reasonName(row)),
    h("td", { class: "wide" }, time(row.start_at)), h("td", { class: "number" }, clock(row.stop_s * 1000)), withOrder ? h("td", { class: "reason wide" }, row.job) : null));
}

export function stopHead(withMachine = true, withOrder = true) {
  return h("thead", {}, h("tr", {}, withMachine ? h("th", {}, _("Machine")) : null, h("th", {}, _("State")), h("th", {}, _("Reason")),
    h("th", { class: "wide" }, _("Begin")), h("th", { class: "number" }, _("h:min:s")), withOrder ? h("th", { class: "wide" }, _("Order")) : null));
}

/** The legend of the states. */
export function legend() {
  return STATE_CODES.map((state) => h("li", {}, stateMark(state)));
}

/** How long a machine has stood so. */
export const since = (row) => (row.since_at ? span((Date.now() - instant(row.since_at)) / 1000) : NONE);

export const columnsOf = (query) => data("queries")[query].columns;
export { language };
