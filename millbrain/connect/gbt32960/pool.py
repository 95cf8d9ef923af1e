"""Memory for batches of columns, used again once nobody looks at the last batch any more.

A batch of 20,000 rows is about 15 MB, and memory that is new to the process costs a page fault
every 4 KB: a third of the time of the columnar decoder. So the arrays of a batch are laid into one
block, and a block whose arrays have all gone is given out again. A caller that keeps any one array
keeps its whole block.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Shape = tuple[str, tuple[int, ...]]  # dtype and shape of one array

BLOCKS_MAX: Final = 8  # kept for use again; more may be in use at once
_ALIGNMENT_BYTES: Final = 64  # one cache line
_POOLED_BYTES_MIN: Final = 1 << 20  # smaller ones the allocator keeps anyway
_OWN_REFERENCES: Final = 2  # of a free block in `_take`: the name and the argument of getrefcount


class Pool:
    """Blocks that were given out at least once. Calls from several threads do not disturb it."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.uint8]] = []

    def arrays(self, shapes: Sequence[Shape]) -> list[NDArray[Any]]:
        """Return uninitialised arrays of the given dtypes and shapes, in one block."""
        sizes = [math.prod(shape) * np.dtype(dtype).itemsize for dtype, shape in shapes]
        rounded = [-(-size // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES for size in sizes]
        block = self._take(sum(rounded))
        found: list[NDArray[Any]] = []
        at = 0
        for (dtype, shape), size, step in zip(shapes, sizes, rounded, strict=True):
            found.append(block[at : at + size].view(dtype).reshape(shape))
            at += step
        if len(block) >= _POOLED_BYTES_MIN and len(self._blocks) < BLOCKS_MAX:
            self._blocks.append(block)
        return found

    def _take(self, size: int) -> NDArray[np.uint8]:
        """Return a free block of at least that size; it is in no list until its arrays are made."""
        for _ in range(len(self._blocks) if size >= _POOLED_BYTES_MIN else 0):
            try:
                block = self._blocks.pop(0)
            except IndexError:  # another thread took the rest
                break
            if sys.getrefcount(block) > _OWN_REFERENCES:
                self._blocks.append(block)
            elif size <= len(block) <= 4 * size:
                return block
        return np.empty(size + size // 8, np.uint8)


POOL: Final = Pool()
