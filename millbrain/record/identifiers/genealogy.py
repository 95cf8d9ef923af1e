"""Which event made what of what: lists that a trace reads level by level, kept with each capture.

Keys, as all of them beside the records::

    NUL e t <number, 8 bytes>          what a trace must know of an event; nothing of a void one
    NUL e m <thing>                    events that say what a thing was made of, newest part
    NUL e u <thing>                    events in which it went into another, newest part
    NUL e z <thing>                    events in which everything left it, newest part
    ... <thing> NUL <chunk, 4 bytes>   an older part of the list, in the order of capture

A list is a count of older parts (4 bytes) and entries: time, number, role, part played. The newest
part is rewritten when an event is added; a full one is put aside, so an event of a lot that went
into a million things costs no more than that of a screw.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from millbrain.core.events import (
    BOUND,
    CHILD,
    EMPTIED,
    FREED,
    GROUP,
    HELD,
    INPUT,
    JOINED,
    MADE,
    MADE_OF,
    OUTPUT,
    PARENT,
    PARTED,
    SEEN,
    WENT_INTO,
    Event,
    Link,
    Traced,
    pack_parts,
)
from millbrain.record.identifiers.store import Identifiers, Record

ENTRIES_MAX: Final = 128  # of the newest part: about 2 KB that one event rewrites
_TRACED: Final = b"\0et"
_ENTRY: Final = struct.Struct(">qQcc")
_COUNT: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">qc?HH")  # at, role, public, sizes of owner and group
_NUMBER: Final = struct.Struct(">Q")
_HOLDING: Final = frozenset((JOINED, PARTED, SEEN, BOUND, FREED, HELD))
Entry = tuple[bytes, bytes]  # key of a list, packed entry


def entries_of(event: Event, number: int) -> Iterator[Entry]:
    """Yield what an event adds to lists: the key of each list, and the entry."""
    if event.role in _HOLDING:
        yield from _holding(event, number)
    elif event.role == MADE:
        for letter, thing, _ in event.parts:
            if letter in (OUTPUT, INPUT):
                way = MADE_OF if letter == OUTPUT else WENT_INTO
                yield list_key(way, thing), _entry(event, number, letter)
        if event.group:
            letters = {letter for letter, _, _ in event.parts}
            for letter, way in ((INPUT, MADE_OF), (OUTPUT, WENT_INTO)):
                if letter in letters:
                    yield list_key(way, GROUP + event.group), _entry(event, number, letter)


def _holding(event: Event, number: int) -> Iterator[Entry]:
    parents = [thing for letter, thing, _ in event.parts if letter == PARENT]
    children = [thing for letter, thing, _ in event.parts if letter == CHILD]
    if not parents:
        return  # seen together, without anything that holds them
    for child in children:
        yield list_key(WENT_INTO, child), _entry(event, number, CHILD)
    for parent in parents:
        yield list_key(MADE_OF, parent), _entry(event, number, PARENT)
        if event.role in (PARTED, FREED) and not children:
            yield list_key(EMPTIED, parent), _entry(event, number, PARENT)


def traced_row(event: Event, number: int) -> Record:
    """Return the row of what a trace must know of an event."""
    owner, group = event.owner.encode(), event.group.encode()
    head = _HEAD.pack(event.at_ms, event.role.encode(), event.is_public, len(owner), len(group))
    return traced_key(number), head + owner + group + pack_parts(event.parts).encode()


def list_key(way: str, thing: str) -> bytes:
    """Return the key of the newest part of a list."""
    return b"\0e" + way.encode() + thing.encode()


def traced_key(number: int) -> bytes:
    """Return the key under which a trace finds an event."""
    return _TRACED + _NUMBER.pack(number)


def one_entry(entry: bytes) -> bytes:
    """Return a list that has this entry alone."""
    return _COUNT.pack(0) + entry


def grown(store: Identifiers, entries: Sequence[Entry]) -> list[Record]:
    """Return the rows that add entries to their lists."""
    added: dict[bytes, list[bytes]] = {}
    for key, entry in entries:
        added.setdefault(key, []).append(entry)
    rows: list[Record] = []
    for (key, new), kept in zip(added.items(), store.get_many(list(added)), strict=True):
        older = _COUNT.unpack_from(kept)[0] if kept else 0
        held = [*_cut(kept[_COUNT.size :] if kept else b""), *new]
        while len(held) > ENTRIES_MAX:
            rows.append((_older_key(key, older), b"".join(held[:ENTRIES_MAX])))
            held = held[ENTRIES_MAX:]
            older += 1
        rows.append((key, _COUNT.pack(older) + b"".join(held)))
    return rows


def read_lists(store: Identifiers, way: str, things: Sequence[str], count_max: int) -> (
    list[list[Link]]
):  # fmt: skip
    """Return each thing's list, oldest event first; of a longer one the newest `count_max`."""
    head = b"\0e" + way.encode()
    keys = [head + thing.encode() for thing in things]
    return [
        _links(store, key, raw, count_max) if raw else []
        for key, raw in zip(keys, store.get_many(keys), strict=True)
    ]


def read_traced(store: Identifiers, numbers: Sequence[int]) -> list[Traced | None]:
    """Return what a trace must know of events; None of a void one or one that is not there."""
    rows = store.get_many([_TRACED + _NUMBER.pack(n) for n in numbers])
    return [_traced(raw) if raw else None for raw in rows]


def _links(store: Identifiers, key: bytes, newest: bytes, count_max: int) -> list[Link]:
    older = _COUNT.unpack_from(newest)[0]
    packed = newest[_COUNT.size :]
    if older:
        missing = max(0, count_max - len(packed) // _ENTRY.size)
        first = max(0, older - -(-missing // ENTRIES_MAX))
        parts = store.get_many([_older_key(key, n) for n in range(first, older)])
        packed = b"".join(filter(None, parts)) + packed
    found = [(at, n, role.decode(), part.decode())
             for at, n, role, part in _ENTRY.iter_unpack(packed)]  # fmt: skip
    if len(found) > 1:
        found.sort()  # captured in another order than it happened
    return found[-count_max:]


def _traced(raw: bytes) -> Traced:
    at_ms, role, is_public, owner_size, group_size = _HEAD.unpack_from(raw)
    group_at = _HEAD.size + owner_size
    parts_at = group_at + group_size
    owner, group = raw[_HEAD.size : group_at].decode(), raw[group_at:parts_at].decode()
    return Traced(at_ms, role.decode(), is_public, owner, group, raw[parts_at:].decode())


def _entry(event: Event, number: int, part: str) -> bytes:
    return _ENTRY.pack(event.at_ms, number, event.role.encode(), part.encode())


def _cut(packed: bytes) -> list[bytes]:
    return [packed[at : at + _ENTRY.size] for at in range(0, len(packed), _ENTRY.size)]


def _older_key(key: bytes, number: int) -> bytes:
    return key + b"\0" + _COUNT.pack(number)


def is_traced(event: Event) -> bool:
    """Whether an event has a place in the tree of things."""
    return bool(event.role) and bool(event.parts)
