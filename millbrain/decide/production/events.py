"""What reports say of lots and serials, as EPCIS events. Pure."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from millbrain.core.production.reports import Kind, Lot, Report

NAMESPACE: Final = "urn:x-millbrain:epcis:"
_STEPS: Final = {
    Kind.GOOD: ("commissioning", "active"),
    Kind.SCRAP: ("destroying", "destroyed"),
    Kind.REWORK: ("repairing", "non_sellable_other"),
}


def event_of(report: Report) -> dict[str, Any]:
    """Return the EPCIS event of a report that names lots or serials.

    What went in and what came out make a transformation; only one of both is seen as what it is.
    Everything in it is of the report, which does not change, and the id is the report's: to send it
    again after a crash changes nothing at the resolver. A report that takes back says so as an
    error declaration would, in an event of its own.
    """
    at = report.at.astimezone(UTC)
    told: dict[str, Any] = {
        "@context": {"millbrain": NAMESPACE}, "eventID": f"urn:uuid:{report.id}",
        "eventTime": at.isoformat(timespec="milliseconds"), "eventTimeZoneOffset": "+00:00",
        "millbrain:order": report.order, "millbrain:step": report.step,
        "millbrain:operator": report.person, "millbrain:quantity": report.quantity,
    }  # fmt: skip
    if report.machine:
        told["readPoint"] = {"id": f"{NAMESPACE}station:{report.machine}"}
    if report.reason:
        told["millbrain:reason"] = report.reason
    if report.reversal_of:
        told["millbrain:takesBack"] = f"urn:uuid:{report.reversal_of}"
    return told | _what(report)


def _what(report: Report) -> dict[str, Any]:
    step, disposition = _STEPS.get(report.kind, ("assembling", "in_progress"))
    if report.consumed and report.produced and not report.reversal_of:
        return {
            "type": "TransformationEvent",
            **_things(report.consumed, "inputEPCList", "inputQuantityList"),
            **_things(report.produced, "outputEPCList", "outputQuantityList"),
            "bizStep": step, "disposition": disposition,
        }  # fmt: skip
    lots = report.produced or report.consumed
    is_gone = report.kind is Kind.SCRAP or not report.produced
    action = "OBSERVE" if report.reversal_of else "DELETE" if is_gone else "ADD"
    return {
        "type": "ObjectEvent", "action": action, **_things(lots, "epcList", "quantityList"),
        "bizStep": step, "disposition": disposition,
    }  # fmt: skip


def _things(lots: Sequence[Lot], single: str, many: str) -> dict[str, Any]:
    serials = [lot.key for lot in lots if lot.is_serial]
    rest = [{"epcClass": lot.key, "quantity": lot.quantity} for lot in lots if not lot.is_serial]
    return {name: value for name, value in ((single, serials), (many, rest)) if value}
