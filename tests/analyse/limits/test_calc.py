"""Levels of limited signals: by hand, and against a slow version that looks at one value a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.analyse.limits import calc
from millbrain.analyse.limits.example import example
from millbrain.core.columns import Columns
from millbrain.core.errors import LimitError
from millbrain.core.plant.readings import BAD, GOOD, UNCERTAIN
from millbrain.core.plant.signal_limits import SignalLimits, limits_of

OVEN = SignalLimits("OVEN", "zone_degc", 10, 20, 80, 90, deadband=3, number=1)
LINE = SignalLimits("LINE", "pressure_kpa", low=2, number=1)


def readings(*rows: tuple[bytes, bytes, int, float], quality: int = GOOD) -> Columns:
    thing, signal, at, value = zip(*rows, strict=True)
    return Columns(len(rows), {
        "thing": np.array(thing, object), "signal": np.array(signal, object),
        "device_at": np.array(at, np.int64), "value": np.array(value, np.float64),
        "quality": np.full(len(rows), quality, np.uint8),
    })  # fmt: skip


def oven(*values: float, start: int = 1) -> Columns:
    return readings(*((b"OVEN", b"zone_degc", start + n, v) for n, v in enumerate(values)))


def run(rows: Columns, state: calc.State | None = None) -> list[tuple[int, float, int, int]]:
    limits = (OVEN, LINE)
    state = calc.State.blank(2) if state is None else state
    series = calc.Finder(limits).series(rows)
    found = calc.judge(calc.bounds_of(limits), state, series, rows)
    parts = (found.series, found.value, found.before, found.after)
    return list(zip(*(part.tolist() for part in parts), strict=True))


def test_a_level_is_entered_at_once_and_left_by_more_than_the_deadband() -> None:
    assert run(oven(50, 80, 80.1, 78, 77, 76.9)) == [(0, 80.1, 0, 1), (0, 77.0, 1, 0)]
    assert run(oven(50, 95, 88, 87, 79, 70)) == [(0, 95.0, 0, 2), (0, 87.0, 2, 1), (0, 70.0, 1, 0)]
    assert run(oven(50, 5, 12, 14, 22, 24)) == [
        (0, 5.0, 0, -2),
        (0, 14.0, -2, -1),
        (0, 24.0, -1, 0),
    ]


def test_from_one_side_to_the_other() -> None:
    assert run(oven(85, 15)) == [(0, 85.0, 0, 1), (0, 15.0, 1, -1)]


def test_what_says_nothing_changes_nothing() -> None:
    state = calc.State.blank(2)
    assert run(oven(85, start=100), state) == [(0, 85.0, 0, 1)]
    assert run(oven(50, start=100), state) == []  # not newer
    assert run(readings((b"OVEN", b"zone_degc", 200, 50.0), quality=BAD), state) == []
    assert run(readings((b"OVEN", b"zone_degc", 201, float("nan"))), state) == []
    assert (
        run(readings((b"OVEN", b"other", 202, 50.0), (b"X", b"zone_degc", 203, 50.0)), state) == []
    )
    assert run(readings((b"OVEN", b"zone_degc", 204, 50.0), quality=UNCERTAIN), state) == [
        (0, 50.0, 1, 0)
    ]


def test_a_missing_value_is_no_value() -> None:
    rows = oven(85)
    assert run(Columns(1, rows.values, {"value": np.array([True])})) == []


def test_each_signal_stands_by_itself_and_rows_may_be_out_of_order() -> None:
    rows = readings(
        (b"LINE", b"pressure_kpa", 9, 3.0),
        (b"OVEN", b"zone_degc", 5, 85.0),
        (b"LINE", b"pressure_kpa", 4, 1.0),
    )
    assert run(rows) == [(1, 1.0, 0, -1), (0, 85.0, 0, 1), (1, 3.0, -1, 0)]


def test_the_example_is_what_its_comment_says() -> None:
    assert example() == [(82.0, 0, 1), (96.0, 1, 2), (74.0, 2, 0)]


def slow(values: list[float]) -> list[tuple[float, int, int]]:
    """Look at one value at a time, with a chain of ifs per level held."""
    held, found = 0, []
    for value in values:
        high_high, high = (90, 80) if held < 1 else (90, 77)
        if held == 2:
            high_high = 87
        low_low, low = (10, 20) if held > -1 else (10, 23)
        if held == -2:
            low_low = 13
        now = 2 if value > high_high else 1 if value > high else 0
        if not now:
            now = -2 if value < low_low else -1 if value < low else 0
        if now != held:
            found.append((value, held, now))
        held = now
    return found


@given(st.lists(st.integers(0, 100).map(float), max_size=60), st.integers(1, 59))
def test_any_values_cut_anywhere_agree_with_the_slow_version(values: list[float], cut: int) -> None:
    state = calc.State.blank(2)
    found = []
    for start, part in ((1, values[:cut]), (1 + cut, values[cut:])):
        if part:
            found += run(oven(*part, start=start), state)
    assert [row[1:] for row in found] == slow(values)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "none is given"),
        ({"low": 5, "high": 5}, "low_low < low < high < high_high is allowed"),
        ({"high": float("inf")}, "finite numbers are allowed"),
        ({"high": 1, "deadband": -1}, "0 or more"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(
    given: dict[str, float], sentence: str
) -> None:
    with pytest.raises(LimitError, match=sentence):
        limits_of({"thing": "T", "signal": "s", **given})
