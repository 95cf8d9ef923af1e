// One work order: where it stands, what to do next, what was found, every step, every file.

import { appName, kindName, readDeclared } from "../alarm-words.js";
import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { bytes, figure, full, NONE, span, time } from "../format.js";
import { simulatedBadge } from "../names.js";
import { actionWord, choices, levelBadge, loadChoices, partWord, severityMark, stateWord, timeLeft } from "../order-words.js";
import { every } from "../poll.js";
import { problem } from "../problem.js";
import { _, pick } from "../words.js";
import { isAsking, startActing } from "./order-act.js";

const PERIOD_S = 5;
const WAY = ["raised", "dispatched", "accepted", "in_progress", "done", "verified", "closed"];
const BACK = { rejected: 0, reopened: 1 }; // how far of the way what was sent back still is
const path = `/orders/${byId("order").dataset.number}`;
let shown = null;

function pairs(node, rows) {
  fill(node, rows.filter(([, value]) => value !== null && value !== "").flatMap(([name, value]) =>
    [h("dt", {}, name), h("dd", {}, value)]));
}

function showHead(order) {
  fill(byId("state"), h("b", {}, stateWord(order.state)));
  fill(byId("severity"), severityMark(order.severity));
  fill(byId("badges"), levelBadge(order), " ", simulatedBadge(order));
  fill(byId("as-of"), _("as of {at}", { at: time(Date.now()) }));
  fill(byId("due"), order.is_ended ? h("span", { class: "soft" }, _("nothing, it has ended")) : timeLeft(order),
    order.due_at && !order.is_ended ? h("span", { class: "soft" }, ` · ${_("until {at}", { at: full(order.due_at).slice(0, 16) })}`) : null,
    order.holidays_known ? null : h("span", { class: "soft" }, ` · ${_("holidays of that year are not known, weekends only")}`));
  const reached = BACK[order.state] ?? WAY.indexOf(order.state);
  fill(byId("way"), WAY.map((state, at) => h("li", {
    class: at < reached ? "past" : at === reached ? "now" : "",
    "aria-current": at === reached ? "step" : null }, stateWord(at === reached ? order.state : state))));
}

function showFacts(order) {
  const vehicle = h("a", { href: `/vehicles/${encodeURIComponent(order.thing)}` }, order.plate ? `${order.plate} · ` : "",
    h("span", { class: "vin" }, order.thing));
  pairs(byId("facts"), [
    [_("Vehicle"), vehicle], [_("Model"), order.model], [_("Organisation of the vehicle"), order.operator],
    [_("Organisation in charge"), order.assignee || h("span", { class: "faint" }, _("nobody yet"))],
    [_("Raised on"), full(order.raised_at)],
    [_("In this state since"), `${full(order.state_at)} (${span((Date.now() - Date.parse(order.state_at)) / 1000)})`],
    [_("Inspection"), order.inspection ? h("a", { href: `/lane/${encodeURIComponent(order.inspection)}` }, order.inspection) : ""],
    [_("Repaired"), order.repaired_at ? full(order.repaired_at) : ""],
  ]);
  const days = order.clean_days;
  fill(byId("clean"), !order.repaired_at ? "" : days === null ? _("the data have not judged the repair yet")
    : choices.clean_days ? _("{n} of {all} clean days", { n: days, all: choices.clean_days }) : _("{n} clean days", { n: days }));
}

function verdict(found) {
  if (!found) return h("p", { class: "faint" }, _("No verdict yet: it needs a day of reports after the repair."));
  const isClean = found.days_observed > 0 && found.days_observed === found.days_clean;
  return h("div", { class: "verdict" },
    h("b", { class: isClean ? "good" : "bad" }, isClean ? _("in line again") : found.days_observed ? _("seen again") : _("not observed yet")),
    h("span", {}, `${_("before")} `, h("b", {}, figure(found.before, found.unit)), ` → ${_("after")} `, h("b", {}, figure(found.after, found.unit))),
    h("span", { class: "soft" }, _("{clean} clean of {observed} observed days", { clean: found.days_clean, observed: found.days_observed })),
    h("span", { class: "soft" }, pick(found.sentence, found.sentence_zh)));
}

function place(finding) {
  if (!finding.pack_no) return _("whole vehicle");
  return finding.cell_no ? _("pack {pack}, cell {cell}", { pack: finding.pack_no, cell: finding.cell_no }) : _("pack {pack}", { pack: finding.pack_no });
}

function showFindings(order) {
  fill(byId("findings"), order.findings.length ? order.findings.map((finding) => h("article", {},
    h("header", {}, severityMark(finding.severity), h("b", {}, place(finding)), h("span", { class: "soft" }, `${appName(finding.app)} · ${kindName(finding.app, finding.kind)}`)),
    h("p", {}, pick(finding.sentence, finding.sentence_zh)),
    order.repaired_at ? verdict(finding.verdict) : null))
    : h("p", { class: "soft" }, _("Raised by hand: {title}. A person verifies it.", { title: pick(order.title, order.title_zh) })));
}

function showRepairs(order) {
  const rows = order.steps.filter((step) => step.action === "repair").flatMap((step) =>
    step.detail.repairs.map((part) => [step, part]));
  byId("repairs-panel").hidden = !rows.length;
  const heads = [_("At"), _("Part"), _("Pack"), _("Cell"), _("Old code"), _("New code"), _("Parts used"), _("By")];
  fill(byId("repairs"), h("thead", {}, h("tr", {}, heads.map((head) => h("th", {}, head)))), h("tbody", {}, rows.map(([step, part]) => h("tr", {},
    h("td", { class: "soft" }, full(step.at)), h("td", {}, partWord(part.part)), h("td", {}, part.pack_no || NONE), h("td", {}, part.cell_no || NONE),
    h("td", { class: "mono" }, part.old_code || NONE), h("td", { class: "mono" }, part.new_code || NONE),
    h("td", { class: "wrap" }, part.parts_used || NONE), h("td", {}, step.who)))));
}

function told(step) {
  const detail = step.detail;
  const size = detail.size_bytes ? ` (${bytes(detail.size_bytes)})` : "";
  const lines = [
    detail.organisation && _("to {organisation}", { organisation: detail.organisation }),
    detail.reason, detail.note,
    detail.inspection && _("inspection {number}", { number: detail.inspection }),
    detail.repairs && _("parts: {n}", { n: detail.repairs.length }),
    detail.file && `${detail.file}${size}`,
    pick(detail.sentence, detail.sentence_zh),
    detail.due_at && _("was due {at}", { at: full(detail.due_at).slice(0, 16) }),
    detail.clean_days !== undefined && _("{n} clean days", { n: detail.clean_days }),
  ];
  return lines.filter(Boolean).map((line) => h("p", {}, line));
}

function showHistory(order) {
  fill(byId("history-note"), _("{n} steps, none can be changed", { n: order.steps.length }));
  fill(byId("history"), [...order.steps].reverse().map((step) => h("li", { class: step.who ? "" : "own" },
    h("header", {}, h("b", {}, actionWord(step.action)),
      step.target !== step.source ? h("span", { class: "soft" }, `→ ${stateWord(step.target)}`) : null,
      h("span", { class: "faint" }, step.who || _("by the platform")),
      h("time", { class: "faint", title: full(step.at) }, time(step.at))),
    told(step))));
}

function showFiles(order) {
  const isPicture = (file) => file.media_type.startsWith("image/");
  fill(byId("files"), order.files.length ? order.files.map((file) => {
    const href = `/api/v1${path}/files/${file.id}`;
    return h("li", {}, isPicture(file) ? h("img", { src: href, alt: "", loading: "lazy" }) : h("span", { class: "kind" }, file.name.split(".").pop()),
      h("div", {}, h("a", { href, download: file.name }, file.name),
        h("p", { class: "soft" }, `${bytes(file.size_bytes)} · ${file.added_by} · ${full(file.added_at).slice(0, 16)}`),
        h("p", { class: "faint mono", title: file.sha256 }, `SHA-256 ${file.sha256.slice(0, 16)}`)));
  }) : h("li", { class: "empty" }, _("No file yet.")));
  byId("attach").hidden = !order.allowed.includes("attach");
}

function show(order) {
  const changed = !shown || order.version !== shown.version || order.clean_days !== shown.clean_days;
  shown = order;
  showHead(order);
  showFacts(order);
  if (!changed) return;
  showFindings(order);
  showRepairs(order);
  showHistory(order);
  showFiles(order);
  if (!isAsking()) startActing(order, path, taken, problem);
}

function taken(order) {
  problem(null);
  show(order);
  startActing(order, path, taken, problem);
}

function startFiles() {
  byId("attach").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const body = new FormData();
    body.append("file", file);
    try {
      await post(`${path}/files`, body);
      taken(await get(path));
    } catch (error) {
      problem(error);
    }
    event.target.value = "";
  });
}

async function start() {
  await Promise.all([loadChoices(), readDeclared()]);
  startFiles();
  every(PERIOD_S, async (signal) => {
    try {
      show(await get(path, {}, signal));
    } catch (error) {
      if (error.status === 404) problem(error);
      throw error;
    }
  });
}

start().catch(problem);
