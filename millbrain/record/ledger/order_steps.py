"""Steps of a work order inside a transaction: the row, its history, the audit trail, the notice.

Nothing else changes the state of an order. The caller holds the row (`order_queries.locked`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import IllegalStepError, LimitError, NotFoundError, RefusedError
from millbrain.core.work.notices import Notice
from millbrain.core.work.orders import (
    LEVEL_MAX,
    LIFECYCLE,
    REPAIR_PARTS,
    Asked,
    checked_fields,
    may,
)
from millbrain.record.ledger import order_queries as queries
from millbrain.record.ledger.audit import write_entry
from millbrain.record.ledger.life.models import INSPECTION
from millbrain.record.ledger.order_models import ORDER_STEP, WORK_ORDER
from millbrain.record.ledger.outbox import tell

_ID_DIGITS_MAX: Final = 18  # of a 64-bit number, whatever its digits
FRESH: Final = {"level": 0, "due_at": None, "rise_at": None}  # a new step, a new deadline


def take(c: sa.Connection, row: Any, asked: Asked, at: datetime, *, is_kept: bool = True) -> None:
    """Take a step that somebody asks for, after checking that it is theirs to take.

    is_kept: False = check only, since it turned out to change nothing.

    Raises
    ------
    NotFoundError
        The order is another organisation's.
    RefusedError
        The step is not this side's to take.
    IllegalStepError
        The life cycle does not allow it now, or the order changed since it was read.
    LimitError
        Something that the step needs is missing or too long.
    """
    if asked.organisation not in ("", row.operator, row.assignee):
        raise NotFoundError(f"no order has the number {row.number!r}")
    _check_version(row, asked)
    LIFECYCLE.after(row.state, asked.action, conditions(row))
    _check_side(row, asked)
    if is_kept:
        move(c, row, asked, _fields_of(asked), at)


def conditions(row: Any) -> dict[str, bool]:
    """Return what the transition table asks of an order."""
    return {"can_rise": row.level < LEVEL_MAX}


def move(
    c: sa.Connection, row: Any, asked: Asked, fields: dict[str, Any], at: datetime,
    more: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Apply a step to the locked row: raises where the life cycle does not allow it."""
    target = LIFECYCLE.after(row.state, asked.action, conditions(row))
    changes: dict[str, Any] = {"version": row.version + 1, **(more or {})}
    if target != row.state or asked.action == "dispatch":
        changes |= {"state": target, "state_at": at, **FRESH}
    changes |= _effects(c, row, asked.action, fields, at)
    change = sa.update(WORK_ORDER).where(WORK_ORDER.c.id == row.id)
    after = c.execute(change.values(**changes).returning(WORK_ORDER)).one()
    noted(c, after, asked, row.state, fields, at, row.assignee)


def _effects(
    c: sa.Connection, row: Any, action: str, fields: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    if action == "dispatch":
        return {"assignee": fields["organisation"]}
    if action == "inspect":
        return {"inspection": _inspection(c, row, str(fields["inspection"]))}
    if action == "escalate":
        return {"level": row.level + 1, "rise_at": None}
    if action == "done":
        repaired_at = _repaired_at(row, fields, at)
        return {"repaired_at": repaired_at, "gathers": False, "clean_days": None}
    if action in ("reopen", "return"):
        other = queries.gathering(c, row.thing)
        return {"repaired_at": None, "clean_days": None, "gathers": other is None}
    return {"gathers": False} if action in ("close", "settle") else {}


def _inspection(c: sa.Connection, row: Any, given: str) -> str:
    """Return the id of an inspection of the order's vehicle; LimitError where it is none."""
    held = sa.select(INSPECTION.c.id).where(
        INSPECTION.c.vin == row.thing, INSPECTION.c.id == sa.bindparam("given")
    )
    is_id = given.isdecimal() and len(given) <= _ID_DIGITS_MAX
    found = c.scalar(held, {"given": int(given)}) if is_id else None
    if found is None:
        raise LimitError(
            f"order {row.number}: inspection {given[:64]!r} is none of {row.thing}; allowed are "
            "the ids of that vehicle's inspections (/api/v1/inspections)"
        )
    return str(found)


def _repaired_at(row: Any, fields: Mapping[str, Any], at: datetime) -> datetime:
    given: datetime | None = fields.get("repaired_at")
    if given is None:
        raised_at: datetime = row.raised_at
        return max(at, raised_at)  # a clock that was set back stops nobody's work
    if not row.raised_at <= given <= at:
        raise LimitError(
            f"order {row.number}: repaired at {given.isoformat()}; allowed is from when it was "
            f"raised ({row.raised_at.isoformat()}) until now"
        )
    return given


def noted(
    c: sa.Connection, row: Any, asked: Asked, source: str, fields: Mapping[str, Any],
    at: datetime, previous: str = "",
) -> None:  # fmt: skip
    """Write the history, the audit trail and the notice of a step, in the step's transaction."""
    detail = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in fields.items()}
    action = asked.action
    c.execute(sa.insert(ORDER_STEP).values(
        order_id=row.id, at=at, who=asked.who, action=action, source=source, target=row.state,
        detail=detail,
    ))  # fmt: skip
    result = f"{source or 'new'} -> {row.state}"
    write_entry(c, asked.who or "millbrain", asked.address, f"order.{action}", row.number, result)
    sides = tuple(dict.fromkeys(s for s in (row.operator, row.assignee, previous) if s))
    content = {
        "number": row.number, "thing": row.thing, "title": row.title, "title_zh": row.title_zh,
        "action": action, "from": source, "state": row.state, "severity": row.severity,
        "level": row.level, "operator": row.operator, "assignee": row.assignee, "who": asked.who,
        "at": at.isoformat(), "detail": detail,
    }  # fmt: skip
    app = row.apps.partition(" ")[0]
    tell(c, Notice(f"order.{action}", row.number, app, row.severity, sides, row.level, content), at)


def _check_side(row: Any, asked: Asked) -> None:
    side = asked.organisation
    in_charge = bool(side) and side == row.assignee
    if not may(asked.action, is_centre=not side, is_in_charge=in_charge):
        holder = row.assignee if side and row.assignee else "the centre"
        raise RefusedError(
            f"order {row.number}: {asked.action!r} is for {holder}, not for {side or 'people'}"
        )


def _check_version(row: Any, asked: Asked) -> None:
    if asked.version is not None and asked.version != row.version:
        raise IllegalStepError(
            f"order {row.number} has changed since you read it: it is {row.state!r} now; look "
            "again and decide anew"
        )


def _fields_of(asked: Asked) -> dict[str, Any]:
    """Return the fields that came with a step; LimitError where one is missing or too long."""
    fields = checked_fields(asked.action, asked.fields)
    repairs = fields.get("repairs", ())
    if len(repairs) > limits.ORDER_REPAIRS_MAX:
        raise LimitError(
            f"an entry of a repair has at most {limits.ORDER_REPAIRS_MAX} parts; "
            f"{len(repairs)} were given"
        )
    wrong = {r["part"] for r in repairs} - REPAIR_PARTS.keys()
    if wrong:
        raise LimitError(f"part {sorted(wrong)[0]!r}; allowed are {', '.join(REPAIR_PARTS)}")
    return fields
