// The recall list: from bad lots, serials or a station to everything affected, in one call.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { tallList } from "../elements/tall-list.js";
import { fromLocal, full, NONE, number, time } from "../format.js";
import { factsOf, heldSpan, kindName, kindOf, learnMeanings, placeOf, thingLink } from "../genealogy.js";
import { problem } from "../problem.js";
import { _ } from "../words.js";

const PAGE = 500;
const ROW = 30;
const THINGS_MAX = 20_000; // in one view; all of them are in the CSV
const list = tallList();
const form = byId("ask");
let start = "thing";
let things = [];
let answer = null;
let kind = "";
const meanings = learnMeanings();

const at = (text) => (text ? new Date(fromLocal(text)).toISOString() : "");

function asked(more = {}) {
  const given = new URLSearchParams();
  if (start === "thing") {
    for (const thing of form.elements.thing.value.split(/\s*\n\s*/).filter(Boolean)) given.append("thing", thing);
  } else given.set("station", form.elements.station.value.trim());
  for (const name of ["from", "before"]) if (form.elements[name].value) given.set(name, at(form.elements[name].value));
  for (const [name, value] of Object.entries(more)) given.set(name, value);
  return given;
}

function figure(name, value, hint = "") {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value, hint ? h("small", {}, hint) : null));
}

const countOf = (wanted) => things.filter((each) => kindOf(each.thing) === wanted).length;

function showFigures() {
  const isWhole = things.length >= answer.thing_count;
  const counted = ["vehicle", "pack", "module", "cell", "lot"].map((each) => [each, countOf(each)]).filter(([, n]) => n);
  fill(byId("figures"), figure(_("Affected things"), number(answer.thing_count), !answer.is_partial || !answer.own_count ? ""
    : _("{n} are yours", { n: number(answer.own_count) })),
  counted.map(([each, n]) => figure(kindName(each), isWhole ? number(n) : _("at least {n}", { n: number(n) }))),
  figure(_("Levels"), number(answer.level_count)));
  fill(byId("kinds"), [["", _("all")], ...counted.map(([each]) => [each, kindName(each)])].map(([code, name]) =>
    h("button", { type: "button", "data-kind": code, "aria-pressed": String(code === kind) }, name)));
  const told = [answer.is_partial ? _("Some of it is not for you to see.") : "",
    answer.truncated_by ? _("The walk stopped at its bound: {what}.", { what: answer.truncated_by }) : ""].filter(Boolean);
  byId("note").hidden = !told.length;
  fill(byId("note"), told.join(" "));
}

function affected(each) {
  if (!each.affected_since && !each.affected_until) return h("span", { class: "faint" }, NONE);
  const isNow = !each.affected_until;
  return h("span", { title: `${each.affected_since ? full(each.affected_since) : "…"} – ${each.affected_until ? full(each.affected_until) : "…"}` },
    isNow ? h("b", {}, _("still, since {at}", { at: each.affected_since ? time(each.affected_since) : "…" })) : heldSpan(each.affected_since, each.affected_until));
}

function row(each) {
  return h("div", { class: "tree-row recall-row", role: "row" },
    h("span", { class: "soft", role: "cell" }, kindName(kindOf(each.thing))), h("span", { role: "cell" }, thingLink(each)),
    h("span", { class: "wide", role: "cell" }, factsOf(each)), h("span", { role: "cell" }, affected(each)),
    h("span", { class: "wide", role: "cell" }, placeOf(each)), h("span", { class: "number wide", role: "cell" }, number(each.level)));
}

/** What can be called in comes first. */
const RANK = ["vehicle", "pack", "module", "cell", "lot", ""];
const rank = (each) => RANK.indexOf(kindOf(each.thing));

function showRows() {
  const shown = things.filter((each) => !kind || kindOf(each.thing) === kind).sort((a, b) => rank(a) - rank(b) || a.number - b.number);
  byId("nothing").hidden = shown.length > 0;
  list.show(shown, ROW, row);
}

async function load() {
  await meanings;
  const mine = [];
  things = mine;
  byId("csv").href = address(`/identifiers/recall?${asked({ format: "csv" })}`);
  let after = -1;
  do {
    const given = asked({ rows: PAGE, ...(after >= 0 ? { after } : {}) });
    answer = await get(`/identifiers/recall?${given}`);
    if (things !== mine) return; // something else was asked meanwhile
    mine.push(...answer.things);
    after = answer.things.at(-1)?.number ?? -1;
    byId("result").hidden = false;
    showFigures();
    showRows();
  } while (answer.next && things.length < THINGS_MAX);
  fill(byId("as-of"), _("as of {at}", { at: time(Date.now()) }));
}

async function ask(event) {
  event?.preventDefault();
  kind = "";
  try {
    history.replaceState(null, "", `/identifiers/recall?${asked()}`);
    await load();
    problem(null);
  } catch (error) {
    byId("result").hidden = true;
    problem(error);
  }
}

function chooseStart(name) {
  start = name;
  for (const button of byId("starts").children) button.setAttribute("aria-pressed", String(button.dataset.start === name));
  byId("things-field").hidden = name !== "thing";
  byId("station-field").hidden = name !== "station";
}

byId("rows").append(list);
const given = new URLSearchParams(location.search);
form.addEventListener("submit", ask);
byId("starts").addEventListener("click", (event) => event.target.dataset.start && chooseStart(event.target.dataset.start));
byId("kinds").addEventListener("click", (event) => {
  if (event.target.dataset.kind === undefined) return;
  kind = event.target.dataset.kind;
  showFigures();
  showRows();
});
if (given.get("station")) {
  chooseStart("station");
  form.elements.station.value = given.get("station");
} else form.elements.thing.value = given.getAll("thing").join("\n");
if (given.size) ask();
