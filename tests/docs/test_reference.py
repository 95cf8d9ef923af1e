"""The reference says what the code says, and the documents name whatever a user can meet."""

from collections.abc import Iterator

import pytest

from millbrain.core.facts import DEAD_LETTER_REASONS, SHARED_TABLES
from millbrain.core.units import UNITS
from millbrain.run.discovery import drivers, room_pages
from millbrain.run.settings import Settings
from millbrain.show.pages.routes import PAGES
from tests.docs.documents import ROOT, documents
from tools import make_reference


@pytest.mark.parametrize("name", sorted(make_reference.pages()))
def test_reference_page_is_up_to_date(name: str) -> None:
    made = make_reference.pages()[name]
    path = make_reference.FOLDER / name
    kept = path.read_text("utf-8") if path.exists() else ""
    assert kept == made, (
        f"docs/reference/{name} does not say what the code says; run `make docs` and commit it"
    )


def test_reference_holds_no_page_of_its_own() -> None:
    kept = {p.name for p in make_reference.FOLDER.glob("*.md")}
    assert kept == make_reference.pages().keys()


def setting_names(prefix: str = "", model: type = Settings) -> Iterator[str]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and hasattr(info.annotation, "model_fields"):
            yield from setting_names(f"{prefix}{name}.", info.annotation)
        else:
            yield f"{prefix}{name}"


NAMED = [
    *setting_names(),
    *(t.name for t in SHARED_TABLES),
    *(t.name for room in drivers() for t in room.tables),
    *(f"{c.name}" for t in SHARED_TABLES for c in t.columns),
    *(p.path for p in PAGES),
    *(p.page.path for p in room_pages()),
    *DEAD_LETTER_REASONS,
    *(f"_{suffix}" for suffix in UNITS),
    *(room.key for room in drivers()),
]


def test_documents_name_everything_that_a_user_meets() -> None:
    text = "\n".join(t for p, t in documents().items() if p.startswith("docs/"))
    unnamed = sorted({name for name in NAMED if f"`{name}`" not in text})
    assert not unnamed, f"no document names: {unnamed}; run `make docs`"


def test_every_setting_has_a_meaning() -> None:
    sections = [Settings, *(f.annotation for f in Settings.model_fields.values())]
    silent = [
        f"{model.__name__}.{name}"
        for model in sections
        if isinstance(model, type) and hasattr(model, "model_fields")
        for name, info in model.model_fields.items()
        if not info.description and not hasattr(info.annotation, "model_fields")
    ]
    assert not silent, f"settings without a description: {silent}"


def test_glossary_has_both_languages_and_is_sorted() -> None:
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    terms = rows[2:]
    assert all(len(row) == 3 and all(row) for row in terms)
    names = [row[0].lower() for row in terms]
    assert names == sorted(names), "the glossary is in alphabetical order"
    assert all(any("\u4e00" <= c <= "\u9fff" for c in row[1]) for row in terms)
