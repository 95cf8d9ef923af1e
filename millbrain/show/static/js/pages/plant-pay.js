// Pay: the scoreboard of a month and a payslip that explains itself, line by line.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, NONE, number } from "../format.js";
import { problem } from "../problem.js";
import { _, language, pick } from "../words.js";

const asked = new URLSearchParams(location.search);
let rules = {};

const yuan = (fen) => `${number(fen / 100, 2)} ${_("CNY")}`;
const ruleName = (rule) => pick(...(rules[rule] ?? [rule, rule]));

function table(id, heads, rows, empty) {
  fill(byId(id), rows.length
    ? [h("thead", {}, h("tr", {}, heads.map(([name, look]) => h("th", { class: look ?? "" }, name)))), h("tbody", {}, rows)]
    : h("caption", { class: "empty" }, empty));
}

const money = (fen) => h("td", { class: `number${fen < 0 ? " level level-3" : ""}` }, yuan(fen));
const figure = (value) => h("td", { class: "number" }, number(value));

function lineRow(line) {
  return h("tr", {}, h("td", {}, line.day), h("td", {}, ruleName(line.rule)), h("td", { class: "wrap" }, language === "zh" ? line.why_zh : line.why),
    h("td", {}, line.order ? h("a", { href: `/plant/production/${encodeURIComponent(line.order)}` }, line.order) : ""), h("td", {}, line.operation),
    h("td", { class: "faint", title: line.report }, line.report.slice(0, 8)), h("td", { class: "number faint" }, line.rate || ""), money(line.fen));
}

const LINE_HEADS = () => [[_("Day")], [_("Rule")], [_("Why")], [_("Order")], [_("Routing step")], [_("Job report")], [_("rate no."), "number"], [_("Amount"), "number"]];

async function showSlip(person) {
  const slip = await get(`/production/pay/${byId("period").value}/${encodeURIComponent(person)}`);
  byId("slip-panel").hidden = false;
  byId("slip-title").textContent = _("Payslip of {person}", { person });
  byId("slip-sum").textContent = _("{sum} for {pieces} good pieces", { sum: yuan(slip.fen), pieces: number(slip.pieces) });
  table("slip", LINE_HEADS(), slip.lines.map(lineRow), _("No line in this month."));
  byId("pot-title").hidden = !slip.pot;
  byId("pot").hidden = !slip.pot;
  if (!slip.pot) return;
  byId("pot-title").textContent = _("Pot of team {team}: {sum} of {lines} lines; own ones:", { team: slip.pot.team, sum: yuan(slip.pot.fen), lines: number(slip.pot.lines) });
  table("pot", LINE_HEADS(), slip.pot.own.map(lineRow), _("No line in this month."));
}

/** Show the payslip below the scoreboard instead of loading the page anew. */
function choose(event, person) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  asked.set("person", person);
  history.replaceState(null, "", `?${asked}`);
  mark();
  showSlip(person).then(() => byId("slip-panel").scrollIntoView({ block: "start", behavior: "smooth" })).catch(problem);
}

function mark() {
  for (const row of byId("people").querySelectorAll("tbody tr")) row.classList.toggle("chosen", row.dataset.person === asked.get("person"));
}

async function load() {
  const period = byId("period").value;
  if (!period) return;
  const board = await get(`/production/pay/${period}`);
  rules = board.rules;
  byId("scope").textContent = board.sees_all ? _("everybody; {sum} in all", { sum: yuan(board.total_fen) }) : _("your own line and the totals of teams");
  byId("as-of").textContent = _("up to report {n}, as of {at}", { n: number(board.as_of_report), at: full(Date.now()) });
  table("people", [[_("Person")], [_("Team")], [_("Good pieces"), "number"], [_("Attendance, min"), "number"], [_("Pay"), "number"]],
    board.people.map((row) => h("tr", { "data-person": row.person, onclick: (event) => choose(event, row.person) }, h("td", {}, h("a", { href: `?period=${period}&person=${encodeURIComponent(row.person)}` }, row.person)),
      h("td", {}, row.team || h("span", { class: "faint" }, NONE)), figure(row.pieces), figure(row.minutes), money(row.fen))),
    board.sees_all ? _("Nobody reported in this month.") : _("No person has the name of your account, or nothing was reported."));
  table("teams", [[_("Team")], [_("People"), "number"], [_("Good pieces"), "number"], [_("Pot"), "number"]],
    board.teams.map((row) => h("tr", {}, h("td", {}, row.team), figure(row.people), figure(row.pieces), money(row.fen))), _("No team has a pot in this month."));
  byId("slip-panel").hidden = true;
  mark();
  if (asked.get("person")) await showSlip(asked.get("person"));
  problem(null);
}

byId("period").value = asked.get("period") ?? new Date().toISOString().slice(0, 7);
byId("period").addEventListener("change", () => {
  asked.set("period", byId("period").value);
  history.replaceState(null, "", `?${asked}`);
  load().catch(problem);
});
load().catch(problem);
