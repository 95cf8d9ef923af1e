"""A store that refuses for a while, inserts whose answer is lost, commits that are cut off."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from millbrain.core import facts
from millbrain.core.columns import Columns
from millbrain.core.errors import StoreError, StoreFullError
from millbrain.core.tables import arrow_batch
from millbrain.record.intake import Intake, check_balance
from millbrain.record.intake.recovery import mend
from millbrain.record.warehouse import Warehouse
from tests.record.intake.made import delivery, events, letter, reports

Open = Callable[..., Intake]


class Failing:
    """A warehouse that fails chosen inserts, before or after they have happened."""

    def __init__(self, store: Warehouse, table: str, error: StoreError, *, after: bool) -> None:
        self._store, self._table, self._error, self._after = store, table, error, after
        self.left = 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: Any, batch: Any, into: str | None = None) -> None:
        fails = table.name == self._table and self.left > 0
        self.left -= fails
        if fails and not self._after:
            raise self._error
        self._store.insert(table, batch, into)
        if fails:
            raise self._error


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("table", ["dead_letter", "link_event", "vehicle_report", "intake"])
def test_a_refused_insert_is_repeated_and_a_stored_one_is_not(
    store: Warehouse, open_intake: Open, table: str, *, after: bool
) -> None:
    failing = Failing(store, table, StoreError("the connection was lost"), after=after)
    intake = open_intake(failing)
    rows = [("A", 0), ("B", 0)]
    intake.put(delivery(reports(rows), events([("A", 0, 1)]), letters=[letter()]))
    intake.stop()
    assert failing.left == (1 if after else 0)
    counts = {t: _count(store, t) for t in ("dead_letter", "link_event", "vehicle_report")}
    assert counts == {"dead_letter": 1, "link_event": 1, "vehicle_report": 2}
    assert check_balance(store)["balanced"]
    assert intake.status()["troubles"] == []


def _count(store: Warehouse, table: str) -> int:
    return store.query(f"SELECT count() AS n FROM {table}").to_pylist()[0]["n"]


@pytest.mark.slow
def test_a_full_disk_is_told_in_words_and_slows_put(store: Warehouse, open_intake: Open) -> None:
    failing = Failing(store, "vehicle_report", StoreFullError("no space left"), after=False)
    failing.left = 1 << 30
    intake = open_intake(failing)
    blocked = threading.Event()

    def feed() -> None:
        for second in range(500):
            intake.put(delivery(reports([("A", second * 10)])))
            time.sleep(0.001)
        blocked.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        told = intake.status()
        if told["queued_deliveries"] == 64 and told["troubles"]:
            break
        time.sleep(0.05)
    assert intake.status()["queued_deliveries"] == 64
    assert not blocked.is_set()
    assert "disk full since" in intake.status()["troubles"][0]
    assert "retrying" in intake.status()["troubles"][0]
    failing.left = 0
    feeder.join(20)
    intake.stop()
    assert _count(store, "vehicle_report") == 500
    assert check_balance(store)["balanced"]


def test_a_stop_does_not_wait_for_ever(store: Warehouse, open_intake: Open) -> None:
    failing = Failing(store, "vehicle_report", StoreFullError("no space left"), after=False)
    failing.left = 1 << 30
    intake = open_intake(failing)
    told: list[int] = []
    intake.put(delivery(reports([("A", 0)]), on_commit=lambda: told.append(1)))
    start_s = time.monotonic()
    intake.stop(wait_s=0.5)
    assert time.monotonic() - start_s < 60
    assert told == []
    assert _count(store, "vehicle_report") == 0
    assert _count(store, "vehicle_latest") == 0  # the picture shows nothing that is not stored


def _cut_off(store: Warehouse, batch: int, rows: Columns, table: Any) -> None:
    number = np.full(rows.rows, batch, np.uint64)
    whole = Columns(rows.rows, {**rows.values, "batch": number}, rows.missing)
    store.insert(table, arrow_batch(table, whole))


def test_a_start_rebuilds_the_ledger_of_commits_that_were_cut_off(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    intake.put(delivery(reports([("A", 0), ("A", 0)])))
    intake.stop()
    _cut_off(store, 2, reports([("A", 10), ("B", 10)], link="x"), facts.VEHICLE_REPORT)
    _cut_off(store, 4, events([("A", 30, 4)], link="y"), facts.LINK_EVENT)
    assert not check_balance(store)["balanced"]
    intake = open_intake()
    assert intake.status()["mended_rows"] == 2
    assert check_balance(store)["balanced"]
    intake.put(delivery(reports([("A", 10), ("B", 10), ("B", 20)], link="x")))
    intake.stop()
    assert _count(store, "vehicle_report") == 4
    assert check_balance(store)["links"]["x"]["duplicate"] == 2
    sql = "SELECT batch, link, received, stored FROM intake WHERE batch > 1 ORDER BY batch"
    assert [tuple(r.values()) for r in store.query(sql).to_pylist()] == [
        (2, "x", 2, 2), (4, "y", 1, 1), (5, "x", 3, 1),
    ]  # fmt: skip
    assert mend(store) == (5, 0)


def test_mending_an_empty_warehouse_does_nothing(store: Warehouse) -> None:
    assert mend(store) == (0, 0)
    assert check_balance(store) == {"balanced": True, "links": {}, "problems": []}
