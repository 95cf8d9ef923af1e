"""Scans on both databases: one open command a station, ids once, tool life, known parts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from millbrain.core.errors import IllegalStepError
from millbrain.core.scans.recipes import Job, Part, Station
from millbrain.record.ledger import Ledger

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LATHE = Station(
    "LATHE1", "Lathe 1", "1号车床", "127.0.0.1:1", "T5", 10, Job("WO", "SHAFT", "B", ("L",))
)


def row(scan_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": scan_id, "at": AT, "who": "wang", "station": "LATHE1", "text": "x", "part": "hdl:1/A",
        "part_type": "SHAFT", "revision": "B", "lot": "L", "recipe": "R", "recipe_version": 1,
        "step": "20", "state": "cleared", "failed": [], "settings": [], "read_back": [],
        "program": "", "result": "", "detail": "", "write_count": 0, "place": "", "deadline": AT,
        "is_cached": False, **more,
    }  # fmt: skip


def test_one_open_command_a_station(ledger: Ledger) -> None:
    scans = ledger.scans
    first, is_new = scans.add(row("a"))
    assert (is_new, scans.add(row("a"))) == (True, (first, False))
    with pytest.raises(IllegalStepError, match="LATHE1"):
        scans.add(row("b"))
    refused, _ = scans.add(row("c", state="refused", deadline=None))
    assert refused.number > first.number
    done = scans.move(first, "write", result="done")
    assert scans.add(row("b"))[1]
    assert scans.move(first, "write", result="again").result == "done", "it was taken already"
    assert scans.steps_of("hdl:1/A") == ["20"]
    with pytest.raises(IllegalStepError):
        scans.move(done, "fail")
    assert scans.counts() == {"cleared": 1, "written": 1}
    assert [s.id for s in scans.waiting("written")] == ["a"]


def test_tool_life_goes_with_the_write(ledger: Ledger) -> None:
    ledger.recipes.put_station(LATHE)
    assert ledger.recipes.station("LATHE1") == LATHE
    scan, _ = ledger.scans.add(row("a"))
    ledger.scans.move(scan, "write", 3)
    ledger.scans.move(scan, "write", 3)
    assert ledger.recipes.station("LATHE1") == replace(LATHE, tool_life=7)
    ledger.recipes.put_station(replace(LATHE, name="L2", tool_life=None))
    other, _ = ledger.scans.add(row("b", station="L2"))
    ledger.scans.move(other, "write", 3)
    uncounted = ledger.recipes.station("L2")
    assert uncounted is not None
    assert uncounted.tool_life is None


def test_parts_are_kept_under_what_was_scanned(ledger: Ledger) -> None:
    told = Part("hdl:1/A", "SHAFT", "B", "L", "2027-01-01", "", ("10",), AT, asked="gs1:01/1/21/A")
    ledger.recipes.put_parts([told])
    ledger.recipes.put_parts([replace(told, hold="crack")])
    assert ledger.recipes.part("gs1:01/1/21/A") == replace(told, hold="crack", is_cached=True)
    assert ledger.recipes.part("hdl:1/A") is None
    assert ledger.recipes.forget_parts() == 0
