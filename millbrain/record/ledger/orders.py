"""Work orders in the ledger: raised once for each alarm, moved only as the life cycle allows.

Every change is one transaction: the order's row, its history, the audit trail and the notice to
whoever subscribes are kept together or not at all. So a process may be killed between any two
steps, and what is missing is found again by the queries of `order_queries`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.alarms import Alarm
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.findings import Severity, Verdict
from millbrain.core.times import utc_from_epoch
from millbrain.core.work.orders import (
    BEFORE_DONE,
    LIFECYCLE,
    Asked,
    CallOut,
    Order,
    OrderStep,
    checked_fields,
)
from millbrain.record.ledger import order_queries as queries
from millbrain.record.ledger.alarm_models import ALARM, alarm_of
from millbrain.record.ledger.alarms import Alarms
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import THING, now
from millbrain.record.ledger.order_models import (
    ORDER_ALARM,
    ORDER_FINDING,
    ORDER_NUMBER,
    WORK_ORDER,
)
from millbrain.record.ledger.order_steps import FRESH, conditions, move, noted, take

PLATFORM: Final = ""  # who: the platform itself
_TITLE_MAX: Final = 500


class WorkOrders:
    """The order's life in the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # What raises an order -----------------------------------------------------------------------

    def call_outs(self, most: int = 500) -> list[CallOut]:
        """Return alarms that no order knows yet, and those that got graver than their order."""
        missing = [_call_of(a.alarm) for a in Alarms(self._database).call_outs_without_order(most)]
        with self._database.read() as c:
            graver = queries.graver_alarms(c, most)
        return [*missing, *(_call_of(alarm_of(row)) for row in graver)]

    def take(self, call: CallOut, at: datetime, year: int, reopens_after: datetime) -> str | None:
        """Give a call-out its order and return the number, None where nothing was to be done.

        It reopens the order that repaired the same finding, where that was done after
        `reopens_after`; else it joins the order of the same thing that is not done yet; else it
        gets a new one. An order that is not done yet follows an alarm that got graver. at: now.
        year: of the number, in the plant's zone.
        """
        try:
            with self._database.write() as c:
                linked = sa.select(ORDER_ALARM.c.order_id).where(
                    ORDER_ALARM.c.alarm_id == call.alarm_id
                )
                known = c.scalar(linked)
                if known is None:
                    return _place(c, call, at, year, reopens_after)
                _mark_alarm(c, call.alarm_id, known)
                return _worsened(c, queries.locked(c, known), call, at)
        except sa.exc.IntegrityError:
            return None  # another engine was quicker; the next look sees its order

    def raise_by_hand(
        self, thing: str, title: str, asked: Asked, severity: int, year: int
    ) -> Order:
        """Raise an order that no alarm asked for.

        Raises
        ------
        LimitError
            The thing has an order that is not done yet; names it.
        NotFoundError
            The thing is not registered, or of another organisation.
        """
        at = now()
        title = checked_fields("comment", {"note": title})["note"][:_TITLE_MAX]
        with self._database.write() as c:
            owner = c.scalar(sa.select(THING.c.operator).where(THING.c.id == thing))
            if owner is None or asked.organisation not in ("", owner):
                raise NotFoundError(f"no thing has the id {thing!r}")
            open_one = queries.gathering(c, thing)
            if open_one is not None:
                raise LimitError(
                    f"{thing} has the order {open_one.number}, {open_one.state}; work there"
                )
            row = _insert(c, thing, owner, at, year, {
                "severity": severity_of(severity), "apps": "", "title": title, "title_zh": title,
            })  # fmt: skip
            noted(c, row, asked, "", {"note": title}, at)
        return self.get(row.number)

    # What moves it ------------------------------------------------------------------------------

    def step(self, number: str, asked: Asked) -> Order:
        """Take one step that somebody asks for.

        Raises
        ------
        NotFoundError
            There is no such order, or it is another organisation's.
        RefusedError
            The step is not this side's to take.
        IllegalStepError
            The life cycle does not allow it now, or the order changed since it was read.
        LimitError
            Something that the step needs is missing or too long.
        """
        at = now()
        with self._database.write() as c:
            row = queries.locked(c, number)
            take(c, row, asked, at)
        return self.get(number)

    def drive(
        self, order_id: int, version: int, action: str, detail: Mapping[str, Any], at: datetime
    ) -> bool:
        """Take a step of the platform itself; False where the order has moved on meanwhile."""
        with self._database.write() as c:
            row = queries.locked(c, order_id)
            possible = LIFECYCLE.allowed(row.state, conditions(row))
            if row.version != version or action not in possible:
                return False
            move(c, row, Asked(action, PLATFORM), dict(detail), at)
        return True

    def set_deadline(
        self, order_id: int, version: int, due_at: datetime | None, rise_at: datetime | None
    ) -> None:
        """Keep when the present step must be done and when it is escalated."""
        mine = sa.and_(WORK_ORDER.c.id == order_id, WORK_ORDER.c.version == version)
        with self._database.write() as c:
            change = sa.update(WORK_ORDER).where(mine)
            c.execute(change.values(due_at=due_at, rise_at=rise_at))

    def keep_verdicts(
        self, order_id: int, verdicts: Sequence[Verdict], clean_days: int | None
    ) -> None:
        """Keep what became of the findings since the repair."""
        with self._database.write() as c:
            for verdict in verdicts:
                mine = sa.and_(
                    ORDER_FINDING.c.order_id == order_id, ORDER_FINDING.c.key == verdict.key
                )
                change = sa.update(ORDER_FINDING).where(mine)
                c.execute(change.values(verdict=_verdict_json(verdict)))
            order = sa.update(WORK_ORDER).where(WORK_ORDER.c.id == order_id)
            c.execute(order.values(clean_days=clean_days))

    # What is looked up --------------------------------------------------------------------------

    def get(self, number: str, organisation: str = "") -> Order:
        """Return an order with its findings; NotFoundError where it is not this side's."""
        with self._database.read() as c:
            return queries.one(c, number, organisation)

    def page(
        self, which: queries.OrderFilter, sort: str = "raised_at", up: bool = False,
        offset: int = 0, size: int = 50,
    ) -> tuple[list[Order], int]:  # fmt: skip
        """Return orders without their findings, and how many match; sort: one of `ORDER_SORTS`."""
        with self._database.read() as c:
            return queries.page(c, which, sort, "asc" if up else "desc", offset, size)

    def counts(self, which: queries.OrderFilter) -> dict[str, int]:
        """Return how many orders match, by state."""
        with self._database.read() as c:
            return queries.counts(c, which)

    def choices(self, organisation: str = "") -> dict[str, list[str]]:
        """Return what the filters may be set to."""
        with self._database.read() as c:
            return queries.choices(c, organisation)

    def history(self, order_id: int) -> list[OrderStep]:
        """Return every step of an order, oldest first."""
        with self._database.read() as c:
            return queries.steps(c, order_id)

    def of_alarm(self, alarm_id: int) -> str | None:
        """Return the number of the order that looks after an alarm."""
        query = (
            sa.select(WORK_ORDER.c.number)
            .join(ORDER_ALARM, ORDER_ALARM.c.order_id == WORK_ORDER.c.id)
            .where(ORDER_ALARM.c.alarm_id == alarm_id)
        )
        with self._database.read() as c:
            return c.scalar(query)

    def without_deadline(self, most: int = 500) -> list[Order]:
        """Return open orders whose step has no deadline, or no next escalation, yet."""
        with self._database.read() as c:
            return queries.without_deadline(c, most)

    def late(self, at: datetime, most: int = 500) -> list[Order]:
        """Return open orders that are to be escalated now."""
        with self._database.read() as c:
            return queries.late(c, at, most)

    def waiting(self, most: int = 2_000) -> list[Order]:
        """Return orders that wait for what the data say, with their findings."""
        with self._database.read() as c:
            return queries.waiting(c, most)


def _call_of(alarm: Alarm) -> CallOut:
    finding = alarm.finding
    return CallOut(
        alarm.id, finding.key, finding.thing, finding.app, finding.kind, finding.pack_no,
        finding.cell_no, int(finding.severity), utc_from_epoch(finding.last_seen),
        finding.sentence, finding.sentence_zh,
    )  # fmt: skip


def _place(
    c: sa.Connection, call: CallOut, at: datetime, year: int, reopens_after: datetime
) -> str:
    row = queries.of_key(c, call.key, reopens_after) or queries.gathering(c, call.thing)
    detail = {"key": call.key, "sentence": call.sentence, "sentence_zh": call.sentence_zh}
    if row is None:
        owner = c.scalar(sa.select(THING.c.operator).where(THING.c.id == call.thing)) or ""
        titles = {"title": call.sentence[:_TITLE_MAX], "title_zh": call.sentence_zh[:_TITLE_MAX]}
        row = _insert(c, call.thing, owner, at, year,
                      {"severity": call.severity, "apps": call.app, **titles})  # fmt: skip
        _link(c, row, call, at)
        noted(c, row, Asked("raise", PLATFORM), "", detail, at)
        return str(row.number)
    _link(c, row, call, at)
    move(c, row, Asked(_joining(row, call), PLATFORM), detail, at, _graver(row, call))
    return str(row.number)


def _worsened(c: sa.Connection, row: Any, call: CallOut, at: datetime) -> str | None:
    if call.severity <= row.severity or row.state not in BEFORE_DONE:
        return None
    _keep_finding(c, row, call, at)
    detail = {"key": call.key, "sentence": call.sentence, "sentence_zh": call.sentence_zh}
    move(c, row, Asked("gather", PLATFORM), detail, at, _graver(row, call))
    return str(row.number)


def _joining(row: Any, call: CallOut) -> str:
    """Name the step by which a call-out joins an order that is there."""
    if row.state in BEFORE_DONE:
        return "gather"
    # What was seen before the repair is the old story, however late it came in.
    is_old = row.repaired_at is not None and call.seen_at <= row.repaired_at
    return "comment" if is_old else "return"


def _mark_alarm(c: sa.Connection, alarm_id: int, order_id: int) -> None:
    """Let the alarm name its order; `order_alarm` decides, this is what the alarm's page reads."""
    c.execute(sa.update(ALARM).where(ALARM.c.id == alarm_id).values(order_id=order_id))


def _graver(row: Any, call: CallOut) -> dict[str, Any]:
    """Return what a call-out changes of the order it joins: the gravest finding names it."""
    apps = " ".join(sorted({*row.apps.split(), call.app}))
    if call.severity <= row.severity:
        return {"apps": apps}
    titles = {"title": call.sentence[:_TITLE_MAX], "title_zh": call.sentence_zh[:_TITLE_MAX]}
    return {"apps": apps, "severity": call.severity, "due_at": None, "rise_at": None, **titles}


def _insert(
    c: sa.Connection, thing: str, owner: str, at: datetime, year: int, values: Mapping[str, Any]
) -> Any:
    count = sa.update(ORDER_NUMBER).where(ORDER_NUMBER.c.year == year)
    last = c.scalar(count.values(last=ORDER_NUMBER.c.last + 1).returning(ORDER_NUMBER.c.last))
    if last is None:
        last = 1
        c.execute(sa.insert(ORDER_NUMBER).values(year=year, last=last))
    row = {
        "number": f"WO-{year}-{last:06d}", "thing": thing, "operator": owner, "assignee": "",
        "state": LIFECYCLE.start, "raised_at": at, "state_at": at, "inspection": "", "version": 1,
        "gathers": True, **FRESH, **values,
    }  # fmt: skip
    return c.execute(sa.insert(WORK_ORDER).values(**row).returning(WORK_ORDER)).one()


def _link(c: sa.Connection, row: Any, call: CallOut, at: datetime) -> None:
    alarm = {"alarm_id": call.alarm_id, "order_id": row.id, "key": call.key, "added_at": at}
    c.execute(sa.insert(ORDER_ALARM).values(**alarm))
    _mark_alarm(c, call.alarm_id, row.id)
    _keep_finding(c, row, call, at)


def _keep_finding(c: sa.Connection, row: Any, call: CallOut, at: datetime) -> None:
    texts = {"sentence": call.sentence[:1000], "sentence_zh": call.sentence_zh[:1000]}
    same = sa.and_(ORDER_FINDING.c.order_id == row.id, ORDER_FINDING.c.key == call.key)
    again = sa.update(ORDER_FINDING).where(same)
    if c.execute(again.values(severity=call.severity, **texts)).rowcount:
        return
    c.execute(sa.insert(ORDER_FINDING).values(
        order_id=row.id, key=call.key, app=call.app, kind=call.kind, pack_no=call.pack_no,
        cell_no=call.cell_no, severity=call.severity, added_at=at, **texts,
    ))  # fmt: skip


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    row = {name: getattr(verdict, name) for name in verdict.__slots__}
    figures = {n: row[n] if row[n] == row[n] else None for n in ("before", "after")}
    return row | figures | {"is_clean": verdict.is_clean}


def severity_of(value: int) -> Severity:
    """Return a severity by its number; LimitError where there is none."""
    try:
        return Severity(value)
    except ValueError as e:
        raise LimitError(f"severity {value}; allowed are 0 to {max(Severity):d}") from e
