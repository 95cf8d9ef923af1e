// The filters of a page: places from the machines that there are, kept in the address.

import { byId, fill, h } from "/static/js/dom.js";
import { problem } from "/static/js/problem.js";
import { pick } from "/static/js/words.js";
import { areaName, ask, grouped, lineName, machineName } from "./works.js";

const NAMES = ["by", "days", "area", "line", "machine", "product", "job", "sums"];
const PRODUCTS = 200;

function options(name, rows, label) {
  const field = byId("filters").elements[name];
  const chosen = field.value || new URLSearchParams(location.search).get(name) || "";
  const first = field.options[0];
  const found = [...grouped(rows.filter((row) => row[name]), (row) => row[name]).entries()];
  fill(field, first, found.map(([key, [row]]) => h("option", { value: key }, label(row))));
  field.value = found.some(([key]) => key === chosen) ? chosen : "";
}

/** Offer the products that were made in the span. */
async function offerProducts() {
  const { days } = byId("filters").elements;
  const { rows } = await ask("indicators", { by: "product", days: days.value, size: PRODUCTS });
  options("product", rows.map((row) => ({ ...row, product: row.key })), (row) => [...new Set([row.key, pick(row.title, row.title_zh)])].filter((each) => each && each !== "?").join(" "));
}

/** The values of the filters by name, empty ones left out. */
export function chosen() {
  return Object.fromEntries([...new FormData(byId("filters"))].filter(([, value]) => value));
}

/** Fill the filters, then call load(values) now and after each change. */
export async function startFilters(load) {
  const form = byId("filters");
  const given = new URLSearchParams(location.search);
  for (const name of NAMES) {
    const field = form.elements[name];
    if (!field || !given.get(name)) continue;
    if (field.type === "checkbox") field.checked = true;
    else field.value = given.get(name);
  }
  const { rows } = await ask("now", { size: 500 });
  const places = () => {
    const { area, line } = { area: form.elements.area.value, line: form.elements.line.value };
    options("area", rows, areaName);
    options("line", rows.filter((row) => !area || row.area === area), lineName);
    options("machine", rows.filter((row) => (!area || row.area === area) && (!line || row.line === line)), machineName);
  };
  form.elements.area.value = given.get("area") ?? "";
  places();
  places();
  await offerProducts();
  const changed = async (event) => {
    places();
    if (event.target.name === "days") await offerProducts();
    history.replaceState(null, "", `?${new URLSearchParams(chosen())}`);
    load(chosen());
  };
  form.addEventListener("change", (event) => changed(event).catch(problem));
  form.addEventListener("submit", (event) => event.preventDefault());
  load(chosen());
}
