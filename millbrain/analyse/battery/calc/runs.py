"""Hysteresis and persistence: when a run of days opens, and when it closes again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
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
    state = np.zeros((4, cells), np.int64)
    state[1:3] = -1
    # Most packs have no cell with so many hits at all: they need no walk.
    if (np.count_nonzero(hit, axis=0) >= days_min).any():
        _walk(hit, stays, clear, days_min, state)
    return Runs(state[0] > 0, state[1], state[2], state[3])


@njit(nogil=True, cache=True)
def _walk(hit: Any, stays: Any, clear: Any, days_min: Any, state: Any) -> None:
    """Fill in state, shape (4, cells): is open, opened, last, hits."""
    for cell in range(hit.shape[1]):
        up, calm, start = 0, 0, -1
        is_open, opened, last, hits = 0, -1, -1, 0
        for day in range(hit.shape[0]):
            is_hit = hit[day, cell]
            start = day if is_hit and up == 0 else start
            up = up + 1 if is_hit else 0
            calm = calm + 1 if clear[day, cell] else 0
            counts = is_hit or (is_open and stays[day, cell])
            if not is_open and up >= days_min:
                is_open, opened, hits = 1, start, up
            elif is_open and counts:
                hits += 1
            if calm >= days_min:
                is_open = 0
            last = day if counts else last
        state[0, cell], state[1, cell], state[2, cell], state[3, cell] = is_open, opened, last, hits
