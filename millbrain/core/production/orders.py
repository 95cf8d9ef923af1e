"""The production order and its operations: rows, and their life cycles as data.

An order says what is to be made, how many and until when; it is released into operations by the
plant's routing. What people and machines report of an operation is a log (`reports`), and how far
it has come is a fold over that log (`fold`): no state is counted up anywhere.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from millbrain.core.lifecycle import Action, Lifecycle, Step
from millbrain.core.production.reports import Conflict

STATES: Final = {
    "planned": ("planned", "已计划"),
    "released": ("released", "已下达"),
    "started": ("in production", "生产中"),
    "paused": ("on hold", "已暂停"),
    "completed": ("completed", "已完工"),
    "closed": ("closed", "已关闭"),
    "cancelled": ("cancelled", "已取消"),
}
RUNNABLE: Final = ("released", "started")  # operations may be worked on
OPEN: Final = ("planned", "released", "started", "paused")

LIFECYCLE: Final = Lifecycle(
    name="production order",
    states=STATES,
    actions={
        "release": Action("Release", "下达", "operator"),
        "pause": Action("Put on hold", "暂停", "operator", ("reason",)),
        "resume": Action("Take up again", "恢复", "operator"),
        "close": Action("Close", "关闭", "operator"),
        "cancel": Action("Cancel", "取消", "operator", ("reason",)),
        "begin": Action("First report", "首次报工"),
        "complete": Action("Last operation finished", "末道工序完工"),
        "reopen": Action("A finish was taken back", "完工被撤销"),
        "unbegin": Action("Every report was taken back", "报工全部撤销"),
    },
    steps=(
        Step("release", ("planned",), "released"),
        Step("pause", RUNNABLE, "paused"),
        Step("resume", ("paused",), "started", "is_begun"),
        Step("resume", ("paused",), "released"),
        Step("close", ("completed",), "closed"),
        Step("cancel", OPEN, "cancelled"),
        Step("begin", ("released",), "started"),
        Step("complete", ("released", "started", "paused"), "completed"),
        Step("reopen", ("completed",), "started"),
        Step("unbegin", ("started",), "released"),
    ),
    start="planned",
    final=frozenset(("closed", "cancelled")),
)

OPERATION_STATES: Final = {
    "ready": ("not begun", "未开工"),
    "setup": ("set-up", "换型调整"),
    "running": ("running", "加工中"),
    "paused": ("paused", "暂停"),
    "done": ("finished", "已完工"),
}


@dataclass(frozen=True, slots=True)
class ProductionOrder:
    """An order to make something.

    number: unique, as the customer or the ERP says it. quantity: pieces. due_at: when it is needed,
    promised_at: what the customer was told, projected_at: when it will be done as things stand;
    None = nobody said. priority: 1 is the most urgent, 9 the least. customer: reference of the
    customer. line: place of the plant that makes it, '' = any. operator: organisation that it
    belongs to, '' = the centre's own. source: where it came from (`api`, `import`, `b2mml`, ...).
    """

    number: str
    product: str
    quantity: int
    revision: str = ""
    title: str = ""
    title_zh: str = ""
    customer: str = ""
    due_at: datetime | None = None
    promised_at: datetime | None = None
    projected_at: datetime | None = None
    priority: int = 5
    line: str = ""
    state: str = "planned"
    operator: str = ""
    simulated: bool = False
    source: str = ""
    entered_at: datetime | None = None
    released_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    state_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class PlannedOperation:
    """An operation as the routing asks for it.

    step: unique in its order, ordinal: place in the sequence from 1. operation: code of the plant's
    operation. stations: machines or stations that can do it, the preferred first. qualification,
    skill_level: what whoever does it needs, '' = nothing. setup_s: standard time to set up [s];
    run_s: of one piece [s]. needs_previous: pieces come from the step before. part_type: product
    that is worked on, '' = not checked. tool_cycles: tool life that one piece takes.
    """

    step: str
    ordinal: int
    operation: str
    title: str = ""
    title_zh: str = ""
    stations: tuple[str, ...] = ()
    qualification: str = ""
    skill_level: int = 0
    setup_s: float = 0.0
    run_s: float = 0.0
    needs_previous: bool = True
    part_type: str = ""
    tool_cycles: int = 0


@dataclass(frozen=True, slots=True)
class OrderOperation:
    """An operation of an order and how far it has come, as the fold over its reports says.

    good, scrap, rework: pieces. setup_spent_s, run_spent_s: time of people at it, of sessions that
    have ended [s]. conflicts: what does not agree in its reports.
    """

    order: str
    plan: PlannedOperation
    state: str = "ready"
    good: int = 0
    scrap: int = 0
    rework: int = 0
    setup_spent_s: float = 0.0
    run_spent_s: float = 0.0
    started_at: datetime | None = None
    last_at: datetime | None = None
    finished_at: datetime | None = None
    report_count: int = 0
    conflicts: tuple[Conflict, ...] = field(default=())

    @property
    def handled(self) -> int:
        """Pieces that left the operation, good or not."""
        return self.good + self.scrap
