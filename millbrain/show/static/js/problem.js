// The line of a page that says what went wrong, and handlers that use it.

import { byId, fill } from "./dom.js";

/** Say what went wrong; null takes it away. A wall has no line for it. */
export function problem(error) {
  const node = byId("problem");
  if (!node) return;
  node.hidden = !error;
  fill(node, error?.message ?? "");
}

/** Return a wrapper of handlers: what a handler throws is said, and after a good one the page loads again. */
export function guardedBy(load) {
  return (task) => async (...given) => {
    try {
      problem(null);
      await task(...given);
      await load();
    } catch (error) {
      problem(error);
    }
  };
}
