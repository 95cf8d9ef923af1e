"""Charges, health and events counted from a real warehouse: whole, once, and the same every way."""

import time
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery import backfill
from millbrain.analyse.battery.chores import charge_watch, rota
from millbrain.analyse.battery.chores.counting import Book, Counted, book_of, count, rated_of
from millbrain.analyse.battery.chores.due import Due
from millbrain.analyse.battery.chores.marks import CHARGES, Mark, Marks
from millbrain.analyse.battery.chores.windows import Window, reader, whole
from millbrain.analyse.battery.model import ChargeRules, StrategyRules
from millbrain.analyse.battery.tables import TABLES
from millbrain.core.columns import Columns
from millbrain.core.errors import StoreError
from millbrain.core.facts import SHARED_TABLES, VEHICLE_REPORT
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables
from tests.analyse.battery.made import FIRST_AT, VIN, reports
from tests.analyse.battery.test_app import Failing, Rig, facts

NAME = VIN.decode()
MIDNIGHT = 1_700_064_000  # 2023-11-16 00:00 in Beijing
BOOK = book_of({}, {})
DAY_S = 86_400


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    return warehouse


def charge(start: int, minutes: int = 120, low: float = 20, **more: Any) -> Columns:
    """A charge from `low` on at 40 A and 100 Ah, a report a minute, and a drive on either side."""
    step = np.arange(-10, minutes + 10)
    is_on = (step >= 0) & (step < minutes)
    soc = low + np.clip(step, 0, minutes) / 60 * 40
    values: dict[str, Any] = {
        "device_at": (start + 60 * step).astype(np.uint32),
        "current_a": np.where(is_on, -40, 5).astype(np.float32),
        "voltage_v": np.full(len(step), 350, np.float32),
        "soc_pct": np.floor(soc + 1e-6).astype(np.uint8),
        "charge_state": np.where(is_on, 1, 3).astype(np.uint8),
        "vehicle_state": np.ones(len(step), np.uint8),
        "speed_kmh": np.where(is_on, 0, 30).astype(np.float32),
        "dcdc_state": np.ones(len(step), np.uint8),
        "temp_max_degc": np.full(len(step), 25, np.int16),
        "temp_min_degc": np.full(len(step), 24, np.int16),
    }
    return facts(reports(np.full((len(step), 96), 3_650), **(values | more)))


def put(store: Warehouse, columns: Columns, batch: int) -> None:
    """Store reports as one commit, those of a day of arrival at once."""
    columns = Columns(columns.rows, columns.values | {"batch": np.full(columns.rows, batch, "u8")})
    days = columns.array("received_at") // 86_400_000
    for day in np.unique(days):
        part = columns.take(np.flatnonzero(days == day))
        store.insert(VEHICLE_REPORT, arrow_batch(VEHICLE_REPORT, part))


def everything(store: Warehouse) -> list[bytes]:
    return [
        store.query_bytes(f"SELECT * EXCEPT (as_of) FROM {table} FINAL ORDER BY ALL", "TSV")
        for table in ("battery_charge", "battery_health", "battery_event")
    ]


def charges_of(store: Warehouse) -> list[tuple[int, int]]:
    rows = store.query(
        "SELECT toUInt32(start_at) AS a, toUInt32(end_at) AS b FROM battery_charge FINAL ORDER BY a"
    ).to_pylist()
    return [(row["a"], row["b"]) for row in rows]


def look(store: Warehouse, low: int, high: int, upto: int = 99, book: Book = BOOK) -> Counted:
    as_of_ms = Marks(store).next_ms()
    return count(store, [Window(NAME, low, high)], upto, book, as_of_ms)


def test_a_charge_over_midnight_is_whole_whichever_minutes_one_looks_at(store: Warehouse) -> None:
    start = MIDNIGHT - 5 * 3_600
    put(store, charge(start, minutes=600, low=10), 1)
    whole_charge = [(start, start + 599 * 60)]  # the report after it is of another state
    for low, high in ((MIDNIGHT, MIDNIGHT), (start, start), (MIDNIGHT + 3_000, MIDNIGHT + 9_000)):
        store.execute("TRUNCATE TABLE battery_charge")
        assert look(store, low, high).charges == 1
        assert charges_of(store) == whole_charge
        assert look(store, low, high) == Counted(0, 0, 0), "the same again writes nothing"


def test_batches_that_are_not_settled_and_reports_from_the_future_do_not_count(
    store: Warehouse,
) -> None:
    put(store, charge(MIDNIGHT), 1)
    put(store, charge(MIDNIGHT + DAY_S), 2)
    late = charge(MIDNIGHT + 2 * DAY_S)
    late.values["received_at"] = late.array("received_at") - 2 * DAY_S * 1_000
    put(store, late, 1)
    look(store, MIDNIGHT, MIDNIGHT + 3 * DAY_S, upto=1)
    assert [a for a, _ in charges_of(store)] == [MIDNIGHT]


def test_late_reports_move_a_charge_and_the_old_one_is_void(store: Warehouse) -> None:
    columns = charge(MIDNIGHT)
    late = np.arange(columns.rows) < 40
    put(store, columns.take(np.flatnonzero(~late)), 1)
    look(store, MIDNIGHT + 1_800, MIDNIGHT + 7_200)
    assert [a for a, _ in charges_of(store)] == [MIDNIGHT + 1_800]
    put(store, columns.take(np.flatnonzero(late)), 2)
    look(store, MIDNIGHT - 600, MIDNIGHT + 1_740)
    assert charges_of(store) == [(MIDNIGHT, MIDNIGHT + 119 * 60)]
    kept = store.query("SELECT count() AS n, sum(is_void) AS void FROM battery_charge").to_pylist()
    assert kept == [{"n": 3, "void": 1}]


def test_a_late_drive_cuts_a_charge_in_two(store: Warehouse) -> None:
    columns = charge(MIDNIGHT)
    at = columns.array("device_at").astype(np.int64) - MIDNIGHT
    put(store, columns.take(np.flatnonzero((at < 3_000) | (at >= 3_060))), 1)
    look(store, MIDNIGHT, MIDNIGHT + 7_200)
    assert len(charges_of(store)) == 1
    driven = columns.take(np.flatnonzero(at == 3_000))
    driven.values["charge_state"] = np.array([3], np.uint8)
    put(store, driven, 2)
    look(store, MIDNIGHT + 3_000, MIDNIGHT + 3_000)
    assert [(a - MIDNIGHT, b - MIDNIGHT) for a, b in charges_of(store)] == [
        (0, 2_940), (3_060, 119 * 60),
    ]  # fmt: skip


def test_a_run_with_the_dcdc_off_is_one_event_wherever_one_looks(store: Warehouse) -> None:
    long = facts(reports(
        np.full((600, 96), 3_650),
        device_at=(MIDNIGHT + 30 * np.arange(600)).astype(np.uint32),
        charge_state=np.full(600, 3, np.uint8), speed_kmh=np.full(600, 50, np.float32),
        dcdc_state=np.full(600, 2, np.uint8), vehicle_state=np.ones(600, np.uint8),
    ))  # fmt: skip
    put(store, long, 1)
    look(store, MIDNIGHT + 9_000, MIDNIGHT + 9_030)
    (event,) = store.query("SELECT toUInt32(device_at) AS at, value FROM battery_event FINAL"
                           ).to_pylist()  # fmt: skip
    assert event == {"at": MIDNIGHT, "value": 599 * 30}


def test_a_rating_of_the_register_is_what_health_is_compared_with(store: Warehouse) -> None:
    for day in range(4):
        put(store, charge(MIDNIGHT + day * DAY_S), day + 1)
    things = {NAME: {"rated_capacity_ah": "125"}, "B": {"rated_capacity_ah": "much"}, "C": {},
              "D": {"rated_capacity_ah": -3}, "E": {"rated_capacity_ah": None}}  # fmt: skip
    assert rated_of(things) == {NAME: 125.0}
    look(store, MIDNIGHT, MIDNIGHT + 4 * DAY_S, book=book_of({}, rated_of(things)))
    rows = store.query("SELECT reference, reference_ah, soh_pct FROM battery_health FINAL"
                       " WHERE method = 'charge' ORDER BY day").to_pylist()  # fmt: skip
    assert len(rows) == 2, "from the third charge on"
    for row in rows:
        assert str(row["reference"]) in ("rated", "b'rated'")
        assert (row["reference_ah"], row["soh_pct"]) == (125, pytest.approx(80, abs=0.1))


def test_every_part_of_the_wider_windows_is_read_once(store: Warehouse) -> None:
    put(store, charge(MIDNIGHT - 5 * 3_600, minutes=600, low=10), 1)
    windows = [Window(NAME, MIDNIGHT, MIDNIGHT), Window("OTHER", 5, 6)]
    found = list(whole(reader(store, 9), windows, ChargeRules(), StrategyRules()))
    assert sorted(w.vin for own, _ in found for w in own) == [NAME, "OTHER"]
    assert sum(columns.rows for _, columns in found) == 620
    sizes = [c.array("cells") for _, c in found]
    assert {int(n) for own in sizes for n in own} == {96}


def days_of_charges(count: int) -> Columns:
    parts = [charge(FIRST_AT + day * DAY_S + 40_000, low=20 + day % 3) for day in range(count)]
    values = {n: np.concatenate([p.array(n) for p in parts])
              for n in parts[0].values if n != "cells_mv"}  # fmt: skip
    made = reports(np.full((sum(p.rows for p in parts), 96), 3_650))
    soc = values["soc_pct"].astype(np.int64)  # one jump of the SOC on every other day
    jumped = (soc >= 50) & ((values["device_at"] - FIRST_AT) // DAY_S % 2 == 0)
    values["soc_pct"] = np.where(jumped, soc + 7, soc).astype(np.uint8)
    return Columns(made.rows, made.values | values)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charge_watch, "SCAN_S", 0.05)
    monkeypatch.setattr(charge_watch, "MARK_S", 0.0)
    monkeypatch.setattr(rota, "IDLE_S", 0.02)
    monkeypatch.setattr(rota, "PAUSE_S", 0.1)


def rig_of(store: Warehouse) -> Rig:
    return Rig(store, chore_share_ratio=1.0, charge_wait_s=1, fleet_s=3_600)


def settled(rig: Rig) -> bool:
    told = rig.app.status()["chores"]["charges"]
    mark = Marks(rig.store).read(CHARGES)
    newest = rig.intake.newest
    return not told["waiting"] and told["mark"] == newest and mark == Mark(newest, 0)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_engine_and_backfill_leave_the_same_rows(store: Warehouse) -> None:
    columns = days_of_charges(8)
    rig = rig_of(store)
    try:
        for rows in np.array_split(np.arange(columns.rows), 5):  # charges are cut anywhere
            rig.put(columns.take(rows))
            time.sleep(0.5)
        rig.wait(lambda: settled(rig))
    finally:
        rig.down()
    streamed = everything(store)
    # Health needs three charges that agree, and of the first three two have jumped.
    assert [len(rows.splitlines()) for rows in streamed] == [8, 5, 4]
    for table in ("battery_charge", "battery_health", "battery_event"):
        store.execute(f"TRUNCATE TABLE {table}")
    (shard,) = backfill.shards(store, lambda: 99, (), 0, 30_000, {})
    backfill.recompute(store, shard)
    assert everything(store) == streamed


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_cut_between_any_two_steps_it_ends_the_same(
    store: Warehouse, nth: int, stored: bool
) -> None:
    columns = days_of_charges(4)
    put(store, columns, 1)
    Marks(store).write(CHARGES, Mark(0, 0))
    cut = Failing(store, nth, stored=stored)
    watch = watching(cut)
    with pytest.raises(StoreError, match="cut"):
        work(watch)
    work(watching(store))  # as after a kill: nothing but the disk is left
    ended = everything(store)
    assert Marks(store).read(CHARGES) == Mark(1, 0)
    for table in ("battery_charge", "battery_health", "battery_event"):
        store.execute(f"TRUNCATE TABLE {table}")
    at = columns.array("device_at").astype(np.int64)
    look(store, int(at.min()), int(at.max()))
    assert ended == everything(store)
    assert [len(rows.splitlines()) for rows in ended] == [4, 1, 2]


def work(watch: charge_watch.ChargeWatch) -> None:
    for _ in range(10):
        watch.step()


def watching(store: Any) -> charge_watch.ChargeWatch:
    ground = Ground(store, lambda: 1, lambda _: None, {"charge_wait_s": 1}, 1)
    watch = charge_watch.ChargeWatch(ground, Marks(store), 0)
    watch._due._wait_s = 0.0
    return watch


def test_a_vehicle_waits_until_its_charge_has_ended_and_holds_the_mark(store: Warehouse) -> None:
    columns = charge(MIDNIGHT)
    at = columns.array("device_at").astype(np.int64) - MIDNIGHT
    due = Due(store, 0, charge_wait_s=20_000, silence_s=1_800)
    put(store, columns.take(np.flatnonzero(at < 3_600)), 1)
    due.scan(1)
    assert (len(due), due.ready, due.mark) == (1, 0, 0), "it charges"
    put(store, columns.take(np.flatnonzero(at >= 3_600)), 2)
    due.scan(2)
    assert (due.ready, due.mark) == (1, 0), "it drives"
    windows = [Window(NAME, MIDNIGHT - 600, MIDNIGHT + 129 * 60)]
    assert due.next(10, 10) == windows
    assert (due.ready, due.mark) == (0, 0), "looked at, and not known to be done"
    due.scan(2)
    assert due.next(10, 10) == windows
    due.done(windows)
    assert (len(due), due.mark) == (0, 2)
    assert due.next(10, 10) == []
