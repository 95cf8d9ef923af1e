"""Words: every text that a reader meets is in the catalogue, and nothing else is."""

import re
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po

import millbrain
from millbrain.show.pages import words
from millbrain.show.pages.listed import PAGES

PACKAGE: Final = Path(millbrain.__file__).parent
TEMPLATES: Final = sorted(PACKAGE.rglob("*.html"))
MODULES: Final = sorted(p for p in PACKAGE.rglob("*.js") if "vendor" not in p.parts)
_CALL: Final = r"""(?<![\w$])_\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')"""
_SHOWN_ATTRIBUTES: Final = ("placeholder", "aria-label", "title", "alt")
# Names and commands that are the same in every language.
_NAMES: Final = {
    "中文",
    "English",
    "Millbrain",
    "CSV",
    "XLSX",
    "JSON",
    "OpenAPI",
    "B",
    "Enter",
    "Esc",
    "g",
    "o",
    "v",
    "i",
    "f",
    "s",
    "w",
    "a",
    "r",
    "STARTTLS",
    "TLS",
    "x",
    "d",
    "PDF",
    "ZPL",
}
_COMMANDS: Final = {"millbrain play FILE.hex.gz"}


def _texts(path: Path) -> set[str]:
    found = re.findall(_CALL, path.read_text("utf-8"))
    return {(double or single).replace('\\"', '"').replace("\\'", "'") for double, single in found}


def _used() -> set[str]:
    titles = {page.title for page in PAGES}
    return set().union(*map(_texts, (*TEMPLATES, *MODULES))) | titles


def _catalogue(language: str) -> dict[str, str]:
    with words.catalogue_path(language).open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and not m.fuzzy}


@pytest.mark.parametrize("language", sorted(words.CATALOGUES))
def test_every_text_is_translated_and_nothing_is_left_over(language: str) -> None:
    catalogue = _catalogue(language)
    used = _used()
    assert len(used) > 300
    assert sorted(t for t in used if not catalogue.get(t)) == []
    assert sorted(set(catalogue) - used) == []


@pytest.mark.parametrize("language", sorted(words.CATALOGUES))
def test_a_translation_keeps_every_placeholder(language: str) -> None:
    def places(text: str) -> list[str]:
        return sorted(re.findall(r"\{\w+\}|%\(\w+\)s", text))

    wrong = [t for t, translated in _catalogue(language).items() if places(t) != places(translated)]
    assert wrong == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_a_template_says_nothing_outside_gettext(path: Path) -> None:
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.S)
    texts = re.sub(r"<(script|style|svg)\b.*?</\1>", "", source, flags=re.S)
    shown = [t.strip(" ·\n") for t in re.split(r"<[^>]*>", texts)]
    assert [t for t in shown if re.search(r"[A-Za-z一-鿿]", re.sub(r"&\w+;", "", t))
            and t not in _NAMES | _COMMANDS] == []  # fmt: skip
    attributes = re.findall(rf'\b({"|".join(_SHOWN_ATTRIBUTES)})="([^"]*[A-Za-z][^"]*)"', source)
    assert attributes == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.name)
def test_a_module_says_nothing_outside_gettext(path: Path) -> None:
    """A literal of several words that begins with a capital is a sentence for a reader."""
    source = re.sub(r"//.*|/\*.*?\*/", "", path.read_text("utf-8"))
    literals = re.finditer(r'(?<![\w$])(_\(\s*)?"([A-Z][a-z]+ [a-z][^"]*)"', source)
    assert [m[2] for m in literals if not m[1]] == []


@pytest.mark.parametrize(
    ("wanted", "accept", "language"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "zh-Hant-TW", "zh"),
        (None, "fr-FR,fr;q=0.9", "en"),
        (None, "en;q=0.2,zh;q=0.9", "zh"),
        (None, "zh;q=broken,en;q=0.1", "en"),
        ("zh", "en", "zh"),
        ("", "zh", "zh"),
        ("tlh", "zh", "zh"),
    ],
)
def test_language_is_the_wish_then_the_browsers(
    wanted: str | None, accept: str, language: str
) -> None:
    assert words.choose_language(wanted, accept) == language


def test_english_is_the_source_and_needs_no_catalogue() -> None:
    assert words.translations("en").gettext("Vehicles") == "Vehicles"
    assert words.translations("zh").gettext("Vehicles") == "车辆"
    assert words.words_json("en") == b"{}"
