// The data dictionary: tables, columns, units, code lists, with a filter.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { number } from "../format.js";
import { _, pick } from "../words.js";

function codes(column) {
  if (!column.codes.length) return "";
  const words = column.codes.map((code) => `${code.value} ${pick(code.name, code.name_zh)}`).join(" · ");
  return h("div", { class: "codes" }, words);
}

function row(column) {
  const text = `${column.name} ${column.meaning} ${column.meaning_zh}`.toLowerCase();
  return h("tr", { "data-text": text }, h("td", { class: "name" }, column.name, column.key ? " ⚷" : ""),
    h("td", { class: "wrap" }, pick(column.meaning, column.meaning_zh), codes(column)), h("td", {}, column.unit),
    h("td", { class: "mono soft" }, column.type));
}

function table(each) {
  const keep = each.keep_days ? _("kept {n} days", { n: number(each.keep_days) }) : _("kept for ever");
  return h("section", { class: "panel", id: each.name },
    h("header", { class: "head" }, h("h2", {}, each.name), h("span", { class: "soft" }, pick(each.meaning, each.meaning_zh)),
      h("span", { class: "note" }, _("sorted by {key}; {keep}", { key: each.order_by.join(", "), keep }))),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, _("Column")), h("th", {}, _("Meaning")),
      h("th", {}, _("Unit")), h("th", {}, _("Type")))), h("tbody", {}, each.columns.map(row)))));
}

function filter(text) {
  const wanted = text.trim().toLowerCase();
  for (const section of byId("tables").children) {
    let shown = 0;
    for (const line of section.querySelectorAll("tr[data-text]")) {
      line.hidden = !line.dataset.text.includes(wanted);
      shown += line.hidden ? 0 : 1;
    }
    section.hidden = shown === 0;
  }
}

const answer = await get("/dictionary");
fill(byId("tables"), answer.tables.map(table));
byId("filter").addEventListener("input", (event) => filter(event.target.value));
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
