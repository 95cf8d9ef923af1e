"""Production orders, operations and reports as rows of answers: what is stored and what follows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa

from millbrain.core import limits
from millbrain.core.production.desk import ProductionDesk, Projection, Runnable
from millbrain.core.production.orders import LIFECYCLE, OPEN, OrderOperation, ProductionOrder
from millbrain.core.production.reports import KINDS, Lot, Report
from millbrain.record.ledger import Ledger, Role
from millbrain.record.ledger.production.orders import ProductionFilter
from millbrain.show.access import Caller
from millbrain.show.queries.rows import instant_now

_CHUNK: Final = 5_000
_AT: Final = pa.timestamp("ms", "UTC")
_COLUMNS: Final[tuple[tuple[pa.DataType, tuple[str, ...]], ...]] = (
    (pa.string(), ("number", "product", "revision", "title", "title_zh", "customer", "line",
                   "state", "operator", "source", "why", "why_zh")),
    (pa.int64(), ("quantity", "priority", "good", "scrap", "conflict_count")),
    (pa.bool_(), ("simulated", "is_late")),
    (pa.float64(), ("late_s", "progress_ratio")),
    (_AT, ("due_at", "promised_at", "projected_at", "entered_at", "released_at", "started_at",
           "completed_at")),
)  # fmt: skip
EXPORT: Final = pa.schema([pa.field(name, kind) for kind, names in _COLUMNS for name in names])


def allowed(order: ProductionOrder, caller: Caller) -> list[str]:
    """Return the steps of an order that this caller may take now."""
    return [
        name for name in LIFECYCLE.allowed(order.state, {"is_begun": bool(order.started_at)})
        if (role := LIFECYCLE.actions[name].role) and caller.role.covers(Role(role))
    ]  # fmt: skip


def order_row(
    order: ProductionOrder, operations: Sequence[OrderOperation], projection: Projection | None,
    caller: Caller,
) -> dict[str, Any]:  # fmt: skip
    """Return an order with how far it is and how late it will be."""
    titles = LIFECYCLE.states[order.state]
    last = operations[-1] if operations else None
    late_s = _late_s(order, projection)
    planned = [(o, o.plan.setup_s + order.quantity * o.plan.run_s) for o in operations]
    total_s = sum(s for _, s in planned)
    done_s = sum(s * _share(o, order.quantity) for o, s in planned)
    told: dict[str, Any] = asdict(order)
    return told | {
        "state_en": titles[0], "state_zh": titles[1], "allowed": allowed(order, caller),
        "good": last.good if last else 0, "scrap": sum(o.scrap for o in operations),
        "rework": sum(o.rework for o in operations),
        "progress_ratio": done_s / total_s if total_s else 0.0,
        "operations": [operation_row(o) for o in operations],
        "conflict_count": sum(len(o.conflicts) for o in operations),
        "late_s": late_s, "is_late": late_s is not None and late_s > 0,
        "why": projection.why if projection else "",
        "why_zh": projection.why_zh if projection else "",
    }  # fmt: skip


def _share(operation: OrderOperation, quantity: int) -> float:
    if operation.finished_at is not None:
        return 1.0
    return min(1.0, operation.handled / quantity)


def _late_s(order: ProductionOrder, projection: Projection | None) -> float | None:
    """Return by how much an order is, or will be, behind what was promised [s]."""
    wanted = order.promised_at or order.due_at
    if wanted is None or order.state == "cancelled":
        return None
    if order.state not in OPEN:
        end = order.completed_at
    else:
        end = projection.end if projection else order.projected_at
        end = max(end, instant_now()) if end else None
    return (end - wanted).total_seconds() if end else None


def operation_row(operation: OrderOperation) -> dict[str, Any]:
    """Return an operation with its plan beside what was reported."""
    told = asdict(operation)
    plan = told.pop("plan")
    return {
        **told, **plan, "state": operation.state, "handled": operation.handled,
        "conflicts": [c.as_json() for c in operation.conflicts],
    }  # fmt: skip


def report_row(report: Report) -> dict[str, Any]:
    """Return a report with the words of its kind."""
    title, title_zh = KINDS[report.kind]
    return asdict(report) | {"kind": str(report.kind), "kind_en": title, "kind_zh": title_zh}


def runnable_row(runnable: Runnable, caller: Caller) -> dict[str, Any]:
    """Return an operation at a station: what it is, whether it can run, who can run it."""
    order = runnable.order
    names = ("number", "product", "revision", "title", "title_zh", "quantity", "customer",
             "priority", "due_at", "promised_at", "projected_at", "state", "simulated")  # fmt: skip
    return operation_row(runnable.operation) | {
        "order": {n: getattr(order, n) for n in names}, "available": runnable.available,
        "can_run": not runnable.why_not, "why_not": list(runnable.why_not),
        "why_not_zh": list(runnable.why_not_zh),
        "workers": [asdict(w) for w in runnable.workers],
        "span": asdict(runnable.span) if runnable.span else None,
    }  # fmt: skip


def rows_of(
    ledger: Ledger, orders: Sequence[ProductionOrder], desk: ProductionDesk, caller: Caller
) -> list[dict[str, Any]]:
    """Return orders as rows with their operations."""
    operations = ledger.production.operations([o.number for o in orders])
    return [order_row(o, operations[o.number], desk.projection(o.number), caller) for o in orders]


def board(
    ledger: Ledger, which: ProductionFilter, desk: ProductionDesk, caller: Caller, most: int
) -> dict[str, Any]:
    """Return open orders, those that will be latest first, and how many there are by state."""
    found, total = ledger.production.page(which, "due_at", "asc", 0, most)
    rows = rows_of(ledger, found, desk, caller)
    rows.sort(key=lambda r: (-_lateness(r["late_s"]), r["priority"], r["number"]))
    return {
        "rows": rows, "total": total, "late": sum(r["is_late"] for r in rows),
        "states": ledger.production.counts(which), "as_of": instant_now(),
    }  # fmt: skip


def _lateness(late_s: float | None) -> float:
    return float("-inf") if late_s is None else late_s


def export(
    ledger: Ledger, which: ProductionFilter, desk: ProductionDesk, caller: Caller, sort: str,
    order: Any,
) -> Iterator[pa.Table]:  # fmt: skip
    """Yield every order that matches, in portions of columns."""
    for start in range(0, limits.EXPORT_ROWS_MAX, _CHUNK):
        found, total = ledger.production.page(which, sort, order, start, _CHUNK)
        rows = rows_of(ledger, found, desk, caller)
        yield pa.Table.from_pylist([{n: r[n] for n in EXPORT.names} for r in rows], schema=EXPORT)
        if start + _CHUNK >= total:
            return


def genealogy(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Return what each lot and serial that an order made was made of, oldest first.

    A report that was taken back whole is left out.
    """
    gone = {r.reversal_of for r in reports if r.reversal_of and not r.quantity}
    found: list[dict[str, Any]] = []
    for report in sorted(reports, key=lambda r: r.sort_key):
        if report.reversal_of or report.id in gone or not (report.consumed or report.produced):
            continue
        found.append({
            "report": report.id, "at": report.at, "step": report.step, "kind": str(report.kind),
            "person": report.person, "machine": report.machine,
            "consumed": _lots(report.consumed), "produced": _lots(report.produced),
        })  # fmt: skip
    return found


def _lots(lots: Sequence[Lot]) -> list[Mapping[str, Any]]:
    return [lot.as_json() for lot in lots]
