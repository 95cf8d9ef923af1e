"""The books of pay in a real ledger: dated, entered once, and the reports of a span."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.pay import Attendance, Cause, FaultRule, PayPerson, PayRate
from millbrain.core.production.reports import Kind, Report
from millbrain.decide.pay.app import Pay
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker

ASKER = Asker("tester")
JUNE = datetime(2026, 6, 10, 8, tzinfo=UTC)
JULY = datetime(2026, 7, 2, 8, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


def test_books_are_entered_once_and_read_as_they_were(ledger: Ledger) -> None:
    rate = PayRate("TURN", date(2026, 1, 1), 35, 10, "senior")
    person = PayPerson("A", date(2026, 1, 1), "senior", "T", 120, 3_000, 15_000)
    for expected in (1, 0):
        assert ledger.pay.add_rates([rate], ASKER) == expected
        assert ledger.pay.add_people([person], ASKER) == expected
    assert ledger.pay.add_rates([PayRate("TURN", date(2026, 1, 1), 36, 10, "senior")], ASKER) == 1
    assert [r.fen for r in ledger.pay.rates()] == [35, 36], "an old row stays"
    assert ledger.pay.people()[0].hourly_fen == 3_000
    ledger.pay.put_faults([FaultRule("power", Cause.BEYOND, 50)], ASKER)
    ledger.pay.put_faults([FaultRule("power", Cause.OWN)], ASKER)
    assert [f.cause for f in ledger.pay.faults()] == [Cause.OWN]
    ledger.pay.put_attendance([Attendance("A", date(2026, 6, 1), 480)], ASKER)
    ledger.pay.put_attendance([Attendance("A", date(2026, 6, 1), 420)], ASKER)
    assert ledger.pay.attendance(date(2026, 6, 1), date(2026, 7, 1)) == [
        Attendance("A", date(2026, 6, 1), 420)
    ]


def test_a_month_is_reckoned_from_the_log(ledger: Ledger) -> None:
    ledger.production.put([ProductionOrder("PO1", "SHAFT", 20)], ASKER)
    ledger.production.release("PO1", [PlannedOperation("10", 1, "TURN")], ASKER)
    first, second = (f"0000000{n}-0000-8000-8000-000000000000" for n in (1, 2))
    ledger.reports.take([
        Report(first, "PO1", "10", Kind.GOOD, "A", JUNE, JUNE, quantity=10),
        Report(second, "PO1", "10", Kind.GOOD, "QC", JULY, JULY, quantity=2, reversal_of=first,
               reason="crack"),
    ], ASKER)  # fmt: skip
    ledger.pay.add_rates([PayRate("TURN", date(2026, 1, 1), 35)], ASKER)
    pay = Pay(ledger.pay, ledger.pay, UTC)
    assert [(s.person, s.fen) for s in pay.payroll("2026-06").slips] == [("A", 350)]
    july = pay.payroll("2026-07")
    assert [(s.person, s.fen) for s in july.slips] == [("A", -70)]
    assert july.slips[0].lines[0].report == second
    assert july == pay.payroll("2026-07")
