// Indicators by whatever is asked: sorted, paged, exported.

import { byId, fill, h } from "/static/js/dom.js";
import { number, time } from "/static/js/format.js";
import { drawPager } from "/static/js/table.js";
import { problem } from "/static/js/problem.js";
import { pick } from "/static/js/words.js";
import { chosen, startFilters } from "./filters.js";
import { ask, asOf, columnsOf, download, linePath, machinePath } from "./works.js";

const FIRST_ELEMENT = "pbt_h";
const SIZE = 50;
const UNKNOWN = "?"; // the product of orders that nobody entered
let sort = "key";
let order = "asc";
let page = 1;

function columns(values) {
  const all = columnsOf("indicators").filter((column) => !["title", "title_zh"].includes(column.name));
  const edge = all.findIndex((column) => column.name === FIRST_ELEMENT);
  return values.sums ? all : all.slice(0, edge);
}

function cell(row, column, by) {
  const value = row[column.name];
  if (column.name === "key") {
    const told = pick(row.title, row.title_zh);
    const isNamed = ["order", "product"].includes(by) && value && value !== UNKNOWN; // number and name
    const name = (isNamed ? [...new Set([value, told])].filter(Boolean).join(" ") : told || value) || "–";
    const path = { machine: machinePath, line: linePath }[by];
    return h("td", { title: value }, path && value ? h("a", { href: path(value) }, name) : name);
  }
  if (column.name === "as_of") return h("td", {}, time(value));
  const digits = /_count$/.test(column.name) ? 0 : /_h$|_kwh$/.test(column.name) ? 2 : 1;
  return h("td", { class: "number" }, number(value, digits));
}

function heading(column) {
  const sorted = sort === column.name;
  return h("th", { class: column.name === "key" ? "" : "number", "aria-sort": sorted ? (order === "desc" ? "descending" : "ascending") : null },
    h("button", { type: "button", onclick: () => {
      order = sorted && order === "desc" ? "asc" : "desc";
      sort = column.name;
      page = 1;
      load(chosen());
    } }, column.title, column.unit ? h("small", {}, ` ${column.unit}`) : null));
}

async function load(values) {
  try {
    const { sums, ...asked } = values;
    const answer = await ask("indicators", { ...asked, sort, order, page, size: SIZE });
    const shown = columns(values);
    fill(byId("rows"), h("thead", {}, h("tr", {}, shown.map(heading))),
      h("tbody", {}, answer.rows.map((row) => h("tr", {}, shown.map((column) => cell(row, column, values.by))))));
    drawPager(byId("pager"), answer, (next) => {
      page = next;
      load(chosen());
    });
    for (const format of ["csv", "xlsx"]) byId(format).href = download("indicators", { ...asked, sort, order }, format);
    asOf("as-of", answer);
    problem(null);
  } catch (error) {
    problem(error);
  }
}

startFilters((values) => {
  page = 1;
  return load(values);
}).catch(problem);
