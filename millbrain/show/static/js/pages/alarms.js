// The alarm list: live, filtered by the address, worked through with the keyboard or in bulk.

import { declared, isWaiting, kindName, placeName, priorityMark, priorityName, readDeclared,
  stateName, thingLink, verb } from "../alarm-words.js";
import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { figure, full, instant, number, share, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { every } from "../poll.js";
import { drawPager, startRowLinks } from "../table.js";
import { _, pick } from "../words.js";
import { perform, startAsk } from "./alarm-act.js";
import { showAlarm, startDrawer } from "./alarm-drawer.js";
import { dayStart, showChattering, showHistory, showRules, startRules } from "./alarm-tabs.js";

const PERIOD_S = 3;
const FIGURES_S = 10;
const SIZE = 50;
const TYPING_MS = 250;
const NAMES = ["tab", "q", "state", "priority", "kind", "stale", "call_out", "since", "before", "sort", "order", "page"];
const FILTERS = ["q", "state", "priority", "kind", "stale", "call_out", "since", "before"];
const BULK = ["acknowledge", "shelve", "unshelve", "reset", "take_out", "put_back"];
const HEADS = [
  ["priority", () => "", ""], ["thing", () => _("Thing"), ""], ["kind", () => _("Alarm"), ""],
  ["", () => _("Value"), "number wide"], ["", () => _("Limit"), "number wide"], ["state", () => _("State"), ""],
  ["raised_at", () => _("Since"), ""], ["last_seen", () => _("Newest evidence"), "wide"],
  ["operator", () => _("Operator"), "wide"],
];

const mayAct = document.documentElement.dataset.role !== "viewer";
const filters = byId("filters");
const chosen = new Set();
const query = {};
let rows = [];
let running = null;

const tab = () => query.tab || "standing";

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of NAMES) query[name] = given.get(name) ?? "";
}

function writeAddress() {
  const given = new URLSearchParams();
  for (const name of NAMES) if (query[name]) given.set(name, query[name]);
  history.replaceState(null, "", `/alarms${given.size ? `?${given}` : ""}${location.hash}`);
}

/** What the API is asked for: the address without what is not a filter of the tab. */
function parameters() {
  const [app, kind] = query.kind.split("|");
  const common = { q: query.q, priority: query.priority, app, kind };
  if (tab() === "history") {
    return { ...common, state: "all", since: query.since && dayStart(query.since),
      before: query.before && dayStart(query.before, 1) };
  }
  return { ...common, state: query.state, stale: query.stale, call_out: query.call_out, sort: query.sort,
    order: query.order };
}

function showFilters() {
  const here = tab();
  for (const button of byId("tabs").children) {
    button.setAttribute("aria-selected", String(button.dataset.tab === here));
    byId(button.dataset.tab).hidden = button.dataset.tab !== here;
  }
  filters.hidden = here === "chattering" || here === "rules";
  byId("only-list").hidden = byId("groups").hidden = here !== "standing";
  byId("only-history").hidden = here !== "history";
  for (const button of byId("groups").children) {
    button.setAttribute("aria-pressed", String(button.dataset.state === query.state));
  }
  for (const name of ["priority", "kind", "since", "before"]) filters.elements[name].value = query[name];
  for (const name of ["stale", "call_out"]) filters.elements[name].checked = query[name] === "true";
  if (document.activeElement !== filters.elements.q) filters.elements.q.value = query.q;
  byId("clear").hidden = !FILTERS.some((name) => query[name]);
  const path = here === "history" ? "/alarms/history" : "/alarms";
  for (const format of ["csv", "xlsx"]) byId(format).href = address(path, { ...parameters(), format });
}

// The list ------------------------------------------------------------------------------------

function head() {
  const all = h("input", { type: "checkbox", "aria-label": _("choose all"),
    checked: rows.length > 0 && rows.every((row) => chosen.has(row.id)),
    onchange: (event) => chooseAll(event.target.checked) });
  return h("thead", {}, h("tr", {}, mayAct ? h("th", { class: "pick" }, all) : null, HEADS.map(([name, title, look]) => {
    const sorted = name && query.sort === name;
    return h("th", { class: look, "aria-sort": sorted ? (query.order === "asc" ? "ascending" : "descending") : null },
      name ? h("button", { type: "button", onclick: () => sortBy(name) }, title() || "◆") : title());
  })));
}

function line(row) {
  const pickBox = h("input", { type: "checkbox", "aria-label": _("choose"), checked: chosen.has(row.id),
    onchange: (event) => choose(row.id, event.target.checked) });
  const since = (Date.now() - instant(row.raised_at)) / 1000;
  return h("tr", { "data-href": `#${row.id}`, "data-id": row.id,
    class: `${isWaiting(row.state) ? "waiting" : ""} ${location.hash === `#${row.id}` ? "open" : ""}` },
  mayAct ? h("td", { class: "pick" }, pickBox) : null,
  h("td", {}, priorityMark(row.priority, row.state)),
  h("td", {}, h("span", { class: "thing" }, thingLink(row)), simulatedBadge(row)),
  h("td", { class: "what", title: placeName(row) }, pick(row.sentence, row.sentence_zh),
    h("small", {}, ` ${kindName(row.app, row.kind)}`)),
  h("td", { class: "number wide" }, figure(row.value, row.unit)),
  h("td", { class: "number wide soft" }, figure(row.threshold, row.unit)),
  h("td", { class: "state", title: row.reason }, stateName(row.state),
    row.until ? h("small", {}, ` ${_("until {at}", { at: time(row.until) })}`) : null),
  h("td", { title: full(row.raised_at) }, time(row.raised_at), h("small", {}, ` ${span(since)}`)),
  h("td", { class: "wide soft", title: full(row.last_seen_at) }, time(row.last_seen_at)),
  h("td", { class: "wide" }, row.operator));
}

function show(answer) {
  const kept = byId("alarms").querySelector("tr.chosen")?.dataset.id;
  rows = answer.rows;
  for (const id of chosen) if (!rows.some((row) => row.id === id)) chosen.delete(id);
  fill(byId("alarms"), head(), h("tbody", {}, rows.map(line)));
  byId("alarms").querySelector(`tr[data-id="${kept}"]`)?.classList.add("chosen");
  if (!rows.length) {
    const filtered = FILTERS.some((name) => query[name]);
    byId("alarms").append(h("caption", { class: "empty" }, filtered ? _("No alarm matches these filters.") : _("No alarm stands.")));
  }
  drawPager(byId("pager"), answer, (page) => change({ page: page > 1 ? page : "" }));
  fill(byId("total"), _("alarms: {n}", { n: number(answer.total) }));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
  showBulk();
}

function sortBy(name) {
  change({ sort: name, order: query.sort === name && query.order !== "asc" ? "asc" : "desc" });
}

// Choosing and acting ---------------------------------------------------------------------------

function choose(id, is) {
  if (is) chosen.add(id);
  else chosen.delete(id);
  showBulk();
}

function chooseAll(is) {
  for (const row of rows) choose(row.id, is);
  for (const box of byId("alarms").querySelectorAll("td.pick input")) box.checked = is;
}

function showBulk() {
  const bar = byId("bulk");
  bar.hidden = !chosen.size;
  if (!chosen.size) return;
  const allowed = new Set(rows.filter((row) => chosen.has(row.id)).flatMap((row) => row.allowed));
  fill(bar, h("span", {}, _("{n} chosen", { n: chosen.size })),
    BULK.filter((name) => allowed.has(name)).map((name) =>
      h("button", { type: "button", class: "button", onclick: () => act(name, [...chosen]) }, verb(name))),
    h("span", { class: "gap" }),
    h("button", { type: "button", class: "button bare", onclick: () => chooseAll(false) }, _("Choose none")));
}

async function act(action, ids) {
  try {
    const answer = await perform(action, ids);
    if (!answer) return;
    const refused = answer.results.filter((result) => !result.is_done);
    showProblem(refused.length ? _("{done} done, {refused} refused: {why}", { done: answer.done, refused: refused.length,
      why: refused[0].problem }) : "");
    chosen.clear();
  } catch (error) {
    showProblem(error.message);
  }
  await Promise.all([ask(), figures(), openDrawer()]);
}

/** The alarms that a key is meant for: the chosen ones, else the marked row, else the open one. */
function meant() {
  if (chosen.size) return [...chosen];
  const marked = byId("alarms").querySelector("tr.chosen")?.dataset.id ?? location.hash.slice(1);
  return marked ? [Number(marked)] : [];
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
    if (document.querySelector("dialog[open]") || tab() !== "standing") return;
    const keys = { a: "acknowledge", s: "shelve" };
    if (event.key === "Escape") location.hash = "";
    else if (event.key === "x" && mayAct) {
      const marked = byId("alarms").querySelector("tr.chosen input");
      marked?.click();
    } else if (keys[event.key] && mayAct && meant().length) {
      event.preventDefault(); // or the letter lands in the field that opens
      act(keys[event.key], meant());
    }
  });
}

// Figures -----------------------------------------------------------------------------------------

function box(title, value, note) {
  return h("div", { class: "figure" }, h("dt", {}, title), h("dd", {}, value, h("small", {}, note)));
}

async function figures(signal) {
  const answer = await get("/alarms/summary", {}, signal);
  const { load } = answer;
  const counts = [4, 3, 2, 1].map((p) => h("span", {}, priorityMark(p), number(answer.by_priority[p])));
  const most = answer.top[0];
  fill(byId("figures"),
    box(_("Not acknowledged"), number(answer.unacknowledged), _("of {n} standing", { n: number(answer.standing) })),
    box(_("Standing by priority"), h("span", { class: "counts" }, counts), `${priorityName(4)} – ${priorityName(1)}`),
    box(_("Last 10 minutes"), number(load.last),
      _("average {average}, highest {highest} in a day", { average: number(load.average, 1), highest: number(load.highest) })),
    box(_("Over a day old"), number(answer.stale), _("still standing")),
    box(_("Hidden"), number(answer.hidden), _("shelved, suppressed, out of service")),
    box(_("Announced most"), most ? share(most.share, 1) : "–",
      most ? kindName(most.app, most.kind) : _("nothing in a day")));
  byId("figures").lastChild.title = answer.top.map((t) => `${kindName(t.app, t.kind)} ${number(t.count)}`).join("\n");
  showFlood(answer);
}

function showFlood(answer) {
  const notice = byId("flood");
  notice.hidden = !answer.load.is_flood;
  if (notice.hidden) return;
  const where = answer.loads.map((load) => `${load.operator || _("no operator")} ${number(load.last)}`).join(" · ");
  fill(notice, h("b", {}, _("Alarm flood")),
    h("span", {}, _("{n} announced in the last 10 minutes; one person takes in about 10.", { n: number(answer.load.last) })),
    h("span", { class: "soft" }, where));
}

// Life of the page -----------------------------------------------------------------------------

function showProblem(text) {
  byId("problem").hidden = !text;
  fill(byId("problem"), text);
}

async function load(signal) {
  const here = tab();
  const page = { page: query.page || 1, size: SIZE };
  if (here === "standing") show(await get("/alarms", { ...parameters(), ...page }, signal));
  else if (here === "history") await showHistory({ ...parameters(), ...page }, (at) => change({ page: at > 1 ? at : "" }), signal);
  else if (here === "chattering") await showChattering(signal);
  else await showRules(signal);
}

async function ask() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    await load(mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") showProblem(error.message);
  } finally {
    if (running === mine) running = null;
  }
}

async function change(values) {
  Object.assign(query, { page: "" }, values);
  showProblem("");
  writeAddress();
  showFilters();
  await ask();
}

async function openDrawer() {
  const id = Number(location.hash.slice(1));
  for (const row of byId("alarms").querySelectorAll("tr[data-id]")) row.classList.toggle("open", Number(row.dataset.id) === id);
  await showAlarm(Number.isInteger(id) ? id : 0);
}

function fillChoices() {
  filters.elements.priority.append(...[4, 3, 2, 1].map((p) => h("option", { value: p }, priorityName(p))));
  for (const [app, { kinds }] of Object.entries(declared.apps)) {
    filters.elements.kind.append(...Object.keys(kinds).map((kind) => h("option", { value: `${app}|${kind}` }, kindName(app, kind))));
  }
}

function startFilters() {
  let timer = 0;
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.elements.q.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ q: event.target.value.trim() }), TYPING_MS);
  });
  filters.addEventListener("change", ({ target }) => {
    if (target.type === "checkbox") change({ [target.name]: target.checked ? "true" : "" });
    else if (target.name !== "q") change({ [target.name]: target.value });
  });
  byId("groups").addEventListener("click", (event) => {
    const button = event.target.closest("[data-state]");
    if (button) change({ state: button.dataset.state });
  });
  byId("tabs").addEventListener("click", (event) => {
    const button = event.target.closest("[data-tab]");
    if (button) change({ tab: button.dataset.tab === "standing" ? "" : button.dataset.tab });
  });
  byId("clear").addEventListener("click", () => change(Object.fromEntries(FILTERS.map((name) => [name, ""]))));
}

async function start() {
  readAddress();
  await readDeclared();
  fillChoices();
  showFilters();
  startFilters();
  startKeys();
  startRowLinks();
  startAsk();
  startDrawer(act);
  startRules(ask);
  addEventListener("hashchange", openDrawer);
  openDrawer();
  every(FIGURES_S, figures);
  every(PERIOD_S, (signal) => (running || tab() === "rules" ? null : load(signal)));
  if (tab() === "rules") ask();
}

start().catch((error) => showProblem(error.message));
