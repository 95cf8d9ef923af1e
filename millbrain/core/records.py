"""What an identifier leads to: a record of values, in the one form that every face shares.

A value is that of the Handle system (RFC 3651 3.1), since all other faces can be told in it: an
index, a type, bytes, permissions, time to live. A record is kept ready to send: the public values
stand in it as the binary protocol puts them behind the handle in an answer.

Stored form
-----------
::

    0  1  form: 1 a record, 2 a tombstone (deleted; no values follow)
    1  4  length n of the public part
    5  n  count and values that everybody may read
    5+n   count and values that only administrators may read
"""

import struct
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from zlib import crc32

from millbrain.core.errors import FrameError
from millbrain.core.limits import (
    HANDLE_ITEMS_MAX,
    HANDLE_VALUES_MAX,
    READY_ANSWERS_MAX,
    READY_BYTES_MAX,
)

ADMIN_READ, ADMIN_WRITE, PUBLIC_READ, PUBLIC_WRITE = 8, 4, 2, 1
PERMISSIONS_USUAL: Final = ADMIN_READ | ADMIN_WRITE | PUBLIC_READ
TTL_RELATIVE, TTL_ABSOLUTE = 0, 1
TTL_S: Final = 86_400  # of a value that says nothing else
FORM: Final = 1
TOMBSTONE: Final = bytes((2, 0, 0, 0, 0))
PUBLIC_AT: Final = 5  # where the public part of a stored form begins
T = TypeVar("T")
_COUNT: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">2IBIB")
_ADMIN: Final = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Reference:
    """A value elsewhere: handle and index; index 0 means any value of the handle."""

    handle: str
    index: int


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an identifier (RFC 3651 3.1).

    ttl: seconds to live where `ttl_type` is relative, Unix seconds where it is absolute.
    permissions: the four bits above. timestamp_s: last change [Unix s].
    """

    index: int
    type: str
    data: bytes
    ttl: int = TTL_S
    ttl_type: int = TTL_RELATIVE
    permissions: int = PERMISSIONS_USUAL
    timestamp_s: int = 0
    references: tuple[Reference, ...] = ()


def encode_values(values: Iterable[Value]) -> bytes:
    """Write the count and the values as the binary protocol has them.

    Raises
    ------
    FrameError
        With reason ``structure`` where a number does not fit its place.
    """
    parts = [_encoded(value) for value in values]
    return _COUNT.pack(len(parts)) + b"".join(parts)


def _encoded(v: Value) -> bytes:
    try:
        head = _HEAD.pack(v.index, v.timestamp_s, v.ttl_type, v.ttl, v.permissions)
        references = encode_references(v.references)
    except struct.error as error:
        raise FrameError("structure", f"value {v.index} of type {v.type!r}: {error}") from error
    kind, data = _text(v.type), _COUNT.pack(len(v.data)) + v.data
    return head + kind + data + references


def encode_references(references: Iterable[Reference]) -> bytes:
    """Write references as HS_VLIST data: the members of a group."""
    parts = [_text(r.handle) + _COUNT.pack(r.index) for r in references]
    return _COUNT.pack(len(parts)) + b"".join(parts)


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return _COUNT.pack(len(raw)) + raw


def decode_values(raw: bytes) -> tuple[Value, ...]:
    """Read what `encode_values` wrote.

    Raises
    ------
    FrameError
        With reason ``structure`` or ``truncated`` and the offset; nothing else on any bytes.
    """
    reader = _Reader(raw)
    values = tuple(reader.value() for _ in range(reader.count(HANDLE_VALUES_MAX, "values")))
    if reader.at < len(raw):
        raise FrameError("structure", f"{len(raw) - reader.at} bytes behind the end", reader.at)
    return values


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.raw):
            left = len(self.raw) - self.at
            raise FrameError("truncated", f"{size} bytes were announced, {left} are left", self.at)
        found, self.at = self.raw[self.at : end], end
        return found

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def count(self, most: int, what: str) -> int:
        found = self.number()
        if found > most:
            raise FrameError("structure", f"{found} {what}, at most {most} allowed", self.at - 4)
        return found

    def text(self) -> str:
        return self.take(self.number()).decode("utf-8", "surrogateescape")

    def value(self) -> Value:
        index, timestamp_s, ttl_type, ttl, permissions = _HEAD.unpack(self.take(_HEAD.size))
        kind, data = self.text(), self.take(self.number())
        references = tuple(
            Reference(self.text(), self.number())
            for _ in range(self.count(HANDLE_ITEMS_MAX, "references"))
        )
        return Value(index, kind, data, ttl, ttl_type, permissions, timestamp_s, references)


def store_form(values: Iterable[Value]) -> bytes:
    """Return what is kept of an identifier with these values, ready to send."""
    kept = tuple(values)
    ready = encode_values(v for v in kept if v.permissions & PUBLIC_READ)
    hidden = encode_values(v for v in kept if not v.permissions & PUBLIC_READ)
    return bytes((FORM,)) + _COUNT.pack(len(ready)) + ready + hidden


def stored_values(stored: bytes) -> tuple[Value, ...]:
    """Return the values that are kept, the public ones first, each part in its order.

    Raises
    ------
    FrameError
        The bytes are of another form or damaged.
    """
    end = PUBLIC_AT + int.from_bytes(stored[1:PUBLIC_AT], "big")
    if stored[:1] != bytes((FORM,)) or end > len(stored):
        raise FrameError("structure", f"stored form {stored[:PUBLIC_AT].hex()} is not known", 0)
    return decode_values(stored[PUBLIC_AT:end]) + decode_values(stored[end:])


def is_live(stored: bytes | None) -> bool:
    """Whether there is a record: one was stored, and it is no tombstone."""
    return stored is not None and stored[0] == FORM


def is_wanted(value: Value, indexes: Sequence[int], types: Sequence[str]) -> bool:
    """Whether a request for these indexes and types asks for a value; without any, for all.

    A type that ends in a full stop asks for its subtypes as well (RFC 3651 3.1).
    """
    if not indexes and not types:
        return True
    kind = value.type.upper()
    return value.index in indexes or any(
        kind == t.upper() or (t.endswith(".") and kind.startswith(t.upper())) for t in types
    )


# Values that say who may do what ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Administrator:
    """Data of an HS_ADMIN value: who may administer, and what (RFC 3651 3.2.1)."""

    permissions: int
    identity: Reference


def read_administrator(data: bytes) -> Administrator:
    """Read the data of an HS_ADMIN value; old writers leave two bytes behind it.

    Raises
    ------
    FrameError
        The bytes are none.
    """
    reader = _Reader(data)
    (permissions,) = _ADMIN.unpack(reader.take(_ADMIN.size))
    return Administrator(permissions, Reference(reader.text(), reader.number()))


def write_administrator(administrator: Administrator) -> bytes:
    """Write the data of an HS_ADMIN value."""
    who = administrator.identity
    return _ADMIN.pack(administrator.permissions) + _text(who.handle) + _COUNT.pack(who.index)


def read_group(data: bytes) -> tuple[Reference, ...]:
    """Read the data of an HS_VLIST value: the members of a group.

    Raises
    ------
    FrameError
        The bytes are none.
    """
    reader = _Reader(data)
    count = reader.count(HANDLE_ITEMS_MAX, "members")
    return tuple(Reference(reader.text(), reader.number()) for _ in range(count))


# Answers kept ready -----------------------------------------------------------------------------


class Stamps:
    """How often records changed, counted by a hash of their keys.

    The writer touches the keys of a batch once it is on disk and before anybody is told of it.
    Whoever keeps something made of a record takes the stamp *before* reading the record; what was
    made holds while the stamp is the same. So nothing old is given after a change was acknowledged,
    and no reader takes a lock. Two keys with one stamp only cost an answer made once more.
    """

    SLOTS: Final = 1 << 16

    def __init__(self) -> None:
        self.counts = [0] * self.SLOTS

    def of(self, key: bytes) -> tuple[int, int]:
        """Return which of `counts` is the stamp of a key, and the count now."""
        slot = crc32(key) & (self.SLOTS - 1)
        return slot, self.counts[slot]

    def touch_all(self) -> None:
        """Count a change of every key."""
        self.counts[:] = [count + 1 for count in self.counts]

    def touch(self, keys: Iterable[bytes]) -> None:
        """Count a change of each of `keys`; one thread at a time."""
        counts, last = self.counts, self.SLOTS - 1
        for key in keys:
            counts[crc32(key) & last] += 1


class ReadyAnswers(Generic[T]):
    """Answers by the bytes of their question, each until its record changes; for one thread.

    The oldest goes when there are too many. A long one is not kept.
    """

    def __init__(self, stamps: Stamps, count_max: int = READY_ANSWERS_MAX) -> None:
        self.stamps = stamps
        self._count_max = count_max
        self._kept: OrderedDict[bytes, tuple[int, int, T]] = OrderedDict()

    def get(self, question: bytes) -> T | None:
        """Return the answer to a question, None where none is kept that still holds."""
        kept = self._kept.get(question)
        if kept is None or self.stamps.counts[kept[0]] != kept[1]:
            return None
        return kept[2]

    def keep(self, question: bytes, answer: T, size: int, stamp: tuple[int, int]) -> None:
        """Keep an answer of so many bytes; stamp: `Stamps.of` from before the record was read."""
        if len(question) + size > READY_BYTES_MAX:
            return
        if len(self._kept) >= self._count_max:
            self._kept.popitem(last=False)
        self._kept[question] = (*stamp, answer)
