// The system: how the platform itself is doing; for administrators also who may use it.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { bytes, full, NONE, number, share, span, time } from "../format.js";
import { roleName } from "../elements/node-band.js";
import { every } from "../poll.js";
import { _ } from "../words.js";
import { startAdministration } from "./administration.js";

const PERIOD_S = 10;

function pairs(node, rows) {
  fill(node, rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

function flat(value, prefix = "") {
  return Object.entries(value).flatMap(([name, each]) =>
    (each !== null && typeof each === "object" && !Array.isArray(each)
      ? flat(each, `${prefix}${name}.`) : [[`${prefix}${name}`, each]]));
}

function engine(answer) {
  const problem = byId("problem");
  const texts = [answer.engine_problem, answer.warehouse_problem, answer.scans?.trouble, ...(answer.engine?.intake?.troubles ?? [])];
  problem.hidden = !texts.some(Boolean);
  fill(problem, texts.filter(Boolean).join(" "));
  const own = answer.engine ?? {};
  pairs(byId("engine"), [
    [_("Running for"), answer.engine ? span(own.as_of - own.started_at) : _("does not answer")],
    [_("Memory now / most"), `${bytes(own.memory_bytes)} / ${bytes(own.memory_max_bytes)}`],
    [_("Warehouse"), own.warehouse ?? NONE],
    [_("Ports"), Object.entries(own.rooms ?? {}).map(([name, room]) => `${name} ${room.port}`).join(", ")],
    [_("Links open"), number(Object.values(own.links ?? {}).reduce((sum, each) => sum + each, 0))],
    [_("Vehicles known"), number(own.intake?.vehicles)],
    [_("Reports stored since start"), number(own.intake?.reports_total)],
    [_("Commits since start"), number(own.intake?.commits_total)],
    [_("Raw frames kept / skipped"), `${number(own.intake?.raw_frames_kept)} / ${number(own.intake?.raw_frames_skipped)}`],
  ]);
}

let before = null; // what the resolver had answered when it was asked last

/** Requests that the resolver answered since it started, over every face. */
function answered(own) {
  const { handle = {}, http = {} } = own.faces;
  return (handle.udp_packets ?? 0) + (handle.tcp_messages ?? 0) + (http.requests ?? 0);
}

function resolver(answer) {
  const own = answer.resolver;
  if (!own) {
    before = null;
    pairs(byId("resolver"), [[_("State"), h("span", { class: "bad" }, _("does not answer"))], [_("Reason"), answer.resolver_problem]]);
    return;
  }
  const now = { at: own.as_of, started: own.started_at, count: answered(own) };
  const isSame = before?.started === now.started && now.at > before.at;
  const rate = isSame ? (now.count - before.count) / (now.at - before.at) : null;
  before = now;
  const last = own.last_trouble;
  pairs(byId("resolver"), [
    [_("Running for"), span(own.as_of - own.started_at)], [_("Part in the tree of nodes"), roleName(own.role)],
    [_("Ports"), Object.entries(own.ports).map(([name, port]) => `${name} ${port}`).join(", ")],
    [_("Answers a second"), rate === null ? NONE : number(rate, rate < 10 ? 1 : 0)], [_("Answers since start"), number(now.count)],
    [_("Prefixes in service"), number(own.homed)], [_("Keys in the store, about"), `${number(own.keys_about)} (${bytes(own.disk_bytes)})`],
    [_("Changes that wait"), number(own.waiting)],
    [_("Answers of other nodes remembered"), number(own.others.entries)], [_("Most memory"), bytes(own.memory_max_bytes)],
    [_("Last warning"), last ? h("span", { class: last.level === "WARNING" ? "" : "bad", title: full(last.at_s) }, `${time(last.at_s)} ${last.text}`) : _("none")],
  ]);
}

function stores(answer) {
  pairs(byId("versions"), Object.entries(answer.versions).map(([name, version]) => [name, h("span", { class: "mono" }, version)]));
  pairs(byId("disks"), answer.disks.map((disk) => [disk.name, _("{free} free of {total} ({share})", {
    free: bytes(disk.free_bytes), total: bytes(disk.total_bytes), share: share(disk.free_bytes, disk.total_bytes) })]));
  fill(byId("tables"), answer.tables.map((table) => h("tr", {},
    h("td", { class: "mono" }, h("a", { href: `/dictionary#${table.name}` }, table.name)),
    h("td", { class: "number" }, number(table.rows)), h("td", { class: "number" }, number(table.parts)),
    h("td", { class: "number" }, bytes(table.disk_bytes)), h("td", { class: "number" }, bytes(table.raw_bytes)),
    h("td", { class: "number" }, number(table.raw_bytes / Math.max(1, table.disk_bytes), 1)),
    h("td", { class: "number" }, number(table.disk_bytes / Math.max(1, table.rows), 1)))));
}

every(PERIOD_S, async (signal) => {
  const answer = await get("/system", {}, signal);
  engine(answer);
  resolver(answer);
  stores(answer);
  pairs(byId("settings"), flat(answer.settings).map(([name, value]) =>
    [h("span", { class: "mono" }, name), h("span", { class: "mono" }, value === null ? _("none") : String(value))]));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
  byId("as-of").title = full(answer.as_of);
});
if (byId("accounts")) startAdministration();
