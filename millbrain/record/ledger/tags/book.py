"""`Tags`: connections and tags that people edit and rooms follow."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.errors import NotFoundError
from millbrain.core.plant.tags import Connection, Tag, TagKind
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import REVISION, now
from millbrain.record.ledger.tags.models import CONNECTION, TAG

_CONNECTION: Final = [CONNECTION.c[f.name] for f in fields(Connection)]
_TAG: Final = [TAG.c[f.name] for f in fields(Tag)]
_ROWS: Final = 2_000  # rows of one statement
_NAME: Final = "tag"  # our counter among the revisions


class Tags:
    """The register of connections and tags; implements `core.plant.tags.TagBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        """Return a number that grows with every change of connections or tags."""
        with self._database.read() as c:
            number = c.scalar(sa.select(REVISION.c.number).where(REVISION.c.name == _NAME))
        return int(number or 0)

    def connections(self, room: str = "", operator: str = "") -> list[Connection]:
        """Return connections by key. room, operator: only those of it, empty = of all."""
        statement = sa.select(*_CONNECTION).order_by(CONNECTION.c.key)
        if room:
            statement = statement.where(CONNECTION.c.room == room)
        if operator:
            statement = statement.where(CONNECTION.c.operator == operator)
        with self._database.read() as c:
            return [Connection(**row._asdict()) for row in c.execute(statement)]

    def connection(self, key: str) -> Connection | None:
        """Return a connection, None where there is none of this key."""
        with self._database.read() as c:
            row = c.execute(sa.select(*_CONNECTION).where(CONNECTION.c.key == key)).first()
        return Connection(**row._asdict()) if row else None

    def counts(self) -> dict[str, int]:
        """Return how many tags each connection has; one without any is left out."""
        statement = sa.select(TAG.c.connection, sa.func.count()).group_by(TAG.c.connection)
        with self._database.read() as c:
            return {key: int(count) for key, count in c.execute(statement)}

    def put_connection(self, connection: Connection) -> None:
        """Add or change a connection."""
        row = asdict(connection) | {"options": dict(connection.options), "changed_at": now()}
        changeable = [c.name for c in CONNECTION.c if c.name != "key"]
        with self._database.write() as c:
            c.execute(self._database.upsert(CONNECTION, ["key"], changeable), [row])
            self._count_change(c)

    def delete_connection(self, key: str) -> None:
        """Delete a connection and its tags, not its readings; NotFoundError where none is."""
        with self._database.write() as c:
            c.execute(sa.delete(TAG).where(TAG.c.connection == key))
            if not c.execute(sa.delete(CONNECTION).where(CONNECTION.c.key == key)).rowcount:
                raise NotFoundError(f"no connection {key!r} is registered")
            self._count_change(c)

    def tags(self, connection: str) -> list[Tag]:
        """Return the tags of a connection, by address."""
        statement = sa.select(*_TAG).where(TAG.c.connection == connection).order_by(TAG.c.address)
        with self._database.read() as c:
            return [_tag(row) for row in c.execute(statement)]

    def page(
        self, connections: Sequence[str], q: str = "", thing: str = "", offset: int = 0,
        size: int = 50,
    ) -> tuple[list[Tag], int]:  # fmt: skip
        """Return a page of the tags of connections, by connection and address, and their count.

        q: part of an address, thing, signal or title, empty = all. thing: only those of it.
        """
        where: sa.ColumnElement[bool] = TAG.c.connection.in_(list(connections))
        if thing:
            where &= TAG.c.thing == thing
        if q:
            named = (TAG.c.address, TAG.c.thing, TAG.c.signal, TAG.c.title, TAG.c.title_zh)
            where &= sa.or_(*(column.icontains(q, autoescape=True) for column in named))
        rows = sa.select(*_TAG).where(where).order_by(TAG.c.connection, TAG.c.address)
        with self._database.read() as c:
            total = c.scalar(sa.select(sa.func.count()).select_from(TAG).where(where)) or 0
            found = [_tag(row) for row in c.execute(rows.offset(offset).limit(size))]
        return found, total

    def of_signal(self, thing: str, signal: str) -> list[Tag]:
        """Return the tags whose readings are stored under a signal of a thing, of all connections.

        More than one is a mistake that is shown: their readings mix.
        """
        where = (TAG.c.thing == thing) & (TAG.c.signal == signal)
        with self._database.read() as c:
            return [_tag(row) for row in c.execute(sa.select(*_TAG).where(where))]

    def put_tags(self, tags: Sequence[Tag]) -> tuple[int, int]:
        """Add or change tags, all or none; return how many were added, how many replaced."""
        changeable = [c.name for c in TAG.c if c.name not in ("connection", "address")]
        with self._database.write() as c:
            before = c.scalar(sa.select(sa.func.count()).select_from(TAG)) or 0
            statement = self._database.upsert(TAG, ["connection", "address"], changeable)
            self._put(c, statement, tags)
            after = c.scalar(sa.select(sa.func.count()).select_from(TAG)) or 0
        return after - before, len({(t.connection, t.address) for t in tags}) - (after - before)

    def delete_tags(self, connection: str, addresses: Sequence[str]) -> int:
        """Delete tags, not their readings; return how many there were."""
        gone = 0
        with self._database.write() as c:
            for start in range(0, len(addresses), _ROWS):
                some = list(addresses[start : start + _ROWS])
                where = (TAG.c.connection == connection) & TAG.c.address.in_(some)
                gone += c.execute(sa.delete(TAG).where(where)).rowcount
            self._count_change(c)
        return gone

    def add_found(self, tags: Sequence[Tag]) -> int:
        """Keep tags that a room found by itself; those known already stay as they are."""
        known = {t.address for key in {t.connection for t in tags} for t in self.tags(key)}
        fresh = [t for t in tags if t.address not in known]
        return self.put_tags(fresh)[0] if fresh else 0

    def _put(self, c: sa.Connection, statement: Any, tags: Sequence[Tag]) -> None:
        at = now()
        rows = {(t.connection, t.address): asdict(t) | {"kind": str(t.kind), "changed_at": at}
                for t in tags}  # fmt: skip
        listed = list(rows.values())
        for start in range(0, len(listed), _ROWS):
            c.execute(statement, listed[start : start + _ROWS])
        self._count_change(c)

    def _count_change(self, c: sa.Connection) -> None:
        changed = sa.update(REVISION).where(REVISION.c.name == _NAME)
        c.execute(changed.values(number=REVISION.c.number + 1))


def _tag(row: sa.Row[*tuple[Any, ...]]) -> Tag:
    return Tag(**row._asdict() | {"kind": TagKind(row.kind)})
