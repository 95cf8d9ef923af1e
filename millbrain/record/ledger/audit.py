"""The audit trail: who did what, from where, with what result. Rows are added, never changed.

The database itself refuses to change or delete them (triggers made by the first migration).
"""

from datetime import datetime

import sqlalchemy as sa

from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import AUDIT, AuditEntry, now


def write_entry(
    c: sa.Connection, who: str, from_where: str, what: str, object: str, result: str = "ok"
) -> None:
    """Add an entry in the caller's transaction. Longer texts are cut to their column's width."""
    texts = _cut(who, from_where, what, object, result)
    c.execute(sa.insert(AUDIT), {**texts, "at": now()})


def _cut(who: str, from_where: str, what: str, object: str, result: str) -> dict[str, str]:
    """Return the texts of an entry as their columns take them."""
    texts = {
        "who": who, "from_where": from_where, "what": what, "object": object, "result": result,
    }  # fmt: skip
    widths = {n: getattr(AUDIT.c[n].type, "length", None) for n in texts}
    return {n: t.replace("\0", "")[: widths[n]] for n, t in texts.items()}


class Audit:
    """The append-only trail of every change and every command."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, who: str, from_where: str, what: str, object: str, result: str = "ok") -> None:
        """Add an entry. Longer texts are cut to the width of their column."""
        with self._database.write() as c:
            write_entry(c, who, from_where, what, object, result)

    def add_once(self, who: str, from_where: str, what: str, object: str, result: str) -> None:
        """Add an entry unless the same is there: for what may be told again after a failure."""
        texts = _cut(who, from_where, what, object, result)
        same = sa.select(AUDIT.c.id).where(*(AUDIT.c[n] == text for n, text in texts.items()))
        with self._database.write() as c:
            if c.execute(same.limit(1)).first() is None:
                c.execute(sa.insert(AUDIT), {**texts, "at": now()})

    def page(
        self,
        who: str = "",
        what: str = "",
        since: datetime | None = None,
        offset: int = 0,
        size: int = 50,
    ) -> tuple[list[AuditEntry], int]:
        """Return entries, newest first, and how many match."""
        where: list[sa.ColumnElement[bool]] = []
        if who:
            where.append(AUDIT.c.who == who)
        if what:
            where.append(AUDIT.c.what == what)
        if since:
            where.append(AUDIT.c.at >= since)
        rows = sa.select(AUDIT).where(*where).order_by(AUDIT.c.id.desc())
        count = sa.select(sa.func.count()).select_from(AUDIT).where(*where)
        with self._database.read() as c:
            found = c.execute(rows.offset(offset).limit(size))
            return [AuditEntry(**r._asdict()) for r in found], c.scalar(count) or 0
