"""A history that passes by is counted as one that is read, however it is cut."""

from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery import backfill, history
from millbrain.analyse.battery.calc.inputs import is_ordered, pack_reports
from millbrain.analyse.battery.chores.counting import book_of, count
from millbrain.analyse.battery.chores.marks import Marks
from millbrain.analyse.battery.chores.windows import Window
from millbrain.analyse.battery.tables import TABLES
from millbrain.core.columns import Columns, Ragged, concat
from millbrain.core.facts import SHARED_TABLES
from millbrain.record.warehouse import Warehouse, create_tables
from tests.analyse.battery.test_chores import DAY_S, MIDNIGHT, charge, everything, put

PLAIN, TWO_PACKS, OTHER_PACK = b"LNEVTEST0N0000001", b"LNEVTEST0N0000002", b"LNEVTEST0N0000003"
BOOK = book_of({}, {})


def lists(rows: int, row: list[Any], kind: str) -> Ragged:
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(len(row))
    return Ragged(offsets, np.tile(np.array(row, kind), rows))


def history_of(vin: bytes, days: int, packs: list[int]) -> Columns:
    """Charges over midnight; on some days a jump of the SOC, a drive with the DC-DC off."""
    parts = []
    for day in range(days):
        part = charge(MIDNIGHT + day * DAY_S - 3_600, low=20 + day)
        soc, dcdc = part.array("soc_pct").copy(), part.array("dcdc_state").copy()
        if day % 3 == 1:
            soc[60:] += 8
        if day % 3 == 2:
            dcdc[-8:] = 2
        parts.append(Columns(part.rows, part.values | {"soc_pct": soc, "dcdc_state": dcdc}))
    whole = concat(parts)
    rows = whole.rows
    told: dict[str, Any] = {"vin": np.full(rows, vin)}
    if packs:
        told["pack_no"] = lists(rows, packs, "u1")
        told["pack_cell_count"] = lists(rows, [96 // len(packs)] * len(packs), "u2")
        told["pack_current_a"] = lists(rows, [-19.0] * len(packs), "f4")
    return Columns(rows, whole.values | told, whole.missing)


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    return warehouse


def emptied(store: Warehouse) -> list[bytes]:
    found = everything(store)
    for table in ("battery_charge", "battery_health", "battery_event"):
        store.execute(f"TRUNCATE TABLE {table}")
    return found


@pytest.mark.parametrize("rows_a_span", [200, 1_000_000])
@pytest.mark.parametrize("vehicles_a_shard", [1, 3])
def test_passing_by_is_as_good_as_reading(
    store: Warehouse, monkeypatch: pytest.MonkeyPatch, rows_a_span: int, vehicles_a_shard: int
) -> None:
    for vin, packs in ((PLAIN, []), (TWO_PACKS, [1, 2]), (OTHER_PACK, [3])):
        put(store, history_of(vin, 6, packs), 1)
    windows = [Window(v.decode(), MIDNIGHT - DAY_S, MIDNIGHT + 7 * DAY_S)
               for v in (PLAIN, TWO_PACKS, OTHER_PACK)]  # fmt: skip
    for _ in range(2):  # the second time every capacity is known
        count(store, windows, 9, BOOK, Marks(store).next_ms())
    read = emptied(store)
    assert all(read)
    monkeypatch.setattr(history, "ROWS_A_SPAN", rows_a_span)
    monkeypatch.setattr(backfill, "VEHICLES_A_SHARD", vehicles_a_shard)
    for _ in range(2):
        for shard in backfill.shards(store, lambda: 9, [], 0, 30_000, {}):
            backfill.recompute(store, shard)
        assert everything(store) == read


def test_lists_are_left_out_where_each_has_one_pack(store: Warehouse) -> None:
    put(store, history_of(PLAIN, 2, [1]), 1)
    (shard,) = backfill.shards(store, lambda: 9, [], 0, 30_000, {})
    assert shard.lists == history.Lists(probes=False, packs=False)
    spans = history.spans(range(shard.since_day, shard.until_day + 1), 300)
    every = [
        [pack_reports(step) for step in history.batches(store, shard.vins, spans, 9, given)
         if isinstance(step, Columns)]
        for given in (shard.lists, history.Lists(probes=True, packs=True))
    ]  # fmt: skip
    for one, other in zip(*every, strict=True):
        for name in ("vin", "pack_no", "device_at", "current_da", "counts", "begins", "cells_mv"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert set(one.current_da.tolist()) == {-190}


def test_order_is_by_vehicle_and_instant() -> None:
    def rows(vins: list[bytes], at: list[int]) -> Columns:
        return Columns(len(at), {"vin": np.array(vins), "device_at": np.array(at, np.uint32)})

    assert is_ordered(rows([b"A", b"A", b"B"], [1, 2, 1]))
    assert is_ordered(rows([], []))
    assert not is_ordered(rows([b"A", b"A", b"B"], [1, 1, 1])), "one of an instant"
    assert not is_ordered(rows([b"B", b"A"], [1, 2]))
