// Job cards of a station: what can run, who does it, and every report as one tap, with or without a
// network. What the server said last is kept on the device; what was done waits in the queue.

import { ask, post } from "../api.js";
import { startCamera } from "../camera.js";
import * as clock from "../cards/clock.js";
import { overlay } from "../cards/overlay.js";
import * as queue from "../cards/queue.js";
import { askHelp, askOne, askReason, showLast, stepper } from "../cards/sheet.js";
import { keep, kept } from "../cards/store.js";
import { byId, fill, h } from "../dom.js";
import { number, span, time } from "../format.js";
import { _, pick } from "../words.js";

const PERIOD_MS = 5000;
const CHECK_MS = 3000;
const RECENT = 30;
const STATION = "millbrain.station";
const PERSON = "millbrain.person";
let words = { kinds: {}, andon_kinds: {}, reasons: [], people: [], operation_states: {} };
let stations = [];
let work = null; // what the server said last of the station
let open = ""; // order and step of the card that is open
let part = ""; // code of the part in hand
let failed = []; // checks that the last start did not pass
let pieces = 1;
let busy = false;
let recent = [];

const keyOf = (row) => `${row.order.number} ${row.step}`;
const person = () => byId("person").value.trim();
const station = () => byId("station").value;
const rows = () => (work?.operations ?? []).map((row) => overlay(row, queue.waiting()));

// What the server says ---------------------------------------------------------------------------

/** Ask the server; without an answer take what was kept under the name. */
async function fetched(path, name) {
  try {
    const sent = Date.now();
    const answer = await ask(path);
    if (answer.as_of) clock.measure(sent, Date.now(), answer.as_of);
    await keep(name, answer);
    queue.reached();
    return answer;
  } catch (error) {
    if (error.status === undefined) throw error;
    queue.standing.isOnline = error.status !== 0;
    queue.standing.needsLogin = error.status === 401;
    showSync();
    return kept(name);
  }
}

async function loadStation() {
  if (!station()) return;
  work = (await fetched(`/production/stations/${encodeURIComponent(station())}`, `station ${station()}`)) ?? null;
  draw();
}

async function loadWords() {
  words = (await fetched("/production/words", "words")) ?? words;
  stations = (await fetched("/production/stations", "stations")) ?? [];
  fill(byId("people"), words.people.map((each) => h("option", { value: each.code }, pick(each.title, each.title_zh))));
}

// Reports ----------------------------------------------------------------------------------------

/** Whether it is known who works here; if not, the field asks for it. */
function isNamed() {
  byId("person").toggleAttribute("aria-invalid", !person());
  if (!person()) byId("person").focus();
  return Boolean(person());
}

async function report(row, kind, more = {}) {
  if (!isNamed()) return;
  navigator.vibrate?.(40);
  const body = { order: row.order.number, step: row.step, kind, person: person(), machine: station(), ...more };
  const item = await queue.add("report", body);
  recent = [{ id: item.id, made: item.made, body: item.body }, ...recent].slice(0, RECENT);
  await keep("recent", recent);
  draw();
}

/** Begin after the checks; without a network the work goes on and is looked at afterwards. */
async function begin(row, kind) {
  if (!isNamed() || busy) return;
  busy = true;
  failed = [];
  try {
    const question = { order: row.order.number, step: row.step, person: person(), machine: station(), text: part };
    const answer = await post("/production/checks", question, AbortSignal.timeout(CHECK_MS));
    failed = answer.failed;
  } catch (error) {
    if (error.status >= 400 && error.status < 500 && error.status !== 401) failed = [{ message: error.message }];
  } finally {
    busy = false;
  }
  if (failed.length) {
    navigator.vibrate?.([250, 120, 250]);
    return draw();
  }
  return report(row, kind);
}

async function good(row) {
  const produced = part ? [{ key: part, quantity: 1, is_serial: true }] : [];
  await report(row, "good", { quantity: part ? 1 : pieces, produced });
  part = "";
  pieces = 1;
  draw();
}

function reasonsOf(...categories) {
  const found = words.reasons.filter((reason) => categories.includes(reason.category));
  const leaves = found.filter((reason) => !words.reasons.some((other) => other.parent === reason.code));
  return [...leaves, { code: "other", title: _("other"), title_zh: _("other") }];
}

function bad(row, kind, title) {
  askReason(title, reasonsOf("quality"), row.left || 1, (quantity, reason) => report(row, kind, { quantity, reason }));
}

function pause(row) {
  askOne(_("Why do you pause?"), reasonsOf("planned", "unplanned", "setup", "micro"),
    (reason) => report(row, "pause", { reason }));
}

async function takeBack(item) {
  const { order, step, kind, quantity, person: who, machine } = item.body;
  item.takenBack = true;
  await queue.add("report", { order, step, kind, person: who, machine, quantity: quantity ?? 0, reversal_of: item.id });
  await keep("recent", recent);
  draw();
}

function help() {
  const row = rows().find((each) => keyOf(each) === open);
  askHelp(words.andon_kinds, (kind, stops) => queue.add("andon", {
    station: station(), kind, stops_line: stops, person: person(),
    order: row?.order.number ?? "", step: row?.step ?? "",
  }));
}

// What is scanned --------------------------------------------------------------------------------

async function read(text) {
  byId("text").value = "";
  const code = decodeURIComponent(text.split("/").pop()).toUpperCase();
  const found = rows().find((row) => [code, text.toUpperCase()].includes(row.order.number.toUpperCase()));
  if (found) {
    open = keyOf(found);
    failed = [];
    return draw();
  }
  part = text;
  const row = rows().find((each) => keyOf(each) === open);
  if (row && row.state === "ready") return begin(row, "start");
  return draw();
}

// Drawing ----------------------------------------------------------------------------------------

function showSync() {
  const told = queue.standing;
  const way = told.needsLogin ? "login" : told.isOnline ? "online" : "offline";
  const name = { login: _("logged out"), online: _("on line"), offline: _("off line") }[way];
  byId("sync").dataset.way = way;
  fill(byId("sync"), h("b", {}, name), h("span", { id: "waiting", "data-count": told.waiting },
    told.waiting ? _("{n} waiting to be sent", { n: number(told.waiting) }) : _("nothing waits")),
    h("span", { class: "soft" }, told.syncedAt ? _("sent {at}", { at: time(told.syncedAt) }) : _("never sent yet")),
    told.needsLogin ? h("a", { href: `/login?next=${encodeURIComponent("/cards")}` }, _("Log in to send")) : null,
    Math.abs(clock.ahead()) > 60_000 ? h("span", { class: "late" }, _("this clock is {age} off", { age: span(Math.abs(clock.ahead()) / 1000) })) : null,
    told.told.slice(0, 1).map((each) => h("span", { class: "late" }, _("kept, but: {what}", { what: pick(each.title, each.title_zh) }))));
  byId("refused").hidden = !told.refused.length;
  fill(byId("refused"), told.refused.map((item) => h("li", {}, h("b", {}, _("not accepted"), " "),
    `${item.body.order ?? ""} ${item.body.step ?? ""} ${item.body.kind}: ${item.why} `,
    h("button", { type: "button", class: "button", onclick: () => queue.giveUp(item.id) }, _("Discard")))));
}

const stateName = (row) => pick(...(words.operation_states[row.state] ?? [row.state, row.state]));
const titleOf = (row) => `${row.step} ${pick(row.title, row.title_zh) || row.operation}`;

function dueText(row) {
  const wanted = row.order.promised_at ?? row.order.due_at;
  return wanted ? _("until {at}", { at: time(wanted).slice(0, -3) }) : "";
}

function bar(row) {
  return h("progress", { max: row.order.quantity, value: Math.min(row.good, row.order.quantity),
    "aria-label": _("{n} of {all} pieces", { n: row.good, all: row.order.quantity }) });
}

function listed(row) {
  const cannot = !row.can_run && row.state === "ready";
  return h("button", { type: "button", class: `work ${row.state} ${cannot ? "cannot" : ""}`, "data-order": row.order.number,
    "aria-pressed": String(keyOf(row) === open),
    onclick: () => {
      open = keyOf(row);
      failed = [];
      part = "";
      draw();
    } },
    h("span", { class: "line" }, h("b", {}, row.order.number), h("span", {}, stateName(row))),
    h("span", { class: "what" }, pick(row.order.title, row.order.title_zh) || row.order.product, " · ", titleOf(row)),
    bar(row),
    h("span", { class: "line soft" }, h("span", {}, `${number(row.good)} / ${number(row.order.quantity)}`),
      h("span", {}, dueText(row)), row.order.simulated ? h("span", { class: "badge simulated" }, _("simulated")) : null),
    cannot ? h("span", { class: "why" }, pick(row.why_not[0], row.why_not_zh[0])) : null);
}

function big(name, label, act, kind = "") {
  return h("button", { type: "button", class: `big ${kind}`, "data-act": name, onclick: act }, label);
}

function buttons(row) {
  const own = { setup: () => begin(row, "setup"), start: () => begin(row, "start"), resume: () => begin(row, "resume") };
  const ways = {
    ready: [big("start", _("Start"), own.start, "main"), big("setup", _("Set-up"), own.setup)],
    setup: [big("start", _("Start"), own.start, "main"), big("pause", _("Pause"), () => pause(row))],
    running: [big("pause", _("Pause"), () => pause(row)), big("start", _("Join in"), own.start)],
    paused: [big("resume", _("Continue"), own.resume, "main")],
    done: [],
  }[row.state] ?? [];
  if (row.state === "done") return ways;
  return [...ways, big("scrap", _("Scrap"), () => bad(row, "scrap", _("Why is it scrap?")), "bad"),
    big("rework", _("Rework"), () => bad(row, "rework", _("Why must it be reworked?"))),
    big("finish", _("Finish"), () => report(row, "finish"))];
}

function card(row) {
  const field = h("input", { type: "number", min: 1, max: 1_000_000, value: pieces, inputmode: "numeric", "aria-label": _("Pieces"),
    oninput: (event) => {
      pieces = Math.max(1, Math.round(Number(event.target.value) || 1));
      const tap = document.querySelector("[data-act=good] b");
      if (tap) tap.textContent = `+${part ? 1 : pieces}`;
    } });
  return [
    h("div", { class: "line" }, h("button", { type: "button", class: "button", onclick: () => {
      open = "";
      draw();
    } }, `← ${_("All")}`), h("b", { class: `state ${row.state}`, id: "state" }, stateName(row)),
    row.order.simulated ? h("span", { class: "badge simulated" }, _("simulated")) : null),
    h("h1", {}, row.order.number),
    h("p", { class: "what" }, [pick(row.order.title, row.order.title_zh) || row.order.product, row.order.revision, titleOf(row), dueText(row)].filter(Boolean).join(" · ")),
    failed.length ? h("ul", { class: "failed", id: "failed", role: "alert" }, failed.map((each) => h("li", {}, pick(each.message, each.message_zh)))) : null,
    part ? h("p", { class: "part", id: "part" }, part, " ", h("button", { type: "button", class: "button", onclick: () => {
      part = "";
      draw();
    } }, _("not this one"))) : null,
    h("dl", { class: "counts" }, [["good", _("good")], ["scrap", _("scrap")], ["rework", _("rework")], ["left", _("left")]].map(([name, title]) =>
      h("div", { class: name }, h("dt", {}, title), h("dd", { id: `count-${name}` }, number(row[name]))))),
    bar(row),
    row.state === "done" ? null : h("div", { class: "tap" }, h("button", { type: "button", class: "good", "data-act": "good", onclick: () => good(row) },
      h("b", {}, `+${part ? 1 : pieces}`), " ", _("Good")), part ? null : stepper(field)),
    h("div", { class: "buttons" }, buttons(row)),
    h("div", { class: "line soft" }, row.workers.length ? h("span", {}, _("who can: {names}", { names: row.workers.slice(0, 6).map((each) => each.code).join(", ") })) : null,
      h("button", { type: "button", class: "button bare", id: "last", onclick: () =>
        showLast(recent.filter((item) => `${item.body.order} ${item.body.step}` === open), words.kinds, takeBack) }, _("Last reports"))),
  ];
}

function draw() {
  showSync();
  const found = rows();
  const row = found.find((each) => keyOf(each) === open);
  if (open && !row) open = "";
  byId("cards").toggleAttribute("data-open", Boolean(row));
  byId("card").hidden = !row;
  if (row) {
    const typing = document.activeElement?.closest?.(".stepper");
    if (!typing || !byId("card").contains(typing)) fill(byId("card"), card(row));
  }
  fill(byId("list"), found.length ? found.map(listed) : h("p", { class: "soft empty" },
    work ? _("There is nothing to do at this station.") : _("Nothing is known of this station yet: go on line once.")));
}

// Start ------------------------------------------------------------------------------------------

async function startWorker() {
  if (!("serviceWorker" in navigator)) {
    fill(byId("means"), _("Without https this page cannot be opened off line; what is done here is kept all the same."));
    return;
  }
  await navigator.serviceWorker.register("/cards/worker.js", { scope: "/cards" });
  const ready = await navigator.serviceWorker.ready;
  const parts = performance.getEntriesByType("resource").map((entry) => entry.name);
  ready.active.postMessage({ keep: ["/cards", ...new Set(parts), "/static/icon.svg"] });
}

function startChoices() {
  const wanted = new URLSearchParams(location.search).get("station") ?? localStorage.getItem(STATION);
  const names = stations.map((each) => each.station);
  const all = wanted && !names.includes(wanted) ? [{ station: wanted, title: wanted, title_zh: wanted }, ...stations] : stations;
  fill(byId("station"), all.map((each) => h("option", { value: each.station, selected: each.station === wanted },
    `${each.station} ${pick(each.title, each.title_zh) === each.station ? "" : pick(each.title, each.title_zh)}`)));
  byId("station").addEventListener("change", () => {
    localStorage.setItem(STATION, station());
    open = "";
    work = null;
    loadStation();
  });
  byId("person").value = localStorage.getItem(PERSON) ?? "";
  byId("person").addEventListener("change", () => {
    localStorage.setItem(PERSON, person());
    isNamed();
  });
  if (station()) localStorage.setItem(STATION, station());
}

async function start() {
  recent = (await kept("recent")) ?? [];
  await queue.start(draw);
  await loadWords();
  startChoices();
  await loadStation();
  setInterval(() => document.hidden || loadStation().catch(console.error), PERIOD_MS);
  byId("andon").addEventListener("click", help);
  byId("read").addEventListener("submit", (event) => {
    event.preventDefault();
    if (byId("text").value.trim()) read(byId("text").value.trim());
  });
  startCamera({
    video: byId("video"), frame: byId("camera"), button: byId("look"), photo: byId("photo"),
    photoLabel: byId("photo-label"), means: byId("means"),
  }, read);
  await startWorker();
  document.documentElement.dataset.ready = "";
}

start().catch((error) => fill(byId("means"), error.message));
