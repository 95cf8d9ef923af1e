"""Walks over small trees drawn by hand: moves, removals, shares, cycles, bounds, spans."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millbrain.core.events import EMPTIED, GROUP, MADE_OF, WENT_INTO
from millbrain.identify.epcis.document import read_event
from millbrain.identify.trace import walk
from millbrain.identify.trace.walk import AFTER_MS, BEFORE_MS, Bounds, Found
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.events import StoredEvents

WIDE = Bounds(8, 10_000, 10_000)
PREFIX = "88.100.1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoredEvents]:
    engine = RocksIdentifiers(tmp_path / "store")
    yield StoredEvents(engine)
    engine.close()


def at(hour: float) -> int:
    """Return an instant of the first day [ms]."""
    return int(hour * 3_600_000)


def told(kind: str, hour: float, **more: Any) -> dict[str, Any]:
    minutes = round(hour * 60)
    return {
        "type": kind, "eventTime": f"1970-01-01T{minutes // 60:02}:{minutes % 60:02}:00Z",
        "eventTimeZoneOffset": "+00:00", **more,
    }  # fmt: skip


def joined(hour: float, parent: str, *children: str, action: str = "ADD") -> dict[str, Any]:
    return told("AggregationEvent", hour, action=action, parentID=_id(parent),
                childEPCs=[_id(c) for c in children])  # fmt: skip


def made(hour: float, inputs: list[str], outputs: list[str], **more: Any) -> dict[str, Any]:
    return told("TransformationEvent", hour, inputEPCList=[_id(i) for i in inputs],
                outputEPCList=[_id(o) for o in outputs], **more)  # fmt: skip


def _id(name: str) -> str:
    return f"hdl:{PREFIX}/{name}"


def keep(store: StoredEvents, *events: dict[str, Any], owner: str = PREFIX) -> None:
    read = [read_event(e, {}, owner, 0, False) for e in events]
    assert store.add(read, ("job", b"{}")) == [""] * len(read)


def names(found: Found) -> dict[str, int]:
    """Return what was found, without where it began: name -> level."""
    held = zip(found.things, found.levels, strict=True)
    return {thing.partition("/")[2]: level for thing, level in held if level}


def down(store: StoredEvents, thing: str, hour: float | None = 24, bounds: Bounds = WIDE) -> Found:
    at_ms = None if hour is None else at(hour)
    return walk.parts(store, [_id(thing)], at_ms, bounds, lambda owner, is_public: True)


def up(store: StoredEvents, thing: str, hour: float | None = None, bounds: Bounds = WIDE) -> Found:
    at_ms = None if hour is None else at(hour)
    start = {_id(thing): (BEFORE_MS, AFTER_MS)}
    return walk.uses(store, start, at_ms, bounds, lambda owner, is_public: True)


def test_a_tree_of_three_levels_both_ways(store: StoredEvents) -> None:
    keep(store, joined(1, "MOD", "C1", "C2"), joined(2, "PACK", "MOD"), joined(3, "CAR", "PACK"))
    assert names(down(store, "CAR")) == {"PACK": 1, "MOD": 2, "C1": 3, "C2": 3}
    assert names(up(store, "C1")) == {"MOD": 1, "PACK": 2, "CAR": 3}
    assert names(down(store, "CAR", hour=2.5)) == {}, "the pack was not in the car yet"
    assert names(up(store, "C1", hour=2.5)) == {"MOD": 1, "PACK": 2}
    assert [e.since_ms for e in down(store, "CAR").edges] == [at(3), at(2), at(1), at(1)]


def test_a_part_that_moved_is_in_one_place(store: StoredEvents) -> None:
    keep(store, joined(1, "A", "CELL"), joined(5, "B", "CELL"), joined(9, "A", "CELL"))
    assert [list(names(down(store, t, hour=3))) for t in "AB"] == [["CELL"], []]
    assert [list(names(down(store, t, hour=6))) for t in "AB"] == [[], ["CELL"]]
    assert [list(names(down(store, t, hour=10))) for t in "AB"] == [["CELL"], []]
    assert list(names(up(store, "CELL", hour=6))) == ["B"]
    ever = [(e.since_ms, e.until_ms) for e in down(store, "A", hour=None).edges]
    assert ever == [(at(1), at(5)), (at(9), AFTER_MS)]


def test_events_may_come_late_and_in_any_order(store: StoredEvents) -> None:
    keep(store, joined(5, "B", "CELL"))
    keep(store, joined(7, "B", "CELL", action="DELETE"))
    keep(store, joined(1, "A", "CELL"))
    assert [list(names(down(store, t, hour=3))) for t in "AB"] == [["CELL"], []]
    assert [list(names(down(store, t, hour=6))) for t in "AB"] == [[], ["CELL"]]
    assert [list(names(down(store, t, hour=8))) for t in "AB"] == [[], []]


def test_what_was_parted_before_is_not_affected(store: StoredEvents) -> None:
    keep(store, joined(1, "MOD", "BAD", "GOOD"), joined(2, "MOD", "BAD", action="DELETE"),
         joined(3, "PACK", "MOD"), joined(4, "SPARE", "BAD"))  # fmt: skip
    assert names(up(store, "BAD")) == {"MOD": 1, "SPARE": 1}
    assert names(up(store, "GOOD")) == {"MOD": 1, "PACK": 2}


def test_all_may_leave_without_being_named(store: StoredEvents) -> None:
    emptied = told("AggregationEvent", 4, action="DELETE", parentID=_id("BOX"))
    keep(store, joined(1, "BOX", "C1", "C2"), emptied, joined(5, "TRUCK", "BOX"))
    assert names(down(store, "BOX")) == {}
    assert names(down(store, "BOX", hour=3)) == {"C1": 1, "C2": 1}
    assert names(up(store, "C1")) == {"BOX": 1}
    assert names(up(store, "C1", hour=6)) == {}


def test_lots_with_quantities_become_parts(store: StoredEvents) -> None:
    steel = {"epcClass": f"{_id('STEEL')}", "quantity": 12.5, "uom": "KGM"}
    keep(store, told("TransformationEvent", 1, inputQuantityList=[steel],
                     outputEPCList=[_id("SHAFT1"), _id("SHAFT2")]),
         joined(2, "MOTOR", "SHAFT1"))  # fmt: skip
    found = down(store, "MOTOR")
    assert names(found) == {"SHAFT1": 1, "STEEL": 2}
    assert [e.quantity for e in found.edges] == ["", "12.5 KGM"]
    assert names(up(store, "STEEL")) == {"SHAFT1": 1, "SHAFT2": 1, "MOTOR": 2}


def test_an_input_is_looked_at_as_it_was_then(store: StoredEvents) -> None:
    keep(store, made(1, ["ORE"], ["LOT"]), made(2, ["LOT"], ["PART"]), made(3, ["SCRAP"], ["LOT"]))
    assert names(down(store, "PART")) == {"LOT": 1, "ORE": 2}
    assert names(down(store, "LOT")) == {"ORE": 1, "SCRAP": 1}
    assert names(up(store, "SCRAP")) == {"LOT": 1}, "the part had left before the scrap came"


def test_one_transformation_in_shares(store: StoredEvents) -> None:
    share = {"transformationID": "urn:x:melt:7"}
    keep(store, made(1, ["ORE"], [], **share), made(2, ["SCRAP"], [], **share),
         made(3, [], ["INGOT1"], **share), made(4, [], ["INGOT2"], **share))  # fmt: skip
    assert names(down(store, "INGOT2")) == {"ORE": 1, "SCRAP": 1}
    assert names(up(store, "SCRAP")) == {"INGOT1": 1, "INGOT2": 1}
    assert store.links(MADE_OF, [f"{GROUP}urn:x:melt:7"], 9)[0][1][3] == "i"


def test_the_side_that_nobody_told_is_missing(store: StoredEvents) -> None:
    share = {"transformationID": "urn:x:melt:8"}
    keep(store, made(1, ["ORE"], [], **share), joined(2, "BOX", "ORE"))
    found = up(store, "ORE")
    assert (names(found), list(found.missing)) == ({"BOX": 1}, ["urn:x:melt:8"])
    hidden = walk.uses(store, {_id("ORE"): (BEFORE_MS, AFTER_MS)}, None, WIDE, lambda *_: False)
    assert not hidden.missing, "not for those who may not read the event"
    keep(store, made(3, [], ["INGOT"], **share))
    assert (names(up(store, "ORE")), up(store, "ORE").missing) == ({"BOX": 1, "INGOT": 1}, {})


def test_cycles_end_and_are_named(store: StoredEvents) -> None:
    keep(store, made(1, ["A"], ["B"]), made(2, ["B"], ["C"]), made(3, ["C"], ["A"]),
         joined(4, "TOP", "A"))  # fmt: skip
    found = down(store, "TOP")
    assert set(names(found)) == {"A", "B", "C"}
    assert found.why_cut == ""
    keep(store, joined(4, "X", "Y"), joined(4, "Y", "X"))
    assert {c.partition("/")[2] for c in walk.cycles(down(store, "X", hour=None))} == {"X", "Y"}
    assert len(walk.cycles(found)) == 3, "worked up again: each was, at a time, part of itself"


def test_a_diamond_is_no_cycle(store: StoredEvents) -> None:
    keep(store, made(1, ["ORE"], ["LEFT", "RIGHT"]), made(2, ["LEFT", "RIGHT"], ["END"]),
         made(3, ["END", "ORE"], ["LAST"]))  # fmt: skip
    found = down(store, "LAST")
    assert names(found) == {"END": 1, "ORE": 1, "LEFT": 2, "RIGHT": 2}
    assert walk.cycles(found) == []


def test_bounds_are_told(store: StoredEvents) -> None:
    keep(store, *(joined(n, f"L{n}", f"L{n + 1}") for n in range(12, 0, -1)),
         joined(13, "WIDE", *(f"W{n}" for n in range(300))))  # fmt: skip
    deep = down(store, "L1")
    assert (len(deep.things), deep.why_cut) == (9, "levels")
    wide = down(store, "WIDE", bounds=Bounds(8, 100, 100))
    assert (len(wide.things), wide.why_cut) == (100, "things")
    keep(store, *(made(14, ["LOT"], [f"P{n}"]) for n in range(500)))
    many = up(store, "LOT", bounds=Bounds(8, 1_000, 200))
    assert (len(many.things), many.why_cut) == (201, "events of one thing")
    assert len(up(store, "LOT").things) == 501
    assert down(store, "L10").why_cut == ""


def test_an_event_that_was_declared_wrong_counts_no_more(store: StoredEvents) -> None:
    wrong = joined(1, "CAR", "PACK") | {"eventID": "urn:x:1"}
    declaration = wrong | {"errorDeclaration": {"declarationTime": "1970-01-01T02:00:00Z"}}
    keep(store, declaration, owner="88.666.1")
    keep(store, wrong)
    assert names(down(store, "CAR")) == {"PACK": 1}, "a stranger declared it"
    other = joined(1, "CAR2", "PACK2") | {"eventID": "urn:x:2"}
    late = other | {"errorDeclaration": {"declarationTime": "1970-01-01T02:00:00Z"}}
    keep(store, other)
    keep(store, late)
    assert names(down(store, "CAR2")) == {}
    third = joined(1, "CAR3", "PACK3") | {"eventID": "urn:x:3"}
    early = third | {"errorDeclaration": {"declarationTime": "1970-01-01T02:00:00Z"}}
    keep(store, early)
    keep(store, third)
    assert names(down(store, "CAR3")) == {}


def test_lists_grow_in_parts_and_stay_whole(store: StoredEvents) -> None:
    keep(store, *(made(n / 60, ["LOT"], [f"P{n}"]) for n in range(700)))
    keep(store, made(0.5, ["LOT"], ["LATE"]))
    links = store.links(WENT_INTO, [_id("LOT")], 10_000)[0]
    assert len(links) == 701
    assert links == sorted(links)
    assert len(store.links(WENT_INTO, [_id("LOT")], 50)[0]) == 50
    assert store.links(EMPTIED, [_id("LOT"), _id("none")], 9) == [[], []]
