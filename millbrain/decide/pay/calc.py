"""From reports, rates and attendance to payslips. Pure: no clock, no store; whole fen only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from millbrain.core.production.pay import (
    Attendance,
    Cause,
    FaultRule,
    PayLine,
    PayPerson,
    PayRate,
    Payroll,
    Payslip,
    Pot,
    Rule,
)
from millbrain.core.production.reports import Kind, Report

DOWNTIME_MINUTES_MAX: Final = 12 * 60  # a pause that nobody ended is not paid for ever
_BEGINS: Final = (Kind.START, Kind.RESUME, Kind.SETUP)


@dataclass(frozen=True, slots=True)
class Books:
    """What pay rests on besides reports. operations: (order, step) -> code of the operation."""

    rates: Sequence[PayRate]
    people: Sequence[PayPerson]
    faults: Sequence[FaultRule]
    attendance: Sequence[Attendance]
    operations: Mapping[tuple[str, str], str]


def divided(whole: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount by weights so that the parts add up to it exactly.

    Parts are rounded down; what is left goes, one by one, to the largest remainders (of equal ones
    the first). All weights 0: the first gets everything. A negative amount is divided likewise.
    """
    if not weights:
        return []
    total = sum(weights)
    if not total:
        return [whole, *([0] * (len(weights) - 1))]
    sign = -1 if whole < 0 else 1
    parts = [abs(whole) * w // total for w in weights]
    rest = abs(whole) - sum(parts)
    order = sorted(range(len(weights)), key=lambda i: (-(abs(whole) * weights[i] % total), i))
    for i in order[:rest]:
        parts[i] += 1
    return [sign * part for part in parts]


def amount(quantity: int, fen: int, per: int, pct: int = 100) -> int:
    """Return what pieces are worth [fen], rounded half up."""
    top, bottom = quantity * fen * pct, per * 100
    return (2 * top + bottom) // (2 * bottom)


def payroll(reports: Sequence[Report], books: Books, period: str, zone: tzinfo) -> Payroll:
    """Return the payroll of a month.

    Parameters
    ----------
    reports
        All reports that may matter: those of the period and those that they take back.
    period
        ``YYYY-MM`` of the plant's time zone `zone`.

    """
    first, until = bounds(period)
    by_id = {r.id: r for r in reports}
    own = [r for r in by_id.values() if first <= _day(r.at, zone) < until]
    lines = [line for r in sorted(own, key=lambda r: r.sort_key)
             for line in _lines_of(r, by_id, books, zone)]  # fmt: skip
    lines += _downtime(own, books, zone)
    minutes = _minutes(books.attendance, first, until)
    pots = _pots([line for line in lines if line.team], books, minutes, period, until)
    alone = [line for line in lines if not line.team]
    shares = [_share(pot, name, fen, until) for pot in pots for name, fen in pot.shares]
    people = {x.person for x in (*lines, *shares)} | {p for p, _ in minutes}
    slips = []
    for person in sorted(people):
        mine = [x for x in (*alone, *shares) if x.person == person]
        days = {day: n for (name, day), n in minutes.items() if name == person}
        mine += _floor(person, mine, days, books)
        pieces = sum(r.quantity for r in own if r.person == person and r.kind is Kind.GOOD
                     and not r.reversal_of)  # fmt: skip
        row = _person(books.people, person, until - timedelta(1))
        slips.append(Payslip(person, period, tuple(mine), row.team, pieces, sum(days.values())))
    return Payroll(period, tuple(slips), tuple(pots), max((r.number for r in reports), default=0))


def bounds(period: str) -> tuple[date, date]:
    """Return the first day of a month and that of the next; ValueError where it is none."""
    first = datetime.strptime(period, "%Y-%m").date()
    return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1)


def _day(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()


def _newest(rows: Iterable[PayRate], day: date) -> PayRate | None:
    """Return the rate that holds on a day: the newest one, of equal days the last entered."""
    known = [r for r in rows if r.since <= day]
    return max(known, key=lambda r: (r.since, r.number), default=None)


def _rate(books: Books, operation: str, grade: str, day: date) -> PayRate | None:
    """Return the rate of a grade, else the one of every grade."""
    own = [r for r in books.rates if r.operation == operation]
    exact = _newest((r for r in own if grade and r.grade == grade), day)
    return exact or _newest((r for r in own if not r.grade), day)


def _person(rows: Iterable[PayPerson], person: str, day: date) -> PayPerson:
    known = [p for p in rows if p.person == person and p.since <= day]
    none = PayPerson(person, date.min)
    return max(known, key=lambda p: (p.since, p.number), default=none)


def _fault(books: Books, reason: str) -> FaultRule:
    known = next((f for f in books.faults if f.reason == reason), None)
    return known or FaultRule(reason, Cause.OWN)


def _lines_of(
    report: Report, by_id: Mapping[str, Report], books: Books, zone: tzinfo
) -> list[PayLine]:
    if report.reversal_of:
        return _reversed(report, by_id, books, zone)
    line = _paid(report, report.quantity, _day(report.at, zone), books)
    return [line] if line else []


def _paid(report: Report, quantity: int, day: date, books: Books) -> PayLine | None:
    """Return what pieces of a report are worth by the rate of a day."""
    if report.kind not in (Kind.GOOD, Kind.REWORK) or not quantity:
        return None
    who = _person(books.people, report.person, day)
    operation = books.operations.get((report.order, report.step), "")
    rate = _rate(books, operation, who.grade, day)
    line = PayLine(
        report.person, Rule.GOOD, 0, day, report.id, report.order, operation, quantity,
        rate.number if rate else 0, who.team,
    )  # fmt: skip
    if rate is None:
        grade, grade_zh = (f" for grade {who.grade}", f"等级{who.grade}") if who.grade else ("", "")
        return replace(line, rule=Rule.UNRATED, why=f"{operation}: no rate{grade}",
                       why_zh=f"{operation}：{grade_zh}无单价")  # fmt: skip
    each = f"{rate.fen} fen / {rate.per}"
    since = rate.since.isoformat()
    if report.kind is Kind.GOOD:
        return replace(
            line, fen=amount(quantity, rate.fen, rate.per),
            why=f"{quantity} good × {each} ({operation}, since {since})",
            why_zh=f"合格{quantity}件×{rate.fen}分/{rate.per}件（{operation}，{since}起）",
        )  # fmt: skip
    fault = _fault(books, report.reason)
    pct = fault.rework_pct
    return replace(
        line, rule=Rule.REWORK, fen=amount(quantity, rate.fen, rate.per, pct),
        why=f"{quantity} rework × {each} × {pct} % (reason {report.reason}: {fault.cause})",
        why_zh=f"返工{quantity}件×{rate.fen}分/{rate.per}件×{pct}%（原因{report.reason}）",
    )  # fmt: skip


def _reversed(
    report: Report, by_id: Mapping[str, Report], books: Books, zone: tzinfo
) -> list[PayLine]:
    """Return the negative line of a report that takes back: by the rate of the work's own day.

    What several reports take back of one adds up to no more than it was paid.
    """
    target = by_id.get(report.reversal_of)
    if target is None or target.reversal_of:
        return []
    before = 0
    for other in sorted(by_id.values(), key=lambda r: r.sort_key):
        if other.reversal_of == target.id and other.sort_key < report.sort_key:
            before += other.quantity or target.quantity
    left = max(target.quantity - before, 0)
    taken = min(report.quantity or left, left)
    day = _day(target.at, zone)
    # The difference of two amounts, so that the parts add up to the whole however it is rounded.
    was = _paid(target, left, day, books)
    now = _paid(target, left - taken, day, books)
    if was is None or not taken:
        return []
    fen = (now.fen if now else 0) - was.fen
    return [replace(
        was, rule=Rule.REVERSAL, fen=fen, day=_day(report.at, zone), report=report.id,
        quantity=-taken,
        why=f"{taken} of report {target.id} of {day} taken back: {report.reason or report.note}",
        why_zh=f"冲销{day}报工{target.id}中的{taken}件：{report.reason or report.note}",
    )]  # fmt: skip


def _downtime(reports: Sequence[Report], books: Books, zone: tzinfo) -> list[PayLine]:
    """Return what pauses for reasons beyond control are paid, from the pause to the next begin."""
    found = []
    taken_back = {r.reversal_of for r in reports if r.reversal_of}
    by_person: dict[str, list[Report]] = defaultdict(list)
    for report in sorted(reports, key=lambda r: r.sort_key):
        if not report.reversal_of and report.id not in taken_back:
            by_person[report.person].append(report)
    for person, own in by_person.items():
        for n, pause in enumerate(own):
            if pause.kind is not Kind.PAUSE or _fault(books, pause.reason).cause is Cause.OWN:
                continue
            after = next((r for r in own[n + 1 :] if r.kind in _BEGINS), None)
            if after is None:
                continue
            minutes = min(int((after.at - pause.at).total_seconds() // 60), DOWNTIME_MINUTES_MAX)
            day = _day(pause.at, zone)
            who = _person(books.people, person, day)
            found.append(PayLine(
                person, Rule.DOWNTIME, amount(minutes, who.hourly_fen, 60), day, pause.id,
                pause.order, books.operations.get((pause.order, pause.step), ""), minutes,
                who.number,
                why=f"{minutes} min × {who.hourly_fen} fen / h (reason {pause.reason})",
                why_zh=f"{minutes}分钟×{who.hourly_fen}分/小时（原因{pause.reason}）",
            ))  # fmt: skip
    return found


def _minutes(
    attendance: Iterable[Attendance], first: date, until: date
) -> dict[tuple[str, date], int]:
    return {(a.person, a.day): a.minutes for a in attendance if first <= a.day < until}


def _pots(
    lines: Sequence[PayLine], books: Books, minutes: Mapping[tuple[str, date], int], period: str,
    until: date,
) -> list[Pot]:  # fmt: skip
    """Return the pot of each team, divided by minutes of attendance times coefficient.

    Members are those who were there or worked; where nobody's attendance is known, shares go by
    coefficient alone.
    """
    by_team: dict[str, list[PayLine]] = defaultdict(list)
    for line in lines:
        by_team[line.team].append(line)
    pots = []
    last = until - timedelta(1)
    names = {p.person for p in books.people}
    for team, own in sorted(by_team.items()):
        of_team = {n for n in names if _person(books.people, n, last).team == team}
        members = sorted(of_team | {line.person for line in own})
        there = {n: sum(m for (who, _), m in minutes.items() if who == n) for n in members}
        is_known = any(there.values())
        weights = [
            (there[n] if is_known else 1) * _person(books.people, n, last).coefficient_pct
            for n in members
        ]
        fen = sum(line.fen for line in own)
        shares = tuple(zip(members, divided(fen, weights), strict=True))
        pots.append(Pot(team, period, tuple(own), shares))
    return pots


def _share(pot: Pot, person: str, fen: int, until: date) -> PayLine:
    return PayLine(
        person, Rule.TEAM, fen, until - timedelta(1), team=pot.team, quantity=len(pot.lines),
        why=f"share of {pot.fen} fen of team {pot.team}, by attendance × coefficient",
        why_zh=f"班组{pot.team}奖金池{pot.fen}分的份额（出勤×系数）",
    )  # fmt: skip


def _floor(
    person: str, lines: Sequence[PayLine], days: Mapping[date, int], books: Books
) -> list[PayLine]:
    """Return the line that lifts somebody to the guaranteed floor, none where they are above."""
    rows = [_person(books.people, person, day) for day, minutes in sorted(days.items()) if minutes]
    floor = sum(row.floor_fen for row in rows)
    short = floor - sum(line.fen for line in lines)
    if short <= 0 or not rows:
        return []
    return [PayLine(
        person, Rule.FLOOR, short, max(days), quantity=len(rows), rate=rows[-1].number,
        why=f"floor of {len(rows)} days is {floor} fen; {floor - short} fen were earned",
        why_zh=f"{len(rows)}个出勤日保底{floor}分，已得{floor - short}分",
    )]  # fmt: skip
