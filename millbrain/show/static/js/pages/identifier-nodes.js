// The node among the others: prefixes as a tree, and the way of each application.

import { get, post, put } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { nodeBand, roleName, sitesOf } from "../elements/node-band.js";
import { nodeMap, rowsOf } from "../elements/node-map.js";
import { full, NONE, number, time } from "../format.js";
import { every } from "../poll.js";
import { problem } from "../problem.js";
import { _, pick } from "../words.js";

const PERIOD_S = 10;
const TYPING_MS = 200;
const YEAR_MS = 365 * 86_400_000;
const WAY = ["applied", "approved", "routed", "homed"];
const map = nodeMap();
const band = nodeBand();
const filters = byId("filters");
const query = { q: "", state: "", prefix: "" };
let node = null;

const stateName = (state) => (node.words.states[state] ? pick(...node.words.states[state]) : state);
const actionName = (action) => pick(...node.words.actions[action]);

function readAddress() {
  const given = new URLSearchParams(location.search);
  for (const name of Object.keys(query)) query[name] = given.get(name) ?? "";
}

function writeAddress() {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  history.replaceState(null, "", `/identifiers/nodes${given.size ? `?${given}` : ""}`);
}

function matching() {
  const text = query.q.toLowerCase();
  return node.prefixes.filter((each) => (!query.state || each.state === query.state)
    && (!text || each.prefix.toLowerCase().includes(text) || each.organisation.toLowerCase().includes(text)));
}

function show() {
  const found = matching();
  const homed = node.prefixes.filter((each) => each.is_homed).length;
  const waiting = node.prefixes.filter((each) => each.state === "applied").length;
  fill(byId("summary"), [roleName(node.role), _("{n} prefixes in service here", { n: number(homed) }),
    _("{n} sent to other nodes", { n: number(node.prefixes.filter((each) => each.sites.length && !each.is_homed).length) }),
    waiting ? _("{n} wait for their audit", { n: number(waiting) }) : ""].filter(Boolean).join(" · "));
  fill(byId("as-of"), _("as of {at}", { at: time(node.as_of) }));
  byId("as-of").title = full(node.as_of);
  byId("clear").hidden = !query.q && !query.state;
  if (!band.isConnected) fill(byId("band"), band);
  band.show(node, sitesOf(node.prefixes));
  const names = Object.fromEntries(Object.keys(node.words.states).map((state) => [state, stateName(state)]));
  if (!found.length) {
    fill(byId("map"), h("p", { class: "empty" }, node.prefixes.length ? _("No prefix matches these filters.")
      : node.is_administrator ? _("No prefix is known here yet.") : _("There is no prefix that you may see.")));
    return;
  }
  if (!map.isConnected) fill(byId("map"), map);
  map.show(node, rowsOf(found), names, choose);
  for (const row of map.querySelectorAll("[data-prefix]")) row.classList.toggle("chosen", row.dataset.prefix === query.prefix);
}

// One prefix -----------------------------------------------------------------------------------------

function choose(prefix) {
  query.prefix = query.prefix === prefix ? "" : prefix;
  writeAddress();
  show();
  showDrawer();
}

function progress(each) {
  const reached = WAY.indexOf(each.state);
  return h("ol", { class: "way" }, (each.sites.length && !each.is_homed ? WAY.slice(0, 3) : WAY.filter((state) => state !== "routed")).map((state) =>
    h("li", { class: WAY.indexOf(state) < reached ? "past" : state === each.state ? "now" : "", "aria-current": state === each.state ? "step" : null }, stateName(state))));
}

function stepForm(each, action) {
  const needs = node.words.needs[action];
  return h("form", { class: "act-line", "data-action": action, onsubmit: (event) => take(event, each, action) },
    needs.map((name) => h("label", { class: "field" }, h("span", {}, name === "site" ? _("Node, host:port") : _("Reason")),
      h("input", { name, required: true, maxlength: 255, autocomplete: "off", placeholder: name === "site" ? "192.0.2.10:2641" : null }))),
    h("button", { class: `button ${["reject", "unhome"].includes(action) ? "" : "main"}` }, actionName(action)));
}

function quotaForm(each) {
  const field = (name, label) => h("label", { class: "field" }, h("span", {}, label),
    h("input", { name, type: "number", min: 0, step: 1, value: each[name] ?? "", placeholder: _("no limit") }));
  return h("form", { class: "act-line", id: "quotas", onsubmit: (event) => limit(event, each) },
    field("handles_max", _("Most identifiers")), field("prefixes_max", _("Most prefixes below")),
    h("button", { class: "button" }, _("Set quotas")));
}

function showDrawer() {
  const drawer = byId("drawer");
  const each = node.prefixes.find((row) => row.prefix === query.prefix);
  drawer.hidden = !each;
  if (!each) return;
  const rows = [
    [_("State"), stateName(each.state)], [_("Since"), each.changed_at ? full(each.changed_at) : ""],
    [_("Organisation"), each.organisation], [_("Contact"), each.contact],
    [_("Answered by"), each.is_homed ? _("this node") : each.sites.join(", ")],
    [_("Reason"), each.reason],
    [_("Identifiers here"), each.handles === null ? _("not counted without a quota") : each.handles_max === null ? [number(each.handles), each.is_of_year ? h("small", { class: "faint" }, ` ${_("within a year; no quota counts them")}`) : null]
      : _("{n} of at most {max}", { n: number(each.handles), max: number(each.handles_max) })],
    [_("Prefixes below"), each.prefixes_max === null ? "" : _("at most {max}", { max: number(each.prefixes_max) })],
  ];
  fill(drawer,
    h("header", {}, h("h2", { class: "mono" }, each.prefix), each.is_taken_down ? h("span", { class: "badge bad" }, _("taken down")) : null,
      h("button", { type: "button", class: "button bare", "aria-label": _("Close"), onclick: () => choose(each.prefix) }, "✕")),
    each.is_applied ? progress(each) : h("p", { class: "soft" }, _("Nobody applied for it here: it stands in the records of this node.")),
    h("dl", { class: "pairs" }, rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value || NONE)])),
    each.actions.length ? h("h3", {}, _("Next step")) : null, each.actions.map((action) => stepForm(each, action)),
    node.is_administrator && each.is_applied ? [h("h3", {}, _("Quotas")), quotaForm(each)] : null,
    h("p", { id: "drawer-problem", class: "bad", role: "alert" }));
}

async function said(work) {
  try {
    await work();
    await load();
    showDrawer();
  } catch (error) {
    fill(byId("drawer-problem"), error.message);
  }
}

function take(event, each, action) {
  event.preventDefault();
  const body = Object.fromEntries(new FormData(event.target));
  return said(() => post(`/identifiers/prefixes/${encodeURIComponent(each.prefix)}/steps/${action}`, body));
}

function limit(event, each) {
  event.preventDefault();
  const given = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value === "" ? null : Number(value)]));
  return said(() => put(`/identifiers/prefixes/${encodeURIComponent(each.prefix)}/quotas`, given));
}

// Filters, application -------------------------------------------------------------------------------

function startFilters() {
  let timer = 0;
  const change = (values) => {
    Object.assign(query, values);
    writeAddress();
    show();
  };
  filters.elements.state.append(...Object.keys(node.words.states).map((state) => h("option", { value: state }, stateName(state))));
  filters.elements.q.value = query.q;
  filters.elements.state.value = query.state;
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.elements.q.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ q: event.target.value.trim() }), TYPING_MS);
  });
  filters.elements.state.addEventListener("change", (event) => change({ state: event.target.value }));
  byId("clear").addEventListener("click", () => {
    filters.reset();
    change({ q: "", state: "" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && query.prefix && !event.target.closest("input, select")) choose(query.prefix);
  });
}

function startAdding() {
  const form = byId("add");
  byId("new")?.addEventListener("click", () => {
    form.hidden = !form.hidden;
    if (!form.hidden) form.elements.prefix.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const given = Object.fromEntries(new FormData(form));
      await post("/identifiers/prefixes", given);
      problem(null);
      form.reset();
      form.hidden = true;
      query.prefix = given.prefix;
      writeAddress();
      await load();
      showDrawer();
    } catch (error) {
      problem(error);
    }
  });
}

let registered = null; // by prefix within a year, for those without a quota that counts them

/** What was registered and not deleted; only administrators of the node may know of all of it. */
async function loadRegistered() {
  if (!node.is_administrator) return;
  const from = new Date(Date.now() - YEAR_MS).toISOString().slice(0, 10);
  const { rows } = await get("/identifiers/statistics", { by: "prefix,kind", from }).catch(() => ({ rows: [] }));
  registered = new Map();
  for (const { prefix, kind, count } of rows) {
    const step = { registered: count, removed: -count }[kind] ?? 0;
    registered.set(prefix, (registered.get(prefix) ?? 0) + step);
  }
}

async function load(signal) {
  node = await get("/identifiers/node", {}, signal);
  if (registered === null) await loadRegistered();
  for (const each of node.prefixes) {
    const count = registered?.get(each.prefix);
    if (each.handles === null && each.is_homed && count > 0) Object.assign(each, { handles: count, is_of_year: true });
  }
  problem(null);
  show();
}

async function start() {
  readAddress();
  await load();
  startFilters();
  startAdding();
  showDrawer();
  every(PERIOD_S, (signal) => load(signal).catch((error) => {
    if (error.name !== "AbortError") problem(error);
    throw error;
  }));
}

start().catch(problem);
