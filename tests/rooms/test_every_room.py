"""The kit over all rooms: what every room owes the house, whoever wrote it."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from millbrain.core.facts import SHARED_TABLES
from millbrain.core.rooms import Driver, Level
from millbrain.run.discovery import drivers, room_pages

ROOT = Path(__file__).resolve().parents[2]
ROOMS = drivers()
HEAVY = ("numba", "chdb", "fastapi", "starlette", "sqlalchemy", "uvloop", "cryptography", "pandas")
HEADINGS = ("speaks", "clauses", "dialects", "estimate")
each_room = pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.key)


def is_chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", text))


def folder(room: Driver) -> Path:
    return ROOT / "millbrain" / "connect" / room.key


def test_folder_holds_nothing_but_rooms() -> None:
    stage = ROOT / "millbrain" / "connect"
    files = {p.name for p in stage.iterdir() if p.name != "__pycache__"}
    assert files == {"__init__.py"} | {r.key for r in ROOMS}, (
        "connect/ holds nothing but rooms; what two rooms share belongs into core"
    )


def test_names_of_rooms_and_tables_are_their_own() -> None:
    tables = [t.name for t in SHARED_TABLES] + [t.name for r in ROOMS for t in r.tables]
    assert len(tables) == len(set(tables)), "two rooms declare a table of one name"
    ports = [r.port for r in ROOMS if r.port]
    assert len(ports) == len(set(ports)), "two rooms want the same port"


@each_room
def test_card_is_complete(room: Driver) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", room.key)
    assert room.title
    assert is_chinese(room.title_zh), "a room has a title in both languages"
    assert room.standards
    assert all(re.search(r"\d", s) for s in room.standards), "standards are named with edition"
    assert 0 <= room.port <= 65_535


@each_room
def test_start_can_be_found_without_importing_it(room: Driver) -> None:
    module, _, function = room.start.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec, f"{room.key}: {module} does not exist"
    text = Path(spec.origin or "").read_text("utf-8")
    assert re.search(rf"^(async )?def {function}\(|^from .* import .*\b{function}\b", text, re.M), (
        f"{room.key}: {module} has no function {function}"
    )


@each_room
def test_card_is_cheap_to_import(room: Driver) -> None:
    code = (
        f"import sys, json; import millbrain.connect.{room.key}; "
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(done.stdout) == [], (
        f"importing the card of {room.key} loads these; import them where they are used, so that "
        "every command that lists rooms stays quick"
    )


@each_room
def test_readme_answers_the_questions_of_a_newcomer(room: Driver) -> None:
    path = folder(room) / "README.md"
    assert path.exists(), f"{room.key} has no README.md: what does it speak, by which clauses?"
    headings = " ".join(re.findall(r"^#+ (.*)", path.read_text("utf-8"), re.M)).lower()
    missing = [h for h in HEADINGS if h not in headings]
    assert not missing, f"{path}: headings with these words are missing: {missing}"


@each_room
def test_room_has_its_twin(room: Driver) -> None:
    twin = ROOT / "tests" / "connect" / room.key
    assert list(twin.glob("test_*.py")), f"{room.key} has no tests under tests/connect/{room.key}"
    assert list(twin.rglob("frames.tsv")), (
        f"{room.key} has no golden messages (frames.tsv) built by hand from its standard"
    )


def has_tests(where: Sequence[Path], *words: str) -> bool:
    """Whether a test file in one of the folders or files speaks of any of the words."""
    files = [f for p in where for f in (p.rglob("test_*.py") if p.is_dir() else [p]) if f.is_file()]
    return any(w in f.read_text("utf-8") for f in files for w in words)


@each_room
def test_level_is_not_claimed_in_vain(room: Driver) -> None:
    tests = ROOT / "tests"
    twin = tests / "connect" / room.key
    if room.level is Level.SKETCH:
        return
    module = folder(room) / "simulator"
    assert module.is_dir() or module.with_suffix(".py").exists(), "usable: a simulator"
    assert has_tests([twin, tests / "faults"], "mark.fault"), "usable: tests with faults"
    assert (folder(room) / "README.md").exists(), "usable: documentation"
    if room.level is Level.PROVEN:
        assert has_tests([twin], "shared_data"), "proven: recorded messages are tried"
        assert any(room.key in p.read_text("utf-8") for p in benchmarks()), "proven: a benchmark"


def benchmarks() -> list[Path]:
    return [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "millbrain/run").glob("*bench*.py")]


@each_room
def test_pages_have_their_template(room: Driver) -> None:
    for page in (p for p in room_pages() if p.room == room.key):
        assert (page.folder / page.page.template).is_file(), f"{page.page.template} is missing"
        assert page.page.path.startswith("/")
        assert page.page.title
        assert is_chinese(page.page.title_zh), "a page has a title in both languages"
        assert all(callable(answer) for answer in page.page.answers.values())
