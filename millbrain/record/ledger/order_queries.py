"""What is read of work orders, inside a transaction that the caller has open.

Every list takes the organisation that the caller is limited to, empty = the centre: an order is
seen by the organisation that owns the thing and by the one in charge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa

from millbrain.core.alarms import ANNOUNCED
from millbrain.core.errors import NotFoundError
from millbrain.core.work.orders import (
    BEFORE_DONE,
    LEVEL_MAX,
    OPEN,
    WAITING,
    Order,
    OrderFinding,
    OrderStep,
)
from millbrain.record.ledger.alarm_models import ALARM
from millbrain.record.ledger.models import THING
from millbrain.record.ledger.order_models import ORDER_ALARM, ORDER_FINDING, ORDER_STEP, WORK_ORDER

_FROM: Final = WORK_ORDER.outerjoin(THING, THING.c.id == WORK_ORDER.c.thing)
_COLUMNS: Final = (
    *(c for c in WORK_ORDER.c if c.name != "gathers"),
    sa.func.coalesce(THING.c.plate, "").label("plate"),
    sa.func.coalesce(THING.c.model, "").label("model"),
    sa.func.coalesce(THING.c.simulated, sa.false()).label("simulated"),
)
_ORDERS: Final = sa.select(*_COLUMNS).select_from(_FROM)
_FINDING: Final = [c for c in ORDER_FINDING.c if c.name not in ("id", "order_id")]
ORDER_SORTS: Final = {
    name: WORK_ORDER.c[name]
    for name in ("number", "thing", "assignee", "severity", "state", "raised_at", "state_at",
                 "due_at", "clean_days")
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders. Empty = any; overdue_at: only those whose step was due before it."""

    organisation: str = ""
    state: str = ""
    is_open: bool = False
    app: str = ""
    severity_min: int = 0
    assignee: str = ""
    thing: str = ""
    q: str = ""
    overdue_at: datetime | None = None
    closed_since: datetime | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions."""
        o = WORK_ORDER.c
        found = [_seen_by(self.organisation), o.severity >= self.severity_min]
        for column, value in ((o.state, self.state), (o.assignee, self.assignee),
                              (o.thing, self.thing)):  # fmt: skip
            if value:
                found.append(column == value)
        if self.is_open:
            found.append(o.state.in_(OPEN))
        if self.app:
            found.append((" " + o.apps + " ").contains(f" {self.app} ", autoescape=True))
        if self.q:
            texts = (o.number, o.thing, THING.c.plate, THING.c.model, o.assignee)
            found.append(sa.or_(*(t.icontains(self.q, autoescape=True) for t in texts)))
        if self.overdue_at:
            found += [o.due_at < self.overdue_at, o.state.in_(OPEN)]
        if self.closed_since:
            found.append(sa.or_(o.state.in_(OPEN), o.state_at >= self.closed_since))
        return found


def _seen_by(organisation: str) -> sa.ColumnElement[bool]:
    if not organisation:
        return sa.true()
    mine = (WORK_ORDER.c.operator == organisation, WORK_ORDER.c.assignee == organisation)
    return sa.or_(*mine)


def _order(row: Any) -> Order:
    return Order(**row._asdict())


def page(
    c: sa.Connection, which: OrderFilter, sort: str, order: Literal["asc", "desc"],
    offset: int, size: int,
) -> tuple[list[Order], int]:  # fmt: skip
    """Return orders without their findings, and how many match."""
    column = ORDER_SORTS[sort]
    by = column.desc() if order == "desc" else column.asc()
    where = which.where()
    rows = _ORDERS.where(*where).order_by(by.nulls_last(), WORK_ORDER.c.id.desc())
    count = sa.select(sa.func.count()).select_from(_FROM).where(*where)
    found = c.execute(rows.offset(offset).limit(size)).all()
    return [_order(r) for r in found], c.scalar(count) or 0


def counts(c: sa.Connection, which: OrderFilter) -> dict[str, int]:
    """Return how many orders match, by state."""
    query = sa.select(WORK_ORDER.c.state, sa.func.count()).select_from(_FROM)
    return {s: n for s, n in c.execute(query.where(*which.where()).group_by(WORK_ORDER.c.state))}


def choices(c: sa.Connection, organisation: str) -> dict[str, list[str]]:
    """Return organisations in charge and apps that occur among the orders one may see."""
    mine = _seen_by(organisation)
    assignees = sa.select(WORK_ORDER.c.assignee).where(mine, WORK_ORDER.c.assignee != "").distinct()
    apps = sa.select(WORK_ORDER.c.apps).where(mine).distinct()
    owners = sa.select(THING.c.operator).where(THING.c.operator != "").distinct()
    owners = owners.where(THING.c.operator == organisation) if organisation else owners
    return {
        "assignees": sorted(c.scalars(assignees)),
        "apps": sorted({app for names in c.scalars(apps) for app in names.split()}),
        "organisations": sorted({*c.scalars(owners), *c.scalars(assignees)}),
    }


def one(c: sa.Connection, number: str, organisation: str) -> Order:
    """Return an order with its findings; NotFoundError where there is none to see."""
    query = _ORDERS.where(WORK_ORDER.c.number == number, _seen_by(organisation))
    row = c.execute(query).first()
    if row is None:
        raise NotFoundError(f"no order has the number {number!r}")
    return with_findings(c, [_order(row)])[0]


def with_findings(c: sa.Connection, orders: Sequence[Order]) -> list[Order]:
    """Return the orders with what they are about."""
    ids = [o.id for o in orders]
    query = sa.select(ORDER_FINDING.c.order_id, *_FINDING).where(ORDER_FINDING.c.order_id.in_(ids))
    found: dict[int, list[OrderFinding]] = {}
    for row in c.execute(query.order_by(ORDER_FINDING.c.severity.desc(), ORDER_FINDING.c.id)):
        values = row._asdict()
        found.setdefault(values.pop("order_id"), []).append(OrderFinding(**values))
    return [replace(o, findings=tuple(found.get(o.id, ()))) for o in orders]


def steps(c: sa.Connection, order_id: int) -> list[OrderStep]:
    """Return the history of an order, oldest first."""
    columns = [k for k in ORDER_STEP.c if k.name not in ("id", "order_id")]
    query = sa.select(*columns).where(ORDER_STEP.c.order_id == order_id).order_by(ORDER_STEP.c.id)
    return [OrderStep(**r._asdict()) for r in c.execute(query)]


def locked(c: sa.Connection, key: int | str) -> Any:
    """Return the row of an order by id or number, held until the transaction ends."""
    mine = WORK_ORDER.c.id == key if isinstance(key, int) else WORK_ORDER.c.number == key
    row = c.execute(sa.select(WORK_ORDER).where(mine).with_for_update()).first()
    if row is None:
        raise NotFoundError(f"no order has the number {key!r}")
    return row


def gathering(c: sa.Connection, thing: str) -> Any:
    """Return the row of the order that takes further call-outs of a thing, if there is one."""
    mine = sa.select(WORK_ORDER).where(WORK_ORDER.c.thing == thing, WORK_ORDER.c.gathers)
    return c.execute(mine.with_for_update()).first()


def of_key(c: sa.Connection, key: str, since: datetime) -> Any:
    """Return the newest order about a finding: any that is not done, or one done after `since`."""
    recent = sa.or_(WORK_ORDER.c.state.in_(BEFORE_DONE), WORK_ORDER.c.repaired_at >= since)
    query = (
        sa.select(WORK_ORDER)
        .join(ORDER_FINDING, ORDER_FINDING.c.order_id == WORK_ORDER.c.id)
        .where(ORDER_FINDING.c.key == key, recent)
        .order_by(WORK_ORDER.c.id.desc())
        .limit(1)
    )
    return c.execute(query.with_for_update(of=WORK_ORDER)).first()


def graver_alarms(c: sa.Connection, most: int) -> list[Mapping[str, Any]]:
    """Return rows of alarms that are graver than the order that looks after them."""
    joined = ALARM.join(ORDER_ALARM, ORDER_ALARM.c.alarm_id == ALARM.c.id)
    joined = joined.join(WORK_ORDER, WORK_ORDER.c.id == ORDER_ALARM.c.order_id)
    worse = (ALARM.c.severity > WORK_ORDER.c.severity, WORK_ORDER.c.state.in_(BEFORE_DONE))
    query = sa.select(ALARM).select_from(joined).where(*worse, ALARM.c.state.in_(ANNOUNCED))
    return [r._asdict() for r in c.execute(query.order_by(ALARM.c.id).limit(most))]


def without_deadline(c: sa.Connection, most: int) -> list[Order]:
    """Return open orders whose step has no deadline, or no next escalation, yet."""
    can_rise = sa.and_(WORK_ORDER.c.rise_at.is_(None), WORK_ORDER.c.level < LEVEL_MAX)
    missing = sa.or_(WORK_ORDER.c.due_at.is_(None), can_rise)
    query = _ORDERS.where(WORK_ORDER.c.state.in_(OPEN), missing).order_by(WORK_ORDER.c.id)
    return [_order(r) for r in c.execute(query.limit(most))]


def late(c: sa.Connection, at: datetime, most: int) -> list[Order]:
    """Return open orders that are to be escalated by `at`."""
    query = _ORDERS.where(WORK_ORDER.c.state.in_(OPEN), WORK_ORDER.c.rise_at <= at)
    return [_order(r) for r in c.execute(query.order_by(WORK_ORDER.c.rise_at).limit(most))]


def waiting(c: sa.Connection, most: int) -> list[Order]:
    """Return orders that wait for what the data say, with their findings."""
    query = _ORDERS.where(WORK_ORDER.c.state.in_(WAITING)).order_by(WORK_ORDER.c.state_at)
    return with_findings(c, [_order(r) for r in c.execute(query.limit(most))])
