"""What is told of alarms: those that are announced, in the transaction that announces them.

Only what somebody must act on soon is told (`PRIORITY_TOLD` and above); the rest waits on the list.
In a flood the gravest are told one by one and the others are counted.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.alarms import ANNOUNCING, UNACKNOWLEDGED, AlarmChange, Priority
from millbrain.core.work.notices import Notice
from millbrain.record.ledger.models import now
from millbrain.record.ledger.outbox import tell

PRIORITY_TOLD: Final = Priority.HIGH
Told = tuple[int, AlarmChange]  # id of the alarm, what changed


def is_told(change: AlarmChange) -> bool:
    """Whether the change announces an alarm that is told."""
    return change.after.priority >= PRIORITY_TOLD and bool(_news(change))


def thing_of(change: AlarmChange) -> str:
    """Return the thing that the alarm is of."""
    return change.after.finding.thing


def tell_alarms(
    connection: sa.Connection, told: Sequence[Told], operators: Mapping[str, str]
) -> None:
    """Write the notices of alarms that are told. operators: thing -> organisation."""
    gravest = sorted(told, key=lambda t: (-t[1].after.priority, t[0]))
    at = now()
    for one in gravest[: limits.ALARM_NOTICES_MAX]:
        tell(connection, _notice(one, operators, at), at)
    by_operator: dict[str, list[AlarmChange]] = {}
    for _, change in gravest[limits.ALARM_NOTICES_MAX :]:
        by_operator.setdefault(operators.get(thing_of(change), ""), []).append(change)
    for operator, changes in by_operator.items():
        tell(connection, _flood(operator, changes, at), at)


def _news(change: AlarmChange) -> str:
    """Return what happened to an alarm that waits for somebody, empty = nothing to tell."""
    if change.after.state != UNACKNOWLEDGED:
        return ""
    for step in reversed(change.steps):
        if step.action in ANNOUNCING:
            return step.action
    # Nobody had seen it yet, so that it takes no step; but it could wait, and no longer can.
    is_graver = change.before is not None and change.before.priority < PRIORITY_TOLD
    return "worsen" if is_graver else ""


def _notice(one: Told, operators: Mapping[str, str], at: datetime) -> Notice:
    number, change = one
    action = _news(change)
    alarm, finding = change.after, change.after.finding
    operator = operators.get(finding.thing, "")
    content = {
        "id": number, "thing": finding.thing, "kind": finding.kind, "pack_no": finding.pack_no,
        "cell_no": finding.cell_no, "action": action, "state": alarm.state,
        "priority": int(alarm.priority), "severity": int(finding.severity), "operator": operator,
        "sentence": finding.sentence, "sentence_zh": finding.sentence_zh,
        "at": at.isoformat(),
    }  # fmt: skip
    sides = (operator,) if operator else ()
    return Notice(f"alarm.{action}", str(number), finding.app, int(finding.severity), sides,
                  content=content)  # fmt: skip


def _flood(operator: str, changes: Sequence[AlarmChange], at: datetime) -> Notice:
    severity = max(int(c.after.finding.severity) for c in changes)
    apps = {c.after.finding.app for c in changes}
    content = {"count": len(changes), "operator": operator, "at": at.isoformat()}
    return Notice("alarm.flood", "alarms", apps.pop() if len(apps) == 1 else "", severity,
                  (operator,) if operator else (), content=content)  # fmt: skip
