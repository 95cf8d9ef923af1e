"""Limits of signals that people set; the limits app follows them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.plant.signal_limits import SignalLimits
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import REVISION, now
from millbrain.record.ledger.tags.models import SIGNAL_LIMIT

_FIELDS: Final = [SIGNAL_LIMIT.c[f.name] for f in fields(SignalLimits)]
_NAME: Final = "signal_limit"  # our counter among the revisions


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Limits, and who set them when."""

    limits: SignalLimits
    changed_by: str
    changed_at: datetime


class SignalLimitBook:
    """Every limit of every signal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        """Return a number that grows with every change."""
        with self._database.read() as c:
            number = c.scalar(sa.select(REVISION.c.number).where(REVISION.c.name == _NAME))
        return int(number or 0)

    def all(self) -> list[SignalLimits]:
        """Return every limit, by thing and signal."""
        return [kept.limits for kept in self.kept()]

    def kept(self, thing: str = "") -> list[SetLimits]:
        """Return limits and who set them, by thing and signal. thing: only its, empty = all."""
        statement = sa.select(SIGNAL_LIMIT).order_by(SIGNAL_LIMIT.c.thing, SIGNAL_LIMIT.c.signal)
        if thing:
            statement = statement.where(SIGNAL_LIMIT.c.thing == thing)
        with self._database.read() as c:
            return [_kept(row) for row in c.execute(statement)]

    def put(self, given: Sequence[SignalLimits], who: str) -> tuple[int, int]:
        """Set limits, all or none; return how many are new, and how many were replaced.

        Raises
        ------
        LimitError
            There would be more than `SIGNAL_LIMITS_MAX`.
        """
        wanted = {(each.thing, each.signal): each for each in given}
        with self._database.write() as c:
            numbers = _numbers(c)
            added = 0
            rows = []
            for each in wanted.values():
                thing = numbers.setdefault(each.thing, {})
                if each.signal not in thing:
                    thing[each.signal] = max(thing.values(), default=0) + 1
                    added += 1
                rows.append(_row(replace(each, number=thing[each.signal]), who))
            if sum(map(len, numbers.values())) > limits.SIGNAL_LIMITS_MAX:
                raise LimitError(
                    f"{added} limits more would be {sum(map(len, numbers.values()))}; "
                    f"{limits.SIGNAL_LIMITS_MAX} are allowed, and nothing was changed"
                )
            if rows:
                changeable = [col.name for col in SIGNAL_LIMIT.c if not col.primary_key]
                c.execute(
                    self._database.upsert(SIGNAL_LIMIT, ["thing", "signal"], changeable), rows
                )
                self._count_change(c)
        return added, len(wanted) - added

    def delete(self, thing: str, signal: str) -> bool:
        """Take the limits of a signal away; False where it had none."""
        mine = (SIGNAL_LIMIT.c.thing == thing) & (SIGNAL_LIMIT.c.signal == signal)
        with self._database.write() as c:
            found = bool(c.execute(sa.delete(SIGNAL_LIMIT).where(mine)).rowcount)
            if found:
                self._count_change(c)
        return found

    def _count_change(self, c: sa.Connection) -> None:
        changed = sa.update(REVISION).where(REVISION.c.name == _NAME)
        c.execute(changed.values(number=REVISION.c.number + 1))


def _numbers(c: sa.Connection) -> dict[str, dict[str, int]]:
    """Return thing -> signal -> number of those that have limits."""
    numbers: dict[str, dict[str, int]] = {}
    for row in c.execute(sa.select(*_FIELDS)):
        numbers.setdefault(row.thing, {})[row.signal] = row.number
    return numbers


def _row(each: SignalLimits, who: str) -> dict[str, Any]:
    plain = {f.name: getattr(each, f.name) for f in fields(SignalLimits)}
    return plain | {"changed_by": who, "changed_at": now()}


def _kept(row: sa.Row[*tuple[Any, ...]]) -> SetLimits:
    plain = {f.name: getattr(row, f.name) for f in fields(SignalLimits)}
    return SetLimits(SignalLimits(**plain), row.changed_by, row.changed_at)
