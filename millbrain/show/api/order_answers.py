"""What the API says and takes of work orders, as types."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from millbrain.core import limits
from millbrain.core.work.orders import REPAIR_PARTS


class OrderRow(BaseModel):
    """A work order in a list."""

    number: str = Field(examples=["WO-2026-000123"])
    thing: str = Field(description="Vehicle or other thing.", examples=["LDPGABAC2JN361504"])
    plate: str
    model: str
    operator: str = Field(description="Organisation of the thing.")
    assignee: str = Field(description="Organisation in charge, empty = nobody yet.")
    apps: list[str]
    severity: int = Field(description="0 note, 1 watch, 2 service, 3 stop, 4 danger.")
    state: str
    level: int = Field(description="How far it is escalated; 0 = not.")
    title: str
    title_zh: str
    simulated: bool
    raised_at: datetime
    state_at: datetime = Field(description="Since when it is in its state.")
    due_at: datetime | None = Field(description="When its step must be done; null = reckoned soon.")
    is_overdue: bool
    left_s: float | None = Field(
        description="Time left for its step [s], of the kind that counts (`left_is_working`);"
        " negative = overdue by so much."
    )
    left_is_working: bool = Field(description="Working time counts, not every hour.")
    clean_days: int | None = Field(description="Clean days since the repair; null = not judged.")
    version: int = Field(description="Send it with a step, so that nobody decides on old news.")
    allowed: list[str] = Field(description="Steps that the caller may take now.")


class FindingAnswer(BaseModel):
    """A finding that an order is about."""

    key: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    severity: int
    sentence: str
    sentence_zh: str
    added_at: datetime
    verdict: dict[str, Any] | None = Field(description="What the data say since the repair.")


class StepAnswer(BaseModel):
    """A line of the history."""

    at: datetime
    who: str = Field(description="Account; empty = the platform itself.")
    action: str
    source: str
    target: str
    detail: dict[str, Any]


class AttachmentAnswer(BaseModel):
    """A file of an order."""

    id: int
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    added_at: datetime
    added_by: str


class OrderAnswer(OrderRow):
    """A work order with everything that belongs to it."""

    inspection: str = Field(description="Id of the inspection that is linked, empty = none.")
    repaired_at: datetime | None = Field(description="From when on the data judge the repair.")
    holidays_known: bool = Field(
        description="False: the public holidays of the deadline's year are not known yet, so that"
        " only weekends were left out."
    )
    is_ended: bool
    findings: list[FindingAnswer]
    steps: list[StepAnswer]
    files: list[AttachmentAnswer]
    needs: dict[str, list[str]] = Field(description="Fields that each allowed step needs.")


class Column(BaseModel):
    """A column of the board."""

    state: str
    title: str
    title_zh: str
    total: int = Field(description="Orders in this state.")
    overdue: int = Field(description="... of which the step is late.")
    rows: list[OrderRow] = Field(description="The most urgent of them.")


class Board(BaseModel):
    """Every state with its most urgent orders."""

    columns: list[Column]
    closed_days: int = Field(description="The column `closed` holds those of so many days [d].")
    as_of: datetime


class OrderWords(BaseModel):
    """The code words of orders with their names, English and Chinese."""

    states: dict[str, tuple[str, str]]
    actions: dict[str, tuple[str, str]]
    severities: dict[int, tuple[str, str]]
    levels: list[tuple[str, str]] = Field(description="Who is told at each escalation level.")
    parts: dict[str, tuple[str, str]]


class OrderChoices(BaseModel):
    """What filters and the dispatch may be set to."""

    assignees: list[str]
    apps: list[str]
    organisations: list[str]
    clean_days: int | None = Field(description="Clean days until an order closes; null = unknown.")
    words: OrderWords


class NewOrder(BaseModel):
    """The order to raise by hand."""

    thing: str = Field(min_length=1, max_length=64)
    title: str = Field(min_length=1, max_length=500, description="What is to be done.")
    severity: int = Field(2, ge=0, le=4)


class RepairEntry(BaseModel):
    """A part that was replaced or mended."""

    part: Literal[tuple(REPAIR_PARTS)]  # type: ignore[valid-type]  # the parts are data
    pack_no: int = Field(0, ge=0, le=255, description="From 1; 0 = not one pack.")
    cell_no: int = Field(0, ge=0, le=65_535, description="From 1; 0 = not one cell.")
    old_code: str = Field("", max_length=64, description="Code of the part taken out.")
    new_code: str = Field("", max_length=64, description="Code of the part put in.")
    parts_used: str = Field("", max_length=500)


class StepAsked(BaseModel):
    """A step to take, with the fields that it needs (`allowed` names them)."""

    action: str = Field(max_length=16, examples=["accept"])
    version: int | None = Field(None, description="Of the order as it was read; null = any.")
    organisation: str = Field("", max_length=128, description="dispatch: who takes charge.")
    reason: str = Field("", max_length=limits.ORDER_TEXT_MAX)
    note: str = Field("", max_length=limits.ORDER_TEXT_MAX)
    inspection: str = Field(
        "", max_length=64, description="inspect: id of an inspection of the vehicle."
    )
    repairs: list[RepairEntry] = Field(
        default_factory=list, max_length=limits.ORDER_REPAIRS_MAX
    )  # fmt: skip
    repaired_at: datetime | None = Field(
        None, description="done: when the repair was finished; default: now."
    )
