"""The backfill reads no more than it needs, and misses nothing."""

import numpy as np
import pytest

from millbrain.analyse.battery import backfill, reading
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.tables import TABLES
from millbrain.core.columns import Columns, Ragged, concat
from millbrain.core.facts import SHARED_TABLES, VEHICLE_REPORT
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from tests.analyse.battery.made import FIRST_AT, Pack

TOLD, UNTOLD = "LNEVTEST0N0000001", "LNEVTEST0N0000002"


def reports(vin: str, *, told: bool) -> Columns:
    """Return a day of reports with the probes 25 and 31 degC; only some tell the extremes."""
    columns = Pack(days=1).columns()
    rows = columns.rows
    probes = Ragged(np.arange(0, 2 * rows + 1, 2, dtype=np.int32),
                    np.tile(np.array([25, 31], np.int16), rows))  # fmt: skip
    values = {
        "vin": np.full(rows, vin.encode()),
        "received_at": np.full(rows, (FIRST_AT + 86_400) * 1_000, np.int64),
        "link": np.full(rows, b"city-01"),
        "frame_count": np.ones(rows, np.uint8),
        "batch": np.ones(rows, np.uint64),
        "temps_degc": probes,
        "temp_max_degc": np.full(rows, 31, np.int16),
        "temp_min_degc": np.full(rows, 25, np.int16),
    }
    gone = np.full(rows, not told)
    missing = columns.missing | {"temp_max_degc": gone, "temp_min_degc": gone}
    return Columns(rows, columns.values | values, missing)


@pytest.fixture
def stored(warehouse: EmbeddedWarehouse) -> EmbeddedWarehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    both = concat([reports(TOLD, told=True), reports(UNTOLD, told=False)])
    warehouse.insert(VEHICLE_REPORT, arrow_batch(VEHICLE_REPORT, both))
    return warehouse


def test_lists_of_probes_are_read_only_where_the_extremes_are_not_told(
    stored: EmbeddedWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "VEHICLES_A_SHARD", 1)
    shards = backfill.shards(stored, lambda: 1, [], 0, 30_000, {})
    assert [(s.vins, s.lists.probes) for s in shards] == [((TOLD,), False), ((UNTOLD,), True)]
    assert [backfill.recompute(stored, shard).days for shard in shards] == [1, 1]
    rows = stored.query("SELECT temp_max_degc FROM battery_day FINAL ORDER BY vin").to_pylist()
    assert [row["temp_max_degc"] for row in rows] == [31, 31]


def test_what_is_not_read_changes_nothing(stored: EmbeddedWarehouse) -> None:
    days = np.arange(FIRST_AT // 86_400, FIRST_AT // 86_400 + 3)
    few, all_ = (reading.of_days(stored, [TOLD], days, 1, probes=p) for p in (False, True))
    assert few.rows == all_.rows == 240
    one, other = pack_reports(few), pack_reports(all_)
    for name in ("device_at", "temp_max_degc", "temp_min_degc", "cells_mv", "current_da"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
