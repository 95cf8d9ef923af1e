"""Keeping some of the raw frames: so many a second, shared fairly by the links, the others counted.

A link that sends little keeps all of its frames beside one that floods: what there is to give is
poured over the links like water, each up to what it brought.
"""

import time

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns


class TokenBucket:
    """Lets `rate_hz` rows a second through, at most one second's worth at once."""

    def __init__(self, rate_hz: int) -> None:
        self.kept = 0
        self.skipped = 0
        self._rate_hz = rate_hz
        self._tokens = float(rate_hz)
        self._filled_s = time.monotonic()

    def thin(self, rows: Columns) -> Columns:
        """Return the rows that may stay, of each link evenly spread; needs `link`."""
        now_s = time.monotonic()
        earned = (now_s - self._filled_s) * self._rate_hz
        self._tokens = min(self._rate_hz, self._tokens + earned)
        self._filled_s = now_s
        keep = min(rows.rows, int(self._tokens))
        self._tokens -= keep
        self.kept += keep
        self.skipped += rows.rows - keep
        if keep == rows.rows:
            return rows
        return rows.take(_chosen(np.asarray(rows.array("link"), np.bytes_), keep))


def _chosen(links: NDArray[np.bytes_], keep: int) -> NDArray[np.intp]:
    """Return which rows stay, ascending."""
    if not keep or (links == links[0]).all():  # the usual batch: sorting names would cost 8 ms
        return np.arange(keep) * len(links) // max(keep, 1)
    _, place, counts = np.unique(links, return_inverse=True, return_counts=True)
    given = shares(counts, keep)
    order = np.argsort(place, kind="stable")  # rows of a link stand together, in their order
    begins = np.cumsum(counts) - counts
    picked = [
        order[begin + np.arange(some) * count // max(some, 1)]
        for begin, count, some in zip(begins, counts, given, strict=True)
    ]
    return np.sort(np.concatenate(picked))


def shares(counts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """Divide `total` so that nobody gets more than its count, and the least asking get all of it.

    >>> shares(np.array([100, 3, 100]), 13)
    array([5, 3, 5])
    """
    given = np.zeros_like(counts)
    left = min(total, int(counts.sum()))
    order = np.argsort(counts, kind="stable")
    for n, link in enumerate(order):
        given[link] = min(int(counts[link]), left // (len(counts) - n))
        left -= int(given[link])
    return given
