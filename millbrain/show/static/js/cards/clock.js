// By how much this device's clock is ahead of the server's, measured at every answer that says when
// it was made. A report carries what this clock said and the difference, so that both are kept.

import { keep, kept } from "./store.js";

const SLOW_MS = 4000; // an answer that took longer says too little

let found = { ahead_ms: 0, at: 0 };

export async function load() {
  found = (await kept("clock")) ?? found;
}

/** Measure by an answer: sent and taken are this clock's [ms], told is the server's instant. */
export function measure(sent, taken, told) {
  const server = Date.parse(told);
  if (Number.isNaN(server) || taken - sent > SLOW_MS || taken < sent) return;
  found = { ahead_ms: Math.round((sent + taken) / 2 - server), at: taken };
  keep("clock", found).catch(console.error);
}

export const ahead = () => found.ahead_ms;
export const isMeasured = () => found.at > 0;
