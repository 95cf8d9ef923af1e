// The inspection lane: records of all benches, import, a new record, items and limits.

import { address, get, post, put } from "../api.js";
import { byId, fill, find, h } from "../dom.js";
import { full, number, time } from "../format.js";
import { problem } from "../problem.js";
import { drawForm } from "../record-form.js";
import { drawPager, startRowLinks } from "../table.js";
import { conclusion, range } from "../verdicts.js";
import { _, pick } from "../words.js";

const SEARCH_WAIT_MS = 250;
const PROBLEMS_SHOWN = 20;
const state = { q: "", conclusion: "", page: 1 };
let sheet = null;
let timer = 0;

async function guarded(task) {
  try {
    problem(null);
    await task();
  } catch (error) {
    if (error.status === undefined) console.error(error);
    problem(error);
  }
}

function row(found) {
  return h("tr", { "data-href": `/lane/${found.id}` },
    h("td", {}, h("a", { href: `/lane/${found.id}` }, full(found.tested_at))),
    h("td", { class: "vin" }, found.vin), h("td", { class: "wide" }, found.plate),
    h("td", {}, conclusion(found)),
    h("td", { class: "wrap wide" }, pick(found.reason_en, found.reason_zh)),
    h("td", { class: "wide" }, found.bench), h("td", { class: "wide" }, found.record_no),
    h("td", { class: "number wide" }, found.version));
}

async function load() {
  const answer = await get("/inspections", { ...state, size: 50 });
  const heads = [[_("Tested")], [_("VIN")], [_("Plate"), "wide"], [_("Conclusion")], [_("First reason"), "wide"],
    [_("Bench"), "wide"], [_("Number"), "wide"], [_("Version"), "number wide"]];
  fill(byId("inspections"), h("thead", {}, h("tr", {}, heads.map(([title, kind]) => h("th", { class: kind }, title)))),
    h("tbody", {}, answer.rows.length ? answer.rows.map(row)
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("No inspection yet.")))));
  drawPager(byId("pager"), answer, (page) => guarded(() => go({ page })));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
  for (const format of ["csv", "xlsx"]) {
    byId(format).href = address("/inspections", { q: state.q, conclusion: state.conclusion, format });
  }
  for (const button of document.querySelectorAll("[data-conclusion]")) {
    button.setAttribute("aria-pressed", String(button.dataset.conclusion === state.conclusion));
  }
}

function go(change) {
  Object.assign(state, { page: 1 }, change);
  return load();
}

function told(answer) {
  const shown = answer.problems.slice(0, PROBLEMS_SHOWN);
  byId("imported").hidden = false;
  fill(byId("imported"),
    h("p", {}, _("{added} added, {corrected} corrected, {unchanged} unchanged, {refused} rows refused", {
      added: number(answer.added), corrected: number(answer.corrected),
      unchanged: number(answer.unchanged), refused: number(answer.refused) })),
    answer.unused.length ? h("p", { class: "soft" }, _("Columns that were not used: {names}", { names: answer.unused.join(", ") })) : null,
    shown.length ? h("table", {}, h("tbody", {}, shown.map((p) => h("tr", {},
      h("td", { class: "number" }, p.row || ""), h("td", {}, p.column), h("td", { class: "wrap" }, p.problem))))) : null);
}

function startImport() {
  byId("file").addEventListener("change", (event) => guarded(async () => {
    const [file] = event.target.files;
    if (!file) return;
    const body = new FormData();
    body.append("file", file);
    event.target.value = "";
    told(await post("/inspections/import", body));
    await go({});
  }));
  byId("new").addEventListener("click", () => {
    byId("form").hidden = !byId("form").hidden;
    drawForm(byId("record"), sheet, null, (answer) => location.assign(`/lane/${answer.id}`));
  });
}

function itemTitle(name) {
  const item = sheet.items.find((each) => each.name === name);
  return item ? `${pick(item.title, item.title_zh)}${item.unit ? ` [${item.unit}]` : ""}` : "";
}

function limitCell(item) {
  const standard = sheet.limits.filter((limit) => limit.item === item.name);
  const own = sheet.settings.filter((limit) => limit.item === item.name);
  const lines = [...own.map((limit) => [limit, true]), ...standard.map((limit) => [limit, false])];
  if (!lines.length) return h("td", { class: "faint wrap" }, _("no limit is set"));
  return h("td", { class: "wrap" }, lines.map(([limit, isOwn]) => h("p", { title: limit.note ?? "" },
    range(limit, item.unit, itemTitle(limit.per)), " ",
    h("span", { class: "soft" }, [...chemistryText(limit), limit.model, limit.source, limit.since].filter(Boolean).join(" · ")), " ",
    isOwn ? h("span", { class: "badge" }, _("set by the lane")) : null)));
}

function chemistryText(limit) {
  const titles = sheet.chemistries[limit.chemistry];
  return titles ? [pick(titles[0], titles[1])] : [];
}

function needText(item) {
  return { always: _("required"), commercial: _("required of commercial vehicles"), optional: _("optional") }[item.need];
}

function limitForm(item) {
  const field = (name, type, attributes = {}) => h("input", { name, type, step: "any", ...attributes });
  const form = h("form", { class: "tools" },
    field("low", "number", { placeholder: _("at least"), "aria-label": _("at least") }),
    field("high", "number", { placeholder: _("at most"), "aria-label": _("at most") }), h("span", { class: "soft" }, item.unit),
    h("select", { name: "chemistry", "aria-label": _("Chemistry") }, h("option", { value: "" }, _("any chemistry")),
      Object.entries(sheet.chemistries).map(([word, titles]) => h("option", { value: word }, pick(titles[0], titles[1])))),
    field("model", "text", { placeholder: _("any model"), "aria-label": _("Model"), maxlength: 128 }),
    field("source", "text", { required: true, placeholder: _("Source, such as the maker's manual"), "aria-label": _("Source"), maxlength: 200 }),
    field("since", "date", { required: true, "aria-label": _("Holds since") }),
    h("button", { class: "button main" }, _("Set")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(async () => {
      const text = (name) => form.elements[name].value.trim();
      const bound = (name) => (text(name) === "" ? null : Number(text(name)));
      await put(`/inspections/limits/${item.name}`, {
        low: bound("low"), high: bound("high"), chemistry: text("chemistry"), model: text("model"),
        source: text("source"), since: text("since"),
      });
      await loadSheet();
    });
  });
  return form;
}

function drawLimits() {
  const mayset = Boolean(find("#file"));
  const rows = Object.entries(sheet.tests).flatMap(([test, titles]) => [
    h("tr", { class: "group" }, h("th", { colspan: 4 }, pick(titles[0], titles[1]))),
    ...sheet.items.filter((item) => item.test === test).map((item) => h("tr", {},
      h("td", { class: "wrap" }, pick(item.title, item.title_zh), item.unit ? h("small", { class: "soft" }, ` ${item.unit}`) : null),
      h("td", { class: "soft" }, needText(item), item.is_condition ? ` · ${_("condition of the test")}` : "",
        item.in_standard ? "" : ` · ${_("not of the standard")}`),
      limitCell(item),
      h("td", {}, mayset ? h("details", { class: "set" }, h("summary", {}, _("set")), limitForm(item)) : null))),
  ]);
  fill(byId("limits"), h("thead", {}, h("tr", {}, [_("Item"), _("When"), _("Limits and where they come from"), ""].map((t) => h("th", {}, t)))),
    h("tbody", {}, rows));
  fill(byId("edition"), sheet.edition);
}

async function loadSheet() {
  sheet = await get("/inspections/sheet");
  drawLimits();
}

startRowLinks();
find("input[name=q]").addEventListener("input", (event) => {
  clearTimeout(timer);
  timer = setTimeout(() => guarded(() => go({ q: event.target.value.trim() })), SEARCH_WAIT_MS);
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("click", (event) => {
  const button = event.target.closest("[data-conclusion]");
  if (button) guarded(() => go({ conclusion: button.dataset.conclusion }));
});
if (find("#file")) startImport();
guarded(load);
guarded(loadSheet);
