"""What every identify room owes the house, whoever wrote it."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millbrain.core.rooms import Face, Level
from millbrain.run.discovery import drivers, faces
from tests.rooms.test_every_room import HEADINGS, HEAVY, is_chinese

ROOT = Path(__file__).resolve().parents[2]
STAGE = ROOT / "millbrain" / "identify"
FACES = faces()
each_face = pytest.mark.parametrize("room", FACES, ids=lambda r: r.key)


def test_folder_holds_nothing_but_rooms() -> None:
    files = {p.name for p in STAGE.iterdir() if p.name != "__pycache__"}
    assert files == {"__init__.py"} | {r.key for r in FACES}, (
        "identify/ holds nothing but rooms; what two rooms share belongs into core"
    )


def test_ports_are_their_own() -> None:
    ports = [r.port for r in (*drivers(), *FACES) if r.port]
    assert len(ports) == len(set(ports)), "two rooms want the same port"


@each_face
def test_card_is_complete(room: Face) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", room.key)
    assert room.title
    assert is_chinese(room.title_zh), "a room has a title in both languages"
    assert room.standards
    assert all(re.search(r"\d", s) for s in room.standards), "standards are named with edition"
    assert 0 <= room.port <= 65_535


@each_face
def test_start_can_be_found_or_the_room_is_a_sketch(room: Face) -> None:
    if not (room.start or room.routes):
        assert room.level is Level.SKETCH, "a room without a start serves nobody: it is a sketch"
    for dotted in filter(None, (room.start, room.routes, room.quick)):
        module, _, function = dotted.partition(":")
        spec = importlib.util.find_spec(module)
        assert spec, f"{room.key}: {module} does not exist"
        source = Path(spec.origin or "").read_text("utf-8")
        assert re.search(rf"^(async )?def {function}\(", source, re.M)


@each_face
def test_card_is_cheap_to_import(room: Face) -> None:
    code = (
        f"import sys, json; import millbrain.identify.{room.key}; "
        f"print(json.dumps([m for m in {(*HEAVY, 'rocksdict')!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(done.stdout) == [], f"importing the card of {room.key} loads these"


@each_face
def test_readme_answers_the_questions_of_a_newcomer(room: Face) -> None:
    path = STAGE / room.key / "README.md"
    assert path.exists(), f"{room.key} has no README.md: what does it speak, by which clauses?"
    headings = " ".join(re.findall(r"^#+ (.*)", path.read_text("utf-8"), re.M)).lower()
    missing = [h for h in HEADINGS if h not in headings]
    assert not missing, f"{path}: headings with these words are missing: {missing}"


@each_face
def test_room_has_its_twin(room: Face) -> None:
    twin = ROOT / "tests" / "identify" / room.key
    assert list(twin.glob("test_*.py")), f"{room.key} has no tests under tests/identify/{room.key}"
    if room.start:
        assert list(twin.rglob("frames.tsv")), (
            f"{room.key} has no golden messages (frames.tsv) built by hand from its standard"
        )
    else:
        tests = " ".join(t.read_text("utf-8") for t in twin.glob("test_*.py"))
        assert "tests.identify.resolver" in tests, f"{room.key} is not asked over real sockets"


@each_face
def test_level_is_not_claimed_in_vain(room: Face) -> None:
    if room.level is Level.SKETCH:
        return
    assert (STAGE / room.key / "simulator.py").exists(), "usable: a client that also misbehaves"
    tests = (ROOT / "tests" / "identify" / room.key).rglob("test_*.py")
    assert any("mark.fault" in t.read_text("utf-8") for t in tests), "usable: tests with faults"
