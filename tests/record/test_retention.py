"""Retention: whole days and months go when their last row is past its time, not before."""

import dataclasses
from datetime import UTC, date, datetime

import pytest

from millbrain.core.errors import StoreError
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.tables import Column, Table
from millbrain.record.retention import Dropped, last_day, sweep
from millbrain.record.warehouse import create_tables

DAILY = Table(
    "daily",
    "By day",
    "按日",
    (
        Column("vin", "text", "Vehicle", "车辆"),
        Column("received_at", "at_ms", "Arrival", "接收时刻"),
    ),
    order_by=("vin",),
    partition_by="toYYYYMMDD(received_at)",
    keep_days=3,
)
MONTHLY = Table(
    "monthly",
    "By month",
    "按月",
    (Column("vin", "text", "Vehicle", "车辆"), Column("day", "day", "Day", "日期")),
    order_by=("vin",),
    partition_by="toYYYYMM(day)",
    keep_days=30,
    keep_by="day",
)


def test_days_go_once_their_last_row_is_too_old(warehouse):
    create_tables(warehouse, [DAILY])
    warehouse.execute(
        "INSERT INTO daily SELECT toString(number), toDateTime64('2026-03-01 12:00:00', 3, 'UTC') "
        "+ INTERVAL number DAY FROM numbers(6)"
    )
    now = datetime(2026, 3, 6, 0, 0, 1, tzinfo=UTC)
    assert sweep(warehouse, [DAILY], now=now) == [
        Dropped("daily", "20260301", 1),
        Dropped("daily", "20260302", 1),
    ]
    left = warehouse.query("SELECT min(toDate(received_at)) AS day, count() AS n FROM daily")
    assert left.to_pylist() == [{"day": date(2026, 3, 3), "n": 4}]
    assert sweep(warehouse, [DAILY], now=now) == []


def test_a_month_goes_only_when_its_last_day_does(warehouse):
    create_tables(warehouse, [MONTHLY])
    warehouse.execute("INSERT INTO monthly VALUES ('a', '2026-01-01'), ('b', '2026-02-01')")
    assert sweep(warehouse, [MONTHLY], now=datetime(2026, 3, 2, tzinfo=UTC)) == []
    assert sweep(warehouse, [MONTHLY], now=datetime(2026, 3, 3, tzinfo=UTC)) == [
        Dropped("monthly", "202601", 1)
    ]


def test_the_shared_tables_can_all_be_swept(warehouse):
    create_tables(warehouse, SHARED_TABLES)
    assert sweep(warehouse, SHARED_TABLES) == []


def test_tables_kept_for_ever_and_tables_that_are_not_there(warehouse):
    assert sweep(warehouse, [dataclasses.replace(DAILY, keep_days=0), MONTHLY]) == []


def test_a_table_partitioned_by_something_else_is_refused(warehouse):
    with pytest.raises(StoreError, match=r"kept 3 days by received_at, but is partitioned by vin"):
        sweep(warehouse, [dataclasses.replace(DAILY, partition_by="vin")])


def test_the_last_day_of_december():
    assert last_day("202612") == date(2026, 12, 31)
    assert last_day("202402") == date(2024, 2, 29)
