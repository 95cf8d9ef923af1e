"""The bounded queue between the drivers and the intake; where it is full, a driver waits."""

import threading
import time
from collections import deque
from dataclasses import dataclass

from millbrain.core import limits
from millbrain.core.columns import Delivery, Ragged
from millbrain.core.errors import StoreError
from millbrain.record.intake.batches import ROWS_MAX


@dataclass(frozen=True, slots=True)
class _Queued:
    delivery: Delivery
    rows: int
    share: float
    size_bytes: int
    since_s: float


class Inbox:
    """Deliveries in order of arrival, bounded by number, rows and bytes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[_Queued] = deque()
        self._rows = 0
        self._share = 0.0
        self._size_bytes = 0
        self._closed = False

    def put(self, delivery: Delivery) -> None:
        """Add a delivery, waiting while the queue is full.

        Raises
        ------
        StoreError
            The inbox was closed; the delivery was not taken.

        """
        rows, size_bytes = weigh(delivery)
        share = commit_share(delivery)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            if self._closed:
                raise StoreError(f"intake: it is stopped, {rows} rows were refused; start it first")
            self._queue.append(_Queued(delivery, rows, share, size_bytes, time.monotonic()))
            self._rows += rows
            self._share += share
            self._size_bytes += size_bytes
            self._changed.notify_all()

    def gather(self) -> list[Delivery]:
        """Return the next commit's deliveries; an empty list once closed and drained.

        Waits for the first, then until the rows fill a commit (`ROWS_MAX`) or the first has
        waited `limits.COMMIT_WAIT_MS_MAX`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._queue)
            if self._queue:
                deadline_s = self._queue[0].since_s + limits.COMMIT_WAIT_MS_MAX / 1e3
                self._changed.wait_for(
                    lambda: self._closed or self._is_commit_full(),
                    max(0.0, deadline_s - time.monotonic()),
                )
            return self._take()

    def close(self) -> None:
        """Take no more; what is queued can still be gathered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def depth(self) -> tuple[int, int]:
        """Return the deliveries and the rows that wait."""
        with self._changed:
            return len(self._queue), self._rows

    def _has_room(self) -> bool:
        return (
            len(self._queue) < limits.DELIVERIES_QUEUED_MAX
            and self._share < limits.DELIVERY_ROWS_QUEUED_MAX / limits.COMMIT_ROWS_MAX
            and self._size_bytes < limits.DELIVERY_BYTES_QUEUED_MAX
        )

    def _is_commit_full(self) -> bool:
        return (
            self._share >= 1 or self._size_bytes >= limits.COMMIT_BYTES_MAX or not self._has_room()
        )

    def _take(self) -> list[Delivery]:
        taken: list[Delivery] = []
        rows = size_bytes = 0
        share = 0.0
        while self._queue:
            head = self._queue[0]
            full = share + head.share > 1 or size_bytes + head.size_bytes > limits.COMMIT_BYTES_MAX
            if taken and full:
                break
            rows, size_bytes = rows + head.rows, size_bytes + head.size_bytes
            share += head.share
            taken.append(self._queue.popleft().delivery)
        self._rows -= rows
        self._share = self._share - share if self._queue else 0.0  # sums of fractions drift
        self._size_bytes -= size_bytes
        self._changed.notify_all()
        return taken


def commit_share(delivery: Delivery) -> float:
    """Return which part of a full commit the rows of a delivery are, dead letters included."""
    tables = sum(c.rows / ROWS_MAX[name] for name, c in delivery.tables.items())
    return tables + len(delivery.rejected) / limits.COMMIT_ROWS_MAX


def weigh(delivery: Delivery) -> tuple[int, int]:
    """Return the rows of a delivery (dead letters included) and their bytes, about."""
    rows = sum(c.rows for c in delivery.tables.values()) + len(delivery.rejected)
    size_bytes = sum(len(d.raw) for d in delivery.rejected)
    for columns in delivery.tables.values():
        for values in columns.values.values():
            size_bytes += values.values.nbytes if isinstance(values, Ragged) else values.nbytes
    return rows, size_bytes
