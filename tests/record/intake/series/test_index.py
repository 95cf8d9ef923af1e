"""Slots of series: one each, stable, and still comparable when the index is full."""

import numpy as np

from millbrain.record.intake.series.index import SeriesIndex
from tests.record.intake.series.made import readings


def slots(index: SeriesIndex, *pairs: tuple[str, str]) -> list[int]:
    return [int(n) for n in index.slots(readings([(t, s, 0, 0.0) for t, s in pairs]))]


def test_a_series_is_a_signal_of_a_thing() -> None:
    index = SeriesIndex()
    assert slots(index, ("A", "x"), ("B", "x"), ("A", "y"), ("A", "x")) == [0, 1, 2, 0]
    things, signals = index.names(np.array([2, 1]))
    assert (things.tolist(), signals.tolist()) == ([b"A", b"B"], [b"y", b"x"])
    assert index.find(np.array([b"B", b"C"]), np.array([b"x", b"x"])).tolist()[0] == 1
    assert len(index) == 3


def test_growing_keeps_every_slot() -> None:
    index = SeriesIndex()
    pairs = [(f"M{i % 97}", f"s{i // 97}") for i in range(9_000)]
    assert slots(index, *pairs) == list(range(9_000))
    assert slots(index, *pairs) == list(range(9_000))


def test_a_series_beyond_the_limit_has_the_same_negative_name_each_time() -> None:
    index = SeriesIndex(4)
    pairs = [(f"M{i}", "s") for i in range(8)]
    first = slots(index, *pairs)
    assert first[:4] == [0, 1, 2, 3]
    assert all(s < 0 for s in first[4:])
    assert len(set(first)) == 8
    assert slots(index, *pairs) == first
    names = readings([(t, s, 0, 0.0) for t, s in pairs])
    assert index.find(names.array("thing"), names.array("signal")).tolist() == first
