// The login: a JSON request, then on to the page that was asked for, on this server only.

import { post } from "../api.js";
import { byId, fill } from "../dom.js";

const form = byId("login");

function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin ? url.pathname + url.search + url.hash : "/";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector(".main");
  button.disabled = true;
  byId("problem").hidden = true;
  try {
    await post("/login", Object.fromEntries(new FormData(form)));
    location.assign(next());
  } catch (error) {
    fill(byId("problem"), error.message).hidden = false;
    button.disabled = false;
    form.elements.password.select();
  }
});
