// The bell of every page: how many alarms wait for somebody, and how urgent the gravest is.

import { get } from "./api.js";
import { byId, fill } from "./dom.js";
import { number } from "./format.js";
import { every } from "./poll.js";
import { _ } from "./words.js";

const PERIOD_S = 10;

export function start() {
  const bell = byId("bell");
  if (!bell) return;
  every(PERIOD_S, async (signal) => {
    const answer = await get("/alarms/bell", {}, signal);
    const waiting = answer.unacknowledged;
    bell.className = `bell ${waiting ? `priority-${answer.priority}` : ""}`;
    const count = bell.querySelector("b");
    count.hidden = !waiting;
    fill(count, number(waiting));
    bell.title = waiting ? _("{n} alarms are not acknowledged", { n: number(waiting) }) : _("No alarm waits");
    bell.setAttribute("aria-label", bell.title);
  });
}
