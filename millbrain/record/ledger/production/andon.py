"""`AndonCalls`: calls from stations; each step with history, audit and notices in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.findings import Severity
from millbrain.core.production.andon import (
    ESCALATION,
    KINDS,
    LEVEL_MAX,
    LIFECYCLE,
    STATES,
    AndonCall,
    AndonStep,
)
from millbrain.core.work.notices import Notice
from millbrain.record.ledger.audit import write_entry
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.outbox import tell
from millbrain.record.ledger.production.models import ANDON, ANDON_STEP
from millbrain.record.ledger.production.orders import Asker

_RENAMED: Final = {"order": "order_number"}
_COLUMNS: Final = [ANDON.c[_RENAMED.get(f.name, f.name)].label(f.name) for f in fields(AndonCall)]
_OPEN: Final = ANDON.c.state != "solved"


@dataclass(frozen=True, slots=True)
class AndonFilter:
    """Which calls. Empty = any."""

    operator: str = ""
    station: str = ""
    line: str = ""
    kind: str = ""
    is_open: bool = False
    since: datetime | None = None
    until: datetime | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions."""
        a = ANDON.c
        pairs = ((a.operator, self.operator), (a.station, self.station), (a.line, self.line),
                 (a.kind, self.kind))  # fmt: skip
        found: list[sa.ColumnElement[bool]] = [c == v for c, v in pairs if v]
        if self.is_open:
            found.append(_OPEN)
        if self.since:
            found.append(a.raised_at >= self.since)
        if self.until:
            found.append(a.raised_at < self.until)
        return found


class AndonCalls:
    """Calls for help and how they were solved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_call(self, call: AndonCall, asker: Asker) -> tuple[AndonCall, bool]:
        """Keep a call; return it and whether it is new: one of the same id stays as it is."""
        with self._database.write() as c:
            held = c.execute(sa.select(*_COLUMNS).where(ANDON.c.id == call.id)).first()
            if held is not None:
                return _call(held), False
            count = c.scalar(sa.select(sa.func.count()).select_from(ANDON).where(_OPEN)) or 0
            if count >= limits.ANDON_OPEN_MAX:
                raise LimitError(f"{count} calls are open; solve some of them first")
            row = {_RENAMED.get(f.name, f.name): getattr(call, f.name)
                   for f in fields(call) if f.name != "number"}  # fmt: skip
            made = _call(c.execute(sa.insert(ANDON).values(**row).returning(*_COLUMNS)).one())
            _noted(c, made, "raise", asker, now(), {"note": call.note} if call.note else {})
        return made, True

    def act(
        self, call_id: str, action: str, asker: Asker, rise_at: datetime | None,
        detail: Mapping[str, str],
    ) -> AndonCall:  # fmt: skip
        """Take a step that a person asks for.

        Raises
        ------
        NotFoundError, IllegalStepError
            There is no such call in that scope, or its life cycle does not allow the step now.
        """
        at = now()
        with self._database.write() as c:
            query = sa.select(*_COLUMNS).where(ANDON.c.id == call_id).with_for_update()
            row = c.execute(query).first()
            if row is None or asker.operator not in ("", row.operator):
                raise NotFoundError(f"no andon call has the id {call_id!r}")
            held = _call(row)
            target = LIFECYCLE.after(held.state, action, {"can_rise": held.level < LEVEL_MAX})
            values = {"state": target, "rise_at": rise_at}
            if action == "resolve":
                values |= {"resolved_by": asker.who, "resolved_at": at, "rise_at": None,
                           "reason": detail.get("reason", ""),
                           "resolution": detail.get("note", "")}  # fmt: skip
            if action == "acknowledge" or held.acknowledged_at is None:
                values |= {"acknowledged_by": asker.who, "acknowledged_at": at}
            change = sa.update(ANDON).where(ANDON.c.id == call_id).values(**values)
            after = _call(c.execute(change.returning(*_COLUMNS)).one())
            _noted(c, after, action, asker, at, detail)
        return after

    def due(self, at: datetime) -> list[AndonCall]:
        """Return open calls that are to be escalated now."""
        with self._database.read() as c:
            rows = c.execute(sa.select(*_COLUMNS).where(_OPEN, ANDON.c.rise_at <= at).limit(100))
            return [_call(row) for row in rows]

    def escalate(self, call: AndonCall, at: datetime, rise_at: datetime | None) -> bool:
        """Escalate a call; False where it has moved on meanwhile."""
        same = (ANDON.c.id == call.id, ANDON.c.state == call.state, ANDON.c.level == call.level)
        if call.level >= LEVEL_MAX:
            return False
        change = sa.update(ANDON).where(*same).values(level=call.level + 1, rise_at=rise_at)
        with self._database.write() as c:
            row = c.execute(change.returning(*_COLUMNS)).first()
            if row is None:
                return False
            after = _call(row)
            _noted(c, after, "escalate", Asker(""), at, {"level": ESCALATION[after.level][0]})
        return True

    def get(self, call_id: str, operator: str = "") -> tuple[AndonCall, list[AndonStep]]:
        """Return a call with its history; NotFoundError where there is none in that scope."""
        columns = [x for x in ANDON_STEP.c if x.name not in ("id", "call")]
        steps = sa.select(*columns).where(ANDON_STEP.c.call == call_id).order_by(ANDON_STEP.c.id)
        with self._database.read() as c:
            row = c.execute(sa.select(*_COLUMNS).where(ANDON.c.id == call_id)).first()
            if row is None or operator not in ("", row.operator):
                raise NotFoundError(f"no andon call has the id {call_id!r}")
            return _call(row), [AndonStep(**r._asdict()) for r in c.execute(steps)]

    def page(
        self, which: AndonFilter, offset: int = 0, size: int = 50
    ) -> tuple[list[AndonCall], int]:
        """Return calls, open ones first, then the newest, and how many match."""
        where = which.where()
        rows = sa.select(*_COLUMNS).where(*where)
        rows = rows.order_by(_OPEN.desc(), ANDON.c.raised_at.desc(), ANDON.c.number.desc())
        count = sa.select(sa.func.count()).select_from(ANDON).where(*where)
        with self._database.read() as c:
            found = c.execute(rows.offset(offset).limit(size)).all()
            return [_call(r) for r in found], c.scalar(count) or 0


def _call(row: Any) -> AndonCall:
    return AndonCall(**row._asdict())


def _noted(
    c: sa.Connection, call: AndonCall, action: str, asker: Asker, at: datetime,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write the history, the audit trail and the notice of a step."""
    c.execute(sa.insert(ANDON_STEP), {
        "call": call.id, "at": at, "who": asker.who, "action": action, "detail": dict(detail),
    })  # fmt: skip
    write_entry(c, asker.who or "millbrain", asker.address, f"andon.{action}", call.station,
                f"{call.kind} {call.number} {call.state} level {call.level}")  # fmt: skip
    severity = (
        Severity.DANGER
        if call.kind == "safety"
        else (Severity.STOP if call.stops_line else Severity.SERVICE)
    )
    stop = (", the line stands", "，已停线") if call.stops_line else ("", "")
    role = ESCALATION[call.level]
    content = {
        "number": call.number, "station": call.station, "line": call.line, "kind": call.kind,
        "title": f"{call.station}: {KINDS[call.kind][0]} call {STATES[call.state][0]}{stop[0]}",
        "title_zh": f"{call.station}：{KINDS[call.kind][1]}呼叫{STATES[call.state][1]}{stop[1]}",
        "told": role[0], "told_zh": role[1], "note": call.note, "who": asker.who,
        "order": call.order, "reason": call.reason, "at": at.isoformat(), "level": call.level,
    }  # fmt: skip
    sides = (call.operator,) if call.operator else ()
    notice = Notice(f"andon.{action}", str(call.number), "production", int(severity), sides,
                    call.level, content)  # fmt: skip
    tell(c, notice, at)
