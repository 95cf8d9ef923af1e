"""From the text that names a thing to its slot: a small number that every live array is indexed by.

`TextIndex` is an open-addressing hash table over the text's own words. It only grows; a slot, once
given, stays with its text for as long as the process lives. One thread may add while others look
up only if they hold the same lock: the class has none of its own.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.core.columns import Column, Ragged
from millbrain.core.errors import LimitError

Slots = NDArray[np.int64]
_Words = NDArray[np.uint64]

_FIRST_ROOM: Final = 1024
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)


@njit(cache=True, nogil=True)
def _hash(words: _Words, row: int) -> np.uint64:
    mixed = np.uint64(0)
    for k in range(words.shape[1]):
        mixed = (mixed ^ words[row, k]) * _MIX
        mixed ^= mixed >> _SHIFT
    return mixed


@njit(cache=True, nogil=True)
def _same(left: _Words, i: int, right: _Words, j: int) -> bool:
    for k in range(left.shape[1]):  # noqa: SIM110  (a plain loop is what numba compiles well)
        if left[i, k] != right[j, k]:
            return False
    return True


@njit(cache=True, nogil=True)
def _find(words: _Words, table: NDArray[np.int32], texts: _Words, out: Slots) -> None:
    """Slots of `words`; where there is none, minus a 62-bit fingerprint minus one."""
    last = np.uint64(len(table) - 1)
    for row in range(len(words)):
        mixed = _hash(words, row)
        place = mixed & last
        while table[place] >= 0 and not _same(words, row, texts, table[place]):
            place = (place + np.uint64(1)) & last
        if table[place] >= 0:
            out[row] = table[place]
        else:
            out[row] = -np.int64(mixed >> np.uint64(2)) - 1


@njit(cache=True, nogil=True)
def _add(
    words: _Words, start: int, table: NDArray[np.int32], texts: _Words, used: int, out: Slots
) -> tuple[int, int]:
    """Find or add from row `start`; return the row it stopped at for want of room, and `used`."""
    last = np.uint64(len(table) - 1)
    for row in range(start, len(words)):
        place = _hash(words, row) & last
        while table[place] >= 0 and not _same(words, row, texts, table[place]):
            place = (place + np.uint64(1)) & last
        if table[place] < 0:
            if used == len(texts):
                return row, used
            texts[used] = words[row]
            table[place] = used
            used += 1
        out[row] = table[place]
    return len(words), used


class TextIndex:
    """Slots of texts, from 0 in order of first appearance.

    Parameters
    ----------
    width_bytes
        Longest text, a multiple of 8.
    slots_max
        Slots given at most; a text beyond has no slot but a fingerprint (see `slots`).

    """

    def __init__(self, width_bytes: int, slots_max: int) -> None:
        self._width_bytes = width_bytes
        self._slots_max = slots_max
        room = min(_FIRST_ROOM, slots_max)
        self._texts = np.zeros((room, width_bytes // 8), np.uint64)
        self._table = np.full(_FIRST_ROOM * 4, -1, np.int32)
        self._used = 0

    def __len__(self) -> int:
        """Slots given so far."""
        return self._used

    def slots(self, texts: Column) -> Slots:
        """Return the slot of each text, giving new ones.

        A text that finds the index full (`slots_max`) is named by a negative number that hashes it
        (62 bits), the same each time, so that it can still be compared.

        Raises
        ------
        LimitError
            A text is longer than `width_bytes`.

        """
        words = self._as_words(texts)
        out = np.empty(len(words), np.int64)
        row, self._used = _add(words, 0, self._table, self._texts, self._used, out)
        while row < len(words) and self._grow():
            row, self._used = _add(words, row, self._table, self._texts, self._used, out)
        if row < len(words):
            _find(words[row:], self._table, self._texts, out[row:])
        return out

    def find(self, texts: Column) -> Slots:
        """Return the slot of each text, a negative number where it has none; adds nothing."""
        words = self._as_words(texts)
        out = np.empty(len(words), np.int64)
        _find(words, self._table, self._texts, out)
        return out

    def texts(self) -> NDArray[np.bytes_]:
        """Return the text of every slot, shape (slots,), dtype S. Not a copy: do not write."""
        return self._texts[: self._used].view(f"S{self._width_bytes}").reshape(-1)

    def _grow(self) -> bool:
        room = min(2 * len(self._texts), self._slots_max)
        if room <= self._used:
            return False
        texts = np.zeros((room, self._texts.shape[1]), np.uint64)
        texts[: self._used] = self._texts[: self._used]
        table = np.full(1 << (room * 2 - 1).bit_length(), -1, np.int32)
        known = texts[: self._used].copy()
        _add(known, 0, table, texts, 0, np.empty(self._used, np.int64))
        self._texts, self._table = texts, table
        return True

    def _as_words(self, texts: Column) -> _Words:
        if isinstance(texts, Ragged):
            texts = np.array([v.tobytes() for v in texts.lists()], np.bytes_)
        values = np.asarray(texts, np.bytes_)
        if values.dtype.itemsize > self._width_bytes:
            longest = int(np.char.str_len(values).max(initial=0))
            if longest > self._width_bytes:
                raise LimitError(
                    f"a name of {longest} bytes was received, {self._width_bytes} are allowed; "
                    "nothing of the delivery was stored"
                )
        fixed = np.ascontiguousarray(values.astype(f"S{self._width_bytes}", copy=False))
        return fixed.view(np.uint64).reshape(len(fixed), self._width_bytes // 8)
