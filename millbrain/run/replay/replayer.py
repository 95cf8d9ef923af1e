"""A log through the platform as if it happened: things, orders, reports and readings in time.

Goes through the log in windows of its own time: orders are released when their first report comes,
reports and readings follow. Whatever was sent already is known again, so a replay may be cut and
begun anew at any point.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from millbrain.core.errors import SettingsError
from millbrain.core.production.reports import Report
from millbrain.core.times import utc_from_epoch
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.models import Thing
from millbrain.record.ledger.production.orders import Asker
from millbrain.run.replay import orders
from millbrain.run.replay.discover import activities, routings
from millbrain.run.replay.log import Log, LogRow
from millbrain.run.replay.orders import Names
from millbrain.run.replay.states import Value, milliseconds, values_of

FLAT: Final = timedelta(days=7)  # of the log at once, where nobody asks for a speed
TICK_S: Final = 1.0  # of real time, where somebody does
CHANGES_ONLY_S: Final = 30 * 86_400  # a log tells changes: silence is no sign that one is missing
_REPORTS: Final = 1_000
_ASKER: Final = Asker("replay")


class Sending(Protocol):
    """Where readings go; `feed.Feed` is the road into the engine."""

    def send(self, values: Sequence[Value]) -> None:
        """Send values; on disk when this returns."""
        ...


@dataclass
class Done:
    """What a replay did. fates: of its reports. refused: why, for the first few."""

    orders: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Case:
    rows: Sequence[LogRow]
    steps: Sequence[str]


class Replayer:
    """Replays one log.

    Parameters
    ----------
    ledger, feed
        Where orders and reports, and where readings go.
    log, names
        What is replayed, and what it is called here.
    """

    def __init__(self, ledger: Ledger, feed: Sending, log: Log, names: Names) -> None:
        self._ledger, self._feed, self._log, self._names = ledger, feed, log, names
        self._cases = orders.cases(log)
        self._routings = routings(log.rows)
        self.done = Done()

    def run(
        self, speed_ratio: float = 0.0, tell: Callable[[datetime, float], None] | None = None
    ) -> None:
        """Replay the log.

        speed_ratio: seconds of the log in a second; 0 = as fast as it is taken. tell: is told after
        each window the instant in the log and the share that is done.
        """
        self._register()
        held = {case: self._case(rows) for case, rows in self._cases.items()}
        reports = self._reports(held)
        values = self._values(held)
        first = min(row.start for row in self._log)
        last = max(row.complete for row in self._log)
        width = timedelta(seconds=speed_ratio * TICK_S) if speed_ratio else FLAT
        at, sent_reports, sent_values = first, 0, 0
        began = time.monotonic()
        while sent_reports < len(reports) or sent_values < len(values):
            at += width
            upto = _upto(reports, sent_reports, at)
            self._send(reports[sent_reports:upto])
            sent_reports = upto
            beyond = sent_values
            while beyond < len(values) and values[beyond].at_ms < milliseconds(at):
                beyond += 1
            self._feed.send(values[sent_values:beyond])
            sent_values = beyond
            if tell:
                tell(min(at, last), min((at - first) / (last - first + width), 1.0))
            if speed_ratio:
                due = began + (at - first).total_seconds() / speed_ratio
                time.sleep(max(0.0, due - time.monotonic()))

    def _register(self) -> None:
        """Make the resources known as things.

        Raises
        ------
        SettingsError
            Another log was replayed under this name: its counters would not go on here.
        """
        fresh = []
        for resource in sorted({row.resource for row in self._log}):
            thing = self._names.thing(resource)
            known = self._ledger.things.get(thing)
            if known is not None and known.attributes.get("log") != self._log.digest:
                raise SettingsError(
                    f"{thing} is known from another log; replay this one with another --name, its "
                    "counters would not go on from those that are stored"
                )
            attributes = {"title": resource, "title_zh": resource, "log": self._log.digest,
                          "gap_s": CHANGES_ONLY_S}  # fmt: skip
            fresh.append(Thing(thing, "machine", "log", model=resource, attributes=attributes))
        self._ledger.things.put(fresh)

    def _case(self, rows: Sequence[LogRow]) -> _Case:
        """Make the order of a case known and release it; what is released stays as it is."""
        order = orders.order_of(rows, self._names)
        plan = orders.plan_of(rows, self._routings[rows[0].part], self._names)
        self._ledger.production.put([order], _ASKER)
        if self._ledger.production.get(order.number).state == "planned":
            self._ledger.production.release(order.number, plan, _ASKER)
            self.done.orders += 1
        held = self._ledger.production.operations([order.number])[order.number]
        named = {operation.plan.title: operation.plan.step for operation in held}
        missing = [a for a in activities(rows) if a not in named]
        if missing:
            raise SettingsError(
                f"order {order.number} is released without {missing[0]!r}; it came from another "
                "log: give another --name"
            )
        return _Case(rows, [named[a] for a in activities(rows)])

    def _reports(self, held: dict[str, _Case]) -> list[Report]:
        received_at = utc_from_epoch(time.time())
        found = [
            report
            for case in held.values()
            for report in orders.reports_of(case.rows, case.steps, self._names, received_at)
        ]
        return sorted(found, key=lambda r: (r.at, r.order, r.id))

    def _values(self, held: dict[str, _Case]) -> list[Value]:
        jobs = {
            row.line: f"{self._names.order(name)}/{step}"
            for name, case in held.items()
            for activity, step in zip(activities(case.rows), case.steps, strict=True)
            for row in case.rows
            if row.activity == activity
        }
        by_resource: dict[str, list[LogRow]] = {}
        for row in self._log:
            by_resource.setdefault(row.resource, []).append(row)
        found = [
            value
            for resource, rows in by_resource.items()
            for value in values_of(self._names.thing(resource), rows, jobs)
        ]
        return sorted(found, key=lambda v: v.at_ms)

    def _send(self, reports: Sequence[Report]) -> None:
        # Those of one order stand together, so that its operations are folded once.
        ordered = sorted(reports, key=lambda r: r.order)
        for some in _parts(ordered, _REPORTS):
            for taken in self._ledger.reports.take(some, _ASKER):
                self.done.fates[taken.fate] += 1
                self.done.conflicts.update(c.kind for c in taken.conflicts)
                if taken.fate == "refused" and len(self.done.refused) < 10:
                    self.done.refused.append(taken.detail)


def _upto(reports: Sequence[Report], start: int, at: datetime) -> int:
    upto = start
    while upto < len(reports) and reports[upto].at.astimezone(UTC) < at:
        upto += 1
    return upto


def _parts(reports: Sequence[Report], most: int) -> Iterator[Sequence[Report]]:
    for start in range(0, len(reports), most):
        yield reports[start : start + most]
