"""The parameters of SimpleEventQuery: what they mean, and which events they let through. Pure.

References
----------
EPCIS 2.0, 8.2.7.1 (parameters; those of a list are separated by commas).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from millbrain.core.events import (
    ALL,
    KIND,
    LOCATION,
    READ_POINT,
    STEP,
    THING,
    Span,
    thing_key,
)
from millbrain.identify.epcis.document import instant, things
from millbrain.identify.epcis.names import thing, word

Told = Mapping[str, Any]
_VALUES_MAX: Final = 100  # of one parameter
_PAGE_USUAL: Final = 30
# MATCH_ parameter -> members that it looks into (EPCIS 2.0, 8.2.7.1).
_EPCS: Final = ("epcList", "childEPCs")
MATCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "MATCH_epc": _EPCS, "MATCH_parentID": ("parentID",), "MATCH_inputEPC": ("inputEPCList",),
    "MATCH_outputEPC": ("outputEPCList",),
    "MATCH_anyEPC": (*_EPCS, "parentID", "inputEPCList", "outputEPCList"),
    "MATCH_epcClass": ("quantityList", "childQuantityList"),
    "MATCH_inputEPCClass": ("inputQuantityList",),
    "MATCH_outputEPCClass": ("outputQuantityList",),
    "MATCH_anyEPCClass": ("quantityList", "childQuantityList", "inputQuantityList",
                          "outputQuantityList"),
}  # fmt: skip
_EQUAL: Final[Mapping[str, Callable[[Told], Any]]] = {
    "eventType": lambda told: told["type"],
    "EQ_action": lambda told: told.get("action"),
    "EQ_bizStep": lambda told: _word(told, "bizStep"),
    "EQ_disposition": lambda told: _word(told, "disposition"),
    "EQ_readPoint": lambda told: _place(told, "readPoint"),
    "EQ_bizLocation": lambda told: _place(told, "bizLocation"),
    "EQ_transformationID": lambda told: thing(told.get("transformationID", "")),
    "EQ_eventID": lambda told: told["eventID"],
}
_PAIRED: Final = {
    "EQ_bizTransaction": ("bizTransactionList", "bizTransaction"),
    "EQ_source": ("sourceList", "source"),
    "EQ_destination": ("destinationList", "destination"),
}
_TIMES: Final = ("GE_eventTime", "LT_eventTime", "GE_recordTime", "LT_recordTime")
_OWN: Final = ("perPage", "nextPageToken", "orderBy", "orderDirection", "eventCountLimit",
               "maxEventCount", "EXISTS_errorDeclaration")  # fmt: skip


class TooComplexError(ValueError):
    """A query that is right and is not answered here."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query. what, values: the term that drives it; tests: what an event must pass besides."""

    what: str
    values: tuple[str, ...]
    span: Span
    recorded: tuple[int | None, int | None]
    tests: tuple[Callable[[Told], bool], ...]
    per_page: int
    most: int | None = None
    refuses_more: bool = False

    def lets(self, told: Told, recorded_ms: int) -> bool:
        """Whether an event passes."""
        low, high = self.recorded
        if (low is not None and recorded_ms < low) or (high is not None and recorded_ms >= high):
            return False
        return all(test(told) for test in self.tests)


def read_query(given: Iterable[tuple[str, str]], per_page_max: int) -> Query:
    """Read the parameters of a query, the page's position aside.

    Raises
    ------
    ValueError
        A parameter is not known, stands twice, or its value is wrong.
    TooComplexError
        An order that the store does not keep.
    """
    found: dict[str, str] = {}
    for name, value in given:
        if name in found:
            raise ValueError(f"{name} stands twice; the values of a list are separated by commas")
        found[name] = value
    _check_names(found)
    _check_order(found)
    times = [_ms(found[n]) if n in found else None for n in _TIMES]
    what, values = _driver(found)
    most = found.get("maxEventCount") or found.get("eventCountLimit")
    return Query(
        what, values, Span(times[0], times[1]), (times[2], times[3]), tuple(_tests(found)),
        min(_count(found.get("perPage", str(_PAGE_USUAL))), per_page_max),
        _count(most) if most else None, "maxEventCount" in found,
    )  # fmt: skip


def _check_names(found: Mapping[str, str]) -> None:
    known = {*MATCHES, *_EQUAL, *_TIMES, *_OWN}
    for name in found:
        is_paired = any(name.startswith(f"{start}_") for start in _PAIRED)
        if name not in known and not is_paired:
            raise ValueError(f"parameter {name!r} is not known here")
    if "maxEventCount" in found and "eventCountLimit" in found:
        raise ValueError("eventCountLimit and maxEventCount exclude one another")


def _check_order(found: Mapping[str, str]) -> None:
    order = found.get("orderBy", "eventTime"), found.get("orderDirection", "DESC")
    if order != ("eventTime", "DESC"):
        raise TooComplexError("events are answered by eventTime, the newest first")


def _driver(found: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the term that narrows the query most: things before places, steps and kinds."""
    for name in (*MATCHES, *_DRIVERS):
        if name in found:
            what, form = _DRIVERS.get(name, (THING, thing_key))
            return what, tuple(dict.fromkeys(form(value) for value in _list(found[name])))
    return ALL, ("",)


_DRIVERS: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = {
    "EQ_readPoint": (READ_POINT, thing_key), "EQ_bizLocation": (LOCATION, thing_key),
    "EQ_bizStep": (STEP, lambda text: word(text, "bizStep")), "eventType": (KIND, str),
}  # fmt: skip


def _tests(found: Mapping[str, str]) -> Iterable[Callable[[Told], bool]]:
    for name, value in found.items():
        if name in MATCHES:
            yield _matching(MATCHES[name], frozenset(map(thing_key, _list(value))))
        elif name in _EQUAL:
            yield _equal(_EQUAL[name], frozenset(_form(name, v) for v in _list(value)))
        elif name == "EXISTS_errorDeclaration":
            yield lambda told: "errorDeclaration" in told
        elif name not in _TIMES and name not in _OWN:
            start, _, kind = name[3:].partition("_")
            members = _PAIRED[f"EQ_{start}"]
            yield _paired(members, kind, frozenset(thing(v) for v in _list(value)))


def _form(name: str, value: str) -> str:
    if name in ("EQ_bizStep", "EQ_disposition"):
        return word(value, name[3:])
    if name in ("EQ_readPoint", "EQ_bizLocation"):
        return thing_key(value)
    return thing(value) if name == "EQ_transformationID" else value


def _equal(read: Callable[[Told], Any], wanted: frozenset[str]) -> Callable[[Told], bool]:
    return lambda told: read(told) in wanted


def _matching(members: tuple[str, ...], wanted: frozenset[str]) -> Callable[[Told], bool]:
    return lambda told: any(
        name in members and thing_key(text) in wanted for name, text, _ in things(told)
    )


def _paired(members: tuple[str, str], kind: str, wanted: frozenset[str]) -> Callable[[Told], bool]:
    place, member = members
    full = word(unquote(kind), "type", place)
    return lambda told: any(
        word(entry.get("type", ""), "type", place) == full and thing(entry[member]) in wanted
        for entry in told.get(place, ())
    )


def _word(told: Told, name: str) -> str:
    return word(told[name], name) if name in told else ""


def _place(told: Told, name: str) -> str:
    return thing_key(told[name]["id"]) if name in told else ""


def _list(text: str) -> list[str]:
    values = [v for v in text.split(",") if v]
    if not 0 < len(values) <= _VALUES_MAX:
        raise ValueError(f"{len(values)} values; 1 to {_VALUES_MAX} are allowed")
    return values


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) <= 9):
        raise ValueError(f"{text!r}: a whole number from 1 was expected")
    return int(text)


def _ms(text: str) -> int:
    return int(instant(text.replace(" ", "+")).timestamp() * 1000)  # + is a blank in a query
