// Losses: what became of planned time, and the stops behind each row.

import { byId, fill, h } from "/static/js/dom.js";
import { problem } from "/static/js/problem.js";
import { _ } from "/static/js/words.js";
import { chosen, startFilters } from "./filters.js";
import { ask, asOf, download, lossName, lossTable, reasonName, stopHead, stopRows } from "./works.js";

const STATE_OF = { unknown: 0, idle: 2, setup: 3, down: 4, maintenance: 5, blocked: 6, starved: 7 };
const STOPS = 50;
let picked = null;

function stopsAsked(values) {
  const { days, area, line, machine, job, product } = values;
  const asked = { area, line, machine, job, product, hours: 24 * Number(days) };
  if (picked?.loss in STATE_OF) asked.state = STATE_OF[picked.loss];
  if (picked?.reason) asked.reason = picked.reason;
  return asked;
}

async function loadStops() {
  const asked = stopsAsked(chosen());
  const answer = await ask("stops", { ...asked, size: STOPS });
  fill(byId("stops-title"), picked ? _("Stops: {loss}, {reason}", { loss: lossName(picked.loss), reason: reasonName(picked) }) : _("Stops, the longest first"));
  byId("every-stop").hidden = !picked;
  fill(byId("stops"), stopHead(), h("tbody", {}, answer.rows.length ? stopRows(answer.rows) : h("tr", {}, h("td", { colspan: 6, class: "empty" }, _("No stop in this span.")))));
  for (const format of ["csv", "xlsx"]) byId(`stops-${format}`).href = download("stops", asked, format);
}

async function load(values) {
  try {
    const { by, elements, ...asked } = values;
    const answer = await ask("losses", { ...asked, size: 200 });
    fill(byId("losses"), lossTable(answer.rows, (row) => {
      picked = row;
      loadStops().catch(problem);
      byId("stops-title").scrollIntoView({ block: "nearest" });
    }));
    for (const format of ["csv", "xlsx"]) byId(format).href = download("losses", asked, format);
    asOf("as-of", answer);
    await loadStops();
    problem(null);
  } catch (error) {
    problem(error);
  }
}

byId("every-stop").addEventListener("click", () => {
  picked = null;
  loadStops().catch(problem);
});
startFilters(load).catch(problem);
