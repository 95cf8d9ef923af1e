"""Pay over the API: the scoreboard, a payslip, the books. Everybody sees what is theirs.

An administrator sees everybody. Anybody else sees the line of the person whose code is the name of
their account, and of teams the totals.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core import limits
from millbrain.core.errors import NotFoundError
from millbrain.core.production.pay import (
    FEN_MAX,
    RULES,
    Attendance,
    Cause,
    FaultRule,
    PayLine,
    PayPerson,
    PayRate,
    Payroll,
    Payslip,
)
from millbrain.record.ledger import Role
from millbrain.record.ledger.production.orders import Asker
from millbrain.show.access import AdminCaller, Caller, ViewerCaller
from millbrain.show.errors import ApiError
from millbrain.show.services import Use

router = APIRouter(prefix="/production/pay", tags=["production"])
_Period = Annotated[str, Path(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", description="Month, YYYY-MM.")]
_Code = Annotated[str, Field(min_length=1, max_length=64)]
_Fen = Annotated[int, Field(ge=0, le=FEN_MAX)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RateTold(_Row):
    """A rate: fen for `per` good pieces of an operation, from a day on."""

    operation: _Code
    since: date
    fen: _Fen
    per: int = Field(1, ge=1, le=1_000_000)
    grade: str = Field("", max_length=32)


class PersonTold(_Row):
    """What holds for somebody from a day on."""

    person: _Code
    since: date
    grade: str = Field("", max_length=32)
    team: str = Field("", max_length=64)
    coefficient_pct: int = Field(100, ge=0, le=1_000)
    hourly_fen: _Fen = 0
    floor_fen: _Fen = 0


class FaultTold(_Row):
    """What a reason means for pay."""

    reason: _Code
    cause: Cause
    rework_pct: int = Field(0, ge=0, le=200)


class AttendanceTold(_Row):
    """How long somebody was there on a day."""

    person: _Code
    day: date
    minutes: int = Field(ge=0, le=1_440)


class BooksTold(_Row):
    """Rows for the books; each may be sent again."""

    rates: list[RateTold] = Field([], max_length=limits.PAY_ROWS_MAX)
    people: list[PersonTold] = Field([], max_length=limits.PAY_ROWS_MAX)
    faults: list[FaultTold] = Field([], max_length=limits.PAY_ROWS_MAX)
    attendance: list[AttendanceTold] = Field([], max_length=limits.PAY_ROWS_MAX)


_WORDS: Final = {str(rule): titles for rule, titles in RULES.items()}


@router.get("/books", summary="Rates, people and fault rules")
def books(caller: AdminCaller, use: Use) -> dict[str, Any]:
    """Return the books, old rows too."""
    book = use.ledger.pay
    return {
        "rates": [asdict(r) for r in book.rates()],
        "people": [asdict(p) for p in book.people()],
        "faults": [asdict(f) for f in book.faults()],
    }


@router.post("/books", summary="Enter rates, people, fault rules, attendance")
def enter(told: BooksTold, caller: AdminCaller, use: Use) -> dict[str, int]:
    """Enter rows; rates and people are dated and never changed. Returns how many were new."""
    if caller.operator:
        raise ApiError(403, "refused", "the books of pay are those of the whole installation")
    asker = Asker(caller.name, caller.address, caller.operator)
    book = use.ledger.pay
    steps: dict[str, tuple[Callable[..., int], list[Any]]] = {
        "rates": (book.add_rates, [PayRate(**r.model_dump()) for r in told.rates]),
        "people": (book.add_people, [PayPerson(**p.model_dump()) for p in told.people]),
        "faults": (book.put_faults, [FaultRule(**f.model_dump()) for f in told.faults]),
        "attendance": (
            book.put_attendance, [Attendance(**a.model_dump()) for a in told.attendance]
        ),
    }  # fmt: skip
    return {name: put(rows, asker) for name, (put, rows) in steps.items() if rows}


@router.get("/{period}", summary="Scoreboard of a month")
def scoreboard(period: _Period, caller: ViewerCaller, use: Use) -> dict[str, Any]:
    """Return people and teams: all to an administrator, else the own line and teams' totals."""
    found = use.pay_desk.payroll(period, caller.operator)
    return {
        "period": period, "as_of_report": found.as_of, "sees_all": _sees_all(caller),
        "people": [_summary(s) for s in found.slips if _is_open_to(caller, s.person)],
        "teams": _teams(found), "rules": _WORDS,
        "total_fen": sum(s.fen for s in found.slips) if _sees_all(caller) else None,
    }  # fmt: skip


@router.get("/{period}/{person}", summary="A payslip, line by line")
def payslip(
    period: _Period, person: Annotated[str, Path(max_length=64)], caller: ViewerCaller, use: Use
) -> dict[str, Any]:
    """Return every line with its report, rate and rule; of a team the lines of its pot too."""
    found = use.pay_desk.payroll(period, caller.operator)
    slip = found.slip(person)
    if slip is None or not _is_open_to(caller, person):
        raise NotFoundError(f"there is no payslip of {person!r} in {period} that you may see")
    pot = next((p for p in found.pots if p.team and p.team == slip.team), None)
    mine = [line for line in pot.lines if line.person == person] if pot else []
    return {
        **_summary(slip), "period": period, "as_of_report": found.as_of, "rules": _WORDS,
        "lines": [_line(line) for line in slip.lines],
        "pot": {"team": pot.team, "fen": pot.fen, "lines": len(pot.lines),
                "own": [_line(line) for line in mine]} if pot else None,
    }  # fmt: skip


def _sees_all(caller: Caller) -> bool:
    return caller.role is Role.ADMIN


def _is_open_to(caller: Caller, person: str) -> bool:
    return _sees_all(caller) or person == caller.name


def _summary(slip: Payslip) -> dict[str, Any]:
    return {"person": slip.person, "team": slip.team, "pieces": slip.pieces,
            "minutes": slip.minutes, "fen": slip.fen}  # fmt: skip


def _line(line: PayLine) -> dict[str, Any]:
    return asdict(line) | {"rule": str(line.rule)}


def _teams(found: Payroll) -> list[dict[str, Any]]:
    return [
        {"team": pot.team, "fen": pot.fen, "people": len(pot.shares),
         "pieces": sum(s.pieces for s in found.slips if s.team == pot.team)}
        for pot in found.pots
    ]  # fmt: skip
