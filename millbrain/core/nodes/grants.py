"""Grants: who may read which fields of a record besides its administrators, until when.

A grant is a value of type GRANT, JSON, hidden from the public::

    {"to": {"handle": "88.200.5/buyer", "index": 300}, "fields": ["cost", 2004],
     "until": "2027-01-01T00:00:00Z"}

`to` is an identity (a handle and the index of its key) or a group of them (an HS_VLIST value of a
record). A field is an index, a name of the record's template, or ``*`` for every value that is no
administrative one. Without `until` it holds until it is removed. `by` is entered by the registry:
whoever made the grant.

On a record it is for that record; on a prefix's own record (0.NA/<prefix>) for all records below.
**A grant gives at most what its giver may read of that record now**: when the giver loses the
right, what he gave ends with it, and somebody who has been given a field cannot give it on. It
never gives a key, an administrator's value or another grant.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from millbrain.core.keys import fold
from millbrain.core.limits import GRANT_FIELDS_MAX, IDENTIFIER_BYTES_MAX
from millbrain.core.records import Reference
from millbrain.core.templates import GRANT_TYPE

EVERY_FIELD: Final = "*"
Field = str | int
__all__ = ["EVERY_FIELD", "GRANT_TYPE", "Grant", "Reader", "Seen", "read_grant", "write_grant"]


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant: to whom, what, until when [Unix ms], None = until removed, and by whom."""

    to: Reference
    fields: tuple[Field, ...]
    until_ms: int | None = None
    by: Reference | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether its time is not over."""
        return self.until_ms is None or now_ms < self.until_ms

    def gives(self, index: int, name: str) -> bool:
        """Whether it gives the value of an index, which is the field `name` ('' = of none)."""
        return EVERY_FIELD in self.fields or index in self.fields or (name or None) in self.fields

    def as_json(self) -> dict[str, Any]:
        """Return it as the value has it."""
        told: dict[str, Any] = {"to": _reference_json(self.to), "fields": list(self.fields)}
        if self.until_ms is not None:
            told["until"] = instant(self.until_ms)
        return told | ({"by": _reference_json(self.by)} if self.by else {})


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who can see a value, and why.

    who: index:handle, ``*`` = everybody. why: ``public``, ``owner`` (HS_ADMIN of the record),
    ``node`` (administers the node) or ``grant``. record, index: where the value stands that says
    so. through: groups that lead to `who`. by, until_ms: of a grant. lapsed: why a grant gives
    nothing at present, '' where it does.
    """

    who: str
    why: str
    record: str = ""
    index: int = 0
    through: tuple[str, ...] = ()
    by: str = ""
    until_ms: int | None = None
    lapsed: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what is said of it; what is empty is left out."""
        told: dict[str, Any] = {"who": self.who, "why": self.why}
        if self.record:
            told |= {"record": self.record, "index": self.index}
        if self.through:
            told["through"] = list(self.through)
        if self.by:
            told["by"] = self.by
        if self.until_ms is not None:
            told["until"] = instant(self.until_ms)
        return told | ({"lapsed": self.lapsed} if self.lapsed else {})


@dataclass(frozen=True, slots=True)
class Seen:
    """One value of a record and everybody who can see it; name: of its field, '' = of none."""

    index: int
    type: str
    name: str
    readers: tuple[Reader, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as pages and programs read it."""
        return {
            "index": self.index, "type": self.type, "field": self.name,
            "readers": [reader.as_json() for reader in self.readers],
        }  # fmt: skip


def reference_text(reference: Reference) -> str:
    """Return an identity as people write it.

    >>> reference_text(Reference("88.1.2/buyer", 300))
    '300:88.1.2/buyer'
    """
    return f"{reference.index}:{reference.handle}"


def read_reference(text: str) -> Reference:
    """Read ``300:88.1.2/buyer``; ValueError where it is none."""
    index, colon, handle = text.partition(":")
    is_index = bool(colon) and index.isascii() and index.isdecimal() and len(index) <= 10
    if not is_index or int(index) >= 1 << 32 or not handle:
        raise ValueError(f"{text[:200]!r}: index:handle was expected, 300:88.1.2/buyer")
    return Reference(handle, int(index))


def can_see(seen: Seen, who: Reference) -> bool:
    """Whether an identity is among those who can see a value now."""
    handle = fold(who.handle)
    names = {"*", f"{who.index}:{handle}", f"0:{handle}"}
    return any(reader.who in names and not reader.lapsed for reader in seen.readers)


def instant(at_ms: int) -> str:
    """Return an instant as ISO 8601 UTC, whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_grant(grant: Grant) -> bytes:
    """Return the data of a GRANT value."""
    return json.dumps(grant.as_json(), ensure_ascii=False, separators=(",", ":")).encode()


def read_grant(data: bytes) -> Grant:
    """Read the data of a GRANT value.

    Raises
    ------
    ValueError
        It is none; the sentence says what was expected.
    """
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"grant: no JSON: {error}") from error
    if not isinstance(told, dict) or told.keys() - {"to", "fields", "until", "by"}:
        raise ValueError("grant: an object with to, fields and until was expected")
    by = _reference(told["by"], "by") if told.get("by") is not None else None
    until_ms = _instant(told["until"]) if told.get("until") is not None else None
    return Grant(_reference(told.get("to"), "to"), _fields(told.get("fields")), until_ms, by)


def _reference(told: Any, name: str) -> Reference:
    if isinstance(told, Mapping):
        handle, index = told.get("handle"), told.get("index")
        is_name = isinstance(handle, str) and 0 < len(handle) <= IDENTIFIER_BYTES_MAX
        if is_name and type(index) is int and 0 <= index < 1 << 32:
            return Reference(str(handle), index)
    raise ValueError(f'grant: {name}: {{"handle", "index"}} of an identity or group was expected')


def _reference_json(reference: Reference) -> dict[str, Any]:
    return {"handle": reference.handle, "index": reference.index}


def _fields(told: Any) -> tuple[Field, ...]:
    if not isinstance(told, Sequence) or isinstance(told, str):
        raise ValueError("grant: fields: a list of indexes and names was expected")
    if not 1 <= len(told) <= GRANT_FIELDS_MAX:
        raise ValueError(f"grant: {len(told)} fields; 1 to {GRANT_FIELDS_MAX} are allowed")
    for one in told:
        is_index = type(one) is int and 1 <= one < 1 << 32
        if not is_index and not (isinstance(one, str) and 0 < len(one) <= 64):
            raise ValueError(f"grant: field {str(one)[:80]!r}: an index, a name or * was expected")
    return tuple(told)


def _instant(told: Any) -> int:
    try:
        at = datetime.fromisoformat(told.replace("Z", "+00:00"))
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (AttributeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"grant: until {str(told)[:80]!r}: an instant like 2027-01-01T00:00:00Z was expected"
        ) from error
