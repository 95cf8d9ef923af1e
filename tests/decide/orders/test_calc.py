"""The policy of work orders by hand: deadlines, escalation, what a verdict leads to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.findings import Verdict
from millbrain.core.work.orders import Order
from millbrain.core.work.working_time import china
from millbrain.decide.orders import calc
from millbrain.decide.orders.model import OrderRules
from tests.decide.loops import ZONE, verdict

CALENDAR = china(ZONE)
RULES = OrderRules.of()
FRIDAY = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)  # 16:30 in Beijing: an hour of work is left


def order(state: str = "raised", severity: int = 2, level: int = 0, **more: Any) -> Order:
    made = Order(
        1, "WO-2026-000001", "V", "", "", "North", "", "battery", severity, state, level, "", "",
        False, FRIDAY, FRIDAY, None, None, None, "", None, 1,
    )  # fmt: skip
    return replace(made, **more)


def local(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%m-%d %H:%M")


@pytest.mark.parametrize(
    ("state", "severity", "due"),
    [
        ("raised", 2, "11-23 17:00"),  # 8 working hours: one on Friday, 3.5 + 3.5 on Monday
        ("dispatched", 3, "11-23 17:00"),
        ("rejected", 2, "11-23 17:00"),
        ("accepted", 2, "11-26 09:00"),  # 24 = 1 + 7.5 + 7.5 + 7.5 + 0.5
        ("in_progress", 2, "11-30 10:00"),  # 40 = 1 + 5 * 7.5 + 1.5
        ("raised", 4, "11-20 17:30"),  # danger: every hour counts
        ("in_progress", 4, "11-21 16:30"),
        ("done", 2, "12-20 16:30"),  # 30 days for the data
        ("verified", 4, "12-20 16:30"),
    ],
)
def test_when_a_step_is_due(state: str, severity: int, due: str) -> None:
    assert local(calc.due_at(order(state, severity), RULES, CALENDAR)) == due


def test_each_escalation_comes_later_and_the_last_is_the_last() -> None:
    made = order("raised")
    due = calc.due_at(made, RULES, CALENDAR)
    rises = [calc.rise_at(replace(made, level=n), due, RULES, CALENDAR) for n in range(3)]
    assert rises[0] == due
    assert rises[1] is not None
    assert local(rises[1]) == "11-24 12:00"  # 0.5 h on Monday, 3.5 h on Tuesday
    assert rises[2] is None


def test_what_is_set_is_checked() -> None:
    assert OrderRules.of({"clean_days": 3}).clean_days == 3
    with pytest.raises(SettingsError, match="clean_days"):
        OrderRules.of({"clean_days": 0})
    with pytest.raises(SettingsError, match="accept_hours is no parameter"):
        OrderRules.of({"accept_hours": 8})


@pytest.mark.parametrize(
    ("more", "is_sent"),
    [
        ({"severity": 3}, True),
        ({"severity": 2}, False),
        ({"severity": 4, "operator": ""}, False),  # nobody to send it to
        ({"severity": 4, "state": "dispatched"}, False),
    ],
)
def test_what_goes_out_by_itself(more: dict[str, Any], is_sent: bool) -> None:
    assert calc.is_for_auto_dispatch(order(**more), RULES) is is_sent


def seen(observed: int, clean: int) -> Verdict:
    return verdict("k", 0, observed, clean)


@pytest.mark.parametrize(
    ("state", "verdicts", "days", "action"),
    [
        ("done", [None], None, ""),
        ("done", [], None, ""),  # raised by hand: a person verifies
        ("done", [seen(0, 0)], 0, ""),  # the vehicle was not driven yet
        ("done", [seen(1, 1)], 1, "pass"),
        ("done", [seen(9, 9), None], None, ""),
        ("done", [seen(9, 9), seen(0, 0)], 0, ""),
        ("done", [seen(9, 9), seen(2, 1)], 1, "return"),
        ("done", [None, seen(2, 1)], 1, "return"),  # one that is back is enough
        ("verified", [seen(6, 6), seen(9, 9)], 6, ""),
        ("verified", [seen(7, 7), seen(9, 9)], 7, "settle"),
        ("verified", [seen(8, 0)], 0, "return"),
        ("done", [seen(30, 30)], 30, "pass"),  # closed by the next look, never in one leap
    ],
)
def test_what_the_data_lead_to(
    state: str, verdicts: list[Verdict | None], days: int | None, action: str
) -> None:
    found = calc.judged(order(state), verdicts, RULES)
    assert (found.clean_days, found.action) == (days, action)


def test_deadlines_do_not_drift_when_they_are_reckoned_late() -> None:
    made = order("accepted", state_at=FRIDAY - timedelta(days=400))
    assert calc.due_at(made, RULES, CALENDAR) < FRIDAY
