"""Which alarms a list shows, as conditions over alarm and thing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from millbrain.core.alarms import NORMAL
from millbrain.record.ledger.alarm_models import ALARM
from millbrain.record.ledger.models import THING

ALARM_AND_THING: Final = ALARM.outerjoin(THING, THING.c.id == ALARM.c.thing)


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms. Empty fields do not narrow; `operator` is the scope of who asks.

    states: empty = all that have not ended. raised_before: announced before that instant, so that
    what stands since is stale. q: part of a thing's id or plate, or of the sentence.
    """

    operator: str = ""
    states: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    app: str = ""
    kind: str = ""
    thing: str = ""
    q: str = ""
    call_out: bool | None = None
    raised_before: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the filter as SQL conditions over alarm and thing."""
        c = ALARM.c
        where: list[sa.ColumnElement[bool]] = []
        if self.states:
            where.append(c.state.in_(self.states))
        if not self.states or NORMAL not in self.states:
            where.append(c.ended_at.is_(None))
        for column, value in (
            (THING.c.operator, self.operator),
            (c.app, self.app),
            (c.kind, self.kind),
            (c.thing, self.thing),
        ):
            if value:
                where.append(column == value)
        if self.priorities:
            where.append(c.priority.in_(self.priorities))
        if self.call_out is not None:
            where.append(c.call_out.is_(self.call_out))
        if self.raised_before:
            where.append(c.raised_at < self.raised_before)
        if self.q:
            texts = (c.thing, THING.c.plate, c.sentence, c.sentence_zh)
            where.append(sa.or_(*(t.icontains(self.q, autoescape=True) for t in texts)))
        return where


def scoped(operator: str) -> list[sa.ColumnElement[bool]]:
    """Return the condition that keeps a scope to its own things, empty = everything."""
    return [THING.c.operator == operator] if operator else []
