"""What is new by construction: per thing, the instants at which nothing can be stored yet.

Three things are kept per slot. The newest device time stored or under way: a row above it is new.
The kinds (block masks, commands) stored at just that instant: the halves of one second that a
terminal sends apart are new, the same frame twice is a duplicate. And two holes, spans of device
time in which nothing is stored, left by an outage: the reissued rows that fill them are new too.
What none of the three settles is *late* and must be asked for exactly (`dedupe`). Most rows never
come to that, a whole reissue after an outage included.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.record.intake.identity import Slots

NEW: Final = 0
DUPLICATE: Final = 1
LATE: Final = 2

KINDS_MAX: Final = 4  # kinds remembered at the newest instant of a thing
KINDS_UNKNOWN: Final = 255  # more than that, or the instant comes from before a restart
HOLE_S_MIN: Final = 60  # a shorter silence is the reporting period (at most 30 s), not an outage
_FIRST_ROOM: Final = 1024


@dataclass(slots=True)
class _Marks:
    """One entry per slot. holes: (low, high) pairs, exclusive, empty as (0, 0)."""

    newest: NDArray[np.uint32]
    kinds: NDArray[np.uint32]
    kind_count: NDArray[np.uint8]
    holes: NDArray[np.uint32]


def _marks(room: int) -> _Marks:
    return _Marks(
        np.zeros(room, np.uint32),
        np.zeros((room, KINDS_MAX), np.uint32),
        np.zeros(room, np.uint8),
        np.zeros((room, 2, 2), np.uint32),
    )


@njit(cache=True, nogil=True)
def _open_hole(hole: NDArray[np.uint32], low: np.int64, high: np.int64) -> None:
    """Let the newest outage take the place of the smaller hole."""
    first = np.int64(hole[0, 1]) - hole[0, 0]
    second = np.int64(hole[1, 1]) - hole[1, 0]
    place = 0 if first <= second else 1
    hole[place, 0] = low
    hole[place, 1] = high


@njit(cache=True, nogil=True)
def _fill_hole(hole: NDArray[np.uint32], at: np.int64) -> bool:
    """Whether `at` lies in a hole; the hole is cut there and the two largest pieces are kept."""
    for k in range(2):
        low, high = np.int64(hole[k, 0]), np.int64(hole[k, 1])
        if low < at < high:
            below, above = at - low, high - at
            other = np.int64(hole[1 - k, 1]) - hole[1 - k, 0]
            if above >= below:
                hole[k, 0] = at
                if below > other:
                    hole[1 - k, 0], hole[1 - k, 1] = low, at
            else:
                hole[k, 1] = at
                if above > other:
                    hole[1 - k, 0], hole[1 - k, 1] = at, high
            return True
    return False


@njit(cache=True, nogil=True)
def _same_instant(
    slot: np.int64, kind: np.uint32, kinds: NDArray[np.uint32], kind_count: NDArray[np.uint8]
) -> int:
    """Judge a row at the newest instant of its thing by the kinds remembered there."""
    count = kind_count[slot]
    if count == KINDS_UNKNOWN:
        return LATE
    for k in range(count):
        if kinds[slot, k] == kind:
            return DUPLICATE
    if count == KINDS_MAX:
        kind_count[slot] = KINDS_UNKNOWN
        return LATE
    kinds[slot, count] = kind
    kind_count[slot] = count + 1
    return NEW


@njit(cache=True, nogil=True)
def _sift(
    slots: Slots,
    at: NDArray[np.uint32],
    kind: NDArray[np.uint32],
    newest: NDArray[np.uint32],
    kinds: NDArray[np.uint32],
    kind_count: NDArray[np.uint8],
    holes: NDArray[np.uint32],
    verdict: NDArray[np.uint8],
) -> int:
    late = 0
    for row in range(len(slots)):
        slot = slots[row]
        verdict[row] = LATE
        if slot >= 0:
            when, last = np.int64(at[row]), np.int64(newest[slot])
            if when > last:
                if when - last > HOLE_S_MIN:
                    _open_hole(holes[slot], last, when)
                newest[slot] = when
                kinds[slot, 0] = kind[row]
                kind_count[slot] = 1
                verdict[row] = NEW
            elif when == last:
                verdict[row] = _same_instant(slot, kind[row], kinds, kind_count)
            elif _fill_hole(holes[slot], when):
                verdict[row] = NEW
        late += verdict[row] == LATE
    return late


class Newness:
    """The marks of all slots for one kind of fact. Used by one thread."""

    def __init__(self) -> None:
        self._marks = _marks(_FIRST_ROOM)

    def sift(
        self, slots: Slots, at: NDArray[np.uint32], kind: NDArray[np.uint32]
    ) -> tuple[NDArray[np.uint8], int]:
        """Say of each row, in order, whether it is `NEW`, a `DUPLICATE` or `LATE`.

        Parameters
        ----------
        slots
            Slot per row; negative numbers are always late.
        at
            Device time [s since 1970 UTC].
        kind
            What tells rows of one thing and instant apart.

        Returns
        -------
        verdict, uint8, shape (rows,), and the number of late rows.

        """
        self._ensure(int(slots.max(initial=-1)) + 1)
        verdict = np.empty(len(slots), np.uint8)
        m = self._marks
        late = _sift(slots, at, kind, m.newest, m.kinds, m.kind_count, m.holes, verdict)
        return verdict, int(late)

    def restore(self, slots: Slots, newest: NDArray[np.uint32]) -> None:
        """Raise the marks to what the warehouse holds; later instants of a slot win."""
        self._ensure(int(slots.max(initial=-1)) + 1)
        known = slots >= 0
        np.maximum.at(self._marks.newest, slots[known], newest[known])
        self._marks.kind_count[slots[known]] = KINDS_UNKNOWN

    def newest(self, slots: int) -> NDArray[np.uint32]:
        """Return a copy of the newest instants of the first `slots` slots, 0 where none is known.

        Safe to call from another thread: an instant may be newer than asked for, never older.
        """
        out = np.zeros(slots, np.uint32)
        marks = self._marks.newest[:slots]
        out[: len(marks)] = marks
        return out

    def unknown(self, slots: Slots) -> NDArray[np.bool_]:
        """Whether nothing is known of each slot: no row seen, none restored."""
        self._ensure(int(slots.max(initial=-1)) + 1)
        counts = self._marks.kind_count[np.maximum(slots, 0)]
        unseen: NDArray[np.bool_] = (slots >= 0) & (counts == 0)
        return unseen

    def _ensure(self, slots: int) -> None:
        room = len(self._marks.newest)
        if slots <= room:
            return
        old, new = self._marks, _marks(max(slots, 2 * room))
        new.newest[:room] = old.newest
        new.kinds[:room] = old.kinds
        new.kind_count[:room] = old.kind_count
        new.holes[:room] = old.holes
        self._marks = new
