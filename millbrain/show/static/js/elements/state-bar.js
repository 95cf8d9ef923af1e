// <state-bar>: every known vehicle in one bar: driving, charging, parked, offline by how long.

import { fill, h } from "../dom.js";
import { number, share } from "../format.js";

export class StateBar extends HTMLElement {
  /** parts: [{className, label, count, href}] */
  set(parts) {
    const whole = parts.reduce((sum, part) => sum + part.count, 0);
    const track = h("div", { class: "track" }, parts.filter((part) => part.count > 0).map((part) => {
      const title = `${part.label}: ${number(part.count)} (${share(part.count, whole)})`;
      const piece = h("a", { class: part.className, href: part.href, title, "aria-label": title });
      piece.style.flexGrow = part.count;
      piece.style.flexBasis = "0";
      return piece;
    }));
    const legend = h("ul", {}, parts.map((part) =>
      h("li", {}, h("span", { class: `swatch ${part.className}` }), part.label,
        h("b", {}, number(part.count)), h("span", { class: "faint" }, share(part.count, whole)))));
    fill(this, track, legend);
  }
}

customElements.define("state-bar", StateBar);
