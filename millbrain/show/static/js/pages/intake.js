// The intake: the ledger's balance, latency, open links, dead letters.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { bytes, full, number, time } from "../format.js";
import { reasonName } from "../names.js";
import { every } from "../poll.js";
import { drawPager } from "../table.js";
import { _ } from "../words.js";
import "../elements/balance-bar.js";
import "../elements/live-value.js";

const PERIOD_S = 3;
const DEAD_PERIOD_S = 15;
const DEAD_SIZE = 20;
const SHOWN_HEX = 48;
const dead = { reason: "", link: "", page: 1 };

function figures(answer) {
  byId("balance").set(answer);
  byId("rate").set(answer.rate_hz, answer.as_of);
  for (const name of ["p50", "p99", "max"]) byId(name).set(answer.commit[`${name}_ms`], answer.as_of);
  byId("queued").set(answer.engine?.queued_rows, answer.as_of);
  byId("commits").set(answer.engine?.commits_total, answer.as_of);
  const troubles = answer.engine?.troubles ?? [];
  const problem = byId("problem");
  problem.hidden = Boolean(answer.engine) && !troubles.length;
  fill(problem, answer.engine ? troubles.join(" ") : _("The engine does not answer; nothing is being received."));
}

function reasonRow(reason, count, title) {
  return h("tr", {}, h("td", { title: reason }, reasonName(reason)), h("td", { class: "number" }, number(count)),
    h("td", { class: "soft" }, title));
}

function reasons(answer) {
  const rejected = Object.entries(answer.rejected_by_reason).sort((a, b) => b[1] - a[1]);
  const noted = Object.entries(answer.noted_by_reason).sort((a, b) => b[1] - a[1]);
  const rows = [
    ...rejected.map(([reason, count]) => reasonRow(reason, count, _("frames rejected"))),
    ...noted.map(([reason, count]) => reasonRow(reason, count, _("notes on stored frames"))),
  ];
  fill(byId("reasons"), rows.length ? rows : h("tr", {}, h("td", { class: "empty" }, _("Nothing was rejected."))));
  choices("reason", [...new Set([...rejected, ...noted].map(([reason]) => reason))].map((each) => [each, reasonName(each)]));
  choices("link", [...new Set(answer.days.map((day) => day.link))].map((each) => [each, each]));
}

function choices(name, rows) {
  const select = byId("dead-filter").elements[name];
  const known = new Set([...select.options].map((option) => option.value));
  select.append(...rows.filter(([value]) => !known.has(value)).map(([value, label]) => h("option", { value }, label)));
}

function days(answer) {
  fill(byId("days"), answer.days.map((day) => {
    const balanced = day.received === day.stored + day.duplicate + day.rejected;
    return h("tr", {}, h("td", {}, day.day), h("td", {}, day.link),
      ...["received", "stored", "duplicate", "rejected"].map((name) =>
        h("td", { class: `number ${name === "rejected" && day[name] ? "bad" : ""}` }, number(day[name]))),
      h("td", { class: balanced ? "good" : "bad", title: balanced ? _("balanced") : _("does not balance") }, balanced ? "✓" : "✗"),
      h("td", { class: "soft" }, time(day.first_received_at)), h("td", { class: "soft" }, time(day.committed_at)));
  }));
}

async function links(signal) {
  try {
    const answer = await get("/intake/links", {}, signal);
    const rows = answer.rows.map((row) => h("tr", {}, h("td", {}, row.link || _("not logged in"), row.vehicle ? h("span", { class: "soft mono" }, ` ${row.vehicle}`) : null),
      h("td", { class: "mono" }, row.remote), h("td", { class: "soft" }, time(row.since)),
      h("td", { class: "number" }, number(row.frames)), h("td", { class: "number" }, bytes(row.bytes)),
      h("td", { class: "soft" }, row.last_received_ms ? time(row.last_received_ms) : _("none yet"))));
    fill(byId("links"), rows.length ? rows : h("tr", {}, h("td", { class: "empty", colspan: 6 }, _("No link is open."))));
    fill(byId("links-note"), _("links {n}, as of {at}", { n: number(answer.total), at: time(answer.as_of) }));
  } catch (error) {
    if (error.status !== 503) throw error;
    fill(byId("links"), h("tr", {}, h("td", { class: "empty", colspan: 6 }, error.message)));
  }
}

async function deadLetters(signal) {
  const answer = await get("/intake/dead-letters", { ...dead, size: DEAD_SIZE }, signal);
  const rows = answer.rows.map((row) => h("tr", {},
    h("td", { class: "soft", title: full(row.received_at) }, time(row.received_at)), h("td", {}, row.link),
    h("td", { title: row.reason }, reasonName(row.reason)), h("td", { class: "wrap" }, row.detail),
    h("td", { class: "number" }, number(row.size_bytes)), h("td", { class: "bytes" }, row.raw.slice(0, SHOWN_HEX)),
    h("td", {}, h("a", { href: `/inspector#${row.raw}` }, _("inspect")))));
  fill(byId("dead"), rows.length ? rows : h("tr", {}, h("td", { class: "empty", colspan: 7 }, _("No dead letter."))));
  fill(byId("dead-note"), _("as of {at}", { at: time(answer.as_of) }));
  drawPager(byId("dead-pager"), answer, (page) => {
    dead.page = page;
    deadLetters();
  });
}

byId("dead-filter").addEventListener("change", (event) => {
  dead[event.target.name] = event.target.value;
  dead.page = 1;
  deadLetters();
});
every(PERIOD_S, async (signal) => {
  const answer = await get("/intake", {}, signal);
  figures(answer);
  reasons(answer);
  days(answer);
  for (const note of document.querySelectorAll("[data-as-of]")) fill(note, _("as of {at}", { at: time(answer.as_of) }));
  await links(signal);
});
every(DEAD_PERIOD_S, deadLetters);
