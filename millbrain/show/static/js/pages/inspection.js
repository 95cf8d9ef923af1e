// One inspection: conclusion, reasons, items, the bench's curve beside what the vehicle sent.

import { get, post } from "../api.js";
import { byId, fill, find, h } from "../dom.js";
import { full, number, time } from "../format.js";
import { drawForm } from "../record-form.js";
import { conclusion, range, stateText, stateTone } from "../verdicts.js";
import { _, pick } from "../words.js";
import "../elements/trend-chart.js";

const path = `/inspections/${byId("inspection").dataset.id}`;
let found = null;
let sheet = null;
let curves = null;

function guarded(task) {
  return task().catch((error) => {
    if (error.status === undefined) console.error(error);
    byId("problem").hidden = false;
    fill(byId("problem"), error.message);
  });
}

function headValue(field, value) {
  if (field.kind === "at") return full(value);
  if (field.kind === "truth") return value ? _("yes") : _("no");
  if (field.kind === "choice") return pick(...field.choices[value]);
  return String(value);
}

function title() {
  fill(byId("vehicle"), found.plate || found.vin);
  fill(byId("vin"), h("a", { href: `/vehicles/${encodeURIComponent(found.vin)}` }, found.vin));
  fill(byId("verdict"), conclusion(found), found.replaced_at
    ? h("span", { class: "badge bad" }, _("replaced by a correction")) : null);
  fill(byId("as-of"), _("tested {at}", { at: full(found.tested_at) }));
  byId("pdf").href = `/api/v1${path}/report.pdf`;
  byId("record").href = `/vehicles/${encodeURIComponent(found.vin)}/record`;
  if (byId("judge")) byId("judge").hidden = byId("correct").hidden = Boolean(found.replaced_at);
}

function facts() {
  const reasons = found.opinion.reasons.map(([en, zh]) => h("li", {}, pick(en, zh)));
  fill(byId("reasons"), reasons.length ? reasons : h("li", { class: "good" }, _("Every item that was measured is within its limit.")));
  const pairs = sheet.head.filter((field) => found.head[field.name] !== undefined && found.head[field.name] !== "")
    .map((field) => [pick(field.title, field.title_zh), headValue(field, found.head[field.name])]);
  fill(byId("head"), [...pairs, [_("Judged by"), found.opinion.edition], [_("Entered"), `${found.entered_by}, ${full(found.entered_at)}`],
    ...(found.reason ? [[_("Reason of the correction"), found.reason]] : [])].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function itemRow(item, judged) {
  const limit = judged.limit;
  return h("tr", {}, h("td", { class: "wrap" }, pick(item.title, item.title_zh)),
    h("td", { class: "number" }, judged.value === null ? "–" : number(judged.value, Number.isInteger(judged.value) ? 0 : 1), h("small", { class: "soft" }, ` ${item.unit}`)),
    h("td", {}, range(limit, item.unit)),
    h("td", { class: "soft wrap" }, limit ? limit.source : "–", limit?.note ? h("small", { class: "faint" }, ` ${limit.note}`) : null),
    h("td", { class: stateTone(judged.state) }, stateText(judged.state)));
}

function items() {
  const judged = Object.fromEntries(found.opinion.items.map((each) => [each.item, each]));
  const rows = Object.entries(sheet.tests).flatMap(([test, titles]) => {
    const mine = sheet.items.filter((item) => item.test === test && judged[item.name] && judged[item.name].state !== "absent");
    return mine.length ? [h("tr", { class: "group" }, h("th", { colspan: 5 }, pick(titles[0], titles[1]))),
      ...mine.map((item) => itemRow(item, judged[item.name]))] : [];
  });
  const heads = [[_("Item")], [_("Measured"), "number"], [_("Limit")], [_("Source")], [_("Judgement")]];
  fill(byId("items"), h("thead", {}, h("tr", {}, heads.map(([text, kind]) => h("th", { class: kind }, text)))), h("tbody", {}, rows));
}

function versions() {
  fill(byId("versions"), h("thead", {}, h("tr", {}, [_("Version"), _("Entered"), _("Entered by"), _("Conclusion"), _("Replaced")].map((t) => h("th", {}, t)))),
    h("tbody", {}, found.versions.map((each) => h("tr", {}, h("td", {}, h("a", { href: `/lane/${each.id}` }, each.version)),
      h("td", {}, full(each.entered_at)), h("td", {}, each.entered_by), h("td", {}, conclusion(each)),
      h("td", { class: "soft" }, each.replaced_at ? full(each.replaced_at) : "–")))));
  fill(byId("digest"), `SHA-256 ${found.content_sha256}`);
}

function series(curve, prefix) {
  const at = (list) => curve.t.map((t, index) => [t, (list ?? curve.values)[index]]);
  return { title: `${prefix} ${pick(curve.title, curve.title_zh)}`, unit: curve.unit, digits: 1,
    points: at(curve.values), low: at(curve.low), high: at(curve.high) };
}

async function drawChart(node, note, all, empty) {
  const instants = all.flatMap((each) => each.points.map((point) => point[0]));
  node.hidden = !instants.length;
  if (!instants.length) return fill(note, empty);
  const spec = { from: Math.min(...instants), to: Math.max(...instants), bucket: 1, series: all };
  await node.set(spec, async () => spec);
  return fill(note, _("{from} to {to}", { from: full(spec.from), to: time(spec.to) }));
}

async function drawCurves() {
  const name = byId("channel").value;
  const mine = (list, prefix) => list.filter((curve) => curve.name === name).map((curve) => series(curve, prefix));
  await drawChart(byId("curve"), byId("curve-note"), [...mine(curves.bench, _("bench:")), ...mine(curves.online, _("vehicle:"))],
    _("Neither bench nor vehicle gave this signal."));
  await drawChart(byId("charge"), byId("charge-note"), curves.charge ? mine(curves.charge.curves, _("vehicle:")) : [],
    _("No charge is known within 30 days before."));
}

async function loadCurves() {
  curves = await get(`${path}/curve`);
  const known = new Map([...curves.bench, ...curves.online, ...(curves.charge?.curves ?? [])].map((curve) => [curve.name, curve]));
  fill(byId("channel"), [...known.values()].map((curve) => h("option", { value: curve.name }, pick(curve.title, curve.title_zh))));
  byId("channel").hidden = !known.size;
  byId("channel").addEventListener("change", () => guarded(drawCurves));
  await drawCurves();
}

function benchCurve() {
  if (!curves?.bench.length) return undefined;
  const start = Date.parse(found.tested_at);
  const made = { t_s: curves.bench[0].t.map((t) => (t - start) / 1000) };
  for (const curve of curves.bench) made[curve.name] = curve.values;
  return made;
}

function startTools() {
  byId("judge").addEventListener("click", () => guarded(async () => {
    const answer = await post(`${path}/judge`, {});
    location.assign(`/lane/${answer.id}`);
  }));
  byId("correct").addEventListener("click", () => {
    byId("form").hidden = !byId("form").hidden;
    drawForm(byId("correction"), sheet, { head: found.head, measured: found.measured, curve: benchCurve() },
      (answer) => location.assign(`/lane/${answer.id}`));
  });
}

guarded(async () => {
  [found, sheet] = await Promise.all([get(path), get("/inspections/sheet")]);
  title();
  facts();
  items();
  versions();
  if (find("#judge")) startTools();
  await loadCurves();
});
