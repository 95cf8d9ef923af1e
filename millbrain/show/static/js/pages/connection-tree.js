// The tree of a counterpart: browsed level by level, chosen values become tags.

import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { number } from "../format.js";
import { _ } from "../words.js";

const BELOW = 12; // levels that "all below" walks

/** Start the tree of a connection. changed() is called after tags were made. */
export function startTree(key, path, changed, problem) {
  const nodes = []; // as drawn: {node, depth, open, picked, thing, signal}
  const form = byId("proposing");

  async function ask(node, names, depth) {
    const query = new URLSearchParams({ node, depth, pattern: form.elements.pattern.value });
    for (const name of names) query.append("path", name);
    return get(`${path}/browse?${query}`);
  }

  function rowsOf(answer) {
    return answer.nodes.map((node) => ({ node, depth: node.path.length - 1, open: false, picked: false,
      thing: node.thing, signal: node.signal }));
  }

  async function begin() {
    fill(byId("tree"), h("tbody", {}, h("tr", {}, h("td", { class: "soft" }, _("asking …")))));
    const answer = await ask("", [], 1);
    nodes.splice(0, nodes.length, ...rowsOf(answer));
    draw(answer.all);
  }

  function close(row) {
    const at = nodes.indexOf(row) + 1;
    let end = at;
    while (end < nodes.length && nodes[end].depth > row.depth) end += 1;
    nodes.splice(at, end - at);
    row.open = false;
  }

  async function unfold(row, depth) {
    if (row.open) {
      close(row);
      if (depth === 1) return draw(true);
    }
    const answer = await ask(row.node.address, row.node.path, depth);
    const below = rowsOf(answer);
    for (const [index, each] of below.entries()) each.open = (below[index + 1]?.depth ?? 0) > each.depth;
    if (depth > 1) for (const each of below) each.picked = each.node.leaf && !each.node.known && Boolean(each.thing);
    nodes.splice(nodes.indexOf(row) + 1, 0, ...below);
    row.open = true;
    return draw(answer.all);
  }

  function acting(task) {
    return () => task().catch(problem);
  }

  function leafCells(row) {
    const { node } = row;
    if (!node.leaf) return [h("td", {}), h("td", {}), h("td", {}, h("button", { type: "button", class: "button bare",
      onclick: acting(() => unfold(row, BELOW)) }, _("choose all below"))), h("td", {})];
    const field = (name) => h("input", { type: "text", value: row[name], "aria-label": name, spellcheck: "false",
      oninput: (event) => {
        row[name] = event.target.value.trim();
      } });
    return [
      h("td", { class: "number soft" }, `${node.value} ${node.unit}`.trim()),
      node.known ? h("td", { colspan: 2 }, h("span", { class: "badge good" }, _("is a tag")))
        : [h("td", {}, field("thing")), h("td", {}, field("signal"))],
      h("td", { class: "wrap faint" }, node.problem),
    ];
  }

  function drawn(row) {
    const { node } = row;
    const fold = node.leaf ? h("span", { class: "fold" }) : h("button", { type: "button", class: "fold",
      "aria-expanded": String(row.open), "aria-label": _("open {name}", { name: node.name }), onclick: acting(() => unfold(row, 1)) },
    row.open ? "▾" : "▸");
    const tick = node.leaf && !node.known ? h("input", { type: "checkbox", checked: row.picked,
      "aria-label": _("Choose {signal}", { signal: node.name }),
      onchange: (event) => {
        row.picked = event.target.checked;
        count();
      } }) : null;
    return h("tr", {}, h("td", {}, h("span", { class: "name", style: null }, fold, tick, " ", node.name)),
      h("td", { class: "mono faint wide" }, node.address), leafCells(row));
  }

  function picked() {
    return nodes.filter((row) => row.picked && row.node.leaf && !row.node.known);
  }

  function count() {
    byId("make").disabled = !picked().length;
    fill(byId("picked"), picked().length ? _("{n} chosen", { n: number(picked().length) }) : "");
  }

  function draw(isWhole) {
    const heads = [_("Node"), _("Address"), _("Value"), _("Thing"), _("Signal"), ""];
    const rows = nodes.map(drawn);
    rows.forEach((row, index) => row.querySelector(".name").style.setProperty("--depth", nodes[index].depth));
    fill(byId("tree"), h("thead", {}, h("tr", {}, heads.map((title, index) =>
      h("th", { class: index === 1 ? "wide" : index === 2 ? "number" : "" }, title)))),
    h("tbody", {}, rows.length ? rows : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("Nothing was found there.")))));
    if (!isWhole) problem({ message: _("The tree is larger than one browse; open a node further down.") });
    count();
  }

  async function make() {
    const put = picked().map(({ node, thing, signal }) => ({ connection: key, address: node.address, thing, signal,
      kind: node.kind, unit: node.unit, writable: node.writable, title: node.name.slice(0, 128) }));
    await post("/tags/bulk", { connection: key, put });
    for (const row of picked()) {
      row.node.known = true;
      row.picked = false;
    }
    problem(null);
    draw(true);
    await changed();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    problem(null);
    begin().catch((error) => {
      fill(byId("tree"));
      problem(error);
    });
  });
  byId("make").addEventListener("click", acting(make));
}
