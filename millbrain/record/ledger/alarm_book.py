"""The alarms inside one writing transaction: read, decide, put, all or nothing.

Writers of alarms take turns (SQLite has one writer anyway, PostgreSQL gets an advisory lock), so
what was read here still holds when it is written.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.alarms import SHELVED, Alarm, AlarmChange
from millbrain.record.ledger.alarm_models import ALARM, ALARM_STEP, alarm_of, row_of, step_row
from millbrain.record.ledger.alarm_notices import is_told, tell_alarms, thing_of
from millbrain.record.ledger.models import REVISION, THING

ALARM_LOCK: Final = 0x616C726D  # PostgreSQL advisory lock that lets writers of alarms take turns
IN_MAX: Final = 2_000  # values of one IN
_STANDING: Final = ALARM.c.ended_at.is_(None) & ALARM.c.is_newest


class AlarmBook:
    """What a policy may read and write of the alarms; lives as long as its transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ALARM_LOCK)))

    def newest(self, keys: Iterable[str]) -> dict[str, Alarm]:
        """Return the newest instance of each finding key that ever had one."""
        found = self._where_in(ALARM.c.key, keys, ALARM.c.is_newest)
        return {alarm.finding.key: alarm for alarm in found}

    def standing(self, things: Iterable[str]) -> list[Alarm]:
        """Return the alarms of these things that have not ended."""
        return self._where_in(ALARM.c.thing, things, _STANDING)

    def by_id(self, ids: Iterable[int]) -> dict[int, Alarm]:
        """Return alarms by their id, ended or not."""
        return {alarm.id: alarm for alarm in self._where_in(ALARM.c.id, ids, sa.true())}

    def operators_of(self, things: Iterable[str]) -> dict[str, str]:
        """Return thing -> operator of those that are registered."""
        found: dict[str, str] = {}
        for some in _portions(things):
            query = sa.select(THING.c.id, THING.c.operator).where(THING.c.id.in_(some))
            found.update((i, operator) for i, operator in self._connection.execute(query))
        return found

    def due(self, at: datetime, size: int) -> list[Alarm]:
        """Return alarms whose delay or shelf is over, at most `size` of them."""
        query = sa.select(ALARM).where(is_due(at)).limit(size)
        return [alarm_of(r._asdict()) for r in self._connection.execute(query)]

    def put(self, changes: Sequence[AlarmChange]) -> list[int]:
        """Write changes and their steps; return the id of each alarm.

        Raises
        ------
        IllegalStepError
            A change does not follow the transition table; nothing is written.
        """
        if not changes:
            return []
        for change in changes:
            change.check()
        revision = self._next_revision()
        begun = [c for c in changes if not c.after.id]
        self._update([c for c in changes if c.after.id], revision)
        made = iter(self._insert(begun, revision))
        ids = [c.after.id or next(made) for c in changes]
        steps = [step_row(i, s) for i, c in zip(ids, changes, strict=True) for s in c.steps]
        if steps:
            self._connection.execute(sa.insert(ALARM_STEP), steps)
        told = [(i, c) for i, c in zip(ids, changes, strict=True) if is_told(c)]
        tell_alarms(self._connection, told, self.operators_of(thing_of(c) for _, c in told))
        return ids

    def _next_revision(self) -> int:
        """Give this write its number, by which a reader finds what changed after it."""
        grow = sa.update(REVISION).where(REVISION.c.name == "alarm")
        grown = grow.values(number=REVISION.c.number + 1).returning(REVISION.c.number)
        return int(self._connection.execute(grown).one()[0])

    def _insert(self, changes: Sequence[AlarmChange], revision: int) -> list[int]:
        if not changes:
            return []
        for some in _portions(c.after.finding.key for c in changes):
            older = sa.update(ALARM).where(ALARM.c.key.in_(some), ALARM.c.is_newest)
            self._connection.execute(older.values(is_newest=False))
        rows = [row_of(c.after) | {"is_newest": True, "revision": revision} for c in changes]
        insert = sa.insert(ALARM).returning(ALARM.c.id, sort_by_parameter_order=True)
        return [int(i) for i in self._connection.scalars(insert, rows)]

    def _update(self, changes: Sequence[AlarmChange], revision: int) -> None:
        if not changes:
            return
        rows: list[dict[str, Any]] = [
            row_of(c.after) | {"which": c.after.id, "revision": revision} for c in changes
        ]
        names = [name for name in rows[0] if name != "which"]
        change = sa.update(ALARM).where(ALARM.c.id == sa.bindparam("which"))
        self._connection.execute(change.values({n: sa.bindparam(n) for n in names}), rows)

    def _where_in(
        self, column: sa.Column[Any], values: Iterable[Any], more: sa.ColumnElement[bool]
    ) -> list[Alarm]:
        found: list[Alarm] = []
        for some in _portions(values):
            query = sa.select(ALARM).where(column.in_(some), more)
            found += (alarm_of(r._asdict()) for r in self._connection.execute(query))
        return found


def is_due(at: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a delay or a shelf is over at an instant.

    One that ends later than any could has seen our clock set back; it is over too.
    """
    delay = timedelta(seconds=limits.ALARM_DELAY_S_MAX)
    shelf = timedelta(seconds=limits.SHELVE_S_MAX)
    return ALARM.c.is_newest & sa.or_(
        ALARM.c.due_at <= at,
        ALARM.c.due_at > at + delay,
        (ALARM.c.state == SHELVED) & (ALARM.c.until <= at),
        (ALARM.c.state == SHELVED) & (ALARM.c.until > at + shelf),
    )


def _portions(values: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(values)
    while some := list(islice(rest, IN_MAX)):
        yield some
