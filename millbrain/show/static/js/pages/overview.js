// The overview: one request every few seconds fills the whole page, on the desk and on the wall.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, instant, number, share, span, time } from "../format.js";
import { eventName, simulatedBadge } from "../names.js";
import { every } from "../poll.js";
import { startRowLinks } from "../table.js";
import { _ } from "../words.js";
import "../elements/live-value.js";
import "../elements/small-charts.js";
import "../elements/state-bar.js";
import "../elements/tile-map.js";

const PERIOD_S = 2;
const IDENTIFIERS_PERIOD_S = 10;
const EVENTS_MAX = document.documentElement.hasAttribute("data-wall") ? 6 : 10;
const RELOAD_MS = 24 * 3600 * 1000; // a wall takes new scripts and fresh memory once a day
const wall = document.documentElement.hasAttribute("data-wall");
const opened = Date.now();

const LEVELS = [
  [4, () => _("thermal event (2025 edition)")],
  [3, () => _("stop at once")],
  [2, () => _("performance affected, limit driving")],
  [1, () => _("no effect on driving")],
];

function figures(answer) {
  const v = answer.vehicles;
  for (const name of ["connected", "driving", "charging", "parked", "offline"]) {
    byId(name).set(v[name], answer.as_of);
    const whole = name === "connected" || name === "offline" ? v.known : v.connected;
    const text = name === "connected" || name === "offline"
      ? _("{share} of {n} known", { share: share(v[name], whole), n: number(whole) })
      : _("{share} of connected", { share: share(v[name], whole) });
    fill(byId(`${name}-sub`), text);
  }
  byId("rate").set(answer.rate_hz, answer.as_of);
  fill(byId("rate-sub"), _("mean of the last 10 s"));
}

function offlineLabel(bucket, previous) {
  if (bucket.up_to_s === null) return _("offline > {span}", { span: span(previous) });
  return _("offline ≤ {span}", { span: span(bucket.up_to_s) });
}

function states(answer) {
  const v = answer.vehicles;
  const parts = [
    ["driving", _("driving")],
    ["charging", _("charging")],
    ["parked", _("parked")],
  ].map(([state, label]) =>
    ({ className: `fill-${state}`, label, count: v[state], href: `/vehicles?state=${state}` }));
  answer.offline.forEach((bucket, index) => {
    const previous = index ? answer.offline[index - 1].up_to_s : 0;
    parts.push({
      className: `off-${Math.min(index + 1, 4)}`,
      label: offlineLabel(bucket, previous),
      count: bucket.count,
      href: "/vehicles?state=offline",
    });
  });
  byId("states").set(parts);
}

function charges(answer) {
  if (!answer.charge_start_soc.some((bin) => bin.count)) {
    fill(byId("soc"), h("p", { class: "empty" }, _("No charge began in the last 24 hours.")));
    return;
  }
  const bars = answer.charge_start_soc.map((bin) => ({
    label: String(bin.from_pct),
    count: bin.count,
    title: _("{from}–{to} %: {n} charges", { from: bin.from_pct, to: bin.to_pct, n: number(bin.count) }),
  }));
  byId("soc").set(bars, _("vehicles"), _("SOC when a charge of the last 24 h began, %"));
}

function alarms(answer) {
  const counts = new Map(answer.alarms.map((row) => [row.level, row.count]));
  fill(byId("alarms"), LEVELS.map(([level, meaning]) => {
    const count = counts.get(level) ?? 0;
    return h("tr", { "data-href": `/vehicles?alarm_level=${level}` },
      h("td", {}, h("span", { class: `level level-${level}` }, String(level))),
      h("td", { class: count ? "" : "faint" }, meaning()),
      h("td", { class: `number ${count ? `level level-${level}` : "faint"}` }, number(count)));
  }));
}

function rates(answer) {
  byId("rates").closest("section").hidden = answer.rate_hz === null; // counted by link, not by vehicle
  const points = answer.rate.map(([at, value]) => [instant(at), value]);
  if (points.length > 1) byId("rates").set(points);
  else fill(byId("rates"), h("p", { class: "empty" }, _("The curve begins after 20 seconds of reports.")));
  if (points.length > 1) {
    const seconds = (points.at(-1)[0] - points[0][0]) / 1000;
    fill(byId("rate-note"), _("last {span}, as of {at}", { span: span(seconds), at: time(answer.as_of) }));
  }
}

function ofVehicle(row) {
  return !row.event.startsWith("platform");
}

function events(answer) {
  const rows = answer.events.slice(0, EVENTS_MAX).map((row) =>
    h("tr", {},
      h("td", { class: "soft" }, time(row.received_at)),
      h("td", {}, eventName(row.event)),
      h("td", { class: "vin" }, ofVehicle(row)
        ? h("a", { href: `/vehicles/${encodeURIComponent(row.vin)}` }, row.vin) : row.vin),
      h("td", {}, row.plate ?? ""),
      h("td", { class: "soft" }, row.link ?? ""),
      h("td", {}, simulatedBadge(row))));
  fill(byId("events"), rows.length ? rows : h("tr", {}, h("td", { class: "empty" }, _("No event yet."))));
}

function ledger(answer) {
  const i = answer.intake;
  byId("ledger").closest("section").hidden = !i;
  if (!i) return;
  const sign = i.balanced
    ? h("span", { class: "good", title: _("balanced") }, "✓")
    : h("span", { class: "bad", title: _("does not balance") }, "✗");
  fill(byId("ledger"), _("received {n}", { n: number(i.received) }), " = ",
    _("stored {n}", { n: number(i.stored) }), " + ", _("duplicate {n}", { n: number(i.duplicate) }), " + ",
    _("rejected {n}", { n: number(i.rejected) }), " ", sign, " · ",
    _("frames; links {n}", { n: number(answer.links) }));
}

function simulated(answer) {
  const v = answer.vehicles;
  const notice = byId("simulated");
  notice.hidden = !v.simulated;
  fill(notice, h("b", {}, _("Simulated data")),
    _("{n} of {known} vehicles are simulated.", { n: number(v.simulated), known: number(v.known) }));
}

function show(answer) {
  figures(answer);
  states(answer);
  byId("map").set(answer.regions, answer.elsewhere);
  charges(answer);
  alarms(answer);
  rates(answer);
  events(answer);
  ledger(answer);
  simulated(answer);
  const hint = byId("hint");
  if (hint) hint.hidden = answer.vehicles.known > 0;
  for (const note of document.querySelectorAll("[data-as-of]")) {
    fill(note, _("as of {at}", { at: time(answer.as_of) }));
    note.title = full(answer.as_of);
  }
}

let answeredBefore = null;

/** The identifiers of this node in one line; a silent resolver is said in words. */
async function identifiers(signal) {
  const answer = await get("/identifiers/summary", {}, signal);
  const now = { at: instant(answer.as_of), count: answer.answers };
  const rate = answeredBefore && now.count >= answeredBefore.count && now.at > answeredBefore.at
    ? (1000 * (now.count - answeredBefore.count)) / (now.at - answeredBefore.at) : null;
  answeredBefore = answer.answers === null ? null : now;
  fill(byId("identifiers"), answer.problem ? h("span", { class: "bad" }, answer.problem) : [
    h("b", {}, number(answer.identifiers)), ` ${_("identifiers under {n} prefixes", { n: number(answer.prefixes) })}`,
    answer.elsewhere ? ` · ${_("{n} sent to other nodes", { n: number(answer.elsewhere) })}` : "",
    rate === null ? "" : ` · ${_("{n} answers/s", { n: number(rate, rate < 10 ? 1 : 0) })}`,
    answer.applications ? [" · ", h("a", { href: "/identifiers/nodes?state=applied" }, _("{n} wait for their audit", { n: number(answer.applications) }))] : ""]);
  fill(byId("identifiers-as-of"), _("as of {at}", { at: time(answer.as_of) }));
}

startRowLinks();
if (byId("identifiers")) every(IDENTIFIERS_PERIOD_S, identifiers);
every(PERIOD_S, async (signal) => {
  if (wall && Date.now() - opened > RELOAD_MS) location.reload();
  try {
    show(await get("/overview", {}, signal));
    byId("closed")?.toggleAttribute("hidden", true);
  } catch (error) {
    if (error.status === 401) byId("closed")?.toggleAttribute("hidden", false);
    throw error;
  }
});
