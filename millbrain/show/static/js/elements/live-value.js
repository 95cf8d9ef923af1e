// <live-value>: one figure with its unit, grey once it is older than the data-stale seconds of
// itself or of what it stands in.

import { full, instant, number, span } from "../format.js";
import { _ } from "../words.js";

const TICK_MS = 5000;
const DEFAULT_STALE_S = 60;
const shown = new Set(); // only elements that are in the page: each leaves when it is taken out

export class LiveValue extends HTMLElement {
  #at = NaN;

  connectedCallback() {
    shown.add(this);
    if (!this.firstChild) this.set(null);
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  /** Show a value; `at` is its as-of instant, `text` replaces the formatted number. */
  set(value, at, text) {
    const bold = document.createElement("b");
    bold.textContent = text ?? number(value, Number(this.dataset.digits ?? 0));
    const unit = document.createElement("i");
    unit.textContent = this.dataset.unit ?? "";
    this.replaceChildren(bold, unit);
    this.#at = instant(at);
    this.check();
  }

  check(now = Date.now()) {
    if (Number.isNaN(this.#at)) {
      this.removeAttribute("title");
      return;
    }
    const age = (now - this.#at) / 1000;
    this.toggleAttribute("stale", age > Number(this.closest("[data-stale]")?.dataset.stale ?? DEFAULT_STALE_S));
    this.title = _("as of {at}, {age} ago", { at: full(this.#at), age: span(age) });
  }
}

customElements.define("live-value", LiveValue);
setInterval(() => {
  const now = Date.now();
  for (const element of shown) element.check(now);
}, TICK_MS);
