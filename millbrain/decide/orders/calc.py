"""The policy of work orders as pure functions: deadlines, escalation, and what a verdict leads to.

A deadline is reckoned from the instant the step began, never from now, so that whoever reckons it
again after a restart finds the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from millbrain.core.findings import Severity, Verdict
from millbrain.core.work.orders import LEVEL_MAX, WAITING, Order
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.orders.model import OrderRules


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the data say of a repair.

    clean_days: fewest clean days over its findings, None = one of them is not judged yet. action:
    step that follows, empty = wait. detail: for the history.
    """

    clean_days: int | None
    action: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def due_at(order: Order, rules: OrderRules, calendar: WorkingCalendar) -> datetime:
    """Return when the order's present step must be done.

    Steps of people have working time; of an order of danger every hour counts. What waits for data
    has days, since a vehicle is not driven in working time.
    """
    if order.state in WAITING:
        return order.state_at + timedelta(days=rules.values["verify_days"])
    return _later(order, order.state_at, rules.step_s(order.state, order.severity), calendar)


def rise_at(
    order: Order, due: datetime, rules: OrderRules, calendar: WorkingCalendar
) -> datetime | None:
    """Return when the order is escalated to its next level, None where it is at the highest."""
    if order.level >= LEVEL_MAX:
        return None
    return _later(order, due, order.level * rules.rise_s(order.severity), calendar)


def _later(order: Order, start: datetime, length_s: float, calendar: WorkingCalendar) -> datetime:
    if order.severity >= Severity.DANGER or order.state in WAITING:
        return start + timedelta(seconds=length_s)
    return calendar.after(start, length_s) if length_s else start


def is_for_auto_dispatch(order: Order, rules: OrderRules) -> bool:
    """Whether the platform dispatches the order itself, to the organisation of the thing."""
    grave = order.severity >= rules.values["auto_severity"]
    return order.state == "raised" and bool(order.operator) and grave


def judged(order: Order, verdicts: Sequence[Verdict | None], rules: OrderRules) -> Judgement:
    """Say what follows from the verdicts of an order's findings, one each, None = not known.

    One finding that is seen again reopens the order, whatever the others say. Verified is an order
    of which every finding has a clean day and no other; closed is one with enough of them.
    """
    known = [v for v in verdicts if v is not None]
    again = next((v for v in known if v.days_observed > v.days_clean), None)
    if again:
        detail = {"key": again.key, "sentence": again.sentence, "sentence_zh": again.sentence_zh}
        return Judgement(min(v.days_clean for v in known), "return", detail)
    if not verdicts or len(known) < len(verdicts):
        return Judgement(None)
    days = min(v.days_clean for v in known)
    if order.state == "done" and all(v.is_clean for v in known):
        return Judgement(days, "pass", {"clean_days": days})
    if order.state == "verified" and days >= rules.clean_days:
        return Judgement(days, "settle", {"clean_days": days})
    return Judgement(days)
