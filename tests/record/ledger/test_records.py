"""Inspections, limits and life events in the ledger: versions, repeats, scope, two writers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from millbrain.record.ledger import Ledger, NewInspection, NewLifeEvent, SetLimit, Thing
from millbrain.record.ledger.life.versions import ROWS_A_WRITE

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def inspection(record_no: str = "1", content: str = "a", **other: Any) -> NewInspection:
    given: dict[str, Any] = {
        "bench": "3", "record_no": record_no, "vin": "V1", "tested_at": AT,
        "head": {"bench": "3"}, "measured": {"bonding_mohm": 12.0}, "conclusion": "normal",
        "opinion": {"items": [], "reasons": []}, "content_sha256": content,
    }  # fmt: skip
    return NewInspection(**given | other)


def event(reference: str = "R-1", **other: Any) -> NewLifeEvent:
    given: dict[str, Any] = {"kind": "repair", "source": "workshop", "reference": reference,
                             "vin": "V1", "at": AT, "fields": {"part": "cell"}}  # fmt: skip
    return NewLifeEvent(**given | other)


def test_the_same_record_again_changes_nothing(ledger: Ledger) -> None:
    first = ledger.inspections.put([inspection("1"), inspection("2")], "ann")
    again = ledger.inspections.put([inspection("2"), inspection("1")], "bob")
    assert (first.added, first.corrected, first.unchanged) == (2, 0, 0)
    assert (again.added, again.corrected, again.unchanged) == (0, 0, 2)
    assert list(again.ids) == list(first.ids)[::-1]
    found = ledger.inspections.get(first.ids[0])
    assert found
    assert (found.entered_by, found.tested_at, found.version) == ("ann", AT, 1)


def test_a_correction_keeps_the_old_version_with_its_end(ledger: Ledger) -> None:
    (old,) = ledger.inspections.put([inspection()], "ann").ids
    done = ledger.inspections.put([inspection(content="b", reason="typing error")], "bob")
    assert done.corrected == 1
    newest, before = ledger.inspections.versions("3", "1")
    assert (newest.id, newest.version, newest.replaced_at) == (done.ids[0], 2, None)
    assert (before.id, before.version, before.reason) == (old, 1, "")
    assert before.replaced_at == newest.entered_at or before.replaced_at < newest.entered_at  # type: ignore[operator]
    rows, total = ledger.inspections.page()
    assert ([r.id for r in rows], total) == ([newest.id], 1)


def test_one_entry_twice_in_a_file_is_its_own_correction(ledger: Ledger) -> None:
    both = [inspection(content="a"), inspection(content="b"), inspection(content="b")]
    done = ledger.inspections.put(both, "ann")
    assert (done.added, done.corrected, done.unchanged) == (1, 1, 1)
    newest, before = ledger.inspections.versions("3", "1")
    assert list(done.ids) == [before.id, newest.id, newest.id]
    assert (newest.content_sha256, newest.replaced_at) == ("b", None)
    assert before.replaced_at is not None


def test_of_one_transaction_all_or_none(ledger: Ledger) -> None:
    bad = inspection("2", vin=None)
    with pytest.raises(sa.exc.IntegrityError):
        ledger.inspections.put([inspection("1"), bad], "ann")
    assert ledger.inspections.page() == ([], 0)


def test_an_import_that_was_broken_off_is_brought_again(ledger: Ledger) -> None:
    many = [inspection(str(i)) for i in range(ROWS_A_WRITE + 2)]
    with pytest.raises(sa.exc.IntegrityError):
        ledger.inspections.put([*many[:-1], inspection("x", vin=None)], "ann")
    assert ledger.inspections.page()[1] == ROWS_A_WRITE, "the first transaction was committed"
    again = ledger.inspections.put(many, "ann")
    assert (again.added, again.unchanged) == (2, ROWS_A_WRITE)


def test_two_writers_of_one_record_make_one_version_each_time(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: ledger.inspections.put([inspection(content=f"{i % 2}")], "w"),
                      range(12)))  # fmt: skip
    versions = ledger.inspections.versions("3", "1")
    numbers = [v.version for v in versions]
    assert numbers == list(range(len(numbers), 0, -1))
    assert [v.replaced_at is None for v in versions] == [True] + [False] * (len(versions) - 1)


def test_curve_comes_back_byte_for_byte(ledger: Ledger) -> None:
    made = ledger.inspections.put([inspection(curve=b"\x78\x00\xff", curve_points=3)], "ann")
    assert ledger.inspections.curve(made.ids[0]) == b"\x78\x00\xff"
    plain = ledger.inspections.put([inspection("2")], "ann")
    assert ledger.inspections.curve(plain.ids[0]) == b""


def test_an_organisation_sees_its_vehicles_only(ledger: Ledger) -> None:
    ledger.things.put([Thing("V1", plate="渝A1", operator="North"), Thing("V2", operator="South")])
    mine, other, unknown = ledger.inspections.put(
        [inspection("1"), inspection("2", vin="V2"), inspection("3", vin="V3")], "ann"
    ).ids
    assert [r.id for r in ledger.inspections.page(operator="North")[0]] == [mine]
    assert ledger.inspections.get(other, "North") is None
    assert ledger.inspections.get(unknown, "North") is None
    assert len(ledger.inspections.page()[0]) == 3
    assert [r.id for r in ledger.inspections.page(q="渝a")[0]] == [mine]
    ledger.life_events.put([event(), event("R-2", vin="V2")], "ann")
    assert [e.vin for e in ledger.life_events.page(operator="South")[0]] == ["V2"]


def test_a_limit_is_set_replaced_and_lifted(ledger: Ledger) -> None:
    limit = SetLimit("bonding_mohm", "", "", None, 80.0, "own rule", "2026-01-01")
    ledger.inspections.set_limit(limit, "ann")
    ledger.inspections.set_limit(SetLimit("bonding_mohm", "", "", None, 70.0, "own", "2026-01-01"),
                                 "ann")  # fmt: skip
    ledger.inspections.set_limit(SetLimit("bonding_mohm", "", "EV-1", 1.0, None, "x", "2026-01-01"),
                                 "ann")  # fmt: skip
    assert [(s.model, s.low, s.high) for s in ledger.inspections.limits()] == [
        ("", None, 70.0), ("EV-1", 1.0, None)
    ]  # fmt: skip
    ledger.inspections.set_limit(SetLimit("bonding_mohm", "", "", None, None, "x", "2026-01-01"),
                                 "ann")  # fmt: skip
    assert [s.model for s in ledger.inspections.limits()] == ["EV-1"]


def test_life_events_are_known_by_kind_source_and_reference(ledger: Ledger) -> None:
    events = [event(), event(kind="claim"), event(source="maker"), event("R-2")]
    assert ledger.life_events.put(events, "ann").added == 4
    assert ledger.life_events.put(events, "ann").unchanged == 4
    changed = event(fields={"part": "module"})
    assert ledger.life_events.put([changed], "bob").corrected == 1
    repairs = ledger.life_events.of("V1", "repair")
    assert len(repairs) == 3
    mine = next(e for e in repairs if e.reference == "R-1" and e.source == "workshop")
    assert (mine.version, mine.fields, mine.at) == (2, {"part": "module"}, AT)
    assert ledger.life_events.vins_of([("repair", "workshop", "R-1"), ("recall", "x", "y")]) == {
        ("repair", "workshop", "R-1"): "V1"
    }


def test_the_order_of_fields_does_not_make_a_correction(ledger: Ledger) -> None:
    ledger.life_events.put([event(fields={"part": "cell", "action": "replaced"})], "ann")
    again = ledger.life_events.put([event(fields={"action": "replaced", "part": "cell"})], "ann")
    assert again.unchanged == 1
