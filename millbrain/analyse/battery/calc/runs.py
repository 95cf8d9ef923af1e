"""Hysteresis and persistence: when a run of days opens, and when it closes again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Runs:
    """State at the last day, shape (cells,); days are indices, -1 = never.

    is_open: a run of enough days has been, and no run of as many clear days since. opened: the
    first day of the run that opened it. last: the last day that counted. hits: days that counted
    since then.
    """

    is_open: NDArray[np.bool_]
    opened: NDArray[np.int64]
    last: NDArray[np.int64]
    hits: NDArray[np.int64]


def follow(
    hit: NDArray[np.bool_], stays: NDArray[np.bool_], clear: NDArray[np.bool_], days_min: int
) -> Runs:
    """Walk over the observed days.

    hit, stays, clear: shape (days, cells). hit opens, `days_min` of them in a row; clear closes, as
    many in a row. stays: weaker than a hit, counts while the run is open. A day that is none of
    them keeps an open run open and breaks one that has not opened yet.
    """
    cells = hit.shape[1]
    up, calm, hits = (np.zeros(cells, np.int64) for _ in range(3))
    start, opened, last = (np.full(cells, -1, np.int64) for _ in range(3))
    is_open = np.zeros(cells, np.bool_)
    # Most packs have no cell with so many hits at all: they need no walk.
    days = len(hit) if (np.count_nonzero(hit, axis=0) >= days_min).any() else 0
    for day in range(days):
        start = np.where(hit[day] & (up == 0), day, start)
        up = np.where(hit[day], up + 1, 0)
        calm = np.where(clear[day], calm + 1, 0)
        opens = ~is_open & (up >= days_min)
        opened = np.where(opens, start, opened)
        counts = hit[day] | (is_open & stays[day])
        hits = np.where(opens, up, hits + (is_open & counts))
        is_open = (is_open | opens) & (calm < days_min)
        last = np.where(counts, day, last)
    return Runs(is_open, opened, last, hits)
