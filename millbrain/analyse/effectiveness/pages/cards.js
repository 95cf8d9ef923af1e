// A line as a card: its machines as coloured squares, OEE, pieces.

import { h } from "/static/js/dom.js";
import { number } from "/static/js/format.js";
import { _ } from "/static/js/words.js";
import { isStale, lineName, linePath, machineName, pct, reasonName, stateCounts, stateName } from "./works.js";

export function lineCard(machines, figures) {
  const line = machines[0].line;
  const cells = machines.map((row) => h("i", {
    class: `tone s${row.state}${isStale(row) ? " stale" : ""}`,
    title: `${machineName(row)}: ${stateName(row.state)}${row.reason ? ` · ${reasonName(row)}` : ""}`,
  }));
  const counts = stateCounts(machines).map((each) => `${number(each.count)} ${stateName(each.state)}`).join(", ");
  return h("a", { class: "line-card", href: linePath(line || "-") },
    h("h3", {}, h("span", {}, lineName(machines[0])), h("b", { title: _("OEE today") }, pct(figures?.oee_pct))),
    h("div", { class: "cells", role: "img", "aria-label": counts }, cells),
    h("p", {}, h("span", {}, counts)),
    h("p", {}, h("span", {}, _("good {n}", { n: number(figures?.gq_count) })), h("span", {}, _("scrap {n}", { n: number(figures?.sq_count) })),
      h("span", {}, _("{n} kWh", { n: number(figures?.en_kwh) }))));
}
