// Limits of signals: how each stands, set one, take one away, bring a sheet.

import { get, post, put, remove } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { exact, figure, full, instant, NONE, number, span, time } from "../format.js";
import { every } from "../poll.js";
import { guardedBy, problem } from "../problem.js";
import { _ } from "../words.js";

const PERIOD_S = 3;
const STALE_S = 60;
const BOUNDS = ["low_low", "low", "high", "high_high", "deadband"];
const maySet = document.documentElement.dataset.role !== "viewer";
const LEVELS = new Map([
  [-2, () => _("below low-low")], [-1, () => _("below low")], [0, () => _("inside")],
  [1, () => _("above high")], [2, () => _("above high-high")],
]);

const guarded = guardedBy(load);

function bound(row, name) {
  return h("td", { class: "number" }, row[name] === null ? h("span", { class: "faint" }, NONE) : exact(row[name]));
}

function standing(row) {
  if (row.level === null) return h("td", { class: "faint" }, _("no value yet"));
  const look = row.level === 0 ? "good" : Math.abs(row.level) > 1 ? "level level-3" : "level level-2";
  return h("td", { class: look }, LEVELS.get(row.level)());
}

function newest(row) {
  if (row.device_at === null) return [h("td", { class: "number faint" }, NONE), h("td", { class: "faint" }, NONE)];
  const age = (Date.now() - instant(row.device_at)) / 1000;
  const look = age > STALE_S ? "stale" : "";
  return [
    h("td", { class: `number ${look}` }, figure(row.value, row.unit)),
    h("td", { class: look, title: full(row.device_at) }, _("{age} ago", { age: span(Math.max(age, 0)) })),
  ];
}

function edit(row) {
  const form = byId("set");
  for (const name of ["thing", "signal", ...BOUNDS]) form.elements[name].value = row[name] ?? "";
  form.elements.high.focus();
}

function actions(row) {
  if (!maySet) return h("td", {});
  const drop = guarded(async () => {
    if (confirm(_("Take the limits of {signal} of {thing} away?", row))) {
      await remove(`/limits?${new URLSearchParams({ thing: row.thing, signal: row.signal })}`);
    }
  });
  return h("td", {}, h("button", { type: "button", class: "button bare", onclick: () => edit(row) }, _("Change")), " ",
    h("button", { type: "button", class: "button bare", onclick: drop }, _("Delete")));
}

function drawn(row) {
  return h("tr", {}, h("td", {}, row.thing), h("td", { class: "mono" }, row.signal), standing(row), newest(row),
    BOUNDS.map((name) => bound(row, name)),
    h("td", { class: "wide soft", title: full(row.changed_at) }, `${row.changed_by} ${time(row.changed_at)}`), actions(row));
}

async function load(signal) {
  const answer = await get("/limits", {}, signal);
  const heads = [[_("Thing")], [_("Signal")], [_("State")], [_("Newest value"), "number"], [_("Age")],
    [_("Low-low"), "number"], [_("Low"), "number"], [_("High"), "number"], [_("High-high"), "number"],
    [_("Deadband"), "number"], [_("Set by"), "wide"], [""]];
  const none = _("No signal has limits yet. Name a thing and a signal above, or bring a sheet.");
  fill(byId("limits"), answer.rows.length
    ? [h("thead", {}, h("tr", {}, heads.map(([title, look]) => h("th", { class: look ?? "" }, title)))), h("tbody", {}, answer.rows.map(drawn))]
    : h("caption", { class: "empty" }, none));
  fill(byId("total"), answer.rows.length ? _("{n} signals", { n: number(answer.rows.length) }) : "");
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
}

/** Offer the things and signals that send values, so that nobody types a name by heart. */
async function offer() {
  const thing = byId("set").elements.thing.value.trim();
  const answer = await get("/readings/latest", { thing: "", q: thing, size: 200 });
  const names = (key, rows) => [...new Set(rows.map((row) => row[key]))].sort();
  const own = answer.rows.filter((row) => row.thing === thing);
  fill(byId("things"), names("thing", answer.rows).map((name) => h("option", { value: name })));
  fill(byId("signals"), names("signal", own.length ? own : answer.rows).map((name) => h("option", { value: name })));
}

function told(answer) {
  const said = _("new: {added}, set again: {changed}, rows refused: {refused}", answer);
  return [h("p", { class: answer.refused ? "problem" : "good" }, said),
    answer.problems.length ? h("table", {},
      h("thead", {}, h("tr", {}, h("th", { class: "number" }, _("Row")), h("th", {}, _("Column")), h("th", {}, _("Problem")))),
      h("tbody", {}, answer.problems.map((row) => h("tr", {}, h("td", { class: "number" }, row.row), h("td", {}, row.column),
        h("td", { class: "wrap" }, row.problem))))) : null];
}

function startSetting() {
  const form = byId("set");
  form.hidden = byId("upload").hidden = !maySet;
  form.elements.thing.addEventListener("input", () => offer().catch(problem));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(async () => {
      const given = Object.fromEntries(new FormData(form));
      for (const name of BOUNDS) {
        if (given[name] === "") delete given[name];
        else given[name] = Number(given[name]);
      }
      await put("/limits", given);
      form.reset();
    })();
  });
  byId("upload").addEventListener("change", guarded(async () => {
    const answer = await post("/limits/import", new FormData(byId("upload")));
    byId("imported").hidden = false;
    fill(byId("imported"), told(answer));
    byId("upload").reset();
  }));
}

function prefill() {
  const asked = new URLSearchParams(location.search);
  for (const name of ["thing", "signal"]) byId("set").elements[name].value = asked.get(name) ?? "";
}

startSetting();
prefill();
offer().catch(problem);
every(PERIOD_S, load);
