"""A made store of events for the benchmark of traces: whole trees, written in the order of keys.

A product has seven levels of parts, four parts in each, and every part of the last level is made of
two lots: 21,845 events and eight levels. A lot of a `RUN` serves that many parts in a row, a melt
those of a whole product. The rows are those that a capture would write, but for the index of
queries (`NUL e x`) and of ids (`NUL e h`), which no trace reads. They go into table files of the
store directly: 10 million events in minutes instead of hours.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from millbrain.core.events import CHILD, INPUT, JOINED, MADE, OUTPUT, PARENT, Event
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.genealogy import (
    ENTRIES_MAX,
    list_key,
    traced_row,
)

FAN: Final = 4
DEPTH: Final = 8  # levels of things in a tree: 0 the product, 7 what is made of lots
SIZES: Final = tuple(int(FAN**level) for level in range(DEPTH))
EVENTS: Final = sum(SIZES)  # of one tree
RUN: Final = 1_000
OWNER: Final = "88.608.8889"
START_MS: Final = 1_735_689_600_000  # 2025-01-01
_ENTRY: Final = struct.Struct(">qQcc")
_COUNT: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">qqB32sHH")
Row = tuple[bytes, bytes]


def product(tree: int) -> str:
    """Return the handle of a product."""
    return _thing(tree, 0, 0)[4:]


def lot(tree: int, number: int) -> str:
    """Return the handle of a lot of a tree."""
    return _lot(tree, number)[4:]


def melt(tree: int) -> str:
    """Return the handle of the melt that every part of a product contains."""
    return _melt(tree)[4:]


def _thing(tree: int, level: int, index: int) -> str:
    return f"hdl:{OWNER}/P{tree:05}-{level}-{index:07}"


def _lot(tree: int, number: int) -> str:
    return f"hdl:{OWNER}/L{tree:05}-{number:03}"


def _melt(tree: int) -> str:
    return f"hdl:{OWNER}/M{tree:05}"


def _number(tree: int, level: int, index: int) -> int:
    return tree * EVENTS + sum(SIZES[:level]) + index + 1


def _at_ms(tree: int, level: int, index: int) -> int:
    return START_MS + tree * 600_000 + (DEPTH - level) * 60_000 + index % 1000


def _event(tree: int, level: int, index: int) -> Event:
    me = _thing(tree, level, index)
    parts: tuple[tuple[str, str, str], ...]
    if level == DEPTH - 1:
        role, parts = MADE, ((INPUT, _lot(tree, index // RUN), "0.2 KGM"),
                             (INPUT, _melt(tree), "0.1 KGM"), (OUTPUT, me, ""))  # fmt: skip
    else:
        children = ((CHILD, _thing(tree, level + 1, index * FAN + n), "") for n in range(FAN))
        role, parts = JOINED, ((PARENT, me, ""), *children)
    return Event("", b"", b"", _at_ms(tree, level, index), 0, OWNER, True, role=role, parts=parts)


def _every(trees: int) -> Iterator[tuple[int, int, int]]:
    for tree in range(trees):
        for level, size in enumerate(SIZES):
            yield from ((tree, level, index) for index in range(size))


def _bodies(trees: int) -> Iterator[Row]:
    owner = OWNER.encode()
    for place in _every(trees):
        number, at = _number(*place), _at_ms(*place)
        name = b"ni:///sha-256;%064x?ver=CBV2.0" % (number * 0x9E3779B97F4A7C15)
        head = _HEAD.pack(at, at + 5, 1, name[14:46], len(owner), len(name))
        yield b"\0ee" + number.to_bytes(8, "big"), head + owner + name + _body(*place, name)


def _body(tree: int, level: int, index: int, name: bytes) -> bytes:
    """Return an event as EPCIS has it, about as long as real ones are."""
    me = _thing(tree, level, index).encode()
    if level == DEPTH - 1:
        lots = (_lot(tree, index // RUN).encode(), _melt(tree).encode())
        said = (
            b'"inputQuantityList":[{"epcClass":"%b","quantity":0.2,"uom":"KGM"},'
            b'{"epcClass":"%b","quantity":0.1,"uom":"KGM"}],"outputEPCList":["%b"],'
            b'"type":"TransformationEvent"' % (*lots, me)
        )
    else:
        children = (_thing(tree, level + 1, index * FAN + n) for n in range(FAN))
        said = b'"action":"ADD","childEPCs":["%b"],"parentID":"%b","type":"AggregationEvent"' % (
            '","'.join(children).encode(),
            me,
        )
    return (
        b'{"bizStep":"assembling","eventID":"%b","eventTime":"2025-01-%02dT%02d:%02d:%02d+08:00",'
        b'"eventTimeZoneOffset":"+08:00",'
        b'"readPoint":{"id":"https://id.gs1.org/414/4012345000115/254/%d"},%b}'
        % (name, 1 + tree % 28, tree % 24, level, index % 60, level, said)
    )


def _traced(trees: int) -> Iterator[Row]:
    for place in _every(trees):
        yield traced_row(_event(*place), _number(*place))


def _made(trees: int) -> Iterator[Row]:
    zero = _COUNT.pack(0)
    for tree, level, index in _every(trees):
        is_last = level == DEPTH - 1
        role, part = (b">", b"o") if is_last else (b"+", b"p")
        entry = _ENTRY.pack(_at_ms(tree, level, index), _number(tree, level, index), role, part)
        yield list_key("m", _thing(tree, level, index)), zero + entry


def _used(trees: int) -> Iterator[Row]:
    last = DEPTH - 1
    for tree in range(trees):
        for number in range(-(-SIZES[last] // RUN)):
            users = range(number * RUN, min((number + 1) * RUN, SIZES[last]))
            yield from _chunks(list_key("u", _lot(tree, number)), tree, users)
    for tree in range(trees):
        yield from _chunks(list_key("u", _melt(tree)), tree, range(SIZES[last]))
    zero = _COUNT.pack(0)
    for tree in range(trees):
        for level in range(1, DEPTH):
            for index in range(SIZES[level]):
                at, up = _at_ms(tree, level - 1, index // FAN), index // FAN
                entry = _ENTRY.pack(at, _number(tree, level - 1, up), b"+", b"c")
                yield list_key("u", _thing(tree, level, index)), zero + entry


def _chunks(key: bytes, tree: int, users: range) -> Iterator[Row]:
    last = DEPTH - 1
    packed = [_ENTRY.pack(_at_ms(tree, last, i), _number(tree, last, i), b">", b"i") for i in users]
    older = max(0, -(-len(packed) // ENTRIES_MAX) - 1)
    yield key, _COUNT.pack(older) + b"".join(packed[older * ENTRIES_MAX :])
    for number in range(older):
        part = packed[number * ENTRIES_MAX : (number + 1) * ENTRIES_MAX]
        yield key + b"\0" + _COUNT.pack(number), b"".join(part)


def fill(folder: Path, trees: int) -> int:
    """Write the store of a data folder; return its bytes on disk."""
    store = RocksIdentifiers(folder / "identifiers")
    for rows in (_bodies(trees), _made(trees), [_newest(trees)], _traced(trees), _used(trees)):
        store.build(rows)
    store.close()
    return sum(f.stat().st_size for f in store.folder.iterdir())


def _newest(trees: int) -> Row:
    return b"\0en", (trees * EVENTS).to_bytes(8, "big")
