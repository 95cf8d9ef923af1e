"""Where the state of a pack and day lies: from its key to a small number, as one open hash table.

A key is 32 bytes, read as four words. Slots that were let go are given out again; the table is
then built anew, since an open table cannot forget a single entry.
"""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Keys = NDArray[Any]
Slots = NDArray[np.int64]

KEY: Final = np.dtype(
    [("vin", "S24"), ("day", "<u2"), ("count", "<u2"), ("pack_no", "<u2"), ("spare", "<u2")]
)
_WORDS: Final = KEY.itemsize // 8
_ROOM: Final = 16
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)

_fast = njit(nogil=True, cache=True)


@_fast
def _place(words: Any, row: Any, table: Any, held: Any) -> Any:
    """Return the place of a key in the table: its own, or the empty one where it would stand."""
    mixed = np.uint64(0)
    for k in range(words.shape[1]):
        mixed = (mixed ^ words[row, k]) * _MIX
        mixed ^= mixed >> _SHIFT
    last = np.uint64(len(table) - 1)
    place = mixed & last
    while table[place] >= 0:
        other, same = table[place], True
        for k in range(words.shape[1]):
            same &= words[row, k] == held[other, k]
        if same:
            break
        place = (place + np.uint64(1)) & last
    return place


@_fast
def _find(words: Any, table: Any, held: Any, out: Any) -> None:
    for row in range(len(words)):
        out[row] = table[_place(words, row, table, held)]


@_fast
def _is_again(names: Any, last: Any, row: Any) -> Any:
    """Return whether a row has the key of the row before."""
    same = last[row] == last[row - 1]
    for k in range(_WORDS - 1):
        same &= names[row, k] == names[row - 1, k]
    return same


@_fast
def _run_begins(names: Any, last: Any, out: Any) -> Any:
    """Fill `out` with the rows that have another key than the one before; return their count."""
    count = 0
    for row in range(len(last)):
        if row == 0 or not _is_again(names, last, row):
            out[count] = row
            count += 1
    return count


@_fast
def _find_each(names: Any, last: Any, table: Any, held: Any, out: Any) -> None:
    """Do the same for keys whose last word lies elsewhere; often one is that of the row before."""
    words = np.empty((1, len(held[0])), np.uint64)
    for row in range(len(names)):
        if row > 0 and _is_again(names, last, row):
            out[row] = out[row - 1]
            continue
        words[0, :-1], words[0, -1] = names[row], last[row]
        out[row] = table[_place(words, 0, table, held)]


@_fast
def _enter(slots: Any, table: Any, held: Any) -> None:
    for i in range(len(slots)):
        table[_place(held, slots[i], table, held)] = slots[i]


@_fast
def _first_rows(words: Any, table: Any, out: Any) -> Any:
    """Fill `out` with the first row of each different key; return how many there are."""
    count = 0
    for row in range(len(words)):
        place = _place(words, row, table, words)
        if table[place] < 0:
            table[place] = row
            out[count] = row
            count += 1
    return count


def first_rows(keys: Keys) -> NDArray[np.int64]:
    """Return the first row of each different key, ascending."""
    table = np.full(1 << (4 * len(keys) + 4).bit_length(), -1, np.int32)
    out = np.empty(len(keys), np.int64)
    return out[: _first_rows(_words(keys), table, out)]


def run_begins(names: NDArray[np.uint64], last: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where each run of equal keys begins, given as vehicle and last word."""
    out = np.empty(len(last), np.int64)
    return out[: _run_begins(names, last, out)]


class Places:
    """Slots of keys. Not safe for two threads at once."""

    def __init__(self) -> None:
        self._held = np.zeros((_ROOM, _WORDS), np.uint64)
        self._is_live = np.zeros(_ROOM, np.bool_)
        self._table = np.full(4 * _ROOM, -1, np.int32)
        self._free: list[int] = []
        self._used = 0

    def __len__(self) -> int:
        """Count the keys."""
        return self._used - len(self._free)

    @property
    def state_bytes(self) -> int:
        """Memory of the arrays in use [B]."""
        return self._used * (8 * _WORDS + 1) + self._table.nbytes

    @property
    def keys(self) -> Keys:
        """Keys by slot, shape (slots ever used,). Not a copy; see `live` for which hold."""
        return self._held[: self._used].view(KEY).reshape(-1)

    def live(self) -> Slots:
        """Return the slots in use, ascending."""
        return np.flatnonzero(self._is_live[: self._used])

    def find(self, keys: Keys) -> Slots:
        """Return the slot of each key, -1 where it has none."""
        out = np.empty(len(keys), np.int64)
        _find(_words(keys), self._table, self._held, out)
        return out

    def find_each(self, names: NDArray[np.uint64], last: NDArray[np.uint64]) -> Slots:
        """Return the slot of each key given as vehicle and last word, -1 where it has none."""
        out = np.empty(len(last), np.int64)
        _find_each(names, last, self._table, self._held, out)
        return out

    def add(self, keys: Keys) -> Slots:
        """Give slots to keys that have none, each once."""
        again = min(len(self._free), len(keys))
        slots = np.empty(len(keys), np.int64)
        slots[:again] = self._free[len(self._free) - again :]
        del self._free[len(self._free) - again :]
        slots[again:] = np.arange(self._used, self._used + len(keys) - again)
        self._used += len(keys) - again
        self._grow()
        self._held[slots] = _words(keys)
        self._is_live[slots] = True
        _enter(slots, self._table, self._held)
        return slots

    def remove(self, slots: Slots) -> None:
        """Forget slots; their numbers are given out again."""
        self._is_live[slots] = False
        self._free.extend(int(s) for s in slots)
        if not len(self):
            self._free.clear()
            self._used = 0
        self._rebuild(len(self._table))

    def _grow(self) -> None:
        size = len(self._held)
        if self._used <= size:
            return
        while size < self._used:
            size *= 2
        held, is_live = np.zeros((size, _WORDS), np.uint64), np.zeros(size, np.bool_)
        held[: len(self._held)], is_live[: len(self._is_live)] = self._held, self._is_live
        self._held, self._is_live = held, is_live
        self._rebuild(4 * size)

    def _rebuild(self, size: int) -> None:
        self._table = np.full(size, -1, np.int32)
        _enter(self.live(), self._table, self._held)


def _words(keys: Keys) -> NDArray[np.uint64]:
    return np.ascontiguousarray(keys).view(np.uint64).reshape(len(keys), _WORDS)


def last_words(day: NDArray[Any], count: NDArray[Any],
               pack_no: NDArray[Any]) -> NDArray[np.uint64]:  # fmt: skip
    """Return the last word of keys."""
    last: NDArray[np.int64] = (day & 0xFFFF) | count << 16 | pack_no.astype(np.int64) << 32
    return last.view(np.uint64)
