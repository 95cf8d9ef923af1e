// Keyboard: one letter, or g and a letter. Never while somebody types.

import { byId, find } from "./dom.js";

const PLACES = { o: "/", v: "/vehicles", a: "/alarms", r: "/orders", d: "/identifiers", i: "/intake", f: "/inspector", s: "/system", w: "/wall" };
const SECOND_KEY_MS = 1200;
let waiting = 0;

function typing(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null;
}

/** Move the chosen row of the page's table by `step`. */
function move(step) {
  const rows = [...document.querySelectorAll("table[data-keys] tbody tr[data-href]")];
  if (!rows.length) return false;
  const now = rows.findIndex((row) => row.classList.contains("chosen"));
  const next = Math.min(Math.max(now + step, 0), rows.length - 1);
  rows[now]?.classList.remove("chosen");
  rows[next].classList.add("chosen");
  rows[next].scrollIntoView({ block: "nearest" });
  return true;
}

function open() {
  const row = find("tr.chosen[data-href]");
  if (row) location.assign(row.dataset.href);
  return Boolean(row);
}

function act(event) {
  if (waiting && Date.now() - waiting < SECOND_KEY_MS && PLACES[event.key]) {
    waiting = 0;
    location.assign(PLACES[event.key]);
    return true;
  }
  waiting = 0;
  switch (event.key) {
    case "/":
      byId("search")?.focus();
      return true;
    case "g":
      waiting = Date.now();
      return true;
    case "?":
      byId("keys")?.showModal();
      return true;
    case "ArrowDown":
    case "j":
      return move(1);
    case "ArrowUp":
    case "k":
      return move(-1);
    case "ArrowRight":
      find("[data-next]:not(:disabled)")?.click();
      return Boolean(find("[data-next]"));
    case "ArrowLeft":
      find("[data-previous]:not(:disabled)")?.click();
      return Boolean(find("[data-previous]"));
    case "Enter":
      return open();
    default:
      return false;
  }
}

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (act(event)) event.preventDefault();
  });
}
