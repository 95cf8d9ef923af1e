"""Rows that are versions of each other: the same content again changes nothing.

Another content replaces the newest version, which stays readable with the instant at which it
ended.
"""

import hashlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from millbrain.record.ledger.database import Database
from millbrain.record.ledger.life.models import Taken
from millbrain.record.ledger.models import now

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROWS_A_WRITE: Final = 500
_KEYS_A_QUERY: Final = 500


def content_sha256(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def row_of(entry: "DataclassInstance") -> dict[str, Any]:
    """Return the fields of an entry as they are; `asdict` would copy every value in them."""
    return {f.name: getattr(entry, f.name) for f in fields(entry)}


def take(
    database: Database,
    table: sa.Table,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    who: str,
) -> Taken:
    """Store rows as new entries or as corrections, `ROWS_A_WRITE` in one transaction.

    Writers of one table wait for each other, since each reads the newest version before it adds
    the next one; a large import lets others in between. Broken off in the middle it is simply
    brought again: what is there already changes nothing.

    Parameters
    ----------
    database, table
        Where; the table has `version`, `content_sha256`, `entered_by`, `entered_at`, `replaced_at`.
    keys
        Columns that say which entry a row is a version of.
    rows
        Each with `content_sha256` and everything but the columns that are set here.
    who
        Account that brings them.
    """
    parts: list[Taken] = []
    for start in range(0, len(rows), ROWS_A_WRITE):
        with database.write() as c:
            if not database.is_sqlite:  # there a writer has the whole database to itself anyway
                lock = zlib.crc32(table.name.encode())
                c.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
            parts.append(_take(c, table, keys, rows[start : start + ROWS_A_WRITE], who))
    return Taken(
        sum(p.added for p in parts), sum(p.corrected for p in parts),
        sum(p.unchanged for p in parts), [row_id for p in parts for row_id in p.ids],
    )  # fmt: skip


@dataclass(slots=True)
class _Newest:
    """The newest version of an entry. id: 0 while it waits to be inserted as `waiting`."""

    id: int
    version: int
    content_sha256: str
    waiting: int = -1


def _take(
    c: sa.Connection,
    table: sa.Table,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    who: str,
) -> Taken:
    """Store some rows with three statements, however many they are."""
    at = now()
    newest = _newest(c, table, keys, rows)
    counts = {"added": 0, "corrected": 0, "unchanged": 0}
    ended: list[int] = []
    made: list[dict[str, Any]] = []
    holding: list[_Newest] = []
    for row in rows:
        key = tuple(row[k] for k in keys)
        known = newest.get(key)
        if known and known.content_sha256 == row["content_sha256"]:
            counts["unchanged"] += 1
        else:
            counts["corrected" if known else "added"] += 1
            if known and known.id:
                ended.append(known.id)
            elif known:
                made[known.waiting]["replaced_at"] = at
            version = known.version + 1 if known else 1
            newest[key] = _Newest(0, version, row["content_sha256"], len(made))
            made.append({**row, "version": version, "entered_by": who, "entered_at": at,
                         "replaced_at": None})  # fmt: skip
        holding.append(newest[key])
    if ended:
        c.execute(sa.update(table).where(table.c.id.in_(ended)).values(replaced_at=at))
    ids = _insert(c, table, made)
    return Taken(**counts, ids=[n.id or ids[n.waiting] for n in holding])


def _newest(
    c: sa.Connection, table: sa.Table, keys: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[Any, ...], _Newest]:
    entries = {tuple(row[key] for key in keys) for row in rows}
    columns = [table.c[key] for key in keys]
    query = sa.select(*columns, table.c.id, table.c.version, table.c.content_sha256)
    found = c.execute(query.where(*_among(columns, entries), table.c.replaced_at.is_(None)))
    return {tuple(row[:-3]): _Newest(*row[-3:]) for row in found if tuple(row[:-3]) in entries}


def _among(
    columns: Sequence[sa.Column[Any]], entries: Collection[tuple[Any, ...]]
) -> list[sa.ColumnElement[bool]]:
    """Return conditions that hold for all entries, and for few others.

    One list a column and not one of tuples: SQLite seeks the former in the index of the keys, for
    the latter it reads the whole table.
    """
    return [c.in_({entry[i] for entry in entries}) for i, c in enumerate(columns)]


def _insert(c: sa.Connection, table: sa.Table, made: list[dict[str, Any]]) -> list[int]:
    if not made:
        return []
    statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [int(row[0]) for row in c.execute(statement, made)]


def vins_of(
    database: Database, table: sa.Table, keys: Sequence[str], entries: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], str]:
    """Return whose vehicle each entry that is there already is about: key -> VIN."""
    found: dict[tuple[str, ...], str] = {}
    columns = [table.c[key] for key in keys]
    with database.read() as c:
        for start in range(0, len(entries), _KEYS_A_QUERY):
            some = set(entries[start : start + _KEYS_A_QUERY])
            where = (*_among(columns, some), table.c.replaced_at.is_(None))
            rows = c.execute(sa.select(*columns, table.c.vin).where(*where))
            found.update((tuple(r[:-1]), r[-1]) for r in rows if tuple(r[:-1]) in some)
    return found
