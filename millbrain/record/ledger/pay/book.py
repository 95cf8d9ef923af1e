"""`PayBooks`: the dated books of pay, and the reports of a span."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.production.pay import Attendance, Cause, FaultRule, PayPerson, PayRate
from millbrain.core.production.reports import Report
from millbrain.record.ledger.audit import write_entry
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.pay.models import PAY_ATTENDANCE, PAY_FAULT, PAY_PERSON, PAY_RATE
from millbrain.record.ledger.production.models import OPERATION, PRODUCTION_ORDER, REPORT
from millbrain.record.ledger.production.orders import Asker
from millbrain.record.ledger.production.rows import REPORT_COLUMNS, report_of

_ROWS: Final = 500  # keys of one statement
_ENTERED: Final = ("entered_by", "entered_at")


class PayBooks:
    """Rates, people, fault rules, attendance; and the log of reports as pay reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_rates(self, rates: Sequence[PayRate], asker: Asker) -> int:
        """Enter rates; one that says the same as the newest of its kind is left out."""
        known = {(r.operation, r.grade, r.since): (r.fen, r.per) for r in self.rates()}
        fresh = [
            {"operation": r.operation, "grade": r.grade, "since": r.since, "fen": r.fen,
             "per": r.per}
            for r in rates if known.get((r.operation, r.grade, r.since)) != (r.fen, r.per)
        ]  # fmt: skip
        return self._add(PAY_RATE, fresh, asker, "pay.rates")

    def add_people(self, people: Sequence[PayPerson], asker: Asker) -> int:
        """Enter rows about people; one that says the same as is known is left out."""
        names = ("grade", "team", "coefficient_pct", "hourly_fen", "floor_fen")
        known = {(p.person, p.since): [getattr(p, n) for n in names] for p in self.people()}
        fresh = [
            {"person": p.person, "since": p.since} | {n: getattr(p, n) for n in names}
            for p in people if known.get((p.person, p.since)) != [getattr(p, n) for n in names]
        ]  # fmt: skip
        return self._add(PAY_PERSON, fresh, asker, "pay.people")

    def put_faults(self, faults: Sequence[FaultRule], asker: Asker) -> int:
        """Set the rules of reasons."""
        rows = [{"reason": f.reason, "cause": str(f.cause), "rework_pct": f.rework_pct}
                for f in faults]  # fmt: skip
        statement = self._database.upsert(PAY_FAULT, ["reason"], ["cause", "rework_pct"])
        return self._put(statement, rows, asker, "pay.faults")

    def put_attendance(self, rows: Sequence[Attendance], asker: Asker) -> int:
        """Set how long people were there."""
        made = [{"person": a.person, "day": a.day, "minutes": a.minutes} for a in rows]
        statement = self._database.upsert(PAY_ATTENDANCE, ["person", "day"], ["minutes"])
        return self._put(statement, made, asker, "pay.attendance")

    def _add(
        self, table: sa.Table, rows: Sequence[Mapping[str, Any]], asker: Asker, what: str
    ) -> int:
        at = now()
        entered = [{**row, "entered_by": asker.who, "entered_at": at} for row in rows]
        return self._put(sa.insert(table), entered, asker, what)

    def _put(
        self, statement: Any, rows: Sequence[Mapping[str, Any]], asker: Asker, what: str
    ) -> int:
        if rows:
            with self._database.write() as c:
                c.execute(statement, list(rows))
                write_entry(c, asker.who, asker.address, what, "", f"{len(rows)} rows")
        return len(rows)

    def rates(self) -> list[PayRate]:
        """Return every rate, old ones too."""
        return [PayRate(**row) for row in self._all(PAY_RATE)]

    def people(self) -> list[PayPerson]:
        """Return every row about people, old ones too."""
        return [PayPerson(**row) for row in self._all(PAY_PERSON)]

    def faults(self) -> list[FaultRule]:
        """Return the rules of reasons."""
        return [FaultRule(**row | {"cause": Cause(row["cause"])}) for row in self._all(PAY_FAULT)]

    def _all(self, table: sa.Table) -> list[dict[str, Any]]:
        columns = [c for c in table.c if c.name not in _ENTERED]
        with self._database.read() as c:
            rows = c.execute(sa.select(*columns).order_by(table.c.number))
            return [dict(r._asdict()) for r in rows]

    def attendance(self, since: date, until: date) -> list[Attendance]:
        """Return attendance from a day up to another, which is not included."""
        a = PAY_ATTENDANCE.c
        query = sa.select(a.person, a.day, a.minutes).where(a.day >= since, a.day < until)
        with self._database.read() as c:
            return [Attendance(*row) for row in c.execute(query.order_by(a.person, a.day))]

    def between(self, since: datetime, until: datetime, operator: str = "") -> list[Report]:
        """Return the reports of a span by their instants, and all that belong to reversals there.

        What a report takes back comes along, and so do the others that take back the same.
        """
        r = REPORT.c
        where = [r.at >= since, r.at < until]
        if operator:
            own = sa.select(PRODUCTION_ORDER.c.number)
            where.append(r.order_number.in_(own.where(PRODUCTION_ORDER.c.operator == operator)))
        with self._database.read() as c:
            found = [report_of(x) for x in c.execute(sa.select(*REPORT_COLUMNS).where(*where))]
            targets = sorted({x.reversal_of for x in found if x.reversal_of})
            for start in range(0, len(targets), _ROWS):
                some = targets[start : start + _ROWS]
                either = sa.or_(r.id.in_(some), r.reversal_of.in_(some))
                found += [report_of(x) for x in c.execute(sa.select(*REPORT_COLUMNS).where(either))]
        return list({x.id: x for x in found}.values())

    def operation_codes(self, numbers: Sequence[str]) -> dict[tuple[str, str], str]:
        """Return (order, step) -> code of the operation, of some orders."""
        o = OPERATION.c
        found: dict[tuple[str, str], str] = {}
        with self._database.read() as c:
            for start in range(0, len(numbers), _ROWS):
                some = o.order_number.in_(list(numbers[start : start + _ROWS]))
                rows = c.execute(sa.select(o.order_number, o.step, o.operation).where(some))
                found |= {(number, step): code for number, step, code in rows}
        return found
