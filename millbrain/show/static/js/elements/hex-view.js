// <hex-view>: bytes, sixteen a line, with offsets and text, coloured by what they belong to.
// Fires "over" (detail: index of the byte, -1 outside) and "pick" (detail: index).

import { h } from "../dom.js";

const WIDE = 16;
const NARROW = 8;
const NARROW_PAGE = matchMedia("(max-width: 46rem)");

export class HexView extends HTMLElement {
  #bytes = [];
  #first = 0;
  #look = () => ({});
  #cells = [];
  #marked = new Map();

  connectedCallback() {
    this.addEventListener("mouseover", (event) => this.#tell("over", event));
    this.addEventListener("mouseleave", () =>
      this.dispatchEvent(new CustomEvent("over", { detail: -1 })));
    this.addEventListener("click", (event) => this.#tell("pick", event));
    NARROW_PAGE.addEventListener("change", () => this.#draw());
  }

  /** Show bytes; `first` is the offset of the first, look(index) says {tone, wrong, edge}. */
  set(bytes, first, look) {
    this.#bytes = bytes;
    this.#first = first;
    this.#look = look;
    this.#draw();
  }

  /** Mark a run of bytes with a class, taking the mark off those that had it. */
  mark(kind, from, size, reveal) {
    const [oldFrom, oldSize] = this.#marked.get(kind) ?? [0, 0];
    for (let at = oldFrom; at < oldFrom + oldSize; at += 1) this.#cells[at]?.classList.remove(kind);
    for (let at = from; at < from + size; at += 1) this.#cells[at]?.classList.add(kind);
    this.#marked.set(kind, [from, size]);
    if (reveal) this.reveal(from);
  }

  /** Scroll the dump, and only the dump, until a byte is seen. */
  reveal(at) {
    const cell = this.#cells[at];
    const box = this.parentElement;
    if (!cell || box.scrollHeight <= box.clientHeight) return;
    const top = cell.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - cell.offsetHeight) {
      box.scrollTop = top - box.clientHeight / 3;
    }
  }

  #tell(name, event) {
    const cell = event.target.closest(".byte");
    if (cell) this.dispatchEvent(new CustomEvent(name, { detail: Number(cell.dataset.at) }));
  }

  #draw() {
    const width = NARROW_PAGE.matches ? NARROW : WIDE;
    this.#cells = [];
    this.#marked.clear();
    const lines = [];
    for (let start = 0; start < this.#bytes.length; start += width) {
      lines.push(this.#line(start, Math.min(start + width, this.#bytes.length), width));
    }
    this.replaceChildren(...lines);
  }

  #line(start, end, width) {
    let text = "";
    const cells = [];
    for (let at = start; at < end; at += 1) {
      const byte = this.#bytes[at];
      const { tone, wrong, edge } = this.#look(at);
      const classes = ["byte", tone === undefined ? "" : `tone-${tone}`, wrong ? "wrong" : "", edge ? "edge" : ""];
      const cell = h("span", { class: classes.filter(Boolean).join(" "), "data-at": at },
        byte.toString(16).padStart(2, "0"));
      this.#cells.push(cell);
      cells.push(cell);
      text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
    }
    const missing = width - cells.length;
    const padding = Array.from({ length: missing }, () => h("span", { class: "byte" }));
    const offset = (this.#first + start).toString(16).padStart(4, "0");
    return h("div", { class: "line" }, h("span", { class: "gutter" }, offset), cells, padding,
      h("span", { class: "text" }, text));
  }
}

customElements.define("hex-view", HexView);
