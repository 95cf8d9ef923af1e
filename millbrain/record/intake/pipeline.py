"""The intake: the hot path between drivers and warehouse, from delivery to acknowledged commit.

    put -> inbox -> intake thread: join, slots, duplicates, live state, ledger -> writers -> disk
                                          |              |                          |
                                          |              `--> shown to the apps     `--> on_commit
                                          `--> snapshots (vehicle_latest, reading_latest)

Every step works on a whole batch; nothing here loops over rows in Python.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.core import facts, limits
from millbrain.core.columns import Columns, Delivery
from millbrain.core.plant.readings import READING
from millbrain.record.intake import recovery
from millbrain.record.intake.balance import Ledger
from millbrain.record.intake.batches import TABLES, Batch, batches, received_ms, tell_outcomes
from millbrain.record.intake.dedupe import VIN_BYTES_MAX, Duplicates, Rows
from millbrain.record.intake.identity import Slots, TextIndex
from millbrain.record.intake.inbox import Inbox
from millbrain.record.intake.latest import Live
from millbrain.record.intake.meter import Meter
from millbrain.record.intake.patience import GaveUpError, Patience
from millbrain.record.intake.regions import Regions
from millbrain.record.intake.series import Series
from millbrain.record.intake.snapshot import Snapshots
from millbrain.record.intake.things import Things
from millbrain.record.intake.thinning import TokenBucket
from millbrain.record.intake.writers import Writers
from millbrain.record.warehouse import Warehouse

_log = logging.getLogger(__name__)

REPORT = facts.VEHICLE_REPORT.name
EVENT = facts.LINK_EVENT.name
RAW = facts.RAW_FRAME.name
READINGS = READING.name


Show = Callable[[int, Mapping[str, Columns]], None]


def _nobody(batch: int, tables: Mapping[str, Columns]) -> None:
    """Nobody looks."""


class Intake:
    """Takes deliveries, stores each fact once, and keeps the ledger and the live table.

    Parameters
    ----------
    warehouse
        Its tables must exist (`create_tables`).
    regions
        Centres that positions are assigned to; None leaves regions empty.
    raw_frames_hz
        Raw frames kept a second; the others are counted and dropped.

    """

    def __init__(
        self, warehouse: Warehouse, *, regions: Regions | None = None, raw_frames_hz: int = 0
    ) -> None:
        self._warehouse = warehouse
        self._index = TextIndex(VIN_BYTES_MAX, limits.THINGS_MAX)
        self._patience = Patience()
        self._live = Live(self._index)
        self._things = Things()
        self._ledger = Ledger()
        self._meter = Meter()
        self._inbox = Inbox()
        self._raw = TokenBucket(min(raw_frames_hz, limits.RAW_FRAMES_HZ_MAX))
        ask = self._patience.persist
        self._duplicates = {
            REPORT: Duplicates(
                facts.VEHICLE_REPORT, "blocks", warehouse, self._index, ask, restored=True
            ),
            EVENT: Duplicates(
                facts.LINK_EVENT, "command", warehouse, self._index, ask, restored=False
            ),
        }
        self._writers = Writers(warehouse, self._patience, self._committed)
        self._snapshots = Snapshots(
            warehouse, self._live, self._things, regions, self._newest, self._writers.wait_settled
        )
        self._series = Series(warehouse, ask, self._writers.wait_settled)
        self._found = recovery.Found(0, 0, 0, 0)
        self._batch = 0
        self._failed = ""
        self._show: Show = _nobody
        self._thread = threading.Thread(target=self._run, name="intake")

    def start(self) -> None:
        """Mend what a crash left, bring back the live state, and begin to take deliveries.

        Raises
        ------
        StoreError
            The warehouse is not there or lacks its tables.

        """
        newest, mended = recovery.mend(self._warehouse)
        vehicles, replayed = recovery.restore(
            self._warehouse,
            self._live,
            self._duplicates[REPORT].newness,
            self._duplicates[EVENT].newness,
            newest,
        )
        self._batch = newest
        self._found = recovery.Found(newest, mended, vehicles, replayed)
        self._writers.start(newest)
        self._series.start(newest)
        self._snapshots.start()
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Take a delivery, waiting while the intake is full: that wait slows the device.

        Raises
        ------
        StoreError
            The intake is stopped; the delivery was not taken.
        KeyError
            The delivery carries a table that the intake does not know.
        LimitError
            The key of a connection among its readings is too long.

        """
        for name in delivery.tables:
            if name not in TABLES:
                raise KeyError(f"delivery carries table {name!r}; known are {', '.join(TABLES)}")
        self._inbox.put(self._series.admit(delivery))

    def show_to(self, show: Show) -> None:
        """Show every batch from now on to somebody: its number, and its facts by table.

        Called with facts that are new and on their way to the disk, in the order of the numbers.
        It must return at once, never raise, and change nothing.
        """
        self._show = show

    @property
    def settled(self) -> int:
        """All batches up to this one are on disk and acknowledged."""
        return self._writers.settled

    @property
    def newest(self) -> int:
        """Newest batch that was given a number."""
        return self._batch

    def register(self, things: Columns) -> None:
        """Take what the ledger says of vehicles: columns vin, plate, model, operator, simulated."""
        self._things.register(things)
        self._snapshots.touch()

    def stop(self, wait_s: float = 30.0) -> None:
        """Store everything that was put, write the live table, and end all threads.

        wait_s: how long a refusing store is waited for; what is not stored by then was never
        acknowledged.
        """
        self._inbox.close()
        patience_ends = threading.Timer(wait_s, self._patience.stop)
        patience_ends.start()
        try:
            if self._thread.is_alive():
                self._thread.join()
            self._writers.stop()
            self._snapshots.stop()
            self._series.stop()
        finally:
            patience_ends.cancel()

    def hold(self, wait_s: float = 30.0) -> contextlib.AbstractContextManager[bool]:
        """Hold commits back for a moment, so that a backup sees whole ones only.

        Deliveries wait meanwhile and their senders slow down; nothing is refused. The context's
        value says whether all commits under way ended within `wait_s`.
        """
        return self._writers.hold(wait_s)

    def status(self) -> dict[str, Any]:
        """Describe rates, queue, latencies, totals and troubles; see the keys."""
        deliveries, rows = self._inbox.depth()
        ledger = self._ledger
        return {
            **self._meter.status(),
            "reports_total": self._meter.reports_total,
            "commits_total": self._meter.commits_total,
            "received_total": ledger.received,
            "stored_total": ledger.stored,
            "duplicate_total": ledger.duplicate,
            "rejected_total": ledger.rejected,
            "unbalanced_total": ledger.unbalanced,
            "queued_deliveries": deliveries,
            "queued_rows": rows,
            "rows_in_flight": self._writers.rows_in_flight(),
            "batch": self._batch,
            "settled": self._writers.settled,
            "vehicles": len(self._index),
            "late_rows_total": sum(d.late_rows for d in self._duplicates.values()),
            "late_queries_total": sum(d.queries for d in self._duplicates.values()),
            "raw_frames_kept": self._raw.kept,
            "raw_frames_skipped": self._raw.skipped,
            "snapshot_period_s": self._snapshots.period_s,
            "snapshot_cost_s": self._snapshots.cost_s,
            "snapshot_as_of_ms": self._snapshots.as_of_ms,
            "readings": self._series.status(),
            "troubles": self._troubles(),
            "last_error": self._patience.last_error
            or self._snapshots.last_error
            or self._series.last_error,
            "mended_rows": self._found.mended,
            "restored_vehicles": self._found.vehicles,
            "replayed_rows": self._found.replayed,
        }

    def _troubles(self) -> list[str]:
        mine = (self._failed, self._writers.failed, self._snapshots.last_error,
                self._series.last_error)  # fmt: skip
        return self._patience.troubles() + [t for t in mine if t]

    def _run(self) -> None:
        try:
            while deliveries := self._inbox.gather():
                for batch in batches(deliveries):
                    self._process(batch)
        except GaveUpError:
            _log.error("intake: the store refused until the end; deliveries were not acknowledged")
        except Exception as error:
            # A driver handed over what no table can hold. Going on would lose rows silently.
            _log.exception("intake: a delivery could not be processed; the intake stops")
            self._failed = f"intake stopped: {type(error).__name__}: {error}; restart the engine"
        finally:
            self._inbox.close()

    def _process(self, batch: Batch) -> None:
        settled = self._writers.settled
        self._batch += 1
        batch.number = self._batch
        batch.first_ms = _first_ms(batch)
        with self._live.lock:  # the index grows under it
            slots = {n: self._slots(n, c) for n, c in batch.tables.items() if n != RAW}
        duplicate = {n: self._check(n, s, batch, settled) for n, s in slots.items()}
        self._ledger.enter(batch, duplicate)
        if READINGS in duplicate:
            tell_outcomes(batch, duplicate[READINGS])
        for name, twice in duplicate.items():
            if twice.any():
                kept = np.flatnonzero(~twice)
                batch.tables[name] = batch.tables[name].take(kept)
                slots[name] = slots[name][kept]
        if RAW in batch.tables:
            batch.tables[RAW] = self._raw.thin(batch.tables[RAW])
        self._update_live(batch, slots)
        self._show(batch.number, batch.tables)
        self._writers.put(batch)

    def _slots(self, name: str, rows: Columns) -> Slots:
        """Slots of the vehicles; an event without device time needs and gets none (-1)."""
        if name == READINGS:
            return self._series.slots(rows)
        if name == REPORT:
            return self._index.slots(rows.values["vin"])
        timed = np.flatnonzero(_timed(rows))
        slots = np.full(rows.rows, -1, np.int64)
        slots[timed] = self._index.slots(np.asarray(rows.values["vin"], np.bytes_)[timed])
        return slots

    def _check(self, name: str, slots: Slots, batch: Batch, settled: int) -> NDArray[np.bool_]:
        rows = batch.tables[name]
        if name == READINGS:
            return self._series.check(rows, slots, batch.number, settled)
        at = np.asarray(rows.values["device_at"]).astype(np.uint32, copy=False)
        kind = rows.values["blocks" if name == REPORT else "command"]
        identities = Rows(
            np.asarray(rows.values["vin"], np.bytes_),
            slots,
            at,
            np.asarray(kind).astype(np.uint32, copy=False),
        )
        duplicates = self._duplicates[name]
        if name == REPORT:
            return duplicates.check(identities, batch.number, settled)
        timed = np.flatnonzero(_timed(rows))
        twice = np.zeros(rows.rows, np.bool_)
        twice[timed] = duplicates.check(identities.take(timed), batch.number, settled)
        return twice

    def _update_live(self, batch: Batch, slots: dict[str, Slots]) -> None:
        with self._live.lock:
            if EVENT in slots:
                self._live.events(slots[EVENT], batch.tables[EVENT])
            if REPORT in slots:
                self._live.reports(slots[REPORT], batch.tables[REPORT])
            self._live.batch = batch.number
        self._series.update(batch.tables.get(READINGS), slots.get(READINGS), batch.number)

    def _newest(self, slots: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        return (
            self._duplicates[REPORT].newness.newest(slots),
            self._duplicates[EVENT].newness.newest(slots),
        )

    def _committed(self, batch: Batch) -> None:
        reports = batch.tables[REPORT].rows if REPORT in batch.tables else 0
        latency_ms = time.time() * 1000 - batch.first_ms
        self._meter.committed(reports, sum(batch.received.values()), latency_ms)


def _timed(rows: Columns) -> NDArray[np.bool_]:
    missing = rows.missing.get("device_at")
    return np.ones(rows.rows, np.bool_) if missing is None else ~missing


def _first_ms(batch: Batch) -> int:
    arrivals = [int(received_ms(c).min()) for c in batch.tables.values() if c.rows]
    arrivals += [d.received_ms for d in batch.rejected]
    return min(arrivals, default=int(time.time() * 1000))
