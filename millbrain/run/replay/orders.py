"""Rows of a log to production orders, operations and reports of the ledger.

One row becomes up to five reports: a begin, the pieces of each kind, an end. Their ids follow from
what the row says, so to replay it again stores nothing twice, and a replay that was cut goes on.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Lot, Report
from millbrain.run.replay.discover import FoundStep, activities, code
from millbrain.run.replay.log import SETUP, Log, LogRow, instant_id

BEGIN, GOOD, SCRAP, REVIEW, END, FINISH = range(6)
REJECTED: Final = "rejected"
IN_REVIEW: Final = "mrb"
DEVICE: Final = "log"
_SECOND: Final = timedelta(seconds=1)


class Names:
    """What things of a log are called here. name: of the log, before everything that comes of it.

    prefix: of the identifiers of lots, empty = no lots and no genealogy.
    """

    def __init__(self, name: str, prefix: str = "") -> None:
        self.name, self._prefix = name, prefix

    def order(self, case: str) -> str:
        """Return the number of a case's order."""
        return f"{self.name}-{code(case)}"

    def thing(self, resource: str) -> str:
        """Return the id of a resource."""
        return f"{self.name}-{code(resource)}"

    def lot(self, case: str, step: str) -> str:
        """Return the identifier of what an order's step made, empty = none is kept."""
        return f"{self._prefix}/{self.order(case)}-{step}" if self._prefix else ""


def cases(log: Log) -> dict[str, list[LogRow]]:
    """Return case -> its rows in the order of their instants."""
    found: dict[str, list[LogRow]] = defaultdict(list)
    for row in sorted(log, key=lambda r: (r.start, r.complete, r.line)):
        found[row.case].append(row)
    return dict(found)


def order_of(rows: Sequence[LogRow], names: Names) -> ProductionOrder:
    """Return the order of a case; the log says neither customer nor due date."""
    first = rows[0]
    return ProductionOrder(
        names.order(first.case), code(first.part), first.ordered, title=first.part,
        title_zh=first.part, source=DEVICE,
    )  # fmt: skip


def plan_of(
    rows: Sequence[LogRow], routing: Sequence[FoundStep], names: Names
) -> list[PlannedOperation]:
    """Return the operations of a case as it took them, with standard times of the part's routing.

    Pieces are not handed on step by step in the log, so no step asks for those of the one before.
    """
    standard = {step.activity: step for step in routing}
    return [
        PlannedOperation(
            step=f"{10 * ordinal:03d}", ordinal=ordinal, operation=code(name), title=name,
            title_zh=name, stations=tuple(names.thing(r) for r in standard[name].resources),
            setup_s=standard[name].setup_s, run_s=standard[name].run_s, needs_previous=False,
        )
        for ordinal, name in enumerate(activities(rows), 1)
    ]  # fmt: skip


def reports_of(
    rows: Sequence[LogRow], steps: Sequence[str], names: Names, received_at: datetime
) -> list[Report]:
    """Return the reports of a case, oldest first.

    steps: of its operations, in the order of `plan_of`.
    """
    named = dict(zip(activities(rows), steps, strict=True))
    before = dict(zip(steps[1:], steps, strict=False))
    told = [r for row in rows
            for r in _of_row(row, named[row.activity], before, names, received_at)]  # fmt: skip
    for activity, step in named.items():
        own = [row for row in rows if row.activity == activity]
        told.append(_finish(own, step, names, received_at))
    return sorted(told, key=lambda r: r.sort_key)


def _of_row(
    row: LogRow, step: str, before: dict[str, str], names: Names, received_at: datetime
) -> Iterator[Report]:
    """Yield the reports of a row.

    A row without booked time begins and ends at once, when it was complete; the instants that the
    log gives stand in `device_at`, the booked minutes in the note.
    """
    begin = row.start if row.booked_s else row.complete
    note = f"{row.kind} {row.booked_s // 60} min{' rework' if row.is_rework else ''}"

    def report(place: int, kind: Kind, at: datetime, told: datetime, count: int = 0,
               reason: str = "", note: str = "", lots: tuple[tuple[Lot, ...], ...] = ((), ()),
               ) -> Report:  # fmt: skip
        return Report(
            row.id(place), names.order(row.case), step, kind, row.worker, at, received_at,
            names.thing(row.resource), count, reason, note, DEVICE, told, 0,
            consumed=lots[0], produced=lots[1], who=DEVICE,
        )  # fmt: skip

    kind = Kind.SETUP if row.kind == SETUP else Kind.START
    yield report(BEGIN, kind, begin, row.start, note=note)
    if row.good:
        lots = _lots(row, step, before, names)
        extra = "rework" if row.is_rework else ""
        yield report(GOOD, Kind.GOOD, row.complete, row.complete, row.good, note=extra, lots=lots)
    if row.rejected:
        yield report(SCRAP, Kind.SCRAP, row.complete, row.complete, row.rejected, REJECTED)
    if row.review:
        yield report(REVIEW, Kind.REWORK, row.complete, row.complete, row.review, IN_REVIEW)
    yield report(END, Kind.PAUSE, row.complete, row.complete)


def _lots(
    row: LogRow, step: str, before: dict[str, str], names: Names
) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    made = names.lot(row.case, step)
    if not made:
        return (), ()
    used = names.lot(row.case, before[step]) if step in before else ""
    consumed = (Lot(used, row.good),) if used else ()
    return consumed, (Lot(made, row.good),)


def _finish(own: Sequence[LogRow], step: str, names: Names, received_at: datetime) -> Report:
    """Return the finish of an operation: the log has none, so it is its last report."""
    last = max(own, key=lambda r: (r.complete, r.line))
    order = names.order(last.case)
    return Report(
        instant_id(last.complete + _SECOND, f"{order} {step}", FINISH), order, step, Kind.FINISH,
        last.worker, last.complete, received_at, names.thing(last.resource), device=DEVICE,
        note="derived: the last report of the operation", device_at=last.complete, who=DEVICE,
    )  # fmt: skip
