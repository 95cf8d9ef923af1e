// Commands to a vehicle's terminal: query, set, control, with the answers below.

import { get, post } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { time } from "../format.js";
import { every } from "../poll.js";
import { _ } from "../words.js";

const PERIOD_S = 10;
const SHOWN = 20;
const KINDS = [["query", () => _("query")], ["set", () => _("set")], ["control", () => _("control")]];
const PARAMETERS = [
  [1, () => _("local storage period, ms")],
  [2, () => _("report period, s")],
  [3, () => _("alarm report period")],
  [5, () => _("platform's domain")],
  [6, () => _("platform's port")],
  [7, () => _("hardware version")],
  [8, () => _("firmware version")],
  [9, () => _("heartbeat period, s")],
  [10, () => _("terminal's wait for an answer, s")],
  [11, () => _("platform's wait for an answer, s")],
  [12, () => _("pause after failed logins, min")],
  [16, () => _("sampling monitor: 1 yes, 2 no")],
];
const FIXED = [7, 8];
const CONTROLS = [
  [6, () => _("warn the driver")],
  [2, () => _("switch the terminal off")],
  [3, () => _("reset the terminal")],
  [5, () => _("drop the data link")],
  [7, () => _("open the sampling link")],
];
const WARN = 6;
const WARN_LEVEL = 1;
const STATES = { sent: () => _("sent"), answered: () => _("answered"), failed: () => _("failed") };

function options(rows) {
  return rows.map(([value, name]) => h("option", { value }, name()));
}

function order(kind, id, value) {
  if (kind === "query") return { command: "query", body: { ids: [id] } };
  if (kind === "set") {
    const number = Number(value);
    return { command: "set", body: { values: { [id]: value !== "" && Number.isFinite(number) ? number : value } } };
  }
  const params = id === WARN ? { level: WARN_LEVEL, text: value } : {};
  return { command: "control", body: { id, params } };
}

function answerText(row) {
  if (row.detail) return row.detail;
  if (!row.answer) return "";
  const values = Object.entries(row.answer.values ?? {}).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return [row.answer.flag_name, ...values].filter(Boolean).join(", ");
}

function show(answer) {
  const rows = answer.rows.map((row) => h("tr", {},
    h("td", { class: "soft" }, time(row.sent_at)), h("td", { class: "mono" }, JSON.stringify(row.order)),
    h("td", {}, row.asked_by), h("td", { class: row.state === "failed" ? "bad" : "" }, STATES[row.state]?.() ?? row.state),
    h("td", { class: "wrap" }, answerText(row))));
  fill(byId("commands"), rows.length ? rows : h("tr", {}, h("td", { class: "empty", colspan: 5 }, _("No command was sent yet."))));
}

export function startCommands(path) {
  const form = byId("command");
  const { kind, parameter, value } = form.elements;
  const note = byId("command-note");
  const load = async (signal) => show(await get(`${path}/commands`, { size: SHOWN }, signal));

  const arrange = () => {
    const settable = PARAMETERS.filter(([id]) => kind.value === "query" || !FIXED.includes(id));
    fill(parameter, options(kind.value === "control" ? CONTROLS : settable));
    describe();
  };
  const describe = () => {
    const warns = kind.value === "control" && Number(parameter.value) === WARN;
    value.hidden = !(kind.value === "set" || warns);
    value.required = kind.value === "set";
    value.placeholder = warns ? _("text of the warning") : _("value");
  };
  fill(kind, options(KINDS));
  arrange();
  kind.addEventListener("change", arrange);
  parameter.addEventListener("change", describe);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector(".main");
    button.disabled = true;
    fill(note, _("waiting for the answer …")).className = "soft";
    try {
      const done = await post(`${path}/commands`, order(kind.value, Number(parameter.value), value.value.trim()));
      fill(note, answerText(done) || done.state).className = "good";
    } catch (error) {
      fill(note, error.message).className = "bad";
    } finally {
      button.disabled = false;
      load().catch((error) => console.warn(error.message));
    }
  });
  every(PERIOD_S, load);
}
