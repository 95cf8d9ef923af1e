"""`ProductionReports`: the log of reports. A batch is kept in one transaction with what it changes.

What is there already is told as a duplicate, so a device sends a batch until it has an answer. The
state of the operations that a batch touches is folded anew from the whole log of each
(`core.production.fold`): nothing is added up, so nothing can be added twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.production import reports as words
from millbrain.core.production.fold import Progress, fold, shortfalls
from millbrain.core.production.orders import RUNNABLE, OrderOperation, ProductionOrder
from millbrain.core.production.reports import Conflict, Fate, Report, Taken
from millbrain.record.ledger.audit import write_entry
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.production.models import (
    LOT_MOVE,
    OPERATION,
    PRODUCTION_ORDER,
    REPORT,
)
from millbrain.record.ledger.production.orders import Asker, locked, move
from millbrain.record.ledger.production.rows import (
    OPERATION_COLUMNS,
    REPORT_COLUMNS,
    operation_of,
    report_of,
    report_row,
)

_ROWS: Final = 500
_TRIES: Final = 3
Key = tuple[str, str]  # order, step


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Which reports. Empty = any; after: number of the last one that was read."""

    order: str = ""
    step: str = ""
    person: str = ""
    machine: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    operator: str = ""

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions."""
        r = REPORT.c
        pairs = ((r.order_number, self.order), (r.step, self.step), (r.person, self.person),
                 (r.machine, self.machine))  # fmt: skip
        found: list[sa.ColumnElement[bool]] = [c == v for c, v in pairs if v]
        if self.since:
            found.append(r.at >= self.since)
        if self.until:
            found.append(r.at < self.until)
        if self.after:
            found.append(r.number > self.after)
        if self.operator:
            own = sa.select(PRODUCTION_ORDER.c.number)
            own = own.where(PRODUCTION_ORDER.c.operator == self.operator)
            found.append(r.order_number.in_(own))
        return found


class ProductionReports:
    """The log of reports and what it says of operations and orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, batch: Sequence[Report], asker: Asker) -> list[Taken]:
        """Keep what is new of a batch and fold what it touches; on disk when this returns.

        Returns what became of each report, in the order of the batch.
        """
        if len(batch) > limits.REPORTS_BATCH_MAX:
            raise LimitError(
                f"{len(batch)} reports, at most {limits.REPORTS_BATCH_MAX} at once; send them in "
                "parts, nothing was kept"
            )
        for attempt in range(_TRIES):
            try:
                with self._database.write() as c:
                    return _Batch(c, asker).take(batch)
            except sa.exc.IntegrityError:
                # Another batch brought the same id for another order at this very moment.
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def of(self, keys: Iterable[Key]) -> dict[Key, list[Report]]:
        """Return all reports of operations."""
        with self._database.read() as c:
            return _reports_of(c, list(keys))

    def page(
        self, which: ReportFilter, offset: int = 0, size: int = 50, *, newest_first: bool = True
    ) -> tuple[list[Report], int]:
        """Return reports, and how many match.

        newest_first: by when it happened; else by number, the order in which they were accepted.
        """
        where = which.where()
        by = (REPORT.c.at.desc(), REPORT.c.number.desc()) if newest_first else (REPORT.c.number,)
        query = sa.select(*REPORT_COLUMNS).where(*where).order_by(*by).offset(offset).limit(size)
        count = sa.select(sa.func.count()).select_from(REPORT).where(*where)
        with self._database.read() as c:
            return [report_of(r) for r in c.execute(query)], c.scalar(count) or 0

    def of_lot(self, key: str, operator: str = "") -> list[Report]:
        """Return the reports that consumed or produced a lot or serial, oldest first."""
        moved = sa.select(LOT_MOVE.c.report).where(LOT_MOVE.c.key == key)
        where = [REPORT.c.id.in_(moved), *ReportFilter(operator=operator).where()]
        query = sa.select(*REPORT_COLUMNS).where(*where).order_by(REPORT.c.at, REPORT.c.id)
        with self._database.read() as c:
            return [report_of(r) for r in c.execute(query.limit(limits.PAGE_ROWS_MAX))]

    # Events for the resolver --------------------------------------------------------------------

    def untold(self, most: int = 100) -> list[Report]:
        """Return reports whose lots the resolver does not know of yet, the oldest first."""
        query = sa.select(*REPORT_COLUMNS).where(REPORT.c.event == "waiting")
        with self._database.read() as c:
            rows = c.execute(query.order_by(REPORT.c.number).limit(most))
            return [report_of(r) for r in rows]

    def told(self, ids: Sequence[str], event: str = "told") -> None:
        """Note that the resolver knows of reports, or refused them (`refused`)."""
        change = sa.update(REPORT).where(REPORT.c.id.in_(list(ids)))
        with self._database.write(is_synced=False) as c:
            c.execute(change.values(event=event))

    def waiting_events(self) -> dict[str, int]:
        """Return how many reports wait to be told, and how many were refused."""
        some = REPORT.c.event.in_(["waiting", "refused"])
        query = sa.select(REPORT.c.event, sa.func.count()).where(some).group_by(REPORT.c.event)
        with self._database.read() as c:
            return {event: n for event, n in c.execute(query)}


class _Batch:
    """One batch inside its transaction."""

    def __init__(self, c: sa.Connection, asker: Asker) -> None:
        self._c, self._asker = c, asker

    def take(self, batch: Sequence[Report]) -> list[Taken]:
        orders = locked(self._c, sorted({r.order for r in batch}))
        orders = {n: o for n, o in orders.items() if self._asker.operator in ("", o.operator)}
        plans = _operations_of(self._c, list(orders))
        known = {r.id: r for r in _known(self._c, [r.id for r in batch])}
        fates: list[Taken] = []
        fresh: list[Report] = []
        for report in batch:
            fate = self._judge(report, plans, known)
            if fate.fate is Fate.STORED:
                kept = _flagged(report, orders[report.order], plans[report.order, report.step])
                known[report.id] = kept
                fresh.append(kept)
            fates.append(fate)
        if not fresh:
            return fates
        self._keep(fresh)
        conflicts = self._fold(orders, plans, {(r.order, r.step) for r in fresh})
        said = f"{len(fresh)} of {len(batch)} stored"
        write_entry(self._c, self._asker.who, self._asker.address, "production.report",
                    fresh[0].order, said)  # fmt: skip
        return [replace(f, conflicts=tuple(x for x in conflicts if x.report == f.id))
                if f.fate is Fate.STORED else f for f in fates]  # fmt: skip

    def _judge(
        self, report: Report, plans: Mapping[Key, OrderOperation], known: Mapping[str, Report]
    ) -> Taken:
        held = known.get(report.id)
        if held is not None and held.said() == report.said():
            return Taken(report.id, Fate.DUPLICATE)
        why = ""
        if held is not None:
            why = "another report has this id and says something else; it stays as it is"
        elif (report.order, report.step) not in plans:
            why = f"no released order {report.order!r} has a step {report.step!r}"
        elif plans[report.order, report.step].report_count >= limits.REPORTS_OPERATION_MAX:
            why = f"the step has {limits.REPORTS_OPERATION_MAX} reports; no more are kept"
        else:
            try:
                words.check(report)
            except LimitError as e:
                why = str(e)
        return Taken(report.id, Fate.REFUSED if why else Fate.STORED, why)

    def _keep(self, fresh: Sequence[Report]) -> None:
        self._c.execute(sa.insert(REPORT), [report_row(r) for r in fresh])
        moves = {
            (r.id, direction, lot.key): {
                "report": r.id, "direction": direction, "key": lot.key, "quantity": lot.quantity,
            }
            for r in fresh
            for direction in ("consumed", "produced")
            for lot in getattr(r, direction)
        }  # fmt: skip
        if moves:
            self._c.execute(sa.insert(LOT_MOVE), list(moves.values()))

    def _fold(
        self, orders: Mapping[str, ProductionOrder], plans: Mapping[Key, OrderOperation],
        touched: set[Key],
    ) -> list[Conflict]:  # fmt: skip
        """Fold the steps that were touched; return the conflicts of their orders.

        Of the other steps only what follows from their neighbours can change.
        """
        logs = _reports_of(self._c, sorted(touched))
        found: list[Conflict] = []
        for number in sorted({number for number, _ in touched}):
            own = sorted((p for k, p in plans.items() if k[0] == number),
                         key=lambda p: p.plan.ordinal)  # fmt: skip
            steps = [_Step(p, fold(logs[key]) if (key := (number, p.plan.step)) in touched
                           else _kept(p), key in touched) for p in own]  # fmt: skip
            found += _keep_progress(self._c, orders[number], steps)
            _advance(self._c, orders[number], [s.progress for s in steps], self._asker.who)
        return found


@dataclass(frozen=True, slots=True)
class _Step:
    """An operation, how far it is, and whether that was folded just now."""

    operation: OrderOperation
    progress: Progress
    is_folded: bool


def _kept(operation: OrderOperation) -> Progress:
    """Return what is kept of an operation that no report of the batch touches."""
    own = tuple(c for c in operation.conflicts if c.report)  # the others follow from neighbours
    return Progress(
        operation.state, operation.good, operation.scrap, operation.rework, operation.started_at,
        operation.last_at, operation.finished_at, conflicts=own,
        report_count=operation.report_count,
    )  # fmt: skip


def _flagged(report: Report, order: ProductionOrder, operation: OrderOperation) -> Report:
    """Return a report with what is wrong with it as it comes in."""
    flags = list(report.flags)
    stations = operation.plan.stations
    if report.machine and stations and report.machine not in stations:
        flags.append("machine")
    # Work that was done before the order was taken away from the floor is in order.
    is_after = order.state_at is not None and report.at >= order.state_at
    if order.state not in (*RUNNABLE, "completed") and is_after and not report.reversal_of:
        flags.append("order_state")
    return replace(report, flags=tuple(dict.fromkeys(flags)))


def _keep_progress(
    c: sa.Connection, order: ProductionOrder, steps: Sequence[_Step]
) -> list[Conflict]:
    found: list[Conflict] = []
    previous: Progress | None = None
    for step in steps:
        plan, progress = step.operation.plan, step.progress
        above = previous if plan.needs_previous else None
        conflicts = (*progress.conflicts, *shortfalls(order.quantity, above, progress))
        found += conflicts
        previous = progress
        if not step.is_folded and conflicts == step.operation.conflicts:
            continue
        values: dict[str, Any] = {"conflicts": [asdict(x) for x in conflicts]}
        mine = (OPERATION.c.order_number == order.number, OPERATION.c.step == plan.step)
        values |= _folded(progress) if step.is_folded else {}
        c.execute(sa.update(OPERATION).where(*mine).values(**values))
    return found


def _folded(progress: Progress) -> dict[str, Any]:
    return {
        "state": progress.state, "good": progress.good, "scrap": progress.scrap,
        "rework": progress.rework, "setup_spent_s": progress.spent_s("setup"),
        "run_spent_s": progress.spent_s("running"), "started_at": progress.started_at,
        "last_at": progress.last_at, "finished_at": progress.finished_at,
        "report_count": progress.report_count,
    }  # fmt: skip


def _advance(
    c: sa.Connection, order: ProductionOrder, progresses: Sequence[Progress], who: str
) -> None:
    """Take the steps of the order that its operations ask for."""
    is_begun = any(p.started_at for p in progresses)
    is_done = bool(progresses) and all(p.finished_at for p in progresses)
    if is_begun and order.state == "released":
        order = move(c, order, "begin", who, {})
    if not is_begun and order.state == "started":
        order = move(c, order, "unbegin", who, {})
    if is_done and order.state in ("released", "started", "paused"):
        move(c, order, "complete", who, {})
    if not is_done and order.state == "completed":
        move(c, order, "reopen", who, {})


def _known(c: sa.Connection, ids: Sequence[str]) -> list[Report]:
    found: list[Report] = []
    for start in range(0, len(ids), _ROWS):
        some = REPORT.c.id.in_(list(ids[start : start + _ROWS]))
        found += [report_of(r) for r in c.execute(sa.select(*REPORT_COLUMNS).where(some))]
    return found


def _operations_of(c: sa.Connection, numbers: Sequence[str]) -> dict[Key, OrderOperation]:
    found: dict[Key, OrderOperation] = {}
    for start in range(0, len(numbers), _ROWS):
        some = OPERATION.c.order_number.in_(list(numbers[start : start + _ROWS]))
        for row in c.execute(sa.select(*OPERATION_COLUMNS).where(some)):
            found[row.order_number, row.step] = operation_of(row)
    return found


def _reports_of(c: sa.Connection, keys: Sequence[Key]) -> dict[Key, list[Report]]:
    found: dict[Key, list[Report]] = {}
    for number, step in keys:
        mine = (REPORT.c.order_number == number, REPORT.c.step == step)
        rows = c.execute(sa.select(*REPORT_COLUMNS).where(*mine))
        found[number, step] = [report_of(row) for row in rows]
    return found
