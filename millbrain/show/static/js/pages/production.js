// Open production orders, those that will be latest first: each operation's progress, and why late.

import { address, get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { fromLocal, full, NONE, number, share, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { every } from "../poll.js";
import { problem } from "../problem.js";
import { startRowLinks } from "../table.js";
import { _, pick } from "../words.js";

const PERIOD_S = 5;
const TYPING_MS = 250;
const FILTERS = ["q", "state", "late"];
const filters = byId("filters");
const query = {};
let words = null;
let running = null;

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of FILTERS) query[name] = given.get(name) ?? "";
}

function writeAddress() {
  const given = new URLSearchParams();
  for (const name of FILTERS) if (query[name]) given.set(name, query[name]);
  history.replaceState(null, "", `/plant/production${given.size ? `?${given}` : ""}`);
  for (const format of ["csv", "xlsx"]) byId(format).href = address("/production/orders", { ...query, format });
  byId("clear").hidden = !FILTERS.some((name) => query[name]);
}

/** Behind or ahead of what was promised. */
export function lateness(row) {
  if (row.late_s === null) return h("span", { class: "faint" }, NONE);
  const age = span(Math.abs(row.late_s));
  return row.is_late ? h("b", { class: "late" }, _("{age} late", { age })) : h("span", { class: "soft" }, _("{age} in hand", { age }));
}

function steps(row) {
  if (!row.operations.length) return h("span", { class: "faint" }, pick(row.state_en, row.state_zh));
  return h("span", { class: "steps" }, row.operations.map((each) => {
    const made = row.quantity ? Math.min(1, each.handled / row.quantity) : 0;
    const title = `${each.step} ${pick(each.title, each.title_zh)}: ${number(each.good)} / ${number(row.quantity)}`;
    return h("span", { class: `step ${each.state} ${each.conflicts.length ? "odd" : ""}`, title },
      h("i", { style: `--made: ${(each.state === "done" ? 1 : made) * 100}%` }), h("small", {}, each.step));
  }));
}

function row(order) {
  const wanted = order.promised_at ?? order.due_at;
  const href = `/plant/production/${encodeURIComponent(order.number)}`;
  return h("tr", { "data-href": href, class: order.is_late ? "is-late" : "" },
    h("td", {}, h("a", { class: "mono", href }, order.number), " ", simulatedBadge(order)),
    h("td", {}, pick(order.title, order.title_zh) || order.product),
    h("td", { class: "wide" }, pick(order.state_en, order.state_zh)),
    h("td", { class: "number" }, `${number(order.good)} / ${number(order.quantity)}`),
    h("td", { class: "wide" }, steps(order)),
    h("td", { class: "number wide" }, share(order.progress_ratio, 1)),
    h("td", { class: "wide", title: full(wanted) }, wanted ? time(wanted).slice(0, -3) : h("span", { class: "faint" }, NONE)),
    h("td", { class: "wide", title: full(order.projected_at) }, order.projected_at ? time(order.projected_at).slice(0, -3) : h("span", { class: "faint" }, NONE)),
    h("td", {}, lateness(order)),
    h("td", { class: "wrap wide soft" }, pick(order.why, order.why_zh),
      order.conflict_count ? h("b", { class: "late" }, ` ${_("{n} reports do not agree", { n: number(order.conflict_count) })}`) : null));
}

const HEADS = [[() => _("Production order")], [() => _("Product")], [() => _("State"), "wide"], [() => _("Good"), "number"], [() => _("Operations"), "wide"],
  [() => _("Done"), "number wide"], [() => _("Promised"), "wide"], [() => _("Projected"), "wide"], [() => _("Against promise")], [() => _("What takes the time"), "wide"]];

function show(answer) {
  fill(byId("orders"), h("thead", {}, h("tr", {}, HEADS.map(([title, kind]) => h("th", { class: kind }, title())))),
    h("tbody", {}, answer.rows.length ? answer.rows.map(row)
      : h("tr", {}, h("td", { class: "empty", colspan: HEADS.length }, _("No order matches these filters.")))));
  fill(byId("total"), _("{n} orders", { n: number(answer.total) }));
  fill(byId("late"), answer.late ? h("b", { class: "late" }, _("{n} late", { n: number(answer.late) })) : null);
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
}

async function load(signal) {
  show(await get("/production/orders/board", query, signal));
}

async function change(values) {
  Object.assign(query, values);
  writeAddress();
  running?.abort();
  running = new AbortController();
  try {
    await load(running.signal);
    problem(null);
  } catch (error) {
    if (error.name !== "AbortError") problem(error);
  }
}

function startFilters() {
  const fields = filters.elements;
  let timer = 0;
  fields.state.append(...Object.entries(words.states).map(([state, titles]) => h("option", { value: state }, pick(...titles))));
  fields.q.value = query.q;
  fields.state.value = query.state;
  fields.late.checked = Boolean(query.late);
  filters.addEventListener("submit", (event) => event.preventDefault());
  fields.q.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ q: event.target.value.trim() }), TYPING_MS);
  });
  fields.state.addEventListener("change", (event) => change({ state: event.target.value }));
  fields.late.addEventListener("change", (event) => change({ late: event.target.checked ? "true" : "" }));
  byId("clear").addEventListener("click", () => {
    filters.reset();
    change({ q: "", state: "", late: "" });
  });
}

function tell(...lines) {
  byId("told").hidden = false;
  fill(byId("told"), lines);
}

async function bring(event) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  const body = new FormData();
  body.append("file", file);
  try {
    const told = await post("/production/orders/import", body);
    tell(h("p", {}, _("{added} added, {changed} changed, {released} released; {wrong} rows were left out.",
      { added: told.added, changed: told.changed, released: told.released, wrong: told.problems.length })),
    h("ul", {}, told.problems.slice(0, 20).map((each) => h("li", {}, _("Row {row}, {column}: {problem}", each)))));
    await load();
  } catch (error) {
    problem(error);
  }
}

async function enter(event) {
  event.preventDefault();
  const form = byId("add");
  const given = Object.fromEntries(new FormData(form));
  const order = { number: given.number, product: given.product, quantity: Number(given.quantity),
    customer: given.customer, priority: Number(given.priority) };
  if (given.promised_at) order.promised_at = new Date(fromLocal(given.promised_at)).toISOString();
  try {
    await post("/production/orders", order);
    if (given.release) await post(`/production/orders/${encodeURIComponent(order.number)}/release`, {});
    location.assign(`/plant/production/${encodeURIComponent(order.number)}`);
  } catch (error) {
    problem(error);
  }
}

function startAdding() {
  byId("new")?.addEventListener("click", () => {
    byId("add").hidden = !byId("add").hidden;
    byId("add").elements.number.focus();
  });
  byId("add").addEventListener("submit", enter);
  byId("file")?.addEventListener("change", bring);
}

async function start() {
  readAddress();
  words = await get("/production/words");
  startFilters();
  startAdding();
  writeAddress();
  startRowLinks();
  every(PERIOD_S, load);
}

start().catch(problem);
