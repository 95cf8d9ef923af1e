"""Work orders as rows of answers and exports: what is stored, and what is left of the time."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa

from millbrain.core import limits
from millbrain.core.findings import Severity
from millbrain.core.work.orders import ACTIONS, ENDED, LIFECYCLE, WAITING, Order, may
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.record.ledger import Ledger, OrderFilter, Role
from millbrain.show.access import Caller
from millbrain.show.queries.rows import instant_now

CARDS_MAX: Final = 40  # orders shown in one column of the board
CLOSED_DAYS: Final = 30  # how long a closed order stays on the board
# On the board what must be dispatched again stands beside what is to be dispatched first.
_COLUMNS: Final = ("raised", "rejected", "reopened", "dispatched", "accepted", "in_progress",
                   "done", "verified", "closed")  # fmt: skip
_CHUNK: Final = 5_000
_HIDDEN: Final = ("id", "findings", "rise_at", "repaired_at", "inspection")
_AT: Final = pa.timestamp("ms", "UTC")
_KINDS: Final[tuple[tuple[pa.DataType, tuple[str, ...]], ...]] = (
    (pa.string(), ("number", "thing", "plate", "model", "operator", "assignee", "apps", "state",
                   "title", "title_zh")),
    (pa.int64(), ("severity", "level", "clean_days")),
    (pa.bool_(), ("simulated", "is_overdue", "left_is_working")),
    (pa.float64(), ("left_s",)),
    (_AT, ("raised_at", "state_at", "due_at", "repaired_at")),
)  # fmt: skip
EXPORT: Final = pa.schema([pa.field(name, kind) for kind, names in _KINDS for name in names])


def allowed(order: Order, caller: Caller) -> list[str]:
    """Return the steps that this caller may take now."""
    in_charge = bool(caller.operator) and caller.operator == order.assignee
    return [
        name
        for name in LIFECYCLE.allowed(order.state, {"can_rise": False})
        if may(name, is_centre=not caller.operator, is_in_charge=in_charge)
        and caller.role.covers(Role(ACTIONS[name].role))
    ]


def row(order: Order, calendar: WorkingCalendar, caller: Caller) -> dict[str, Any]:
    """Return an order as `OrderRow` has it, with the time that is left for its step."""
    values = {k: v for k, v in asdict(replace(order, findings=())).items() if k not in _HIDDEN}
    is_working = order.severity < Severity.DANGER and order.state not in WAITING
    left_s = None
    if order.due_at is not None and order.state not in ENDED:
        now = instant_now()
        left = (order.due_at - now).total_seconds()
        left_s = calendar.between(now, order.due_at) if is_working else left
        # A deadline that passed on a free day is late, though no working time has gone by.
        left_s = min(left_s, -1.0) if left < 0 else left_s
    return values | {
        "apps": order.apps.split(),
        "allowed": allowed(order, caller),
        "left_s": left_s,
        "left_is_working": is_working,
        "is_overdue": left_s is not None and left_s < 0,
    }


def board(
    ledger: Ledger, which: OrderFilter, calendar: WorkingCalendar, caller: Caller
) -> dict[str, Any]:
    """Return every state with its most urgent orders, the first due first."""
    now = instant_now()
    shown = replace(which, closed_since=now - timedelta(days=CLOSED_DAYS))
    totals = ledger.orders.counts(shown)
    late = ledger.orders.counts(replace(shown, overdue_at=now))
    columns = []
    for state in _COLUMNS:
        title, title_zh = LIFECYCLE.states[state]
        of_state = replace(shown, state=state)
        wanted = bool(totals.get(state)) and which.state in ("", state)
        sort = ("state_at", False) if state in ENDED else ("due_at", True)
        rows, _ = ledger.orders.page(of_state, *sort, 0, CARDS_MAX) if wanted else ([], 0)
        columns.append({
            "state": state, "title": title, "title_zh": title_zh,
            "total": totals.get(state, 0) if which.state in ("", state) else 0,
            "overdue": late.get(state, 0), "rows": [row(o, calendar, caller) for o in rows],
        })  # fmt: skip
    return {"columns": columns, "closed_days": CLOSED_DAYS, "as_of": now}


def export(
    ledger: Ledger,
    which: OrderFilter,
    calendar: WorkingCalendar,
    caller: Caller,
    sort: str,
    up: bool,
) -> Iterator[pa.Table]:
    """Yield every order that matches, in portions of columns."""
    for start in range(0, limits.EXPORT_ROWS_MAX, _CHUNK):
        found, total = ledger.orders.page(which, sort, up, start, _CHUNK)
        rows = [
            row(o, calendar, caller) | {"apps": o.apps, "repaired_at": o.repaired_at} for o in found
        ]  # fmt: skip
        yield pa.Table.from_pylist(rows, schema=EXPORT)
        if start + _CHUNK >= total:
            return
