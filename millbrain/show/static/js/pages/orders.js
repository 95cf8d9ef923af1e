// The board and the list of work orders: what is shown stands in the address.

import { address, get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, NONE, number, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { choices, levelBadge, loadChoices, severityMark, severityWord, stateWord, timeLeft } from "../order-words.js";
import { every } from "../poll.js";
import { problem } from "../problem.js";
import { drawPager, startRowLinks } from "../table.js";
import { _, pick } from "../words.js";

const PERIOD_S = 5;
const SIZE = 50;
const TYPING_MS = 250;
const FILTERS = ["q", "severity_min", "assignee", "app", "state", "overdue"];
const NAMES = [...FILTERS, "view", "sort", "order", "page"];
const query = {};
const filters = byId("filters");
let running = null;

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of NAMES) query[name] = given.get(name) ?? "";
}

function writeAddress() {
  const given = new URLSearchParams();
  for (const name of NAMES) if (query[name]) given.set(name, query[name]);
  history.replaceState(null, "", `/orders${given.size ? `?${given}` : ""}`);
}

function asked() {
  return Object.fromEntries(FILTERS.map((name) => [name, query[name]]));
}

function showFilters() {
  const fields = filters.elements;
  if (document.activeElement !== fields.q) fields.q.value = query.q;
  for (const name of ["severity_min", "assignee", "app", "state"]) fields[name].value = query[name];
  fields.overdue.checked = Boolean(query.overdue);
  for (const button of byId("views").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === query.view));
  }
  byId("board").hidden = query.view === "list";
  byId("list").hidden = query.view !== "list";
  byId("clear").hidden = !FILTERS.some((name) => query[name]);
  for (const format of ["csv", "xlsx"]) byId(format).href = address("/orders", { ...asked(), format });
}

function age(at) {
  return span((Date.now() - Date.parse(at)) / 1000);
}

function thing(row) {
  return h("span", { class: "thing" }, row.plate ? `${row.plate} ` : "", h("span", { class: "vin" }, row.thing));
}

function card(row) {
  return h("a", { class: `card severity-edge-${row.severity}`, href: `/orders/${row.number}` },
    h("span", { class: "card-head" }, h("span", { class: "mono" }, row.number.slice(3)), severityMark(row.severity)),
    h("span", { class: "what" }, pick(row.title, row.title_zh)),
    thing(row),
    h("span", { class: "soft" }, row.assignee || _("nobody in charge yet")),
    h("span", { class: "card-foot" }, row.is_ended ? null : timeLeft(row),
      row.state === "verified" || row.state === "done"
        ? h("span", { class: "soft" }, cleanText(row)) : null),
    h("span", { class: "faint", title: full(row.raised_at) }, _("raised {age} ago", { age: age(row.raised_at) })),
    levelBadge(row), simulatedBadge(row));
}

function cleanText(row) {
  if (row.clean_days === null) return _("not judged yet");
  return choices.clean_days ? _("{n} of {all} clean days", { n: row.clean_days, all: choices.clean_days })
    : _("{n} clean days", { n: row.clean_days });
}

function column(each, days) {
  const name = pick(each.title, each.title_zh);
  const more = each.total - each.rows.length;
  return h("section", { class: `column ${each.total ? "" : "bare"}`, "aria-label": name },
    h("header", {}, h("h2", {}, name), h("span", { class: "count" }, number(each.total)),
      each.overdue ? h("span", { class: "late" }, _("{n} late", { n: number(each.overdue) })) : null,
      each.state === "closed" ? h("small", { class: "faint" }, _("last {n} days", { n: days })) : null),
    each.rows.map(card),
    more > 0 ? h("button", { type: "button", class: "button bare", onclick: () => change({ view: "list", state: each.state }) },
      _("{n} more in the list", { n: number(more) })) : null);
}

function showBoard(answer) {
  fill(byId("board"), answer.columns.map((each) => column(each, answer.closed_days)));
  const open = answer.columns.filter((each) => each.state !== "closed");
  summary(open.reduce((sum, each) => sum + each.total, 0), open.reduce((sum, each) => sum + each.overdue, 0), answer.as_of);
}

function summary(total, late, asOf) {
  fill(byId("total"), _("{n} open", { n: number(total) }));
  fill(byId("late"), late ? h("b", { class: "late" }, _("{n} late", { n: number(late) })) : null);
  fill(byId("as-of"), _("as of {at}", { at: time(asOf) }));
  byId("as-of").title = full(asOf);
}

const HEADS = [["number", () => _("Number")], ["severity", () => _("Severity")], ["thing", () => _("Vehicle")],
  ["", () => _("What was found"), "wide"], ["state", () => _("State")], ["assignee", () => _("Organisation in charge"), "wide"],
  ["raised_at", () => _("Raised on"), "wide"], ["due_at", () => _("Time left")], ["clean_days", () => _("Clean days"), "number wide"]];

function heading([name, title, kind]) {
  const now = (query.sort || "raised_at") === name;
  const way = query.order === "asc" ? "ascending" : "descending";
  return h("th", { class: kind, "aria-sort": name && now ? way : null },
    name ? h("button", { type: "button", onclick: () => sortBy(name) }, title()) : title());
}

function listRow(row) {
  return h("tr", { "data-href": `/orders/${row.number}`, class: row.is_overdue ? "is-late" : "" },
    h("td", { class: "mono" }, h("a", { href: `/orders/${row.number}` }, row.number)),
    h("td", {}, severityMark(row.severity)), h("td", {}, thing(row), " ", simulatedBadge(row)),
    h("td", { class: "wrap wide" }, pick(row.title, row.title_zh)),
    h("td", {}, stateWord(row.state), " ", levelBadge(row)),
    h("td", { class: "wide" }, row.assignee || h("span", { class: "faint" }, _("nobody"))),
    h("td", { class: "soft wide", title: full(row.raised_at) }, time(row.raised_at)),
    h("td", { title: full(row.due_at) }, timeLeft(row)),
    h("td", { class: "number wide" }, row.clean_days ?? NONE));
}

function showList(answer) {
  fill(byId("orders"), h("thead", {}, h("tr", {}, HEADS.map(heading))),
    h("tbody", {}, answer.rows.length ? answer.rows.map(listRow)
      : h("tr", {}, h("td", { class: "empty", colspan: HEADS.length }, _("No order matches these filters.")))));
  drawPager(byId("pager"), answer, (page) => change({ page: page > 1 ? page : "" }));
  fill(byId("total"), _("{n} match", { n: number(answer.total) }));
  fill(byId("late"));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
}

function sortBy(name) {
  const same = (query.sort || "raised_at") === name;
  change({ sort: name, order: same && query.order !== "asc" ? "asc" : "" });
}

async function load(signal) {
  if (query.view === "list") {
    const order = { sort: query.sort, order: query.order, page: query.page || 1, size: SIZE };
    showList(await get("/orders", { ...asked(), ...order }, signal));
  } else {
    showBoard(await get("/orders/board", asked(), signal));
  }
  problem(null);
}

async function change(values) {
  Object.assign(query, { page: "" }, values);
  writeAddress();
  showFilters();
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    await load(mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") problem(error);
  } finally {
    if (running === mine) running = null;
  }
}

function startFilters() {
  let timer = 0;
  const option = (value, label) => h("option", { value }, label);
  filters.elements.severity_min.append(...[1, 2, 3, 4].map((n) => option(n, _("{severity} and graver", { severity: severityWord(n) }))));
  filters.elements.assignee.append(...choices.assignees.map((name) => option(name, name)));
  filters.elements.app.append(...choices.apps.map((name) => option(name, name)));
  filters.elements.state.append(...Object.keys(choices.words.states).map((state) => option(state, stateWord(state))));
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.elements.q.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ q: event.target.value.trim() }), TYPING_MS);
  });
  for (const name of ["severity_min", "assignee", "app", "state"]) {
    filters.elements[name].addEventListener("change", (event) => change({ [name]: event.target.value }));
  }
  filters.elements.overdue.addEventListener("change", (event) => change({ overdue: event.target.checked ? "true" : "" }));
  byId("views").addEventListener("click", (event) => {
    const button = event.target.closest("[data-view]");
    if (button) change({ view: button.dataset.view });
  });
  byId("clear").addEventListener("click", () => change(Object.fromEntries(FILTERS.map((name) => [name, ""]))));
}

function startAdding() {
  const form = byId("add");
  byId("new")?.addEventListener("click", () => {
    form.hidden = !form.hidden;
    if (!form.hidden) form.elements.thing.focus();
  });
  form.elements.severity.append(...[1, 2, 3, 4].map((n) => h("option", { value: n, selected: n === 2 }, severityWord(n))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    try {
      const made = await post("/orders", { ...given, severity: Number(given.severity) });
      location.assign(`/orders/${made.number}`);
    } catch (error) {
      problem(error);
    }
  });
}

async function start() {
  readAddress();
  await loadChoices();
  startFilters();
  startAdding();
  showFilters();
  startRowLinks();
  every(PERIOD_S, (signal) => (running ? null : load(signal)));
}

start().catch(problem);
