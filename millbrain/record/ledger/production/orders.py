"""`ProductionOrders`: orders and their operations; each step with history and audit in one go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa

from millbrain.core.errors import IllegalStepError, NotFoundError
from millbrain.core.production.orders import (
    LIFECYCLE,
    OPEN,
    RUNNABLE,
    OrderOperation,
    PlannedOperation,
    ProductionOrder,
)
from millbrain.record.ledger.audit import write_entry
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.production.models import (
    OPERATION,
    OPERATION_STATION,
    ORDER_HISTORY,
    PRODUCTION_ORDER,
)
from millbrain.record.ledger.production.rows import (
    OPERATION_COLUMNS,
    ORDER_COLUMNS,
    operation_of,
    operation_row,
    order_of,
)

SORTS: Final = {
    name: PRODUCTION_ORDER.c[name]
    for name in ("number", "product", "quantity", "priority", "state", "due_at", "promised_at",
                 "projected_at", "entered_at", "customer", "line")
}  # fmt: skip
_INSTANT_OF: Final = {"release": "released_at", "begin": "started_at", "complete": "completed_at"}
_ROWS: Final = 500  # keys of one statement


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a step. operator: organisation that the account is limited to, '' = none."""

    who: str
    address: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ProductionFilter:
    """Which orders. Empty = any; late_only: projected later than promised, or due and not done."""

    operator: str = ""
    state: str = ""
    is_open: bool = False
    line: str = ""
    product: str = ""
    q: str = ""
    late_at: datetime | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions."""
        o = PRODUCTION_ORDER.c
        pairs = ((o.operator, self.operator), (o.state, self.state), (o.line, self.line),
                 (o.product, self.product))  # fmt: skip
        found: list[sa.ColumnElement[bool]] = [c == v for c, v in pairs if v]
        if self.is_open:
            found.append(o.state.in_(OPEN))
        if self.q:
            texts = (o.number, o.product, o.customer, o.title, o.title_zh)
            found.append(sa.or_(*(t.icontains(self.q, autoescape=True) for t in texts)))
        if self.late_at:
            wanted = sa.func.coalesce(o.promised_at, o.due_at)
            found += [o.state.in_(OPEN), sa.or_(o.projected_at > wanted, wanted < self.late_at)]
        return found


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One line of an order's history."""

    at: datetime
    who: str
    action: str
    source: str
    target: str
    detail: Mapping[str, Any]


class ProductionOrders:
    """Production orders and their operations.

    `operator` of the questions: organisation that the caller is limited to, empty = all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # Changes ------------------------------------------------------------------------------------

    def put(self, orders: Sequence[ProductionOrder], asker: Asker) -> tuple[int, int, int]:
        """Add orders, or change those that are still planned; all or none.

        Returns
        -------
        tuple of int
            How many were added, changed, and left alone because they are released already.
        """
        added = changed = left = 0
        at = now()
        with self._database.write() as c:
            for order in {o.number: o for o in orders}.values():
                held = c.execute(_locked([order.number])).first()
                if held is None:
                    self._add(c, order, asker, at)
                    added += 1
                elif held.state == LIFECYCLE.start and _is_seen(held, asker.operator):
                    values = _given(order)
                    change = sa.update(PRODUCTION_ORDER).where(
                        PRODUCTION_ORDER.c.number == order.number
                    )
                    c.execute(change.values(**values, version=held.version + 1))
                    changed += 1
                else:
                    left += 1
            said = f"{added} added, {changed} changed, {left} left"
            write_entry(c, asker.who, asker.address, "production.put", _named(orders), said)
        return added, changed, left

    def _add(self, c: sa.Connection, order: ProductionOrder, asker: Asker, at: datetime) -> None:
        row = _given(order) | {
            "number": order.number, "state": LIFECYCLE.start, "entered_at": at, "state_at": at,
            "version": 1, "released_at": None, "started_at": None, "completed_at": None,
            "operator": asker.operator or order.operator,
        }  # fmt: skip
        c.execute(sa.insert(PRODUCTION_ORDER), row)
        history(c, order.number, at, asker.who, "enter", "", LIFECYCLE.start, {})

    def release(
        self, number: str, plan: Sequence[PlannedOperation], asker: Asker
    ) -> ProductionOrder:
        """Release a planned order into operations."""
        with self._database.write() as c:
            after = self._move(c, number, "release", asker, {"operations": len(plan)})
            c.execute(sa.insert(OPERATION), [operation_row(number, p) for p in plan])
            stations = [{"station": s, "order_number": number, "step": p.step}
                        for p in plan for s in dict.fromkeys(p.stations)]  # fmt: skip
            if stations:
                c.execute(sa.insert(OPERATION_STATION), stations)
        return after

    def act(
        self, number: str, action: str, asker: Asker, detail: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> ProductionOrder:  # fmt: skip
        """Take a step that a person asks for; version: what they saw, None = as it stands.

        Raises
        ------
        NotFoundError, IllegalStepError
            There is no such order, or its life cycle does not allow the step now.
        """
        with self._database.write() as c:
            return self._move(c, number, action, asker, detail or {}, version)

    def _move(
        self, c: sa.Connection, number: str, action: str, asker: Asker,
        detail: Mapping[str, Any], version: int | None = None,
    ) -> ProductionOrder:  # fmt: skip
        row = c.execute(_locked([number])).first()
        if row is None or not _is_seen(row, asker.operator):
            raise _unknown(number)
        if version is not None and version != row.version:
            raise IllegalStepError(
                f"order {number} has changed since you read it: it is {row.state!r} now; look again"
            )
        after = move(c, order_of(row), action, asker.who, detail)
        write_entry(c, asker.who, asker.address, f"production.{action}", number,
                    f"{row.state} -> {after.state}")  # fmt: skip
        return after

    def project(self, dates: Mapping[str, datetime | None]) -> None:
        """Keep projected completions; for what can be reckoned again at any time."""
        column = PRODUCTION_ORDER.c
        change = sa.update(PRODUCTION_ORDER).where(column.number == sa.bindparam("key"))
        rows = [{"key": number, "to": at} for number, at in dates.items()]
        if rows:
            with self._database.write(is_synced=False) as c:
                c.execute(change.values(projected_at=sa.bindparam("to")), rows)

    # Questions ----------------------------------------------------------------------------------

    def get(self, number: str, operator: str = "") -> ProductionOrder:
        """Return an order; NotFoundError where there is none in that scope."""
        query = sa.select(*ORDER_COLUMNS).where(PRODUCTION_ORDER.c.number == number)
        with self._database.read() as c:
            row = c.execute(query).first()
        if row is None or not _is_seen(row, operator):
            raise _unknown(number)
        return order_of(row)

    def page(
        self, which: ProductionFilter, sort: str = "due_at",
        order: Literal["asc", "desc"] = "asc", offset: int = 0, size: int = 50,
    ) -> tuple[list[ProductionOrder], int]:  # fmt: skip
        """Return orders, and how many match."""
        column = SORTS[sort]
        by = column.desc() if order == "desc" else column.asc()
        where = which.where()
        rows = sa.select(*ORDER_COLUMNS).where(*where)
        rows = rows.order_by(by.nulls_last(), PRODUCTION_ORDER.c.number)
        count = sa.select(sa.func.count()).select_from(PRODUCTION_ORDER).where(*where)
        with self._database.read() as c:
            found = c.execute(rows.offset(offset).limit(size)).all()
            return [order_of(r) for r in found], c.scalar(count) or 0

    def open_orders(self) -> list[ProductionOrder]:
        """Return the orders that are not done, all of them."""
        query = sa.select(*ORDER_COLUMNS).where(PRODUCTION_ORDER.c.state.in_(OPEN))
        with self._database.read() as c:
            return [order_of(r) for r in c.execute(query)]

    def counts(self, which: ProductionFilter) -> dict[str, int]:
        """Return how many orders match, by state."""
        o = PRODUCTION_ORDER.c
        query = sa.select(o.state, sa.func.count()).where(*which.where()).group_by(o.state)
        with self._database.read() as c:
            return {state: n for state, n in c.execute(query)}

    def operations(self, numbers: Sequence[str]) -> dict[str, list[OrderOperation]]:
        """Return the operations of orders in their sequence: number -> operations."""
        found: dict[str, list[OrderOperation]] = {n: [] for n in numbers}
        query = sa.select(*OPERATION_COLUMNS).order_by(OPERATION.c.ordinal)
        with self._database.read() as c:
            for start in range(0, len(numbers), _ROWS):
                some = OPERATION.c.order_number.in_(list(numbers[start : start + _ROWS]))
                for row in c.execute(query.where(some)):
                    found[row.order_number].append(operation_of(row))
        return found

    def at_station(self, station: str, operator: str = "") -> list[ProductionOrder]:
        """Return orders that are open for work at a station, the most urgent first."""
        o, s = PRODUCTION_ORDER.c, OPERATION_STATION.c
        joined = OPERATION_STATION.join(PRODUCTION_ORDER, o.number == s.order_number)
        where = [s.station == station, o.state.in_(RUNNABLE)]
        if operator:
            where.append(o.operator == operator)
        wanted = sa.func.coalesce(o.promised_at, o.due_at)
        query = sa.select(*ORDER_COLUMNS).where(
            o.number.in_(sa.select(s.order_number).select_from(joined).where(*where))
        )
        with self._database.read() as c:
            ordered = query.order_by(o.priority, wanted.nulls_last(), o.number)
            return [order_of(row) for row in c.execute(ordered.limit(_ROWS))]

    def states(self, numbers: Sequence[str]) -> dict[str, str]:
        """Return the states of those orders that are known: number -> state."""
        o = PRODUCTION_ORDER.c
        found: dict[str, str] = {}
        with self._database.read() as c:
            for start in range(0, len(numbers), _ROWS):
                some = o.number.in_(list(numbers[start : start + _ROWS]))
                found |= {n: s for n, s in c.execute(sa.select(o.number, o.state).where(some))}
        return found

    def revision(self) -> tuple[int, int]:
        """Return two numbers of which one changes with every change of any order."""
        o = PRODUCTION_ORDER.c
        with self._database.read() as c:
            count, changes = c.execute(sa.select(sa.func.count(), sa.func.sum(o.version))).one()
        return int(count), int(changes or 0)

    def versions(self) -> dict[str, int]:
        """Return how often each order was changed: number -> version."""
        o = PRODUCTION_ORDER.c
        with self._database.read() as c:
            return {
                number: version for number, version in c.execute(sa.select(o.number, o.version))
            }

    def some(self, numbers: Sequence[str]) -> list[ProductionOrder]:
        """Return the orders of those numbers that are known."""
        found: list[ProductionOrder] = []
        query = sa.select(*ORDER_COLUMNS)
        with self._database.read() as c:
            for start in range(0, len(numbers), _ROWS):
                some = PRODUCTION_ORDER.c.number.in_(list(numbers[start : start + _ROWS]))
                found += [order_of(row) for row in c.execute(query.where(some))]
        return found

    def stations(self, operator: str = "") -> list[str]:
        """Return the stations that operations of open orders name."""
        o, s = PRODUCTION_ORDER.c, OPERATION_STATION.c
        joined = OPERATION_STATION.join(PRODUCTION_ORDER, o.number == s.order_number)
        where = [o.state.in_(OPEN), *([o.operator == operator] if operator else [])]
        query = sa.select(s.station).select_from(joined).where(*where).distinct()
        with self._database.read() as c:
            return list(c.scalars(query.order_by(s.station)))

    def history(self, number: str) -> list[OrderStep]:
        """Return what happened to an order, oldest first."""
        columns = [x for x in ORDER_HISTORY.c if x.name not in ("id", "order_number")]
        query = sa.select(*columns).where(ORDER_HISTORY.c.order_number == number)
        with self._database.read() as c:
            return [OrderStep(**r._asdict()) for r in c.execute(query.order_by(ORDER_HISTORY.c.id))]


def move(
    c: sa.Connection, order: ProductionOrder, action: str, who: str, detail: Mapping[str, Any]
) -> ProductionOrder:
    """Take a step of a locked order, with its history; raises where it is not allowed."""
    target = LIFECYCLE.after(order.state, action, {"is_begun": order.started_at is not None})
    at = now()
    values: dict[str, Any] = {"state": target, "state_at": at, "version": order.version + 1}
    if action in _INSTANT_OF:
        values[_INSTANT_OF[action]] = at
    if action in ("reopen", "unbegin"):
        values["completed_at" if action == "reopen" else "started_at"] = None
    mine = sa.update(PRODUCTION_ORDER).where(PRODUCTION_ORDER.c.number == order.number)
    row = c.execute(mine.values(**values).returning(*ORDER_COLUMNS)).one()
    history(c, order.number, at, who, action, order.state, target, detail)
    return order_of(row)


def history(
    c: sa.Connection, number: str, at: datetime, who: str, action: str, source: str, target: str,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write a line of an order's history."""
    c.execute(sa.insert(ORDER_HISTORY), {
        "order_number": number, "at": at, "who": who, "action": action, "source": source,
        "target": target, "detail": dict(detail),
    })  # fmt: skip


def locked(c: sa.Connection, numbers: Sequence[str]) -> dict[str, ProductionOrder]:
    """Return orders by number and hold their rows, always in the same order."""
    return {row.number: order_of(row) for row in c.execute(_locked(sorted(numbers)))}


def _locked(numbers: Sequence[str]) -> sa.Select[Any]:
    wanted = PRODUCTION_ORDER.c.number.in_(list(numbers))
    query = sa.select(*ORDER_COLUMNS).where(wanted).order_by(PRODUCTION_ORDER.c.number)
    return query.with_for_update()


def _given(order: ProductionOrder) -> dict[str, Any]:
    names = ("product", "revision", "title", "title_zh", "quantity", "customer", "due_at",
             "promised_at", "projected_at", "priority", "line", "simulated", "source")  # fmt: skip
    return {n: getattr(order, n) for n in names}


def _is_seen(row: Any, operator: str) -> bool:
    return not operator or row.operator == operator


def _named(orders: Sequence[ProductionOrder]) -> str:
    return orders[0].number if len(orders) == 1 else f"{len(orders)} orders"


def _unknown(number: str) -> NotFoundError:
    return NotFoundError(f"no production order has the number {number!r}")
