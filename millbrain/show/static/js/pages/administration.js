// For administrators: accounts, peers, the register of vehicles, the audit trail.

import { get, patch, post, remove } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, number } from "../format.js";
import { roleName } from "../names.js";
import { drawPager } from "../table.js";
import { _ } from "../words.js";

const AUDIT_SIZE = 50;

function fail(error) {
  fill(byId("problem"), error.message).hidden = false;
  byId("problem").scrollIntoView({ block: "center" });
}

/** A button that does something on the server and then shows the list anew. */
function action(title, act, after) {
  return h("button", { type: "button", class: "button bare", onclick: async () => {
    try {
      await act();
      await after();
    } catch (error) {
      fail(error);
    }
  } }, title);
}

function removal(title, question, path, after) {
  return action(title, () => (confirm(question) ? remove(path) : null), after);
}

function state(row) {
  return row.active ? _("active") : h("span", { class: "bad" }, _("closed"));
}

async function loadAccounts() {
  const answer = await get("/accounts");
  fill(byId("account-rows"), answer.rows.map((row) => {
    const path = `/accounts/${encodeURIComponent(row.name)}`;
    return h("tr", {}, h("td", {}, row.name), h("td", {}, roleName(row.role)),
      h("td", {}, row.operator || h("span", { class: "faint" }, _("all"))), h("td", {}, state(row)),
      h("td", { class: "soft" }, full(row.created_at)),
      h("td", {}, action(row.active ? _("Close") : _("Open"), () => patch(path, { active: !row.active }), loadAccounts), " ",
        removal(_("Delete"), _("Delete the account {name}?", { name: row.name }), path, loadAccounts)));
  }));
}

async function loadPeers() {
  const answer = await get("/peers");
  fill(byId("peer-rows"), answer.rows.map((row) => {
    const path = `/peers/${encodeURIComponent(row.user)}`;
    return h("tr", {}, h("td", { class: "mono" }, row.user),
      h("td", {}, row.title, " ", row.simulated ? h("span", { class: "badge simulated" }, _("simulated")) : null),
      h("td", {}, state(row)), h("td", {}, row.keys.join(", ") || h("span", { class: "faint" }, _("none"))),
      h("td", { class: "soft" }, full(row.created_at)),
      h("td", {}, action(row.active ? _("Close") : _("Open"), () => patch(path, { active: !row.active }), loadPeers), " ",
        removal(_("Delete"), _("Delete the peer {name}?", { name: row.user }), path, loadPeers)));
  }));
}

async function loadAudit(page = 1) {
  const answer = await get("/audit", { page, size: AUDIT_SIZE });
  fill(byId("audit-rows"), answer.rows.map((row) => h("tr", {}, h("td", { class: "soft" }, full(row.at)),
    h("td", {}, row.who), h("td", { class: "mono soft" }, row.from_where), h("td", { class: "mono" }, row.what),
    h("td", {}, row.object), h("td", { class: "wrap" }, row.result))));
  drawPager(byId("audit-pager"), answer, (next) => loadAudit(next).catch(fail));
}

/** Send a form as JSON; empty fields are left out. */
function onSubmit(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await send(Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== "")));
      form.reset();
    } catch (error) {
      fail(error);
    }
  });
}

function imported(answer) {
  const rows = answer.problems.map((each) =>
    h("tr", {}, h("td", { class: "number" }, number(each.row)), h("td", {}, each.column), h("td", { class: "wrap" }, each.problem)));
  fill(byId("import-result"),
    h("p", {}, _("{added} added, {changed} changed, {refused} rows refused", {
      added: number(answer.added), changed: number(answer.changed), refused: number(answer.refused) })),
    rows.length ? h("table", {}, h("thead", {}, h("tr", {}, h("th", { class: "number" }, _("Row")), h("th", {}, _("Column")),
      h("th", {}, _("Problem")))), h("tbody", {}, rows)) : null);
}

export function startAdministration() {
  onSubmit(byId("add-account"), async (fields) => {
    await post("/accounts", fields);
    await loadAccounts();
  });
  onSubmit(byId("add-peer"), async (fields) => {
    const made = await post("/peers", fields);
    const secret = byId("peer-secret");
    secret.hidden = false;
    fill(secret, _("Password of {user}, shown this once:", { user: made.user }), " ", h("code", {}, made.password));
    await loadPeers();
  });
  onSubmit(byId("import-things"), async () => {
    imported(await post("/things/import", new FormData(byId("import-things"))));
  });
  for (const load of [loadAccounts, loadPeers, loadAudit]) load().catch(fail);
}
