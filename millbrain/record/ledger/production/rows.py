"""Rows of production to the dataclasses of `core.production`, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from millbrain.core.production.orders import OrderOperation, PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Conflict, Kind, Lot, Report
from millbrain.record.ledger.production.models import OPERATION, PRODUCTION_ORDER, REPORT

ORDER_COLUMNS: Final = [PRODUCTION_ORDER.c[f.name] for f in fields(ProductionOrder)]
OPERATION_COLUMNS: Final = list(OPERATION.c)
REPORT_COLUMNS: Final = [c for c in REPORT.c if c.name != "event"]
_FOLDED: Final = [f.name for f in fields(OrderOperation) if f.name in OPERATION.c]
_PLAN: Final = [f.name for f in fields(PlannedOperation)]


def order_of(row: Any) -> ProductionOrder:
    """Return an order."""
    return ProductionOrder(**row._asdict())


def operation_of(row: Any) -> OrderOperation:
    """Return an operation of an order."""
    told = row._asdict()
    plan = {name: told.pop(name) for name in _PLAN}
    plan["stations"] = tuple(plan["stations"])
    conflicts = tuple(Conflict(**c) for c in told.pop("conflicts"))
    order = told.pop("order_number")
    return OrderOperation(order, PlannedOperation(**plan), conflicts=conflicts, **told)


def operation_row(order: str, plan: PlannedOperation) -> dict[str, Any]:
    """Return the row of an operation that nobody has begun."""
    fresh = OrderOperation(order, plan)
    own = {n: getattr(fresh, n) for n in _FOLDED}
    planned = {n: getattr(plan, n) for n in _PLAN}
    return own | planned | {"order_number": order, "stations": list(plan.stations), "conflicts": []}


def report_of(row: Any) -> Report:
    """Return a report."""
    told = row._asdict()
    told.pop("event", None)
    order = told.pop("order_number")
    told |= {n: _lots(told[n]) for n in ("consumed", "produced")}
    return Report(order=order, **told | {"kind": Kind(told["kind"]), "flags": tuple(told["flags"])})


def report_row(report: Report) -> dict[str, Any]:
    """Return the row of a report without its number."""
    told = {c.name: getattr(report, c.name) for c in REPORT_COLUMNS
            if c.name not in ("number", "order_number")}  # fmt: skip
    return told | {
        "order_number": report.order, "kind": str(report.kind), "flags": list(report.flags),
        "consumed": [lot.as_json() for lot in report.consumed],
        "produced": [lot.as_json() for lot in report.produced],
        "event": "waiting" if report.consumed or report.produced else "",
    }  # fmt: skip


def _lots(told: Sequence[Mapping[str, Any]]) -> tuple[Lot, ...]:
    return tuple(Lot(**lot) for lot in told)
