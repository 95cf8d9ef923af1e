// One record: values now and before, who may see them, every line of the audit trail.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, number, time } from "../format.js";
import { changedAt, dataOf, isTechnical, keyLink, nameOf, reach, resolveHref, schemeMark,
  simulatedMark, templateLink, textOf, verbName, whoIs } from "../identifiers.js";
import { showWho } from "../identifier-who.js";
import { problem } from "../problem.js";
import { _ } from "../words.js";

const handle = new URLSearchParams(location.search).get("handle") ?? "";
const slider = byId("slider");
const compare = byId("compare");
let record = null;

function showHead() {
  document.title = `${record.handle} · Millbrain`;
  fill(byId("handle"), record.handle);
  fill(byId("state"), record.is_live ? null : h("span", { class: "bad" }, _("deleted")), simulatedMark(record.values),
    h("a", { href: resolveHref(record.handle) }, _("Resolve")),
    h("a", { href: `/identifiers/trace?thing=${encodeURIComponent(record.handle)}` }, _("Trace")),
    record.template ? h("span", { class: "soft" }, `${_("Template")} `, templateLink(record.template)) : null);
  fill(byId("as-of"), _("as of {at}", { at: time(record.as_of) }));
  byId("as-of").title = full(record.as_of);
  byId("json").href = address("/identifiers/record", { handle });
}

// Versions -------------------------------------------------------------------------------------------

/** What became of each value between two versions: same, added, changed (with what it was), removed. */
function difference(before, now) {
  const old = new Map((before ?? []).map((value) => [value.index, value]));
  const rows = now.map((value) => {
    const was = old.get(value.index);
    old.delete(value.index);
    return { value, was, kind: !was ? "added" : textOf(was) === textOf(value) ? "same" : "changed" };
  });
  return [...rows, ...[...old.values()].map((value) => ({ value, was: value, kind: "removed" }))]
    .sort(inOrder);
}

/** What a record is about before what administers it. */
function inOrder(a, b) {
  return isTechnical(a.value) - isTechnical(b.value) || a.value.index - b.value.index;
}

const KINDS = { added: () => _("added"), changed: () => _("changed"), removed: () => _("removed") };

function content(row) {
  if (row.kind === "changed") return [h("del", {}, dataOf(row.was)), " ", h("ins", {}, dataOf(row.value))];
  if (row.kind === "removed") return h("del", {}, dataOf(row.value));
  return row.kind === "added" ? h("ins", {}, dataOf(row.value)) : dataOf(row.value);
}

function valueRow(row, withChange) {
  return h("tr", { class: withChange ? row.kind : "" }, h("td", { class: "number faint" }, String(row.value.index)),
    h("th", { scope: "row" }, nameOf(row.value)), h("td", { class: "data" }, withChange ? content(row) : dataOf(row.value)),
    h("td", { class: "wide" }, reach(row.value)), h("td", { class: "wide soft" }, changedAt(row.value)),
    withChange ? h("td", {}, KINDS[row.kind]?.() ?? "") : null);
}

function showVersion() {
  const at = Number(slider.value);
  const version = record.versions[at];
  const isNow = at === record.versions.length - 1;
  const withChange = compare.checked && at > 0 && version.values !== null;
  const rows = withChange ? difference(record.versions[at - 1].values, version.values)
    : (version.values ?? []).map((value) => ({ value, kind: "same" })).sort(inOrder);
  const heads = [["", "number"], [_("Property"), ""], [_("Content"), ""], [_("Who may see it"), "wide"], [_("Changed"), "wide"],
    ...(withChange ? [[_("Since the version before"), ""]] : [])];
  const since = version.since ? full(version.since) : _("the beginning");
  fill(byId("version"), isNow ? _("now, since {since}", { since }) : _("{since} to {until}", { since, until: full(version.until) }),
    h("small", { class: "faint" }, ` ${_("version {n} of {all}", { n: number(at + 1), all: number(record.versions.length) })}`));
  slider.setAttribute("aria-valuetext", byId("version").textContent);
  fill(byId("values"), h("thead", {}, h("tr", {}, heads.map(([head, kind]) => h("th", { class: kind }, head)))),
    h("tbody", {}, rows.length ? rows.map((row) => valueRow(row, withChange))
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, nothing(version)))));
  fill(byId("hidden-note"), isNow && record.hidden ? _("{n} more values are not for you to see.", { n: number(record.hidden) }) : null);
}

function nothing(version) {
  if (!version.was_there) return version.since ? _("It was deleted.") : _("It did not exist yet.");
  return version.values === null ? _("What it held then is told to those who may read the whole prefix.")
    : _("It has no values that you may see.");
}

function startVersions() {
  slider.max = String(record.versions.length - 1);
  slider.value = slider.max;
  byId("past").hidden = record.versions.length < 2;
  byId("past-note").hidden = record.is_reader || record.versions.length < 2;
  fill(byId("past-note"), _("What earlier versions held is told to those who may read the whole prefix; when it changed, to everybody."));
  slider.addEventListener("input", showVersion);
  compare.addEventListener("change", showVersion);
  showVersion();
}

// Audit ----------------------------------------------------------------------------------------------

const CHAINS = {
  sound: () => h("span", { class: "good", title: _("the next line carries the hash of this one") }, _("sound")),
  broken: () => h("span", { class: "bad" }, _("broken")),
  missing: () => h("span", { class: "bad" }, _("missing")),
};

function auditRow(line) {
  return h("tr", {}, h("td", { class: "number" }, number(line.number)), h("td", { title: full(line.at) }, time(line.at)),
    h("td", {}, verbName(line.verb)), h("td", { class: "wide mono" }, line.indexes.join(", ")),
    h("td", {}, line.who ? whoIs(line.who) : h("span", { class: "faint" }, _("nobody in particular"))),
    h("td", { class: "wide" }, line.face, h("span", { class: "faint mono" }, line.from ? ` ${line.from}` : "")),
    h("td", {}, CHAINS[line.chain]?.() ?? line.chain, h("span", { class: "faint mono wide", title: line.hash }, ` ${line.hash.slice(0, 12)}`)));
}

function showAudit() {
  const heads = [[_("Line"), "number"], [_("At"), ""], [_("What"), ""], [_("Values"), "wide"], [_("By"), ""], [_("Through"), "wide"], [_("Chain"), ""]];
  const bad = record.lines.filter((line) => line.chain !== "sound").length;
  fill(byId("chain"), !record.lines.length ? null : bad ? h("b", { class: "bad" }, _("{n} lines are not sound", { n: number(bad) }))
    : h("span", { class: "good" }, _("every line is sound")));
  fill(byId("lines"), h("thead", {}, h("tr", {}, heads.map(([head, kind]) => h("th", { class: kind }, head)))),
    h("tbody", {}, record.lines.length ? record.lines.toReversed().map(auditRow)
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("It was loaded from a file in one batch with others; lines of its own begin with its first change.")))));
}

async function start() {
  record = await get("/identifiers/record", { handle });
  byId("record").hidden = false;
  showHead();
  startVersions();
  fill(byId("aliases"), record.aliases.length ? record.aliases.map((key) => h("li", {}, schemeMark(key), keyLink(key.key, key.display)))
    : h("li", { class: "empty" }, _("none")));
  showAudit();
  showWho(byId("who"), record);
}

start().catch(problem);
