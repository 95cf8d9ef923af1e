"""What the API takes and says of production, as types."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from millbrain.core import limits
from millbrain.core.production.andon import KINDS as ANDON_KINDS
from millbrain.core.production.andon import STATES as ANDON_STATES
from millbrain.core.production.orders import OPERATION_STATES, STATES
from millbrain.core.production.reports import FATES, KINDS
from millbrain.show.api.things import ImportProblem

NUMBER = r"^[A-Za-z0-9._:-]{1,64}$"
CODE = r"^[!-~]{1,64}$"
_CODE_OR_NONE = r"^[!-~]{0,64}$"
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewOrder(BaseModel):
    """An order to make something."""

    model_config = _STRICT
    number: str = Field(pattern=NUMBER, examples=["PO-2026-0117"])
    product: str = Field(pattern=CODE, examples=["SHAFT-40"])
    quantity: int = Field(ge=1, le=limits.ORDER_PIECES_MAX, description="Pieces.")
    revision: str = Field("", max_length=32)
    title: str = Field("", max_length=128)
    title_zh: str = Field("", max_length=128)
    customer: str = Field("", max_length=128, description="Reference of the customer.")
    due_at: datetime | None = Field(None, description="When it is needed.")
    promised_at: datetime | None = Field(None, description="What the customer was told.")
    priority: int = Field(5, ge=1, le=9, description="1 is the most urgent.")
    line: str = Field("", pattern=_CODE_OR_NONE, description="Place of the plant; empty = any.")


class PlannedStep(BaseModel):
    """An operation, where no routing of a plant says it."""

    model_config = _STRICT
    step: str = Field(pattern=r"^[!-~]{1,32}$", examples=["10"])
    operation: str = Field(pattern=CODE, examples=["TURN"])
    title: str = Field("", max_length=128)
    title_zh: str = Field("", max_length=128)
    stations: list[str] = Field(default=[], max_length=200, description="The preferred first.")
    qualification: str = Field("", pattern=_CODE_OR_NONE)
    setup_s: float = Field(0, ge=0, le=10_000_000, description="Standard time to set up [s].")
    run_s: float = Field(0, ge=0, le=10_000_000, description="Standard time of a piece [s].")
    needs_previous: bool = Field(True, description="Pieces come from the step before.")
    part_type: str = Field("", pattern=_CODE_OR_NONE)
    tool_cycles: int = Field(0, ge=0, le=100_000)


class ReleaseAsked(BaseModel):
    """A release. operations: empty = by the routing of the product."""

    model_config = _STRICT
    operations: list[PlannedStep] = Field(default=[], max_length=limits.ORDER_OPERATIONS_MAX)


class StepAsked(BaseModel):
    """A step of an order's life."""

    model_config = _STRICT
    action: Literal["pause", "resume", "close", "cancel"]
    reason: str = Field("", max_length=500)
    version: int | None = Field(None, description="What you saw; null = as it stands.")


class ConflictAnswer(BaseModel):
    """Something in the reports that does not agree."""

    kind: str
    report: str = Field(description="Id of the report that shows it; empty = the sum does.")
    found: str
    allowed: str
    title: str
    title_zh: str


class OperationAnswer(BaseModel):
    """An operation: its plan, and what was reported."""

    order: Any
    step: str
    ordinal: int
    operation: str
    title: str
    title_zh: str
    stations: list[str]
    qualification: str
    skill_level: int
    setup_s: float
    run_s: float
    needs_previous: bool
    part_type: str
    tool_cycles: int
    state: str = Field(description=", ".join(OPERATION_STATES))
    good: int
    scrap: int
    rework: int
    handled: int = Field(description="Good and scrap.")
    setup_spent_s: float
    run_spent_s: float
    started_at: datetime | None
    last_at: datetime | None
    finished_at: datetime | None
    report_count: int
    conflicts: list[ConflictAnswer]


class OrderAnswer(BaseModel):
    """An order: what is wanted, how far it is, when it will be done."""

    number: str
    product: str
    quantity: int
    revision: str
    title: str
    title_zh: str
    customer: str
    due_at: datetime | None
    promised_at: datetime | None
    projected_at: datetime | None
    priority: int
    line: str
    state: str = Field(description=", ".join(STATES))
    state_en: str
    state_zh: str
    operator: str
    simulated: bool
    source: str
    entered_at: datetime | None
    released_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    state_at: datetime | None
    version: int
    allowed: list[str] = Field(description="Steps that the caller may take now.")
    good: int = Field(description="Of the last operation.")
    scrap: int
    rework: int
    progress_ratio: float = Field(description="Share of the standard time that is done.")
    operations: list[OperationAnswer]
    conflict_count: int
    late_s: float | None = Field(description="Behind what was promised, else needed [s].")
    is_late: bool
    why: str = Field(description="What takes most of the time that is left.")
    why_zh: str


class SpanAnswer(BaseModel):
    """When an operation will be worked on as things stand."""

    step: str
    begin: datetime
    end: datetime
    machine: str
    waited_s: float
    behind: str


class HistoryAnswer(BaseModel):
    """One line of an order's history."""

    at: datetime
    who: str
    action: str
    source: str
    target: str
    detail: dict[str, Any]


class OrderWhole(OrderAnswer):
    """An order with its projection and history."""

    spans: list[SpanAnswer]
    history: list[HistoryAnswer]


class BoardAnswer(BaseModel):
    """Open orders, those that will be latest first."""

    rows: list[OrderAnswer]
    total: int
    late: int
    states: dict[str, int]
    as_of: datetime


class OrdersTaken(BaseModel):
    """What an import did, row by row where something was wrong."""

    added: int
    changed: int
    released: int
    unused: list[str] = Field(description="Headings that no field has.")
    problems: list[ImportProblem] = Field(description="The first 1,000 of them.")


class LotTold(BaseModel):
    """Pieces of a lot, or one with a serial."""

    model_config = _STRICT
    key: str = Field(min_length=1, max_length=255, description="Identifier.")
    quantity: int = Field(1, ge=1, le=limits.REPORT_PIECES_MAX)
    is_serial: bool = False


class ReportTold(BaseModel):
    """One report of a job card."""

    model_config = _STRICT
    id: str = Field(pattern=UUID, description="Given by the device; the same again is known.")
    order: str = Field(max_length=64)
    step: str = Field(max_length=32)
    kind: Literal[tuple(str(k) for k in KINDS)]  # type: ignore[valid-type]  # the kinds are data
    person: str = Field(min_length=1, max_length=64)
    device_at: datetime = Field(description="What the clock of the device said.")
    ahead_ms: int = Field(0, ge=-(10**15), le=10**15, description="By how much it was ahead [ms].")
    machine: str = Field("", max_length=64)
    quantity: int = Field(0, ge=0, le=limits.REPORT_PIECES_MAX)
    reason: str = Field("", max_length=64)
    note: str = Field("", max_length=500)
    reversal_of: str = Field("", max_length=36)
    consumed: list[LotTold] = Field(default=[], max_length=limits.REPORT_LOTS_MAX)
    produced: list[LotTold] = Field(default=[], max_length=limits.REPORT_LOTS_MAX)


class ReportBatch(BaseModel):
    """Reports of one device, in any order; sent again until they are answered."""

    model_config = _STRICT
    device: str = Field("", max_length=64)
    reports: list[ReportTold] = Field(min_length=1, max_length=limits.REPORTS_BATCH_MAX)


class TakenAnswer(BaseModel):
    """What became of one report."""

    id: str
    fate: str = Field(description=", ".join(FATES))
    detail: str = Field(description="Why it was refused.")
    conflicts: list[ConflictAnswer]


class BatchAnswer(BaseModel):
    """What became of each report of a batch, and our clock."""

    results: list[TakenAnswer]
    received_at: datetime


class ReportAnswer(BaseModel):
    """A report as it was kept."""

    id: str
    number: int
    order: str
    step: str
    kind: str
    kind_en: str
    kind_zh: str
    person: str
    who: str
    machine: str
    quantity: int
    reason: str
    note: str
    at: datetime = Field(description="When it happened: the device's time put right.")
    device_at: datetime | None
    ahead_ms: int
    received_at: datetime
    device: str
    flags: list[str]
    reversal_of: str
    consumed: list[LotTold]
    produced: list[LotTold]


class MoveAnswer(BaseModel):
    """What one report consumed and produced."""

    report: str
    at: datetime
    step: str
    kind: str
    person: str
    machine: str
    consumed: list[LotTold]
    produced: list[LotTold]


class WorkerAnswer(BaseModel):
    """Somebody who may do an operation."""

    code: str
    title: str
    title_zh: str
    is_present: bool


class RunnableAnswer(OperationAnswer):
    """An operation at a station: whether it can run now, and who can run it."""

    order: dict[str, Any]
    available: int
    can_run: bool
    why_not: list[str]
    why_not_zh: list[str]
    workers: list[WorkerAnswer]
    span: SpanAnswer | None


class StationWork(BaseModel):
    """What there is to do at a station, what can run now first."""

    station: str
    title: str
    title_zh: str
    line: str
    operations: list[RunnableAnswer]
    as_of: datetime


class StartQuestion(BaseModel):
    """Whether somebody may begin an operation."""

    model_config = _STRICT
    order: str = Field(max_length=64)
    step: str = Field(max_length=32)
    person: str = Field(min_length=1, max_length=64)
    machine: str = Field("", max_length=64)
    text: str = Field("", max_length=2048, description="Code that was scanned; empty = none.")


class FailedCheck(BaseModel):
    """A check that is not passed."""

    check: str
    message: str
    message_zh: str
    found: str
    wanted: str


class StartAnswer(BaseModel):
    """Whether it may go on, and what is in the way."""

    may_start: bool
    failed: list[FailedCheck]


class NewCall(BaseModel):
    """A call for help. The same id again changes nothing."""

    model_config = _STRICT
    id: str = Field(pattern=UUID)
    station: str = Field(pattern=CODE)
    kind: Literal[tuple(ANDON_KINDS)]  # type: ignore[valid-type]  # the kinds are data
    stops_line: bool = False
    note: str = Field("", max_length=500)
    order: str = Field("", max_length=64)
    step: str = Field("", max_length=32)
    person: str = Field("", max_length=64)
    device_at: datetime | None = None
    ahead_ms: int = Field(0, ge=-(10**15), le=10**15)


class CallStep(BaseModel):
    """A step of a call. reason: code of the reason tree."""

    model_config = _STRICT
    action: Literal["acknowledge", "resolve"]
    reason: str = Field("", max_length=64)
    note: str = Field("", max_length=500)


class CallAnswer(BaseModel):
    """A call for help."""

    id: str
    number: int
    station: str
    line: str
    kind: str
    kind_en: str
    kind_zh: str
    stops_line: bool
    note: str
    order: str
    step: str
    state: str = Field(description=", ".join(ANDON_STATES))
    state_en: str
    state_zh: str
    level: int
    level_en: str
    level_zh: str
    rise_at: datetime | None
    raised_by: str
    raised_at: datetime
    acknowledged_by: str
    acknowledged_at: datetime | None
    resolved_by: str
    resolved_at: datetime | None
    reason: str
    resolution: str
    operator: str
    simulated: bool
    allowed: list[str]


class CallStepAnswer(BaseModel):
    """One line of the history of a call."""

    at: datetime
    who: str
    action: str
    detail: dict[str, Any]


class CallWhole(CallAnswer):
    """A call with its history."""

    history: list[CallStepAnswer]


class CallFigures(BaseModel):
    """Figures of calls of one kind, station or reason."""

    name: str
    count: int
    open_count: int
    stop_count: int
    answered_s: float | None = Field(description="Mean time until somebody came [s].")
    solved_s: float | None = Field(description="Mean time until it was solved [s].")
    stopped_s: float = Field(description="Time that lines stood [s].")


class CallStatistics(BaseModel):
    """Figures of calls in a span of time."""

    since: datetime
    until: datetime
    count: int
    by_kind: list[CallFigures]
    by_station: list[CallFigures]
    by_reason: list[CallFigures]
