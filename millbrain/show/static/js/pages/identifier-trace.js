// The tree of a thing: what it was made of or what it went into, as of any instant.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { tallList } from "../elements/tall-list.js";
import { fromLocal, number } from "../format.js";
import { bare, factsOf, heldSpan, kindName, kindOf, learnMeanings, placeOf, thingLink } from "../genealogy.js";
import { problem } from "../problem.js";
import { _ } from "../words.js";

const ROW = 30;
const PAGE = 500;
const THINGS_MAX = 20_000; // beyond, the tree is unfolded by hand
const LEVELS = 8;
const FIRST_LEVELS = 3;
const FEW = 12; // children that are unfolded at once
const query = { thing: "", way: "parts", at: "" };
const list = tallList();
let graph = null; // thing -> {each, below: [{thing, via}] or null where that was not asked yet}
let root = "";
let open = new Set(); // paths of unfolded rows
let rows = [];
let chosen = 0;
let running = null;
const meanings = learnMeanings();

function note(...texts) {
  const told = texts.filter(Boolean);
  byId("note").hidden = !told.length;
  fill(byId("note"), told.join(" "));
}

const asked = (more) => ({ thing: query.thing, at: query.at, ...more });

// What is known of the genealogy -----------------------------------------------------------------------

/** Take an answer's things into the graph. `start` is the name of what was asked for. */
function take(things, start, depth) {
  const byNumber = new Map(things.map((each) => [each.number, each]));
  const nameOf = (each) => (each.level === 0 ? start : each.thing);
  for (const each of things) {
    const name = nameOf(each);
    const known = graph.get(name);
    if (!known) graph.set(name, { each, below: null });
    else if (!known.each.handle && each.handle) known.each = { ...each, thing: known.each.thing };
    if (each.level < depth && graph.get(name).below === null) graph.get(name).below = [];
  }
  for (const each of things) {
    for (const via of each.via) {
      const above = byNumber.get(via.number);
      if (!above) continue; // of a page that is not here
      const { below } = graph.get(nameOf(above));
      if (below && !below.some((edge) => edge.thing === each.thing && edge.via.since === via.since && edge.via.event === via.event)) below.push({ thing: each.thing, via });
    }
  }
}

async function fetchTree(thing, levels, signal) {
  const things = [];
  let answer;
  let after = -1;
  do {
    answer = await get(`/identifiers/trace/${query.way}`, asked({ thing, levels, rows: PAGE, after: after < 0 ? "" : after }), signal);
    things.push(...answer.things);
    after = answer.things.at(-1)?.number ?? -1;
  } while (answer.next && things.length < THINGS_MAX);
  take(things, thing, levels);
  return answer;
}

// Rows -------------------------------------------------------------------------------------------------

function flatten() {
  rows = [];
  const walk = (thing, via, depth, path, seen) => {
    const node = graph.get(thing);
    if (!node) return;
    const isLoop = seen.includes(thing);
    const below = isLoop ? [] : node.below;
    rows.push({ thing, via, depth, path, node, isLoop, folds: below === null || below.length > 0 });
    if (!open.has(path) || !below) return;
    below.forEach((edge, at) => walk(edge.thing, edge.via, depth + 1, `${path}/${at}`, [...seen, thing]));
  };
  walk(root, null, 0, "0", []);
}

function line(row, at) {
  const { each } = row.node;
  const isOpen = open.has(row.path) && row.node.below !== null;
  const kind = kindOf(row.thing);
  return h("div", { class: `tree-row ${at === chosen ? "chosen" : ""} ${row.via?.until ? "past" : ""}`, role: "treeitem", "aria-level": row.depth + 1,
    "aria-expanded": row.folds ? String(isOpen) : null, "data-at": at },
  h("span", { class: "tree-name", style: `padding-left:${row.depth * 1.25}rem` },
    h("button", { type: "button", tabindex: -1, class: `fold ${isOpen ? "open" : ""}`, "aria-label": isOpen ? _("Fold") : _("Unfold"), disabled: !row.folds },
      row.folds ? "▸" : "·"),
    h("span", { class: "tree-kind" }, kindName(kind)), thingLink({ ...each, thing: row.thing }),
    row.node.below?.length ? h("small", { class: "faint" }, ` ${number(row.node.below.length)}`) : null,
    row.isLoop ? h("small", { class: "bad" }, ` ${_("part of itself at another time")}`) : null),
  h("span", { class: "tree-facts wide" }, factsOf(each)),
  h("span", { class: "tree-held wide" }, row.via ? [viaName(row.via.kind), " ", heldSpan(row.via.since, row.via.until)] : null,
    row.via?.quantity ? ` · ${row.via.quantity}` : null),
  h("span", { class: "tree-place wide" }, placeOf(each)));
}

const VIAS = {
  aggregation: () => _("fitted"),
  association: () => _("bound"),
  transformation: () => _("made from"),
};

const viaName = (kind) => h("span", { class: "soft" }, VIAS[kind]?.() ?? kind);

function show() {
  flatten();
  list.show(rows, ROW, line);
}

function summary(answer) {
  const count = answer.thing_count - answer.start.length;
  fill(byId("count"), count ? _("{n} things on {levels} levels", { n: number(count), levels: number(answer.level_count) }) : null);
  note(answer.is_partial ? _("Some of it is not for you to see.") : "",
    answer.truncated_by ? _("The walk stopped at its bound: {what}.", { what: answer.truncated_by }) : "",
    count ? "" : query.way === "parts" ? _("No event tells of its making.") : _("No event tells what it went into."));
}

async function unfold(row) {
  if (!row.folds) return;
  if (open.has(row.path) && row.node.below !== null) open.delete(row.path);
  else {
    if (row.node.below === null) await guarded((signal) => fetchTree(row.thing, 1, signal));
    open.add(row.path);
  }
  show();
}

async function guarded(work) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  byId("tree").setAttribute("aria-busy", "true");
  try {
    await work(mine.signal);
    problem(null);
  } catch (error) {
    if (error.name !== "AbortError") problem(error);
  } finally {
    byId("tree").removeAttribute("aria-busy");
  }
}

function load() {
  return guarded(async (signal) => {
    await meanings;
    graph = new Map();
    root = query.thing;
    const first = await fetchTree(root, FIRST_LEVELS, signal);
    graph.set(first.start[0], graph.get(root)); // the name that events and records know it by
    [root] = first.start;
    open = new Set();
    unfoldFew(root, "0");
    chosen = 0;
    byId("tools").hidden = false;
    byId("tree").hidden = false;
    byId("head").hidden = false;
    show();
    summary(await get(`/identifiers/trace/${query.way}`, asked({ levels: LEVELS, rows: 1 }), signal));
    return first;
  });
}

/** Unfold from the top while that shows few rows. */
function unfoldFew(thing, path) {
  const below = graph.get(thing)?.below;
  if (!below?.length || below.length > FEW) return;
  open.add(path);
  if (below.length === 1) unfoldFew(below[0].thing, `${path}/0`);
}

function expandAll() {
  return guarded(async (signal) => {
    const answer = await fetchTree(root, LEVELS, signal);
    const walk = (thing, path, seen) => {
      const below = graph.get(thing)?.below;
      if (!below || seen.includes(thing) || open.size > THINGS_MAX) return;
      open.add(path);
      below.forEach((edge, at) => walk(edge.thing, `${path}/${at}`, [...seen, thing]));
    };
    walk(root, "0", []);
    show();
    if (answer.next) note(_("It has more things than can be unfolded at once; the rest unfolds by hand, all of it is in the CSV."));
  });
}

// The form ---------------------------------------------------------------------------------------------

function readAddress() {
  const given = new URLSearchParams(location.search);
  query.thing = given.get("thing") ?? "";
  query.way = given.get("way") === "uses" ? "uses" : "parts";
  query.at = given.get("at") ?? "";
  byId("thing").value = query.thing;
  showChoices();
}

function showChoices() {
  for (const button of byId("ways").children) button.setAttribute("aria-pressed", String(button.dataset.way === query.way));
  const when = query.at === "" || query.at === "ever" ? query.at : "at";
  for (const button of byId("when").children) button.setAttribute("aria-pressed", String(button.dataset.when === when));
  byId("at").hidden = when !== "at";
  byId("csv").href = address(`/identifiers/trace/${query.way}`, asked({ levels: LEVELS, format: "csv" }));
  byId("csv").download = `trace-${bare(query.thing).replace(/[^\w.-]+/g, "-")}.csv`;
}

function go(values) {
  Object.assign(query, values);
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  history.replaceState(null, "", `/identifiers/trace?${given}`);
  showChoices();
  if (query.thing) load();
}

function choose(at) {
  chosen = Math.min(Math.max(at, 0), rows.length - 1);
  list.drawn = null;
  list.paint();
  list.reveal(chosen);
}

function onKey(event) {
  const row = rows[chosen];
  const isOpen = row && open.has(row.path) && row.node.below !== null;
  const keys = {
    ArrowDown: () => choose(chosen + 1), ArrowUp: () => choose(chosen - 1), Home: () => choose(0), End: () => choose(rows.length - 1),
    ArrowRight: () => (isOpen ? choose(chosen + 1) : unfold(row)),
    ArrowLeft: () => (isOpen ? unfold(row) : choose(rows.findIndex((each) => each.path === row.path.slice(0, row.path.lastIndexOf("/"))))),
    Enter: () => location.assign(list.querySelector(`[data-at="${chosen}"] a`).href),
  };
  if (!row || !keys[event.key] || event.target.closest("a, input")) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key]();
}

function start() {
  byId("tree").append(list);
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ thing: byId("thing").value.trim() });
  });
  byId("ways").addEventListener("click", (event) => event.target.dataset.way && go({ way: event.target.dataset.way }));
  byId("when").addEventListener("click", (event) => {
    const { when } = event.target.dataset;
    if (when === undefined) return;
    if (when !== "at") go({ at: when });
    else {
      byId("at").hidden = false;
      byId("at").focus();
    }
  });
  byId("at").addEventListener("change", () => byId("at").value && go({ at: new Date(fromLocal(byId("at").value)).toISOString() }));
  byId("all").addEventListener("click", expandAll);
  byId("none").addEventListener("click", () => {
    open = new Set();
    show();
  });
  byId("tree").addEventListener("keydown", onKey);
  byId("tree").addEventListener("click", (event) => {
    const line = event.target.closest("[data-at]");
    if (!line || event.target.closest("a")) return;
    chosen = Number(line.dataset.at);
    unfold(rows[chosen]);
  });
  readAddress();
  if (query.thing) load();
  else byId("thing").focus();
}

start();
