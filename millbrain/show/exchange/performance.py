"""Writes what became of orders as OperationsPerformance or WorkPerformance of B2MML V7. Pure.

Every element stands in the order of the schema. Times are UTC, quantities are pieces and seconds.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from millbrain.core.production.fold import fold
from millbrain.core.production.orders import OrderOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Report
from millbrain.show.exchange.documents import NAMESPACE

_STATES: Final = {
    "planned": "Waiting", "released": "Ready", "started": "Running", "paused": "Held",
    "completed": "Completed", "closed": "Closed", "cancelled": "Aborted",
    "ready": "Ready", "setup": "Running", "running": "Running", "done": "Completed",
}  # fmt: skip
_USES: Final = {
    Kind.GOOD: ("Produced", ""), Kind.SCRAP: ("Other", "Scrap"), Kind.REWORK: ("Other", "Rework"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Performed:
    """An order with its operations and the reports of each, by step."""

    order: ProductionOrder
    operations: Sequence[OrderOperation]
    reports: dict[str, Sequence[Report]]


def operations_performance(name: str, at: datetime, done: Iterable[Performed]) -> bytes:
    """Return an OperationsPerformance document. name: its ID; at: when it was made, aware."""
    root = _root("OperationsPerformance")
    _add(root, "ID", name)
    _add(root, "PublishedDate", _time(at))
    _add(root, "OperationsType", "Production")
    for each in done:
        _response(root, each)
    return _bytes(root)


def work_performance(name: str, schedule: str, at: datetime, done: Iterable[Performed]) -> bytes:
    """Return a WorkPerformance document. schedule: ID of the work schedule it belongs to."""
    root = _root("WorkPerformance")
    _add(root, "ID", name)
    _add(root, "PublishedDate", _time(at))
    _add(root, "WorkType", "Production")
    _add(root, "WorkScheduleID", schedule)
    for each in done:
        response = _add(root, "WorkResponse")
        _head(response, each.order)
        _add(response, "WorkType", "Production")
        _add(response, "WorkRequestID", each.order.number)
        _add(response, "ResponseState", _STATES[each.order.state])
        for operation in each.operations:
            _job(response, each, operation)
    return _bytes(root)


def _response(root: etree._Element, each: Performed) -> None:
    response = _add(root, "OperationsResponse")
    _head(response, each.order)
    _add(response, "OperationsType", "Production")
    _add(response, "OperationsRequestID", each.order.number)
    _add(response, "ResponseState", _STATES[each.order.state])
    for operation in each.operations:
        _segment(response, each, operation)


def _head(response: etree._Element, order: ProductionOrder) -> None:
    _add(response, "ID", order.number)
    if order.title:
        _add(response, "Description", order.title)
    if order.started_at:
        _add(response, "StartTime", _time(order.started_at))
    if order.completed_at:
        _add(response, "EndTime", _time(order.completed_at))
    _scope(response, order)


def _scope(parent: etree._Element, order: ProductionOrder) -> None:
    if order.line:
        scope = _add(parent, "HierarchyScope")
        _add(scope, "EquipmentID", order.line)
        _add(scope, "EquipmentLevel", "ProductionLine")


def _segment(response: etree._Element, each: Performed, operation: OrderOperation) -> None:
    segment = _add(response, "SegmentResponse")
    plan = operation.plan
    _add(segment, "ID", f"{operation.order}/{plan.step}")
    if plan.title:
        _add(segment, "Description", plan.title)
    if operation.started_at:
        _add(segment, "ActualStartTime", _time(operation.started_at))
    if operation.finished_at:
        _add(segment, "ActualEndTime", _time(operation.finished_at))
    _add(segment, "ProcessSegmentID", plan.operation)
    _add(segment, "OperationsRequestID", operation.order)
    _add(segment, "SegmentRequirementID", plan.step)
    _add(segment, "SegmentState", _STATES[operation.state])
    _actuals(segment, "SegmentData", each, operation)


def _job(response: etree._Element, each: Performed, operation: OrderOperation) -> None:
    job = _add(response, "JobResponse")
    plan = operation.plan
    _add(job, "ID", f"{operation.order}/{plan.step}")
    if plan.title:
        _add(job, "Description", plan.title)
    if operation.started_at:
        _add(job, "StartTime", _time(operation.started_at))
    if operation.finished_at:
        _add(job, "EndTime", _time(operation.finished_at))
    _add(job, "WorkType", "Production")
    _add(job, "JobOrderID", plan.step)
    _add(job, "WorkMasterID", plan.operation)
    _add(job, "JobState", _STATES[operation.state])
    _actuals(job, "JobResponseData", each, operation)


def _actuals(parent: etree._Element, data: str, each: Performed, operation: OrderOperation) -> None:
    """Add times, people, machines and material in the order of the schema."""
    for name, spent_s in (("SetupTime", operation.setup_spent_s),
                          ("RunTime", operation.run_spent_s)):  # fmt: skip
        told = _add(parent, data)
        _add(told, "ID", name)
        value = _add(told, "Value")
        _add(value, "ValueString", f"{spent_s:.3f}")
        _add(value, "DataType", "double")
        _add(value, "UnitOfMeasure", "s")
    progress = fold(each.reports.get(operation.plan.step, ()))
    for kind, key in (("Personnel", "person"), ("Equipment", "machine")):
        spent: Counter[str] = Counter()
        for session in progress.sessions:
            if name := getattr(session, key):
                spent[name] += round(session.spent_s * 1000)
        for name, spent_ms in sorted(spent.items()):
            actual = _add(parent, f"{kind}Actual")
            _add(actual, "ID", name)
            _add(actual, "PersonID" if kind == "Personnel" else "EquipmentID", name)
            _quantity(actual, f"{spent_ms / 1000:.3f}", "double", "s")
    pieces = {Kind.GOOD: operation.good, Kind.SCRAP: operation.scrap, Kind.REWORK: operation.rework}
    for kind_of, count in pieces.items():
        if count or kind_of is Kind.GOOD:
            _material(parent, each, operation, kind_of, count)


def _material(
    parent: etree._Element, each: Performed, operation: OrderOperation, kind: Kind, count: int
) -> None:
    use, other = _USES[kind]
    actual = _add(parent, "MaterialActual")
    _add(actual, "ID", f"{operation.order}/{operation.plan.step}/{kind}")
    _add(actual, "MaterialDefinitionID", operation.plan.part_type or each.order.product)
    lots = {lot.key for r in each.reports.get(operation.plan.step, ()) if r.kind is kind
            for lot in r.produced}  # fmt: skip
    for lot in sorted(lots):
        _add(actual, "MaterialLotID", lot)
    made = _add(actual, "MaterialUse", use)
    if other:
        made.set("OtherValue", other)
    _quantity(actual, str(count), "integer", "C62")  # UN/ECE Recommendation 20: one piece


def _quantity(parent: etree._Element, told: str, kind: str, unit: str) -> None:
    quantity = _add(parent, "Quantity")
    _add(quantity, "QuantityString", told)
    _add(quantity, "DataType", kind)
    _add(quantity, "UnitOfMeasure", unit)


def _root(name: str) -> etree._Element:
    return etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE})


def _add(parent: etree._Element, name: str, told: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = told
    return element


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bytes(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))
