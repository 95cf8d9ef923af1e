"""What the pipeline asks of plant readings: slots, duplicates, newest values, start and end."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns, Delivery
from millbrain.core.plant.admission import CLOCK, FAULTS, admitted, letters
from millbrain.core.plant.readings import READING
from millbrain.record.intake.identity import Slots
from millbrain.record.intake.keys import KeySet, settle_within
from millbrain.record.intake.series import recovery
from millbrain.record.intake.series.dedupe import Asked, Duplicates
from millbrain.record.intake.series.index import SeriesIndex
from millbrain.record.intake.series.latest import CLOCK_AHEAD_MS_MAX, Live
from millbrain.record.intake.series.marks import Marks
from millbrain.record.intake.series.snapshot import Snapshots
from millbrain.record.warehouse import Warehouse

NAME: Final = READING.name


class Series:
    """All series of one engine. `admit` may be called from any thread, the rest by the intake's.

    Parameters
    ----------
    warehouse, ask
        As in `dedupe`.
    settled
        As in `snapshot`.
    """

    def __init__(self, warehouse: Warehouse, ask: Asked, settled: Callable[[int], bool]) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._index = SeriesIndex()
        self._marks = Marks()
        self._live = Live(self._index)
        self._duplicates = Duplicates(warehouse, self._index, self._marks, self._lock, ask)
        self._snapshots = Snapshots(warehouse, self._live, self._marks, self._lock, settled)
        self._refused = dict.fromkeys(FAULTS, 0)
        self._ahead = 0
        self._replayed = 0

    def start(self, batch: int) -> None:
        """Bring back what the warehouse holds; batch: the newest on disk."""
        _warm_up()
        pictured, as_of_ms, self._replayed = recovery.restore(
            self._warehouse, self._live, self._marks
        )
        self._live.batch = batch
        self._snapshots.written_batch, self._snapshots.as_of_ms = pictured, as_of_ms
        self._snapshots.start()

    def stop(self) -> None:
        """Write the last picture and end."""
        self._snapshots.stop()

    def admit(self, delivery: Delivery) -> Delivery:
        """Return a delivery whose readings can be stored; the others are among its dead letters.

        Raises
        ------
        LimitError
            The key of a connection is too long.
        """
        given = delivery.tables.get(NAME)
        if given is None:
            return delivery
        rows, faults = admitted(given)
        tables, rejected = {**delivery.tables, NAME: rows}, delivery.rejected
        if faults.any():
            rejected = [*rejected, *letters(rows, faults)]
            tables[NAME] = rows.take(np.flatnonzero(faults == 0))
            self._count_refused(faults)
            if delivery.outcome is not None:
                delivery.outcome.rejected += int(np.count_nonzero(faults))
        return replace(delivery, tables=tables, rejected=rejected)

    def slots(self, rows: Columns) -> Slots:
        """Return the slot of each row's series."""
        with self._lock:
            return self._index.slots(rows)

    def check(self, rows: Columns, slots: Slots, batch: int, settled: int) -> NDArray[np.bool_]:
        """Say of each row whether it is a duplicate; see `Duplicates.check`."""
        return self._duplicates.check(rows, slots, batch, settled)

    def update(self, rows: Columns | None, slots: Slots | None, batch: int) -> None:
        """Apply the new readings of a batch, which may have none."""
        with self._lock:
            if rows is not None and slots is not None:
                self._live.readings(slots, rows)
                ahead = rows.array("device_at") > rows.array("received_at") + CLOCK_AHEAD_MS_MAX
                self._ahead += int(np.count_nonzero(ahead))
            self._live.batch = batch

    def status(self) -> dict[str, Any]:
        """Describe series, late rows, clocks and the table of newest values."""
        return {
            "series": len(self._index),
            "late_rows_total": self._duplicates.late_rows,
            "late_queries_total": self._duplicates.queries,
            "refused": {FAULTS[code][0]: n for code, n in self._refused.items()},
            "clock_ahead_total": self._ahead,
            "clock_refused_total": self._refused[CLOCK],
            "replayed_rows": self._replayed,
            "snapshot_period_s": self._snapshots.period_s,
            "snapshot_cost_s": self._snapshots.cost_s,
            "snapshot_as_of_ms": self._snapshots.as_of_ms,
        }

    @property
    def last_error(self) -> str:
        """Why the newest values could not be written, empty where they were."""
        return self._snapshots.last_error

    def _count_refused(self, faults: NDArray[np.uint8]) -> None:
        codes, counts = np.unique(faults[faults > 0], return_counts=True)
        with self._lock:
            for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
                self._refused[code] += count


def _warm_up() -> None:
    """Compile or load the kernels, so that the first reading need not wait for them."""
    index, marks = SeriesIndex(), Marks()
    at = np.array([1_000, 2_000, 1_500, 1_500], np.int64)
    names = np.full(len(at), b"a")
    rows = Columns(
        len(at),
        {
            "thing": names, "signal": names, "link": names, "device_at": at, "received_at": at,
            "value": np.zeros(len(at)), "quality": np.zeros(len(at), np.uint8),
        },
    )  # fmt: skip
    slots = index.slots(rows)
    verdict, _ = marks.sift(slots, at)
    marks.picture(slots[:1])
    Live(index).readings(slots, rows)
    codes = at.view(np.uint64)
    settle_within(slots, codes, verdict)
    KeySet(slots, codes).settle(slots, codes, verdict)
