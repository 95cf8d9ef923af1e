"""The app on a real warehouse and intake: what arrives is summed, written, judged and told."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery import backfill, held
from millbrain.analyse.battery.app import start
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.days_store import DaysStore
from millbrain.analyse.battery.tables import TABLES
from millbrain.core import limits
from millbrain.core.columns import Columns, Delivery
from millbrain.core.errors import StoreError
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.finding_rows import known
from millbrain.core.findings import Finding, Severity
from millbrain.core.rooms import Ground
from millbrain.hands import steps
from millbrain.record.intake import Intake
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.apps import Reporter
from tests.analyse.battery.made import FIRST_AT, Pack, same

NOW_S = int(time.time())


class Rig:
    """An intake with the app on it, as the engine puts them together."""

    def __init__(self, store: Warehouse, **parameters: float) -> None:
        self.store = store
        self.taken: list[Finding] = []
        self.parameters = {"flush_s": 0.2, "judge_share_ratio": 1.0} | parameters
        self.up()

    def up(self) -> None:
        self.intake = Intake(self.store)
        self.intake.start()
        self.app = start(self.ground())
        self.intake.show_to(self.app.take)

    def ground(self) -> Ground:
        return Ground(
            facts=self.store,
            settled=lambda: self.intake.settled,
            report=Reporter(self.store, self.taken.extend).report,
            parameters=self.parameters,
            newest=self.intake.newest,
        )

    def down(self) -> None:
        self.intake.stop()
        self.app.stop()

    def put(self, columns: Columns) -> None:
        """Send reports and wait until they are on disk."""
        done = threading.Event()
        tables = {"vehicle_report": columns}
        self.intake.put(Delivery({"city-01": columns.rows}, tables, (), done.set))
        assert done.wait(20)

    def wait(self, true: Callable[[], object], wait_s: float = 60) -> None:
        end = time.monotonic() + wait_s
        while not true():
            assert time.monotonic() < end, self.app.status()
            time.sleep(0.02)

    def written(self, failures: int = 0) -> bool:
        status = self.app.status()
        assert status["failures"] <= failures, status
        return status["flushed"] == self.intake.newest == self.intake.settled


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    return warehouse


@pytest.fixture
def rig(store: Warehouse) -> Iterator[Rig]:
    made = Rig(store)
    yield made
    made.down()


def facts(columns: Columns, **more: Any) -> Columns:
    """Give made reports what the intake asks for; they arrive a second after they were made."""
    rows = columns.rows
    values = {
        "received_at": columns.array("device_at").astype(np.int64) * 1_000 + 1_000,
        "link": np.full(rows, b"city-01"),
        "frame_count": np.ones(rows, np.uint8),
        "blocks": np.full(rows, 0x181, np.uint32),
        "edition": np.full(rows, 2016, np.uint16),
    }
    return Columns(rows, columns.values | values | more)


def parts(columns: Columns, count: int) -> list[Columns]:
    return [columns.take(rows) for rows in np.array_split(np.arange(columns.rows), count)]


def on_disk(store: Warehouse) -> Sums:
    """Everything in battery_day, as sums."""
    sums = Sums()
    for stored in DaysStore(store).days_since(0):
        sums.add(stored.block)
    return sums


def summed(columns: Columns) -> Sums:
    sums = Sums()
    sums.watch(pack_reports(columns))
    return sums


def test_a_weak_cell_goes_from_reports_to_a_finding(rig: Rig) -> None:
    columns = facts(Pack(days=8).lack(39, 6).columns())
    for part in parts(columns, 3):
        rig.put(part)
    rig.wait(lambda: rig.taken)
    rig.wait(rig.written)
    assert same(on_disk(rig.store), summed(columns))
    (found,) = known(rig.store, "battery", ["LNEVTEST0N0000001"])["LNEVTEST0N0000001"]
    assert found == rig.taken[-1]
    assert (found.cell_no, found.is_open) == (40, True)
    assert found.first_seen == FIRST_AT
    assert not rig.app.status()["last_error"]


class Failing:
    """A warehouse of which the n-th insert fails, before or after it is stored."""

    def __init__(self, store: Warehouse, nth: int, *, stored: bool) -> None:
        self.store, self.left, self.stored = store, nth, stored
        self.query = store.query

    def insert(self, table: Any, batch: Any, into: str | None = None) -> None:
        self.left -= 1
        if self.left == 0 and not self.stored:
            raise StoreError("cut before")
        self.store.insert(table, batch, into)
        if self.left == 0:
            raise StoreError("cut after")


@pytest.mark.slow
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6, 7])
def test_cut_anywhere_nothing_is_lost_or_counted_twice(
    store: Warehouse, monkeypatch: pytest.MonkeyPatch, nth: int, stored: bool
) -> None:
    monkeypatch.setattr(steps, "PAUSE_S_MIN", 0.01)
    monkeypatch.setattr(held, "ROWS_AT_ONCE_MAX", 1)  # several inserts a round
    columns = facts(Pack(days=5).lack(39, 6).columns())
    rig = Rig(store, flush_s=0.1)
    try:
        rig.app._follower._ground = replace(
            rig.ground(), facts=(failing := Failing(store, nth, stored=stored))
        )
        rig.app._follower._store._facts = failing
        for part in parts(columns, 2):
            rig.put(part)
            rig.wait(lambda: rig.written(failures=1))
        rig.wait(lambda: failing.left <= 0)
        rig.wait(lambda: rig.written(failures=1))
        assert same(on_disk(store), summed(columns))
    finally:
        rig.down()


@pytest.mark.slow
def test_restarted_it_goes_on_where_it_was(rig: Rig) -> None:
    columns = facts(Pack(days=6).lack(39, 6).columns())
    for part in parts(columns, 3):
        rig.put(part)
        rig.down()
        rig.up()
    rig.wait(rig.written)
    assert same(on_disk(rig.store), summed(columns))
    rig.wait(lambda: not rig.app.status()["waiting_vehicles"])
    assert len({f.key for f in rig.taken}) == 1


@pytest.mark.slow
def test_late_reports_bring_a_day_back(rig: Rig) -> None:
    columns = facts(Pack(days=6).columns())
    late = np.arange(columns.rows) % 5 == 0
    rig.put(columns.take(np.flatnonzero(~late)))
    rig.wait(rig.written)
    assert rig.app.status()["days_held"] == 0
    rig.put(columns.take(np.flatnonzero(late)[::-1]))
    rig.wait(lambda: rig.written() and rig.app.status()["reports"] == columns.rows)
    assert same(on_disk(rig.store), summed(columns))


@pytest.mark.slow
def test_batches_that_went_by_are_read_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANALYSIS_ROWS_QUEUED_MAX", 10)
    columns = facts(Pack(days=6).columns())
    for part in parts(columns, 3):
        rig.put(part)
    rig.wait(rig.written)
    assert rig.app.status()["missed_batches"] > 0
    assert same(on_disk(rig.store), summed(columns))


def test_reports_from_the_future_are_left_out_and_counted(rig: Rig) -> None:
    columns = facts(Pack(days=1).columns())
    arrived = columns.array("device_at").astype(np.int64) * 1_000
    ahead = np.arange(columns.rows) < 7
    columns.values["received_at"] = arrived - np.where(ahead, 86_401_000, 86_400_000)
    rig.put(columns)
    rig.wait(rig.written)
    assert rig.app.status()["ahead_of_time"] == 7
    assert same(on_disk(rig.store), summed(columns.take(np.flatnonzero(~ahead))))


@pytest.mark.slow
def test_a_day_that_a_backfill_wrote_meanwhile_is_summed_up_anew(rig: Rig) -> None:
    columns = facts(Pack(days=1).columns())
    early, late = parts(columns, 2)
    rig.put(early)
    rig.wait(rig.written)
    rig.app._follower._write_at = time.monotonic() + 3_600
    rig.put(late)
    rig.wait(lambda: rig.intake.settled == 2 and rig.app.status()["reports"] == columns.rows)
    store = DaysStore(rig.store)
    store.write(summed(columns).blocks(np.array([0])), 2, store.next_as_of_ms())
    rig.app._follower._write_at = 0.0
    rig.wait(rig.written)
    assert rig.app.status()["rebuilt"] == 1
    assert same(on_disk(rig.store), summed(columns))


def test_a_thermal_event_is_told_before_it_is_on_disk(store: Warehouse) -> None:
    rig = Rig(store, flush_s=3_600)
    columns = facts(
        Pack(days=1).columns().take(np.arange(50)),
        alarm_flags=np.where(np.arange(50) == 30, 1 << 23, 0).astype(np.uint32),
    )
    began = time.monotonic()
    with rig.intake.hold():
        done = threading.Event()
        rig.intake.put(Delivery({"city-01": 50}, {"vehicle_report": columns}, (), done.set))
        rig.wait(lambda: rig.taken)
        took_s = time.monotonic() - began
        assert not done.is_set()
    (found,) = rig.taken
    rig.down()
    assert (found.kind, found.call_out, found.severity) == ("thermal", True, Severity.DANGER)
    assert found.first_seen == FIRST_AT + 30 * 60
    assert took_s < 60, "the disk would have been waited for"


@pytest.mark.slow
def test_a_repair_is_judged_by_the_days_after_it(rig: Rig) -> None:
    weak = Pack(days=12)
    weak.lack(39, np.where(weak.day < 6, 6.0, 0.0))
    rig.put(facts(weak.columns()))
    rig.wait(rig.written)
    repaired = FIRST_AT + 5 * 86_400
    key = "LNEVTEST0N0000001|battery|self-discharge|1|40"
    found = rig.app.verdict(key, repaired)
    assert found is not None
    assert (found.key, found.days_observed, found.is_clean) == (key, 6, True)
    assert rig.app.verdict(key.replace("|40", "|400"), repaired) is None
    assert rig.app.verdict(key.replace("LNEV", "LOTH"), repaired) is None


@pytest.mark.slow
def test_streaming_and_backfill_leave_the_same_rows(rig: Rig) -> None:
    columns = facts(Pack(days=9).lack(39, 6).columns())
    for part in parts(columns, 2):
        rig.put(part)
    rig.wait(rig.written)
    rig.wait(lambda: not rig.app.status()["waiting_vehicles"])
    streamed = everything(rig.store)
    for table in ("battery_day", "finding"):
        rig.store.execute(f"TRUNCATE TABLE {table}")
    days = columns.array("device_at") // 86_400
    (shard,) = backfill.shards(
        rig.store, lambda: rig.intake.settled, (), int(days.min()), int(days.max()) + 1, {}
    )
    done = backfill.recompute(rig.store, shard)
    assert (done.reports, done.days, done.findings) == (columns.rows, 9, 1)
    assert everything(rig.store) == streamed
    assert backfill.recompute(rig.store, shard).findings == 0


def everything(store: Warehouse) -> list[bytes]:
    return [
        store.query_bytes(f"SELECT * EXCEPT ({left_out}) FROM {table} FINAL ORDER BY ALL", "TSV")
        for table, left_out in (("battery_day", "batch, as_of"), ("finding", "as_of"))
    ]
