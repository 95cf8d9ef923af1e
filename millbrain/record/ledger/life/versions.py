"""Rows that are versions of each other: the same content again changes nothing.

Another content replaces the newest version, which stays readable with the instant at which it
ended.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from millbrain.record.ledger.database import Database
from millbrain.record.ledger.life.models import Taken
from millbrain.record.ledger.models import now

_KEYS_A_QUERY: Final = 500


def content_sha256(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def take(
    database: Database,
    table: sa.Table,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    who: str,
) -> Taken:
    """Store rows as new entries or as corrections, all in one transaction.

    Writers of one table wait for each other, since each reads the newest version before it adds
    the next one.

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
    with database.write() as c:
        if not database.is_sqlite:  # there a writer has the whole database to itself anyway
            c.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(table.name.encode()))))
        return _take(c, table, keys, rows, who)


def _take(
    c: sa.Connection,
    table: sa.Table,
    keys: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    who: str,
) -> Taken:
    counts = {"added": 0, "corrected": 0, "unchanged": 0}
    ids: list[int] = []
    for row in rows:
        what, row_id = _take_one(c, table, keys, row, who)
        counts[what] += 1
        ids.append(row_id)
    return Taken(**counts, ids=ids)


def _take_one(
    c: sa.Connection, table: sa.Table, keys: Sequence[str], row: Mapping[str, Any], who: str
) -> tuple[str, int]:
    same = [table.c[key] == row[key] for key in keys]
    columns = (table.c.id, table.c.version, table.c.content_sha256)
    newest = sa.select(*columns).where(*same, table.c.replaced_at.is_(None))
    found = c.execute(newest).first()
    if found and found.content_sha256 == row["content_sha256"]:
        return "unchanged", int(found.id)
    at = now()
    if found:
        c.execute(sa.update(table).where(table.c.id == found.id).values(replaced_at=at))
    version = found.version + 1 if found else 1
    values = {**row, "version": version, "entered_by": who, "entered_at": at}
    made = c.execute(sa.insert(table).values(**values).returning(table.c.id)).one()
    return ("corrected" if found else "added"), int(made[0])


def vins_of(
    database: Database, table: sa.Table, keys: Sequence[str], entries: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], str]:
    """Return whose vehicle each entry that is there already is about: key -> VIN."""
    found: dict[tuple[str, ...], str] = {}
    columns = [table.c[key] for key in keys]
    with database.read() as c:
        for start in range(0, len(entries), _KEYS_A_QUERY):
            some = sa.tuple_(*columns).in_(entries[start : start + _KEYS_A_QUERY])
            query = sa.select(*columns, table.c.vin).where(some, table.c.replaced_at.is_(None))
            found.update((tuple(row[:-1]), row[-1]) for row in c.execute(query))
    return found
