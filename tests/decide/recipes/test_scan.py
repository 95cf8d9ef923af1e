"""Scans through a real ledger to a simulated controller on a socket, which also misbehaves."""

import dataclasses
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.core.errors import IllegalStepError, NotFoundError
from millbrain.core.scans.commands import Setting
from tests.decide.recipes.cell import CUT, GOOD, TURN, Cell, job


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    made = Cell(tmp_path)
    yield made
    made.close()


def writes(cell: Cell) -> list[str]:
    assert cell.simulator is not None
    return [w["id"] for w in cell.simulator.writes]


def test_a_scan_writes_reads_back_and_is_told_once(cell: Cell) -> None:
    done = cell.scan("SAW1")
    assert (done.state, done.result, done.recipe, done.write_count) == (
        "written", "done", "CUT-A", 1,
    )  # fmt: skip
    assert cell.held("SAW1") == {"length": 212.5}
    assert list(done.read_back) == [{"name": "length", "value": 212.5, "unit": "mm"}]
    cell.recipes.tick()
    cell.recipes.tick()
    assert cell.resolver.told == [f"urn:uuid:{done.id}"]
    told = cell.ledger.scans.get(done.id)
    assert told is not None
    assert told.state == "recorded"


def test_the_same_id_changes_nothing(cell: Cell) -> None:
    first = cell.scan("SAW1", scan_id=str(uuid.uuid4()))
    again = cell.scan("SAW1", scan_id=first.id)
    assert (again.number, again.state, len(writes(cell))) == (first.number, "written", 1)
    with pytest.raises(NotFoundError, match="another scan"):
        cell.scan("LATHE1", scan_id=first.id)


def test_steps_go_in_their_order(cell: Cell) -> None:
    early = cell.scan("LATHE1")
    assert [f["check"] for f in early.failed] == ["step_order"]
    cell.scan("SAW1")
    assert cell.scan("LATHE1").state == "written"
    twice = cell.scan("LATHE1")
    assert [f["check"] for f in twice.failed] == ["not_twice"]
    assert cell.scan("GRIND1").state == "written"


def test_a_refused_scan_reaches_no_machine(cell: Cell) -> None:
    cell.scan("SAW1")
    cell.change("LATHE1", job=job(part_type="BOLT", lots=("L1",)), tool_life=1)
    refused = cell.scan("LATHE1", who="zhao")
    assert {f["check"] for f in refused.failed} == {"right_part", "lot", "qualified", "tool_life"}
    assert (refused.state, list(refused.settings), refused.deadline) == ("refused", [], None)
    assert len(writes(cell)) == 1
    expired = cell.scan("LATHE1", who="wang")
    assert "qualified" not in {f["check"] for f in expired.failed}
    cell.later(50 * 86_400)
    late = cell.scan("LATHE1", who="wang")
    assert {"qualified", "in_date"} <= {f["check"] for f in late.failed}


def test_tool_life_is_used_up_by_what_was_written(cell: Cell) -> None:
    cell.scan("SAW1")
    cell.change("LATHE1", tool_life=3)
    assert cell.scan("LATHE1").state == "written"
    station = cell.ledger.recipes.station("LATHE1")
    assert station is not None
    assert station.tool_life == 1


def test_a_known_part_needs_no_resolver(cell: Cell) -> None:
    assert not cell.scan("SAW1").is_cached
    cell.resolver.is_cut = True
    cached = cell.scan("LATHE1")
    assert (cached.state, cached.is_cached, cell.resolver.asked) == ("written", True, 1)
    cell.recipes.tick()
    assert cell.recipes.status()["events_waiting"] == 2
    assert "does not answer" in cell.recipes.status()["trouble"]
    cell.resolver.is_cut = False
    cell.recipes.tick()
    assert cell.recipes.status() == {"commands_waiting": 0, "events_waiting": 0, "trouble": ""}
    unknown = cell.scan("LATHE1", "88.100.1/NEVER")
    assert [f["check"] for f in unknown.failed] == ["part_known"]
    assert [f["check"] for f in cell.scan("LATHE1", "???").failed] == ["part_known"]


def test_what_is_old_is_looked_up_behind_the_scan(cell: Cell) -> None:
    cell.scan("SAW1")
    cell.later(3_600)
    blocked = dataclasses.replace(GOOD, hold="crack found", fetched_at=cell.at)
    cell.resolver.parts[GOOD.key] = blocked
    assert cell.scan("GRIND1").state == "refused"
    cell.recipes.tick()
    held = cell.scan("LATHE1")
    assert [f["check"] for f in held.failed] == ["hold"]


@pytest.mark.parametrize(("fault", "taken"), [("lost", 1), ("deaf", 1), ("slow", 1)])
def test_a_lost_answer_is_asked_after_and_not_written_twice(
    cell: Cell, fault: str, taken: int
) -> None:
    assert cell.simulator is not None
    cell.simulator.fault = fault
    done = cell.scan("SAW1")
    assert (done.state, done.result) == ("written", "done")
    assert len(writes(cell)) == taken


def test_a_value_that_was_kept_wrong_is_written_once_more(cell: Cell) -> None:
    assert cell.simulator is not None
    cell.simulator.fault = "wrong"
    assert (cell.scan("SAW1").state, cell.held("SAW1")) == ("written", {"length": 212.5})
    cell.simulator.fault = "always-wrong"
    broken = cell.scan("LATHE1")
    assert (broken.state, broken.result, broken.write_count) == ("failed", "different", 2)
    assert "spindle_speed" in broken.detail
    sent = [w["told"] for w in cell.simulator.writes if w["id"] == broken.id]
    assert len(sent) == 2
    assert sent[0] == sent[1] == [SPEED_JSON, FEED_JSON]
    assert [f["check"] for f in cell.scan("GRIND1").failed] == ["step_order"]


SPEED_JSON = {"name": "spindle_speed", "value": 1800.0, "unit": "1/min"}
FEED_JSON = {"name": "feed", "value": 0.12, "unit": "mm"}


def test_an_unreached_controller_keeps_its_station_until_the_deadline(cell: Cell) -> None:
    assert cell.simulator is not None
    cell.simulator.fault = "always-deaf"
    waiting = cell.scan("SAW1")
    assert (waiting.state, waiting.result) == ("cleared", "unreached")
    with pytest.raises(IllegalStepError, match="SAW1"):
        cell.scan("SAW1", "88.100.1/S1")
    cell.recipes.tick()
    assert cell.recipes.status()["commands_waiting"] == 1
    cell.simulator.fault = ""
    cell.ledger.recipes.put_recipes(  # the values that were promised hold, not those of now
        [dataclasses.replace(CUT, settings=(Setting("length", 99.0, "mm"),))], "admin"
    )
    cell.recipes.tick()
    done = cell.ledger.scans.get(waiting.id)
    assert done is not None
    assert (done.state, cell.held("SAW1")) == ("recorded", {"length": 212.5})


def test_nothing_is_written_after_the_deadline(cell: Cell) -> None:
    assert cell.simulator is not None
    cell.simulator.fault = "always-deaf"
    waiting = cell.scan("SAW1")
    cell.simulator.fault = ""
    cell.later(11)
    cell.recipes.tick()
    late = cell.ledger.scans.get(waiting.id)
    assert late is not None
    assert (late.state, late.result, writes(cell)) == ("failed", "late", [])


def test_a_later_command_is_never_overwritten(cell: Cell) -> None:
    assert cell.simulator is not None
    first = cell.scan("SAW1")
    newer = {"id": "newer", "number": first.number + 5, "station": "LATHE1", "settings": []}
    cell.simulator.take(newer, "")
    overtaken = cell.scan("LATHE1")
    assert (overtaken.state, overtaken.result) == ("failed", "overtaken")
    assert cell.simulator.held["LATHE1"]["id"] == "newer"


def test_one_station_hears_one_command_at_a_time(cell: Cell) -> None:
    cell.scan("SAW1")
    for n in range(8):
        part = dataclasses.replace(GOOD, key=f"hdl:88.100.1/X{n}", steps=("10",))
        cell.resolver.parts[part.key] = part
    found: list[str] = []

    def one(number: int) -> None:
        try:
            found.append(cell.scan("LATHE1", f"88.100.1/X{number}").state)
        except IllegalStepError:
            found.append("busy")

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) <= {"written", "busy"}
    assert found.count("written") + 1 == len(writes(cell))


def test_an_event_that_is_refused_does_not_hold_up_the_others(cell: Cell) -> None:
    first, second = cell.scan("SAW1"), cell.scan("LATHE1")
    cell.resolver.refused = f"urn:uuid:{first.id}"
    cell.recipes.tick()
    assert cell.resolver.told == [f"urn:uuid:{second.id}"]
    assert first.id in cell.recipes.status()["trouble"]


def test_a_station_of_another_organisation_is_not_there(cell: Cell) -> None:
    cell.change("SAW1", operator="North")
    scan = cell.scan("SAW1")
    assert scan.state == "written"
    with pytest.raises(NotFoundError):
        cell.scan("NOWHERE")
    assert cell.ledger.scans.get(scan.id, "South") is None
    assert cell.ledger.scans.page(operator="North")[1] == 1
    assert cell.ledger.scans.page(operator="South")[1] == 0


def test_recipes_have_versions(cell: Cell) -> None:
    book = cell.ledger.recipes
    assert book.put_recipes([TURN], "li") == (0, 1)
    assert book.put_recipes([dataclasses.replace(TURN, program="O2002")], "li") == (1, 0)
    assert [(r.program, who) for r, who, _, _ in book.versions("TURN-A")] == [
        ("O2002", "li"), ("O2001", "admin"),
    ]  # fmt: skip
    book.end_recipe("TURN-A")
    assert "TURN-A" not in {r.name for r in book.recipes()}
    with pytest.raises(NotFoundError):
        book.end_recipe("TURN-A")
    assert book.put_recipes([TURN], "li") == (1, 0)
    assert book.versions("TURN-A")[0][0].version == 3
