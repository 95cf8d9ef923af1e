// Scanning at a machine: a reader that types, the camera where the browser reads codes, or fingers.
// One scan has one id, made here: sent again after a lost answer, it changes nothing.

import { get, post } from "../api.js";
import { startCamera } from "../camera.js";
import { byId, fill, h } from "../dom.js";
import { number, time } from "../format.js";
import { uuid } from "../uuid.js";
import { _, pick } from "../words.js";

const REMEMBERED = "millbrain.station";
const ASK_MS = 1000;
const LAST = 12;
let stations = [];
let busy = false;

function show(state, verdict, ...children) {
  byId("scan").dataset.state = state;
  fill(byId("verdict"), verdict);
  fill(byId("told"), children);
  byId("answer").scrollIntoView({ block: "nearest" });
}

function value(setting) {
  return setting.unit ? `${setting.value} ${setting.unit}` : String(setting.value); // as it is, not rounded
}

function partLine(scan) {
  const name = scan.part.replace(/^[a-z0-9]+:/, "");
  return h("p", {}, [name, scan.part_type, scan.revision, scan.lot].filter(Boolean).join(" · "),
    scan.is_cached ? h("small", {}, ` (${_("known here")})`) : null);
}

function good(scan) {
  const rows = scan.read_back.map((setting) => [h("dt", {}, setting.name), h("dd", {}, value(setting))]);
  show("good", _("OK"), h("p", {}, _("The parameters are on the machine.")),
    h("dl", {}, scan.program ? [h("dt", {}, _("Program")), h("dd", {}, scan.program)] : null, rows,
      h("dt", {}, _("Routing step")), h("dd", {}, scan.step), h("dt", {}, _("Recipe")),
      h("dd", {}, `${scan.recipe} / ${scan.recipe_version}`)),
    partLine(scan));
}

function bad(scan) {
  const reasons = scan.failed.map((failed) => h("li", {}, pick(failed.message, failed.message_zh)));
  if (!reasons.length) {
    reasons.push(h("li", {}, pick(scan.result_en, scan.result_zh)));
    if (scan.detail) reasons.push(h("li", {}, scan.detail));
  }
  show("bad", scan.state === "failed" ? _("Not written") : _("Refused"), h("ul", {}, reasons), partLine(scan));
}

function told(scan) {
  if (scan.is_open) {
    show("wait", _("Waiting"), h("p", {}, _("The machine has not answered yet.")), partLine(scan));
  } else if (scan.is_good) {
    good(scan);
  } else {
    bad(scan);
  }
  if (!scan.is_open) navigator.vibrate?.(scan.is_good ? 80 : [250, 120, 250]);
}

async function settled(scan) {
  let found = scan;
  while (found.is_open) {
    told(found);
    await new Promise((wake) => setTimeout(wake, ASK_MS));
    found = await get(`/scans/${found.id}`);
  }
  return found;
}

async function scan(text, id = uuid()) {
  const station = byId("station").value;
  if (!text || !station || busy) return;
  busy = true;
  show("wait", _("Checking"), h("p", {}, text));
  try {
    told(await settled(await post("/scans", { id, text, station })));
    byId("text").value = "";
    await drawLast();
  } catch (error) {
    if (error.status === undefined) console.error(error);
    show("wait", _("Not answered"), h("p", {}, error.message),
      h("button", { type: "button", class: "button", onclick: () => scan(text, id) }, _("Send again")));
    navigator.vibrate?.([250, 120, 250]);
  } finally {
    busy = false;
  }
}

async function drawLast() {
  const station = byId("station").value;
  if (!station) return;
  const answer = await get("/scans", { station, size: LAST });
  fill(byId("last"), answer.rows.length ? answer.rows.map((row) => h("li", {},
    h("span", { class: "soft" }, time(row.at)), h("span", {}, row.part.replace(/^[a-z0-9]+:/, "")),
    h("b", { class: row.is_good ? "good" : row.is_open ? "" : "bad" },
      row.is_good ? _("OK") : row.is_open ? _("Waiting") : row.state === "failed" ? _("Not written") : _("Refused"))))
    : h("li", {}, h("span", {}), h("span", { class: "soft" }, _("No scan yet."))));
}

async function chosen() {
  const station = stations.find((each) => each.name === byId("station").value);
  byId("simulated").hidden = !station?.is_simulated;
  if (station) localStorage.setItem(REMEMBERED, station.name);
  show("idle", _("Scan a part"), station ? jobText(station) : h("p", {}, _("No station is set up yet.")));
  await drawLast();
}

function jobText(station) {
  const job = station.job;
  const parts = [job.order, job.part_type, job.revision, job.lots.join(", ")].filter(Boolean);
  return [parts.length ? h("p", {}, _("Works on {job}", { job: parts.join(" · ") })) : null,
    station.tool_set ? h("p", {}, _("Tool set {name}", { name: station.tool_set }),
      station.tool_life === null ? "" : ` · ${_("{n} cycles left", { n: number(station.tool_life) })}`) : null];
}

async function startStations() {
  stations = await get("/stations");
  const wanted = new URLSearchParams(location.search).get("station") ?? localStorage.getItem(REMEMBERED);
  fill(byId("station"), stations.map((station) => h("option", {
    value: station.name, selected: station.name === wanted,
  }, pick(station.title, station.title_zh))));
  byId("station").addEventListener("change", chosen);
  await chosen();
}

byId("read").addEventListener("submit", (event) => {
  event.preventDefault();
  scan(byId("text").value.trim());
});
// A reader types wherever the focus is.
document.addEventListener("keydown", (event) => {
  const isOwn = event.target.closest?.("input, select, button, a");
  if (!isOwn && event.key.length === 1 && !event.ctrlKey && !event.metaKey) byId("text").focus();
});
if (matchMedia("(pointer: fine)").matches) byId("text").focus();
startStations().catch((error) => show("wait", _("Not answered"), h("p", {}, error.message)));
startCamera({
  video: byId("video"), frame: byId("camera"), button: byId("look"), photo: byId("photo"),
  photoLabel: byId("photo-label"), means: byId("means"),
}, (text) => scan(text), () => busy);
