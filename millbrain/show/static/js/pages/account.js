// The own account: tokens and password.

import { get, post, remove } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full } from "../format.js";
import { roleName } from "../names.js";
import { _ } from "../words.js";

function fail(error) {
  fill(byId("problem"), error.message).hidden = false;
}

async function load() {
  const answer = await get("/tokens");
  fill(byId("tokens"), answer.rows.length ? answer.rows.map((row) => h("tr", {}, h("td", {}, row.name),
    h("td", {}, roleName(row.role)), h("td", { class: "soft" }, full(row.created_at)),
    h("td", { class: "soft" }, full(row.expires_at)),
    h("td", {}, h("button", { type: "button", class: "button bare", onclick: () => drop(row) }, _("Delete")))))
    : h("tr", {}, h("td", { class: "empty", colspan: 5 }, _("No token yet."))));
}

async function drop(row) {
  if (!confirm(_("Delete the token {name}?", { name: row.name }))) return;
  try {
    await remove(`/tokens/${row.id}`);
    await load();
  } catch (error) {
    fail(error);
  }
}

function showSecret(made) {
  const secret = byId("secret");
  secret.hidden = false;
  fill(secret, h("p", {}, _("Shown this once:")), h("p", {}, h("code", {}, made.secret)),
    h("p", { class: "soft" }, _("A wall screen opens"), " ", h("code", {}, `${location.origin}/wall#token=${made.secret}`)));
}

function submit(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    byId("problem").hidden = true;
    try {
      await send(Object.fromEntries(new FormData(form)));
      form.reset();
    } catch (error) {
      fail(error);
    }
  });
}

submit(byId("add-token"), async (fields) => {
  showSecret(await post("/tokens", { ...fields, days: Number(fields.days) }));
  await load();
});
submit(byId("password"), async (fields) => {
  await post("/me/password", fields);
  location.assign("/login");
});
fill(byId("role"), roleName(document.documentElement.dataset.role));
load().catch(fail);
