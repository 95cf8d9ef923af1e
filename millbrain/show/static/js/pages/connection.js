// One connection: how it stands, its tags with their newest values, and the tree behind it.

import { get, post, put, remove } from "../api.js";
import { byId, fill, find, h } from "../dom.js";
import { full, number, time } from "../format.js";
import { every } from "../poll.js";
import { guardedBy, problem } from "../problem.js";
import { drawPager } from "../table.js";
import {
  agoText, givenOptions, importReport, optionFields, phaseLook, phaseWord, rateText, tagTitle, trendPath, valueCells, whyText,
} from "../tag-words.js";
import { _, pick } from "../words.js";
import { startTree } from "./connection-tree.js";

const PERIOD_S = 2;
const SIZE = 50;
const mayTest = document.documentElement.dataset.role !== "viewer";
const key = byId("connection").dataset.key;
const path = `/connections/${encodeURIComponent(key)}`;
const shown = { q: "", page: 1 };
const chosen = new Map(); // address -> tag
let connection = null;
let room = null;
let edited = null; // the tag that the sheet shows, null = a new one

const guarded = guardedBy(load);

// How it stands ----------------------------------------------------------------------------------

async function loadConnection(signal) {
  connection = await get(path, {}, signal);
  fill(byId("name"), connection.title || key);
  fill(byId("endpoint"), `${room ? pick(room.title, room.title_zh) : connection.room} · ${connection.endpoint}`);
  byId("stand").className = `stand ${phaseLook(connection)}`;
  fill(byId("stand"), phaseWord(connection));
  fill(byId("since"), connection.since ? _("since {at}", { at: time(connection.since) }) : "");
  fill(byId("rate"), `${_("{n} values/s", { n: rateText(connection) })} · ${_("last value {age}", { age: agoText(connection.received_at) })}`);
  byId("why").className = `why ${connection.phase === "failed" || connection.troubles ? "trouble" : ""}`;
  fill(byId("why"), whyText(connection));
  byId("acts").hidden = !mayTest;
  for (const id of ["switch", "settings", "delete"]) byId(id).hidden = !connection.may_edit;
  fill(byId("switch"), connection.enabled ? _("Switch off") : _("Switch on"));
  byId("upload").hidden = byId("new-tag").hidden = !(mayTest && connection.may_edit);
  byId("browsing").hidden = !mayTest;
}

function kept(changes) {
  const { room: of, title, endpoint, options, operator, enabled } = connection;
  return put(path, { room: of, title, endpoint, options, operator, enabled, ...changes });
}

function startActs() {
  byId("test").addEventListener("click", guarded(async () => {
    byId("tested").hidden = false;
    fill(byId("tested"), _("trying …"));
    const said = await post(`${path}/test`);
    fill(byId("tested"), pick(said.message, said.message_zh));
  }));
  byId("switch").addEventListener("click", guarded(() => kept({ enabled: !connection.enabled })));
  byId("delete").addEventListener("click", guarded(async () => {
    if (!confirm(_("Delete {key} and its {n} tags? Their readings stay.", { key, n: connection.tags }))) return;
    await remove(path);
    location.assign("/connections");
  }));
  const sheet = byId("connection-sheet");
  byId("settings").addEventListener("click", () => {
    const form = find("form", sheet);
    form.elements.title.value = connection.title;
    form.elements.endpoint.value = connection.endpoint;
    form.elements.endpoint.placeholder = room?.endpoint ?? "";
    fill(byId("options"), optionFields(room, connection));
    open(sheet);
  });
  submitted(sheet, (form) => kept({
    title: form.elements.title.value, endpoint: form.elements.endpoint.value, options: givenOptions(form) }));
}

// Sheets -----------------------------------------------------------------------------------------

function open(sheet) {
  find("[data-problem]", sheet).hidden = true;
  sheet.showModal();
}

/** Send what a sheet holds; what is refused is said in the sheet, which stays open. */
function submitted(sheet, send) {
  const form = find("form", sheet);
  find("[data-close]", sheet).addEventListener("click", () => sheet.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await send(form);
      sheet.close();
      await load();
    } catch (error) {
      const line = find("[data-problem]", sheet);
      line.hidden = false;
      fill(line, error.message);
    }
  });
}

function openTag(tag) {
  edited = tag;
  const form = find("form", byId("tag-sheet"));
  const values = tag ?? { kind: "number", scale: 1, offset: 0, deadband: 0, period_ms: 1000, writable: false, enabled: true };
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") field.checked = values[field.name];
    else field.value = values[field.name] ?? "";
  }
  form.elements.address.readOnly = Boolean(tag);
  open(byId("tag-sheet"));
}

function startTagSheet() {
  submitted(byId("tag-sheet"), (form) => {
    const given = Object.fromEntries(new FormData(form));
    for (const name of ["scale", "offset", "deadband", "period_ms"]) given[name] = Number(given[name]);
    for (const name of ["writable", "enabled"]) given[name] = form.elements[name].checked;
    return post("/tags", { ...given, connection: key, address: edited?.address ?? given.address });
  });
  byId("new-tag").addEventListener("click", () => openTag(null));
}

// Tags -------------------------------------------------------------------------------------------

function choose(tag, wanted) {
  if (wanted) chosen.set(tag.address, tag);
  else chosen.delete(tag.address);
  showChosen();
}

function showChosen() {
  byId("many").hidden = !chosen.size;
  fill(byId("chosen"), _("{n} chosen", { n: number(chosen.size) }));
  for (const button of byId("many").querySelectorAll("[data-edit]")) button.hidden = !(mayTest && connection?.may_edit);
}

function drawn(tag) {
  const trouble = pick(tag.trouble, tag.trouble_zh) || (tag.enabled ? "" : _("switched off"));
  return h("tr", { class: tag.enabled ? "" : "faint" },
    h("td", {}, h("input", { type: "checkbox", "aria-label": _("Choose {signal}", { signal: tag.signal }),
      checked: chosen.has(tag.address), onchange: (event) => choose(tag, event.target.checked) })),
    h("td", {}, h("a", { href: trendPath([tag]), title: tag.signal }, tagTitle(tag)), h("br"),
      h("small", { class: "soft" }, tagTitle(tag) === tag.signal ? tag.thing : `${tag.thing} ${tag.signal}`)),
    valueCells(tag),
    h("td", { class: "wrap" }, h("span", { class: trouble ? "why trouble" : "" }, trouble)),
    h("td", { class: "mono wide" }, tag.address, tag.writable ? h("span", { class: "badge" }, _("writable")) : null),
    h("td", { class: "number wide" }, number(tag.period_ms)),
    h("td", { class: "actions" }, mayTest && connection.may_edit ? [
      tag.writable ? h("button", { type: "button", class: "button bare", onclick: guarded(() => write(tag)) }, _("Write")) : null, " ",
      h("button", { type: "button", class: "button bare", onclick: () => openTag(tag) }, _("Change"))] : null));
}

/** Write a value to the machine and say what it holds now. */
async function write(tag) {
  const text = prompt(_("Write to {thing} {signal} [{unit}]", { thing: tag.thing, signal: tag.signal, unit: tag.unit || "–" }), tag.value ?? tag.text);
  if (text === null) return;
  const value = tag.kind === "text" ? text : Number(text);
  if (tag.kind !== "text" && (text.trim() === "" || Number.isNaN(value))) throw new Error(_("{text} is no number", { text }));
  const { answer } = await post("/tags/commands", { thing: tag.thing, signal: tag.signal, value });
  const said = { written: answer.written, back: answer.read_back };
  byId("tested").hidden = false;
  fill(byId("tested"), h("span", { class: answer.agrees ? "good" : "bad" }, answer.agrees
    ? _("written {written}, read back {back}", said)
    : _("written {written}, but the machine holds {back}", said)));
}

async function loadTags(signal) {
  const answer = await get("/tags", { connection: key, ...shown, size: SIZE }, signal);
  const heads = [[""], [_("Signal")], [_("Newest value"), "number"], [_("Quality")], [_("Age")], [_("Trouble")],
    [_("Address"), "wide"], [_("Period [ms]"), "number wide"], [""]];
  const none = shown.q ? _("No tag matches.") : _("No tag yet: browse below, add one, or bring a sheet.");
  fill(byId("tags"), h("thead", {}, h("tr", {}, heads.map(([title, look]) => h("th", { class: look ?? "" }, title)))),
    h("tbody", {}, answer.rows.length ? answer.rows.map(drawn)
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, none))));
  fill(byId("total"), _("{n} tags", { n: number(answer.total) }));
  fill(byId("as-of"), h("span", { title: full(answer.as_of) }, _("as of {at}", { at: time(answer.as_of) })));
  drawPager(byId("pager"), answer, (page) => {
    shown.page = page;
    loadTags().catch(problem);
  });
}

async function many(what) {
  const addresses = [...chosen.keys()];
  if (what === "trend") {
    location.assign(trendPath([...chosen.values()].slice(0, 12)));
    return;
  }
  const asked = { connection: key, addresses };
  if (what === "delete") {
    if (!confirm(_("Delete {n} tags? Their readings stay.", { n: number(addresses.length) }))) return;
    asked.delete = true;
  } else if (what === "period") {
    const period = Number(prompt(_("How often are they read or sampled? [ms]"), "1000"));
    if (!period) return;
    asked.change = { period_ms: period };
  } else {
    asked.change = { enabled: what === "on" };
  }
  await post("/tags/bulk", asked);
  chosen.clear();
  showChosen();
}

function startTags() {
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").elements.q.addEventListener("input", (event) => {
    Object.assign(shown, { q: event.target.value.trim(), page: 1 });
    loadTags().catch(problem);
  });
  byId("many").addEventListener("click", (event) => {
    const button = event.target.closest("[data-many]");
    if (button) guarded(() => many(button.dataset.many))();
  });
  byId("upload").addEventListener("change", guarded(async () => {
    const answer = await post(`/tags/import?connection=${encodeURIComponent(key)}`, new FormData(byId("upload")));
    byId("imported").hidden = false;
    fill(byId("imported"), importReport(answer));
    byId("upload").reset();
  }));
}

async function load(signal) {
  await loadConnection(signal);
  await loadTags(signal);
}

async function start() {
  const rooms = await get("/connections/rooms");
  await loadConnection();
  room = rooms.find((each) => each.key === connection.room);
  byId("proposing").elements.pattern.value = room?.pattern ?? "";
  startActs();
  startTagSheet();
  startTags();
  startTree(key, path, load, problem);
  every(PERIOD_S, load);
}

start().catch(problem);
