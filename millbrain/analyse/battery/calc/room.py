"""Memory for the rows of slots: one stretch each, so that a report touches few places.

A row holds all that is summed up of one pack and day (`kernels.row_words`). Rows that were let go
are given out again to packs of the same number of cells.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc import kernels as k
from millbrain.core.errors import LimitError

Ints = NDArray[np.int64]
_CELLS_USUAL: Final = 100  # of a pack, for what is reserved


def row_words(counts: Ints) -> Ints:
    """Return the words (8 bytes) of the rows of packs with so many cells."""
    return np.asarray(k.HEAD + 3 * counts + (5 * counts + 3) // 4)


class Room:
    """Rows, begun at a word of `words`; `halves` and `quarters` are the same memory.

    cells_max: cells of rows held at once. cells: so many are reserved at first, in rows of usual
    packs. Memory is taken as rows are used, so that a large reserve costs nothing, while an array
    that has to grow is held twice for a moment.
    """

    def __init__(self, cells_max: int, cells: int) -> None:
        self.cells = 0  # of rows in memory, those to be used again included
        self.used = 0  # words
        self._cells_max = cells_max
        self._spare: dict[int, list[int]] = {}  # number of cells -> rows that were let go
        each = int(row_words(np.array([_CELLS_USUAL]))[0]) / _CELLS_USUAL
        self._hold(np.zeros(int(min(cells, cells_max) * each), np.int64))

    def _hold(self, words: Ints) -> None:
        self.words = words
        self.halves = words.view(np.int32)
        self.quarters = words.view(np.uint16)

    def take(self, counts: Ints) -> Ints:
        """Return where the rows of packs with so many cells begin; nothing is seen of them yet.

        Raises
        ------
        LimitError
            There is no room for all of them; none was taken.
        """
        sizes, place = np.unique(counts, return_inverse=True)
        groups = [(int(n), np.flatnonzero(place == i)) for i, n in enumerate(sizes)]
        spare = [min(len(self._spare.get(n, ())), len(own)) for n, own in groups]
        new = sum(n * (len(own) - again) for (n, own), again in zip(groups, spare, strict=True))
        if self.cells + new > self._cells_max:
            raise LimitError(
                f"battery sums: {self.cells} cells of packs and days are held and {new} more are "
                f"asked for, {self._cells_max} are allowed; days that are on disk are let go first"
            )
        begins = np.zeros(len(counts), np.int64)
        for (count, own), again in zip(groups, spare, strict=True):
            if again:
                begins[own[:again]] = self._spare[count][-again:]
                del self._spare[count][-again:]
            begins[own[again:]] = self._fresh(count, len(own) - again)
        self.clear(begins, counts)
        return begins

    def _fresh(self, count: int, rows: int) -> Ints:
        """Return where rows begin that were never used."""
        each = int(row_words(np.array([count]))[0])
        begins = self.used + each * np.arange(rows)
        self.used += each * rows
        self.cells += count * rows
        if self.used > len(self.words):
            words = np.zeros(max(self.used, 2 * len(self.words)), np.int64)
            words[: len(self.words)] = self.words
            self._hold(words)
        return begins

    def clear(self, begins: Ints, counts: Ints) -> None:
        """Set rows back to nothing seen."""
        k.clear(begins, counts, self.words, self.quarters)

    def give(self, begins: Ints, counts: Ints) -> None:
        """Let go of rows."""
        for begin, count in zip(begins.tolist(), counts.tolist(), strict=True):
            self._spare.setdefault(count, []).append(begin)

    def empty(self) -> None:
        """Forget all rows."""
        self._spare.clear()
        self.cells = self.used = 0
