"""Reports (报工): what somebody did at an operation, as an append-only log keyed by the client.

A phone gives a report its id before anybody else has seen it, so that to send it again changes
nothing. A report is never changed; one that was wrong, or whose pieces were rejected later, is
taken back by another report that names it (`reversal_of`).
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import LimitError


class Kind(StrEnum):
    """What a report says."""

    SETUP = "setup"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    GOOD = "good"
    SCRAP = "scrap"
    REWORK = "rework"
    FINISH = "finish"


KINDS: Final = {
    Kind.SETUP: ("set-up", "调整"),
    Kind.START: ("start", "开工"),
    Kind.PAUSE: ("pause", "暂停"),
    Kind.RESUME: ("resume", "继续"),
    Kind.GOOD: ("good", "合格"),
    Kind.SCRAP: ("scrap", "报废"),
    Kind.REWORK: ("rework", "返工"),
    Kind.FINISH: ("finish", "完工"),
}
COUNTED: Final = frozenset((Kind.GOOD, Kind.SCRAP, Kind.REWORK))  # their quantity is at least 1
REASONED: Final = frozenset((Kind.SCRAP, Kind.REWORK))  # they say why

CONFLICTS: Final = {
    "too_many": ("more pieces than ordered", "数量超过订单"),
    "previous_short": ("more pieces than the step before made", "数量超过前道合格数"),
    "finished_twice": ("finished twice", "重复完工"),
    "after_finish": ("reported after the finish", "完工后又报工"),
    "started_twice": ("started twice by the same person", "同一人重复开工"),
    "not_running": ("paused without having started", "未开工即暂停"),
    "reverses_unknown": ("takes back a report that is not known", "撤销的报工不存在"),
    "reverses_reversal": ("takes back a report that takes back", "撤销了撤销记录"),
    "reverses_too_much": ("takes back more than was reported", "撤销数量超过报工数量"),
    "clock": ("the clock of the device was wrong", "设备时钟错误"),
    "machine": ("at a machine that cannot do the step", "机台不在工序允许范围"),
    "order_state": ("the order was not open for work", "订单不可报工"),
    "serial_twice": ("a serial number was made twice", "序列号重复"),
    "unqualified": ("by somebody without the qualification", "操作员不具备资质"),
}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something in the reports that does not agree. report: id of the one that shows it."""

    kind: str
    report: str = ""
    found: str = ""
    allowed: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data with its sentence in both languages."""
        title, title_zh = CONFLICTS[self.kind]
        return {"kind": self.kind, "report": self.report, "found": self.found,
                "allowed": self.allowed, "title": title, "title_zh": title_zh}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lot:
    """Pieces of one lot, or one piece with a serial number. key: its identifier."""

    key: str
    quantity: int = 1
    is_serial: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {"key": self.key, "quantity": self.quantity, "is_serial": self.is_serial}


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    id: UUID, given by the device. at: when it happened: the device's time, put right by what its
    clock was found to be ahead. device_at: as the device's clock said; ahead_ms: what was put right
    [ms], positive = the clock was ahead. quantity: pieces, 0 where none are counted. reason: code
    of the plant's reason tree. reversal_of: id of the report that this one takes back; its quantity
    says how much of it, 0 = all. consumed, produced: lots and serials. who: account that sent it,
    person: who did the work. flags: conflicts that were found when it came in (of `CONFLICTS`):
    `clock` says that the device's time could not be right, so that `at` is when it was received.
    """

    id: str
    order: str
    step: str
    kind: Kind
    person: str
    at: datetime
    received_at: datetime
    machine: str = ""
    quantity: int = 0
    reason: str = ""
    note: str = ""
    device: str = ""
    device_at: datetime | None = None
    ahead_ms: int = 0
    flags: tuple[str, ...] = ()
    reversal_of: str = ""
    consumed: tuple[Lot, ...] = ()
    produced: tuple[Lot, ...] = ()
    who: str = ""
    number: int = 0

    @property
    def sort_key(self) -> tuple[datetime, str]:
        """Place of the report among those of its operation."""
        return self.at, self.id

    def said(self) -> Mapping[str, Any]:
        """Return what the device said: two reports of one id agree in it, or are two reports."""
        return {
            "order": self.order, "step": self.step, "kind": str(self.kind), "person": self.person,
            "machine": self.machine, "quantity": self.quantity, "reason": self.reason,
            "reversal_of": self.reversal_of, "device_at": self.device_at,
            "consumed": self.consumed, "produced": self.produced,
        }  # fmt: skip


class Fate(StrEnum):
    """What became of a report that was handed in."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


FATES: Final = {
    Fate.STORED: ("stored", "已保存"),
    Fate.DUPLICATE: ("known already", "已存在"),
    Fate.REFUSED: ("refused", "已拒绝"),
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one report of a batch. detail: why it was refused."""

    id: str
    fate: Fate
    detail: str = ""
    conflicts: tuple[Conflict, ...] = ()


def instant_of(device_at: datetime, ahead_ms: int, received_at: datetime) -> tuple[datetime, bool]:
    """Return when something happened, and whether the device's clock could not be right.

    device_at: as the device said. ahead_ms: what its clock was found to be ahead [ms]. What lies
    further in our future than `CLOCK_AHEAD_S_MAX`, or longer ago than `REPORT_AGE_DAYS_MAX`, gets
    the instant at which it was received.
    """
    try:
        at = device_at - timedelta(milliseconds=ahead_ms)
        late_s = (received_at - at).total_seconds()
    except OverflowError:
        return received_at, True
    is_wrong = not -limits.CLOCK_AHEAD_S_MAX <= late_s <= limits.REPORT_AGE_DAYS_MAX * 86_400
    return (received_at, True) if is_wrong else (min(at, received_at), False)


def check(report: Report) -> None:
    """Refuse a report that says nothing that could be kept.

    Raises
    ------
    LimitError
        No UUID, no person, a quantity out of range, a reason that is missing, too many lots.
    """
    _check_id(report.id)
    if not report.person:
        raise LimitError("report: it names no person; who did the work must stand in it")
    if report.reversal_of:
        _check_id(report.reversal_of)
    least = 1 if report.kind in COUNTED and not report.reversal_of else 0
    if not least <= report.quantity <= limits.REPORT_PIECES_MAX:
        raise LimitError(
            f"report: {report.kind} of {report.quantity} pieces; {least} to "
            f"{limits.REPORT_PIECES_MAX} are allowed"
        )
    if report.kind in REASONED and not report.reason and not report.reversal_of:
        raise LimitError(f"report: {report.kind} needs a reason; none was given")
    if len(report.consumed) + len(report.produced) > limits.REPORT_LOTS_MAX:
        raise LimitError(f"report: more than {limits.REPORT_LOTS_MAX} lots and serials")


def _check_id(text: str) -> None:
    try:
        is_right = str(uuid.UUID(text)) == text
    except ValueError:
        is_right = False
    if not is_right:
        raise LimitError(f"report: its id is {text[:64]!r}; a UUID in small letters is allowed")
