"""Pay by hand, and what must hold of any log: shares and lines add up, order does not matter."""

import random
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.production.pay import (
    Attendance,
    Cause,
    FaultRule,
    PayPerson,
    PayRate,
    Payroll,
    Rule,
)
from millbrain.core.production.reports import Kind, Report
from millbrain.decide.pay.calc import Books, amount, bounds, divided, payroll

CHINA = timezone(timedelta(hours=8))
DAY = date(2026, 6, 10)
AT = datetime(2026, 6, 10, 8, tzinfo=CHINA)
TURN = PayRate("TURN", date(2026, 1, 1), 35, number=1)


def uid(n: int) -> str:
    return f"{n:08d}-0000-8000-8000-000000000000"


def report(n: int, kind: Kind, quantity: int = 0, person: str = "A", at: datetime = AT, **more: Any
           ) -> Report:  # fmt: skip
    return Report(uid(n), "PO1", "10", kind, person, at, at, quantity=quantity, number=n, **more)


def books(**more: Any) -> Books:
    told: dict[str, Any] = {"rates": [TURN], "people": (), "faults": (), "attendance": ()}
    return Books(**told | more, operations={("PO1", "10"): "TURN"})


def month(reports: list[Report], held: Books, period: str = "2026-06") -> Payroll:
    return payroll(reports, held, period, CHINA)


def test_good_pieces_at_the_rate_of_the_day_and_grade() -> None:
    rates = [TURN, PayRate("TURN", date(2026, 6, 10), 40, number=2),
             PayRate("TURN", date(2026, 6, 11), 99, number=3),
             PayRate("TURN", date(2026, 1, 1), 125, 10, "senior", 4)]  # fmt: skip
    people = [PayPerson("B", date(2026, 6, 1), grade="senior")]
    found = month([report(1, Kind.GOOD, 10), report(2, Kind.GOOD, 7, "B")],
                  books(rates=rates, people=people))  # fmt: skip
    a, b = found.slips
    assert (a.fen, a.pieces, a.lines[0].rate) == (400, 10, 2)
    assert (b.fen, b.lines[0].rate) == (88, 4)  # 7 × 12.5 = 87.5, rounded half up
    assert a.lines[0].report == uid(1)
    assert "10 good × 40 fen / 1" in a.lines[0].why


def test_a_month_is_that_of_the_plants_zone() -> None:
    edge = datetime(2026, 6, 30, 16, 30, tzinfo=UTC)  # 1 July, half past midnight, in China
    reports = [report(1, Kind.GOOD, 1, at=edge)]
    assert month(reports, books()).slips == ()
    assert month(reports, books(), "2026-07").slips[0].fen == 35
    assert bounds("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))


def test_a_later_rejection_is_a_negative_line_of_its_own_month() -> None:
    july = datetime(2026, 7, 3, 8, tzinfo=CHINA)
    rates = [TURN, PayRate("TURN", date(2026, 7, 1), 100, number=2)]
    reports = [report(1, Kind.GOOD, 10),
               report(2, Kind.SCRAP, 3, "QC", july, reversal_of=uid(1), reason="crack"),
               report(3, Kind.SCRAP, 0, "QC", july + timedelta(days=1), reversal_of=uid(1)),
               report(4, Kind.SCRAP, 5, "QC", july + timedelta(days=2), reversal_of=uid(1)),
               ]  # fmt: skip
    assert month(reports, books(rates=rates)).slips[0].fen == 350, "June stays as it was paid"
    (slip,) = month(reports, books(rates=rates), "2026-07").slips
    assert slip.person == "A"
    assert [(x.rule, x.fen, x.quantity) for x in slip.lines] == [
        (Rule.REVERSAL, -105, -3), (Rule.REVERSAL, -245, -7)
    ]  # fmt: skip
    assert "crack" in slip.lines[0].why


def test_rework_is_paid_by_the_rule_of_its_fault() -> None:
    faults = [FaultRule("material", Cause.BEYOND, 80)]
    reports = [report(1, Kind.REWORK, 5, reason="material"),
               report(2, Kind.REWORK, 5, reason="own")]  # fmt: skip
    (slip,) = month(reports, books(faults=faults)).slips
    assert [x.fen for x in slip.lines] == [140, 0]


def test_downtime_beyond_control_is_paid_by_the_hour() -> None:
    faults = [FaultRule("power", Cause.BEYOND), FaultRule("lunch", Cause.OWN)]
    people = [PayPerson("A", date(2026, 1, 1), hourly_fen=3_000, number=9)]
    minute = timedelta(minutes=1)
    reports = [report(1, Kind.START), report(2, Kind.PAUSE, at=AT + 10 * minute, reason="power"),
               report(3, Kind.RESUME, at=AT + 35 * minute),
               report(4, Kind.PAUSE, at=AT + 60 * minute, reason="lunch"),
               report(5, Kind.RESUME, at=AT + 90 * minute),
               report(6, Kind.PAUSE, at=AT + 95 * minute, reason="power")]  # fmt: skip
    (slip,) = month(reports, books(faults=faults, people=people)).slips
    (line,) = slip.lines
    assert (line.rule, line.quantity, line.fen, line.rate) == (Rule.DOWNTIME, 25, 1_250, 9)


def test_a_team_divides_its_pot_by_attendance_and_coefficient() -> None:
    since = date(2026, 1, 1)
    people = [PayPerson("A", since, team="T"), PayPerson("B", since, team="T", coefficient_pct=150),
              PayPerson("C", since, team="T")]  # fmt: skip
    there = [Attendance("A", DAY, 480), Attendance("B", DAY, 240), Attendance("C", DAY, 120)]
    found = month([report(1, Kind.GOOD, 10)], books(people=people, attendance=there))
    (pot,) = found.pots
    # 480 : 360 : 120 of 350 fen = 175 : 131.25 : 43.75
    assert pot.shares == (("A", 175), ("B", 131), ("C", 44))
    assert [s.fen for s in found.slips] == [175, 131, 44]
    assert found.slips[1].pieces == 0


def test_the_floor_lifts_who_is_below_it() -> None:
    people = [PayPerson("A", date(2026, 1, 1), floor_fen=500)]
    there = [Attendance("A", DAY, 480), Attendance("A", date(2026, 6, 11), 0),
             Attendance("A", date(2026, 6, 12), 60)]  # fmt: skip
    (slip,) = month([report(1, Kind.GOOD, 10)], books(people=people, attendance=there)).slips
    assert [(x.rule, x.fen) for x in slip.lines] == [(Rule.GOOD, 350), (Rule.FLOOR, 650)]
    rich = [report(n, Kind.GOOD, 100) for n in range(1, 4)]
    (slip,) = month(rich, books(people=people, attendance=there)).slips
    assert Rule.FLOOR not in {x.rule for x in slip.lines}


def test_without_a_rate_the_line_stands_with_nothing() -> None:
    (slip,) = month([report(1, Kind.GOOD, 10)], books(rates=())).slips
    assert [(x.rule, x.fen) for x in slip.lines] == [(Rule.UNRATED, 0)]
    assert month([], books()).slips == ()


@pytest.mark.parametrize("wrong", ["2026", "2026-13", "June"])
def test_what_is_no_month_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"time data|unconverted|month"):
        bounds(wrong)


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_parts_add_up_to_the_whole(whole: int, weights: list[int]) -> None:
    parts = divided(whole, weights)
    assert sum(parts) == whole
    total = sum(weights)
    if total:
        exact = [whole * w / total for w in weights]
        assert all(abs(p - e) < 1.000001 for p, e in zip(parts, exact, strict=True))
        assert all(p == 0 for p, w in zip(parts, weights, strict=True) if not w)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**4))
def test_an_amount_is_rounded_half_up(quantity: int, fen: int, per: int) -> None:
    got = amount(quantity, fen, per)
    assert 2 * per * got - per <= 2 * quantity * fen < 2 * per * got + per


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_any_log_adds_up_and_its_order_does_not_matter(seed: int) -> None:
    dice = random.Random(seed)
    people = [PayPerson(p, date(2026, 1, 1), team=dice.choice(["", "T", "U"]), hourly_fen=2_500,
                        coefficient_pct=dice.choice([80, 100, 130]),
                        floor_fen=dice.choice([0, 400])) for p in "ABCD"]  # fmt: skip
    reports = []
    for n in range(1, 40):
        kind = dice.choice([Kind.GOOD, Kind.GOOD, Kind.REWORK, Kind.PAUSE, Kind.RESUME])
        at = AT + timedelta(minutes=dice.randrange(60 * 24 * 40))
        count = dice.randrange(1, 20) if kind in (Kind.GOOD, Kind.REWORK) else 0
        back = uid(dice.randrange(1, n)) if n > 5 and dice.random() < 0.3 else ""
        reports.append(report(n, kind, count, dice.choice("ABCD"), at, reversal_of=back,
                              reason="power"))  # fmt: skip
    there = [Attendance(p, DAY + timedelta(days=d), dice.randrange(480))
             for p in "ABCD" for d in range(3)]  # fmt: skip
    held = books(people=people, attendance=there,
                 rates=[PayRate("TURN", date(2026, 1, 1), 137, 10, number=1)],
                 faults=[FaultRule("power", Cause.BEYOND, 50)])  # fmt: skip
    for period in ("2026-06", "2026-07"):
        found = month(reports, held, period)
        total = sum(s.fen for s in found.slips)
        assert total == sum(line.fen for s in found.slips for line in s.lines)
        for pot in found.pots:
            assert sum(fen for _, fen in pot.shares) == pot.fen
        shares = sum(x.fen for s in found.slips for x in s.lines if x.rule is Rule.TEAM)
        assert shares == sum(pot.fen for pot in found.pots)
        dice.shuffle(reports)
        assert month(reports, held, period) == found
    both = [month(reports, held, p) for p in ("2026-06", "2026-07")]
    paid: dict[str, int] = {}
    for found in both:
        for line in (*(x for s in found.slips for x in s.lines),
                     *(x for p in found.pots for x in p.lines)):  # fmt: skip
            target = next((r.reversal_of or r.id for r in reports if r.id == line.report), "")
            if line.rule in (Rule.GOOD, Rule.REWORK, Rule.REVERSAL):
                paid[target] = paid.get(target, 0) + line.fen
    assert all(fen >= 0 for fen in paid.values()), "never more is taken back than was paid"
