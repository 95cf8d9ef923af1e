"""Which records share a tag: found by a public value of type TAG, as many records as like.

An alias names one record, a tag (``name=value``) leads to all that hold it. The index is a hint, as
that of aliases is: an entry counts only while its record is live and holds the tag.

Keys: NUL k <hash of the tag, 16 bytes> <key of the record> -> 1, or nothing once it was given up.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Final

from millbrain.core.errors import FrameError
from millbrain.core.limits import PAGE_ROWS_MAX, TAGGED_EXAMINED_MAX
from millbrain.core.records import PUBLIC_READ, is_live, stored_values
from millbrain.core.registry import TAG_TYPE
from millbrain.record.identifiers.store import Identifiers, Record

TAGS: Final = b"\0k"
_HASH_BYTES: Final = 16
_FEW: Final = 64  # records: below, it does not matter how many share a tag
_HELD: Final = b"\1"
_GIVEN_UP: Final = b""
_MARK: Final = TAG_TYPE.encode()
LookMany = Callable[[Sequence[bytes]], list[bytes | None]]


def changed(key: bytes, before: bytes | None, after: bytes) -> dict[bytes, bytes]:
    """Return the entries that a change of the record `key` makes and ends."""
    old, new = _held(before), _held(after)
    ended = {_entry(tag) + key: _GIVEN_UP for tag in old - new}
    return ended | {_entry(tag) + key: _HELD for tag in new - old}


def of_records(batch: Iterable[Record]) -> list[Record]:
    """Return the entries of records that are loaded."""
    marked = [row for row in batch if _MARK in row[1]]
    return [(_entry(tag) + key, _HELD) for key, stored in marked for tag in _held(stored)]


def sharing(
    store: Identifiers, look_many: LookMany, wanted: Sequence[str], after: str, count_max: int
) -> tuple[list[str], str]:
    """Return handles behind `after` that hold all tags, and where to go on, '' = nowhere.

    look_many: returns what is answered of records. At most `TAGGED_EXAMINED_MAX` are looked at.
    """
    prefix = min((_entry(tag) for tag in set(wanted)), key=lambda p: len(store.scan(p, b"", _FEW)))
    tags = frozenset(wanted)
    others = {_entry(tag) for tag in tags} - {prefix}
    size = min(max(count_max, _FEW), PAGE_ROWS_MAX)
    found: list[str] = []
    at, examined = b"hdl:" + after.encode() if after else b"", 0
    while examined < TAGGED_EXAMINED_MAX:
        page = store.scan(prefix, prefix + at if at else b"", size)
        keys = [key[len(prefix) :] for key, state in page if state == _HELD]
        for other in others:  # a look at entries is cheaper than one at records
            states = store.get_many([other + key for key in keys])
            keys = [key for key, state in zip(keys, states, strict=True) if state == _HELD]
        for key, stored in zip(keys, look_many(keys), strict=True):
            if tags <= _held(stored):
                found.append(key[4:].decode())
                if len(found) == count_max:
                    return found, found[-1]
        if len(page) < size:
            return found, ""
        at, examined = page[-1][0][len(prefix) :], examined + len(page)
    return found, at[4:].decode()


def _entry(tag: str) -> bytes:
    return TAGS + blake2b(tag.encode("utf-8", "replace"), digest_size=_HASH_BYTES).digest()


def _held(stored: bytes | None) -> frozenset[str]:
    """Return the tags of a record; a look at the bytes spares most of them the decoding."""
    if stored is None or _MARK not in stored or not is_live(stored):
        return frozenset()
    try:
        values = stored_values(stored)
    except FrameError:
        return frozenset()
    return frozenset(
        v.data.decode("utf-8", "replace")
        for v in values
        if v.type == TAG_TYPE and v.permissions & PUBLIC_READ
    )
