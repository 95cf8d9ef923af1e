// Labels: which identifiers, in which design, on what stock; seen first, then printed.

import { address, ApiError, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { number } from "../format.js";
import { _, pick } from "../words.js";

const TYPING_MS = 500;
const form = byId("order");
const fields = form.elements;
let choices = null;
let which = "list";
let page = 1;
let running = null;

function refused(error) {
  byId("refused").hidden = !error;
  if (error) fill(byId("refused"), error.message);
}

function order(format) {
  const wanted = which === "list"
    ? { identifiers: fields.identifiers.value.split(/\s*\n\s*/).filter(Boolean) }
    : { range: { pattern: fields.pattern.value.trim(), from: Number(fields.from.value), to: Number(fields.to.value) } };
  return { ...wanted, design: fields.design.value, stock: fields.stock.value, format, skip: Number(fields.skip.value) || 0,
    ...(format === "svg" ? { page } : {}), ...(format === "zpl" ? { dpi: Number(fields.dpi.value) } : {}) };
}

const isEmpty = () => (which === "list" ? !fields.identifiers.value.trim() : !fields.pattern.value.trim());

async function ask(format, signal) {
  const answer = await fetch(address("/identifiers/labels/sheets"), { method: "POST", signal,
    headers: { "Content-Type": "application/json" }, body: JSON.stringify(order(format)) });
  if (answer.ok) return answer;
  const told = (await answer.json().catch(() => null))?.error ?? {};
  throw new ApiError(answer.status, told.code ?? "", told.message ?? answer.statusText, told.detail);
}

const stock = () => choices.stocks[fields.stock.value];
const isRoll = () => stock().count === undefined || stock().page_mm.join() === stock().label_mm.join();

function showSize() {
  const { label_mm: label, page_mm: sheet } = stock();
  const size = label.map((mm) => number(mm, Number.isInteger(mm) ? 0 : 1)).join(" × ");
  fill(byId("size"), isRoll() ? _("label {size} mm, true to scale", { size })
    : _("label {size} mm on a sheet of {sheet} mm", { size, sheet: sheet.map((mm) => number(mm)).join(" × ") }));
  byId("dpi-field").hidden = !isRoll();
  form.querySelector("[data-format=zpl]").hidden = !isRoll();
}

function showPages(pages, labels) {
  page = Math.min(page, pages);
  const turn = (step) => h("button", { type: "button", class: "button bare", disabled: page + step < 1 || page + step > pages,
    "aria-label": step < 0 ? _("Previous") : _("Next"), onclick: () => {
      page += step;
      preview();
    } }, step < 0 ? "←" : "→");
  fill(byId("pages"), pages > 1 ? [turn(-1), ` ${_("page {n} of {all}", { n: number(page), all: number(pages) })} `, turn(1)] : null);
  fill(byId("count"), labels ? _("labels on this page: {n}", { n: number(labels) }) : null);
}

async function preview() {
  running?.abort();
  showSize();
  if (isEmpty()) {
    fill(byId("sheet"), h("p", { class: "empty" }, _("Name identifiers to see their labels.")));
    showPages(1, 0);
    refused(null);
    return;
  }
  running = new AbortController();
  byId("sheet").setAttribute("aria-busy", "true");
  if (!byId("sheet").firstElementChild) fill(byId("sheet"), h("p", { class: "empty" }, _("Being drawn and read back …")));
  try {
    const answer = await ask("svg", running.signal);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    fill(byId("sheet"), h("img", { class: isRoll() ? "roll" : "", src: `data:image/svg+xml;base64,${text}`, alt: _("Preview") }));
    showPages(Number(answer.headers.get("Millbrain-Pages")) || 1, Number(answer.headers.get("Millbrain-Labels")) || 0);
    refused(null);
  } catch (error) {
    if (error.name === "AbortError") return;
    refused(error);
    fill(byId("sheet"));
    showPages(1, 0);
  } finally {
    byId("sheet").removeAttribute("aria-busy");
  }
}

async function print(format, isSaved) {
  try {
    const blob = await (await ask(format)).blob();
    const url = URL.createObjectURL(blob);
    if (isSaved) {
      h("a", { href: url, download: `labels.${format}` }).click();
    } else {
      open(url, "_blank"); // the browser's own viewer prints a PDF to its size
    }
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    refused(null);
  } catch (error) {
    refused(error);
  }
}

function chooseWhich(name) {
  which = name;
  for (const button of byId("which").children) button.setAttribute("aria-pressed", String(button.dataset.which === name));
  for (const part of form.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== name;
}

function option(key, each) {
  return h("option", { value: key }, pick(each.title, each.title_zh));
}

async function start() {
  choices = await get("/identifiers/labels");
  fields.design.append(...Object.entries(choices.designs).map(([key, each]) => option(key, each)));
  fields.stock.append(...Object.entries(choices.stocks).map(([key, each]) => option(key, each)));
  fields.dpi.append(...choices.dpis.map((dpi) => h("option", { value: dpi, selected: dpi === 203 }, String(dpi))));
  const given = new URLSearchParams(location.search);
  fields.identifiers.value = given.getAll("text").join("\n");
  if (fields.identifiers.value) fields.stock.value = "roll-50x25";
  let timer = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (event.target.name !== "dpi") page = 1;
    timer = setTimeout(preview, event.target.tagName === "SELECT" ? 0 : TYPING_MS);
  });
  byId("which").addEventListener("click", (event) => {
    if (!event.target.dataset.which) return;
    chooseWhich(event.target.dataset.which);
    preview();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    print("pdf", false);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-save]");
    if (button) print(button.dataset.format, true);
  });
  preview();
}

start().catch((error) => {
  byId("problem").hidden = false;
  fill(byId("problem"), error.message);
});
