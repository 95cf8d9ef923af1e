// Curves of any signals of any things over any span, from seconds to a year.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { fromLocal, full, number, span, time, unitText } from "../format.js";
import { every } from "../poll.js";
import { problem } from "../problem.js";
import { _, pick } from "../words.js";
import "../elements/trend-chart.js";

const POINTS = 1000;
const CURVES_MAX = 12;
const GOOD = 192;
const LIVE_S = 5;
const LIVE_BELOW_S = 100_000; // longer spans do not move with the clock
const shown = { seconds: 3600, to: Date.now(), live: true };
const wanted = []; // {thing, signal}
const known = new Map(); // thing~signal -> tag
let running = null;

function nameOf(each) {
  return `${each.thing}~${each.signal}`;
}

function byThing() {
  const things = new Map();
  for (const { thing, signal } of wanted) things.set(thing, [...(things.get(thing) ?? []), signal]);
  return [...things];
}

function seriesOf(thing, curve) {
  const tag = known.get(`${thing}~${curve.signal}`);
  const points = curve.t.map((at, index) => [at, curve.avg[index]]);
  return {
    title: `${thing} ${tag ? pick(tag.title, tag.title_zh) || curve.signal : curve.signal}`,
    unit: unitText(tag?.unit || curve.unit),
    quantity: pick(curve.quantity, curve.quantity_zh),
    digits: 3,
    points,
    low: curve.t.map((at, index) => [at, curve.min[index]]),
    high: curve.t.map((at, index) => [at, curve.max[index]]),
    marks: points.filter((point, index) => point[1] !== null && curve.quality[index] !== null && curve.quality[index] < GOOD),
    texts: curve.texts,
    signal: curve.signal,
    thing,
  };
}

async function ask(from, to, signal) {
  const parameters = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: POINTS };
  const answers = await Promise.all(byThing().map(([thing, signals]) =>
    get("/readings", { ...parameters, thing, signals: signals.join(",") }, signal)));
  const series = answers.flatMap((answer) => answer.curves.map((curve) => seriesOf(answer.thing, curve)));
  series.sort((a, b) => wanted.findIndex((w) => nameOf(w) === nameOf(a)) - wanted.findIndex((w) => nameOf(w) === nameOf(b)));
  return { from, to, bucket: Math.max(1, ...answers.map((answer) => answer.bucket_ms)), series };
}

function showTexts(series) {
  const rows = series.flatMap((each) => each.texts.map(([at, text]) => ({ at, text, each }))).sort((a, b) => b.at - a.at);
  byId("texts-panel").hidden = !rows.length;
  fill(byId("texts"), rows.slice(0, 200).map(({ at, text, each }) =>
    h("tr", {}, h("td", {}, full(at)), h("td", {}, `${each.thing} ${each.signal}`), h("td", { class: "wrap" }, text))));
}

function showNote(spec) {
  const points = Math.max(0, ...spec.series.map((each) => each.points.filter((point) => point[1] !== null).length));
  const width = spec.bucket < 1000 ? `${number(spec.bucket)} ms` : span(spec.bucket / 1000);
  const said = !wanted.length ? _("Name a thing and a signal above, or open a trend from any number.")
    : !points ? _("No reading in this span.")
      : spec.bucket > 1 ? _("{n} points, each the mean, lowest and highest of {width}; marks: quality not good", { n: number(points), width })
        : _("{n} points, every reading; marks: quality not good", { n: number(points) });
  fill(byId("note"), said);
  fill(byId("as-of"), _("as of {at}", { at: time(Date.now()) }));
}

function showExports() {
  const parameters = { from: new Date(shown.to - shown.seconds * 1000).toISOString(), to: new Date(shown.to).toISOString() };
  fill(byId("exports"), byThing().map(([thing, signals]) => ["xlsx", "csv"].map((format) =>
    [h("a", { class: "button", download: true, href: address("/readings", { ...parameters, thing, signals: signals.join(","), format }) },
      `${byThing().length > 1 ? `${thing} ` : ""}${format.toUpperCase()}`), " "])));
}

function showControls() {
  for (const button of byId("spans").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.span) === shown.seconds));
  }
  byId("until").value = full(shown.to).replace(" ", "T");
  byId("live").setAttribute("aria-pressed", String(shown.live));
  fill(byId("series"), wanted.map((each) => h("span", {}, `${each.thing} ${each.signal}`,
    h("button", { type: "button", "aria-label": _("Take {signal} away", { signal: each.signal }), onclick: () => drop(each) }, "×"))));
  showExports();
}

function keepAddress() {
  const query = new URLSearchParams(wanted.map((each) => ["s", nameOf(each)]));
  query.set("span", shown.seconds);
  if (!shown.live) query.set("to", new Date(shown.to).toISOString());
  history.replaceState(null, "", `?${query}`);
}

async function load() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    if (shown.live) shown.to = Date.now();
    showControls();
    const spec = await ask(shown.to - shown.seconds * 1000, shown.to, mine.signal);
    if (mine.signal.aborted) return;
    showTexts(spec.series);
    showNote(spec);
    // A signal that is a text has no curve and needs no axis; its changes stand below.
    const drawn = (given) => ({ ...given, series: given.series.filter((each) => !each.texts.length) });
    await byId("trend").set(drawn(spec), async (from, to, cancelled) => drawn(await ask(from, to, cancelled)));
  } finally {
    if (running === mine) running = null;
  }
}

function turn() {
  problem(null);
  keepAddress();
  load().catch((error) => error.name === "AbortError" || problem(error));
}

async function learn(thing) {
  const answer = await get("/tags", { thing, size: 500 });
  for (const tag of answer.rows) if (!known.get(nameOf(tag))?.title) known.set(nameOf(tag), tag); // two connections may bring one signal
}

async function add(thing, signal) {
  if (wanted.some((each) => each.thing === thing && each.signal === signal)) return;
  if (wanted.length >= CURVES_MAX) throw new Error(_("{n} curves are the most of one chart.", { n: CURVES_MAX }));
  await learn(thing);
  wanted.push({ thing, signal });
}

function drop(each) {
  wanted.splice(wanted.indexOf(each), 1);
  turn();
}

async function offer() {
  const form = byId("adding");
  const answer = await get("/readings/latest", { q: form.elements.thing.value.trim(), size: 200 });
  const own = answer.rows.filter((row) => row.thing === form.elements.thing.value.trim());
  const names = (name, rows) => [...new Set(rows.map((row) => row[name]))].sort().map((value) => h("option", { value }));
  fill(byId("things"), names("thing", answer.rows));
  fill(byId("signals"), names("signal", own.length ? own : answer.rows));
}

function startControls() {
  const form = byId("adding");
  form.elements.thing.addEventListener("input", () => offer().catch(problem));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(form.elements.thing.value.trim(), form.elements.signal.value.trim()).then(turn, problem);
  });
  byId("spans").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    shown.seconds = Number(button.dataset.span);
    turn();
  });
  byId("until").addEventListener("change", (event) => {
    Object.assign(shown, { to: fromLocal(event.target.value), live: false });
    turn();
  });
  byId("live").addEventListener("click", () => {
    shown.live = !shown.live;
    turn();
  });
}

async function start() {
  const asked = new URLSearchParams(location.search);
  shown.seconds = Number(asked.get("span")) || shown.seconds;
  if (asked.get("to")) Object.assign(shown, { to: Date.parse(asked.get("to")), live: false });
  startControls();
  offer().catch(problem);
  for (const name of asked.getAll("s").slice(0, CURVES_MAX)) {
    const cut = name.lastIndexOf("~");
    if (cut > 0) await add(name.slice(0, cut), name.slice(cut + 1));
  }
  turn();
  every(LIVE_S, async () => {
    // One that is still under way is not overtaken, or a slow server would never be heard out.
    const isIdle = !running && !byId("trend").zoomed;
    if (shown.live && wanted.length && isIdle && shown.seconds < LIVE_BELOW_S) await load();
  });
}

start().catch(problem);
