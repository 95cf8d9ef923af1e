"""Commands to things: asked, sent, answered or failed. A command is itself a recorded fact."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import COMMAND, Command, now

DETAIL_CHARACTERS_MAX: Final = 500


class Commands:
    """Every command ever sent and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sent(self, thing: str, order: Mapping[str, Any], asked_by: str) -> int:
        """Record that a command goes out now; return its id."""
        row = {
            "thing": thing, "order": dict(order), "asked_by": asked_by, "sent_at": now(),
            "state": "sent", "detail": "",
        }  # fmt: skip
        with self._database.write() as c:
            return int(c.execute(sa.insert(COMMAND).values(**row).returning(COMMAND.c.id)).one()[0])

    def answered(self, command_id: int, answer: Mapping[str, Any]) -> Command:
        """Record the thing's answer."""
        return self._end(command_id, state="answered", answer=dict(answer))

    def failed(self, command_id: int, detail: str) -> Command:
        """Record that no answer came and why."""
        return self._end(command_id, state="failed", detail=detail[:DETAIL_CHARACTERS_MAX])

    def page(self, thing: str, offset: int = 0, size: int = 50) -> tuple[list[Command], int]:
        """Return commands to a thing, newest first, and how many there are."""
        mine = COMMAND.c.thing == thing
        rows = sa.select(COMMAND).where(mine).order_by(COMMAND.c.id.desc())
        count = sa.select(sa.func.count()).select_from(COMMAND).where(mine)
        with self._database.read() as c:
            found = c.execute(rows.offset(offset).limit(size))
            return [Command(**r._asdict()) for r in found], c.scalar(count) or 0

    def _end(self, command_id: int, **values: Any) -> Command:
        change = sa.update(COMMAND).where(COMMAND.c.id == command_id)
        with self._database.write() as c:
            row = c.execute(change.values(answered_at=now(), **values).returning(COMMAND)).one()
        return Command(**row._asdict())
