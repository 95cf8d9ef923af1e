// Taking a step of an order: one button for each step that the server names, and the fields it needs.

import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full } from "../format.js";
import { actionWord, choices, partWord } from "../order-words.js";
import { _ } from "../words.js";

const MAIN = ["dispatch", "accept", "start", "done"];
const NO_BUTTON = ["attach"]; // has a place of its own
const INSPECTIONS_SHOWN = 20;
let asking = "";

/** Whether a form is open that a refresh must not close. */
export const isAsking = () => Boolean(asking);

const labelled = (title, control, kind = "") => h("label", { class: `field ${kind}` }, h("span", {}, title), control);

function text(name, title) {
  return labelled(title, h("textarea", { name, required: true, maxlength: 2000, rows: 3 }), "wide");
}

function organisation(order) {
  return labelled(_("Organisation that takes charge"), h("span", {},
    h("input", { name: "organisation", required: true, maxlength: 128, list: "sides", value: order.assignee || order.operator, autocomplete: "off" }),
    h("datalist", { id: "sides" }, choices.organisations.map((name) => h("option", { value: name })))));
}

function inspection(order) {
  const input = h("select", { name: "inspection", required: true });
  get("/inspections", { q: order.thing, size: INSPECTIONS_SHOWN }).then((answer) => fill(input, answer.rows.length
    ? answer.rows.map((row) => h("option", { value: row.id }, `${full(row.tested_at).slice(0, 16)} · ${row.record_no ?? row.id}`))
    : h("option", { value: "" }, _("no inspection of this vehicle yet"))))
    .catch((error) => fill(input, h("option", { value: "" }, error.message)));
  return labelled(_("Inspection at the lane"), input);
}

function partRow(part) {
  const field = (name, attributes) => h("input", { "data-part": name, ...attributes });
  const row = h("tr", {},
    h("td", {}, h("select", { "data-part": "part" }, Object.keys(choices.words.parts).map((word) =>
      h("option", { value: word, selected: word === part.part }, partWord(word))))),
    h("td", {}, field("pack_no", { type: "number", min: 0, max: 255, value: part.pack_no || "", "aria-label": _("Pack") })),
    h("td", {}, field("cell_no", { type: "number", min: 0, max: 65535, value: part.cell_no || "", "aria-label": _("Cell") })),
    h("td", {}, field("old_code", { maxlength: 64, "aria-label": _("Old code") })),
    h("td", {}, field("new_code", { maxlength: 64, "aria-label": _("New code") })),
    h("td", {}, field("parts_used", { maxlength: 500, "aria-label": _("Parts used") })),
    h("td", {}, h("button", { type: "button", class: "button bare", "aria-label": _("Remove"), onclick: () => row.remove() }, "×")));
  return row;
}

function repairs(order) {
  const heads = [_("Part"), _("Pack"), _("Cell"), _("Old code"), _("New code"), _("Parts used"), ""];
  const suspects = order.findings.filter((finding) => finding.pack_no);
  const first = suspects.length ? suspects.map((each) => ({ part: each.cell_no ? "cell" : "pack", ...each })) : [{ part: "cell" }];
  const body = h("tbody", { id: "parts" }, first.map(partRow));
  return h("div", { class: "scroll wide" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", {}, head)))), body),
    h("button", { type: "button", class: "button", onclick: () => body.append(partRow({ part: "cell" })) }, _("Add a part")));
}

const FIELDS = {
  organisation,
  inspection,
  repairs,
  reason: () => text("reason", _("Reason")),
  note: () => text("note", _("Note")),
};

function given(form, needs) {
  const body = Object.fromEntries(new FormData(form));
  if (needs.includes("repairs")) {
    body.repairs = [...byId("parts").rows].map((row) => Object.fromEntries([...row.querySelectorAll("[data-part]")]
      .map((input) => [input.dataset.part, input.type === "number" ? Number(input.value) : input.value])));
  }
  return body;
}

/** Draw the buttons of an order. taken(order) is called with what a step made of it. */
export function startActing(order, path, taken, problem) {
  const form = byId("act");
  asking = "";
  form.hidden = true;

  async function send(action, fields) {
    try {
      const after = await post(`${path}/steps`, { action, version: order.version, ...fields });
      asking = "";
      taken(after);
    } catch (error) {
      problem(error);
      if (error.status === 409) taken(await get(path)), problem(error);
    }
  }

  function ask(action) {
    const needs = order.needs[action];
    if (!needs.length) return send(action, {});
    asking = action;
    form.hidden = false;
    fill(form, needs.map((name) => FIELDS[name](order)),
      h("div", { class: "tools wide" }, h("button", { class: "button main" }, actionWord(action)),
        h("button", { type: "button", class: "button bare", onclick: () => startActing(order, path, taken, problem) }, _("Cancel"))));
    form.onsubmit = (event) => {
      event.preventDefault();
      send(action, given(form, needs));
    };
    form.querySelector("input, textarea, select")?.focus();
    return null;
  }

  const names = order.allowed.filter((name) => !NO_BUTTON.includes(name));
  fill(byId("actions"), names.length ? names.map((action) => h("button", {
    type: "button", class: `button ${MAIN.includes(action) ? "main" : ""}`, "data-action": action, onclick: () => ask(action) }, actionWord(action)))
    : h("span", { class: "soft" }, order.is_ended ? "" : _("The next step is somebody else's.")));
}
