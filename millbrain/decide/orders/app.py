"""The hand of the work orders: reconciles what the ledger holds with what the rules ask for.

Nothing durable hangs on what is in memory here. Each tick asks the ledger what is missing (an
order for a call-out, a deadline, an escalation, a look at a verdict) and does it, each in one
transaction that checks again. Killed anywhere, the next tick finds what was left.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from millbrain.core.findings import Verdict
from millbrain.core.work.orders import CallOut, Order
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.orders import calc
from millbrain.decide.orders.model import OrderRules

log = logging.getLogger(__name__)

Verdicts = Callable[[str, str, int], Verdict | None]


class OrderStore(Protocol):
    """Where work orders are kept; the ledger implements it. Safe from any thread."""

    def call_outs(self, most: int = ...) -> Sequence[CallOut]:
        """Return alarms that no order knows yet, and those that got graver than their order."""
        ...

    def take(self, call: CallOut, at: datetime, year: int, reopens_after: datetime) -> str | None:
        """Give a call-out its order, at most once; return its number, None where it has one."""
        ...

    def without_deadline(self, most: int = ...) -> Sequence[Order]:
        """Return open orders whose step has no deadline, or no next escalation, yet."""
        ...

    def set_deadline(
        self, order_id: int, version: int, due_at: datetime | None, rise_at: datetime | None
    ) -> None:
        """Keep a deadline, unless the order has moved on meanwhile."""
        ...

    def late(self, at: datetime, most: int = ...) -> Sequence[Order]:
        """Return open orders that are to be escalated now."""
        ...

    def waiting(self, most: int = ...) -> Sequence[Order]:
        """Return orders that wait for what the data say, with their findings."""
        ...

    def keep_verdicts(
        self, order_id: int, verdicts: Sequence[Verdict], clean_days: int | None
    ) -> None:
        """Keep what became of an order's findings since the repair."""
        ...

    def drive(
        self, order_id: int, version: int, action: str, detail: Mapping[str, Any], at: datetime
    ) -> bool:
        """Take a step of the platform itself; False where the order has moved on meanwhile."""
        ...


class Orders:
    """Keeps work orders as they ought to be.

    Parameters
    ----------
    store
        Where orders are kept.
    calendar
        When people work; its zone also says in which year an order is numbered.
    rules
        How long steps may take and when a repair counts as proven.
    verdicts
        Says what became of a finding: app, finding key, instant of the repair [s since 1970 UTC];
        None = not known (yet).
    clock
        Returns the instant now, aware UTC.
    """

    def __init__(
        self,
        store: OrderStore,
        calendar: WorkingCalendar,
        rules: OrderRules,
        verdicts: Verdicts,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._calendar = calendar
        self._rules = rules
        self._verdicts = verdicts
        self._clock = clock
        self._looked: dict[int, datetime] = {}  # when each waiting order was last judged

    def tick(self) -> None:
        """Do what is missing now. Meant for once a second; a second time changes nothing."""
        at = self._clock()
        self._raise(at)
        self._reckon(at)
        self._escalate(at)
        self._judge(at)

    def _raise(self, at: datetime) -> None:
        year = at.astimezone(self._calendar.zone).year
        reopens_after = at - timedelta(days=self._rules.values["return_days"])
        for call in self._store.call_outs():
            number = self._store.take(call, at, year, reopens_after)
            if number:
                log.info("alarm %d has the order %s", call.alarm_id, number)

    def _reckon(self, at: datetime) -> None:
        """Dispatch what goes out by itself, and give every step its deadline."""
        for order in self._store.without_deadline():
            if calc.is_for_auto_dispatch(order, self._rules):
                detail = {"organisation": order.operator}
                if self._store.drive(order.id, order.version, "dispatch", detail, at):
                    continue  # its next step is reckoned at the next tick
            due = order.due_at or calc.due_at(order, self._rules, self._calendar)
            rise = calc.rise_at(order, due, self._rules, self._calendar)
            self._store.set_deadline(order.id, order.version, due, rise)

    def _escalate(self, at: datetime) -> None:
        for order in self._store.late(at):
            detail = {"due_at": order.due_at.isoformat() if order.due_at else ""}
            self._store.drive(order.id, order.version, "escalate", detail, at)

    def _judge(self, at: datetime) -> None:
        pause = timedelta(seconds=self._rules.values["look_s"])
        waiting = self._store.waiting()
        self._looked = {o.id: self._looked[o.id] for o in waiting if o.id in self._looked}
        for order in waiting:
            if order.id in self._looked and at - self._looked[order.id] < pause:
                continue
            self._looked[order.id] = at
            self._follow(order, at)

    def _follow(self, order: Order, at: datetime) -> None:
        """Ask what became of the findings, keep it where it is new, and take the step it asks."""
        verdicts = [self._verdict(order, f.app, f.key) for f in order.findings]
        found = calc.judged(order, verdicts, self._rules)
        known = [v for v in verdicts if v is not None]
        # An app that is only just starting knows nothing yet; what was kept stays until it does.
        days = order.clean_days if found.clean_days is None else found.clean_days
        if days != order.clean_days or _is_news(order, known):
            self._store.keep_verdicts(order.id, known, days)
        if found.action and self._store.drive(
            order.id, order.version, found.action, found.detail, at
        ):
            self._looked.pop(order.id, None)

    def _verdict(self, order: Order, app: str, key: str) -> Verdict | None:
        if order.repaired_at is None:
            return None  # verified by hand before anything was repaired
        try:
            return self._verdicts(app, key, int(order.repaired_at.timestamp()))
        except Exception:
            log.exception("order %s: app %s gave no verdict; asked again", order.number, app)
            return None


def _is_news(order: Order, verdicts: Sequence[Verdict]) -> bool:
    """Whether a verdict counts other days than the one that is kept."""
    kept = {f.key: f.verdict or {} for f in order.findings}
    return any(
        (kept[v.key].get("days_observed"), kept[v.key].get("days_clean"))
        != (v.days_observed, v.days_clean)
        for v in verdicts
        if v.key in kept
    )
