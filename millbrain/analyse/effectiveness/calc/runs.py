"""From what a machine said to runs: maximal spans of one state, with the reason that holds.

Time in which nothing was heard for longer than `gap_ms` is OFFLINE from the last thing heard on:
nobody knows what the machine did, so it is neither idle nor producing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.core.plant.states import MachineState

OFFLINE = int(MachineState.OFFLINE)
PRODUCING = int(MachineState.PRODUCING)


@dataclass(frozen=True, slots=True)
class Steps:
    """A value that holds until the next one. at: rising instants [ms]. value: codes, as long."""

    at: NDArray[np.int64]
    value: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Runs:
    """Spans of one state and one reason in order, without holes, shape (n,).

    start, end: [ms since 1970 UTC]. state: code of `MachineState`. reason: code of a text, 0 =
    none given. whole_ms: length of the whole run of the state, -1 where it is not over yet.
    begins: whether the run of the state begins with this span; a span cut off only by the reason,
    or where looking began, does not.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    state: NDArray[np.uint8]
    reason: NDArray[np.int32]
    whole_ms: NDArray[np.int64]
    begins: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.start)


def runs_of(
    heard: NDArray[np.int64], states: Steps, reasons: Steps, low: int, high: int,
    gap_ms: int, back_ms: int,
) -> Runs:  # fmt: skip
    """Return the runs of one machine between two instants.

    Parameters
    ----------
    heard
        Instants at which anything was heard of the machine, rising [ms], from before `low` on.
    states
        Codes of `MachineState` by instant.
    reasons
        Codes of reasons by instant, 0 = none. One that comes when none is given holds from the
        begin of the run, at most `back_ms` back: people say why once they have looked.
    low, high
        From where to where [ms since 1970 UTC].
    gap_ms
        Longest silence in which the last state is still believed.
    back_ms
        How far back a reason reaches.
    """
    size = len(heard) + len(states.at) + 2
    start, end = np.empty(size, np.int64), np.empty(size, np.int64)
    state = np.empty(size, np.uint8)
    count = _walk(heard, states.at, states.value, low, high, gap_ms, start, end, state)
    size = 2 * count + 2 * len(reasons.at) + 1
    out = (
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.uint8),
        np.empty(size, np.int32), np.empty(size, np.int64), np.empty(size, np.bool_),
    )  # fmt: skip
    n = _explain(start[:count], end[:count], state[:count], reasons.at, reasons.value,
                 low, high, back_ms, out)  # fmt: skip
    return Runs(*(column[:n].copy() for column in out))


@njit(nogil=True, cache=True)
def _walk(
    heard: Any, at: Any, value: Any, low: Any, high: Any, gap_ms: Any,
    start: Any, end: Any, state: Any,
) -> Any:  # fmt: skip
    """Fill in the runs of states; return how many."""
    count = 0
    edge = low
    s = 0  # states told up to here
    for i in range(len(heard) + 1):
        # From the instant before to this one: what was told last, unless the silence is too long.
        until = heard[i] if i < len(heard) else high
        until = min(until, high)
        if i == 0:
            code = OFFLINE
        else:
            while s < len(at) and at[s] <= heard[i - 1]:
                s += 1
            silent = (heard[i] if i < len(heard) else high) - heard[i - 1] > gap_ms
            code = OFFLINE if silent or s == 0 else value[s - 1]
        if until <= edge:
            continue
        if count and state[count - 1] == code:
            end[count - 1] = until
        else:
            start[count], end[count], state[count] = edge, until, code
            count += 1
        edge = until
    return count


@njit(nogil=True, cache=True)
def _explain(
    start: Any, end: Any, state: Any, at: Any, value: Any, low: Any, high: Any, back_ms: Any,
    out: Any,
) -> Any:  # fmt: skip
    """Cut the runs where the reason changes and fill in `out`; return how many spans there are."""
    n = 0
    r = 0
    for i in range(len(start)):
        while r < len(at) and at[r] <= start[i]:
            r += 1
        reason = value[r - 1] if r > 0 else 0
        edge = start[i]
        whole = end[i] - start[i] if end[i] < high else -1
        begins = start[i] > low
        told = r
        if state[i] == PRODUCING:  # whoever produces needs no reason
            reason, told = 0, len(at)
        while told < len(at) and at[told] < end[i]:
            cut = at[told]
            if reason == 0:
                cut = max(edge, cut - back_ms)
            if value[told] != reason:
                if cut > edge:
                    _put(out, n, edge, cut, state[i], reason, whole, begins)
                    n += 1
                    edge, begins = cut, False
                reason = value[told]
            told += 1
        _put(out, n, edge, end[i], state[i], reason, whole, begins)
        n += 1
    return n


@njit(nogil=True, cache=True, inline="always")
def _put(
    out: Any, n: Any, start: Any, end: Any, state: Any, reason: Any, whole: Any, begins: Any
) -> None:
    out[0][n], out[1][n], out[2][n], out[3][n] = start, end, state, reason
    out[4][n], out[5][n] = whole, begins
