// What every page has: clock, search, menus, keys, the notice that the server is silent.

import { get, patch, post } from "./api.js";
import { start as startBell } from "./bell.js";
import { byId, fill, h } from "./dom.js";
import { full, time, zoneName } from "./format.js";
import { start as startKeys } from "./keys.js";
import { stateName } from "./names.js";
import { _ } from "./words.js";
import "./elements/live-value.js";

const YEAR_S = 31_536_000;
const SEARCH_WAIT_MS = 180;
const FOUND_MAX = 8;
const root = document.documentElement;

function startClock() {
  const clock = byId("clock");
  if (!clock) return;
  const tick = () => {
    fill(clock, h("b", {}, full(Date.now()).slice(0, 16)), ` ${zoneName}`);
  };
  tick();
  setInterval(tick, 5000);
}

async function prefer(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; samesite=lax`;
  if (root.dataset.account) {
    try {
      await patch("/me", { [name]: value });
    } catch (error) {
      console.warn(error.message); // the cookie holds the wish all the same
    }
  }
}

function startPreferences() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-prefer]");
    if (!button) return;
    const { prefer: name, value } = button.dataset;
    await prefer(name, value);
    if (name === "language") location.reload();
    root.dataset.theme = value;
    for (const other of document.querySelectorAll(`[data-prefer="${name}"]`)) {
      other.setAttribute("aria-pressed", String(other.dataset.value === value));
    }
    root.dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    root.dispatchEvent(new Event("themechange"));
  });
  byId("logout")?.addEventListener("click", async () => {
    await post("/logout", {});
    location.assign("/login");
  });
  for (const menu of document.querySelectorAll("details.menu")) {
    document.addEventListener("click", (event) => {
      if (menu.open && !menu.contains(event.target)) menu.open = false;
    });
  }
}

function startSearch() {
  const input = byId("search");
  const found = byId("found");
  if (!input) return;
  let timer = 0;
  let running = null;
  let chosen = -1;

  const close = () => {
    found.hidden = true;
    input.setAttribute("aria-expanded", "false");
    chosen = -1;
  };
  const mark = (index) => {
    const rows = [...found.querySelectorAll("a")];
    if (!rows.length) return;
    chosen = (index + rows.length) % rows.length;
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === chosen)));
  };
  const show = (rows, text) => {
    const lines = rows.map((row) =>
      h("a", { href: `/vehicles/${encodeURIComponent(row.vin)}`, role: "option" },
        h("span", { class: "vin" }, row.vin),
        h("span", {}, row.plate || ""),
        h("span", { class: "soft" }, stateName(row.state))));
    fill(found, lines.length ? lines : h("p", {}, _("No vehicle matches “{text}”", { text })));
    found.hidden = false;
    input.setAttribute("aria-expanded", "true");
    chosen = -1;
  };
  const ask = async () => {
    const text = input.value.trim();
    running?.abort();
    if (text.length < 2) return close();
    running = new AbortController();
    try {
      const answer = await get("/vehicles", { q: text, size: FOUND_MAX }, running.signal);
      if (document.activeElement === input) show(answer.rows, text);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, SEARCH_WAIT_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(chosen + 1);
    else if (event.key === "ArrowUp") mark(chosen - 1);
    else if (event.key === "Escape") input.blur();
    else if (event.key === "Enter") {
      const rows = found.hidden ? [] : [...found.querySelectorAll("a")];
      const target = rows[chosen] ?? (rows.length === 1 ? rows[0] : null);
      location.assign(target ? target.href : `/vehicles?q=${encodeURIComponent(input.value.trim())}`);
    } else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
}

function startLost() {
  const notice = byId("lost");
  notice?.addEventListener("lost", (event) => {
    if (!event.detail) return;
    const at = time(event.detail);
    fill(notice, _("No answer from the server since {at}. What you see is not current.", { at }));
  });
}

/** A bar that scrolls sideways shows where we are. */
function showPlace() {
  for (const here of document.querySelectorAll(".nav [aria-current], .ways [aria-current]")) {
    const bar = here.parentElement;
    bar.scrollLeft = here.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
  }
}

startClock();
showPlace();
startPreferences();
startSearch();
startLost();
startBell();
startKeys();
