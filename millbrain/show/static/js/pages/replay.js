// Accident replay: one cursor over signals, track and events, always on a report that was stored.

import { address, get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { fromLocal, full, instant, number } from "../format.js";
import { eventName } from "../names.js";
import { _, pick } from "../words.js";
import "../elements/replay-board.js";
import "../elements/track-map.js";

const FRAMES_HZ = 8;
const GEARS = { 0: "N", 13: "R", 14: "D", 15: "P" };
const PRESSED = 101; // GB/T 32960.3-2016 table 9: the brake is pressed, its stroke unknown
const PANELS = [
  ["accelerator_pct", "brake_pct"], ["speed_kmh"], ["motor_torque_nm"], ["motor_speed_rpm"], ["gear"],
  ["voltage_v"], ["current_a"], ["soc_pct"], ["cell_max_mv", "cell_min_mv"], ["temp_max_degc", "temp_min_degc"],
  ["insulation_kohm"], ["alarm_level"],
];
const STEPPED = new Set(["gear", "alarm_level", "soc_pct"]);
const SHOWN = ["accelerator_pct", "brake_pct", "gear_code", "speed_kmh", "voltage_v", "current_a", "soc_pct",
  "insulation_kohm", "cell_max_mv", "cell_max_no", "cell_min_mv", "cell_min_no", "temp_max_degc", "temp_min_degc",
  "alarm_level", "vehicle_state", "charge_state", "dcdc_state", "odometer_km"];

// The dictionary's titles explain; a chart has room for a name only.
const NAMES = {
  accelerator_pct: () => _("Accelerator"), brake_pct: () => _("Brake"), gear_code: () => _("Gear"),
  speed_kmh: () => _("Speed"), voltage_v: () => _("Total voltage"), current_a: () => _("Total current"),
  soc_pct: () => _("State of charge"), insulation_kohm: () => _("Insulation"), cell_max_mv: () => _("Highest cell"),
  cell_max_no: () => _("its number"), cell_min_mv: () => _("Lowest cell"), cell_min_no: () => _("its number"),
  temp_max_degc: () => _("Hottest probe"), temp_min_degc: () => _("Coldest probe"), alarm_level: () => _("Alarm level"),
  vehicle_state: () => _("Vehicle"), charge_state: () => _("Charging"), dcdc_state: () => _("DC-DC"),
  odometer_km: () => _("Odometer"), motor_torque_nm: () => _("Motor torque"), motor_speed_rpm: () => _("Motor speed"),
  motor_degc: () => _("Motor temperature"), motor_controller_degc: () => _("Motor controller"),
  motor_current_a: () => _("Motor current"),
};

const vin = byId("vehicle").dataset.vin;
const path = `/vehicles/${encodeURIComponent(vin)}/replay`;
const form = byId("span");
const wanted = new URLSearchParams(location.search);
let replay = null;
let cursor = 0;
let playing = 0;

/** The name of a signal; a motor's carries its number where there are several. */
function title(signal) {
  const [name, rest] = signal.name.split("[");
  const known = NAMES[name]?.() ?? pick(signal.title, signal.title_zh);
  const isOneOfMany = rest && replay.signals.some((other) => other.name === `${name}[2]`);
  return isOneOfMany ? `${known} ${rest.slice(0, -1)}` : known;
}

/** The signals of a panel: a name without its number means every motor's. */
function chosen(name) {
  if (name === "gear") {
    const code = replay.signals.find((signal) => signal.name === "gear_code");
    // Drawn in order of the lever: reverse below, park at nought, drive above.
    const height = (byte) => ({ 13: -1, 15: 0, 0: 0, 14: 1 }[byte & 0x0f] ?? byte & 0x0f);
    return [{ ...code, unit: "", name_shown: `${title(code)} (R −1, P N 0, D 1)`,
      values: code.values.map((value) => (value === null ? null : height(value))) }];
  }
  const all = replay.signals.filter((signal) => signal.name === name || signal.name.startsWith(`${name}[`));
  return all.map((signal) => ({ ...signal,
    name_shown: title(signal),
    values: name === "brake_pct" ? signal.values.map((value) => (value === PRESSED ? 100 : value)) : signal.values }));
}

function shown(signal, index) {
  const value = signal.values[index];
  if (value === null) return "–";
  if (signal.name === "gear_code") {
    const forces = [value & 0x20 ? _("driving force") : "", value & 0x10 ? _("braking force") : ""];
    return [GEARS[value & 0x0f] ?? String(value & 0x0f), ...forces].filter(Boolean).join(" · ");
  }
  if (signal.name === "brake_pct" && value === PRESSED) return _("pressed");
  if (signal.name.endsWith("_no")) return String(value);
  const code = signal.codes[value];
  if (code) return pick(code[0], code[1]);
  return `${number(value, Number.isInteger(value) ? 0 : 1)} ${signal.unit}`;
}

function values() {
  const named = Object.fromEntries(replay.signals.map((signal) => [signal.name, signal]));
  const motors = replay.signals.filter((signal) => signal.name.endsWith("]"));
  const rows = [...SHOWN.map((name) => named[name]).filter(Boolean), ...motors]
    .filter((signal) => signal.values.some((value) => value !== null));
  const place = replay.position[cursor];
  fill(byId("values"), rows.map((signal) => [h("dt", {}, title(signal)), h("dd", {}, shown(signal, cursor))]),
  h("dt", {}, _("Position")), h("dd", {}, place ? `${number(place[0], 6)}°E ${number(place[1], 6)}°N` : "–"));
}

function point(index) {
  cursor = Math.max(0, Math.min(replay.t.length - 1, index));
  byId("scrub").value = cursor;
  byId("board").point(cursor);
  byId("track").mark(cursor);
  if (!replay.t.length) return;
  const late = replay.reissued[cursor] ? ` · ${_("reissued")}` : "";
  fill(byId("now"), `${full(replay.t[cursor]).slice(11)}${late}`);
  values();
}

function happened() {
  const bits = (names, word) => names.map((name) => `${word} ${pick(name[0], name[1])}`);
  const rows = [
    ...replay.gaps.map((gap) => [gap.from, _("silent for {n} s", { n: number(gap.seconds) }), "soft"]),
    ...replay.alarms.map((change) => [change.at, [_("alarm level {n}", { n: change.level }),
      ...bits(change.set, "+"), ...bits(change.cleared, "−")].join(" · "), `level-${change.level}`]),
    ...replay.events.map((event) => [event.at, `${eventName(event.kind)} · ${event.text}`, ""]),
    [instant(replay.at) / 1000, _("Instant"), "soft"],
  ].sort((a, b) => a[0] - b[0]);
  fill(byId("events"), rows.map(([at, text, kind]) => h("tr", { onclick: () => point(nearest(at)) },
    h("td", { class: "soft" }, full(at).slice(11)), h("td", { class: `wrap ${kind}` }, text))));
}

function nearest(at) {
  return replay.t.reduce((best, t, index) => (Math.abs(t - at) < Math.abs(replay.t[best] - at) ? index : best), 0);
}

function show(answer) {
  replay = answer.replay;
  byId("scrub").max = Math.max(0, replay.t.length - 1);
  byId("board").set(replay, PANELS.map((names) => ({
    signals: names.flatMap(chosen), isStepped: names.some((name) => STEPPED.has(name)) })));
  const speed = replay.signals.find((signal) => signal.name === "speed_kmh").values;
  byId("track").set(replay.t.map((t, index) => {
    const place = replay.position[index];
    return { at: t * 1000, lon: place?.[0] ?? null, lat: place?.[1] ?? null, kmh: speed[index] };
  }));
  happened();
  fill(byId("digest"), `SHA-256 ${answer.sha256}`);
  fill(byId("how"), answer.how);
  fill(byId("as-of"), _("as of {at}", { at: full(answer.as_of) }));
  fill(byId("board-note"), _("{n} reports, usually one every {s} s, {g} gaps", {
    n: number(replay.t.length), s: number(replay.usual_pause_s), g: number(replay.gaps.length) }));
  form.elements.at.value = full(replay.at).replace(" ", "T");
  if (replay.t.length) point(nearest(instant(replay.at) / 1000));
}

async function load() {
  const at = form.elements.at.value;
  const parameters = { before_s: form.elements.before.value, after_s: form.elements.after.value,
    at: at ? new Date(fromLocal(at)).toISOString() : wanted.get("at") };
  byId("problem").hidden = true;
  try {
    show(await get(path, parameters));
    const kept = { ...parameters, at: replay.at };
    byId("export").href = address(path, { ...kept, format: "zip" });
    history.replaceState(null, "", `?${new URLSearchParams(kept)}`);
  } catch (error) {
    if (error.status === undefined) console.error(error);
    byId("problem").hidden = false;
    fill(byId("problem"), error.message);
  }
}

function play() {
  clearInterval(playing);
  const starts = byId("play").getAttribute("aria-pressed") !== "true";
  byId("play").setAttribute("aria-pressed", String(starts));
  fill(byId("play"), starts ? _("Pause") : _("Play"));
  if (starts) {
    if (cursor === replay.t.length - 1) point(0);
    playing = setInterval(() => (cursor < replay.t.length - 1 ? point(cursor + 1) : play()), 1000 / FRAMES_HZ);
  }
}

form.elements.before.value = wanted.get("before_s") ?? "300";
form.elements.after.value = wanted.get("after_s") ?? "60";
form.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
byId("scrub").addEventListener("input", (event) => point(Number(event.target.value)));
byId("board").addEventListener("seek", (event) => point(event.detail));
byId("play").addEventListener("click", play);
load();
