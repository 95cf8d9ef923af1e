// One box for every identifier: what it is, what it leads to, who said so.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, number, span } from "../format.js";
import { changedAt, dataOf, isTechnical, keyLink, nameOf, reach, recordHref, resolveHref, schemeMark,
  simulatedMark, stateName, templateLink, took, wayOf, whyNot } from "../identifiers.js";
import { simulatedBadge, stateMark } from "../names.js";
import { problem } from "../problem.js";
import { _, pick } from "../words.js";

const TYPING_MS = 120;
const RECENT = "millbrain.identifiers";
const RECENT_MAX = 8;
const box = byId("text");
let typing = null;
let asking = null;

function recent() {
  try {
    return JSON.parse(localStorage.getItem(RECENT)) ?? [];
  } catch {
    return [];
  }
}

function remember(text) {
  const kept = [text, ...recent().filter((each) => each !== text)].slice(0, RECENT_MAX);
  localStorage.setItem(RECENT, JSON.stringify(kept));
}

function showRecent() {
  const kept = recent();
  byId("recent-panel").hidden = !kept.length;
  fill(byId("recent"), kept.map((text) => h("li", {}, keyLink(text))));
}

// What it is, while it is typed ----------------------------------------------------------------------

function lit(scheme) {
  for (const row of byId("schemes").querySelectorAll("tr")) row.classList.toggle("lit", row.dataset.scheme === scheme);
}

function showScheme(told) {
  lit(told.scheme);
  if (!told.ok) {
    fill(byId("told"), h("span", { class: "bad" }, _("No scheme")), h("span", {}, pick(told.reason, told.reason_zh)));
    return;
  }
  const more = told.attributes.map(([name, value]) => h("span", { class: "soft mono" }, `(${name}) ${value}`));
  fill(byId("told"), h("b", {}, pick(told.title, told.title_zh)), h("span", { class: "mono" }, told.key),
    told.is_national ? h("span", { class: "soft" }, _("national system, prefix {prefix}", { prefix: told.prefix })) : null,
    h("span", { class: "faint" }, told.source), more);
}

async function recognise() {
  const text = box.value.trim();
  typing?.abort();
  if (!text) {
    lit("");
    fill(byId("told"));
    return;
  }
  typing = new AbortController();
  try {
    showScheme(await get("/identifiers/recognise", { text }, typing.signal));
  } catch (error) {
    if (error.name !== "AbortError") problem(error);
  }
}

// What it leads to -----------------------------------------------------------------------------------

function valueRow(value) {
  return h("tr", {}, h("td", { class: "number faint" }, String(value.index)), h("th", { scope: "row" }, nameOf(value)),
    h("td", { class: "data" }, dataOf(value)), h("td", { class: "wide" }, reach(value)), h("td", { class: "wide soft" }, changedAt(value)));
}

function valueTable(values) {
  const heads = [["", "number"], [_("Property"), ""], [_("Content"), ""], [_("Who may see it"), "wide"], [_("Changed"), "wide"]];
  return h("div", { class: "scroll" }, h("table", { class: "values" },
    h("thead", {}, h("tr", {}, heads.map(([head, kind]) => h("th", { class: kind }, head)))), h("tbody", {}, values.map(valueRow))));
}

function vehicleCard(vehicle) {
  const path = `/vehicles/${encodeURIComponent(vehicle.vin)}`;
  return h("li", { class: "vehicle-card" },
    h("a", { class: "vin", href: path }, vehicle.vin), h("span", {}, vehicle.plate), h("span", { class: "soft" }, vehicle.model),
    vehicle.state ? stateMark(vehicle.state) : h("span", { class: "faint" }, _("not seen yet")),
    vehicle.soc_pct === null ? null : h("span", { class: "soft" }, `SOC ${number(vehicle.soc_pct)} %`),
    vehicle.alarms ? h("a", { class: "bad", href: `/alarms?q=${encodeURIComponent(vehicle.vin)}` }, _("{n} alarms", { n: number(vehicle.alarms) })) : null,
    h("a", { href: `${path}/record` }, _("Health record")), simulatedBadge(vehicle));
}

function aside(answer, around) {
  const text = answer.handle || answer.asked.display;
  const rows = [
    [_("Answered by"), wayOf(answer)], [_("Time taken"), took(answer, around)],
    answer.left_s === null ? null : [_("Holds for"), span(answer.left_s)],
    answer.template ? [_("Template"), templateLink(answer.template)] : null,
    [_("As of"), full(answer.as_of)],
  ];
  return h("aside", {}, h("img", { class: "qr", src: address("/identifiers/qr.svg", { text }), alt: _("QR code of {text}", { text }), width: 148, height: 148 }),
    h("dl", { class: "pairs" }, rows.filter(Boolean).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

function part(title, ...content) {
  return h("section", { class: "panel" }, h("header", { class: "head" }, h("h2", {}, title)), content);
}

function found(answer) {
  const plain = answer.values.filter((value) => !isTechnical(value));
  const technical = answer.values.filter((value) => isTechnical(value) && value.type !== "ALIAS");
  return [
    plain.length ? valueTable(plain) : h("p", { class: "empty" }, _("It has no values that you may see.")),
    answer.hidden ? h("p", { class: "soft" }, _("{n} more values are not for you to see.", { n: number(answer.hidden) })) : null,
    answer.vehicles.length ? part(_("Within this platform"), h("ul", { class: "vehicle-cards" }, answer.vehicles.map(vehicleCard))) : null,
    answer.aliases.length ? part(_("Other identifiers of the same thing"), h("ul", { class: "aliases" }, answer.aliases.map((key) =>
      h("li", {}, schemeMark(key), keyLink(key.key, key.display))))) : null,
    technical.length ? h("details", { class: "technical" }, h("summary", {}, _("{n} values that administer it", { n: number(technical.length) })), valueTable(technical)) : null,
  ];
}

function show(answer, around) {
  const isFound = answer.state === "found";
  const name = answer.handle || answer.asked.display;
  const isOurs = isFound && answer.by === "here";
  fill(byId("answer"),
    h("header", { class: "title" }, h("h1", { class: "handle" }, name), schemeMark(answer.asked),
      h("span", { class: isFound ? "good" : "bad" }, stateName(answer.state)), simulatedMark(answer.values),
      answer.asked.scheme !== "hdl" && isFound ? h("span", { class: "soft" }, _("asked for as {text}", { text: answer.asked.display })) : null,
      isOurs ? h("span", { class: "note links" }, h("a", { href: recordHref(answer.handle) }, _("History and rights")),
        h("a", { href: `/identifiers/trace?thing=${encodeURIComponent(answer.handle)}` }, _("Trace")),
        h("a", { href: `/identifiers/labels?text=${encodeURIComponent(answer.handle)}` }, _("Print a label"))) : null),
    h("div", { class: "answer-body" },
      h("div", { class: "answer-main" }, isFound ? found(answer) : [h("p", {}, whyNot(answer.state)), h("p", { class: "faint" }, answer.why),
        answer.vehicles.length ? part(_("Within this platform"), h("ul", { class: "vehicle-cards" }, answer.vehicles.map(vehicleCard))) : null]),
      aside(answer, around)));
  byId("answer").hidden = false;
  byId("start").hidden = true;
}

async function resolve(text) {
  asking?.abort();
  problem(null);
  byId("answer").setAttribute("aria-busy", "true");
  asking = new AbortController();
  const began = performance.now();
  try {
    const answer = await get("/identifiers/resolve", { text }, asking.signal);
    show(answer, performance.now() - began);
    remember(text);
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("answer").hidden = true;
    byId("start").hidden = false;
    if (error.status !== 400) problem(error); // 400: the grammar refused it, and said so below the box
  } finally {
    byId("answer").removeAttribute("aria-busy");
  }
}

function showStart() {
  byId("answer").hidden = true;
  byId("start").hidden = false;
  showRecent();
}

function follow(isFirst = false) {
  const text = new URLSearchParams(location.search).get("q") ?? "";
  if (text || !isFirst) box.value = text; // what was typed while the page loaded stays
  recognise();
  if (text) resolve(text);
  else showStart();
}

function ask(text) {
  history.pushState(null, "", text ? resolveHref(text) : "/identifiers");
  follow();
}

/** Every scheme with an example; the VIN is one of this platform, so that it leads somewhere. */
async function showSchemes() {
  const [known, seen] = await Promise.all([get("/identifiers/schemes"), get("/vehicles", { size: 1 }).catch(() => ({ rows: [] }))]);
  const example = (scheme) => (scheme.key === "vin" && seen.rows[0] ? seen.rows[0].vin : scheme.example);
  fill(byId("schemes"), h("tbody", {}, known.map((scheme) => h("tr", { "data-scheme": scheme.key },
    h("th", { scope: "row" }, pick(scheme.title, scheme.title_zh)), h("td", {}, keyLink(example(scheme))), h("td", { class: "wide faint" }, scheme.source)))));
}

async function start() {
  const schemes = showSchemes(); // who types before they are there is heard all the same
  let timer = 0;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(recognise, TYPING_MS);
  });
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(box.value.trim());
  });
  byId("forget").addEventListener("click", () => {
    localStorage.removeItem(RECENT);
    showRecent();
  });
  addEventListener("popstate", () => follow());
  follow(true);
  if (!box.value && matchMedia("(pointer: fine)").matches) box.focus();
  await schemes;
  recognise();
}

start().catch(problem);
