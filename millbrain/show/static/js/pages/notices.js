// Targets of notices and what became of every delivery; for administrators.

import { get, patch, post, remove } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, NONE, number, time } from "../format.js";
import { choices, levelWord, loadChoices, severityMark, severityWord } from "../order-words.js";
import { every } from "../poll.js";
import { guardedBy, problem } from "../problem.js";
import { drawPager } from "../table.js";
import { _ } from "../words.js";

const PERIOD_S = 5;
const SIZE = 50;
const CHANNELS = {
  webhook: () => _("webhook, signed JSON"),
  wecom: () => _("WeCom group robot"),
  dingtalk: () => _("DingTalk group robot"),
  email: () => _("e-mail"),
};
const shown = { state: "", page: 1 };
const names = new Map();

const guarded = guardedBy(load);

function health(row) {
  if (row.state === "off") return h("span", { class: "faint" }, _("switched off"));
  if (row.state === "parked") {
    return h("span", { class: "bad", title: row.error }, h("b", {}, _("does not answer")), ` ${_("since {at}, next probe {next}", { at: time(row.parked_at), next: time(row.probe_at) })}`);
  }
  if (row.failures) return h("span", { class: "level-2", title: row.error }, _("failed {n} times, tried again", { n: row.failures }));
  return h("span", { class: row.told_at ? "good" : "soft" }, row.told_at ? _("works") : _("nothing sent yet"));
}

function wants(row) {
  const parts = [
    row.topics.join(", ") || _("everything"), row.apps.join(", "),
    row.severity_min ? _("{severity} and graver", { severity: severityWord(row.severity_min) }) : "",
    row.level_min ? _("escalated: {who}", { who: levelWord(row.level_min) }) : "",
    row.quiet_from === row.quiet_to ? "" : _("quiet {from}–{to}", { from: row.quiet_from.slice(0, 5), to: row.quiet_to.slice(0, 5) }),
  ];
  return parts.filter(Boolean).join(" · ");
}

function action(title, task) {
  return h("button", { type: "button", class: "button bare", onclick: guarded(task) }, title);
}

function targetRow(row) {
  const path = `/notices/targets/${row.id}`;
  return h("tr", {}, h("td", {}, h("b", {}, row.name), h("br"), h("small", { class: "soft" }, CHANNELS[row.channel]())),
    h("td", { class: "wrap mono" }, row.address), h("td", {}, row.operator || h("span", { class: "faint" }, _("the centre"))),
    h("td", { class: "wrap" }, wants(row)),
    h("td", { class: "wrap" }, health(row), row.error ? h("p", { class: "faint" }, row.error) : null),
    h("td", { class: "number" }, number(row.waiting)), h("td", { class: "soft" }, row.told_at ? time(row.told_at) : NONE),
    h("td", {}, action(_("Test"), () => post(`${path}/test`, {})), " ",
      row.state === "active" ? action(_("Switch off"), () => patch(path, { state: "off" })) : action(_("Take up again"), () => patch(path, { state: "active" })), " ",
      action(_("Delete"), () => (confirm(_("Delete the target {name} and what waits for it?", { name: row.name })) ? remove(path) : null))));
}

async function loadTargets(signal) {
  const answer = await get("/notices/targets", {}, signal);
  answer.rows.forEach((row) => names.set(row.id, row.name));
  const heads = [_("Target"), _("Address"), _("Organisation"), _("What it is told"), _("State"), _("Waiting"), _("Last told"), ""];
  fill(byId("targets"), h("thead", {}, h("tr", {}, heads.map((head) => h("th", {}, head)))),
    h("tbody", {}, answer.rows.length ? answer.rows.map(targetRow)
      : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("No target yet: nobody outside is told of anything.")))));
  fill(byId("as-of"), _("as of {at}", { at: time(answer.as_of) }));
}

function deliveryState(row) {
  if (row.state === "delivered") return h("span", { class: "good" }, _("delivered"));
  if (row.state === "expired") return h("span", { class: "bad" }, _("given up"));
  return h("span", {}, _("waiting"), row.attempt ? h("span", { class: "soft" }, ` ${_("next try {at}", { at: time(row.next_at) })}`) : null);
}

async function loadDeliveries(signal) {
  const answer = await get("/notices/deliveries", { ...shown, size: SIZE }, signal);
  const heads = [_("Noted"), _("Target"), _("Topic"), _("Subject"), _("Severity"), _("State"), _("Tries"), _("Told"), _("Delivery"), _("Error")];
  fill(byId("deliveries"), h("thead", {}, h("tr", {}, heads.map((head) => h("th", {}, head)))),
    h("tbody", {}, answer.rows.length ? answer.rows.map((row) => h("tr", {},
      h("td", { class: "soft", title: full(row.noted_at) }, time(row.noted_at)), h("td", {}, names.get(row.target_id) ?? row.target_id),
      h("td", { class: "mono" }, row.topic), h("td", {}, row.topic.startsWith("order.") ? h("a", { href: `/orders/${row.subject}` }, row.subject) : row.subject),
      h("td", {}, severityMark(row.severity)), h("td", {}, deliveryState(row)), h("td", { class: "number" }, row.attempt),
      h("td", { class: "soft" }, row.told_at ? time(row.told_at) : NONE), h("td", { class: "mono faint", title: row.uid }, row.uid.slice(0, 8)),
      h("td", { class: "wrap soft" }, row.error))) : h("tr", {}, h("td", { class: "empty", colspan: heads.length }, _("Nothing was told yet.")))));
  drawPager(byId("pager"), answer, (page) => {
    shown.page = page;
    loadDeliveries().catch(problem);
  });
  for (const button of byId("states").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.state === shown.state));
  }
}

async function load(signal) {
  await loadTargets(signal);
  await loadDeliveries(signal);
}

function arrange(form) {
  const isMail = form.elements.channel.value === "email";
  for (const field of form.querySelectorAll("[data-mail]")) {
    field.hidden = !isMail;
    const control = field.querySelector("input, select");
    control.disabled = !isMail;
    control.required = isMail && ["host", "sender"].includes(control.name);
  }
  byId("secret-field").hidden = form.elements.channel.value === "wecom"; // its key is in its address
  fill(byId("address-title"), isMail ? _("E-mail addresses, separated by commas") : _("URL"));
  fill(byId("secret-title"), isMail ? _("Password of the mail account") : _("Secret that signs"));
}

function listed(text) {
  return text.split(",").map((each) => each.trim()).filter(Boolean);
}

function asked(form) {
  const { host, port, security, user, sender, ...given } = Object.fromEntries(new FormData(form));
  const mail = host ? { host, port: port ? Number(port) : null, security, user, sender } : null;
  return { ...given, topics: listed(given.topics), apps: listed(given.apps), rate_count: Number(given.rate_count),
    severity_min: Number(given.severity_min), level_min: Number(given.level_min), mail };
}

function startAdding() {
  const form = byId("add");
  form.elements.severity_min.append(...[0, 1, 2, 3, 4].map((n) => h("option", { value: n }, severityWord(n))));
  form.elements.level_min.append(...choices.words.levels.map((_names, n) => h("option", { value: n }, n ? levelWord(n) : _("not escalated"))));
  fill(byId("organisations"), choices.organisations.map((name) => h("option", { value: name })));
  form.elements.channel.addEventListener("change", () => arrange(form));
  arrange(form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(async () => {
      await post("/notices/targets", asked(form));
      form.reset();
      arrange(form);
      byId("adding").open = false;
    })();
  });
  byId("states").addEventListener("click", (event) => {
    const button = event.target.closest("[data-state]");
    if (!button) return;
    Object.assign(shown, { state: button.dataset.state, page: 1 });
    loadDeliveries().catch(problem);
  });
}

async function start() {
  await loadChoices();
  startAdding();
  every(PERIOD_S, load);
}

start().catch(problem);
