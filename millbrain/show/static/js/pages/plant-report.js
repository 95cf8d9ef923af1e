// The shift report: a day as a snapshot knows it, its files, those that were written at eight.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { NONE, number } from "../format.js";
import { problem } from "../problem.js";
import { _, language } from "../words.js";

const ROOT = "/production/shift-reports";
const TURNED = new Set(["lines"]); // more figures than lines

const given = () => ({ shift: byId("shift").value, snapshot: byId("snapshot").value.trim(), language });
const turned = (rows) => rows[0].map((_value, i) => rows.map((row) => row[i]));
/** Decimals that a column needs: all figures of one column have the same. */
const digitsOf = (values) => (values.every((value) => typeof value !== "number" || Number.isInteger(value)) ? 0 : 2);

function cell(value, digits) {
  if (typeof value === "number") return h("td", { class: "number" }, number(value, digits));
  const none = value === null || value === "";
  return h("td", { class: `${none ? "faint" : ""} ${digits === null ? "" : "number"}` }, none ? NONE : value);
}

function section(key, title, rows) {
  if (rows.length < 2) return null;
  const isTurned = TURNED.has(key);
  const [heads, ...body] = isTurned ? turned(rows) : rows;
  const figures = heads.map((_name, i) => body.some((row) => typeof row[i] === "number"));
  const digits = (row, i) => (figures[i] ? digitsOf(isTurned ? row.slice(1) : body.map((other) => other[i])) : null);
  return h("section", { class: isTurned ? "panel wide" : "panel" }, h("header", { class: "head" }, h("h2", {}, title)),
    h("div", { class: "scroll" }, h("table", { class: isTurned ? "tight" : "" }, h("thead", {}, h("tr", {}, heads.map((name, i) => h("th", { class: figures[i] ? "number" : "" }, String(name))))),
      h("tbody", {}, body.map((row) => h("tr", {}, row.map((value, i) => cell(value, digits(row, i)))))))));
}

async function load() {
  const day = byId("day").value;
  if (!day) return;
  try {
    const found = await get(`${ROOT}/${day}`, given());
    const sections = Object.entries(found.tables).map(([key, rows]) => section(key, found.titles[key], rows)).filter(Boolean);
    fill(byId("tables"), sections.length ? sections : h("p", { class: "empty" }, _("Nothing was stored of this day.")));
    byId("as-of").textContent = found.head.slice(2).map(([name, value]) => `${name} ${value}`).join(" · ");
    for (const format of ["xlsx", "pdf"]) byId(format).href = address(`${ROOT}/${day}`, { ...given(), snapshot: found.snapshot, format });
    problem(null);
  } catch (error) {
    problem(error);
  }
}

async function files() {
  const { files: names } = await get(ROOT);
  fill(byId("files"), names.length ? names.map((name) => h("li", {}, h("a", { href: address(`${ROOT}/files/${name}`, {}), download: name }, name)))
    : h("li", { class: "empty" }, _("None was written yet.")));
}

byId("day").value = new URLSearchParams(location.search).get("day") ?? new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
for (const id of ["day", "shift", "snapshot"]) byId(id).addEventListener("change", load);
load();
files().catch(problem);
