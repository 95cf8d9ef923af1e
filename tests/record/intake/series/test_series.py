"""Readings through the intake: stored once, newest shown, wrong ones named, all of it restored."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from millbrain.core import limits
from millbrain.core.columns import Columns
from millbrain.core.errors import LimitError
from millbrain.record.intake import Intake, check_balance
from millbrain.record.warehouse import Warehouse
from tests.record.intake.series.made import HOUR_MS, NOW_MS, START_MS, put, readings

Open = Callable[..., Intake]
DAY_MS = 24 * HOUR_MS


def rows_of(store: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(r.values()) for r in store.query(sql).to_pylist()]


def test_a_reading_is_stored_once_and_its_delivery_learns_so(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    both = readings([("A", "temperature_degc", 0, 1.5), ("B", "temperature_degc", 0, 2.5)])
    assert put(intake, both) == (2, 0, 0)
    assert put(intake, both) == (0, 2, 0)
    again = readings([("A", "temperature_degc", 0, 9.0), ("A", "temperature_degc", 1, 9.0)])
    assert put(intake, again) == (1, 1, 0)
    stored = rows_of(store, "SELECT thing, signal, value, quality FROM reading ORDER BY ALL")
    assert stored == [
        ("A", "temperature_degc", 1.5, 192),
        ("A", "temperature_degc", 9.0, 192),
        ("B", "temperature_degc", 2.5, 192),
    ]
    assert check_balance(store)["balanced"]


def test_an_outcome_adds_up_over_the_batches_of_a_day_s_end(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    span_ms = 8 * HOUR_MS  # rows of one span share a partition and a day of the ledger
    midnight_ms = NOW_MS // span_ms * span_ms
    rows = readings([("A", "s", at, 1.0) for at in (0, 1, 1, 2)])
    rows.values["received_at"] = midnight_ms + np.array([-2, -1, 0, 1])
    assert put(intake, rows) == (3, 1, 0)
    assert intake.newest == 2
    assert check_balance(store)["balanced"]


def test_what_is_late_is_asked_exactly_also_after_a_restart(
    store: Warehouse, open_intake: Open
) -> None:
    first = [("A", "s", at, 1.0) for at in range(0, 2_000, 200)]
    assert put(open_intake(), readings(first)) == (10, 0, 0)
    intake = open_intake()
    shifted = [("A", "s", at + 100, 1.0) for at in range(0, 2_000, 200)]
    assert put(intake, readings([*first, *shifted])) == (10, 10, 0)
    assert intake.status()["readings"]["late_rows_total"] > 10
    ((rows, different),) = rows_of(store, "SELECT count(), uniqExact(device_at) FROM reading")
    assert rows == different == 20


def test_late_rows_with_long_names_are_asked_for_in_parts(
    store: Warehouse, open_intake: Open
) -> None:
    thing, signal = "T" * 128, "s" * 128
    rows = [(thing, signal, at, 1.0) for at in range(0, 3_000, 2)]
    put(open_intake(), readings(rows))
    intake = open_intake()
    assert put(intake, readings(rows)) == (0, 1_500, 0)
    assert intake.status()["readings"]["late_queries_total"] == 3  # 746 keys of 536 bytes at most


def test_no_number_becomes_no_value_of_bad_quality(store: Warehouse, open_intake: Open) -> None:
    given = readings([("A", "s", 0, math.nan), ("A", "s", 1, math.inf), ("A", "s", 2, 5.0)],
                     quality=np.array([192, 192, 64 + 3], np.uint8))  # fmt: skip
    assert put(open_intake(), given) == (3, 0, 0)
    stored = rows_of(store, "SELECT value, quality FROM reading ORDER BY device_at")
    assert stored == [(None, 0), (None, 0), (5.0, 64)]


def test_wrong_clocks_names_and_huge_texts_are_named_and_the_others_stored(
    store: Warehouse, open_intake: Open
) -> None:
    texts = np.array([b"", b"", b"", b"", b"x" * 2_000_000, b"tool 7"], object)
    given = readings(
        [
            ("A", "s", 2 * DAY_MS, 1.0), ("A", "s", -START_MS, 1.0), ("", "s", 0, 1.0),
            ("A", "s" * 129, 0, 1.0), ("A", "s", 5, math.nan), ("A", "s", 6, math.nan),
        ],
        text=texts,
    )  # fmt: skip
    intake = open_intake()
    assert put(intake, given) == (1, 0, 5)
    assert rows_of(store, "SELECT text, value FROM reading") == [("tool 7", None)]
    letters = "SELECT reason, frame_count, link FROM dead_letter ORDER BY reason"
    assert rows_of(store, letters) == [
        ("clock", 2, "line-1"), ("long_name", 1, "line-1"), ("long_text", 1, "line-1"),
        ("no_name", 1, "line-1"),
    ]  # fmt: skip
    assert intake.status()["readings"]["clock_refused_total"] == 2
    assert check_balance(store)["balanced"]


def test_a_connection_with_a_long_key_is_refused_before_the_intake_sees_it(
    open_intake: Open,
) -> None:
    intake = open_intake()
    with pytest.raises(LimitError, match="65 bytes"):
        put(intake, readings([("A", "s", 0, 1.0)], link="k" * 65))
    assert put(intake, readings([("A", "s", 0, 1.0)])) == (1, 0, 0)


def test_a_clock_that_ran_ahead_holds_neither_the_newest_value_nor_the_way(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    put(intake, readings([("A", "s", HOUR_MS + DAY_MS // 2, 99.0)]))
    put(intake, readings([("A", "s", HOUR_MS + 1_000, 1.0)], received_ms=NOW_MS + 1_000))
    assert newest(store, intake) == {"A": 1.0}
    intake = open_intake()
    put(intake, readings([("A", "s", HOUR_MS + 2_000, 2.0)], received_ms=NOW_MS + 2_000))
    assert newest(store, intake) == {"A": 2.0}
    assert intake.status()["readings"]["late_rows_total"] == 0


def newest(store: Warehouse, intake: Intake) -> dict[str, float]:
    """Return the newest value by thing once the picture stands at the newest batch."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = rows_of(store, "SELECT thing, value, batch FROM reading_latest FINAL")
        if max((b for *_, b in found), default=0) >= intake.newest:
            return {thing: value for thing, value, _ in found}
        time.sleep(0.05)
    raise AssertionError("the newest values were not written")


def test_newest_values_counts_and_texts_come_back_after_a_crash(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    put(intake, readings([("A", "s", 0, 1.0), ("B", "s", 0, 1.0)]))
    intake.stop()
    # What came after the last picture of an engine that was killed: rows without a picture.
    text = np.array([b"", b"stop"], object)
    late = readings([("A", "s", 10, 3.0), ("C", "t", 10, math.nan)], text=text)
    after_the_picture(store, late)
    restarted = open_intake()
    assert restarted.status()["readings"]["series"] == 3
    put(restarted, readings([("B", "s", 20, 4.0)]))
    restarted.stop()
    latest = "SELECT thing, value, text, reading_count FROM reading_latest FINAL ORDER BY thing"
    assert rows_of(store, latest) == [("A", 3.0, "", 2), ("B", 4.0, "", 2), ("C", None, "stop", 1)]
    assert check_balance(store)["balanced"]


def after_the_picture(store: Warehouse, rows: Columns) -> None:
    from millbrain.core.plant.admission import admitted
    from millbrain.core.plant.readings import READING
    from millbrain.core.tables import arrow_batch

    fit, faults = admitted(rows)
    assert not faults.any()
    fit.values["batch"] = np.full(fit.rows, 2, np.uint64)
    store.insert(READING, arrow_batch(READING, fit))


def test_a_lost_reading_at_the_newest_instant_is_taken_again(
    store: Warehouse, open_intake: Open
) -> None:
    """The picture may know an instant whose row never reached the disk."""
    intake = open_intake()
    put(intake, readings([("A", "s", 0, 1.0), ("A", "s", 50, 1.0)]))
    intake.stop()
    store.execute(
        f"ALTER TABLE reading DELETE WHERE toUnixTimestamp64Milli(device_at) = {START_MS + 50} "
        "SETTINGS mutations_sync = 2"
    )
    assert put(open_intake(), readings([("A", "s", 50, 1.0)])) == (1, 0, 0)


def test_apps_are_shown_readings_without_duplicates(open_intake: Open) -> None:
    intake, seen = open_intake(), []
    intake.show_to(lambda _, tables: seen.append(tables["reading"]))
    put(intake, readings([("A", "s", 0, 1.0), ("A", "s", 0, 1.0)]))
    (shown,) = seen
    assert shown.rows == 1
    assert set(shown.values) == {
        "thing", "signal", "device_at", "received_at", "value", "quality", "link", "frame_count",
    }  # fmt: skip


@pytest.mark.slow
def test_a_full_commit_of_readings_is_one_part(store: Warehouse, open_intake: Open) -> None:
    count = 2 * limits.COMMIT_READINGS_MAX  # the most that one batch may hold
    longest = limits.READING_NAME_BYTES_MAX
    rows = Columns(
        count,
        {
            "thing": np.array(
                [f"M{i % 40:02d}".ljust(longest, "x").encode() for i in range(count)]
            ),
            "signal": np.full(count, b"speed_rpm"),
            "device_at": START_MS + np.arange(count, dtype=np.int64) // 40,
            "received_at": np.full(count, NOW_MS, np.int64),
            "value": np.arange(count, dtype=np.float64),
            "link": np.full(count, b"line-1"),
        },
    )
    intake = open_intake()
    assert put(intake, rows) == (count, 0, 0)
    assert intake.newest == 1
    parts = f"SELECT count() FROM system.parts WHERE database = '{store.database}' AND active"
    assert rows_of(store, f"{parts} AND table = 'reading'") == [(1,)]
