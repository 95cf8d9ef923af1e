// <node-map>: the node among the others, as a tree from left to right. A row a prefix; a column a
// level of the tree; lines only from a prefix to the one that it derives from, so nothing crosses.

import { h, s } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";

const ROW = 30;
const TOP = 34;
const STEP = 34;
const WIDE = { text: 330, organisation: 250, node: 170, count: 170 };
const NARROW_PX = 640;

/** The rows of the tree: every prefix and the missing ones between, parents before children. */
export function rowsOf(prefixes) {
  const known = new Map(prefixes.map((each) => [each.prefix, each]));
  for (const { prefix } of prefixes) {
    const labels = prefix.split(".");
    for (let n = labels.length - 1; n > 0; n -= 1) {
      const above = labels.slice(0, n).join(".");
      if (!known.has(above)) known.set(above, { prefix: above, state: "", sites: [], actions: [] });
    }
  }
  const compare = (a, b) => a.prefix.localeCompare(b.prefix, "en", { numeric: true });
  const below = new Map();
  for (const each of [...known.values()].sort(compare)) {
    const parent = each.prefix.includes(".") ? each.prefix.slice(0, each.prefix.lastIndexOf(".")) : "";
    below.set(parent, [...(below.get(parent) ?? []), each]);
  }
  const rows = [];
  const walk = (parent, depth) => {
    for (const each of below.get(parent) ?? []) {
      const row = { ...each, depth, last: rows.length };
      rows.push(row);
      walk(each.prefix, depth + 1);
      row.last = rows.length - 1;
    }
  };
  walk("", 0);
  return rows;
}

class NodeMap extends HTMLElement {
  /** Draw. words: names of states; onChoose(prefix) is called for a row. */
  show(node, rows, words, onChoose) {
    this.last = [node, rows, words, onChoose];
    const narrow = this.clientWidth > 0 && this.clientWidth < NARROW_PX;
    const width = narrow ? Math.max(this.clientWidth, 320) : Math.max(this.clientWidth, 900);
    const x = narrow ? { organisation: 0, node: 0, count: width - 84, state: width - 8 }
      : { organisation: WIDE.text, node: width - WIDE.count - WIDE.node, count: width - WIDE.count, state: 0 };
    const height = TOP + rows.length * ROW + 8;
    const at = new Map(rows.map((row, n) => [row.prefix, TOP + n * ROW + ROW / 2]));
    const most = Math.max(1, ...rows.map((row) => row.handles ?? 0));
    const parts = [this.#heads(x, narrow), ...rows.map((row) => this.#row(row, at.get(row.prefix), x, width, narrow, most, words, onChoose)),
      ...rows.flatMap((row) => this.#links(row, at))];
    this.replaceChildren(s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "tree",
      "aria-label": _("Prefixes as a tree") }, parts));
  }

  connectedCallback() {
    this.observer = new ResizeObserver(() => this.last && this.show(...this.last));
    this.observer.observe(this.parentElement);
  }

  disconnectedCallback() {
    this.observer?.disconnect();
  }

  #heads(x, narrow) {
    const head = (at, text) => s("text", { x: at, y: 22, class: "map-head" }, text);
    return narrow ? s("g", {}, head(8, _("Prefix")), s("text", { x: x.state, y: 22, class: "map-head", "text-anchor": "end" }, _("Identifiers")))
      : s("g", {}, head(8, _("Prefix")), head(x.organisation, _("Organisation")), head(x.node, _("Answered by")), head(x.count, _("Identifiers")));
  }

  #links(row, at) {
    const parent = row.prefix.includes(".") ? row.prefix.slice(0, row.prefix.lastIndexOf(".")) : null;
    if (parent === null || !at.has(parent)) return [];
    const x = 14 + (row.depth - 1) * STEP;
    const y = at.get(row.prefix);
    return [s("path", { class: "map-line", d: `M${x} ${at.get(parent) + 7}V${y - 6}q0 6 6 6H${x + STEP - 8}` })];
  }

  #row(row, y, x, width, narrow, most, words, onChoose) {
    const at = 14 + row.depth * STEP;
    const choose = () => row.state && onChoose(row.prefix);
    const group = s("g", { class: `map-row ${row.state || "between"}`, role: "treeitem", "aria-level": row.depth + 1,
      tabindex: row.state ? 0 : null, "data-prefix": row.prefix, onclick: choose,
      onkeydown: (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose()) },
    s("rect", { class: "map-wash", x: 0, y: y - ROW / 2, width, height: ROW }),
    this.#mark(row, at, y),
    s("text", { x: at + 13, y: y + 4, class: "map-prefix" }, row.prefix));
    if (!row.state) return group;
    if (!narrow) {
      group.append(s("text", { x: x.organisation, y: y + 4, class: "map-text" }, cut(row.organisation || "", 30)),
        s("text", { x: x.node, y: y + 4, class: "map-soft" }, cut(place(row, words), 24)));
    }
    group.append(...this.#count(row, y, x, narrow, most));
    group.append(s("title", {}, [row.prefix, row.organisation, place(row, words)].filter(Boolean).join(" · ")));
    return group;
  }

  #mark(row, x, y) {
    if (!row.state) return s("circle", { class: "map-mark", cx: x, cy: y, r: 2.5 });
    if (row.is_homed) return s("rect", { class: "map-mark", x: x - 6, y: y - 6, width: 12, height: 12, rx: 2 });
    if (row.state === "routed") return s("path", { class: "map-mark", d: `M${x - 6} ${y - 6}h7l6 6l-6 6h-7z` });
    return s("circle", { class: "map-mark", cx: x, cy: y, r: 6 });
  }

  #count(row, y, x, narrow, most) {
    const told = row.handles === null || row.handles === undefined ? "" : number(row.handles);
    if (narrow) return [s("text", { x: x.state, y: y + 4, class: "map-text", "text-anchor": "end" }, told)];
    const full = WIDE.count - 84;
    const limit = row.handles_max;
    const share = limit ? Math.min(1, (row.handles ?? 0) / limit) : Math.sqrt((row.handles ?? 0) / most);
    const bar = told && (row.handles || limit) ? [
      s("rect", { class: "map-rail", x: x.count, y: y + 8, width: full, height: 2 }),
      s("rect", { class: share > 0.9 && limit ? "map-bar near" : "map-bar", x: x.count, y: y + 8, width: Math.max(1, share * full), height: 2 })] : [];
    const quota = limit ? s("tspan", { class: "map-soft" }, ` / ${number(limit)}`) : null;
    return [s("text", { x: x.count, y: y + 3, class: "map-text" }, told, quota), ...bar];
  }
}

function place(row, words) {
  if (row.is_taken_down) return _("taken down");
  if (row.is_homed) return _("this node");
  if (row.sites?.length) return row.sites.join(", ");
  return words[row.state] ?? row.state;
}

function cut(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

customElements.define("node-map", NodeMap);
export const nodeMap = () => h("node-map");
