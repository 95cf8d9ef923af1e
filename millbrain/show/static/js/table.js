// A table drawn from columns declared as data: heading, unit, sorting, one cell a view.

import { fill, h } from "./dom.js";
import { full, instant, NONE, number, span, time } from "./format.js";
import { simulatedBadge, stateMark } from "./names.js";
import { _, pick } from "./words.js";

const STALE_S = 120;

const VIEWS = {
  text: (row, column) => h("td", {}, row[column.name] ?? ""),
  region: (row) => h("td", {}, pick(row.region, row.region_zh) ?? ""),
  number: (row, column) => h("td", { class: "number" }, number(row[column.name], column.digits)),
  state: (row, column) => h("td", {}, stateMark(row[column.name])),
  vin: (row, column) => h("td", { class: "vin" },
    h("a", { href: `/vehicles/${encodeURIComponent(row.vin)}` }, row[column.name]), " ", simulatedBadge(row)),
  level: (row, column) => {
    const level = row[column.name];
    if (level === null || level === undefined || level === 255) return h("td", { class: "faint" }, NONE);
    return h("td", { class: level ? `level level-${level}` : "faint" }, level ? _("level {n}", { n: level }) : _("none"));
  },
  time: (row, column) => {
    const at = row[column.name];
    const age = (Date.now() - instant(at)) / 1000;
    const title = Number.isNaN(age) ? "" : _("{at}, {age} ago", { at: full(at), age: span(age) });
    return h("td", { class: age > STALE_S ? "stale" : "", title }, time(at));
  },
};

function heading(column, order, onSort) {
  const sorted = order.sort === column.name;
  const label = [column.title, column.unit ? h("small", {}, ` ${column.unit}`) : null];
  return h("th", {
    class: `${column.view === "number" ? "number" : ""} ${column.narrow ? "" : "wide"}`,
    title: column.hint,
    "aria-sort": sorted ? (order.order === "desc" ? "descending" : "ascending") : null,
  }, column.sorts ? h("button", { type: "button", onclick: () => onSort(column.name) }, label) : label);
}

/** Draw rows into a <table>. order: {sort, order}; onSort(name) is called for a heading. */
export function draw(table, columns, rows, order, onSort) {
  const head = h("thead", {}, h("tr", {}, columns.map((column) => heading(column, order, onSort))));
  const body = h("tbody", {}, rows.map((row) =>
    h("tr", { "data-href": `/vehicles/${encodeURIComponent(row.vin)}`, class: row.state === "offline" ? "offline" : "" },
      columns.map((column) => {
        const cell = VIEWS[column.view](row, column);
        if (!column.narrow) cell.classList.add("wide");
        return cell;
      }))));
  fill(table, head, body);
}

/** Draw "1–50 of 12,345" with the buttons before and after it. */
export function drawPager(node, answer, go) {
  const first = answer.total ? (answer.page - 1) * answer.size + 1 : 0;
  const last = Math.min(answer.page * answer.size, answer.total);
  fill(node,
    h("button", { type: "button", class: "button", "data-previous": true, disabled: answer.page <= 1,
      onclick: () => go(answer.page - 1) }, `← ${_("Previous")}`),
    h("span", {}, _("{first}–{last} of {total}", { first: number(first), last: number(last), total: number(answer.total) })),
    h("button", { type: "button", class: "button", "data-next": true, disabled: last >= answer.total,
      onclick: () => go(answer.page + 1) }, `${_("Next")} →`));
}

/** Rows that carry data-href open on a click that is not on something else. */
export function startRowLinks() {
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a, button, input, select") && !getSelection().toString()) {
      location.assign(row.dataset.href);
    }
  });
}
