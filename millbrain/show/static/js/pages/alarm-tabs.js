// The other tabs of the alarms: history, chattering, rules.

import { appName, declared, kindName, placeName, priorityMark, stateName, thingLink } from "../alarm-words.js";
import { get, post, remove } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, number, span, time } from "../format.js";
import { drawPager } from "../table.js";
import { _, pick } from "../words.js";
import { stepText } from "./alarm-drawer.js";

const DAY_MS = 86_400_000;
const maySet = document.documentElement.dataset.role !== "viewer";

/** The instant at which a day (YYYY-MM-DD) of the plant begins, `later` days after it. */
export function dayStart(day, later = 0) {
  const utc = Date.parse(`${day}T00:00:00Z`) + later * DAY_MS;
  const plant = Date.parse(`${full(utc).replace(" ", "T")}Z`);
  return new Date(2 * utc - plant).toISOString();
}

function heads(...titles) {
  return h("thead", {}, h("tr", {}, titles.map(([title, look]) => h("th", { class: look ?? "" }, title))));
}

function empty(table, text) {
  table.append(h("caption", { class: "empty" }, text));
}

const what = (row) => [pick(row.sentence, row.sentence_zh),
  h("small", {}, ` ${[kindName(row.app, row.kind), placeName(row)].filter(Boolean).join(" · ")}`)];

export async function showHistory(parameters, go, signal) {
  const answer = await get("/alarms/history", parameters, signal);
  const table = byId("steps");
  fill(table, heads([_("At")], [""], [_("Thing")], [_("Alarm")], [_("Step")], [_("To")], [_("By"), "wide"], [_("Reason"), "wide"]),
    h("tbody", {}, answer.rows.map((row) => h("tr", { "data-href": `#${row.alarm_id}` },
      h("td", { class: "soft", title: full(row.at) }, time(row.at)), h("td", {}, priorityMark(row.priority, row.target)),
      h("td", {}, thingLink(row)), h("td", { class: "what" }, what(row)), h("td", {}, stepText(row)),
      h("td", { class: "soft" }, stateName(row.target)), h("td", { class: "wide" }, row.who || h("span", { class: "faint" }, _("the platform"))),
      h("td", { class: "wide wrap" }, row.reason)))));
  if (!answer.rows.length) empty(table, _("Nothing happened in this time."));
  drawPager(byId("steps-pager"), answer, go);
  fill(byId("total"), _("steps: {n}", { n: number(answer.total) }));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
}

export async function showChattering(signal) {
  const rows = await get("/alarms/chattering", {}, signal);
  const table = byId("chatterers");
  fill(table, heads([_("Returns"), "number"], [""], [_("Thing")], [_("Alarm")], [_("State")], [_("Last time")]),
    h("tbody", {}, rows.map((row) => h("tr", { "data-href": `#${row.id}` }, h("td", { class: "number" }, number(row.count)),
      h("td", {}, priorityMark(row.priority, row.state)), h("td", {}, thingLink(row)), h("td", { class: "wrap" }, what(row)),
      h("td", { class: "soft" }, stateName(row.state)), h("td", { class: "soft" }, time(row.last_at))))));
  if (!rows.length) empty(table, _("No alarm chatters."));
  fill(byId("total"), _("alarms: {n}", { n: number(rows.length) }));
}

function choiceName(field, word) {
  return pick(...(field.choices[word] ?? [word, word]));
}

function ruleCell(field, row) {
  const value = row[field.name];
  if (field.kind === "choice") return h("td", {}, choiceName(field, value));
  if (/_s(_|$)/.test(field.name)) return h("td", { class: "number" }, value ? span(value) : "0");
  return h("td", { class: "number" }, `${number(value)}${field.unit ? ` ${field.unit}` : ""}`);
}

function ruleRow(fields, row, reload) {
  const app = row.app === "*" ? _("every app") : appName(row.app);
  const kind = row.kind === "*" ? _("every kind") : kindName(row.app, row.kind);
  const drop = h("button", { type: "button", class: "button bare", onclick: async () => {
    await remove(`/alarm-rules/${encodeURIComponent(row.app)}/${encodeURIComponent(row.kind)}`);
    await reload();
  } }, _("Reset"));
  return h("tr", {}, h("td", {}, app), h("td", {}, kind), fields.map((field) => ruleCell(field, row)),
    h("td", { class: "wide", title: full(row.changed_at) }, row.is_own ? row.changed_by : h("span", { class: "faint" }, _("as declared"))),
    h("td", {}, row.is_own && maySet ? drop : null));
}

export async function showRules(signal) {
  const answer = await get("/alarm-rules", {}, signal);
  declared.apps = answer.apps;
  const fields = answer.fields.slice(2);
  const titles = fields.map((field) => [pick(field.title, field.title_zh), field.kind === "choice" ? "" : "number"]);
  fill(byId("rule-rows"), heads([_("App")], [_("Kind")], ...titles, [_("Set by"), "wide"], [""]),
    h("tbody", {}, answer.rules.map((row) => ruleRow(fields, row, () => showRules()))));
  fill(byId("suppressions"), heads([_("While this stands")], [_("these are hidden")], [_("Where")], [_("Why")]),
    h("tbody", {}, answer.suppressions.map((row) => h("tr", {}, h("td", {}, `${appName(row.app)} · ${kindName(row.app, row.kind)}`),
      h("td", { class: "wrap" }, row.hides.length ? row.hides.map((kind) => kindName(row.app, kind)).join(", ") : _("every lesser severity")),
      h("td", {}, row.is_same_cell ? _("same cell") : _("same vehicle")), h("td", { class: "wrap soft" }, pick(row.why, row.why_zh))))));
  fill(byId("total"));
}

function problemRows(answer) {
  return answer.problems.map((row) => h("tr", {}, h("td", { class: "number" }, row.row), h("td", {}, row.column),
    h("td", { class: "wrap" }, row.problem)));
}

export function startRules(reload) {
  const form = byId("upload");
  form.hidden = !maySet;
  form.addEventListener("change", async () => {
    const told = byId("imported");
    told.hidden = false;
    try {
      const answer = await post("/alarm-rules/import", new FormData(form));
      fill(told, h("p", { class: answer.refused ? "problem" : "good" },
        _("rules changed: {changed}, rows refused: {refused}", { changed: number(answer.changed), refused: number(answer.refused) })),
      answer.problems.length ? h("table", {}, heads([_("Row"), "number"], [_("Column")], [_("Problem")]), h("tbody", {}, problemRows(answer))) : null);
    } catch (error) {
      fill(told, h("p", { class: "problem" }, error.message));
    }
    form.reset();
    await reload();
  });
}
