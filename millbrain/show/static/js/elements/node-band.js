// <node-band>: the nodes around this one. Above it the nodes that it asks, below it those to which it
// sends clients. One bus, a row of boxes on each of its branches: forty nodes stay as readable as four.

import { h, s } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";

const BOX = { width: 178, height: 40, gap: 12 };
const ROWS_FEW = 2; // rows before another column is begun
const NARROW_PX = 640;
const NARROW_MAX = 6;
const LEFT = 200;
const OWN = 210;
const BUS = 36;

const ROLES = {
  top: () => _("top node"),
  secondary: () => _("secondary node"),
  enterprise: () => _("enterprise node"),
  recursive: () => _("recursive node"),
};

export const roleName = (role) => ROLES[role]?.() ?? role;

/** The other nodes by their address: which prefixes each answers for, and its part by their depth. */
export function sitesOf(prefixes) {
  const sites = new Map();
  for (const each of prefixes) {
    if (each.is_homed) continue;
    for (const site of each.sites) sites.set(site, [...(sites.get(site) ?? []), each.prefix]);
  }
  return [...sites].map(([site, held]) => {
    const depth = Math.min(...held.map((prefix) => prefix.split(".").length));
    return { site, held, role: ["", "top", "secondary"][depth] ?? "enterprise" };
  });
}

class NodeBand extends HTMLElement {
  /** Draw the node and the others. */
  show(node, sites) {
    this.last = [node, sites];
    const width = this.clientWidth || 960;
    this.replaceChildren(width < NARROW_PX ? narrow(node, sites, width) : wide(node, sites, width));
  }

  connectedCallback() {
    this.observer = new ResizeObserver(() => this.last && this.show(...this.last));
    this.observer.observe(this.parentElement);
  }

  disconnectedCallback() {
    this.observer?.disconnect();
  }
}

function box(x, y, width, kind, first, second, title) {
  return s("g", { class: `node-box ${kind}` }, s("title", {}, title),
    s("rect", { x, y, width, height: BOX.height, rx: 3 }),
    s("text", { x: x + 10, y: y + 17, class: "node-role" }, first), s("text", { x: x + 10, y: y + 32, class: "node-name" }, second));
}

function own(node, x, y, width) {
  const homed = node.prefixes.filter((each) => each.is_homed);
  const counted = homed.filter((each) => each.handles !== null);
  const held = counted.reduce((sum, each) => sum + each.handles, 0);
  return s("g", { class: "node-box own" }, s("title", {}, homed.map((each) => each.prefix).join(", ")),
    s("rect", { x, y: y - 8, width, height: BOX.height + 26, rx: 3 }),
    s("text", { x: x + 12, y: y + 11, class: "node-role" }, `${roleName(node.role)} · ${_("this node")}`),
    s("text", { x: x + 12, y: y + 29, class: "node-figure" }, _("{n} prefixes", { n: number(homed.length) })),
    s("text", { x: x + 12, y: y + 47, class: "node-name" }, counted.length ? _("{n} identifiers counted", { n: number(held) }) : ""));
}

const told = ({ held }) => (held.length === 1 ? held[0] : _("{n} prefixes", { n: number(held.length) }));

function svg(width, height, ...parts) {
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": _("The nodes around this one") }, parts);
}

function wide(node, sites, width) {
  const start = (node.upstream.length ? LEFT : 0) + OWN + BUS * 2;
  const columns = Math.max(1, Math.min(Math.floor((width - start + BOX.gap) / (BOX.width + BOX.gap)), Math.ceil(sites.length / ROWS_FEW)));
  const rows = Math.max(1, Math.ceil(sites.length / columns), node.upstream.length);
  const height = Math.max(rows * (BOX.height + BOX.gap) + 16, 92);
  const y = (row) => 10 + row * (BOX.height + BOX.gap);
  const middle = height / 2;
  const parts = [];
  if (node.upstream.length) {
    const above = (row) => middle + (row - node.upstream.length / 2) * (BOX.height + BOX.gap) + BOX.gap / 2;
    parts.push(...node.upstream.flatMap((place, row) => [
      s("path", { class: "node-line", d: `M${BOX.width} ${above(row) + BOX.height / 2}H${LEFT - 8}V${middle}H${LEFT + BUS / 2}` }),
      box(0, above(row), BOX.width, "above", _("asked first"), place, place)]));
  }
  const left = node.upstream.length ? LEFT + BUS / 2 : 0;
  const bus = left + OWN + BUS / 2;
  if (sites.length) {
    const used = Math.ceil(sites.length / columns);
    const ends = [...Array(used).keys()].map((row) => ({ row, last: Math.min(columns, Math.ceil((sites.length - row) / used)) - 1 }));
    parts.push(s("path", { class: "node-line", d: `M${left + OWN} ${middle}H${bus}M${bus} ${y(0) + BOX.height / 2}V${y(used - 1) + BOX.height / 2}` }),
      ...ends.map(({ row, last }) => s("path", { class: "node-line", d: `M${bus} ${y(row) + BOX.height / 2}H${bus + BUS / 2 + last * (BOX.width + BOX.gap)}` })),
      ...sites.map((site, at) => box(bus + BUS / 2 + Math.floor(at / used) * (BOX.width + BOX.gap), y(at % used), BOX.width, "below",
        `${roleName(site.role)} · ${told(site)}`, site.site, site.held.join(", "))));
  }
  parts.push(own(node, left, middle - BOX.height / 2 - 5, OWN));
  return svg(width, height, ...parts);
}

function narrow(node, sites, width) {
  const step = BOX.height + BOX.gap;
  let at = 8;
  const parts = node.upstream.map((place) => {
    const drawn = box(0, at, width - 2, "above", _("asked first"), place, place);
    at += step;
    return drawn;
  });
  parts.push(own(node, 0, at + 8, width - 2));
  const top = at + BOX.height + 26;
  at = top + BOX.gap;
  for (const site of sites.slice(0, NARROW_MAX)) {
    parts.push(s("path", { class: "node-line", d: `M14 ${top}V${at + BOX.height / 2}H30` }),
      box(30, at, width - 32, "below", `${roleName(site.role)} · ${told(site)}`, site.site, site.held.join(", ")));
    at += step;
  }
  if (sites.length > NARROW_MAX) {
    parts.push(s("text", { x: 30, y: at + 12, class: "node-role" }, _("{n} more in the tree below", { n: number(sites.length - NARROW_MAX) })));
    at += 20;
  }
  return svg(width, at, ...parts);
}

customElements.define("node-band", NodeBand);
export const nodeBand = () => h("node-band");
