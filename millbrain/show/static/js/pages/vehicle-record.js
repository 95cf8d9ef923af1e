// The digital health record of one vehicle: one document, drawn part by part.

import { get, post } from "../api.js";
import { byId, fill, find, h } from "../dom.js";
import { full, instant, number } from "../format.js";
import { simulatedBadge } from "../names.js";
import { startRowLinks } from "../table.js";
import { conclusion } from "../verdicts.js";
import { _, pick } from "../words.js";
import "../elements/xy-chart.js";

const PROBLEMS_SHOWN = 20;
const TABLE_MONTHS = 24;
const vin = byId("vehicle").dataset.vin;
const path = `/vehicles/${encodeURIComponent(vin)}`;

const empty = (text) => h("p", { class: "faint" }, text);
const titled = (each) => pick(each.title, each.title_zh);

function table(heads, rows) {
  return h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map(([text, kind]) => h("th", { class: kind }, text)))), h("tbody", {}, rows)));
}

function note(id, part) {
  fill(byId(`${id}-note`), `${part.source} · ${_("as of {at}", { at: full(part.as_of) })}`);
}

function pairs(entries) {
  return h("dl", { class: "pairs" }, entries.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function drawStatic(part) {
  note("static", part);
  const { thing, terminal } = part;
  const known = part.fields.map((field) => [titled(field), `${field.value}${field.unit ? ` ${field.unit}` : ""}`]);
  fill(byId("static"), part.is_there ? null : empty(_("The register holds nothing of this vehicle.")), pairs([
    ["VIN", thing.id], [_("Plate"), thing.plate], [_("Model"), thing.model], [_("Maker"), thing.maker],
    [_("Operator"), thing.operator], ...known, ...Object.entries(part.others).map(([name, value]) => [name, String(value)]),
    [_("ICCID of the newest login"), terminal?.iccid], [_("Edition of the newest login"), terminal ? `GB/T 32960.3-${terminal.edition}` : ""],
  ]));
}

function drawPacks(part) {
  note("packs", part);
  if (!part.entries.length) return fill(byId("packs"), empty(_("No login carried pack codes.")));
  const rows = part.entries.map((each, index) => h("tr", {},
    h("td", {}, index ? h("span", { class: "badge" }, _("swap")) : _("first seen")),
    h("td", { class: "wrap codes mono" }, each.codes.join(" ")), h("td", {}, full(each.first_at).slice(0, 16)),
    h("td", {}, full(each.last_at).slice(0, 16)), h("td", { class: "number" }, number(each.login_count))));
  return fill(byId("packs"), table([[""], [_("Pack codes")], [_("First login")], [_("Last login")], [_("Logins"), "number"]], rows));
}

function figure(name, value, unit, digits = 0) {
  return h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, number(value, digits), h("small", {}, unit)));
}

function spread(title, unit, edges, hours) {
  const chart = h("xy-chart", {});
  chart.spec = { x: { kind: "number", unit, name: title, digits: 0 }, y: { kind: "number", name: _("hours"), zero: true },
    series: [{ type: "bars", name: title, tone: "--drive", data: edges.map((edge, index) => [edge + 5, hours[index]]) }] };
  return chart;
}

function drawOperation(part) {
  note("operation", part);
  const { whole, charges } = part;
  if (!whole.report_count) return fill(byId("operation"), empty(_("No report of this vehicle is stored.")));
  const monthly = h("xy-chart", {});
  monthly.spec = { x: { kind: "time", name: "" }, y: { kind: "number", name: _("Distance"), unit: "km", zero: true },
    series: [{ type: "bars", name: _("Distance"), tone: "--drive",
      data: part.entries.map((month) => [Date.parse(`${month.month}-15T00:00:00Z`), month.distance_km]) }] };
  const spreads = [...(part.entries.length > 1 ? [monthly] : []), spread(_("State of charge"), "%", whole.soc_edges_pct, whole.soc_h),
    spread(_("Hottest probe"), "°C", whole.temp_edges_degc, whole.temp_h)];
  fill(byId("operation"), h("dl", { class: "figures" },
    figure(_("Reports"), whole.report_count, ""), figure(_("Odometer"), whole.last_km, "km", 0),
    figure(_("Observed"), whole.observed_h, _("hours"), 1), figure(_("Driving"), whole.driving_h, _("hours"), 1),
    figure(_("Used"), whole.used_kwh, "kWh", 1), figure(_("Regained"), whole.regained_kwh, "kWh", 1),
    figure(_("Charged"), charges?.energy_kwh || whole.charged_kwh, "kWh", 1), figure(_("Charges"), charges?.charge_count || whole.charge_count, ""),
    figure(_("Odometer ran backwards"), whole.backward_count, _("times"))),
  h("div", { class: "spreads" }, spreads), monthTable(part.entries));
  for (const chart of spreads) chart.set(chart.spec);
}

function monthTable(months) {
  const rows = months.slice(-TABLE_MONTHS).reverse().map((month) => h("tr", {}, h("td", {}, month.month),
    ...[["distance_km", 1], ["observed_h", 1], ["driving_h", 1], ["charging_h", 1], ["used_kwh", 1], ["regained_kwh", 1], ["charged_kwh", 1], ["report_count", 0]]
      .map(([name, digits]) => h("td", { class: "number" }, number(month[name], digits)))));
  return h("details", {}, h("summary", { class: "soft" }, _("Month by month")), table([[_("Month")], [_("Distance [km]"), "number"],
    [_("Observed [h]"), "number"], [_("Driving [h]"), "number"], [_("Charging [h]"), "number"], [_("Used [kWh]"), "number"],
    [_("Regained [kWh]"), "number"], [_("Charged [kWh]"), "number"], [_("Reports"), "number"]], rows));
}

function drawHealth(part) {
  note("health", part);
  const known = part.entries.filter((row) => row.soh_pct !== null);
  if (!known.length) return fill(byId("health"), empty(_("No state of health is known: it needs counted charges over enough of the range.")));
  const chart = h("xy-chart", {});
  const tones = ["--drive", "--level-2", "--charge", "--simulated"];
  const groups = Map.groupBy(known, (row) => `${row.pack_no} ${row.method}`);
  fill(byId("health"), chart);
  return chart.set({ x: { kind: "time", name: "" }, y: { kind: "number", name: _("State of health"), unit: "%", digits: 1 },
    series: [...groups.values()].flatMap((rows, index) => {
      const name = _("pack {n}, {method}", { n: rows[0].pack_no, method: rows[0].method });
      const at = (row) => Date.parse(`${row.day}T00:00:00Z`);
      return [{ type: "band", name, quiet: true, tone: tones[index % tones.length], data: rows.map((row) => [at(row), row.soh_pct - row.soh_std_pct, row.soh_pct + row.soh_std_pct]) },
        { type: "line", symbol: true, name, tone: tones[index % tones.length], data: rows.map((row) => [at(row), row.soh_pct]) }];
    }) });
}

function partName(row) {
  if (!row.pack_no) return "";
  return row.cell_no ? _("pack {p}, cell {c}", { p: row.pack_no, c: row.cell_no }) : _("pack {n}", { n: row.pack_no });
}

function drawWarnings(answer) {
  note("warnings", answer.findings);
  const findings = answer.findings.entries.map((row) => h("tr", {}, h("td", { class: `level-${row.severity}` }, pick(row.severity_en, row.severity_zh)),
    h("td", {}, partName(row)), h("td", { class: "wrap" }, pick(row.sentence, row.sentence_zh)),
    h("td", {}, full(row.first_seen_at)), h("td", {}, full(row.last_seen_at)), h("td", {}, row.is_open ? _("open") : _("closed"))));
  const alarms = answer.alarms.entries.map((row) => h("tr", {}, h("td", {}, pick(row.state_en, row.state_zh)), h("td", {}, partName(row)),
    h("td", { class: "wrap" }, pick(row.sentence, row.sentence_zh)), h("td", {}, full(row.raised_at)), h("td", {}, full(row.ended_at)),
    h("td", {}, row.order ? h("a", { href: `/orders/${encodeURIComponent(row.order)}` }, row.order) : "–")));
  const orders = answer.orders.entries.map((row) => h("tr", { "data-href": `/orders/${encodeURIComponent(row.number)}` },
    h("td", {}, h("a", { href: `/orders/${encodeURIComponent(row.number)}` }, row.number)), h("td", {}, pick(row.state_en, row.state_zh)),
    h("td", { class: "wrap" }, pick(row.title, row.title_zh)), h("td", {}, row.assignee), h("td", {}, full(row.raised_at)),
    h("td", {}, full(row.repaired_at)), h("td", { class: "number" }, row.clean_days ?? "–")));
  fill(byId("warnings"),
    h("h3", {}, _("Findings")), findings.length ? table([[_("Severity")], [_("Part")], [_("What was found")], [_("First seen")], [_("Last seen")], [_("State")]], findings) : empty(_("Nothing was found.")),
    h("h3", {}, _("Alarms")), alarms.length ? table([[_("State")], [_("Part")], [_("What it says")], [_("Raised")], [_("Ended")], [_("Work order")]], alarms) : empty(_("No alarm was raised.")),
    h("h3", {}, _("Work orders")), orders.length ? table([[_("Number")], [_("State")], [_("Title")], [_("In charge")], [_("Raised")], [_("Repaired")], [_("Clean days"), "number"]], orders) : empty(_("No work order was raised.")));
}

function drawInspections(part) {
  note("inspections", part);
  const rows = part.entries.map((row) => h("tr", { "data-href": `/lane/${row.id}` }, h("td", {}, h("a", { href: `/lane/${row.id}` }, full(row.tested_at))),
    h("td", {}, conclusion(row)), h("td", { class: "wrap" }, row.reasons.length ? pick(...row.reasons[0]) : ""), h("td", {}, row.bench)));
  fill(byId("inspections"), rows.length ? table([[_("Tested")], [_("Conclusion")], [_("First reason")], [_("Bench")]], rows) : empty(_("No inspection is recorded.")));
}

function fieldText(field, value) {
  if (field.kind === "choice") return pick(...(field.choices[value] ?? [value, value]));
  if (field.kind === "truth") return value ? _("yes") : _("no");
  if (field.kind === "at") return full(value);
  return `${value}${field.unit ? ` ${field.unit}` : ""}`;
}

function drawEvents(kinds) {
  const newest = Object.values(kinds).reduce((a, b) => (instant(a.as_of) > instant(b.as_of) ? a : b));
  note("events", newest);
  fill(byId("events"), Object.values(kinds).flatMap((part) => [h("h3", {}, `${titled(part)} (${number(part.entries.length)})`),
    part.entries.length ? h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, part.entries.map((row) => h("tr", {}, h("td", {}, full(row.at).slice(0, 16)),
      h("td", { class: "wrap" }, part.fields.filter((field) => row.fields[field.name] !== undefined)
        .map((field) => `${titled(field)}: ${fieldText(field, row.fields[field.name])}`).join(" · ")),
      h("td", { class: "soft wrap" }, `${row.source} ${row.reference}`, row.version > 1 ? ` v${row.version}` : "", h("br", {}),
        _("as of {at}", { at: full(row.as_of).slice(0, 16) }),
        row.kind === "accident" ? [h("br", {}), h("a", { href: `/vehicles/${encodeURIComponent(vin)}/replay?at=${encodeURIComponent(row.at)}` }, _("Accident replay"))] : null))))))
      : null]));
}

async function load() {
  const answer = await get(`${path}/record`);
  const { thing } = answer.static;
  fill(byId("plate"), thing.plate || vin);
  fill(byId("model"), [thing.model, thing.operator].filter(Boolean).join(" · "));
  fill(byId("badges"), simulatedBadge(thing));
  fill(byId("as-of"), _("as of {at}", { at: full(answer.as_of) }));
  drawStatic(answer.static);
  drawPacks(answer.packs);
  drawOperation(answer.operation);
  drawHealth(answer.health);
  drawWarnings(answer);
  drawInspections(answer.inspections);
  drawEvents(answer.events);
}

function told(answer) {
  byId("imported").hidden = false;
  fill(byId("imported"), h("p", {}, _("{added} added, {corrected} corrected, {unchanged} unchanged, {refused} rows refused", {
    added: number(answer.added), corrected: number(answer.corrected), unchanged: number(answer.unchanged), refused: number(answer.refused) })),
  answer.unused.length ? h("p", { class: "soft" }, _("Columns that were not used: {names}", { names: answer.unused.join(", ") })) : null,
  h("table", {}, h("tbody", {}, answer.problems.slice(0, PROBLEMS_SHOWN).map((p) => h("tr", {},
    h("td", { class: "number" }, p.row || ""), h("td", {}, p.column), h("td", { class: "wrap" }, p.problem))))));
}

async function startImport() {
  const kinds = await get("/life-events/kinds");
  fill(byId("kind"), kinds.map((kind) => h("option", { value: kind.key }, titled(kind))));
  byId("file").addEventListener("change", (event) => guarded(async () => {
    const [file] = event.target.files;
    if (!file) return;
    const body = new FormData();
    body.append("file", file);
    event.target.value = "";
    told(await post(`/life-events/${byId("kind").value}/import`, body));
    await load();
  }));
}

function guarded(task) {
  byId("problem").hidden = true;
  return task().catch((error) => {
    if (error.status === undefined) console.error(error);
    byId("problem").hidden = false;
    fill(byId("problem"), error.message);
  });
}

startRowLinks();
guarded(load);
if (find("#file")) guarded(startImport);
