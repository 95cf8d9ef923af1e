"""Andon: somebody at a station calls, somebody comes, until it is solved and the cause is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from millbrain.core.lifecycle import Action, Lifecycle, Step

KINDS: Final = {
    "material": ("material", "缺料"),
    "quality": ("quality", "质量"),
    "machine": ("machine", "设备"),
    "safety": ("safety", "安全"),
    "help": ("help", "求助"),
}
STATES: Final = {
    "raised": ("called", "已呼叫"),
    "acknowledged": ("somebody is coming", "已响应"),
    "solved": ("solved", "已解决"),
}
# Who hears of a call when nobody came: roles, never people.
ESCALATION: Final = (
    ("team leader", "班组长"),
    ("line leader", "线长"),
    ("plant manager", "厂长"),
)
LEVEL_MAX: Final = len(ESCALATION) - 1

LIFECYCLE: Final = Lifecycle(
    name="andon call",
    states=STATES,
    actions={
        "acknowledge": Action("On my way", "响应", "operator"),
        "resolve": Action("Solved", "解决", "operator", ("reason",)),
        "escalate": Action("Escalate", "升级"),
    },
    steps=(
        Step("acknowledge", ("raised",), "acknowledged"),
        Step("resolve", ("raised", "acknowledged"), "solved"),
        Step("escalate", ("raised",), "raised", "can_rise"),
        Step("escalate", ("acknowledged",), "acknowledged", "can_rise"),
    ),
    start="raised",
    final=frozenset(("solved",)),
)


@dataclass(frozen=True, slots=True)
class AndonCall:
    """A call from a station.

    id: UUID given by the device that calls. line: place that the station belongs to. stops_line:
    the line stands until it is solved. level: how far it was escalated. rise_at: when it is
    escalated next, None = not any more. reason: code of the plant's reason tree, '' before it is
    solved.
    """

    id: str
    station: str
    kind: str
    raised_by: str
    raised_at: datetime
    line: str = ""
    stops_line: bool = False
    note: str = ""
    order: str = ""
    step: str = ""
    state: str = "raised"
    level: int = 0
    rise_at: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    resolved_by: str = ""
    resolved_at: datetime | None = None
    reason: str = ""
    resolution: str = ""
    operator: str = ""
    simulated: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class AndonStep:
    """One line of the history of a call."""

    at: datetime
    who: str
    action: str
    detail: Mapping[str, Any] = field(default_factory=dict)
