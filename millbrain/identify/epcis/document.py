"""Documents and events as they come in: what is wrong with one, and what it is found by. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from millbrain.core.events import (
    BOUND,
    CHILD,
    DECLARED,
    FREED,
    HELD,
    INPUT,
    ITSELF,
    JOINED,
    KIND,
    LOCATION,
    MADE,
    OUTPUT,
    PARENT,
    PARTED,
    READ_POINT,
    SEEN,
    STEP,
    THING,
    Event,
    thing_key,
)
from millbrain.core.limits import EVENT_THINGS_MAX, EVENTS_MAX, IDENTIFIER_BYTES_MAX
from millbrain.identify.epcis.hashing import digest_of, event_id
from millbrain.identify.epcis.names import word

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
KINDS: Final = ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent",
                "AssociationEvent")  # fmt: skip
ACTIONS: Final = ("ADD", "OBSERVE", "DELETE")
# Member -> the part that its things play.
LISTS: Final[Mapping[str, str]] = {
    "epcList": ITSELF, "childEPCs": CHILD, "inputEPCList": INPUT, "outputEPCList": OUTPUT,
}  # fmt: skip
CLASSES: Final[Mapping[str, str]] = {
    "quantityList": ITSELF, "childQuantityList": CHILD, "inputQuantityList": INPUT,
    "outputQuantityList": OUTPUT,
}  # fmt: skip
_ROLES: Final[Mapping[tuple[str, str | None], str]] = {
    ("AggregationEvent", "ADD"): JOINED, ("AggregationEvent", "DELETE"): PARTED,
    ("AggregationEvent", "OBSERVE"): SEEN, ("AssociationEvent", "ADD"): BOUND,
    ("AssociationEvent", "DELETE"): FREED, ("AssociationEvent", "OBSERVE"): HELD,
    ("TransformationEvent", None): MADE,
}  # fmt: skip
_PAIRS: Final[Mapping[str, str]] = {
    "bizTransactionList": "bizTransaction", "sourceList": "source",
    "destinationList": "destination",
}  # fmt: skip
_TEXTS: Final = ("eventID", "parentID", "transformationID", "bizStep", "disposition", "recordTime")
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d", re.ASCII)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Captured:
    """Events of a document as they came, and the prefixes of their extensions."""

    events: tuple[Any, ...]
    prefixes: Mapping[str, str]


def read_document(body: bytes) -> Captured:
    """Read an EPCIS document, or a single event.

    Raises
    ------
    ValueError
        It is neither, or too large.
    """
    told = orjson.loads(body)
    if not isinstance(told, Mapping):
        raise ValueError("an EPCISDocument or an event was expected")
    prefixes = prefixes_of(told.get("@context"))
    if told.get("type") in KINDS:
        return Captured((told,), prefixes)
    inside = told.get("epcisBody")
    events = inside.get("eventList") if isinstance(inside, Mapping) else None
    if told.get("type") != "EPCISDocument" or not isinstance(events, list):
        raise ValueError("type EPCISDocument with epcisBody.eventList was expected")
    if len(events) > EVENTS_MAX:
        raise ValueError(f"{len(events)} events, at most {EVENTS_MAX} in one capture")
    return Captured(tuple(events), prefixes)


def prefixes_of(context: Any) -> dict[str, str]:
    """Return the prefixes that a JSON-LD context declares itself; addresses are not fetched."""
    parts = context if isinstance(context, list) else [context]
    return {
        name: address
        for part in parts if isinstance(part, Mapping)
        for name, address in part.items() if isinstance(address, str)
    }  # fmt: skip


def read_event(told: Any, prefixes: Mapping[str, str], owner: str, now_ms: int,
               is_public: bool) -> Event:  # fmt: skip
    """Check an event and return it as it is kept, with its id.

    Raises
    ------
    ValueError
        Says which member is wrong and what was expected.
    """
    check(told)
    own = {**prefixes, **prefixes_of(told.get("@context"))}
    try:
        digest = digest_of(told, own)
    except RecursionError as error:
        raise ValueError("its extensions are nested too deeply") from error
    name = told.get("eventID") or event_id(digest)
    kept = {n: v for n, v in told.items() if n not in ("@context", "recordTime")}
    kept |= {"eventID": name} | ({"@context": own} if own else {})
    body = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    at_ms = int(instant(told["eventTime"]).timestamp() * 1000)
    found = tuple((what, value, parts) for (what, value), parts in terms(told).items())
    if "errorDeclaration" in told:
        # It has the id of the event that it declares wrong (EPCIS 2.0, 7.4.1.2) and stands beside.
        digest = hashlib.sha256(digest + orjson.dumps(told["errorDeclaration"])).digest()
        return Event(name + DECLARED, digest, body, at_ms, now_ms, owner, is_public, found,
                     voids=name)  # fmt: skip
    role = _ROLES.get((told["type"], told.get("action")), "")
    return Event(name, digest, body, at_ms, now_ms, owner, is_public, found, role=role,
                 parts=tuple(parts(told)) if role else (),
                 group=told.get("transformationID", "") if role == MADE else "")  # fmt: skip


def check(told: Any) -> None:
    """Raise a ValueError where an event breaks the rules of EPCIS 2.0, 7.4."""
    _demand(isinstance(told, Mapping), "an event is an object")
    kind = told.get("type")
    _demand(kind in KINDS, f"type is {kind!r}; one of {', '.join(KINDS)} was expected")
    _demand(isinstance(told.get("eventTime"), str), "eventTime is missing")
    instant(told["eventTime"])
    offset = told.get("eventTimeZoneOffset")
    is_offset = isinstance(offset, str) and _OFFSET.fullmatch(offset)
    _demand(is_offset, f"eventTimeZoneOffset is {offset!r}; a form like +08:00 was expected")
    if kind != "TransformationEvent":
        action = told.get("action")
        _demand(action in ACTIONS, f"action is {action!r}; one of {', '.join(ACTIONS)}")
    for name in _TEXTS:
        _demand(name not in told or _is_text(told[name]), f"{name}: a text was expected")
    if "eventID" in told:
        _demand(_URI.fullmatch(told["eventID"]), "eventID: a URI was expected")
    _check_lists(told)
    _check_things(told, kind)


def _check_lists(told: Mapping[str, Any]) -> None:
    for name in LISTS:
        things = told.get(name, [])
        is_right = isinstance(things, list) and all(map(_is_text, things))
        _demand(is_right, f"{name}: a list of URIs was expected")
    for name, member in ((n, "epcClass") for n in CLASSES):
        _demand(_are_entries(told.get(name, []), member), f"{name}: entries with {member}")
    for name, member in _PAIRS.items():
        _demand(_are_entries(told.get(name, []), member), f"{name}: entries with {member}")
    for name in ("readPoint", "bizLocation"):
        place = told.get(name)
        is_place = isinstance(place, Mapping) and _is_text(place.get("id"))
        _demand(name not in told or is_place, f"{name}: an object with id was expected")
    sensors = told.get("sensorElementList", [])
    _demand(_are_sensors(sensors), "sensorElementList: entries with sensorReport were expected")
    held = told.get("persistentDisposition", {})
    _demand(isinstance(held, Mapping), "persistentDisposition: an object was expected")


def _check_things(told: Mapping[str, Any], kind: str) -> None:
    if kind == "TransformationEvent":
        ends = [bool(told.get(f"{way}EPCList") or told.get(f"{way}QuantityList"))
                for way in ("input", "output")]  # fmt: skip
        is_part = any(ends) and "transformationID" in told
        _demand(all(ends) or is_part, "inputs and outputs, or a transformationID, were expected")
    elif kind in ("AggregationEvent", "AssociationEvent"):
        is_named = "parentID" in told or (kind[1] == "g" and told["action"] == "OBSERVE")
        _demand(is_named, "parentID is missing")
    elif kind == "ObjectEvent":
        is_there = any(told.get(n) for n in ("epcList", "quantityList", "sensorElementList"))
        _demand(is_there, "epcList, quantityList or sensorElementList was expected")


def _demand(is_right: object, words: str) -> None:
    if not is_right:
        raise ValueError(words)


def _is_text(told: Any) -> bool:
    return isinstance(told, str) and 0 < len(told) <= IDENTIFIER_BYTES_MAX and told.isprintable()


def _are_entries(told: Any, member: str) -> bool:
    return isinstance(told, list) and all(
        isinstance(e, Mapping) and _is_text(e.get(member)) and _is_text(e.get("type", "-"))
        for e in told
    )


def _are_sensors(told: Any) -> bool:
    return isinstance(told, list) and all(
        isinstance(e, Mapping)
        and isinstance(e.get("sensorMetadata", {}), Mapping)
        and isinstance(e.get("sensorReport"), list)
        and all(isinstance(r, Mapping) for r in e["sensorReport"])
        for e in told
    )


def instant(text: str) -> datetime:
    """Read a time with its offset.

    Raises
    ------
    ValueError
        It is none, or says no offset.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"time {text!r}: ISO 8601 was expected") from error
    if at.tzinfo is None:
        raise ValueError(f"time {text!r}: an offset like Z or +08:00 is missing")
    return at


def things(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the things of an event: member, identifier as written, part that it plays."""
    for name, part in LISTS.items():
        yield from ((name, text, part) for text in told.get(name, ()))
    for name, part in CLASSES.items():
        yield from ((name, entry["epcClass"], part) for entry in told.get(name, ()))
    if "parentID" in told:
        yield ("parentID", told["parentID"], PARENT)


def parts(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the things that have a place in a tree: letter, key, quantity with its unit or ''."""
    amounts = {
        (name, entry["epcClass"]): f"{entry['quantity']} {entry.get('uom', '')}".strip()
        for name in CLASSES for entry in told.get(name, ())
        if isinstance(entry.get("quantity"), int | float) and _is_text(entry.get("uom", "-"))
    }  # fmt: skip
    for name, text, part in things(told):
        if part != ITSELF:
            yield part, thing_key(text), amounts.get((name, text), "")


def terms(told: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return what an event is found by: (field, value) -> parts played.

    Raises
    ------
    ValueError
        More things than one event may have.
    """
    found: dict[tuple[str, str], str] = {(KIND, told["type"]): ""}
    if "bizStep" in told:
        found[STEP, word(told["bizStep"], "bizStep")] = ""
    for name, what in (("bizLocation", LOCATION), ("readPoint", READ_POINT)):
        if name in told:
            found[what, thing_key(told[name]["id"])] = ""
    for _, text, part in things(told):
        term = (THING, thing_key(text))
        found[term] = "".join(sorted({*found.get(term, ""), part}))
    if len(found) > EVENT_THINGS_MAX:
        raise ValueError(f"{len(found)} things, at most {EVENT_THINGS_MAX} in one event")
    return found


def told_event(event: Event) -> dict[str, Any]:
    """Return an event as it is told, with the time of its capture."""
    told: dict[str, Any] = orjson.loads(event.body)
    recorded = datetime.fromtimestamp(event.recorded_ms / 1000, instant("1970-01-01T00Z").tzinfo)
    return told | {"recordTime": recorded.isoformat(timespec="milliseconds")}


def query_document(events: Sequence[Event], at: str) -> dict[str, Any]:
    """Return the answer to a query."""
    results = {"queryName": "SimpleEventQuery",
               "resultsBody": {"eventList": [told_event(e) for e in events]}}  # fmt: skip
    return {
        "@context": [CONTEXT], "type": "EPCISQueryDocument", "schemaVersion": "2.0",
        "creationDate": at, "epcisBody": {"queryResults": results},
    }  # fmt: skip
