// Metadata templates: what there is, how each came about, and new versions that only add and widen.

import { get } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { full, NONE, number, time } from "../format.js";
import { problem } from "../problem.js";
import { startEditing } from "../template-editor.js";
import { _, pick } from "../words.js";

const isAdministrator = document.documentElement.dataset.role === "admin";
let known = null;
let handle = new URLSearchParams(location.search).get("handle")?.toUpperCase() ?? "";
let version = 0; // shown; 0 = the newest

const titleOf = (template) => pick(template.title, template.title_zh) || template.handle;

function showList() {
  const groups = Map.groupBy(known.templates, (each) => each.prefix);
  fill(byId("list"), known.templates.length ? [...groups].map(([prefix, all]) => h("section", {}, h("h3", { class: "mono" }, prefix),
    h("ul", {}, all.map((each) => h("li", {}, h("a", { href: `/identifiers/templates?handle=${encodeURIComponent(each.handle)}`,
      "aria-current": each.handle === handle ? "true" : null, onclick: (event) => choose(event, each.handle) }, titleOf(each),
    h("small", { class: "faint" }, ` ${_("version {n}", { n: number(each.version) })}`),
    each.is_withdrawn ? h("small", { class: "bad" }, ` ${_("withdrawn")}`) : null))))))
    : h("p", { class: "empty" }, _("No template is known here yet.")));
}

function choose(event, name) {
  event?.preventDefault();
  handle = name;
  version = 0;
  history.replaceState(null, "", `/identifiers/templates?handle=${encodeURIComponent(name)}`);
  showList();
  showTemplate();
}

function range(field) {
  const low = field.low ?? null;
  const high = field.high ?? null;
  if (field.kind === "choice") return Object.entries(field.choices).map(([word, titles]) => h("div", {}, h("span", { class: "mono" }, word), h("span", { class: "soft" }, ` ${pick(...titles)}`)));
  if (low !== null && high !== null) return `${number(low)} – ${number(high)}`;
  if (low !== null) return `≥ ${number(low)}`;
  if (high !== null) return `≤ ${number(high)}`;
  return ["text", "id", "reference", "data"].includes(field.kind) ? _("at most {n} characters", { n: number(field.longest) }) : NONE;
}

function marks(field) {
  return [field.is_required ? _("must be filled") : "", field.is_hidden ? _("not for everybody") : "", field.is_disabled ? _("no longer filled") : ""].filter(Boolean).join(", ");
}

/** In which version each field came, and which versions widened it. */
function since(template) {
  const found = new Map();
  for (const { number: at, told } of template.versions) {
    for (const field of told.fields ?? []) found.set(field.name, [...(found.get(field.name) ?? []), at]);
  }
  return found;
}

function fieldTable(template) {
  const came = since(template);
  const shown = version || template.version;
  const rows = template.fields.filter((field) => came.get(field.name)[0] <= shown).sort((a, b) => a.index - b.index);
  const heads = [[_("Index"), "number"], [_("Field"), ""], [_("Meaning"), ""], [_("Kind"), ""], [_("Unit"), "wide"], [_("Allowed"), "wide"], ["", "wide"], [_("Since"), ""]];
  return h("div", { class: "scroll" }, h("table", { class: "fields" }, h("thead", {}, h("tr", {}, heads.map(([head, kind]) => h("th", { class: kind }, head)))),
    h("tbody", {}, rows.map((field) => h("tr", { class: `${came.get(field.name).includes(shown) && shown > 1 ? "fresh" : ""} ${field.is_disabled ? "faint" : ""}` },
      h("td", { class: "number" }, String(field.index)), h("td", { class: "mono" }, field.name), h("td", { class: "wrap" }, pick(field.title, field.title_zh)),
      h("td", {}, pick(...(known.kinds[field.kind] ?? [field.kind, field.kind]))), h("td", { class: "wide" }, field.unit ?? ""), h("td", { class: "wide" }, range(field)),
      h("td", { class: "wide soft" }, marks(field)),
      h("td", { class: "soft" }, came.get(field.name).map((n) => _("version {n}", { n: number(n) })).join(", ")))))));
}

function showTemplate() {
  const template = known.templates.find((each) => each.handle === handle);
  if (!template) {
    fill(byId("template"), h("p", { class: "empty" }, handle ? _("{handle} is not a template of this node.", { handle }) : _("Choose a template.")));
    return;
  }
  const shown = version || template.version;
  const at = template.versions.find((each) => each.number === shown)?.at_s;
  fill(byId("template"),
    h("header", { class: "head" }, h("h2", {}, titleOf(template)), h("span", { class: "key" }, template.handle),
      template.is_withdrawn ? h("span", { class: "badge bad" }, _("withdrawn")) : null,
      isAdministrator ? h("span", { class: "note" }, h("button", { type: "button", class: "button", id: "evolve", onclick: () => edit(template) }, _("New version"))) : null),
    h("div", { class: "tools" }, h("span", { class: "choice", role: "group", "aria-label": _("Version") }, template.versions.map((each) =>
      h("button", { type: "button", "aria-pressed": String(each.number === shown), onclick: () => {
        version = each.number;
        showTemplate();
      } }, _("version {n}", { n: number(each.number) })))), at ? h("span", { class: "soft", title: full(at) }, time(at)) : null),
    fieldTable(template),
    Object.keys(template.about).length ? h("dl", { class: "pairs" }, Object.entries(template.about).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])) : null);
}

function edit(template) {
  startEditing(byId("template"), known, template, async (name) => {
    if (name) await load();
    if (name) choose(null, name.toUpperCase());
    else showTemplate();
  });
}

async function load() {
  known = await get("/identifiers/templates");
  showList();
}

async function start() {
  await load();
  if (!handle && known.templates.length) handle = known.templates[0].handle;
  showList();
  showTemplate();
  byId("new")?.addEventListener("click", () => edit(null));
}

start().catch(problem);
