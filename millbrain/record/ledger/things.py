"""Things: what the platform knows about a vehicle or machine besides what it sends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from millbrain.core.columns import Columns
from millbrain.core.errors import NotFoundError
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import KEY, REVISION, THING, Thing, now

PUT_ROWS: Final = 2_000  # rows of one statement
_FIELDS: Final = [c for c in THING.c if c.name != "changed_at"]
_CHANGEABLE: Final = [c.name for c in THING.c if c.name != "id"]


def _thing(row: sa.Row[*tuple[Any, ...]]) -> Thing:
    return Thing(**row._asdict())


class Things:
    """The register of things."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, thing_id: str) -> Thing | None:
        """Return the thing of that id."""
        with self._database.read() as c:
            row = c.execute(sa.select(*_FIELDS).where(THING.c.id == thing_id)).first()
        return _thing(row) if row else None

    def put(self, things: Sequence[Thing]) -> tuple[int, int]:
        """Add or change things, all or none.

        Returns
        -------
        tuple of int
            How many were added and how many replaced. Of two with one id the last wins.

        """
        rows = list({t.id: asdict(t) | {"changed_at": now()} for t in things}.values())
        if not rows:
            return 0, 0
        statement = self._database.upsert(THING, ["id"], _CHANGEABLE)
        count = sa.select(sa.func.count()).select_from(THING)
        with self._database.write() as c:
            before = c.scalar(count) or 0
            for start in range(0, len(rows), PUT_ROWS):
                c.execute(statement, rows[start : start + PUT_ROWS])
            added = (c.scalar(count) or 0) - before
            self._count_change(c)
        return added, len(rows) - added

    def delete(self, thing_id: str) -> None:
        """Delete a thing and its keys; NotFoundError where there is none."""
        with self._database.write() as c:
            if not c.execute(sa.delete(THING).where(THING.c.id == thing_id)).rowcount:
                raise NotFoundError(f"no thing has the id {thing_id!r}")
            c.execute(sa.delete(KEY).where(KEY.c.owner == thing_id))
            self._count_change(c)

    def page(
        self, q: str = "", operator: str = "", offset: int = 0, size: int = 50
    ) -> tuple[list[Thing], int]:
        """Return some things by id whose id, plate or model contains `q`, and how many match."""
        where: list[sa.ColumnElement[bool]] = []
        if q:
            where.append(
                sa.or_(*(c.icontains(q, autoescape=True) for c in (THING.c.id, THING.c.plate,
                                                                   THING.c.model)))
            )  # fmt: skip
        if operator:
            where.append(THING.c.operator == operator)
        rows = sa.select(*_FIELDS).where(*where).order_by(THING.c.id).offset(offset).limit(size)
        count = sa.select(sa.func.count()).select_from(THING).where(*where)
        with self._database.read() as c:
            return [_thing(r) for r in c.execute(rows)], c.scalar(count) or 0

    def operators_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Return id -> operator of those ids that are registered."""
        found: dict[str, str] = {}
        with self._database.read() as c:
            for start in range(0, len(ids), PUT_ROWS):
                some = THING.c.id.in_(ids[start : start + PUT_ROWS])
                rows = c.execute(sa.select(THING.c.id, THING.c.operator).where(some))
                found.update((i, operator) for i, operator in rows)
        return found

    def revision(self) -> int:
        """Return a number that grows with every change of the register."""
        with self._database.read() as c:
            return c.scalar(sa.select(REVISION.c.number).where(REVISION.c.name == "thing")) or 0

    def columns(self, kind: str = "vehicle") -> Columns:
        """Return vin, plate, model, operator and simulated of all things of a kind, as columns."""
        names = ("id", "plate", "model", "operator")
        texts: dict[str, list[bytes]] = {n: [] for n in names}
        simulated: list[bool] = []
        for row in self._each(kind):
            for name in names:
                texts[name].append(getattr(row, name).encode())
            simulated.append(row.simulated)
        values: dict[str, Any] = {
            "vin" if n == "id" else n: np.array(v, np.object_) for n, v in texts.items()
        }
        return Columns(len(simulated), {**values, "simulated": np.array(simulated, np.uint8)})

    def attributes(self, kind: str = "vehicle") -> dict[str, Mapping[str, Any]]:
        """Return id -> attributes of all things of a kind that have any."""
        query = sa.select(THING.c.id, THING.c.attributes).where(THING.c.kind == kind)
        with self._database.read() as c:
            rows = c.execution_options(yield_per=10_000).execute(query)
            return {i: attributes for i, attributes in rows if attributes}

    def _each(self, kind: str) -> Iterator[sa.Row[*tuple[Any, ...]]]:
        query = sa.select(
            THING.c.id, THING.c.plate, THING.c.model, THING.c.operator, THING.c.simulated
        ).where(THING.c.kind == kind)
        with self._database.read() as c:
            yield from c.execution_options(yield_per=10_000).execute(query)

    def _count_change(self, c: sa.Connection) -> None:
        changed = sa.update(REVISION).where(REVISION.c.name == "thing")
        c.execute(changed.values(number=REVISION.c.number + 1))
