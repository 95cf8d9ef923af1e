// The vehicles table: what is shown stands in the address, so it can be kept, shared and gone back to.

import { address, get } from "../api.js";
import { byId, data, fill, find, h } from "../dom.js";
import { full, number, time } from "../format.js";
import { every } from "../poll.js";
import { draw, drawPager, startRowLinks } from "../table.js";
import { _, pick } from "../words.js";

const PERIOD_S = 10;
const SIZE = 50;
const TYPING_MS = 250;
const NAMES = ["q", "state", "model", "operator", "region", "alarm_level", "sort", "order", "page"];
const CHOICES = ["model", "operator", "region"];

const columns = data("columns");
const table = byId("vehicles");
const filters = byId("filters");
const query = {};
let running = null;

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of NAMES) query[name] = given.get(name) ?? "";
}

function writeAddress(keep) {
  const given = new URLSearchParams();
  for (const name of NAMES) if (query[name]) given.set(name, query[name]);
  const url = `/vehicles${given.size ? `?${given}` : ""}`;
  if (keep) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}

function parameters() {
  const { page, ...rest } = query;
  return { ...rest, page: page || 1, size: SIZE };
}

function showFilters() {
  if (document.activeElement !== filters.elements.q) filters.elements.q.value = query.q;
  for (const button of filters.querySelectorAll("[data-state]")) {
    button.setAttribute("aria-pressed", String(button.dataset.state === query.state));
  }
  for (const name of CHOICES) filters.elements[name].value = query[name];
  byId("clear").hidden = !NAMES.slice(0, 6).some((name) => query[name]);
  const { page, ...rest } = query;
  for (const format of ["csv", "xlsx"]) byId(format).href = address("/vehicles", { ...rest, format });
}

function show(answer) {
  draw(table, columns, answer.rows, query, sortBy);
  if (!answer.rows.length) {
    table.append(h("caption", { class: "empty" }, _("No vehicle matches these filters.")));
  }
  drawPager(byId("pager"), answer, (page) => change({ page: page > 1 ? page : "" }, true));
  fill(byId("total"), _("{n} match", { n: number(answer.total) }));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
  byId("as-of").title = full(answer.as_of);
}

function showProblem(error) {
  const problem = byId("problem");
  problem.hidden = !error;
  if (error) fill(problem, error.message);
}

async function load(signal) {
  const answer = await get("/vehicles", parameters(), signal);
  show(answer);
  showProblem(null);
}

/** Ask at once for what was changed; an older question still under way is dropped. */
async function change(values, keep) {
  Object.assign(query, { page: "" }, values);
  writeAddress(keep);
  showFilters();
  await ask();
}

async function ask() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  find("tbody", table)?.classList.add("busy");
  try {
    await load(mine.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    showProblem(error);
    find("tbody", table)?.classList.remove("busy");
  } finally {
    if (running === mine) running = null;
  }
}

function sortBy(name) {
  const turned = query.sort === name && query.order !== "desc" ? "desc" : "asc";
  change({ sort: name, order: turned }, false);
}

async function loadChoices() {
  const answer = await get("/vehicles/choices");
  const options = {
    model: answer.models.map((name) => [name, name]),
    operator: answer.operators.map((name) => [name, name]),
    region: answer.regions.map((region) => [region.code, pick(region.name, region.name_zh)]),
  };
  for (const name of CHOICES) {
    filters.elements[name].append(...options[name].map(([value, label]) => h("option", { value }, label)));
  }
  showFilters();
}

function start() {
  readAddress();
  showFilters();
  let timer = 0;
  filters.elements.q.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ q: event.target.value.trim() }, false), TYPING_MS);
  });
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("click", (event) => {
    const button = event.target.closest("[data-state]");
    if (button) change({ state: button.dataset.state }, true);
  });
  for (const name of CHOICES) {
    filters.elements[name].addEventListener("change", (event) => change({ [name]: event.target.value }, true));
  }
  byId("clear").addEventListener("click", () =>
    change({ q: "", state: "", model: "", operator: "", region: "", alarm_level: "" }, true));
  addEventListener("popstate", () => {
    readAddress();
    showFilters();
    ask();
  });
  startRowLinks();
  loadChoices().catch((error) => console.warn(error.message));
  every(PERIOD_S, (signal) => (running ? null : load(signal)));
}

start();
