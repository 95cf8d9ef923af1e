// The reader's language: the same catalogue that the templates use, text -> translation.

const root = document.documentElement;

export const language = root.lang;

async function load() {
  try {
    const answer = await fetch(root.dataset.words);
    return answer.ok ? await answer.json() : {};
  } catch {
    return {}; // English texts are better than no page
  }
}

const words = await load();

/** Translate a text; `{name}` in it is replaced by values.name. */
export function _(text, values = {}) {
  const found = words[text] ?? text;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Choose between an English and a Chinese text that data brought along. */
export function pick(english, chinese) {
  return language === "zh" ? chinese || english : english || chinese;
}
