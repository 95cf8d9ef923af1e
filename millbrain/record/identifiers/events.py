"""Events of things beside the records, in the same store: by number, id, time, kind and thing.

Keys::

    NUL e e <number, 8 bytes>                       the event
    NUL e h <SHA-256 of its id>                     its number
    NUL e j <name>                                  report of a capture job
    NUL e n                                         newest number
    NUL e x <field> NUL <value> NUL <position>      parts that the value plays in it

A position is the time of the event and its number, both counted down, so that a scan meets the
newest first. What a trace reads stands beside (`genealogy`). All of a job goes in one synced batch:
after a crash it is whole or not there, and to capture it again changes nothing.
"""

import hashlib
import heapq
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from millbrain.core.events import ALL, DECLARED, Event, Hit, Link, Span, Traced
from millbrain.record.identifiers.genealogy import (
    Entry,
    entries_of,
    grown,
    is_traced,
    read_lists,
    read_traced,
    traced_key,
    traced_row,
)
from millbrain.record.identifiers.store import Identifiers, Record

_EVENTS, _IDS, _JOBS = b"\0ee", b"\0eh", b"\0ej"
_NEWEST, _TERMS = b"\0en", b"\0ex"
_NUMBER: Final = struct.Struct(">Q")
_HEAD: Final = struct.Struct(">qqB32sHH")  # at, recorded, public, digest, sizes
_LAST: Final = (1 << 64) - 1
_EPOCH: Final = 1 << 63  # so that times before 1970 have their place


class StoredEvents:
    """The events of one store; this object is their only writer."""

    def __init__(self, store: Identifiers) -> None:
        self._store = store
        self._writing = threading.Lock()
        newest = store.get(_NEWEST)
        self._number = int.from_bytes(newest, "big") if newest else 0

    def add(self, events: Sequence[Event], job: tuple[str, bytes]) -> list[str]:
        """Keep all events that are new, and the report of the job, on disk when this returns."""
        with self._writing:
            refused, new = self._sorted(events)
            rows: list[Record] = [(_JOBS + job[0].encode(), job[1])]
            number = self._number
            entries: list[Entry] = []
            numbers: dict[str, int] = {}
            for event in new:
                number += 1
                numbers[event.id] = number
                rows += _rows(event, number)
                if is_traced(event):
                    rows.append(traced_row(event, number))
                    entries += entries_of(event, number)
            rows += [(traced_key(n), b"") for n in self._void(new, numbers)]
            rows += grown(self._store, entries)
            rows.append((_NEWEST, _NUMBER.pack(number)))
            self._store.put_many(rows)
            self._number = number
        return refused

    def check(self, events: Sequence[Event]) -> list[str]:
        """Return what `add` would, and keep nothing."""
        return self._sorted(events)[0]

    def job(self, name: str) -> bytes | None:
        """Return the report of a job."""
        return self._store.get(_JOBS + name.encode())

    def find(self, what: str, values: Sequence[str], span: Span, count_max: int) -> list[Hit]:
        """Return events with a term of field `what` and one of `values`, newest first."""
        rows = (self._hits(_term(what, value), span, count_max) for value in values)
        found: dict[bytes, Hit] = {}
        for hit in heapq.merge(*rows, key=lambda hit: hit.position):
            known = found.get(hit.position)
            if known is None and len(found) == count_max:
                break
            parts = "".join(sorted({*hit.parts, *(known.parts if known else "")}))
            found[hit.position] = Hit(hit.position, hit.number, parts)
        return list(found.values())

    def links(self, way: str, things: Sequence[str], count_max: int) -> list[list[Link]]:
        """Return each thing's list of a way, oldest first; of a longer one its newest end."""
        return read_lists(self._store, way, things, count_max)

    def traced(self, numbers: Sequence[int]) -> list[Traced | None]:
        """Return what a trace must know of events; None of one that was declared wrong."""
        return read_traced(self._store, numbers)

    def get(self, numbers: Sequence[int]) -> list[Event]:
        """Return events by number, without terms; those that are not there are left out."""
        stored = self._store.get_many([_EVENTS + _NUMBER.pack(n) for n in numbers])
        return [_read(raw, n) for raw, n in zip(stored, numbers, strict=True) if raw is not None]

    def by_id(self, event_id: str) -> Event | None:
        """Return the event that has an id."""
        number = self._store.get(_id_key(event_id))
        return next(iter(self.get([int.from_bytes(number, "big")])), None) if number else None

    def _sorted(self, events: Sequence[Event]) -> tuple[list[str], list[Event]]:
        """Return for each event why it is refused, and the events that are new."""
        numbers = self._store.get_many([_id_key(e.id) for e in events])
        known = {e.id: e for e in self.get([int.from_bytes(n, "big") for n in numbers if n])}
        refused, new = [], []
        for event in events:
            there = known.get(event.id)
            if there is None:
                known[event.id] = event
                new.append(event)
            is_other = there is not None and there.digest != event.digest
            refused.append(f"{event.id} is the id of another event" if is_other else "")
        return refused, new

    def _void(self, new: Sequence[Event], numbers: Mapping[str, int]) -> list[int]:
        """Return the numbers of events that are declared wrong, whichever came first.

        Only who captured an event declares it wrong.
        """
        claims = [(e.voids, e.owner) for e in new if e.voids]
        traced = {e.id: e.owner for e in new if is_traced(e)}
        found = self._numbers([*(name for name, _ in claims), *(n + DECLARED for n in traced)])
        owners = {e.number: e.owner for e in self.get(list(found.values()))}
        void = [n for name, who in claims if (n := found.get(name)) and owners.get(n) == who]
        for name, who in traced.items():
            declared = owners.get(found.get(name + DECLARED, 0))
            if who in (declared, *(owner for claimed, owner in claims if claimed == name)):
                void.append(numbers[name])
        return void

    def _numbers(self, names: Sequence[str]) -> dict[str, int]:
        """Return the number of each event that is there, by its id."""
        kept = self._store.get_many([_id_key(name) for name in names])
        return {n: int.from_bytes(raw, "big") for n, raw in zip(names, kept, strict=True) if raw}

    def _hits(self, prefix: bytes, span: Span, count_max: int) -> Iterator[Hit]:
        start = span.after
        if span.before_ms is not None:
            start = max(start, _NUMBER.pack(_LAST - (span.before_ms - 1 + _EPOCH)) + bytes(8))
        end = _NUMBER.pack(_LAST - (span.from_ms + _EPOCH)) if span.from_ms is not None else b""
        after = prefix + start if start else b""
        for key, parts in islice(self._store.scan(prefix, after, count_max), count_max):
            position = key[-16:]
            if end and position[:8] > end:
                return
            yield Hit(position, _LAST - int.from_bytes(position[8:], "big"), parts.decode())


def _rows(event: Event, number: int) -> Iterator[Record]:
    owner, name = event.owner.encode(), event.id.encode()
    head = _HEAD.pack(event.at_ms, event.recorded_ms, event.is_public, event.digest, len(owner),
                      len(name))  # fmt: skip
    packed = _NUMBER.pack(number)
    yield _EVENTS + packed, head + owner + name + event.body
    yield _id_key(event.id), packed
    position = _NUMBER.pack(_LAST - (event.at_ms + _EPOCH)) + _NUMBER.pack(_LAST - number)
    for what, value, parts in ((ALL, "", ""), *event.terms):
        yield _term(what, value) + position, parts.encode()


def _read(raw: bytes, number: int) -> Event:
    at_ms, recorded_ms, is_public, digest, owner_size, id_size = _HEAD.unpack_from(raw)
    id_at = _HEAD.size + owner_size
    body_at = id_at + id_size
    owner, name = raw[_HEAD.size : id_at].decode(), raw[id_at:body_at].decode()
    told = raw[body_at:]
    return Event(name, digest, told, at_ms, recorded_ms, owner, bool(is_public), number=number)


def _term(what: str, value: str) -> bytes:
    return _TERMS + what.encode() + b"\0" + value.encode() + b"\0"


def _id_key(event_id: str) -> bytes:
    return _IDS + hashlib.sha256(event_id.encode()).digest()
