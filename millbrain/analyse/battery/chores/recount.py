"""Charges, health and events of a whole history, counted while it is read for its days.

What `counting.count` does with reports that it reads, this does with reports that pass by; the rows
are the same. A span is counted when the next one is there, so that what goes on at its ends lies in
memory; the little that does not is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import history
from millbrain.analyse.battery.calc.charges import PARKED_CHARGING, charges
from millbrain.analyse.battery.chores.counting import Book, capacities, settle, tell
from millbrain.analyse.battery.chores.windows import Window, reader, whole
from millbrain.analyse.battery.fleet.strategy import SOC_JUMP, events
from millbrain.analyse.battery.tables import BATTERY_CHARGE, BATTERY_EVENT
from millbrain.core.columns import Columns, concat
from millbrain.core.rooms import Facts
from millbrain.core.tables import Table

_NO_CAPACITY: Final[Mapping[str, float]] = {}


@dataclass(frozen=True, slots=True)
class _Span:
    """Reports of all vehicles between two instants, both included [s since 1970 UTC]."""

    low: int
    high: int
    reports: Columns | None


class Recount:
    """Counts what some vehicles did. Used by one thread.

    vins: in order. upto: newest batch that counts. lists: what the reports carry. as_of_ms: instant
    of the versions.
    """

    def __init__(
        self, facts: Facts, vins: Sequence[str], upto: int, lists: history.Lists, book: Book,
        as_of_ms: int,
    ) -> None:  # fmt: skip
        self._facts, self._vins, self._book, self._as_of_ms = facts, vins, book, as_of_ms
        self._beyond = reader(facts, upto, history.counted(vins, lists))
        self._spans: list[_Span] = []
        self._charges: list[Columns] = []
        self._events: list[Columns] = []
        self._open: list[tuple[list[Window], Columns]] = []  # events that hang on the capacity
        self._windows: dict[str, Window] = {}

    def add(self, low: int, high: int, reports: Sequence[Columns]) -> None:
        """Take the reports of the span that follows the last one."""
        self._spans.append(_Span(low, high, concat(reports) if reports else None))
        if len(self._spans) > 1:
            self._count(self._spans[-2])
            del self._spans[:-2]

    def finish(self) -> None:
        """Count the last span and write everything that differs from what is there."""
        if not self._spans:
            return
        self._count(self._spans[-1])
        windows = list(self._windows.values())
        settle(self._facts, BATTERY_CHARGE, concat(self._charges), windows, self._as_of_ms)
        tell(self._facts, self._vins, self._book, self._as_of_ms)
        known = capacities(self._facts, self._vins, self._book)
        for own, reports in self._open:
            _lay(self._events, BATTERY_EVENT, self._found(reports, known), own)
        settle(self._facts, BATTERY_EVENT, concat(self._events), windows, self._as_of_ms)

    def _count(self, span: _Span) -> None:
        book = self._book
        windows = [Window(vin, span.low, span.high) for vin in self._vins]
        for own, reports in whole(self._read, windows, book.charge, book.strategy):
            found = charges(reports, book.charge, self._as_of_ms)
            _lay(self._charges, BATTERY_CHARGE, found, own)
            seen = self._found(reports, _NO_CAPACITY)
            _lay(self._events, BATTERY_EVENT, seen, own)
            if self._hangs(seen, reports):
                self._open.append((own, reports))
            self._windows |= {w.vin: _joined(self._windows.get(w.vin, w), w) for w in own}

    def _found(self, reports: Columns, capacity_ah: Mapping[str, float]) -> Columns:
        named = {vin.encode(): ah for vin, ah in capacity_ah.items()}
        return events(reports, self._book.strategy, named, self._as_of_ms)

    def _hangs(self, seen: Columns, reports: Columns) -> bool:
        """Whether knowing the capacity may change the events: jumps explained, fast hot charges."""
        hot = reports.array("temp_max_degc") >= self._book.strategy.hot_charge_degc
        if "temps_degc" in reports.values:
            hot |= True
        hot &= reports.array("charge_state") == PARKED_CHARGING
        return bool(hot.any() or (seen.array("kind") == SOC_JUMP).any())

    def _read(self, windows: Sequence[Window]) -> Columns:
        """Return the reports of windows, in order: those in memory, and the others read."""
        low, high = self._spans[0].low, self._spans[-1].high
        found = [self._inside(s.reports, windows) for s in self._spans if s.reports]
        early = [Window(w.vin, w.low, min(w.high, low - 1)) for w in windows if w.low < low]
        late = [Window(w.vin, max(w.low, high + 1), w.high) for w in windows if w.high > high]
        if early:
            found.insert(0, history.named(self._beyond(early), self._vins))
        if late:
            found.append(history.named(self._beyond(late), self._vins))
        rows = concat(found) if found else history.named(self._beyond(windows), self._vins)
        if len(self._vins) == 1:
            return rows
        return rows.take(np.lexsort((rows.array("device_at"), self._number(rows.array("vin")))))

    def _inside(self, reports: Columns, windows: Sequence[Window]) -> Columns:
        """Return the reports that lie in the windows of their vehicles."""
        first = windows[0]
        at = reports.array("device_at")
        if len(windows) == len(self._vins) and all(_alike(first, w) for w in windows):
            inside = (at >= first.low) & (at <= first.high)
        else:
            inside = _within(reports, windows, "device_at")
        return reports if inside.all() else reports.take(np.flatnonzero(inside))

    def _number(self, vin: NDArray[Any]) -> NDArray[np.intp]:
        return np.searchsorted(_names(self._vins), vin)


def _names(vins: Sequence[str]) -> NDArray[Any]:
    return np.array([vin.encode("utf-8", "surrogateescape") for vin in vins])


def _alike(one: Window, other: Window) -> bool:
    return (one.low, one.high) == (other.low, other.high)


def _lay(kept: list[Columns], table: Table, found: Columns, own: Sequence[Window]) -> None:
    """Put rows in place of those of earlier spans in the same windows."""
    before = concat(kept) if kept else found.take(np.zeros(0, np.intp))
    stays = ~_within(before, own, table.keep_by)
    kept[:] = [concat([before.take(np.flatnonzero(stays)), found])]


def _joined(one: Window, other: Window) -> Window:
    return Window(one.vin, min(one.low, other.low), max(one.high, other.high))


def _within(rows: Columns, windows: Sequence[Window], at: str) -> NDArray[np.bool_]:
    """Return which rows lie in the window of their vehicle, by the instant in a column."""
    when = rows.array(at).astype(np.int64)
    windows = sorted(windows, key=lambda w: w.vin.encode("utf-8", "surrogateescape"))
    names, vin = _names([w.vin for w in windows]), rows.array("vin").astype("S")
    place = np.minimum(np.searchsorted(names, vin), len(names) - 1)
    low, high = (np.array([getattr(w, n) for w in windows]) for n in ("low", "high"))
    return np.asarray((names[place] == vin) & (when >= low[place]) & (when <= high[place]))
