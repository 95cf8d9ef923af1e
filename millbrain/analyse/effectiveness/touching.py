"""Which hours of which machines readings touch, so that exactly those are told anew.

A reading holds until the next one of its signal; the energy of a counter reaches back to the one
before; silence, micro-stops and later reasons reach `gap_s`, `micro_s` and `reason_back_s`.

A late reading touches the hour it lies in, and all up to the next reading of its signal. While late
readings still come, that next one is mostly the first of the next batch, so the hours beyond are
told once it is quiet: days that are pushed afterwards, or the buffer of an edge, are told about
once and not again with every batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.model import SIGNALS, Rules
from millbrain.analyse.effectiveness.store import REACHES_MS, Store, Touch
from millbrain.core.columns import Column, Columns, Ragged
from millbrain.core.plant.states import ENERGY_SIGNAL, REASON_SIGNAL

HOURS_AT_ONCE_MAX: Final = 4_000  # hours of machines told between two looks at what came
SPAN_HOURS_MAX: Final = 24
FORGOTTEN_MS: Final = 30 * 24 * HOUR_MS  # a machine that was silent for so long is let go
LIVE_MS: Final = 2 * HOUR_MS
AHEAD_MS: Final = HOUR_MS  # a device's clock may be so far ahead
LATE_MS_MAX: Final = 300_000  # hours that a late reading reaches wait for quiet so long at most
# To ask for one more span costs about as much as so many hours of machines that are told in vain.
SPAN_COSTS_HOURS: Final = 32
_WANTED: Final = frozenset(s.encode() for s in SIGNALS)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """Machines of which the same whole hours are told; low, high: [ms since 1970 UTC]."""

    machines: tuple[str, ...]
    low: int
    high: int


def touches_of(columns: Columns) -> list[Touch]:
    """Return what a batch of readings touches: first and last instant by thing, signal, hour."""
    signal, signals = _coded(columns.values["signal"])
    rows = np.flatnonzero(np.array([s in _WANTED for s in signals], np.bool_)[signal])
    if not len(rows):
        return []
    thing, things = _coded(columns.values["thing"])
    at = columns.array("device_at")[rows].astype(np.int64)
    thing, signal = thing[rows], signal[rows]
    order = np.lexsort((at, signal, thing))
    at, thing, signal = at[order], thing[order], signal[order]
    key = np.stack((thing, signal, at // HOUR_MS))
    cuts = np.flatnonzero(np.any(np.diff(key, axis=1, prepend=-1) != 0, axis=0))
    ends = np.append(cuts[1:], len(at)) - 1
    return [
        Touch(things[thing[a]].decode("utf-8", "replace"), signals[signal[a]].decode(),
              int(at[a]), int(at[b]))
        for a, b in zip(cuts, ends, strict=True)
    ]  # fmt: skip


def _coded(column: Column) -> tuple[NDArray[np.int32], list[bytes]]:
    """Return texts as codes and the text of each code, whichever way a driver brought them."""
    if isinstance(column, Ragged):
        parts = (column.offsets, column.values)
        buffers = [None, *(pa.py_buffer(np.ascontiguousarray(part).data) for part in parts)]
        texts = pa.Array.from_buffers(pa.binary(), len(column.offsets) - 1, buffers)
    else:
        texts = pa.array(column, pa.binary())
    coded: Any = texts.dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False), coded.dictionary.to_pylist()


class Touched:
    """The hours that wait to be told. One thread at a time."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._near_ms = round(max(rules.gap_s, rules.micro_s) * 1000)
        self._back_ms = round(max(rules.reason_back_s * 1000, self._near_ms))
        self._newest: dict[Key, int] = {}
        self._heard: dict[str, int] = {}
        self._ticked = 0
        self._quiet_ms = round(rules.flush_s * 1000)
        self._late: dict[Key, tuple[int, int]] = {}  # first and last instant of late readings
        self._late_from = self._late_at = 0  # when the first and the last of them came
        self.known: dict[str, set[str]] = {}
        self.hours: dict[str, set[int]] = {}
        self.waiting: dict[str, set[int]] = {}
        self.ahead: set[str] = set()

    @property
    def due(self) -> int:
        """How many hours of machines are to be told now."""
        return sum(map(len, self.hours.values()))

    @property
    def behind(self) -> int:
        """How many hours of machines are to be told now, or may be once it is quiet."""
        waiting = (hours - self.hours.get(t, set()) for t, hours in self.waiting.items())
        return self.due + max(sum(map(len, waiting)), bool(self._late))

    def open(self, now: int) -> None:
        """Learn what is known of machines, and up to where their hours are told."""
        self._newest = {k: at for k, at in self._store.things().items() if at <= now + AHEAD_MS}
        self.known = {}
        for (thing, signal), at in self._newest.items():
            self.known.setdefault(thing, set()).add(signal)
            self._heard[thing] = max(self._heard.get(thing, 0), at)
        self._ticked = self._store.told_until() or now

    def add(self, touches: Iterable[Touch], now: int) -> None:
        """Take what came."""
        late: dict[Key, list[Touch]] = {}
        heard: dict[str, int] = {}
        for touch in touches:
            if touch.first > now + AHEAD_MS:
                self.ahead.add(touch.thing)
                continue
            key = (touch.thing, touch.signal)
            self.known.setdefault(touch.thing, set()).add(touch.signal)
            newest = self._newest.get(key)
            if newest is not None and touch.first <= newest:
                late.setdefault(key, []).append(touch)
            else:
                low = touch.first - self._reach(touch.signal)
                # Readings of one batch may lie hours apart, and the time between is told, too.
                since = max(self._heard.get(touch.thing, 0), newest or 0)
                if newest is not None:
                    since = min(newest, since) if touch.signal == ENERGY_SIGNAL else since
                if since > touch.first - FORGOTTEN_MS:  # the time between is told anew, too
                    low = min(low, since)
                # What is nearly live is told up to now at once, not with the next tick.
                is_live = touch.last > now - LIVE_MS
                self._mark(touch.thing, low, now if is_live else touch.last + self._near_ms, now)
            self._newest[key] = max(newest or 0, touch.last)
            heard[touch.thing] = max(heard.get(touch.thing, 0), touch.last)
        for thing, at in heard.items():
            self._heard[thing] = max(self._heard.get(thing, 0), at)
        if late:
            self._add_late(late, now)

    def _add_late(self, late: Mapping[Key, Sequence[Touch]], now: int) -> None:
        """Mark each touch; all that it may reach waits, and is struck out where it is told."""
        for key, touches in late.items():
            reach = self._reach(key[1])
            for touch in touches:
                self._mark(key[0], touch.first - reach, touch.last + self._near_ms, now)
            first, last = min(t.first for t in touches), max(t.last for t in touches)
            far = _hours(first - reach, min(last + REACHES_MS[-1] + self._near_ms, now))
            self.waiting.setdefault(key[0], set()).update(far)
            old = self._late.get(key, (first, last))
            self._late[key] = min(first, old[0]), max(last, old[1])
        self._late_from, self._late_at = self._late_from or now, now

    def ripen(self, now: int) -> None:
        """Let the hours that waited for quiet be told, once it is quiet or they waited long."""
        is_quiet = not 0 <= now - self._late_at < self._quiet_ms
        if not self._late or not (is_quiet or not 0 <= now - self._late_from < LATE_MS_MAX):
            return
        after = self._next_to({k: last for k, (_, last) in self._late.items()}, is_after=True)
        burns = {k: first for k, (first, _) in self._late.items() if k[1] == ENERGY_SIGNAL}
        before = self._next_to(burns, is_after=False)
        for key, (first, last) in self._late.items():
            high = after.get(key, last + REACHES_MS[-1]) + self._near_ms
            reached = _hours(first - self._reach(key[1]), min(high, now))
            waiting = self.waiting.get(key[0], set())
            self.hours.setdefault(key[0], set()).update(waiting.intersection(reached))
            if key in before:
                self._mark(key[0], before[key], first, now)
        self.hours = {thing: hours for thing, hours in self.hours.items() if hours}
        self.waiting, self._late, self._late_from = {}, {}, 0

    def _next_to(self, found: Mapping[Key, int], *, is_after: bool) -> dict[Key, int]:
        """Return the reading after the hour of an instant, or before it, of each key [ms]."""
        by_hour: dict[int, list[Key]] = {}
        for key, at in found.items():
            by_hour.setdefault(at // HOUR_MS + is_after, []).append(key)
        answers = (self._store.beside(keys, hour * HOUR_MS, is_after=is_after)
                   for hour, keys in by_hour.items())  # fmt: skip
        return {key: at for answer in answers for key, at in answer.items()}

    def _reach(self, signal: str) -> int:
        return self._back_ms if signal == REASON_SIGNAL else self._near_ms

    def _mark(self, thing: str, low: int, high: int, now: int) -> None:
        self.hours.setdefault(thing, set()).update(_hours(low, min(high, now)))

    def tick(self, now: int) -> None:
        """Let time pass: machines that bring nothing are silent, and that is told, too."""
        for thing, at in self._heard.items():
            if at > now - FORGOTTEN_MS:
                self._mark(thing, max(self._ticked - 2 * self._near_ms, at), now, now)
        self._ticked = now

    def next(self, most: int, portion: int) -> list[Span]:
        """Return the newest hours that wait, at most about so many; they wait until `done`.

        portion: hours of machines that one span has at most.
        """
        grouped: dict[tuple[int, int], list[str]] = {}
        for thing, hours in self.hours.items():
            for edges in spans_of(hours):
                grouped.setdefault(edges, []).append(thing)
        found: list[Span] = []
        count = 0
        for (low, high), things in reversed(_joined(grouped)):
            width = max(1, portion // (high - low))
            for k in range(0, len(things), width):
                some = tuple(things[k : k + width])
                found.append(Span(some, low * HOUR_MS, high * HOUR_MS))
                count += len(some) * (high - low)
                if count >= most:
                    return found
        return found

    def done(self, span: Span) -> None:
        """Take told hours off the list."""
        told = set(range(span.low // HOUR_MS, span.high // HOUR_MS))
        for thing in span.machines:
            for hours in (self.hours, self.waiting):
                left = hours.get(thing, set()) - told
                if left:
                    hours[thing] = left
                else:
                    hours.pop(thing, None)


def _hours(low: int, high: int) -> range:
    """Return the hours that an instant to an instant [ms] touches, none where high is before."""
    return range(max(low, 0) // HOUR_MS, high // HOUR_MS + 1)


def spans_of(hours: Iterable[int]) -> list[tuple[int, int]]:
    """Return hours as spans [low, high) of neighbours within `SPAN_HOURS_MAX` that begin alike.

    So the spans of machines of which about the same hours wait can be told together.
    """
    found: list[tuple[int, int]] = []
    for hour in sorted(hours):
        if found and found[-1][1] == hour and hour % SPAN_HOURS_MAX:
            found[-1] = (found[-1][0], hour + 1)
        else:
            found.append((hour, hour + 1))
    return found


def _joined(
    grouped: Mapping[tuple[int, int], Sequence[str]],
) -> list[tuple[tuple[int, int], list[str]]]:
    """Return groups of machines by their span, oldest first; those nearly alike made one."""
    found: list[tuple[tuple[int, int], list[str]]] = []
    for (low, high), things in sorted(grouped.items()):
        if found and low // SPAN_HOURS_MAX == found[-1][0][0] // SPAN_HOURS_MAX:
            (start, end), own = found[-1]
            until = max(end, high)
            both = len(set(own) | set(things))
            more = both * (until - start) - len(own) * (end - start) - len(things) * (high - low)
            if more <= SPAN_COSTS_HOURS:
                found[-1] = ((start, until), list(dict.fromkeys((*own, *things))))
                continue
        found.append(((low, high), list(things)))
    return found
