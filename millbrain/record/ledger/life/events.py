"""Repairs, recalls, accidents, violations and claims of vehicles, in every version."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from millbrain.record.ledger.database import Database
from millbrain.record.ledger.life.models import LIFE_EVENT, LifeEvent, NewLifeEvent, Taken
from millbrain.record.ledger.life.versions import content_sha256, row_of, take, vins_of
from millbrain.record.ledger.models import THING

_KEYS: Final = ("kind", "source", "reference")
_SHOWN: Final = [c for c in LIFE_EVENT.c if c.name != "content_sha256"]


class LifeEvents:
    """Every version of every event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, events: Sequence[NewLifeEvent], who: str) -> Taken:
        """Keep events; one of the same kind, source and reference is a correction of it."""
        rows = [row_of(e) | {"content_sha256": _sha256(e)} for e in events]
        return take(self._database, LIFE_EVENT, _KEYS, rows, who)

    def vins_of(self, entries: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        """Return the VIN of each (kind, source, reference) that is there already."""
        return vins_of(self._database, LIFE_EVENT, _KEYS, entries)

    def of(self, vin: str, kind: str = "") -> list[LifeEvent]:
        """Return the events of a vehicle as they hold, newest first; kind: empty = all."""
        where = [LIFE_EVENT.c.vin == vin, LIFE_EVENT.c.replaced_at.is_(None)]
        if kind:
            where.append(LIFE_EVENT.c.kind == kind)
        query = sa.select(*_SHOWN).where(*where).order_by(LIFE_EVENT.c.at.desc())
        with self._database.read() as c:
            return [LifeEvent(**r._asdict()) for r in c.execute(query)]

    def page(
        self, kind: str = "", operator: str = "", offset: int = 0, size: int = 50
    ) -> tuple[list[LifeEvent], int]:
        """Return events of all vehicles as they hold, newest first, and how many there are.

        operator: organisation whose vehicles are seen, empty = all.
        """
        where: list[sa.ColumnElement[bool]] = [LIFE_EVENT.c.replaced_at.is_(None)]
        source: Any = LIFE_EVENT
        if kind:
            where.append(LIFE_EVENT.c.kind == kind)
        if operator:
            source = LIFE_EVENT.join(THING, THING.c.id == LIFE_EVENT.c.vin)
            where.append(THING.c.operator == operator)
        query = sa.select(*_SHOWN).select_from(source).where(*where)
        count = sa.select(sa.func.count()).select_from(source).where(*where)
        with self._database.read() as c:
            found = c.execute(query.order_by(LIFE_EVENT.c.at.desc()).offset(offset).limit(size))
            return [LifeEvent(**r._asdict()) for r in found], c.scalar(count) or 0


def _sha256(event: NewLifeEvent) -> str:
    return content_sha256(asdict(event) | {"at": event.at.isoformat()})
