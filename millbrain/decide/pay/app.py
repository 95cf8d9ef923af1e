"""The hand of the room: reads the books for a month and lets `calc` reckon."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from typing import Protocol

from millbrain.core.production.pay import PayBook, Payroll
from millbrain.core.production.reports import Report
from millbrain.decide.pay.calc import Books, bounds, payroll


class ReportLog(Protocol):
    """The log of reports as this room reads it; the ledger implements it."""

    def between(self, since: datetime, until: datetime, operator: str = "") -> Sequence[Report]:
        """Return the reports of a span by their instants, and those that they take back."""
        ...

    def operation_codes(self, numbers: Sequence[str]) -> Mapping[tuple[str, str], str]:
        """Return (order, step) -> code of the operation, of some orders."""
        ...


class Pay:
    """The room; see `core.production.pay.PayDesk`.

    zone: of the plant, in which days and months begin.
    """

    def __init__(self, log: ReportLog, book: PayBook, zone: tzinfo) -> None:
        self._log, self._book, self._zone = log, book, zone

    def payroll(self, period: str, operator: str = "") -> Payroll:
        """Return a month; ValueError where `period` is none."""
        first, until = bounds(period)
        reports = self._log.between(self._begin(first), self._begin(until), operator)
        orders = sorted({r.order for r in reports})
        book = self._book
        books = Books(
            book.rates(), book.people(), book.faults(),
            book.attendance(first, until) if not operator else (),
            self._log.operation_codes(orders),
        )  # fmt: skip
        return payroll(reports, books, period, self._zone)

    def _begin(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone).astimezone(UTC)
