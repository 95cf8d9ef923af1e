"""From (thing, signal) to the slot of the series, by which every array here is indexed."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.core import limits
from millbrain.core.columns import Columns
from millbrain.record.intake.identity import Slots, TextIndex

NAME_BYTES_MAX: Final = limits.READING_NAME_BYTES_MAX
_FIRST_ROOM: Final = 1024
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_Pairs = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _mixed(pair: np.int64) -> np.uint64:
    mixed = np.uint64(pair) * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX
    return mixed ^ (mixed >> np.uint64(29))


@njit(cache=True, nogil=True)
def _add(
    pairs: _Pairs,
    start: int,
    table: NDArray[np.int32],
    known: _Pairs,
    used: int,
    may_add: bool,
    out: Slots,
) -> tuple[int, int]:
    """Find or add from row `start`; return the row it stopped at for want of room, and `used`."""
    last = np.uint64(len(table) - 1)
    for row in range(start, len(pairs)):
        mixed = _mixed(pairs[row])
        place = mixed & last
        while table[place] >= 0 and known[table[place]] != pairs[row]:
            place = (place + np.uint64(1)) & last
        if table[place] >= 0:
            out[row] = table[place]
        elif pairs[row] < 0 or not may_add:
            out[row] = -np.int64(mixed >> np.uint64(2)) - 1
        else:
            if used == len(known):
                return row, used
            known[used] = pairs[row]
            table[place] = used
            out[row] = used
            used += 1
    return len(pairs), used


class SeriesIndex:
    """Slots of series, from 0 in order of first appearance. It only grows; it has no lock."""

    def __init__(self, series_max: int = limits.SERIES_MAX) -> None:
        self._series_max = series_max
        self._things = TextIndex(NAME_BYTES_MAX, series_max)
        self._signals = TextIndex(NAME_BYTES_MAX, series_max)
        self._known = np.zeros(min(_FIRST_ROOM, series_max), np.int64)
        self._table = np.full(4 * _FIRST_ROOM, -1, np.int32)
        self._used = 0

    def __len__(self) -> int:
        """Series that have a slot."""
        return self._used

    def slots(self, rows: Columns) -> Slots:
        """Return the slot of each row, giving new ones.

        A series that finds the index full is named by a negative number that hashes it (62 bits),
        the same each time, so that it can still be compared.
        """
        pairs = _pairs(
            self._things.slots(rows.values["thing"]), self._signals.slots(rows.values["signal"])
        )
        out = np.empty(len(pairs), np.int64)
        row, self._used = _add(pairs, 0, self._table, self._known, self._used, True, out)
        while row < len(pairs):
            may_add = self._grow()
            row, self._used = _add(pairs, row, self._table, self._known, self._used, may_add, out)
        return out

    def find(self, things: NDArray[np.bytes_], signals: NDArray[np.bytes_]) -> Slots:
        """Return the slot of each series, a negative number where it has none; adds nothing."""
        pairs = _pairs(self._things.find(things), self._signals.find(signals))
        out = np.empty(len(pairs), np.int64)
        _add(pairs, 0, self._table, self._known, self._used, False, out)
        return out

    def names(self, slots: Slots) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_]]:
        """Return thing and signal of each slot."""
        pairs = self._known[slots]
        return self._things.texts()[pairs >> 32], self._signals.texts()[pairs & 0xFFFFFFFF]

    def _grow(self) -> bool:
        room = min(2 * len(self._known), self._series_max)
        if room <= self._used:
            return False
        known = np.zeros(room, np.int64)
        known[: self._used] = self._known[: self._used]
        table = np.full(1 << (room * 2 - 1).bit_length(), -1, np.int32)
        old = known[: self._used].copy()
        _add(old, 0, table, known, 0, True, np.empty(self._used, np.int64))
        self._known, self._table = known, table
        return True


def _pairs(things: Slots, signals: Slots) -> _Pairs:
    """Join two slots to one word; where one of them is full, a negative hash of both."""
    pairs = (things << 32) | signals
    nameless = (things < 0) | (signals < 0)
    if nameless.any():
        mixed = things * np.int64(0x9E3779B1) ^ signals
        pairs[nameless] = -(np.abs(mixed[nameless]) >> 1) - 1
    return pairs
