"""The work order: its life cycle as data, and the rows that the ledger, `decide` and pages share.

An order is one visit of one thing to whoever repairs it. It gathers every call-out of that thing
until the work is done, is dispatched to an organisation, repaired, judged by the data that come
after the repair, and closed only when enough clean days were seen.

`escalated` is not a state but a level beside it: that a step is late does not change which step
comes next. It is marked on the board, told to the next role, and stands in the history.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.lifecycle import Action, Lifecycle, Step

STATES: Final = {
    "raised": ("raised", "已生成"),
    "dispatched": ("dispatched", "已派发"),
    "accepted": ("accepted", "已接单"),
    "in_progress": ("in progress", "处理中"),
    "done": ("done", "已完工"),
    "verified": ("verified", "已验证"),
    "closed": ("closed", "已关闭"),
    "rejected": ("rejected", "已退回"),
    "reopened": ("reopened", "已重开"),
}
ENDED: Final = frozenset({"closed"})
AT_WORK: Final = ("dispatched", "accepted", "in_progress", "reopened")
BEFORE_DONE: Final = ("raised", *AT_WORK, "rejected")
WAITING: Final = ("done", "verified")  # for what the data say
OPEN: Final = (*BEFORE_DONE, *WAITING)

# What an organisation in charge does itself; everything else is the centre's or the platform's.
OWN_WORK: Final = frozenset({"accept", "start", "inspect", "repair", "done", "reject"})

ACTIONS: Final = {
    "dispatch": Action("Dispatch", "派发", "operator", ("organisation",)),
    "accept": Action("Accept", "接单", "operator"),
    "start": Action("Start", "开始处理", "operator"),
    "inspect": Action("Link inspection", "关联检测", "operator", ("inspection",)),
    "repair": Action("Record repair", "登记维修", "operator", ("repairs",)),
    "done": Action("Done", "完工", "operator", ("note",)),
    "reject": Action("Reject", "退回", "operator", ("reason",)),
    "verify": Action("Verify by hand", "人工验证", "operator", ("reason",)),
    "close": Action("Close by hand", "人工关闭", "operator", ("reason",)),
    "reopen": Action("Reopen", "重开", "operator", ("reason",)),
    "comment": Action("Comment", "备注", "operator", ("note",)),
    "attach": Action("Attach a file", "添加附件", "operator", ("file",)),
    "gather": Action("Add a finding", "并入结论"),
    "escalate": Action("Escalate", "升级"),
    "pass": Action("Verified by the data", "数据验证通过"),
    "settle": Action("Closed by the data", "数据确认关闭"),
    "return": Action("Reopened by the data", "数据确认复发"),
}


def _staying(action: str, states: tuple[str, ...], when: str = "") -> tuple[Step, ...]:
    """Return steps that lead back into the state they came from."""
    return tuple(Step(action, (state,), state, when) for state in states)


LIFECYCLE: Final = Lifecycle(
    name="order",
    states=STATES,
    actions=ACTIONS,
    steps=(
        Step("dispatch", ("raised", "rejected", "reopened", "dispatched"), "dispatched"),
        Step("accept", ("dispatched", "reopened"), "accepted"),
        Step("start", ("accepted",), "in_progress"),
        *_staying("inspect", ("accepted", "in_progress")),
        *_staying("repair", ("in_progress",)),
        Step("done", ("in_progress",), "done"),
        Step("reject", ("dispatched", "accepted", "in_progress", "reopened"), "rejected"),
        Step("verify", ("done",), "verified"),
        Step("close", ("rejected", "verified"), "closed"),
        Step("reopen", ("done", "verified", "closed"), "reopened"),
        *_staying("comment", tuple(STATES)),
        *_staying("attach", OPEN),
        *_staying("gather", BEFORE_DONE),
        *_staying("escalate", OPEN, "can_rise"),
        Step("pass", ("done",), "verified"),
        Step("settle", ("verified",), "closed"),
        Step("return", ("done", "verified", "closed"), "reopened"),
    ),
    start="raised",
)

# Who is told when a step is late: roles, never people. Level 0 is whoever has the order.
ESCALATION: Final = (
    ("organisation in charge", "承办单位"),
    ("duty desk of the centre", "中心值班台"),
    ("head of the centre", "中心负责人"),
)
LEVEL_MAX: Final = len(ESCALATION) - 1

REPAIR_PARTS: Final = {
    "cell": ("cell", "单体"),
    "module": ("module", "模组"),
    "pack": ("pack", "电池包"),
    "connection": ("connection", "连接件"),
    "sensor": ("sense wire or sensor", "采样线或传感器"),
    "other": ("other part", "其他部件"),
}


def may(action: str, *, is_centre: bool, is_in_charge: bool) -> bool:
    """Whether a side may do an action, its role apart.

    is_centre: sees every organisation. is_in_charge: is the organisation that the order was
    dispatched to. The vehicle's owner reads and comments.
    """
    if not ACTIONS[action].role:
        return False
    if is_centre or action in ("comment", "attach"):
        return True
    return is_in_charge and action in OWN_WORK


@dataclass(frozen=True, slots=True)
class CallOut:
    """An alarm that calls for somebody, and what it says.

    seen_at: device time of its newest evidence; evidence from before a repair does not undo it.
    """

    alarm_id: int
    key: str
    thing: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    severity: int
    seen_at: datetime
    sentence: str
    sentence_zh: str


@dataclass(frozen=True, slots=True)
class OrderFinding:
    """One finding that an order is about. verdict: as JSON, None = none known yet."""

    key: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    severity: int
    sentence: str
    sentence_zh: str
    added_at: datetime
    verdict: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """One part that was replaced or mended. pack_no, cell_no from 1, 0 = not one cell."""

    part: str
    pack_no: int = 0
    cell_no: int = 0
    old_code: str = ""
    new_code: str = ""
    parts_used: str = ""


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One line of an order's history."""

    at: datetime
    who: str
    action: str
    source: str
    target: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an order, without its bytes."""

    id: int
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    added_at: datetime
    added_by: str


@dataclass(frozen=True, slots=True)
class Order:
    """A work order as it stands.

    operator: organisation of the thing. assignee: organisation in charge, empty before dispatch.
    state_at: since when it is in its state. due_at: when its step must be done, None = not yet
    reckoned or nothing to wait for. rise_at: when it is escalated next. repaired_at: instant from
    which the data are judged. clean_days: fewest clean days of its findings, None = not judged.
    """

    id: int
    number: str
    thing: str
    plate: str
    model: str
    operator: str
    assignee: str
    apps: str
    severity: int
    state: str
    level: int
    title: str
    title_zh: str
    simulated: bool
    raised_at: datetime
    state_at: datetime
    due_at: datetime | None
    rise_at: datetime | None
    repaired_at: datetime | None
    inspection: str
    clean_days: int | None
    version: int
    findings: tuple[OrderFinding, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Asked:
    """A step that somebody asks for.

    who, address: for the audit trail. organisation: that the caller is limited to, empty = the
    centre or the platform. version: what the caller saw, None = whatever stands now.
    """

    action: str
    who: str
    address: str = ""
    organisation: str = ""
    version: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def checked_fields(action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a step without those that are empty.

    Raises
    ------
    LimitError
        One that the action needs is missing, or a text is longer than `ORDER_TEXT_MAX`.
    """
    given = {name: value for name, value in fields.items() if value not in ("", None, (), [])}
    missing = [name for name in ACTIONS[action].needs if name not in given]
    if missing:
        raise LimitError(f"order: {action!r} needs {', '.join(missing)}; nothing was changed")
    for name, value in given.items():
        if isinstance(value, str) and len(value) > limits.ORDER_TEXT_MAX:
            raise LimitError(
                f"order: {name} has {len(value)} characters; {limits.ORDER_TEXT_MAX} are allowed"
            )
    return given
