// Names of the code words that the API sends.

import { h } from "./dom.js";
import { _ } from "./words.js";

const STATES = {
  driving: () => _("driving"),
  charging: () => _("charging"),
  parked: () => _("parked"),
  offline: () => _("offline"),
};

export function stateName(state) {
  return STATES[state]?.() ?? state ?? "";
}

/** A state as a dot and a word. */
export function stateMark(state) {
  return h("span", { class: "state" }, h("span", { class: `swatch ${state}` }), ` ${stateName(state)}`);
}

const REASONS = {
  garbage: () => _("bytes outside any frame"),
  checksum: () => _("check byte (BCC) wrong"),
  truncated: () => _("frame ends too early"),
  oversized: () => _("data unit too long"),
  bad_time: () => _("time is no instant"),
  unknown_command: () => _("unknown command"),
  unknown_block: () => _("unknown information block"),
  structure: () => _("block structure wrong"),
  encrypted: () => _("encrypted, no key known"),
  decryption: () => _("decryption failed"),
  signature: () => _("signature wrong"),
  wrong_type: () => _("vehicle of another protocol"),
  not_logged_in: () => _("data before login"),
  bad_id: () => _("identifier malformed"),
  clock: () => _("device clock impossible"),
  note_unknown_block: () => _("note: unknown block after good ones"),
};

export function reasonName(reason) {
  return REASONS[reason]?.() ?? reason;
}

const EVENTS = {
  vehicle_login: () => _("vehicle login"),
  vehicle_logout: () => _("vehicle logout"),
  platform_login: () => _("platform login"),
  platform_logout: () => _("platform logout"),
  heartbeat: () => _("heartbeat"),
  time_sync: () => _("time request"),
  activation: () => _("terminal activation"),
  activation_answer: () => _("activation answer"),
  key_exchange: () => _("key exchange"),
  query: () => _("query answer"),
  set: () => _("setting answer"),
  control: () => _("control answer"),
  realtime: () => _("realtime report"),
  reissue: () => _("reissued report"),
  login: () => _("login"),
  logout: () => _("logout"),
};

export function eventName(event) {
  return EVENTS[event]?.() ?? event;
}

const ROLES = {
  viewer: () => _("viewer"),
  operator: () => _("operator"),
  admin: () => _("administrator"),
};

export function roleName(role) {
  return ROLES[role]?.() ?? role;
}

/** The word "simulated" as a badge, or nothing. */
export function simulatedBadge(row) {
  return row?.simulated ? h("span", { class: "badge simulated" }, _("simulated")) : null;
}
