"""Rows of a log to readings of its machines: state, order under way, counters, as they would come.

A machine produces while a row of type D is booked on it, is set up while only rows of type S are,
and is idle otherwise: with reason `log-b` while only rows of type B are. Spans on one machine may
overlap (several people, several orders); the machine is busy once.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from millbrain.core.plant.states import (
    GOOD_SIGNAL,
    ORDER_SIGNAL,
    REASON_SIGNAL,
    REWORK_SIGNAL,
    SCRAP_SIGNAL,
    STATE_SIGNAL,
    MachineState,
)
from millbrain.run.replay.log import DONE, OTHER, SETUP, LogRow

AGAIN_MS: Final = 30 * 86_400_000  # a state is believed for 60 days at most, so it is told again
OTHER_REASON: Final = "log-b"
_RANK: Final = (DONE, SETUP, OTHER)  # what a machine does while several rows are booked on it
_STATE: Final = {
    DONE: MachineState.PRODUCING, SETUP: MachineState.SETUP, OTHER: MachineState.IDLE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """One reading to be sent: a number, or a text. at_ms: device time [ms since 1970 UTC]."""

    thing: str
    signal: str
    at_ms: int
    value: float = float("nan")
    text: str = ""


def milliseconds(at: datetime) -> int:
    """Return an instant in milliseconds since 1970 UTC."""
    return round(at.timestamp() * 1000)


def values_of(thing: str, rows: Sequence[LogRow], jobs: dict[int, str]) -> list[Value]:
    """Return the readings of one resource in the order of their instants.

    rows: all rows of the resource. jobs: line of a row -> order and step.
    """
    begin = milliseconds(min(r.start for r in rows))
    found = [*_states(thing, rows, jobs, begin), *_counters(thing, rows, begin)]
    return sorted(found, key=lambda v: (v.at_ms, v.signal))


def _states(
    thing: str, rows: Sequence[LogRow], jobs: dict[int, str], begin: int
) -> Iterable[Value]:
    """Yield state, reason and job; idle from the begin on, also where no row ever books time."""
    begins: dict[int, list[LogRow]] = defaultdict(list, {begin: []})
    ends: dict[int, list[LogRow]] = defaultdict(list)
    for row in rows:
        if row.is_placed:
            begins[milliseconds(row.start)].append(row)
            ends[milliseconds(row.complete)].append(row)
    active: dict[int, LogRow] = {}
    told: tuple[MachineState, str, str] | None = None
    told_at = begin
    for at_ms in sorted(begins.keys() | ends.keys() | {milliseconds(r.complete) for r in rows}):
        for row in ends[at_ms]:
            active.pop(row.line, None)
        active |= {row.line: row for row in begins[at_ms]}
        now = _now(active.values(), jobs)
        if told is None or now[0] != told[0] or at_ms > told_at + AGAIN_MS:
            yield Value(thing, STATE_SIGNAL, at_ms, float(now[0]))
            told_at = at_ms
        if told is None or now[1] != told[1]:
            yield Value(thing, REASON_SIGNAL, at_ms, text=now[1])
        if told is None or now[2] != told[2]:
            yield Value(thing, ORDER_SIGNAL, at_ms, text=now[2])
        told = now


def _now(active: Iterable[LogRow], jobs: dict[int, str]) -> tuple[MachineState, str, str]:
    """Return state, reason and job of a machine; of several rows the newest tells the job."""
    own = sorted(active, key=lambda r: (_RANK.index(r.kind), -r.start.timestamp(), r.line))
    if not own:
        return MachineState.IDLE, "", ""
    reason = OTHER_REASON if own[0].kind == OTHER else ""
    return _STATE[own[0].kind], reason, jobs[own[0].line]


def _counters(thing: str, rows: Sequence[LogRow], begin: int) -> Iterable[Value]:
    """Yield the counters of pieces; they begin at 0 when the resource first appears."""
    for signal, name in ((GOOD_SIGNAL, "good"), (SCRAP_SIGNAL, "rejected"),
                         (REWORK_SIGNAL, "review")):  # fmt: skip
        at: dict[int, int] = defaultdict(int, {begin: 0})
        for row in rows:
            if count := getattr(row, name):
                at[max(milliseconds(row.complete), begin + 1)] += count
        total = 0
        for at_ms in sorted(at):
            total += at[at_ms]
            yield Value(thing, signal, at_ms, float(total))


def busy_s(rows: Sequence[LogRow]) -> dict[MachineState, float]:
    """Return how long a resource was in each state by the log [s], computed another way.

    Counts minutes instead of sweeping over instants, so that it can check `values_of`.
    """
    held: dict[int, int] = {}
    for row in rows:
        if row.is_placed:
            rank = _RANK.index(row.kind)
            for minute in range(milliseconds(row.start) // 60_000,
                                milliseconds(row.complete) // 60_000):  # fmt: skip
                held[minute] = min(rank, held.get(minute, rank))
    found: dict[MachineState, float] = defaultdict(float)
    for rank in held.values():
        if _RANK[rank] != OTHER:
            found[_STATE[_RANK[rank]]] += 60.0
    return dict(found)
