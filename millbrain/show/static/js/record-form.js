// The form of a bench's record, drawn from the fields that the lane declares.

import { post } from "./api.js";
import { fill, h } from "./dom.js";
import { fromLocal, full } from "./format.js";
import { _, pick } from "./words.js";

function input(field, value) {
  const name = field.name;
  if (field.kind === "choice") {
    return h("select", { name }, h("option", { value: "" }, ""), Object.entries(field.choices).map(([word, titles]) =>
      h("option", { value: word, selected: word === value }, pick(titles[0], titles[1]))));
  }
  if (field.kind === "truth") {
    return h("select", { name }, [["", ""], ["yes", _("yes")], ["no", _("no")]].map(([word, title]) =>
      h("option", { value: word, selected: value !== undefined && word === (value ? "yes" : "no") }, title)));
  }
  if (field.kind === "at") {
    return h("input", { name, type: "datetime-local", step: 1, required: field.is_required,
      value: value ? full(value).replace(" ", "T") : "" });
  }
  const isNumber = field.kind === "number" || field.kind === "whole";
  return h("input", { name, type: isNumber ? "number" : "text", step: "any", required: field.is_required,
    min: field.low, max: field.high, maxlength: isNumber ? null : field.longest, autocomplete: "off",
    value: value ?? "" });
}

function label(field, value) {
  return h("label", { class: "field" },
    h("span", {}, pick(field.title, field.title_zh), field.unit ? ` [${field.unit}]` : "", field.is_required ? " *" : ""),
    input(field, value));
}

function given(form, fields) {
  const found = {};
  for (const { name, kind } of fields) {
    const text = form.elements[name].value.trim();
    if (text) found[name] = kind === "at" ? new Date(fromLocal(text)).toISOString() : text;
  }
  return found;
}

/** Draw the form. record: {head, measured} to begin with; done(answer) is called once it is kept. */
export function drawForm(form, sheet, record, done) {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const groups = Object.entries(sheet.tests).map(([test, titles]) => h("fieldset", {},
    h("legend", {}, pick(titles[0], titles[1])),
    sheet.items.filter((item) => item.test === test).map((item) => label(item, record?.measured[item.name]))));
  fill(form, h("fieldset", {}, h("legend", {}, _("Record")), sheet.head.map((field) => label(field, record?.head[field.name]))),
    groups,
    record ? label({ name: "reason", kind: "text", title: _("Reason of the correction"), title_zh: _("Reason of the correction"), unit: "", is_required: true, longest: 500 }) : null,
    problem, h("button", { class: "button main" }, _("Keep and judge")));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const body = { head: given(form, sheet.head), measured: given(form, sheet.items) };
    if (record) {
      body.reason = form.elements.reason.value;
      if (record.curve) body.curve = record.curve;
    }
    try {
      done(await post("/inspections", body));
    } catch (error) {
      problem.hidden = false;
      fill(problem, error.message);
    }
  };
}
