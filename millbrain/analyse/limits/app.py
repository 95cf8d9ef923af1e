"""The hand of the limits room: takes readings as they come, tells the alarms what crossed a limit.

The intake's thread only lays a batch down; a thread of our own judges. Where it falls behind, whole
batches are let go and read again from the warehouse by their numbers. What is open stands in the
table `finding`; after a restart the last minutes are judged once more.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from millbrain.analyse.limits import ROOM, calc, telling
from millbrain.analyse.limits.model import APP
from millbrain.core import finding_rows, limits
from millbrain.core.columns import Columns
from millbrain.core.findings import Finding, Verdict
from millbrain.core.plant.readings import READING
from millbrain.core.plant.signal_limits import SignalLimits
from millbrain.core.rooms import Ground
from millbrain.hands.steps import Steps

_COLUMNS: Final = ("thing", "signal", "device_at", "value", "quality")
_READ: Final = (
    "SELECT toString(thing) AS thing_, toString(signal) AS signal_,"
    " toUnixTimestamp64Milli(device_at) AS at, ifNull(value, nan) AS number, quality AS quality_"
    " FROM reading WHERE thing IN ({things:Array(String)}) AND signal IN ({signals:Array(String)})"
    " AND received_at >= fromUnixTimestamp64Milli({since:Int64})"
    " AND batch >= {first:UInt64} AND batch <= {last:UInt64} ORDER BY batch"
)


class Limits:
    """The running app; see `core.rooms.Watching`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        chosen = ROOM.chosen(ground.parameters)
        self._look_s, self._behind_s = chosen["look_s"], chosen["behind_s"]
        self._waiting: deque[tuple[int, Columns]] = deque()
        self._rows_waiting = 0
        self._missed: tuple[int, int] | None = None  # first and last batch that were let go
        self._lock = threading.Lock()
        self._limits: tuple[SignalLimits, ...] = ()
        self._finder, self._bounds = calc.Finder(()), calc.bounds_of(())
        self._state = calc.State.blank(0)
        self._open: dict[str, Finding] | None = None
        self.crossings = self.judged = self.missed_batches = 0
        self.steps = Steps(APP, self.look, recover=self._forget, does_last=True)
        self.steps.start()

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Lay the readings of a batch down for the next look."""
        rows = tables.get(READING.name)
        if rows is None or not rows.rows:
            return
        with self._lock:
            if self._missed or self._rows_waiting + rows.rows > limits.LIMIT_ROWS_QUEUED_MAX:
                self._missed = (self._missed[0] if self._missed else batch, batch)
                self.missed_batches += 1
                return
            self._waiting.append((batch, rows))
            self._rows_waiting += rows.rows

    def verdict(self, finding_key: str, since: int) -> Verdict | None:
        """Return None: a signal that is back inside says nothing of a repair."""
        return None

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        return {
            "limits": len(self._limits), "open": len(self._open or ()),
            "rows_waiting": self._rows_waiting, "judged": self.judged,
            "crossings": self.crossings, "missed_batches": self.missed_batches,
            **self.steps.status(),
        }  # fmt: skip

    def stop(self) -> None:
        """Judge what was taken and end the thread."""
        self.steps.stop()

    def _forget(self) -> None:
        self._open = None

    def look(self) -> float:
        """Judge everything that was taken since the last look; return the pause to the next [s]."""
        declared = tuple(self._ground.limits())
        if self._open is None or declared != self._limits:
            self._declare(declared)
        for rows in self._taken():
            if self._limits:
                series = self._finder.series(rows)
                self.judged += int(np.count_nonzero(series >= 0))
                self._tell(calc.judge(self._bounds, self._state, series, rows))
        return self._look_s

    def _taken(self) -> Sequence[Columns]:
        with self._lock:
            rows = [columns for _, columns in self._waiting]
            missed, self._missed = self._missed, None
            self._waiting.clear()
            self._rows_waiting = 0
        if missed and self._limits:
            while self._ground.settled() < missed[1] and not self.steps.stopping.wait(0.05):
                pass
            rows.append(self._read(0, *missed))
        return rows

    def _declare(self, declared: tuple[SignalLimits, ...]) -> None:
        """Take limits, close what is no longer limited, and go on from what is on disk."""
        if self._open is None:
            known = finding_rows.still_open(self._ground.facts, APP)
            self._open = {f.key: f for f in known}
        self._limits = declared
        self._finder, self._bounds = calc.Finder(declared), calc.bounds_of(declared)
        self._state = calc.State.blank(len(declared))
        numbers = {(each.thing, each.number): n for n, each in enumerate(declared)}
        gone = []
        for finding in self._open.values():
            place = numbers.get((finding.thing, finding.pack_no))
            if place is None:
                gone.append(telling.closed(finding, finding.last_seen))
                continue
            self._state.level[place] = telling.level_of(finding)
            self._state.since_ms[place] = finding.first_seen * 1000
            self._state.newest_ms[place] = finding.last_seen * 1000
            self._state.worst[place] = finding.value
        self._report(gone)
        if declared:
            since_ms = int((time.time() - self._behind_s) * 1000)
            rows = self._read(since_ms, 0, self._ground.settled())
            found = calc.judge(self._bounds, self._state, self._finder.series(rows), rows)
            self._tell(found, is_past=True)

    def _read(self, since_ms: int, first: int, last: int) -> Columns:
        """Return the limited readings of some batches, from the warehouse."""
        params = {
            "things": sorted({each.thing for each in self._limits}),
            "signals": sorted({each.signal for each in self._limits}),
            "since": since_ms, "first": first, "last": last,
        }  # fmt: skip
        found = self._ground.facts.query(_READ, params)
        columns = (found.column(n) for n in range(5))
        values = dict(zip(_COLUMNS, columns, strict=True))
        texts = {n: np.array(values[n].to_pylist(), object) for n in ("thing", "signal")}
        numbers = {n: values[n].to_numpy() for n in ("device_at", "value", "quality")}
        return Columns(found.num_rows, {**texts, **numbers})

    def _tell(self, crossings: calc.Crossings, *, is_past: bool = False) -> None:
        """Report what opened and what is over; of one signal its gravest version and its last.

        is_past: it may have been told before, so that only what holds now is told.
        """
        assert self._open is not None
        self.crossings += len(crossings)
        told: dict[str, list[Finding]] = {}
        for series, at_ms, value, before, after in zip(
            crossings.series.tolist(), crossings.at_ms.tolist(), crossings.value.tolist(),
            crossings.before.tolist(), crossings.after.tolist(), strict=True,
        ):  # fmt: skip
            for finding in self._changes(series, at_ms // 1000, value, before, after, told):
                _lay(told.setdefault(finding.key, []), finding)
        if is_past:
            told = {k: v[-1:] for k, v in told.items() if v[-1].is_open or k in self._open}
        for part in telling.rounds(told):
            self._report(part)

    def _changes(
        self, series: int, at_s: int, value: float, before: int, after: int,
        told: Mapping[str, list[Finding]],
    ) -> Sequence[Finding]:  # fmt: skip
        """Return the versions of findings that one crossing makes."""
        assert self._open is not None
        each = self._limits[series]
        changes = []
        if before and (after == 0 or (before > 0) != (after > 0)):
            key = f"{each.thing}|{APP}|{telling.kind_of(before)}|{each.number}|0"
            versions = told.get(key)
            held = versions[-1] if versions else self._open.get(key)
            if held is not None and held.is_open:
                changes.append(telling.closed(held, at_s))
        if after:
            since_s = int(self._state.since_ms[series]) // 1000
            threshold = calc.limit_of(self._bounds[series], after)
            changes.append(telling.open_finding(each, after, threshold, since_s, at_s, value))
        return changes

    def _report(self, findings: Sequence[Finding]) -> None:
        assert self._open is not None
        self._ground.report(findings)
        for finding in findings:
            if finding.is_open:
                self._open[finding.key] = finding
            else:
                self._open.pop(finding.key, None)


def _lay(versions: list[Finding], finding: Finding) -> None:
    """Add a version, so that the gravest open one and the last one are left."""
    if len(versions) == 2:
        first, second = versions
        graver = second if second.is_open and second.severity > first.severity else first
        versions[:] = [graver]
    versions.append(finding)


def start(ground: Ground) -> Limits:
    """Start the app on its ground."""
    return Limits(ground)
