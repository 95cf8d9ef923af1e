"""Notices: what is told to people outside, to whom, and how far a delivery has come.

A notice is written in the transaction of what it tells; each target that subscribes to it gets a
delivery of its own in that same transaction. `decide.notices` sends; a delivery is told at least
once, under one `uid` for ever, and each try carries its number, so that a receiver knows a repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Final

from millbrain.core.findings import Severity

CHANNELS: Final = {
    "webhook": ("webhook, signed JSON", "签名 JSON 回调"),
    "wecom": ("WeCom group robot", "企业微信群机器人"),
    "dingtalk": ("DingTalk group robot", "钉钉群机器人"),
    "email": ("e-mail", "电子邮件"),
}
TARGET_STATES: Final = {
    "active": ("active", "启用"),
    "parked": ("parked: it does not answer", "暂停：对方无应答"),
    "off": ("switched off", "停用"),
}
DELIVERY_STATES: Final = {
    "waiting": ("waiting", "待发送"),
    "delivered": ("delivered", "已送达"),
    "expired": ("given up", "已放弃"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell.

    topic: `order.dispatch`, `alarm.announce`, ...: the kind of row and the step. subject: what
    people call it (an order's number). organisations: whose affair it is; the centre hears of all.
    level: how far it is escalated. content: JSON-able facts that templates and webhooks use.
    """

    topic: str
    subject: str
    app: str
    severity: int
    organisations: tuple[str, ...] = ()
    level: int = 0
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """Somewhere that notices go, and which.

    operator: organisation that it belongs to, empty = the centre. channel: of `CHANNELS`. address:
    URL, or e-mail addresses separated by commas. options: what the channel needs besides (mail
    server, sender). apps, topics: empty = all; a topic `order.*` means all of orders. severity_min:
    of `core.findings.Severity`. level_min: only what was escalated so far. quiet_from, quiet_to:
    local hours in which only danger is sent, equal = none. rate_count: messages a minute at most.
    failures: in a row. parked_at, probe_at: since when nothing is sent but a probe, and when the
    next one is due. told_at: of the last delivery. error: of the last failure.
    """

    id: int
    name: str
    operator: str
    channel: str
    address: str
    language: str
    apps: Sequence[str]
    topics: Sequence[str]
    severity_min: int
    level_min: int
    quiet_from: time
    quiet_to: time
    rate_count: int
    state: str
    failures: int
    parked_at: datetime | None
    probe_at: datetime | None
    told_at: datetime | None
    error: str
    options: Mapping[str, Any]

    def wants(self, notice: Notice) -> bool:
        """Whether the target subscribes to a notice."""
        return (
            self.state != "off"
            and (not self.operator or self.operator in notice.organisations)
            and (not self.apps or notice.app in self.apps)
            and (not self.topics or any(_matches(t, notice.topic) for t in self.topics))
            and notice.severity >= self.severity_min
            and notice.level >= self.level_min
        )

    def is_quiet(self, at: time) -> bool:
        """Whether that local time is in the quiet hours, which may go over midnight."""
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= at < self.quiet_to
        return at >= self.quiet_from or at < self.quiet_to


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one target. attempt: number of this try, from 1."""

    id: int
    uid: str
    target_id: int
    topic: str
    subject: str
    app: str
    severity: int
    content: Mapping[str, Any]
    noted_at: datetime
    attempt: int
    state: str
    next_at: datetime | None
    told_at: datetime | None
    error: str

    @property
    def is_urgent(self) -> bool:
        """Whether it is sent in quiet hours too."""
        return self.severity >= Severity.DANGER


@dataclass(frozen=True, slots=True)
class Sending:
    """A delivery that a sender has claimed, its target, and the secret that goes with it."""

    delivery: Delivery
    target: Target
    secret: str = field(repr=False)


def _matches(pattern: str, topic: str) -> bool:
    if pattern.endswith(".*"):
        return topic.startswith(pattern[:-1])
    return pattern == topic
