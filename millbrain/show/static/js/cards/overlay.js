// What an operation looks like with what waits on this device: the server's word plus the queue.

const STATE_AFTER = { setup: "setup", start: "running", resume: "running", pause: "paused", finish: "done" };
const COUNTED = ["good", "scrap", "rework"];

/** Return an operation of a station with the waiting reports of this device laid over it. */
export function overlay(operation, items) {
  const told = { ...operation, unsent: 0 };
  for (const { type, body } of items) {
    if (type !== "report" || body.order !== operation.order.number || body.step !== operation.step) continue;
    told.unsent += 1;
    if (body.reversal_of) takeBack(told, body);
    else if (COUNTED.includes(body.kind)) count(told, body.kind, body.quantity);
    else told.state = STATE_AFTER[body.kind];
  }
  told.left = Math.max(0, told.order.quantity - told.good - told.scrap);
  return told;
}

function count(told, kind, quantity) {
  told[kind] += quantity;
  if (kind !== "rework") told.available -= quantity;
  if (told.state === "ready") told.state = "running";
}

function takeBack(told, body) {
  if (!COUNTED.includes(body.kind)) return; // the server says what is left of states
  told[body.kind] -= body.quantity;
  if (body.kind !== "rework") told.available += body.quantity;
}
