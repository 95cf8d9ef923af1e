"""Attachments of work orders: their bytes lie in the ledger, each content once.

In the ledger and not in a folder: an attachment and the step that tells of it are kept together or
not at all, one backup holds both, and every copy of the web process sees the same file. What may
come in is bounded (`core.limits`), so that the ledger stays small.
"""

import hashlib
import re
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.work.orders import Asked, Attachment
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.order_models import ORDER_ATTACHMENT, ORDER_FILE
from millbrain.record.ledger.order_queries import locked, one
from millbrain.record.ledger.order_steps import take

# What a file may be: media type -> (ending, first bytes); a text has none of its own.
TYPES: Final = {
    "image/jpeg": ("jpg", b"\xff\xd8\xff"),
    "image/png": ("png", b"\x89PNG\r\n\x1a\n"),
    "application/pdf": ("pdf", b"%PDF-"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("xlsx", b"PK\x03\x04"),
    "text/csv": ("csv", b""),
    "text/plain": ("txt", b""),
}
_COLUMNS: Final = [c for c in ORDER_ATTACHMENT.c if c.name != "order_id"]
_NAME_MAX: Final = 200


class OrderFiles:
    """The files of work orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, number: str, name: str, content: bytes, asked: Asked) -> Attachment:
        """Add a file to an order; the same bytes a second time change nothing.

        Raises
        ------
        LimitError
            It is too large, of a type that is not allowed, or the order has too many.
        NotFoundError, IllegalStepError
            There is no such order to see, or it has ended.
        """
        media_type = _type_of(name, content)
        digest = hashlib.sha256(content).hexdigest()
        at = now()
        with self._database.write() as c:
            order = locked(c, number)
            mine = ORDER_ATTACHMENT.c.order_id == order.id
            same = sa.select(*_COLUMNS).where(mine, ORDER_ATTACHMENT.c.sha256 == digest)
            values = {
                "order_id": order.id, "sha256": digest, "name": _plain(name), "added_at": at,
                "media_type": media_type, "size_bytes": len(content), "added_by": asked.who,
            }  # fmt: skip
            detail = {"file": values["name"], "sha256": digest, "size_bytes": len(content)}
            found = c.execute(same).first()
            take(c, order, replace(asked, fields=detail), at, is_kept=found is None)
            if found:
                return Attachment(**found._asdict())
            count = sa.select(sa.func.count()).select_from(ORDER_ATTACHMENT).where(mine)
            if (c.scalar(count) or 0) >= limits.ATTACHMENTS_MAX:
                raise LimitError(
                    f"order {number} has {limits.ATTACHMENTS_MAX} files; no more are allowed"
                )
            if (
                c.scalar(sa.select(ORDER_FILE.c.sha256).where(ORDER_FILE.c.sha256 == digest))
                is None
            ):
                c.execute(sa.insert(ORDER_FILE).values(sha256=digest, content=content))
            row = c.execute(sa.insert(ORDER_ATTACHMENT).values(**values).returning(*_COLUMNS)).one()
        return Attachment(**row._asdict())

    def all(self, order_id: int) -> list[Attachment]:
        """Return the files of an order, oldest first."""
        query = sa.select(*_COLUMNS).where(ORDER_ATTACHMENT.c.order_id == order_id)
        with self._database.read() as c:
            rows = c.execute(query.order_by(ORDER_ATTACHMENT.c.id))
            return [Attachment(**r._asdict()) for r in rows]

    def read(self, number: str, file_id: int, organisation: str) -> tuple[Attachment, bytes]:
        """Return a file and its bytes; NotFoundError where it is not this side's to see."""
        query = (
            sa.select(*_COLUMNS, ORDER_FILE.c.content)
            .join(ORDER_FILE, ORDER_FILE.c.sha256 == ORDER_ATTACHMENT.c.sha256)
            .where(ORDER_ATTACHMENT.c.id == file_id)
        )
        with self._database.read() as c:
            order = one(c, number, organisation)
            row = c.execute(query.where(ORDER_ATTACHMENT.c.order_id == order.id)).first()
        if row is None:
            raise NotFoundError(f"order {number} has no file {file_id}")
        values = row._asdict()
        content = values.pop("content")
        return Attachment(**values), content


def _type_of(name: str, content: bytes) -> str:
    """Return the media type, told by the ending and by the bytes, which must agree."""
    if not 0 < len(content) <= limits.ATTACHMENT_BYTES_MAX:
        raise LimitError(
            f"file {name[:80]!r} has {len(content)} bytes; allowed are 1 to "
            f"{limits.ATTACHMENT_BYTES_MAX}"
        )
    ending = name.rpartition(".")[2].lower().replace("jpeg", "jpg")
    for media_type, (known, start) in TYPES.items():
        if ending == known and content.startswith(start) and _is_text(content, start):
            return media_type
    allowed = ", ".join(known for known, _ in TYPES.values())
    raise LimitError(
        f"file {name[:80]!r} is not allowed, or its content is not what its ending says; allowed "
        f"are {allowed}"
    )


def _is_text(content: bytes, start: bytes) -> bool:
    if start:
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _plain(name: str) -> str:
    """Return a name without folders and control characters."""
    last = re.split(r"[/\\]", name)[-1]
    return re.sub(r"[\x00-\x1f\x7f\"<>|:*?]", "_", last)[-_NAME_MAX:]
