"""Counters that only grow: what came between two readings, through resets and repeats."""

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.parts import Energy, Pieces

Reading = tuple[NDArray[np.int64], NDArray[np.float64]]
NOTHING: tuple[NDArray[np.int64], NDArray[np.float64]] = (
    np.zeros(0, np.int64), np.zeros(0, np.float64)
)  # fmt: skip


def rises(at: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what came since the reading before, shape (n,); the first reading tells nothing.

    at: rising instants [ms]. value: readings of the counter. A fall is a reset: the counter began
    at 0 again, so that all it shows came since.
    """
    if not len(value):
        return np.zeros(0, np.float64)
    step = np.diff(value)
    return np.concatenate(([0.0], np.where(step < 0, value[1:], step)))


def pieces_of(good: Reading, scrap: Reading, rework: Reading) -> Pieces:
    """Return the pieces of three counters, each with instants [ms] and readings."""
    at = np.unique(np.concatenate([c[0] for c in (good, scrap, rework)]))
    columns = []
    for instants, values in (good, scrap, rework):
        column = np.zeros(len(at), np.float64)
        column[np.searchsorted(at, instants)] = rises(instants, values)
        columns.append(column)
    any_came = np.any([c > 0 for c in columns], axis=0)
    return Pieces(at[any_came], *(c[any_came] for c in columns))


def energy_of(at: NDArray[np.int64], kwh: NDArray[np.float64]) -> Energy:
    """Return the energy between the readings of its counter [kWh]."""
    used = rises(at, kwh)[1:]
    came = used > 0
    return Energy(at[:-1][came], at[1:][came], used[came])
