// The queue: what was done here, sent until it is answered. Every item has an id of its own that the
// server knows it by, so that to send it twice changes nothing, and to lose an answer loses nothing.

import { post } from "../api.js";
import { uuid } from "../uuid.js";
import * as clock from "./clock.js";
import { drop, keep, kept, put, queued } from "./store.js";

const BATCH = 200;
const PERIOD_MS = 10_000;

export const standing = { waiting: 0, refused: [], isOnline: true, needsLogin: false, syncedAt: 0, told: [] };
let items = [];
let sending = null;
let again = false;
let changed = () => {};
let device = "";

/** Start sending. onChange() is called when anything that is shown has changed. */
export async function start(onChange) {
  changed = onChange;
  device = (await kept("device")) ?? uuid();
  await keep("device", device);
  navigator.storage?.persist?.(); // or a browser short of space might drop what waits
  standing.syncedAt = (await kept("syncedAt")) ?? 0;
  await clock.load();
  await reread();
  addEventListener("online", sync);
  addEventListener("offline", () => {
    standing.isOnline = false;
    changed();
  });
  document.addEventListener("visibilitychange", () => document.hidden || sync());
  setInterval(() => standing.waiting && sync(), PERIOD_MS);
  sync();
}

export const deviceName = () => device;

async function reread() {
  items = (await queued()).sort((one, other) => one.made - other.made);
  standing.waiting = items.filter((item) => !item.why).length;
  standing.refused = items.filter((item) => item.why);
  changed();
}

/** Items that the server has not answered yet, the oldest first. */
export const waiting = () => items.filter((item) => !item.why);

/** Keep something that was done. It is on disk when this returns; it is sent when it can be. */
export async function add(type, body) {
  const now = Date.now();
  const item = {
    id: uuid(), type, made: now, why: "",
    body: { ...body, device_at: new Date(now).toISOString(), ahead_ms: clock.ahead() },
  };
  item.body.id = item.id;
  await put(item);
  await reread();
  sync();
  return item;
}

/** Give up something that the server refused. */
export async function giveUp(id) {
  await drop([id]);
  await reread();
}

/** Send what waits; a call while sending makes it look again afterwards. */
export function sync() {
  if (sending) {
    again = true;
    return sending;
  }
  sending = locked().finally(() => {
    sending = null;
    if (again) {
      again = false;
      sync();
    }
  });
  return sending;
}

/** One window of this browser sends at a time; two would only do the same work twice. */
function locked() {
  return navigator.locks ? navigator.locks.request("millbrain-cards", turn) : turn();
}

async function turn() {
  await reread();
  try {
    for (let left = waiting(); left.length; left = waiting()) {
      await sendSome(left.filter((item) => item.type === left[0].type).slice(0, BATCH));
      await reread();
    }
    reached();
  } catch (error) {
    if (error.status === undefined) throw error; // a bug, not an answer
    standing.needsLogin = error.status === 401;
    standing.isOnline = error.status !== 0;
    changed();
  }
}

/** Note that the server answered. */
export function reached() {
  standing.isOnline = true;
  standing.needsLogin = false;
  if (!standing.waiting) {
    standing.syncedAt = Date.now();
    keep("syncedAt", standing.syncedAt).catch(console.error);
  }
  changed();
}

async function sendSome(some) {
  try {
    await (some[0].type === "andon" ? sendCall(some[0]) : sendReports(some));
  } catch (error) {
    // The whole batch was refused: one of them is to blame, the others must not wait for it.
    const isRefusal = error.status >= 400 && error.status < 500 && ![401, 403, 408, 429].includes(error.status);
    if (!isRefusal) throw error;
    if (some.length === 1) await refuse(some[0], error.message);
    else for (const item of some) await sendSome([item]);
  }
}

async function sendCall(item) {
  await post("/production/andon", item.body);
  await drop([item.id]);
}

async function sendReports(some) {
  const sent = Date.now();
  const answer = await post("/production/reports", { device, reports: some.map((item) => item.body) });
  clock.measure(sent, Date.now(), answer.received_at);
  const byId = new Map(some.map((item) => [item.id, item]));
  const done = [];
  for (const result of answer.results) {
    const item = byId.get(result.id);
    if (result.fate === "refused") await refuse(item, result.detail);
    else done.push(result.id);
    for (const conflict of result.conflicts) standing.told.unshift({ ...conflict, at: Date.now() });
  }
  standing.told.length = Math.min(standing.told.length, 5);
  await drop(done);
}

async function refuse(item, why) {
  await put({ ...item, why: why || "refused" });
}
