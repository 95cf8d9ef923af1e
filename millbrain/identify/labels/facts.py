"""What a label says of an identifier: its record's values that the asker may read. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from millbrain.core import gs1, keys
from millbrain.core.faces.record_json import values_of
from millbrain.core.limits import LABELS_MAX
from millbrain.core.nodes.ranges import item_values
from millbrain.core.records import Value
from millbrain.core.registry import ALIAS_TYPE
from millbrain.identify.labels.fields import Design, filled
from millbrain.identify.labels.sheets import Label, label

DESIGN_TYPE: Final = "LABEL_DESIGN"  # data: a design as JSON
_LINK_CHARACTERS_MAX: Final = 255  # IEC 61406-1
_NUMBER: Final = re.compile(r"(#+)|\{(\d{1,2})\}", re.ASCII)
_DIGITS_MAX: Final = 18


def about(identifier: str, values: Iterable[Value], design: Design, host: str) -> Label:
    """Return what a label says of a record.

    host: beginning of links where the design has none.

    Raises
    ------
    ValueError
        The record has not what the design wants in the symbol.
    """
    facts: dict[str, str] = {}
    wanted = design.names
    for value in values:
        if value.type == ALIAS_TYPE:
            _add_alias(facts, value.data)
        elif value.type in wanted and not value.type.upper().startswith("HS_"):
            _add(facts, value.type, value.data)
    return of_facts(identifier, facts, design, host)


def of_facts(identifier: str, facts: dict[str, str], design: Design, host: str) -> Label:
    """Return what a label says of an identifier of which this is known.

    Raises
    ------
    ValueError
        What the design wants in the symbol is not known.
    """
    key = keys.parse(identifier)
    known = {**facts, key.scheme: key.display}
    code = _code(identifier, key, known, design, host)
    return label(identifier, code, {n: t for n, t in known.items() if n in design.names})


def _add(facts: dict[str, str], name: str, data: bytes) -> None:
    try:
        facts.setdefault(name, data.decode())
    except UnicodeDecodeError:
        return  # no text, no line


def _add_alias(facts: dict[str, str], data: bytes) -> None:
    try:
        alias = keys.parse(data.decode())
    except ValueError:
        return
    facts.setdefault(alias.scheme, alias.display)


def _code(identifier: str, key: keys.Key, facts: dict[str, str], design: Design, host: str) -> str:
    root = design.host or host.rstrip("/")
    if design.content == "identifier":
        return identifier
    if design.content in ("link", "gs1-link") and not root:
        raise ValueError("links need a host, like https://id.example.cn")
    if design.content == "link":
        return _link(f"{root}/{quote(key.display, safe='/:.-_~()')}")
    if design.content == "text":
        try:
            return filled(design.text, {**facts, "identifier": identifier})
        except KeyError as error:
            raise ValueError(f"label {identifier}: field {error.args[0]} is not known") from error
    if "gs1" not in facts:
        raise ValueError(f"label {identifier}: it has no GS1 key, which its symbol must say")
    if design.content == "gs1":
        return facts["gs1"]
    return _link(f"{root}/{gs1.from_elements(facts['gs1']).path}")


def _link(address: str) -> str:
    if not address.isascii() or len(address) > _LINK_CHARACTERS_MAX:
        raise ValueError(f"link {address!r}: at most {_LINK_CHARACTERS_MAX} characters of US-ASCII")
    return address


def numbered(pattern: str, first: int, last: int) -> list[str]:
    """Return the identifiers of a range.

    pattern: an identifier with {n} for a number of n digits, or n times #; zeros fill it.

    Raises
    ------
    ValueError
        Says what was found and what is allowed.

    >>> numbered("88.100.1/P{4}", 9, 10), numbered("88.100.1/P##", 7, 7)
    (['88.100.1/P0009', '88.100.1/P0010'], ['88.100.1/P07'])
    """
    head, tail, width = split(pattern)
    if not 0 <= first <= last or last - first >= LABELS_MAX:
        raise ValueError(f"range {first} to {last}: 1 to {LABELS_MAX} numbers were expected")
    if len(str(last)) > width:
        raise ValueError(f"range: {last} does not fit into {width} digits of {pattern!r}")
    return [f"{head}{number:0{width}}{tail}" for number in range(first, last + 1)]


def split(pattern: str) -> tuple[str, str, int]:
    """Return what stands before and behind the number of a pattern, and its digits.

    Raises
    ------
    ValueError
        It has no place for one number, or for a long one.
    """
    found = list(_NUMBER.finditer(pattern))
    width = (len(found[0][1]) if found[0][1] else int(found[0][2])) if len(found) == 1 else 0
    if not 1 <= width <= _DIGITS_MAX:
        raise ValueError(f"pattern {pattern[:80]!r}: one {{n}} for n digits was expected, "
                         f"1 to {_DIGITS_MAX}, or n times #")  # fmt: skip
    return pattern[: found[0].start()], pattern[found[0].end() :], width


def of_allotment(
    allotment: Mapping[str, Any], told: Mapping[str, Any], design: Design, host: str
) -> list[Label]:
    """Return labels of serials that a line has taken, whether they are registered or not.

    allotment: as it is told. told: which of its numbers, ``from`` and ``to``; otherwise all.

    Raises
    ------
    ValueError
        The numbers are not of the allotment, or there are too many.
    """
    first, last = told.get("from", allotment["from"]), told.get("to", allotment["to"])
    is_inside = type(first) is int and type(last) is int and (
        allotment["from"] <= first <= last <= allotment["to"])  # fmt: skip
    if not is_inside:
        raise ValueError(f"from {first!r} to {last!r}: numbers of the allotment were expected, "
                         f"{allotment['from']} to {allotment['to']}")  # fmt: skip
    values = values_of(list(allotment["shared"]))
    _, _, width = split(allotment["pattern"])
    return [
        about(identifier, item_values(values, b"%0*d" % (width, number)), design, host)
        for number, identifier in enumerate(numbered(allotment["pattern"], first, last), first)
    ]


def identifiers(told: dict[str, object]) -> Sequence[str]:
    """Return the identifiers that a request names: a list or a range.

    Raises
    ------
    ValueError
        Neither is there, or it is malformed.
    """
    listed, ranged = told.get("identifiers"), told.get("range")
    if isinstance(ranged, dict) and listed is None:
        pattern, first, last = ranged.get("pattern"), ranged.get("from"), ranged.get("to")
        if not isinstance(pattern, str) or type(first) is not int or type(last) is not int:
            raise ValueError("range: {pattern, from, to} was expected")
        return numbered(pattern, first, last)
    if not isinstance(listed, list) or not all(isinstance(i, str) for i in listed):
        raise ValueError("identifiers (a list of texts) or range was expected")
    if not 1 <= len(listed) <= LABELS_MAX:
        raise ValueError(f"{len(listed)} identifiers; 1 to {LABELS_MAX} are printed at once")
    return listed
