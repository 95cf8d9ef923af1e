"""What is new by construction: per series, the instants at which nothing can be stored yet.

The same idea as for vehicles (`intake.newness`), in milliseconds and without kinds. Above the
newest instant stored a reading is new; at it, it is a duplicate. Gaps are spans of device time in
which nothing is stored: left by an outage, or by a reading whose clock ran ahead. What fills them
is new too, and so is history before the first reading of a series. All else is *late* and asked
for exactly (`dedupe`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.record.intake.identity import Slots
from millbrain.record.intake.newness import DUPLICATE, LATE, NEW

GAPS: Final = 3
GAP_MS_MIN: Final = 1_000  # a shorter pause is the sampling period of most tags, not a gap
_FIRST_ROOM: Final = 1024

Instants = NDArray[np.int64]
_Gap = NDArray[np.int64]


@dataclass(slots=True)
class _Marks:
    """One entry per slot. sure: whether a reading at just `newest` is surely stored or under way.

    After a restart it is not: the mark may come from a reading that was lost before its commit.
    gaps: (low, high) pairs, exclusive, empty as (0, 0).
    """

    newest: Instants
    sure: NDArray[np.bool_]
    gaps: NDArray[np.int64]


def _marks(room: int) -> _Marks:
    return _Marks(
        np.zeros(room, np.int64), np.zeros(room, np.bool_), np.zeros((room, GAPS, 2), np.int64)
    )


@njit(cache=True, nogil=True)
def _keep_gap(gaps: _Gap, low: np.int64, high: np.int64) -> None:
    """Let a gap take the place of the smallest one, if that is smaller."""
    place = 0
    for k in range(1, len(gaps)):
        if gaps[k, 1] - gaps[k, 0] < gaps[place, 1] - gaps[place, 0]:
            place = k
    if high - low > gaps[place, 1] - gaps[place, 0]:
        gaps[place, 0], gaps[place, 1] = low, high


@njit(cache=True, nogil=True)
def _fill_gap(gaps: _Gap, at: np.int64) -> bool:
    """Whether `at` lies in a gap, which is then cut in two."""
    for k in range(len(gaps)):
        low, high = gaps[k, 0], gaps[k, 1]
        if low < at < high:
            gaps[k, 0], gaps[k, 1] = at, high
            _keep_gap(gaps, low, at)
            return True
    return False


@njit(cache=True, nogil=True)
def _sift(
    slots: Slots,
    at: Instants,
    newest: Instants,
    sure: NDArray[np.bool_],
    gaps: NDArray[np.int64],
    verdict: NDArray[np.uint8],
) -> int:
    late = 0
    for row in range(len(slots)):
        slot = slots[row]
        verdict[row] = LATE
        if slot >= 0:
            when, last = at[row], newest[slot]
            if when > last:
                if when - last > GAP_MS_MIN:
                    _keep_gap(gaps[slot], last, when)
                newest[slot] = when
                sure[slot] = True
                verdict[row] = NEW
            elif when == last:
                if sure[slot]:
                    verdict[row] = DUPLICATE
            elif _fill_gap(gaps[slot], when):
                verdict[row] = NEW
        late += verdict[row] == LATE
    return late


@njit(cache=True, nogil=True)
def _longest(gaps: NDArray[np.int64], out: NDArray[np.int64]) -> None:
    """Longest gap of each slot between two readings; the time before the first is none."""
    for slot in range(len(gaps)):
        for k in range(gaps.shape[1]):
            low, high = gaps[slot, k, 0], gaps[slot, k, 1]
            if low > 0 and high - low > out[slot, 1] - out[slot, 0]:
                out[slot, 0], out[slot, 1] = low, high


class Marks:
    """The marks of all series. It has no lock: a gap that is read half-changed would be wrong."""

    def __init__(self) -> None:
        self._marks = _marks(_FIRST_ROOM)

    def sift(self, slots: Slots, at: Instants) -> tuple[NDArray[np.uint8], int]:
        """Say of each row, in order, whether it is `NEW`, a `DUPLICATE` or `LATE`.

        Parameters
        ----------
        slots
            Slot per row; negative numbers are always late.
        at
            Device time [ms since 1970 UTC], above 0.

        Returns
        -------
        verdict, uint8, shape (rows,), and the number of late rows.
        """
        self._ensure(int(slots.max(initial=-1)) + 1)
        verdict = np.empty(len(slots), np.uint8)
        m = self._marks
        return verdict, int(_sift(slots, at, m.newest, m.sure, m.gaps, verdict))

    def restore(self, slots: Slots, newest: Instants, low: Instants, high: Instants) -> None:
        """Set the marks of `slots` to what a picture says: newest instant, longest gap."""
        self._ensure(int(slots.max(initial=-1)) + 1)
        known = slots >= 0
        mine = slots[known]
        self._marks.newest[mine] = newest[known]
        self._marks.sure[mine] = False
        self._marks.gaps[mine, 0, 0] = low[known]
        self._marks.gaps[mine, 0, 1] = high[known]

    def raise_to(self, slots: Slots, oldest: Instants, newest: Instants) -> None:
        """Take in stored rows of `slots` of which only the oldest and newest instant are known."""
        self._ensure(int(slots.max(initial=-1)) + 1)
        known = slots >= 0
        slots, oldest, newest = slots[known], oldest[known], newest[known]
        below = slots[oldest <= self._marks.newest[slots]]
        self._marks.gaps[below] = 0  # somewhere in them something is stored
        np.maximum.at(self._marks.newest, slots, newest)
        self._marks.sure[slots] = False

    def picture(self, slots: Slots) -> tuple[Instants, NDArray[np.int64]]:
        """Return newest instant and longest gap of each slot; gaps of shape (slots, 2).

        An instant may come from a row that is still under way; `restore` allows for that.
        """
        marks = self._marks
        out = np.zeros((len(slots), 2), np.int64)
        newest, gaps = marks.newest[slots], marks.gaps[slots]
        _longest(gaps, out)
        return newest, out

    def _ensure(self, slots: int) -> None:
        room = len(self._marks.newest)
        if slots <= room:
            return
        old, new = self._marks, _marks(max(slots, 2 * room))
        new.newest[:room], new.sure[:room], new.gaps[:room] = old.newest, old.sure, old.gaps
        self._marks = new
