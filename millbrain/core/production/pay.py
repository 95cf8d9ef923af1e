"""Piecework and team pay as data: rates, people, rules, and the payslip that explains itself.

Money is whole fen, everywhere; a share that does not come out even is divided so that the parts
add up to the whole. A report is never paid by what it is today but by the rate of the day on which
the work was done; a report that takes another back is paid in the period in which it was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

FEN_MAX: Final = 100_000_000  # of one rate, wage or floor: a million yuan


@dataclass(frozen=True, slots=True)
class PayRate:
    """What good pieces of an operation are worth to somebody of a grade from a day on.

    operation: code; grade: "" = every grade. fen for `per` pieces, so that a rate may be finer than
    a fen.
    """

    operation: str
    since: date
    fen: int
    per: int = 1
    grade: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class PayPerson:
    """Somebody who is paid, from a day on.

    team: "" = works alone; else piecework goes into the pot of the team and is divided by
    attendance times coefficient. coefficient_pct: 100 = a full share. hourly_fen: paid for downtime
    beyond control. floor_fen: guaranteed for each day of attendance.
    """

    person: str
    since: date
    grade: str = ""
    team: str = ""
    coefficient_pct: int = 100
    hourly_fen: int = 0
    floor_fen: int = 0
    number: int = 0


class Cause(StrEnum):
    """Who bears it: the person, or nobody at the station."""

    OWN = "own"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What a reason means for pay.

    cause: own or beyond control. rework_pct: share of the rate that is paid for a piece reworked
    for that reason. Downtime with a reason beyond control is paid by the hour.
    """

    reason: str
    cause: Cause
    rework_pct: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Attendance:
    """How long somebody was there on a day [min]."""

    person: str
    day: date
    minutes: int


class Rule(StrEnum):
    """Why a line is paid."""

    GOOD = "good"
    REWORK = "rework"
    DOWNTIME = "downtime"
    TEAM = "team"
    FLOOR = "floor"
    REVERSAL = "reversal"
    UNRATED = "unrated"


RULES: Final = {
    Rule.GOOD: ("good pieces at the rate", "合格件×计件单价"),
    Rule.REWORK: ("rework, by the rule of its fault", "返工，按责任规则"),
    Rule.DOWNTIME: ("downtime beyond control, by the hour", "非个人原因停工，按小时"),
    Rule.TEAM: ("share of the team's pot", "班组奖金池份额"),
    Rule.FLOOR: ("up to the guaranteed floor", "补足保底"),
    Rule.REVERSAL: ("taken back: rejected later", "后续判废冲销"),
    Rule.UNRATED: ("no rate is set, nothing is paid", "未设单价，不计酬"),
}


@dataclass(frozen=True, slots=True)
class PayLine:
    """One line: why, how much, and what it rests on.

    fen: negative where something is taken back. report: id, "" = none. rate: number of the row
    that set the rate, the wage or the floor, 0 = none. quantity: pieces, or minutes of downtime.
    team: whose pot it belongs to, "" = the person's own.
    """

    person: str
    rule: Rule
    fen: int
    day: date
    report: str = ""
    order: str = ""
    operation: str = ""
    quantity: int = 0
    rate: int = 0
    team: str = ""
    why: str = ""
    why_zh: str = ""


@dataclass(frozen=True, slots=True)
class Payslip:
    """What somebody earns in a period, line by line. pieces: good ones of their own reports."""

    person: str
    period: str
    lines: tuple[PayLine, ...]
    team: str = ""
    pieces: int = 0
    minutes: int = 0

    @property
    def fen(self) -> int:
        """The sum of the lines."""
        return sum(line.fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class Pot:
    """What a team earned together and how it was divided: every line of it, and the shares."""

    team: str
    period: str
    lines: tuple[PayLine, ...]
    shares: tuple[tuple[str, int], ...]

    @property
    def fen(self) -> int:
        """The sum of the lines; the shares add up to it."""
        return sum(line.fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class Payroll:
    """A period: payslips of everybody, pots of the teams. as_of: number of the newest report."""

    period: str
    slips: tuple[Payslip, ...]
    pots: tuple[Pot, ...]
    as_of: int

    def slip(self, person: str) -> Payslip | None:
        """Return somebody's payslip, None where they have none in this period."""
        return next((s for s in self.slips if s.person == person), None)


class PayDesk(Protocol):
    """The room of pay as the web process sees it. May block."""

    def payroll(self, period: str, operator: str = "") -> Payroll:
        """Return a month, ``YYYY-MM``, computed from the reports as they are now."""
        ...


class PayBook(Protocol):
    """What pay is computed from besides reports; the ledger implements it. May block."""

    def rates(self) -> Sequence[PayRate]:
        """Return every rate, old ones too."""
        ...

    def people(self) -> Sequence[PayPerson]:
        """Return every row about people, old ones too."""
        ...

    def faults(self) -> Sequence[FaultRule]:
        """Return the rules of reasons."""
        ...

    def attendance(self, since: date, until: date) -> Sequence[Attendance]:
        """Return attendance from a day up to another, which is not included."""
        ...
