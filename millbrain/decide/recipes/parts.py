"""What the record of a part says, and the event that tells of its scan. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from millbrain.core.scans.recipes import PART_VALUES, Part, Scan

NAMESPACE: Final = "urn:x-millbrain:epcis:"
_LONGEST: Final = {"part_type": 64, "revision": 32, "lot": 64, "expires": 10, "hold": 200}


def part_of(asked: str, told: Mapping[str, Any], at: datetime) -> Part:
    """Return a part by the JSON of its record (`GET /{identifier}` of the resolver).

    Values of other types are left out; steps are separated by blanks or commas.
    """
    found: dict[str, Any] = {}
    for value in told.get("values", ()):
        field = PART_VALUES.get(str(value.get("type", "")).upper())
        data = value.get("data", {})
        text = str(data.get("value", "")).strip() if data.get("format") == "string" else ""
        if field == "steps":
            found[field] = tuple(text.replace(",", " ").split())
        elif field and text:
            found[field] = text[: _LONGEST[field]]
    handle = str(told.get("handle") or "")
    return Part(key=f"hdl:{handle}" if handle else asked, **found, fetched_at=at, asked=asked)


def event_of(scan: Scan) -> dict[str, Any]:
    """Return the EPCIS event of a scan that was written.

    Everything in it is of the scan's row, which does not change, and the id is the scan's: to send
    it again after a crash changes nothing at the resolver.
    """
    at = scan.at.astimezone(UTC)
    return {
        "@context": {"millbrain": NAMESPACE},
        "type": "ObjectEvent", "eventID": f"urn:uuid:{scan.id}", "action": "OBSERVE",
        "eventTime": at.isoformat(timespec="milliseconds"), "eventTimeZoneOffset": "+00:00",
        "epcList": [scan.part], "bizStep": f"{NAMESPACE}machining", "disposition": "in_progress",
        "readPoint": {"id": f"{NAMESPACE}station:{scan.station}"},
        **({"bizLocation": {"id": scan.place}} if scan.place else {}),
        "millbrain:step": scan.step, "millbrain:recipe": f"{scan.recipe}/{scan.recipe_version}",
        "millbrain:operator": scan.who, "millbrain:program": scan.program,
        "millbrain:settings": [_setting(s) for s in scan.settings],
    }  # fmt: skip


def document_of(events: Sequence[Mapping[str, Any]], at: datetime) -> dict[str, Any]:
    """Return events as a document that the resolver captures."""
    return {
        "@context": {"millbrain": NAMESPACE}, "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": at.astimezone(UTC).isoformat(), "epcisBody": {"eventList": list(events)},
    }  # fmt: skip


def _setting(told: Mapping[str, Any]) -> str:
    return f"{told['name']}={told['value']} {told['unit']}".strip()
