"""The log of reports on SQLite and PostgreSQL: batches, repeats, conflicts, the order's state."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millbrain.core.errors import IllegalStepError, NotFoundError
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Fate, Kind, Lot, Report
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker, ProductionFilter

AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
WHO = Asker("wang", "127.0.0.1")
PLAN = (
    PlannedOperation("10", 1, "TURN", stations=("M1", "M2"), setup_s=600, run_s=60),
    PlannedOperation("20", 2, "GRIND", stations=("M3",), run_s=30),
)


@pytest.fixture
def order(ledger: Ledger) -> str:
    """The number of a released order of ten pieces."""
    ledger.production.put([ProductionOrder("PO1", "SHAFT", 10, due_at=AT)], WHO)
    ledger.production.release("PO1", PLAN, WHO)
    return "PO1"


def said(n: int, kind: Kind, step: str = "10", **more: Any) -> Report:
    """Return report number n of a step."""
    at = AT + timedelta(minutes=n)
    fields = {"person": "P1", "machine": "M1" if step == "10" else "M3", "device_at": at} | more
    return Report(str(uuid.UUID(int=n)), "PO1", step, kind, at=at, received_at=at, **fields)


def test_the_life_of_an_order(ledger: Ledger, order: str) -> None:
    log = [said(1, Kind.START), said(2, Kind.GOOD, quantity=10), said(3, Kind.FINISH)]
    assert [t.fate for t in ledger.reports.take(log, WHO)] == [Fate.STORED] * 3
    assert ledger.production.get(order).state == "started"
    rest = [said(4, Kind.GOOD, "20", quantity=10), said(5, Kind.FINISH, "20")]
    ledger.reports.take(rest, WHO)
    assert ledger.production.get(order).state == "completed"
    first, second = ledger.production.operations([order])[order]
    assert (first.state, first.good, first.run_spent_s) == ("done", 10, 120)
    assert (second.state, second.good, second.conflicts) == ("done", 10, ())
    assert [h.action for h in ledger.production.history(order)] == [
        "enter", "release", "begin", "complete"
    ]  # fmt: skip
    ledger.reports.take([said(6, Kind.FINISH, "20", reversal_of=rest[1].id)], WHO)
    assert ledger.production.get(order).state == "started"


def test_a_batch_again_changes_nothing(ledger: Ledger, order: str) -> None:
    log = [said(1, Kind.START), said(2, Kind.GOOD, quantity=3)]
    ledger.reports.take(log, WHO)
    again = ledger.reports.take([*log, said(3, Kind.GOOD, quantity=1)], WHO)
    assert [t.fate for t in again] == [Fate.DUPLICATE, Fate.DUPLICATE, Fate.STORED]
    other = said(2, Kind.GOOD, quantity=9)
    [refused] = ledger.reports.take([other], WHO)
    assert refused.fate is Fate.REFUSED
    assert "says something else" in refused.detail
    assert ledger.production.operations([order])[order][0].good == 4


def test_conflicts_are_told_and_kept(ledger: Ledger, order: str) -> None:
    [taken] = ledger.reports.take([said(1, Kind.GOOD, "20", quantity=12, machine="M9")], WHO)
    assert [c.kind for c in taken.conflicts] == ["machine"]
    second = ledger.production.operations([order])[order][1]
    assert sorted(c.kind for c in second.conflicts) == ["machine", "previous_short", "too_many"]
    ledger.reports.take([said(2, Kind.GOOD, quantity=12)], WHO)
    second = ledger.production.operations([order])[order][1]
    assert sorted(c.kind for c in second.conflicts) == ["machine", "too_many"]


def test_what_cannot_be_kept_is_refused_with_its_reason(ledger: Ledger, order: str) -> None:
    wrong = [
        said(1, Kind.GOOD, quantity=0), said(2, Kind.SCRAP, quantity=1),
        said(3, Kind.START, step="99"), said(4, Kind.START, person=""),
        said(5, Kind.GOOD, quantity=2_000_000),
    ]  # fmt: skip
    found = ledger.reports.take(wrong, WHO)
    assert {t.fate for t in found} == {Fate.REFUSED}
    assert all(t.detail for t in found)
    assert ledger.reports.take([said(6, Kind.START)], Asker("li", "", "South"))[0].fate is (
        Fate.REFUSED
    )
    assert ledger.production.operations([order])[order][0].report_count == 0


def test_reports_of_an_order_that_was_taken_from_the_floor(ledger: Ledger, order: str) -> None:
    ledger.production.act(order, "pause", WHO, {"reason": "drawing changed"})
    since = ledger.production.get(order).state_at
    assert since
    late = said(1, Kind.GOOD, quantity=1)
    [taken] = ledger.reports.take([late], WHO)
    assert taken.conflicts == ()  # the work was done before
    after = Report(str(uuid.uuid4()), order, "10", Kind.GOOD, "P1", since, since, quantity=1)
    [taken] = ledger.reports.take([after], WHO)
    assert [c.kind for c in taken.conflicts] == ["order_state"]


def test_scope_and_steps(ledger: Ledger, order: str) -> None:
    with pytest.raises(NotFoundError):
        ledger.production.get(order, "South")
    with pytest.raises(IllegalStepError):
        ledger.production.act(order, "close", WHO)
    with pytest.raises(IllegalStepError, match="has changed"):
        ledger.production.act(order, "pause", WHO, {"reason": "x"}, version=1)
    assert ledger.production.page(ProductionFilter(operator="South")) == ([], 0)
    assert [o.number for o in ledger.production.at_station("M2")] == [order]
    assert ledger.production.stations() == ["M1", "M2", "M3"]
    assert ledger.production.put([ProductionOrder(order, "OTHER", 1)], WHO) == (0, 0, 1)


def test_lots_are_found_and_wait_to_be_told(ledger: Ledger, order: str) -> None:
    made = said(1, Kind.GOOD, quantity=1, produced=(Lot("S1", 1, True),), consumed=(Lot("L1", 2),))
    ledger.reports.take([made, said(2, Kind.GOOD, quantity=1)], WHO)
    assert [r.id for r in ledger.reports.of_lot("L1")] == [made.id]
    [untold] = ledger.reports.untold()
    assert untold.produced == made.produced
    ledger.reports.told([made.id])
    assert ledger.reports.untold() == []


def test_twenty_phones_at_once(ledger: Ledger, order: str) -> None:
    """Each phone sends its log in shuffled, overlapping batches; nothing is lost or doubled."""
    logs = [
        [said(1_000 * phone + n, Kind.GOOD, quantity=1 + n % 3, person=f"P{phone}")
         for n in range(15)]
        for phone in range(20)
    ]  # fmt: skip

    def send(phone: int) -> None:
        chance = random.Random(phone)
        batches = [chance.sample(logs[phone], 7) for _ in range(3)] + [logs[phone]]
        for batch in batches:
            ledger.reports.take(batch, WHO)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(20)))
    [first, _] = ledger.production.operations([order])[order]
    assert first.good == 20 * sum(1 + n % 3 for n in range(15))
    assert first.report_count == 300
