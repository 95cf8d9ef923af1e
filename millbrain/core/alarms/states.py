"""The alarm: its states, what leads from one to the next, its priority, and one instance of it.

States and steps follow ISA-18.2 / IEC 62682. An instance belongs to a finding (`Finding.key`) and
lives until it is back to normal; what comes back later is a new instance. The ledger applies
`LIFECYCLE` inside the transaction that changes the row, `decide/alarms` drives it, pages and
documents are made from it.

References
----------
ANSI/ISA-18.2-2016, Management of Alarm Systems for the Process Industries, clause 5.2 and the
alarm state transition diagram; IEC 62682:2022. EEMUA Publication 191 for flood and priorities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Final

from millbrain.core.errors import IllegalStepError
from millbrain.core.findings import Finding
from millbrain.core.lifecycle import Action, Lifecycle, Step


class Priority(IntEnum):
    """How soon an operator must act; JOURNAL is written down and announced to nobody."""

    JOURNAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


PRIORITIES: Final[Mapping[int, tuple[str, str]]] = {
    4: ("urgent", "紧急"),
    3: ("high", "高"),
    2: ("medium", "中"),
    1: ("low", "低"),
    0: ("journal", "仅记录"),
}

DELAYED: Final = "delayed"
UNACKNOWLEDGED: Final = "unacknowledged"
ACKNOWLEDGED: Final = "acknowledged"
RETURNED: Final = "returned_unacknowledged"
LATCHED_UNACKNOWLEDGED: Final = "latched_unacknowledged"
LATCHED_ACKNOWLEDGED: Final = "latched_acknowledged"
SHELVED: Final = "shelved"
SUPPRESSED: Final = "suppressed"
OUT_OF_SERVICE: Final = "out_of_service"
NORMAL: Final = "normal"

STATES: Final[Mapping[str, tuple[str, str]]] = {
    UNACKNOWLEDGED: ("unacknowledged", "未确认"),
    ACKNOWLEDGED: ("acknowledged", "已确认"),
    RETURNED: ("returned, unacknowledged", "已恢复，未确认"),
    LATCHED_UNACKNOWLEDGED: ("latched, unacknowledged", "已锁存，未确认"),
    LATCHED_ACKNOWLEDGED: ("latched, acknowledged", "已锁存，已确认"),
    SHELVED: ("shelved", "已搁置"),
    SUPPRESSED: ("suppressed by design", "设计抑制"),
    OUT_OF_SERVICE: ("out of service", "停用"),
    DELAYED: ("waiting out its delay", "延时中"),
    NORMAL: ("normal", "正常"),
}

# Letters of the ISA-18.2 state transition diagram; `delayed` lies inside A there.
ISA_LETTERS: Final[Mapping[str, str]] = {
    NORMAL: "A", DELAYED: "A", UNACKNOWLEDGED: "B", ACKNOWLEDGED: "C", RETURNED: "D",
    LATCHED_UNACKNOWLEDGED: "E", LATCHED_ACKNOWLEDGED: "F", SHELVED: "G", SUPPRESSED: "H",
    OUT_OF_SERVICE: "I",
}  # fmt: skip

ANNOUNCED: Final = (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, LATCHED_UNACKNOWLEDGED,
                    LATCHED_ACKNOWLEDGED)  # fmt: skip
HIDDEN: Final = (SHELVED, SUPPRESSED, OUT_OF_SERVICE)
ANNOUNCING: Final = frozenset(("announce", "recur", "worsen"))

_ACTIONS: Final = {
    "acknowledge": Action("acknowledge", "确认", "operator"),
    "shelve": Action("shelve", "搁置", "operator", ("reason", "until")),
    "unshelve": Action("unshelve", "取消搁置", "operator"),
    "reset": Action("reset the latch", "解除锁存", "operator"),
    "take_out": Action("take out of service", "停用", "operator", ("reason",)),
    "put_back": Action("return to service", "恢复使用", "operator"),
    "announce": Action("announced", "发出"),
    "drop": Action("gone before its delay was over", "延时内消失"),
    "recur": Action("came back", "再次出现"),
    "worsen": Action("got worse", "加重"),
    "return": Action("returned to normal", "恢复正常"),
    "expire": Action("shelf time is over", "搁置到期"),
    "suppress": Action("suppressed by design", "设计抑制"),
    "release": Action("no longer suppressed", "解除抑制"),
}


def _resurface(action: str, source: str) -> tuple[Step, ...]:
    """Return the steps out of a hidden state: what lies beneath decides where they lead."""
    return (
        Step(action, (source,), LATCHED_UNACKNOWLEDGED, "is_latched"),
        Step(action, (source,), NORMAL, "!is_active"),
        Step(action, (source,), SUPPRESSED, "is_suppressed"),
        Step(action, (source,), UNACKNOWLEDGED),
    )


LIFECYCLE: Final = Lifecycle(
    "alarm",
    STATES,
    _ACTIONS,
    (
        Step("announce", (DELAYED,), SUPPRESSED, "is_suppressed"),
        Step("announce", (DELAYED,), UNACKNOWLEDGED),
        Step("drop", (DELAYED,), NORMAL),
        Step("acknowledge", (UNACKNOWLEDGED,), ACKNOWLEDGED),
        Step("acknowledge", (RETURNED,), NORMAL),
        Step("acknowledge", (LATCHED_UNACKNOWLEDGED,), LATCHED_ACKNOWLEDGED),
        Step("reset", (LATCHED_ACKNOWLEDGED,), NORMAL),
        Step("return", (UNACKNOWLEDGED, SUPPRESSED), LATCHED_UNACKNOWLEDGED, "is_latched"),
        Step("return", (ACKNOWLEDGED,), LATCHED_ACKNOWLEDGED, "is_latched"),
        Step("return", (UNACKNOWLEDGED,), RETURNED),
        Step("return", (ACKNOWLEDGED, SUPPRESSED), NORMAL),
        Step("recur", (RETURNED, LATCHED_UNACKNOWLEDGED, LATCHED_ACKNOWLEDGED), UNACKNOWLEDGED),
        Step("worsen", (ACKNOWLEDGED,), UNACKNOWLEDGED),
        Step("suppress", (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED), SUPPRESSED),
        Step("release", (SUPPRESSED,), LATCHED_UNACKNOWLEDGED, "is_latched"),
        Step("release", (SUPPRESSED,), NORMAL, "!is_active"),
        # Nobody acknowledges twice what was only out of sight.
        Step("release", (SUPPRESSED,), ACKNOWLEDGED, "is_acknowledged"),
        Step("release", (SUPPRESSED,), UNACKNOWLEDGED),
        Step("shelve", ANNOUNCED, SHELVED),
        *_resurface("unshelve", SHELVED),
        *_resurface("expire", SHELVED),
        Step("take_out", (*ANNOUNCED, SHELVED, SUPPRESSED), OUT_OF_SERVICE),
        *_resurface("put_back", OUT_OF_SERVICE),
    ),
    start=DELAYED,
    final=frozenset({NORMAL}),
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One instance: the newest version of its finding, and where it stands in its life cycle.

    id: 0 = not in the ledger yet. is_present: the condition holds in what was last heard.
    is_active: the same after on-delay and off-delay. due_at: when a running delay is over, None =
    none runs. is_latching: it stays visible after its return until somebody resets it.
    is_suppressed: a graver alarm says what this one would. is_acknowledged: somebody has since it
    was last announced. seen_s: newest evidence that was applied, device time no later than our
    clock [s since 1970 UTC]. ahead_s: newest device time that lay in our future, 0 = none did.
    raised_at: last announced, None = never. state_at: in this state since. until: end of the shelf.
    reason: why it is hidden. order_id: work order that looks after it, None = none; whoever raises
    the order writes it, no change of the alarm does.
    """

    id: int
    finding: Finding
    state: str
    priority: int
    began_at: datetime
    state_at: datetime
    seen_s: int
    ahead_s: int = 0
    is_present: bool = False
    is_active: bool = False
    is_latching: bool = False
    is_suppressed: bool = False
    is_acknowledged: bool = False
    due_at: datetime | None = None
    raised_at: datetime | None = None
    ended_at: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    acknowledged_by: str = ""
    order_id: int | None = None

    @property
    def conditions(self) -> Mapping[str, bool]:
        """What the transition table asks of an alarm."""
        return {
            "is_active": self.is_active,
            "is_latched": self.is_latching and not self.is_active,
            "is_suppressed": self.is_suppressed,
            "is_acknowledged": self.is_acknowledged,
        }

    @property
    def allowed(self) -> tuple[str, ...]:
        """Actions that a person may take now."""
        possible = LIFECYCLE.allowed(self.state, self.conditions)
        return tuple(name for name in possible if _ACTIONS[name].role)

    @property
    def is_hiding(self) -> bool:
        """Whether it may hide lesser alarms: it is active, and everybody can see it."""
        return self.is_active and self.state in ANNOUNCED


@dataclass(frozen=True, slots=True)
class AlarmStep:
    """One step of an alarm, as its history keeps it. who: empty = the platform itself.

    active_s: how long the condition had held, for steps by which it ends [s]; None for others.
    """

    at: datetime
    action: str
    source: str
    target: str
    who: str = ""
    reason: str = ""
    until: datetime | None = None
    active_s: float | None = None


def stepped(
    alarm: Alarm,
    action: str,
    at: datetime,
    who: str = "",
    reason: str = "",
    until: datetime | None = None,
) -> tuple[Alarm, AlarmStep]:
    """Return the alarm after an action, and the step for its history.

    Raises
    ------
    IllegalStepError
        The life cycle does not allow it now; names what is allowed.
    """
    target = LIFECYCLE.after(alarm.state, action, alarm.conditions)
    ends = action in ("return", "drop") and alarm.raised_at is not None
    held_s = (at - alarm.raised_at).total_seconds() if ends and alarm.raised_at else None
    step = AlarmStep(at, action, alarm.state, target, who, reason, until, held_s)
    hidden = target in (SHELVED, OUT_OF_SERVICE)
    after = replace(
        alarm,
        state=target,
        state_at=at,
        ended_at=at if target in LIFECYCLE.final else None,
        raised_at=at if action in ANNOUNCING else alarm.raised_at,
        until=until if target == SHELVED else None,
        reason=reason if hidden else "",
    )
    if action == "acknowledge":
        after = replace(after, is_acknowledged=True, acknowledged_by=who)
    elif target == UNACKNOWLEDGED:
        after = replace(after, is_acknowledged=False, acknowledged_by="")
    return after, step


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """What one transaction writes of one alarm. before: None = a new instance begins."""

    before: Alarm | None
    after: Alarm
    steps: tuple[AlarmStep, ...] = ()

    def check(self) -> None:
        """Refuse a change whose steps do not lead from `before` to `after` by the table.

        Raises
        ------
        IllegalStepError
            A step is not in the transition table, or the steps do not join.
        """
        state = self.before.state if self.before else LIFECYCLE.start
        for step in self.steps:
            if step.source != state or not _is_declared(step):
                raise IllegalStepError(
                    f"alarm {self.after.id} is {state!r}: the step {step.action} from"
                    f" {step.source!r} to {step.target!r} is not in the table; nothing was changed"
                )
            state = step.target
        if state != self.after.state:
            raise IllegalStepError(
                f"alarm {self.after.id}: its steps lead to {state!r}, not {self.after.state!r};"
                " nothing was changed"
            )


def _is_declared(step: AlarmStep) -> bool:
    return any(
        s.action == step.action and step.source in s.sources and s.target == step.target
        for s in LIFECYCLE.steps
    )
