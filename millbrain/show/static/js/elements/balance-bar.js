// <balance-bar>: the intake equation, in figures and as two bars of one length: what came in, and
// what became of it. Where the ledger does not balance, the bars do not end at one place.

import { fill, h } from "../dom.js";
import { number, share } from "../format.js";
import { _ } from "../words.js";

function bar(parts, whole) {
  return h("div", {}, parts.filter(([, value]) => value > 0).map(([name, value]) => {
    const piece = h("i", { class: `balance-${name}` });
    piece.style.width = `${(100 * value) / whole}%`;
    return piece;
  }));
}

export class BalanceBar extends HTMLElement {
  /** totals: {received, stored, duplicate, rejected, balanced} in frames. */
  set(totals) {
    const titles = {
      received: _("received"), stored: _("stored"), duplicate: _("duplicate"), rejected: _("rejected"),
    };
    const term = (name) => h("span", { class: "term" }, h("b", {}, number(totals[name])), titles[name],
      name === "received" ? "" : ` ${share(totals[name], totals.received)}`);
    const sign = (text) => h("span", { class: "sign" }, text);
    const fates = ["stored", "duplicate", "rejected"].map((name) => [name, totals[name]]);
    const whole = Math.max(totals.received, totals.stored + totals.duplicate + totals.rejected);
    fill(this,
      h("div", { class: "equation" }, term("received"), sign(totals.balanced ? "=" : "≠"), term("stored"), sign("+"),
        term("duplicate"), sign("+"), term("rejected"),
        h("span", { class: `verdict ${totals.balanced ? "good" : "bad"}` },
          totals.balanced ? _("✓ every frame is accounted for") : _("✗ frames are missing: see the system page"))),
      h("div", { class: "bars" }, bar([["received", totals.received]], whole), bar(fates, whole)));
  }
}

customElements.define("balance-bar", BalanceBar);
