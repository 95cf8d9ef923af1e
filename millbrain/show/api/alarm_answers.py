"""What the API says of alarms: their rows, their steps, and the way from the ledger to them."""

import dataclasses
import math
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from millbrain.core.alarms import LIFECYCLE, PRIORITIES, STATES
from millbrain.core.tables import Column
from millbrain.core.times import utc_from_epoch
from millbrain.record.ledger import ListedAlarm, ListedStep


class AlarmRow(BaseModel):
    """One alarm."""

    id: int
    thing: str
    plate: str
    model: str
    operator: str
    simulated: bool
    app: str
    kind: str
    pack_no: int = Field(description="From 1; 0 = the whole thing.")
    cell_no: int = Field(description="From 1; 0 = the whole pack.")
    state: str = Field(examples=list(STATES))
    priority: int = Field(description="0 journal, 1 low, 2 medium, 3 high, 4 urgent.")
    severity: int = Field(description="Of the finding: 0 note to 4 danger.")
    value: float | None = Field(description="In `unit`; null = not a number.")
    unit: str
    threshold: float | None
    sentence: str
    sentence_zh: str
    call_out: bool = Field(description="Independent evidence enough to send for somebody.")
    is_active: bool = Field(description="The condition holds now.")
    first_seen_at: datetime = Field(description="Device time of the oldest evidence.")
    last_seen_at: datetime = Field(description="Device time of the newest evidence.")
    began_at: datetime
    state_at: datetime = Field(description="In this state since.")
    raised_at: datetime | None = Field(description="Last announced.")
    until: datetime | None = Field(description="End of the shelf.")
    reason: str = Field(description="Why it is shelved or out of service.")
    acknowledged_by: str
    allowed: list[str] = Field(description="Actions that a person may take now.")


class StepRow(BaseModel):
    """One entry of the history."""

    id: int
    alarm_id: int
    at: datetime
    action: str = Field(examples=[*LIFECYCLE.actions, "comment"])
    source: str
    target: str
    who: str = Field(description="Account; empty = the platform.")
    reason: str
    until: datetime | None
    active_s: float | None = Field(description="How long the condition had held [s].")
    thing: str
    plate: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    priority: int
    sentence: str
    sentence_zh: str


class AlarmAnswer(AlarmRow):
    """One alarm with its evidence, its history and its work order."""

    confidence: float
    is_open: bool
    ended_at: datetime | None
    evidence: list[dict[str, Any]]
    history: list[StepRow]
    order: str | None = Field(description="Number of the work order that looks after it.")


class LifecycleAnswer(BaseModel):
    """States, actions and transition table."""

    states: dict[str, tuple[str, str]]
    priorities: dict[int, tuple[str, str]]
    actions: dict[str, dict[str, Any]]
    steps: list[dict[str, Any]]


_ALARM: Final = ("id", "state", "priority", "is_active", "began_at", "state_at", "raised_at",
                 "until", "reason", "acknowledged_by")  # fmt: skip
_FINDING: Final = ("thing", "app", "kind", "pack_no", "cell_no", "unit", "sentence", "sentence_zh",
                   "call_out")  # fmt: skip
_STEP: Final = ("at", "action", "source", "target", "who", "reason", "until", "active_s")
_LISTED: Final = ("id", "alarm_id", "thing", "plate", "app", "kind", "pack_no", "cell_no",
                  "priority", "sentence", "sentence_zh")  # fmt: skip
EXPORT_COLUMNS: Final = tuple(
    Column(name, kind, name, name)
    for name, kind in (
        *((name, "text") for name in ("thing", "plate", "model", "operator", "app", "kind")),
        ("pack_no", "u8"), ("cell_no", "u16"), ("priority", "text"), ("state", "text"),
        ("value", "f64"), ("unit", "text"), ("threshold", "f64"), ("sentence", "text"),
        ("sentence_zh", "text"), ("call_out", "u8"), ("raised_at", "at_ms"),
        ("state_at", "at_ms"), ("first_seen_at", "at_ms"), ("last_seen_at", "at_ms"),
        ("acknowledged_by", "text"), ("reason", "text"), ("until", "at_ms"), ("simulated", "u8"),
    )
)  # fmt: skip
STEP_COLUMNS: Final = tuple(
    Column(name, kind, name, name)
    for name, kind in (
        ("at", "at_ms"), ("thing", "text"), ("plate", "text"), ("app", "text"), ("kind", "text"),
        ("pack_no", "u8"), ("cell_no", "u16"), ("priority", "text"), ("action", "text"),
        ("source", "text"), ("target", "text"), ("who", "text"), ("reason", "text"),
        ("until", "at_ms"), ("active_s", "f64"), ("sentence", "text"), ("sentence_zh", "text"),
        ("alarm_id", "i64"),
    )
)  # fmt: skip


def row_of(listed: ListedAlarm) -> dict[str, Any]:
    """Return an alarm as lists carry it."""
    alarm, finding = listed.alarm, listed.alarm.finding
    thing = {n: getattr(listed, n) for n in ("plate", "model", "operator", "simulated")}
    return {
        **thing,
        **{name: getattr(alarm, name) for name in _ALARM},
        **{name: getattr(finding, name) for name in _FINDING},
        "severity": int(finding.severity),
        "value": _finite(finding.value),
        "threshold": _finite(finding.threshold),
        "first_seen_at": utc_from_epoch(finding.first_seen),
        "last_seen_at": utc_from_epoch(finding.last_seen),
        "allowed": list(alarm.allowed),
    }


def step_row(listed: ListedStep) -> dict[str, Any]:
    """Return a step as lists carry it."""
    return {name: getattr(listed, name) for name in _LISTED} | {
        name: getattr(listed.step, name) for name in _STEP
    }


def answer_of(listed: ListedAlarm, steps: list[ListedStep], order: str | None) -> AlarmAnswer:
    """Return one alarm with everything that is kept of it."""
    finding = listed.alarm.finding
    return AlarmAnswer.model_validate(
        row_of(listed) | {
            "confidence": finding.confidence,
            "is_open": finding.is_open,
            "ended_at": listed.alarm.ended_at,
            "evidence": finding.as_json()["evidence"],
            "history": [step_row(step) for step in steps],
            "order": order,
        }
    )  # fmt: skip


def lifecycle_answer() -> LifecycleAnswer:
    """Return the declared life cycle, for pages and programs."""
    return LifecycleAnswer(
        states=dict(LIFECYCLE.states),
        priorities=dict(PRIORITIES),
        actions={name: dataclasses.asdict(a) for name, a in LIFECYCLE.actions.items()},
        steps=[dataclasses.asdict(step) for step in LIFECYCLE.steps],
    )


def export_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a sheet carries it: the priority as a word, yes and no as 1 and 0."""
    plain = {name: int(v) if isinstance(v, bool) else v for name, v in row.items()}
    return plain | {"priority": PRIORITIES[row["priority"]][0]}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
