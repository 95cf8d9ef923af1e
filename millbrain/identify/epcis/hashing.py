"""The hash of an event, its id where it brings none: the same for every way to write it. Pure.

The members are put in one line in the order of the standard, names and values in canonical form,
lists sorted; what the standard does not name (extensions) follows, sorted. SHA-256 of that is the
id. Members that differ between copies of an event (recordTime, eventID, errorDeclaration) do not
count.

References
----------
CBV 2.0, 8.9.2 (event hash id); the published examples of its reference implementation.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from millbrain.identify.epcis.names import thing, word

Order = Sequence[tuple[str, Any]]
_QUANTITY: Final[Order] = (("epcClass", None), ("quantity", None), ("uom", None))
_METADATA: Final[Order] = tuple((name, None) for name in (
    "time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData",
    "dataProcessingMethod", "bizRules",
))  # fmt: skip
_REPORT: Final[Order] = tuple((name, None) for name in (
    "type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "time",
    "microorganism", "chemicalSubstance", "value", "component", "stringValue", "booleanValue",
    "hexBinaryValue", "uriValue", "minValue", "maxValue", "meanValue", "sDev", "percRank",
    "percValue", "uom", "coordinateReferenceSystem",
))  # fmt: skip
_SENSOR: Final[Order] = (("sensorMetadata", _METADATA), ("sensorReport", _REPORT))
_ORDER: Final[Order] = (
    ("eventTime", None), ("eventTimeZoneOffset", None), ("epcList", "epc"), ("parentID", None),
    ("inputEPCList", "epc"), ("childEPCs", "epc"), ("quantityList", _QUANTITY),
    ("childQuantityList", _QUANTITY), ("inputQuantityList", _QUANTITY), ("outputEPCList", "epc"),
    ("outputQuantityList", _QUANTITY), ("action", None), ("transformationID", None),
    ("bizStep", None), ("disposition", None),
    ("persistentDisposition", (("set", None), ("unset", None))), ("readPoint", (("id", None),)),
    ("bizLocation", (("id", None),)),
    ("bizTransactionList", (("type", None), ("bizTransaction", None))),
    ("sourceList", (("type", None), ("source", None))),
    ("destinationList", (("type", None), ("destination", None))),
    ("sensorElementList", _SENSOR),
)  # fmt: skip
# What stands before each entry of a list; a list of sensors has no name of its own.
_ENTRY: Final[Mapping[str, str]] = {
    name: "quantityElement" for name, order in _ORDER if order is _QUANTITY
} | {"sensorElementList": "sensorElement"}
_UNCOUNTED: Final = frozenset((
    "type", "eventID", "recordTime", "errorDeclaration", "@context", "certificationInfo",
    "rdfs:comment", "comment",
))  # fmt: skip


def event_id(digest: bytes) -> str:
    """Return the hash of an event as a URI."""
    return f"ni:///sha-256;{digest.hex()}?ver=CBV2.0"


def digest_of(event: Mapping[str, Any], prefixes: Mapping[str, str]) -> bytes:
    """Return the hash of an event.

    prefixes: of the names of extensions, as the document's context declares them.
    """
    return hashlib.sha256(pre_hash(event, prefixes).encode()).digest()


def pre_hash(event: Mapping[str, Any], prefixes: Mapping[str, str]) -> str:
    """Return the line that is hashed."""
    known = "".join(_member(name, event.get(name), order) for name, order in _ORDER)
    left = [
        part
        for name, value in event.items()
        if name not in _UNCOUNTED
        for part in _left(name, value, dict(_ORDER).get(name, ...), prefixes)
    ]
    return f"eventType={event['type']}{known}{''.join(sorted(left))}"


def _member(name: str, value: Any, order: Any, around: str = "") -> str:
    """Return a member that the standard orders, '' where there is nothing of it."""
    if value is None:
        return ""
    if order is None:
        many = value if isinstance(value, list) else [value]
        return "".join(sorted(f"{name}={_value(one, name, around)}" for one in many))
    if order == "epc":
        inside = "".join(sorted(f"epc={_value(one, 'epc')}" for one in value))
        return f"{name}{inside}" if inside else ""
    entries = value if isinstance(value, list) else [value]
    told = sorted(filter(None, (_entry(name, entry, order) for entry in entries)))
    title = "" if name in ("sensorElementList", "sensorReport") else name
    return title + "".join(told) if told else ""


def _entry(name: str, entry: Mapping[str, Any], order: Order) -> str:
    inside = "".join(_member(n, entry.get(n), o, name) for n, o in order)
    title = name if name == "sensorReport" else _ENTRY.get(name, "")
    return title + inside if inside else ""


def _left(name: str, value: Any, order: Any, prefixes: Mapping[str, str]) -> list[str]:
    """Return what of a member the standard does not order: extensions, each with its way there."""
    if order is ...:
        return _extension(name, value, prefixes)
    if order is None or order == "epc":
        return []
    found = []
    for entry in value if isinstance(value, list) else [value]:
        known = dict(order)
        inside = "".join(sorted(
            part
            for n, v in entry.items()
            for part in _left(n, v, known.get(n, ...), prefixes)
        ))  # fmt: skip
        if inside:
            found.append((_ENTRY.get(name) or name) + inside)
    return found


def _extension(name: str, value: Any, prefixes: Mapping[str, str]) -> list[str]:
    full = _full(name, prefixes)
    found = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Mapping):
            inside = sorted(p for n, v in one.items() for p in _extension(n, v, prefixes))
            found.append(full + "".join(inside))
        else:
            found.append(f"{full}={_value(one, name)}")
    return found


def _full(name: str, prefixes: Mapping[str, str]) -> str:
    prefix, colon, local = name.partition(":")
    return f"{{{prefixes[prefix]}}}{local}" if colon and prefix in prefixes else name


def _value(value: Any, name: str, around: str = "") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if int(value) == value else str(value)
    text = str(value).strip()
    if "time" in name.lower() and "offset" not in name.lower():
        return _instant(text)
    return thing(word(text, name, around))


def _instant(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    if at.tzinfo is None:
        return text
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
