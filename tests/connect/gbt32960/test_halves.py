"""Split packs: any cut into frames, in any order, gives back the one list of cells."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.connect.gbt32960 import codec, columnar
from millbrain.connect.gbt32960.halves import Halves
from millbrain.core.columns import Columns
from millbrain.core.facts import BLOCK_CELLS, BLOCK_ENGINE, BLOCK_EXTREMES, BLOCK_PARTIAL

SIX = bytes((25, 11, 3, 14, 5, 59))
Piece = tuple[int, int, int, list[int]]  # pack number, announced total, first cell, cells [mV]


def frame(vin: str, second: int, pieces: list[Piece], *, engine: bool = False) -> bytes:
    """A realtime frame with a block 08 written by hand from annex B of the 2016 edition."""
    unit = bytearray(SIX[:5] + bytes((second,)))
    unit += bytes((0x08, len(pieces)))
    for pack, total, start, cells in pieces:
        unit += bytes((pack,)) + (3800).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
        unit += total.to_bytes(2, "big") + start.to_bytes(2, "big") + bytes((len(cells),))
        unit += b"".join(mv.to_bytes(2, "big") for mv in cells)
    if engine:
        unit += bytes.fromhex("04 01 04d9 0237")
    return codec.build_frame(2016, 0x02, 0xFE, vin, bytes(unit))


def feed(halves: Halves, frames: list[bytes]) -> list[Columns]:
    """Decode frames as one batch, give its halves to `halves`, return what is ready."""
    buffer = np.frombuffer(b"".join(frames), np.uint8).copy()
    ends = np.cumsum([len(f) for f in frames]).astype(np.int32)
    starts = np.concatenate(([0], ends[:-1])).astype(np.int32)
    decoded = columnar.decode_columns(buffer, starts, ends)
    rows = decoded.columns
    rows.values["link"] = np.full(rows.rows, b"direct")
    rows.values["received_at"] = np.arange(rows.rows, dtype=np.int64)
    which = np.flatnonzero(decoded.status[decoded.frame] & columnar.PARTIAL)
    assert len(which) == rows.rows
    halves.add(rows, decoded, which)
    return halves.ready()


def cells_of(rows: Columns) -> dict[tuple[bytes, int], list[int]]:
    keys = zip(rows.array("vin"), rows.array("device_at"), strict=True)
    lists = rows.ragged("cells_mv").lists()
    return {(bytes(v), int(t)): c.tolist() for (v, t), c in zip(keys, lists, strict=True)}


def one(rows: Columns, name: str) -> Any:
    return rows.array(name)[0]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_cut_in_any_order_gives_back_the_cells(data: st.DataObject) -> None:
    frames: list[bytes] = []
    wanted: dict[bytes, list[int]] = {}
    for n in range(data.draw(st.integers(1, 4), "vehicles")):
        vin = f"LHALF{n:012d}"
        cells = data.draw(st.lists(st.integers(2500, 4300), min_size=2, max_size=400), "cells")
        cuts = data.draw(st.sets(st.integers(1, len(cells) - 1), min_size=1, max_size=3), "cuts")
        bounds = [0, *sorted(cuts), len(cells)]
        while max(np.diff(bounds)) > 200:
            widest = int(np.argmax(np.diff(bounds)))
            bounds.insert(widest + 1, (bounds[widest] + bounds[widest + 1]) // 2)
        frames += [
            frame(vin, 5, [(1, len(cells), s + 1, cells[s:e])])
            for s, e in itertools.pairwise(bounds)
        ]
        wanted[vin.encode()] = cells
    frames = data.draw(st.permutations(frames), "order")
    halves = Halves()
    (rows,) = feed(halves, frames)
    assert {vin: c for (vin, _), c in cells_of(rows).items()} == wanted
    assert int(rows.array("frame_count").sum()) == len(frames)
    for i, cells in enumerate(cells_of(rows).values()):
        assert rows.array("cell_max_mv")[i] == max(cells)
        assert rows.array("cell_max_no")[i] == cells.index(max(cells)) + 1
        assert rows.array("cell_min_mv")[i] == min(cells)
        assert rows.array("cell_min_no")[i] == cells.index(min(cells)) + 1


def test_two_packs_of_which_one_is_cut_keep_their_order_and_sizes() -> None:
    small, large = [3300, 3301], list(range(3000, 3250))
    first = frame("LTWO0000000000001", 5, [(1, 2, 1, small), (2, 250, 1, large[:200])])
    second = frame("LTWO0000000000001", 5, [(2, 250, 201, large[200:])], engine=True)
    (rows,) = feed(Halves(), [second, first])
    assert rows.ragged("cells_mv").values.tolist() == small + large
    assert rows.ragged("pack_cell_count").values.tolist() == [2, 250]
    assert rows.ragged("pack_no").values.tolist() == [1, 2]
    assert (one(rows, "cell_max_mv"), one(rows, "cell_max_pack_no")) == (3301, 1)
    assert (one(rows, "cell_min_mv"), one(rows, "cell_min_no")) == (3000, 1)
    assert one(rows, "engine_speed_rpm") == 1241
    mask = 1 << BLOCK_CELLS | 1 << BLOCK_EXTREMES | 1 << BLOCK_ENGINE
    assert one(rows, "blocks") == mask


def test_other_instants_and_vehicles_do_not_mix() -> None:
    halves = Halves()
    frames = [
        frame("LAAA0000000000001", 5, [(1, 4, 1, [3300, 3301])]),
        frame("LAAA0000000000001", 6, [(1, 4, 3, [3302, 3303])]),
        frame("LBBB0000000000001", 5, [(1, 4, 3, [3304, 3305])]),
    ]
    assert feed(halves, frames) == []
    assert halves.fresh() == {"direct": 3}
    (rows,) = halves.ready(final=True)
    assert rows.rows == 3
    assert all(mask >> BLOCK_PARTIAL & 1 for mask in rows.array("blocks"))


def test_a_part_that_comes_late_still_meets_the_one_that_waits() -> None:
    halves = Halves()
    assert feed(halves, [frame("LAAA0000000000001", 5, [(1, 4, 3, [3302, 3303])])]) == []
    (rows,) = feed(halves, [frame("LAAA0000000000001", 5, [(1, 4, 1, [3300, 3301])])])
    assert rows.ragged("cells_mv").values.tolist() == [3300, 3301, 3302, 3303]
    assert halves.ready(final=True) == []


def test_the_oldest_are_stored_alone_where_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millbrain.core.limits.SPLIT_PACKS_MAX", 2)
    frames = [frame(f"L{n:016d}", 5, [(1, 4, 1, [3300, 3301])]) for n in range(3)]
    (rows,) = feed(Halves(), frames)
    assert rows.rows == 3


def test_a_start_number_with_swapped_bytes_is_the_first_cell() -> None:
    swapped = frame("LAAA0000000000001", 5, [(1, 4, 0x0100, [3300, 3301])])
    rest = frame("LAAA0000000000001", 5, [(1, 4, 3, [3302, 3303])])
    (rows,) = feed(Halves(), [rest, swapped])
    assert rows.ragged("cells_mv").values.tolist() == [3300, 3301, 3302, 3303]
