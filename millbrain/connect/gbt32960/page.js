// The frame inspector's page: asks the room what every byte means and shows it twice, as bytes and
// as fields, tied to each other. The frame stands behind '#' of the address, so a link carries it.

import { get, post } from "/static/js/api.js";
import { byId, fill, find, h } from "/static/js/dom.js";
import { number } from "/static/js/format.js";
import { _, pick } from "/static/js/words.js";
import "/static/js/elements/hex-view.js";

const TYPING_MS = 150;
const LINK_CHARACTERS_MAX = 60_000; // longer addresses are cut by some servers and chats
const FOLD_OVER = 12; // a list of more values than that starts folded
const LONG_VALUE = 40; // characters; longer values may wrap
const SHOWN_BYTES = 6;
const TONES = 6;

const input = byId("input");
const hex = byId("hex");
const body = find("tbody", byId("rows"));
let answer = null;
let frame = null;
let chosen = -1;
let running = null;

// What a row is ------------------------------------------------------------------------------

/** Number the rows, find what is inside what, and give each part of the frame a tone. */
function prepare(rows) {
  let tone = -1;
  let before = { depth: -1, head: false };
  return rows.map((row, index) => {
    let end = index + 1;
    while (end < rows.length && rows[end].depth > row.depth) end += 1;
    const parent = row.depth > 0 && end > index + 1;
    if (!parent) end = index + 1;
    const head = parent && row.depth === 1; // a block: its type byte stands above its fields
    if (head || (row.depth <= 1 && (before.head || row.depth !== before.depth))) tone += 1;
    if (row.depth <= 1) before = { depth: row.depth, head };
    const inside = rows.slice(index + 1, end);
    const flat = inside.every((other) => other.depth === row.depth + 1);
    return { ...row, index, end, parent, head, tone: tone % TONES, folds: flat && !row.size_bytes && inside.length > FOLD_OVER };
  });
}

function summaryOf(rows, row) {
  const values = rows.slice(row.index + 1, row.end).map((other) => other.value).filter(Number.isFinite);
  if (values.length < 2) return "";
  const unit = rows[row.end - 1].unit ?? "";
  const digits = Math.max(...values.map((value) => (String(value).split(".")[1] ?? "").length));
  return `${number(Math.min(...values), digits)} … ${number(Math.max(...values), digits)} ${unit}`;
}

function valueOf(row) {
  if (row.value === null || row.value === undefined) return "";
  const text = typeof row.value === "object" ? JSON.stringify(row.value) : String(row.value);
  return row.unit ? [text, h("small", {}, ` ${row.unit}`)] : text;
}

// Drawing ------------------------------------------------------------------------------------

function shortHex(row) {
  const pairs = (row.hex ?? "").replace(/\s/g, "").match(/../g) ?? [];
  const shown = pairs.slice(0, SHOWN_BYTES).join(" ");
  return pairs.length > SHOWN_BYTES ? `${shown} …` : shown;
}

function line(row, rows) {
  const problem = pick(row.problem, row.problem_zh);
  const classes = [`tone-${row.tone}`, row.parent ? "parent" : "", row.head ? "top" : "", problem ? "wrong" : ""];
  const depth = Math.max(0, row.depth - 1);
  const name = h("td", { class: "name" }, pick(row.name, row.name_zh),
    row.folds ? h("button", { class: "fold", type: "button", onclick: () => unfold(row) },
      _("{n} values", { n: row.end - row.index - 1 })) : null,
    problem ? h("span", { class: "why" }, problem) : null);
  name.style.setProperty("--depth", depth);
  const folded = row.folds ? h("small", {}, summaryOf(rows, row)) : null;
  return h("tr", { class: classes.join(" "), "data-index": row.index },
    h("td", { class: "at" }, row.offset.toString(16).padStart(4, "0")),
    h("td", { class: "bytes" }, shortHex(row)),
    name,
    h("td", { class: String(row.value ?? "").length > LONG_VALUE ? "value long" : "value" }, row.parent && !row.value ? folded : valueOf(row)),
    h("td", { class: "clause" }, row.clause ?? ""));
}

function drawRows() {
  const hidden = new Set();
  for (const row of frame.rows) {
    if (!row.folds || row.open) continue;
    for (let at = row.index + 1; at < row.end; at += 1) if (!frame.rows[at].problem) hidden.add(at);
  }
  fill(body, frame.rows.filter((row) => !hidden.has(row.index)).map((row) => line(row, frame.rows)));
}

function unfold(row) {
  row.open = !row.open;
  drawRows();
}

function drawSummary() {
  const ok = frame.ok ? h("span", { class: "good" }, _("✓ in order"))
    : h("span", { class: "bad" }, _("✗ problems: {n}", { n: frame.problems.length }));
  const vehicle = frame.id && /^[0-9A-HJ-NPR-Z]{17}$/.test(frame.id)
    ? h("a", { class: "mono", href: `/vehicles/${frame.id}` }, frame.id)
    : h("span", { class: "mono" }, frame.id || _("none"));
  const pairs = [
    [_("Command"), pick(frame.command_name, frame.command_zh)],
    [_("Identifier"), vehicle],
    [_("Edition"), frame.edition ? String(frame.edition) : _("none")],
    [_("Size"), _("{n} bytes", { n: number(frame.size_bytes) })],
    [_("Verdict"), ok],
  ];
  fill(byId("summary"), pairs.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

function finding(problem) {
  const known = Number.isFinite(problem.offset) && problem.offset >= 0;
  const at = known ? _("byte {n}", { n: number(problem.offset) }) : "";
  return h("li", { "data-offset": known ? problem.offset : null, class: frame.ok ? "mild" : "" },
    h("span", { class: "at mono" }, at), h("span", {}, pick(problem.text, problem.text_zh)));
}

function drawFindings() {
  fill(byId("findings"), [...answer.problems, ...frame.problems].map(finding));
}

function drawTabs() {
  const tabs = byId("frames");
  tabs.hidden = answer.frames.length < 2;
  fill(tabs, answer.frames.map((each, index) =>
    h("button", { type: "button", role: "tab", "aria-selected": String(each === frame.source),
      onclick: () => choose(index) },
      `${index + 1} · ${pick(each.command_name, each.command_zh) || _("no frame")}`, each.ok ? "" : h("span", { class: "bad" }, " ✗"))));
}

function bytesOf(rows) {
  const size = Math.max(0, ...rows.map((row) => row.offset + row.size_bytes));
  const first = Math.min(...rows.map((row) => row.offset));
  const bytes = new Uint8Array(size - first);
  const owner = new Int32Array(bytes.length).fill(-1);
  for (const row of rows) {
    const pairs = (row.hex ?? "").replace(/\s/g, "").match(/../g) ?? [];
    pairs.forEach((pair, at) => {
      bytes[row.offset - first + at] = Number.parseInt(pair, 16);
      owner[row.offset - first + at] = row.index;
    });
  }
  return { bytes, owner, first };
}

function choose(index) {
  const source = answer.frames[index];
  frame = { ...source, source, rows: prepare(source.rows) };
  Object.assign(frame, bytesOf(frame.rows));
  chosen = -1;
  drawTabs();
  drawSummary();
  drawFindings();
  drawRows();
  hex.set(frame.bytes, frame.first, (at) => {
    const row = frame.rows[frame.owner[at]];
    return row ? { tone: row.tone, wrong: Boolean(row.problem), edge: at > 0 && frame.owner[at - 1] !== row.index } : {};
  });
}

// Tying both views together --------------------------------------------------------------------

/** The row of the table that shows a row: itself, or the folded list it is in. */
function shownRow(index) {
  for (let at = index; at >= 0; at -= 1) {
    const node = find(`tr[data-index="${at}"]`, body);
    if (node && frame.rows[at].end > index) return node;
  }
  return null;
}

function mark(index, kind, reveal) {
  for (const node of body.querySelectorAll(`tr.${kind}`)) node.classList.remove(kind);
  const row = frame?.rows[index];
  const last = row && frame.rows[row.end - 1];
  hex.mark(kind, row ? row.offset - frame.first : 0,
    row ? last.offset + last.size_bytes - row.offset : 0, reveal === "hex");
  if (!row) return;
  const node = shownRow(index);
  node?.classList.add(kind);
  if (reveal === "table") node?.scrollIntoView({ block: "nearest" });
}

function pin(index, reveal) {
  chosen = index === chosen ? -1 : index;
  mark(chosen, "here", reveal);
}

function hint(index) {
  const row = frame.rows[index];
  if (!row) return "";
  const value = row.value === null || row.value === undefined ? "" : `: ${row.value} ${row.unit ?? ""}`;
  return `${row.offset} (0x${row.offset.toString(16)})  ${pick(row.name, row.name_zh)}${value}`;
}

function startLinks() {
  body.addEventListener("mouseover", (event) => {
    const node = event.target.closest("tr");
    if (node) mark(Number(node.dataset.index), "near", "hex");
  });
  body.addEventListener("mouseleave", () => mark(-1, "near"));
  body.addEventListener("click", (event) => {
    const node = event.target.closest("tr");
    if (node && !event.target.closest("button")) pin(Number(node.dataset.index), "hex");
  });
  hex.addEventListener("over", (event) => {
    const index = event.detail < 0 ? -1 : frame.owner[event.detail];
    mark(index, "near", "");
    hex.title = hint(index);
  });
  hex.addEventListener("pick", (event) => pin(frame.owner[event.detail], "table"));
  byId("findings").addEventListener("click", (event) => {
    const item = event.target.closest("li[data-offset]");
    if (!item) return;
    const index = frame.owner[Number(item.dataset.offset) - frame.first];
    if (index >= 0) {
      chosen = -1;
      pin(index, "table");
      mark(index, "near", "hex");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!frame || event.target.closest("input, textarea") || event.ctrlKey || event.metaKey) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step) return;
    const nodes = [...body.querySelectorAll("tr")];
    const now = nodes.findIndex((node) => Number(node.dataset.index) === chosen);
    const next = nodes[Math.min(Math.max(now + step, 0), nodes.length - 1)];
    chosen = -1;
    pin(Number(next.dataset.index), "table");
    hex.reveal(frame.rows[chosen].offset - frame.first);
    event.preventDefault();
  });
}

// Asking -----------------------------------------------------------------------------------------

function showFailure(error) {
  const failed = byId("failed");
  failed.hidden = !error;
  if (error) fill(failed, error.message);
}

async function inspect() {
  const text = input.value.trim();
  running?.abort();
  history.replaceState(null, "", text && text.length <= LINK_CHARACTERS_MAX
    ? `#${text.replace(/\s+/g, "")}` : location.pathname);
  if (!text) {
    byId("result").hidden = true;
    fill(byId("size"), "");
    showFailure(null);
    return;
  }
  const mine = new AbortController();
  running = mine;
  try {
    const found = await post("/rooms/gbt32960/inspect", { hex: text }, mine.signal);
    showFailure(null);
    show(found);
  } catch (error) {
    if (error.name !== "AbortError") showFailure(error);
  }
}

function show(found) {
  answer = found;
  const bytes = found.frames.reduce((sum, each) => sum + each.size_bytes, 0);
  fill(byId("size"), _("bytes {bytes} · frames {frames}", { bytes: number(bytes), frames: number(found.frames.length) }));
  byId("result").hidden = false;
  if (found.frames.length) {
    choose(0);
    return;
  }
  frame = null;
  byId("result").hidden = true;
  showFailure({ message: found.problems.map((each) => pick(each.text, each.text_zh)).join(" ") });
}

async function loadExamples() {
  const examples = await get("/rooms/gbt32960/examples");
  fill(byId("examples"), examples.map((each) =>
    h("button", { type: "button", onclick: () => take(each.hex) }, pick(each.title, each.title_zh))));
}

function take(text) {
  input.value = text;
  inspect();
}

function start() {
  startLinks();
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(inspect, TYPING_MS);
  });
  byId("clear").addEventListener("click", () => {
    take("");
    input.focus();
  });
  byId("copy").addEventListener("click", async (event) => {
    await navigator.clipboard.writeText(location.href);
    fill(event.target, _("Copied"));
    setTimeout(() => fill(event.target, _("Copy link")), 1500);
  });
  addEventListener("hashchange", () => take(decodeURIComponent(location.hash.slice(1))));
  loadExamples().catch((error) => console.warn(error.message));
  if (location.hash.length > 1) take(decodeURIComponent(location.hash.slice(1)));
}

start();
