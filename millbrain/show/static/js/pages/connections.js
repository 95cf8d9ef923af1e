// Every connection: how it stands, since when, how much it brings, and why not.

import { get, post, put } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, number, time } from "../format.js";
import { every } from "../poll.js";
import { guardedBy, problem } from "../problem.js";
import { agoText, givenOptions, importReport, optionFields, phaseLook, phaseWord, rateText, whyText } from "../tag-words.js";
import { _, pick } from "../words.js";

const PERIOD_S = 2;
const mayEdit = document.documentElement.dataset.role !== "viewer";
const rooms = new Map();
const tested = new Map(); // key -> what a test said, shown until the next one

const guarded = guardedBy(load);

async function tryIt(key) {
  tested.set(key, { message: _("trying …"), message_zh: _("trying …"), reached: true });
  await load();
  tested.set(key, await post(`/connections/${encodeURIComponent(key)}/test`));
}

function switched(row) {
  const { room, title, endpoint, options, operator } = row;
  return put(`/connections/${encodeURIComponent(row.key)}`, { room, title, endpoint, options, operator, enabled: !row.enabled });
}

function whyCell(row) {
  const said = tested.get(row.key);
  return h("td", { class: "wrap" },
    h("span", { class: `why ${row.phase === "failed" || row.troubles ? "trouble" : ""}` }, whyText(row)),
    said ? h("p", { class: said.reached ? "good" : "bad" }, pick(said.message, said.message_zh)) : null);
}

function drawn(row) {
  const path = `/connections/${encodeURIComponent(row.key)}`;
  const room = rooms.get(row.room);
  return h("tr", { "data-connection": row.key },
    h("td", {}, h("a", { href: path }, h("b", {}, row.title || row.key)), h("br"), h("small", { class: "soft mono" }, row.key)),
    h("td", {}, h("span", { class: `stand ${phaseLook(row)}` }, phaseWord(row))),
    h("td", { class: "soft wide", title: full(row.since) }, row.since ? time(row.since) : ""),
    h("td", { class: "number" }, rateText(row)),
    h("td", { class: "soft wide" }, agoText(row.received_at)),
    h("td", { class: "number wide" }, h("a", { href: path }, number(row.tags))),
    h("td", { class: "wide" }, room ? pick(room.title, room.title_zh) : row.room, h("br"), h("small", { class: "soft mono" }, row.endpoint)),
    whyCell(row),
    h("td", { class: "actions" }, mayEdit ? [
      h("button", { type: "button", class: "button bare", onclick: guarded(() => tryIt(row.key)) }, _("Test")), " ",
      row.may_edit ? h("button", { type: "button", class: "button bare", onclick: guarded(() => switched(row)) },
        row.enabled ? _("Switch off") : _("Switch on")) : null] : null));
}

async function load(signal) {
  const answer = await get("/connections", {}, signal);
  const heads = [[_("Connection")], [_("State")], [_("Since"), "wide"], [_("Values/s"), "number"], [_("Last value"), "wide"],
    [_("Tags"), "number wide"], [_("Protocol and endpoint"), "wide"], [_("Why")], [""]];
  const none = _("Nothing is connected yet. Open “Connect something” above.");
  fill(byId("connections"), h("thead", {}, h("tr", {}, heads.map(([title, look]) => h("th", { class: look ?? "" }, title)))),
    h("tbody", {}, answer.rows.length ? answer.rows.map(drawn)
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, none))));
  const up = answer.rows.filter((row) => row.phase === "connected").length;
  fill(byId("total"), _("{up} of {n} connected", { up: number(up), n: number(answer.rows.length) }));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
  return answer;
}

function startAdding() {
  const form = byId("add");
  byId("adding").hidden = byId("upload").hidden = !mayEdit;
  fill(form.elements.room, [...rooms.values()].map((room) => h("option", { value: room.key }, pick(room.title, room.title_zh))));
  const arrange = () => {
    const room = rooms.get(form.elements.room.value);
    form.elements.endpoint.placeholder = room?.endpoint ?? "";
    fill(byId("options"), optionFields(room));
  };
  form.elements.room.addEventListener("change", arrange);
  arrange();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(async () => {
      const { room, key, title, endpoint } = Object.fromEntries(new FormData(form));
      await post("/connections", { room, key, title, endpoint, options: givenOptions(form) });
      form.reset();
      arrange();
      byId("adding").open = false;
    })();
  });
  byId("upload").addEventListener("change", guarded(async () => {
    const answer = await post("/tags/import", new FormData(byId("upload")));
    byId("imported").hidden = false;
    fill(byId("imported"), importReport(answer));
    byId("upload").reset();
  }));
}

async function start() {
  for (const room of await get("/connections/rooms")) rooms.set(room.key, room);
  startAdding();
  let first = true;
  every(PERIOD_S, async (signal) => {
    const answer = await load(signal);
    if (first) byId("adding").open = mayEdit && !answer.rows.length;
    first = false;
  });
}

start().catch(problem);
