"""Packed rows are what they were, and cost little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import FrameError
from millbrain.run.edge.packing import Rows, joined, pack, unpack

NOW = 1_700_000_000_000
row = st.tuples(
    st.integers(0, 2**31 - 1), st.integers(0, 2**60), st.floats(), st.integers(0, 255),
    st.binary(max_size=30),
)  # fmt: skip


def rows_of(listed: list[tuple[int, int, float, int, bytes]], *, text: bool = True) -> Rows:
    return Rows(
        np.array([r[0] for r in listed], np.int32), np.array([r[1] for r in listed], np.int64),
        np.array([r[2] for r in listed], np.float64), np.array([r[3] for r in listed], np.uint8),
        [r[4] for r in listed] if text else None,
    )  # fmt: skip


def same(a: Rows, b: Rows) -> bool:
    return (
        a.series.tolist() == b.series.tolist()
        and a.device_at.tolist() == b.device_at.tolist()
        and a.value.tobytes() == b.value.tobytes()
        and a.quality.tolist() == b.quality.tolist()
        and (list(a.text) if a.text is not None else None) == b.text
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(row, min_size=1, max_size=50), st.booleans())
def test_what_is_packed_is_unpacked(
    listed: list[tuple[int, int, float, int, bytes]], text: bool
) -> None:
    rows = rows_of(listed, text=text)
    assert same(rows, unpack(pack(rows)))


def test_batches_with_and_without_text_are_joined() -> None:
    a, b = rows_of([(1, NOW, 1.0, 192, b"x")]), rows_of([(2, NOW, 2.0, 0, b"")], text=False)
    both = joined([b, a])
    assert both.series.tolist() == [2, 1]
    assert both.text == [b"", b"x"]
    assert both.ordered().series.tolist() == [1, 2]
    assert both.ordered().text == [b"x", b""]


def test_steady_signals_cost_few_bytes() -> None:
    noise = np.random.default_rng(1)
    many, seconds = 200, 50
    value = np.round(50 + noise.normal(0, 0.3, many * seconds), 2)
    rows = Rows(
        np.repeat(np.arange(many, dtype=np.int32), seconds),
        np.tile(NOW + np.arange(seconds) * 1000, many), value,
        np.full(many * seconds, 192, np.uint8),
    )  # fmt: skip
    assert len(pack(rows)) / len(rows) < 6


@pytest.mark.parametrize("raw", [b"", b"MBE1", b"XXXX" + bytes(40), b"MBE1\x05\0\0\0" + bytes(60)])
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(raw)
