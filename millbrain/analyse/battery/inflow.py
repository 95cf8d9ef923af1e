"""Batches on their way from the intake to the analysis: a short queue, and what was missed.

The intake never waits. Where the queue is full, batches go by; they are read back from the
warehouse once they are on disk, in order, until the queue can be joined again. So the analysis
sees every batch once and in the order of the numbers, whatever happens.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from millbrain.core import limits
from millbrain.core.columns import Columns

NEAR_BATCHES: Final = 64  # so near behind the intake, new batches are queued again


@dataclass(frozen=True, slots=True)
class Live:
    """A batch as the intake handed it over; None where it has no vehicle reports."""

    batch: int
    columns: Columns | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Batches after `after` and up to `upto` that must be read from the warehouse."""

    after: int
    upto: int


class Inflow:
    """What comes next. `offer` is called by the intake, all else by the analysis thread.

    Parameters
    ----------
    position
        Newest batch that was seen.
    newest
        Newest batch on disk; later ones will be offered.
    """

    def __init__(self, position: int, newest: int) -> None:
        self.position = position
        self.newest = newest
        self.missed = 0  # batches that went by
        self._changed = threading.Condition()
        self._queue: deque[Live] = deque()
        self._rows = 0
        self._is_taking = newest - position <= NEAR_BATCHES
        self._is_woken = False

    def offer(self, batch: int, columns: Columns | None) -> None:
        """Queue a batch, or let it go by where the queue is full. Returns at once."""
        rows = columns.rows if columns else 0
        with self._changed:
            self.newest = max(self.newest, batch)
            self._is_taking &= self._rows + rows <= limits.ANALYSIS_ROWS_QUEUED_MAX or not rows
            if self._is_taking:
                self._queue.append(Live(batch, columns))
                self._rows += rows
            else:
                self.missed += 1
            self._changed.notify_all()

    def next(self, settled: int, most: int, wait_s: float) -> Live | Gap | None:
        """Return what follows `position`: a queued batch, a gap that is on disk, None = wait.

        settled: newest batch on disk with all before it. most: batches of one gap.
        """
        with self._changed:
            found = self._next(settled, most)
            if found is None and not self._is_woken:
                self._changed.wait(wait_s)
                found = self._next(settled, most)
            self._is_woken = False
            return found

    def _next(self, settled: int, most: int) -> Live | Gap | None:
        while self._queue and self._queue[0].batch <= self.position:
            self._drop()  # read back meanwhile
        if self._queue and self._queue[0].batch == self.position + 1:
            return self._drop()
        if not self._queue and self.newest - self.position <= NEAR_BATCHES:
            self._is_taking = True
        ahead = self._queue[0].batch - 1 if self._queue else self.newest
        upto = min(ahead, settled, self.position + most)
        return Gap(self.position, upto) if upto > self.position else None

    def _drop(self) -> Live:
        head = self._queue.popleft()
        self._rows -= head.columns.rows if head.columns else 0
        return head

    def restart(self, position: int) -> None:
        """Forget what is queued and go on after `position`."""
        with self._changed:
            self._queue.clear()
            self._rows = 0
            self.position = position

    def wake(self) -> None:
        """End a wait at once."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    @property
    def behind(self) -> int:
        """Batches that were offered and not seen yet."""
        return self.newest - self.position
