"""Which values cross a limit: state and batches in, crossings out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from millbrain.core.columns import Column, Columns, Ragged
from millbrain.core.plant.readings import UNCERTAIN
from millbrain.core.plant.signal_limits import SignalLimits

Series = NDArray[np.int64]
BEYOND: Final = 2  # levels run from -2 (low-low) over 0 (inside) to 2 (high-high)


@dataclass(slots=True)
class State:
    """How every limited signal stands, one entry each, in the order of the limits.

    level: -2 below low-low, -1 below low, 0 inside, 1 above high, 2 above high-high. since_ms: when
    it left the inside [ms since 1970 UTC]. newest_ms: device time of the newest value judged, 0 =
    none. worst: the farthest value since it left the inside.
    """

    level: NDArray[np.int8]
    since_ms: NDArray[np.int64]
    newest_ms: NDArray[np.int64]
    worst: NDArray[np.float64]

    @staticmethod
    def blank(count: int) -> "State":
        """Return the state of signals of which nothing is known."""
        return State(
            np.zeros(count, np.int8),
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
            np.full(count, np.nan),
        )


@dataclass(frozen=True, slots=True)
class Crossings:
    """Every change of level, in the order in which it came; arrays of one length.

    series: which limits. at_ms, value: the reading that did it. before, after: levels.
    """

    series: Series
    at_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    before: NDArray[np.int8]
    after: NDArray[np.int8]

    def __len__(self) -> int:
        """How many."""
        return len(self.series)


def bounds_of(limits: Sequence[SignalLimits]) -> NDArray[np.float64]:
    """Return low-low, low, high, high-high and deadband, shape (limits, 5); none = infinite."""
    none = (-np.inf, -np.inf, np.inf, np.inf)
    rows = [
        [*(n if b is None else b for b, n in zip(each.bounds, none, strict=True)), each.deadband]
        for each in limits
    ]
    return np.array(rows, np.float64).reshape(len(limits), 5)


class Finder:
    """Finds the limited signals among readings."""

    def __init__(self, limits: Sequence[SignalLimits]) -> None:
        self._places = {
            (each.thing.encode(), each.signal.encode()): n for n, each in enumerate(limits)
        }
        self._things = {thing for thing, _ in self._places}

    def series(self, rows: Columns) -> Series:
        """Return for each row which limits are its signal's, -1 = none."""
        things, thing = _encoded(rows.values["thing"])
        wanted = np.array([t in self._things for t in things], np.bool_)
        found = np.full(rows.rows, -1, np.int64)
        some = np.flatnonzero(wanted[thing]) if len(things) else np.zeros(0, np.int64)
        if not len(some):
            return found
        signals, signal = _encoded(rows.values["signal"])
        pairs = thing[some] * len(signals) + signal[some]
        distinct, place = np.unique(pairs, return_inverse=True)
        known = np.array(
            [
                self._places.get((things[p // len(signals)], signals[p % len(signals)]), -1)
                for p in distinct.tolist()
            ],
            np.int64,
        )
        found[some] = known[place]
        return found


def _encoded(column: Column) -> tuple[list[bytes], NDArray[np.int64]]:
    """Return the different texts of a column, and for each row which of them it is."""
    if isinstance(column, Ragged):
        raise TypeError("names of readings are no lists")
    coded: Any = pc.dictionary_encode(pa.array(column, pa.binary()))
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)


def judge(
    bounds: NDArray[np.float64], state: State, series: Series, rows: Columns
) -> Crossings:  # fmt: skip
    """Judge readings in the order of their device times; `state` goes on from there.

    bounds: of every limited signal, as `bounds_of` returns. series: of each row, -1 = not limited.
    A value that is missing, bad, or not newer than the newest one judged says nothing.
    """
    value = np.asarray(rows.array("value"), np.float64)
    at_ms = np.asarray(rows.array("device_at")).astype(np.int64)
    counts = (series >= 0) & np.isfinite(value)
    counts &= np.asarray(rows.array("quality")) >= UNCERTAIN
    if "value" in rows.missing:
        counts &= ~rows.missing["value"]
    chosen = np.flatnonzero(counts)
    chosen = chosen[np.argsort(at_ms[chosen], kind="stable")]
    own, at_ms, value = series[chosen], at_ms[chosen], value[chosen]
    before, after = np.zeros(len(chosen), np.int8), np.zeros(len(chosen), np.int8)
    _judge(
        bounds, own, at_ms, value,
        state.level, state.since_ms, state.newest_ms, state.worst, before, after,
    )  # fmt: skip
    k = np.flatnonzero(before != after)
    return Crossings(own[k], at_ms[k], value[k], before[k], after[k])


@njit(cache=True, nogil=True)
def _level(value: float, bounds: NDArray[np.float64], held: int) -> int:
    """Level of a value; it returns from a level only by more than the deadband."""
    back = bounds[4]
    if value > bounds[3] - (back if held == 2 else 0.0):
        return 2
    if value > bounds[2] - (back if held >= 1 else 0.0):
        return 1
    if value < bounds[0] + (back if held == -2 else 0.0):
        return -2
    if value < bounds[1] + (back if held <= -1 else 0.0):
        return -1
    return 0


@njit(cache=True, nogil=True)
def _judge(
    bounds: NDArray[np.float64],
    series: Series,
    at_ms: NDArray[np.int64],
    value: NDArray[np.float64],
    level: NDArray[np.int8],
    since_ms: NDArray[np.int64],
    newest_ms: NDArray[np.int64],
    worst: NDArray[np.float64],
    before: NDArray[np.int8],
    after: NDArray[np.int8],
) -> None:
    for row in range(len(series)):
        s = series[row]
        if at_ms[row] <= newest_ms[s]:
            continue
        newest_ms[s] = at_ms[row]
        held = level[s]
        now = _level(value[row], bounds[s], held)
        before[row], after[row] = held, now
        level[s] = now
        if now == 0:
            continue
        if held == 0 or (held > 0) != (now > 0):
            since_ms[s] = at_ms[row]
            worst[s] = value[row]
        elif (now > 0) == (value[row] > worst[s]):
            worst[s] = value[row]


def limit_of(bounds: npt.ArrayLike, level: int) -> float:
    """Return the limit that a level is beyond; the outer one where a level has none."""
    row = np.asarray(bounds)
    at = {-2: 0, -1: 1, 1: 2, 2: 3}[level]
    return float(row[at])
