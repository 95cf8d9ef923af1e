"""How much alarms ask of the people who watch them: load, flood, chattering, what contributes.

An announcement is a step that puts an alarm before somebody: announced, came back, got worse.

References
----------
EEMUA Publication 191: a flood is more than ten alarms in ten minutes for one operator position.
ANSI/ISA-18.2-2016 clause 16: announced alarms a span, standing, stale, chattering, most frequent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.alarms import ANNOUNCED
from millbrain.record.ledger.alarm_filter import ALARM_AND_THING, scoped
from millbrain.record.ledger.alarm_models import ALARM, ALARM_STEP
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import THING

ANNOUNCING: Final = ("announce", "recur", "worsen")
SPAN: Final = timedelta(minutes=10)
FLOOD_ABOVE: Final = 10  # announced in one span; EEMUA 191
CHATTER_S: Final = 60.0  # back to normal within
STALE_AFTER: Final = timedelta(hours=24)
_STEPS: Final = ALARM_AND_THING.join(ALARM_STEP, ALARM_STEP.c.alarm_id == ALARM.c.id)
_OWNER: Final = sa.func.coalesce(THING.c.operator, "")


@dataclass(frozen=True, slots=True)
class Load:
    """Announced alarms of one organisation (empty = things of none) or overall.

    last: in the span that ends now. average, highest: in a span over the last day.
    """

    operator: str
    last: int
    average: float
    highest: int

    @property
    def is_flood(self) -> bool:
        """Whether more are announced than one position can take in."""
        return self.last > FLOOD_ABOVE


@dataclass(frozen=True, slots=True)
class Contributor:
    """An app and a kind, how often it was announced, and its share of all."""

    app: str
    kind: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Chatterer:
    """An alarm that keeps returning within a minute. id: its newest instance."""

    id: int
    thing: str
    plate: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    state: str
    priority: int
    sentence: str
    sentence_zh: str
    count: int
    last_at: datetime


class AlarmCounts:
    """Counts over the alarms within a scope (`operator`, empty = all)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, operator: str = "") -> dict[tuple[str, int], int]:
        """Return (state, priority) -> how many alarms have not ended."""
        query = (
            sa.select(ALARM.c.state, ALARM.c.priority, sa.func.count())
            .select_from(ALARM_AND_THING if operator else ALARM)
            .where(ALARM.c.ended_at.is_(None), *scoped(operator))
            .group_by(ALARM.c.state, ALARM.c.priority)
        )
        with self._database.read() as c:
            return {(state, priority): count for state, priority, count in c.execute(query)}

    def stale(self, at: datetime, operator: str = "") -> int:
        """Return how many stand for more than a day."""
        where = (ALARM.c.state.in_(ANNOUNCED), ALARM.c.raised_at < at - STALE_AFTER)
        query = sa.select(sa.func.count()).select_from(ALARM_AND_THING)
        with self._database.read() as c:
            return c.scalar(query.where(*where, *scoped(operator))) or 0

    def loads(self, at: datetime, operator: str = "") -> tuple[Load, list[Load]]:
        """Return the load overall, and of each organisation with announcements in the last day."""
        spans = self._spans(at, operator)
        last = self._last(at, operator)
        owners = sorted({owner for owner, _ in spans} | set(last))
        each = [_load(o, last.get(o, 0), [n for (w, _), n in spans.items() if w == o])
                for o in owners]  # fmt: skip
        total: dict[str, int] = {}
        for (_, span), count in spans.items():
            total[span] = total.get(span, 0) + count
        overall = _load("", sum(last.values()), list(total.values()))
        return overall, sorted(each, key=lambda load: -load.last)

    def is_flood(self, at: datetime, operator: str = "") -> bool:
        """Whether more alarms were announced in the last span than one position can take in."""
        return sum(self._last(at, operator).values()) > FLOOD_ABOVE

    def contributors(self, at: datetime, operator: str = "", size: int = 10) -> list[Contributor]:
        """Return the apps and kinds announced most over the last day."""
        number = sa.func.count()
        query = self._announced(at - timedelta(days=1), operator, ALARM.c.app, ALARM.c.kind, number)
        query = query.group_by(ALARM.c.app, ALARM.c.kind).order_by(number.desc(), ALARM.c.kind)
        with self._database.read() as c:
            rows = list(c.execute(query))
        total = sum(count for _, _, count in rows)
        return [Contributor(app, kind, n, n / total) for app, kind, n in rows[:size]]

    def chattering(
        self, since: datetime, before: datetime, operator: str = "", size: int = 50
    ) -> list[Chatterer]:
        """Return alarms that returned within a minute at least twice between two instants."""
        number, last = sa.func.count().label("count"), sa.func.max(ALARM_STEP.c.at).label("last_at")
        busy = (
            sa.select(ALARM.c.key, number, last)
            .select_from(_STEPS)
            .where(ALARM_STEP.c.action == "return", ALARM_STEP.c.active_s <= CHATTER_S,
                   ALARM_STEP.c.at >= since, ALARM_STEP.c.at < before, *scoped(operator))
            .group_by(ALARM.c.key).having(number > 1).order_by(number.desc()).limit(size)
            .subquery()
        )  # fmt: skip
        a = ALARM.c
        query = (
            sa.select(a.id, a.thing, THING.c.plate, a.app, a.kind, a.pack_no, a.cell_no, a.state,
                      a.priority, a.sentence, a.sentence_zh, busy.c["count"], busy.c.last_at)
            .select_from(ALARM_AND_THING.join(busy, busy.c.key == a.key))
            .where(a.is_newest).order_by(busy.c["count"].desc(), a.id)
        )  # fmt: skip
        with self._database.read() as c:
            return [Chatterer(**r._asdict() | {"plate": r.plate or ""}) for r in c.execute(query)]

    def _spans(self, at: datetime, operator: str) -> dict[tuple[str, str], int]:
        """Return (organisation, ten minutes) -> announcements of the last day."""
        # Both databases write instants as YYYY-MM-DD HH:MM: fifteen characters name ten minutes.
        span = sa.func.substr(sa.cast(ALARM_STEP.c.at, sa.String), 1, 15)
        query = self._announced(at - timedelta(days=1), operator, _OWNER, span, sa.func.count())
        with self._database.read() as c:
            found = c.execute(query.group_by(_OWNER, span))
            return {(owner, text): count for owner, text, count in found}

    def _last(self, at: datetime, operator: str) -> dict[str, int]:
        query = self._announced(at - SPAN, operator, _OWNER, sa.func.count()).group_by(_OWNER)
        with self._database.read() as c:
            return {owner: count for owner, count in c.execute(query)}

    @staticmethod
    def _announced(since: datetime, operator: str, *columns: Any) -> sa.Select[Any]:
        where = (ALARM_STEP.c.at >= since, ALARM_STEP.c.action.in_(ANNOUNCING))
        return sa.select(*columns).select_from(_STEPS).where(*where, *scoped(operator))


def _load(operator: str, last: int, spans: Sequence[int]) -> Load:
    day = timedelta(days=1) / SPAN
    return Load(operator, last, sum(spans) / day, max(spans, default=0))
