"""Ten good pieces in June, two of them rejected in July: two payslips that add up."""

from datetime import UTC, date, datetime

from millbrain.core.production.pay import PayRate, Payroll
from millbrain.core.production.reports import Kind, Report
from millbrain.decide.pay.calc import Books, payroll


def example() -> list[Payroll]:
    """Return the payrolls of June and July."""
    made = datetime(2026, 6, 30, 8, tzinfo=UTC)
    found = datetime(2026, 7, 2, 8, tzinfo=UTC)
    first, second = (f"0000000{n}-0000-8000-8000-000000000000" for n in (1, 2))
    reports = [
        Report(first, "PO1", "10", Kind.GOOD, "W-1", made, made, quantity=10),
        Report(second, "PO1", "10", Kind.SCRAP, "W-9", found, found, quantity=2, reversal_of=first,
               reason="crack"),
    ]  # fmt: skip
    rates = [PayRate("TURN", date(2026, 1, 1), 35)]
    books = Books(rates, (), (), (), {("PO1", "10"): "TURN"})
    return [payroll(reports, books, period, UTC) for period in ("2026-06", "2026-07")]


if __name__ == "__main__":
    for month in example():
        for slip in month.slips:
            print(month.period, slip.person, f"{slip.fen / 100:.2f} CNY")
            print(*(f"  {line.fen:>6} {line.why} {line.why_zh}" for line in slip.lines), sep="\n")
