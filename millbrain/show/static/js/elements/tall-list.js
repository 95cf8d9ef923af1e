// <tall-list>: rows of one height, of which only those in sight are in the document. Tens of thousands
// of them scroll as smoothly as ten.

const AROUND = 12; // rows beyond the edges, so that scrolling shows no gap

class TallList extends HTMLElement {
  rows = [];

  /** draw(row, index) returns the element of a row. */
  show(rows, height, draw) {
    this.rows = rows;
    this.height = height;
    this.draw = draw;
    this.drawn = null;
    this.firstElementChild ?? this.append(document.createElement("div"));
    this.firstElementChild.style.height = `${rows.length * height}px`;
    this.paint();
  }

  connectedCallback() {
    this.paint = this.paint.bind(this);
    addEventListener("scroll", this.paint, { passive: true });
    addEventListener("resize", this.paint);
  }

  disconnectedCallback() {
    removeEventListener("scroll", this.paint);
    removeEventListener("resize", this.paint);
  }

  /** Bring a row into sight. */
  reveal(index) {
    const top = this.getBoundingClientRect().top + index * this.height;
    if (top < 90) scrollBy(0, top - 90);
    else if (top + this.height > innerHeight - 70) scrollBy(0, top + this.height - innerHeight + 70);
  }

  paint() {
    if (!this.rows.length && !this.firstElementChild) return;
    const top = this.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / this.height) - AROUND);
    const last = Math.min(this.rows.length, Math.ceil((innerHeight - top) / this.height) + AROUND);
    if (this.drawn && this.drawn[0] === first && this.drawn[1] === last) return;
    this.drawn = [first, last];
    const nodes = [];
    for (let at = first; at < last; at += 1) {
      const node = this.draw(this.rows[at], at);
      node.style.top = `${at * this.height}px`;
      node.style.height = `${this.height}px`;
      nodes.push(node);
    }
    this.firstElementChild.replaceChildren(...nodes);
  }
}

customElements.define("tall-list", TallList);
export const tallList = () => document.createElement("tall-list");
