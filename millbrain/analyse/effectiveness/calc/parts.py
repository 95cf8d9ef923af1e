"""From runs to parts: what is summed, by hour, shift, order, state and reason.

A part is what one machine did within one hour, one shift, one order, one state and one reason:
time, begun stops, pieces, energy. Parts only ever add up; cutting time or machines anywhere gives
the same sums. A piece told at an instant was made in the span that ends there; energy is spread
evenly between two readings of its counter.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.measures import Parts
from millbrain.analyse.effectiveness.calc.runs import Runs, Steps
from millbrain.core.plant.states import MachineState

HOUR_MS: Final = 3_600_000
# Shorter than the limit these are micro-stops; a set-up or an upkeep is none however short it is.
_CAN_BE_MICRO: Final = tuple(
    int(s) for s in (MachineState.IDLE, MachineState.DOWN, MachineState.BLOCKED,
                     MachineState.STARVED)
)  # fmt: skip
MICRO: Final = np.isin(np.arange(256), _CAN_BE_MICRO)


@dataclass(frozen=True, slots=True)
class Plan:
    """Planned time of one machine: spans that hold until the next one begins.

    at: rising [ms since 1970 UTC], the first not after the time that is asked. day: plant day [days
    since 1970]. shift: code of a text, 0 = none. busy: whether work is planned.
    """

    at: NDArray[np.int64]
    day: NDArray[np.int32]
    shift: NDArray[np.int32]
    busy: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces told at instants, rising, shape (n,): how many came since the reading before."""

    at: NDArray[np.int64]
    good: NDArray[np.float64]
    scrap: NDArray[np.float64]
    rework: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy [kWh] used between two readings of its counter, in order and apart, shape (n,)."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    kwh: NDArray[np.float64]


_KEYS, _TALLIES, _MUCH = 7, 4, 6  # columns of a part: what it is, counts of it, sums of it


def parts_of(
    runs: Runs, jobs: Steps, cycles_ms: NDArray[np.float64], plan: Plan,
    pieces: Pieces, energy: Energy, low: int, high: int, micro_ms: int, grain_ms: int = HOUR_MS,
) -> Parts:  # fmt: skip
    """Return the parts of one machine between two instants.

    Parameters
    ----------
    runs
        Runs that cover the time from `low` to `high` wholly.
    jobs
        Codes of order and operation by instant, 0 = none.
    cycles_ms
        Nameplate time of one piece by the code of the job [ms], NaN = not known.
    plan
        Planned time.
    pieces, energy
        What was counted; what lies outside the time asked is left out.
    low, high
        From where to where [ms since 1970 UTC].
    micro_ms
        A stop shorter than this is a micro-stop.
    grain_ms
        Length of what `Parts.hour` tells.
    """
    inside = int(np.searchsorted(runs.start, high) - np.searchsorted(runs.end, low))
    grains = max(0, high - low) // grain_ms + 2
    size = inside + len(jobs.at) + len(plan.at) + grains + 4
    key = np.empty((_KEYS, size), np.int64)
    tally, much = np.zeros((_TALLIES, size), np.int64), np.zeros((_MUCH, size), np.float64)
    count = _sum(
        (runs.start, runs.end, runs.state, runs.reason, runs.whole_ms, runs.begins),
        (jobs.at, jobs.value, cycles_ms), (plan.at, plan.day, plan.shift, plan.busy),
        (pieces.at, pieces.good, pieces.scrap, pieces.rework),
        (energy.start, energy.end, energy.kwh), (low, high, micro_ms, grain_ms), MICRO,
        key, tally, much,
    )  # fmt: skip
    hour, day, shift, busy, job, state, reason = key[:, :count]
    return Parts(
        hour, day.astype(np.int32), shift.astype(np.int32), busy.astype(np.uint8),
        job.astype(np.int32), state.astype(np.uint8), reason.astype(np.int32),
        *tally[:, :count], *much[:, :count],
    )  # fmt: skip


# Arrays of tuples are taken out of them once: each time costs a count of references.
@njit(nogil=True, cache=True)
def _sum(
    runs: Any, jobs: Any, plan: Any, pieces: Any, energy: Any, bounds: Any, can_be_micro: Any,
    key: Any, tally: Any, much: Any,
) -> Any:  # fmt: skip
    """Walk over the spans in which nothing changes and add each to its part; return how many."""
    run_start, run_end, run_state, run_reason, whole_ms, begins = runs
    job_at, job_value, cycles_ms = jobs
    plan_at, plan_day, plan_shift, plan_busy = plan
    piece_at, good, scrap, rework = pieces
    burn_start, burn_end, kwh = energy
    low, high, micro_ms, grain_ms = bounds
    r = np.searchsorted(run_end, low, side="right")
    j = np.searchsorted(job_at, low, side="right")
    p = np.searchsorted(plan_at, low, side="right")
    q = np.searchsorted(piece_at, low, side="right")
    e = np.searchsorted(burn_end, low, side="right")
    edge, count, first = low, 0, 0
    hour = low // grain_ms * grain_ms
    while edge < high and r < len(run_end):
        next_job = job_at[j] if j < len(job_at) else high
        next_plan = plan_at[p] if p < len(plan_at) else high
        until = min(min(high, run_end[r]), min(hour + grain_ms, min(next_job, next_plan)))
        job = job_value[j - 1] if j > 0 else 0
        state, reason = run_state[r], run_reason[r]
        k = first  # the part of this state and reason since the last change, or a new one
        while k < count and (key[5, k] != state or key[6, k] != reason):
            k += 1
        if k == count:
            key[0, k], key[1, k], key[2, k] = hour, plan_day[p - 1], plan_shift[p - 1]
            key[3, k], key[4, k], key[5, k], key[6, k] = plan_busy[p - 1], job, state, reason
            count += 1
        is_micro = can_be_micro[state] and 0 <= whole_ms[r] < micro_ms
        tally[0, k] += until - edge
        if begins[r] and run_start[r] == edge:
            tally[1, k] += 1
            tally[2, k] += is_micro
        if is_micro:
            tally[3, k] += until - edge
        while q < len(piece_at) and piece_at[q] <= until:
            _count(much, k, good[q], scrap[q], rework[q], cycles_ms[job])
            q += 1
        while e < len(burn_start) and burn_start[e] < until:
            width = min(until, burn_end[e]) - max(edge, burn_start[e])
            much[5, k] += width / (burn_end[e] - burn_start[e]) * kwh[e]
            if burn_end[e] > until:
                break
            e += 1
        edge = until
        r += edge == run_end[r]
        is_over = edge == hour + grain_ms
        hour = edge if is_over else hour
        if (is_over or edge in (next_job, next_plan)) and edge < high:
            j += edge == next_job
            p += edge == next_plan
            first = count
    return count


@njit(nogil=True, cache=True, inline="always")
def _count(much: Any, k: Any, good: Any, scrap: Any, rework: Any, cycle_ms: Any) -> None:
    """Add pieces; without a nameplate the time that they take is not known: NaN."""
    much[0, k] += good
    much[1, k] += scrap
    much[2, k] += rework
    much[3, k] += (good + scrap + rework) * cycle_ms
    if good > 0:
        much[4, k] += good * cycle_ms
