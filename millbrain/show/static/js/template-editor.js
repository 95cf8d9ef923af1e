// The form of a new template, or of a new version: fields that are there can only be widened.

import { post } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { number } from "./format.js";
import { _, pick } from "./words.js";

const FIRST_INDEX = 2000;
const LENGTHY = ["text", "id", "reference", "data"];
const MEASURED = ["number", "whole"];

const input = (name, value, more = {}) => h("input", { name, value: value ?? "", autocomplete: "off", ...more });

/** `LFP = lithium iron phosphate | 磷酸铁锂`, one a line. */
const writtenChoices = (choices) => Object.entries(choices ?? {}).map(([word, [english, chinese]]) => `${word} = ${english} | ${chinese}`).join("\n");

function readChoices(text) {
  return Object.fromEntries(text.split("\n").filter((line) => line.trim()).map((line) => {
    const [word, titles = ""] = line.split(/=(.*)/s).map((part) => part.trim());
    const [english, chinese] = titles.split("|").map((part) => part.trim());
    return [word, [english || word, chinese || english || word]];
  }));
}

/** One field as a row. old: as it stands, null = a new one. isFirst: of a new template. */
function fieldRow(known, old, isFirst, index) {
  const locked = Boolean(old);
  const kind = h("select", { name: "kind", disabled: locked }, Object.entries(known.kinds).map(([key, titles]) =>
    h("option", { value: key, selected: key === (old?.kind ?? "text") }, pick(...titles))));
  const row = h("fieldset", { class: "field-row" },
    h("label", { class: "field" }, h("span", {}, _("Field")), input("name", old?.name, { readonly: locked, required: true, pattern: "[A-Za-z][A-Za-z0-9_]{0,63}" })),
    h("label", { class: "field narrow" }, h("span", {}, _("Index")), input("index", old?.index ?? index, { type: "number", min: 1, readonly: locked, required: true })),
    h("label", { class: "field" }, h("span", {}, _("Kind")), kind),
    h("label", { class: "field" }, h("span", {}, _("Meaning (English)")), input("title", old?.title)),
    h("label", { class: "field" }, h("span", {}, _("Meaning (Chinese)")), input("title_zh", old?.title_zh)),
    h("label", { class: "field narrow", "data-for": MEASURED.join(" ") }, h("span", {}, _("Unit")), input("unit", old?.unit, { readonly: locked })),
    h("label", { class: "field narrow", "data-for": MEASURED.join(" ") }, h("span", {}, _("Least")), input("low", old?.low, { type: "number", step: "any" })),
    h("label", { class: "field narrow", "data-for": MEASURED.join(" ") }, h("span", {}, _("Most")), input("high", old?.high, { type: "number", step: "any" })),
    h("label", { class: "field narrow", "data-for": LENGTHY.join(" ") }, h("span", {}, _("Longest")), input("longest", old?.longest ?? 200, { type: "number", min: 1 })),
    h("label", { class: "field wide", "data-for": "choice" }, h("span", {}, _("Words: word = English | Chinese")), h("textarea", { name: "choices", rows: 3 }, writtenChoices(old?.choices))),
    h("span", { class: "ticks" },
      h("label", { class: "tick" }, h("input", { type: "checkbox", name: "is_required", checked: Boolean(old?.is_required), disabled: !isFirst && !old?.is_required }), _("must be filled")),
      h("label", { class: "tick" }, h("input", { type: "checkbox", name: "is_hidden", checked: Boolean(old?.is_hidden), disabled: locked && !old.is_hidden }), _("not for everybody")),
      locked ? h("label", { class: "tick" }, h("input", { type: "checkbox", name: "is_disabled", checked: Boolean(old.is_disabled), disabled: Boolean(old.is_disabled) }), _("no longer filled")) : null,
      locked ? null : h("button", { type: "button", class: "button bare", onclick: () => row.remove() }, _("Remove"))));
  const fit = () => {
    for (const part of row.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind.value);
  };
  kind.addEventListener("change", fit);
  fit();
  return row;
}

function declared(row) {
  const value = (name) => row.querySelector(`[name=${name}]`)?.value.trim() ?? "";
  const ticked = (name) => row.querySelector(`[name=${name}]`)?.checked ?? false;
  const kind = value("kind");
  const told = { name: value("name"), index: Number(value("index")), kind, title: value("title") || value("name"), title_zh: value("title_zh") || value("title") || value("name") };
  if (MEASURED.includes(kind)) {
    if (value("unit")) told.unit = value("unit");
    for (const name of ["low", "high"]) if (value(name) !== "") told[name] = Number(value(name));
  }
  if (LENGTHY.includes(kind)) told.longest = Number(value("longest"));
  if (kind === "choice") told.choices = readChoices(value("choices"));
  for (const name of ["is_required", "is_hidden", "is_disabled"]) if (ticked(name)) told[name] = true;
  return told;
}

/** Whether a declaration says something else than the field that is there. */
function differs(told, old) {
  const plain = (each) => JSON.stringify(["title", "title_zh", "low", "high", "longest", "choices", "is_required", "is_hidden", "is_disabled"].map((name) =>
    (name === "longest" && !LENGTHY.includes(each.kind) ? null : each[name] ?? null)));
  return plain(told) !== plain(old);
}

/** Show the form in `node`; onDone(handle) once it is made, onDone("") where it was given up. */
export function startEditing(node, known, template, onDone) {
  const isFirst = template === null;
  const rows = h("div", { class: "field-rows" });
  const next = () => Math.max(FIRST_INDEX - 1, ...[...rows.querySelectorAll("[name=index]")].map((each) => Number(each.value))) + 1;
  const add = (old) => rows.append(fieldRow(known, old, isFirst, next()));
  (template?.fields ?? []).forEach(add);
  if (isFirst) add(null);
  const form = h("form", { class: "editor", onsubmit: send },
    h("header", { class: "head" }, h("h2", {}, isFirst ? _("New template") : _("Version {n} of {handle}", { n: number(template.version + 1), handle: template.handle }))),
    h("p", { class: "soft" }, isFirst ? _("A template is a record of its own: the prefix, a slash, META_ and a name.")
      : _("A version may add fields that nobody must fill, lift a demand, widen a range, lengthen a text, add words and reword titles; never remove, rename, retype or narrow.")),
    isFirst ? h("div", { class: "pair" },
      h("label", { class: "field" }, h("span", {}, _("Prefix")), h("select", { name: "prefix" }, known.prefixes.map((prefix) => h("option", {}, prefix)))),
      h("label", { class: "field" }, h("span", {}, _("Name")), input("suffix", "META_", { required: true, pattern: "META_.+" }))) : null,
    h("div", { class: "pair" },
      h("label", { class: "field" }, h("span", {}, _("Title (English)")), input("template_title", template?.title)),
      h("label", { class: "field" }, h("span", {}, _("Title (Chinese)")), input("template_title_zh", template?.title_zh))),
    rows, h("p", { class: "problem", id: "editor-problem", role: "alert", hidden: true }),
    h("div", { class: "tools" }, h("button", { type: "button", class: "button", id: "add-field", onclick: () => {
      add(null);
      rows.lastElementChild.querySelector("[name=name]").focus();
    } }, _("Add a field")),
    h("span", { class: "gap" }), h("button", { type: "button", class: "button bare", onclick: () => onDone("") }, _("Cancel")),
    h("button", { class: "button main" }, isFirst ? _("Make it") : _("Add the version"))));
  fill(node, form);
  form.querySelector(isFirst ? "[name=suffix]" : "#add-field").focus();

  async function send(event) {
    event.preventDefault();
    const old = new Map((template?.fields ?? []).map((field) => [field.name, field]));
    const given = [...rows.children].map(declared);
    const fields = given.filter((told) => !old.has(told.name) || differs(told, old.get(told.name)));
    const title = form.elements.template_title.value.trim();
    const titleZh = form.elements.template_title_zh.value.trim();
    const version = { fields, ...(title && title !== template?.title ? { title } : {}), ...(titleZh && titleZh !== template?.title_zh ? { title_zh: titleZh } : {}) };
    const handle = template?.handle ?? `${form.elements.prefix.value}/${form.elements.suffix.value.trim()}`;
    try {
      await post(`/identifiers/templates/${(template?.version ?? 0) + 1}`, { handle, version });
      onDone(handle);
    } catch (error) {
      byId("editor-problem").hidden = false;
      fill(byId("editor-problem"), error.message);
    }
  }
}
