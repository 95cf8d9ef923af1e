"""The app on a real warehouse and intake: what arrives is summed, written, judged and told."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.app import start
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.days_store import DaysStore
from millbrain.analyse.battery.tables import TABLES
from millbrain.core.columns import Columns, Delivery
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.finding_rows import known
from millbrain.core.findings import Finding
from millbrain.core.rooms import Ground
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
        self.intake.put(Delivery({"city-01": columns.rows}, {"vehicle_report": columns}))

    def wait(self, true: Callable[[], object], wait_s: float = 20) -> None:
        end = time.monotonic() + wait_s
        while not true():
            assert time.monotonic() < end, self.app.status()
            time.sleep(0.02)

    def written(self) -> bool:
        status = self.app.status()
        assert not status["failures"], status
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
    for part in parts(columns, 8):
        rig.put(part)
    rig.wait(lambda: rig.taken)
    rig.wait(rig.written)
    assert same(on_disk(rig.store), summed(columns))
    (found,) = known(rig.store, "battery", ["LNEVTEST0N0000001"])["LNEVTEST0N0000001"]
    assert found == rig.taken[-1]
    assert (found.cell_no, found.is_open) == (40, True)
    assert found.first_seen == FIRST_AT
    assert not rig.app.status()["last_error"]
