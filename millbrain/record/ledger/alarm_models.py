"""The ledger's tables of alarms, and the way between their rows and `core.alarms`."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.alarms import Alarm, AlarmStep
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.record.ledger.models import METADATA, THING, At

_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

ALARM: Final = sa.Table(
    "alarm",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("key", sa.String(255), nullable=False),  # of its finding
    sa.Column("is_newest", sa.Boolean, nullable=False),  # no later instance of the key
    sa.Column("thing", sa.String(64), nullable=False, index=True),
    sa.Column("app", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("pack_no", sa.Integer, nullable=False),
    sa.Column("cell_no", sa.Integer, nullable=False),
    sa.Column("first_seen_s", sa.BigInteger, nullable=False),  # device time
    sa.Column("last_seen_s", sa.BigInteger, nullable=False),  # device time
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("value", sa.Double),  # NULL = not a number
    sa.Column("unit", sa.String(32), nullable=False),
    sa.Column("threshold", sa.Double),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),  # JSON
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("sentence_zh", sa.Text, nullable=False),
    sa.Column("call_out", sa.Boolean, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("seen_s", sa.BigInteger, nullable=False),
    sa.Column("ahead_s", sa.BigInteger, nullable=False),
    sa.Column("is_present", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("is_latching", sa.Boolean, nullable=False),
    sa.Column("is_suppressed", sa.Boolean, nullable=False),
    sa.Column("is_acknowledged", sa.Boolean, nullable=False),
    sa.Column("began_at", At, nullable=False),
    sa.Column("state_at", At, nullable=False),
    sa.Column("due_at", At, index=True),
    sa.Column("raised_at", At),
    sa.Column("ended_at", At),
    sa.Column("until", At, index=True),
    sa.Column("reason", sa.String(1000), nullable=False),
    sa.Column("acknowledged_by", sa.String(64), nullable=False),
    sa.Column("order_id", _BIG, index=True),
    sa.Column("revision", _BIG, nullable=False, index=True),  # of the write that changed it last
    # Of two writers that begin the same alarm at once the database lets one through.
    sa.Index("uq_alarm_newest", "key", unique=True, sqlite_where=sa.text("is_newest"),
             postgresql_where=sa.text("is_newest")),
    sa.Index("ix_alarm_key", "key"),
    # What stands is counted every few seconds: from this index alone.
    sa.Index("ix_alarm_ended_at", "ended_at", "state", "priority", "thing"),
)  # fmt: skip

ALARM_STEP: Final = sa.Table(
    "alarm_step",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("alarm_id", sa.ForeignKey("alarm.id"), nullable=False, index=True),
    sa.Column("at", At, nullable=False, index=True),
    sa.Column("action", sa.String(32), nullable=False),  # `comment` leads nowhere
    sa.Column("source", sa.String(32), nullable=False),
    sa.Column("target", sa.String(32), nullable=False),
    sa.Column("who", sa.String(64), nullable=False),  # empty = the platform
    sa.Column("reason", sa.String(1000), nullable=False),
    sa.Column("until", At),
    sa.Column("active_s", sa.Double),
)

ALARM_RULE: Final = sa.Table(
    "alarm_rule",
    METADATA,
    sa.Column("app", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("rule", sa.JSON, nullable=False),
    sa.Column("changed_by", sa.String(64), nullable=False),
    sa.Column("changed_at", At, nullable=False),
)

_SAME: Final = ("thing", "app", "kind", "pack_no", "cell_no", "unit", "confidence", "sentence",
                "sentence_zh", "call_out", "is_open")  # fmt: skip
_OWN: Final = ("state", "priority", "seen_s", "ahead_s", "is_present", "is_active", "is_latching",
               "is_suppressed", "is_acknowledged", "began_at", "state_at", "due_at", "raised_at",
               "ended_at", "until", "reason", "acknowledged_by")  # fmt: skip
THING_COLUMNS: Final = (THING.c.plate, THING.c.model, THING.c.operator, THING.c.simulated)


@dataclass(frozen=True, slots=True)
class ListedAlarm:
    """An alarm with what the register knows of its thing; empty where it knows nothing."""

    alarm: Alarm
    plate: str
    model: str
    operator: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class ListedStep:
    """A step with the alarm it belongs to."""

    id: int
    alarm_id: int
    step: AlarmStep
    thing: str
    plate: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    priority: int
    sentence: str
    sentence_zh: str


def row_of(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as the values of its row."""
    finding = alarm.finding
    return {
        **{name: getattr(finding, name) for name in _SAME},
        **{name: getattr(alarm, name) for name in _OWN},
        "key": finding.key,
        "first_seen_s": finding.first_seen,
        "last_seen_s": finding.last_seen,
        "severity": int(finding.severity),
        "value": _kept(finding.value),
        "threshold": _kept(finding.threshold),
        "evidence": json.dumps(finding.as_json()["evidence"], separators=(",", ":")),
    }


def alarm_of(row: Mapping[str, Any]) -> Alarm:
    """Return the alarm of a row."""
    finding = Finding(
        **{name: row[name] for name in _SAME},
        first_seen=row["first_seen_s"],
        last_seen=row["last_seen_s"],
        severity=Severity(row["severity"]),
        value=_number(row["value"]),
        threshold=_number(row["threshold"]),
        evidence=tuple(Evidence(**piece) for piece in json.loads(row["evidence"])),
    )
    return Alarm(
        id=row["id"],
        finding=finding,
        order_id=row["order_id"],
        **{name: row[name] for name in _OWN},
    )


def listed_of(row: Mapping[str, Any]) -> ListedAlarm:
    """Return a row of alarm and thing; the thing may be unknown to the register."""
    return ListedAlarm(
        alarm_of(row),
        row["plate"] or "",
        row["model"] or "",
        row["operator"] or "",
        bool(row["simulated"]),
    )


def step_row(alarm_id: int, step: AlarmStep) -> dict[str, Any]:
    """Return a step as the values of its row."""
    return {"alarm_id": alarm_id, **{name: getattr(step, name) for name in step.__slots__}}


def step_of(row: Mapping[str, Any]) -> AlarmStep:
    """Return the step of a row."""
    names = AlarmStep.__slots__
    return AlarmStep(**{name: row[name] for name in names})


def _kept(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
