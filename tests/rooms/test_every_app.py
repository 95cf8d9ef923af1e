"""The kit over all analyse rooms: what every app owes the house, whoever wrote it."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millbrain.core.facts import SHARED_TABLES
from millbrain.core.findings import FINDING
from millbrain.core.rooms import App, Level
from millbrain.run.discovery import apps
from tests.tidy import rules

ROOT = Path(__file__).resolve().parents[2]
STAGE = ROOT / "millbrain" / "analyse"
APPS = apps()
HEAVY = ("numba", "chdb", "fastapi", "starlette", "sqlalchemy", "uvloop", "cryptography", "pandas")
HEADINGS = ("question", "method", "references", "arithmetic", "wrong")
TABLES = {t.name: t for t in (*SHARED_TABLES, FINDING, *(t for app in APPS for t in app.tables))}
each_app = pytest.mark.parametrize("app", APPS, ids=lambda a: a.key)


def is_chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", text))


def test_folder_holds_nothing_but_rooms() -> None:
    files = {p.name for p in STAGE.iterdir() if p.name != "__pycache__"}
    assert files == {"__init__.py"} | {a.key for a in APPS}, (
        "analyse/ holds nothing but rooms; what two rooms share belongs into core"
    )


@each_app
def test_card_is_complete(app: App) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", app.key)
    assert app.title
    assert is_chinese(app.title_zh), "a room has a title in both languages"
    assert app.reads, "an app answers a question over facts: which table does it read?"
    assert app.writes or app.records, "an app writes what it found"
    unknown = {*app.reads, *app.writes} - TABLES.keys()
    assert not unknown, f"{app.key} names tables that are not declared: {unknown}"


@each_app
def test_tables_that_it_writes_are_well_declared(app: App) -> None:
    found = [w for name in app.writes for w in rules.bad_columns(TABLES[name])]
    assert not found, "\n" + "\n".join(found)


@each_app
def test_parameters_are_explained_and_in_range(app: App) -> None:
    names = [p.name for p in app.parameters]
    assert len(names) == len(set(names))
    for parameter in app.parameters:
        assert parameter.meaning
        assert is_chinese(parameter.meaning_zh), f"{parameter.name}: Chinese meaning is missing"
        assert parameter.low < parameter.high
        assert parameter.checked(parameter.default) == parameter.default


@each_app
def test_card_is_cheap_to_import(app: App) -> None:
    code = (
        f"import sys, json; import millbrain.analyse.{app.key}; "
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(done.stdout) == [], f"importing the card of {app.key} loads these"


@each_app
def test_heart_model_and_example_are_there(app: App) -> None:
    folder = STAGE / app.key
    assert (folder / "calc").is_dir() or (folder / "calc.py").is_file(), "the pure heart"
    assert (folder / "model.py").is_file(), "the rules, checked"
    example = importlib.import_module(f"millbrain.analyse.{app.key}.example")
    assert example.example(), f"the example of {app.key} shows nothing"


@each_app
def test_readme_answers_the_questions_of_a_newcomer(app: App) -> None:
    path = STAGE / app.key / "README.md"
    assert path.exists(), f"{app.key} has no README.md: which question, by which method?"
    headings = " ".join(re.findall(r"^#+ (.*)", path.read_text("utf-8"), re.M)).lower()
    missing = [h for h in HEADINGS if h not in headings]
    assert not missing, f"{path}: headings with these words are missing: {missing}"


@each_app
def test_room_has_its_twin(app: App) -> None:
    twin = ROOT / "tests" / "analyse" / app.key
    assert list(twin.glob("test_*.py")), f"{app.key} has no tests under tests/analyse/{app.key}"


@each_app
def test_level_is_not_claimed_in_vain(app: App) -> None:
    if app.level is Level.SKETCH:
        return
    assert (STAGE / app.key / "app.py").is_file(), "usable: something runs it (app.py)"
    if app.level is Level.PROVEN:
        tests = [p.read_text("utf-8") for p in (ROOT / "tests/analyse" / app.key).rglob("*.py")]
        assert any("shared_data" in t for t in tests), "proven: recorded data are tried"
        benchmarks = [p.read_text("utf-8") for p in (ROOT / "benchmarks").glob("*.py")]
        assert any(f"analyse.{app.key}" in t for t in benchmarks), "proven: a benchmark"
