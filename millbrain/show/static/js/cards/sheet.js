// The sheets that slide over a job card: why pieces are bad, who is called, what is taken back.

import { byId, fill, h } from "../dom.js";
import { number, time } from "../format.js";
import { _, pick } from "../words.js";

export const sheet = () => byId("sheet");

export function close() {
  sheet().close();
}

function show(title, ...children) {
  fill(sheet(), h("header", {}, h("h2", {}, title),
    h("button", { type: "button", class: "button", onclick: close }, _("Close"))), children);
  sheet().showModal();
}

/** Ask how many pieces and why, then call done(quantity, reason). */
export function askReason(title, reasons, most, done) {
  const field = h("input", { type: "number", min: 1, max: most, value: 1, inputmode: "numeric", "aria-label": _("Pieces") });
  const chosen = (code) => {
    const quantity = Math.round(Number(field.value));
    if (!(quantity >= 1)) return field.focus();
    close();
    done(quantity, code);
  };
  show(title, stepper(field), h("div", { class: "choices" },
    reasons.map((reason) => h("button", { type: "button", "data-reason": reason.code, onclick: () => chosen(reason.code) },
      pick(reason.title, reason.title_zh)))));
}

/** A number between two big buttons. */
export function stepper(field) {
  const step = (by) => {
    field.value = Math.max(1, Math.round(Number(field.value) || 0) + by);
    field.dispatchEvent(new Event("input"));
  };
  return h("div", { class: "stepper" },
    h("button", { type: "button", "aria-label": _("One less"), onclick: () => step(-1) }, "−"), field,
    h("button", { type: "button", "aria-label": _("One more"), onclick: () => step(1) }, "+"));
}

/** Ask for one reason of a list, then call done(code). */
export function askOne(title, reasons, done) {
  show(title, h("div", { class: "choices" }, reasons.map((reason) => h("button", {
    type: "button", "data-reason": reason.code,
    onclick: () => {
      close();
      done(reason.code);
    },
  }, pick(reason.title, reason.title_zh)))));
}

/** Ask what is wrong, then call done(kind, stopsLine). */
export function askHelp(kinds, done) {
  const stops = h("input", { type: "checkbox", id: "stops" });
  show(_("Call for help"), h("label", { class: "stops", for: "stops" }, stops, " ", _("The line must stop")),
    h("div", { class: "choices" }, Object.entries(kinds).map(([kind, titles]) => h("button", {
      type: "button", "data-kind": kind,
      onclick: () => {
        close();
        done(kind, stops.checked);
      },
    }, pick(...titles)))));
}

/** Show the last reports of this device; takeBack(item) is called for one. */
export function showLast(items, names, takeBack) {
  const line = (item) => h("li", {}, h("span", { class: "soft" }, time(item.made)),
    h("span", {}, pick(...names[item.body.kind]), item.body.quantity ? ` ${number(item.body.quantity)}` : ""),
    item.takenBack ? h("span", { class: "soft" }, _("taken back"))
      : h("button", { type: "button", class: "button", onclick: () => {
        close();
        takeBack(item);
      } }, _("Take back")));
  show(_("Last reports here"), items.length ? h("ol", { class: "lines" }, items.map(line))
    : h("p", { class: "soft" }, _("Nothing was reported on this device yet.")));
}
