"""Inspections of the lane, and the limits that whoever runs it has set."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from millbrain.record.ledger.database import Database
from millbrain.record.ledger.life.models import (
    INSPECTION,
    INSPECTION_LIMIT,
    Inspection,
    NewInspection,
    SetLimit,
    Taken,
)
from millbrain.record.ledger.life.versions import row_of, take, vins_of
from millbrain.record.ledger.models import THING, now

_KEYS: Final = ("bench", "record_no")
_SHOWN: Final = [c for c in INSPECTION.c if c.name != "curve"]
_OF_THING: Final = [
    sa.func.coalesce(THING.c[name], "").label(name) for name in ("plate", "model", "operator")
]
_JOINED: Final = INSPECTION.outerjoin(THING, THING.c.id == INSPECTION.c.vin)
_LIMIT: Final = [c for c in INSPECTION_LIMIT.c if c.name not in ("id", "replaced_at")]


class Inspections:
    """Every version of every inspection.

    `operator` of the questions: organisation whose vehicles are seen, empty = all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, inspections: Sequence[NewInspection], who: str) -> Taken:
        """Keep inspections; one of the same bench and record number is a correction of it."""
        rows = [row_of(i) | {"curve": i.curve or None} for i in inspections]
        return take(self._database, INSPECTION, _KEYS, rows, who)

    def vins_of(self, entries: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        """Return the VIN of each (bench, record number) that is there already."""
        return vins_of(self._database, INSPECTION, _KEYS, entries)

    def get(self, inspection_id: int, operator: str = "") -> Inspection | None:
        """Return a version by its id."""
        where = [INSPECTION.c.id == inspection_id, *_scope(operator)]
        with self._database.read() as c:
            row = c.execute(_select().where(*where)).first()
        return Inspection(**row._asdict()) if row else None

    def curve(self, inspection_id: int) -> bytes:
        """Return the bench's curve as it was stored (zlib), empty where there is none."""
        query = sa.select(INSPECTION.c.curve).where(INSPECTION.c.id == inspection_id)
        with self._database.read() as c:
            return c.scalar(query) or b""

    def versions(self, bench: str, record_no: str) -> list[Inspection]:
        """Return every version of an inspection, newest first."""
        where = (INSPECTION.c.bench == bench, INSPECTION.c.record_no == record_no)
        query = _select().where(*where).order_by(INSPECTION.c.version.desc())
        with self._database.read() as c:
            return [Inspection(**r._asdict()) for r in c.execute(query)]

    def page(
        self,
        q: str = "",
        vin: str = "",
        conclusion: str = "",
        operator: str = "",
        offset: int = 0,
        size: int = 50,
    ) -> tuple[list[Inspection], int]:
        """Return inspections as they hold, newest test first, and how many match.

        q: part of a VIN, plate or record number.
        """
        where = [INSPECTION.c.replaced_at.is_(None), *_scope(operator)]
        if q:
            columns = (INSPECTION.c.vin, INSPECTION.c.record_no, THING.c.plate)
            where.append(sa.or_(*(c.icontains(q, autoescape=True) for c in columns)))
        if vin:
            where.append(INSPECTION.c.vin == vin)
        if conclusion:
            where.append(INSPECTION.c.conclusion == conclusion)
        query = _select().where(*where).order_by(INSPECTION.c.tested_at.desc(),
                                                 INSPECTION.c.id.desc())  # fmt: skip
        count = sa.select(sa.func.count()).select_from(_JOINED).where(*where)
        with self._database.read() as c:
            found = c.execute(query.offset(offset).limit(size))
            return [Inspection(**r._asdict()) for r in found], c.scalar(count) or 0

    def limits(self) -> list[SetLimit]:
        """Return the limits that hold, as they were set."""
        query = sa.select(*_LIMIT).where(INSPECTION_LIMIT.c.replaced_at.is_(None))
        with self._database.read() as c:
            rows = c.execute(query.order_by(INSPECTION_LIMIT.c.item, INSPECTION_LIMIT.c.id))
            return [SetLimit(**r._asdict()) for r in rows]

    def set_limit(self, limit: SetLimit, who: str) -> None:
        """Set a limit in place of one for the same item, chemistry, model and day.

        Without both ends the limit is lifted. What was set before stays, dated.
        """
        at = now()
        names = ("item", "chemistry", "model", "since")
        same = [INSPECTION_LIMIT.c[n] == getattr(limit, n) for n in names]
        with self._database.write() as c:
            old = sa.update(INSPECTION_LIMIT).where(*same, INSPECTION_LIMIT.c.replaced_at.is_(None))
            c.execute(old.values(replaced_at=at))
            if limit.low is not None or limit.high is not None:
                row = asdict(limit) | {"entered_by": who, "entered_at": at}
                c.execute(sa.insert(INSPECTION_LIMIT).values(**row))


def _select() -> sa.Select[Any]:
    return sa.select(*_SHOWN, *_OF_THING).select_from(_JOINED)


def _scope(operator: str) -> list[sa.ColumnElement[bool]]:
    return [THING.c.operator == operator] if operator else []
