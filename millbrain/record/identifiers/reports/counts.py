"""Counts by day, and the sampled log, in the store.

::

    NUL w c <day, 4 bytes> <node> NUL <kind> NUL <code, 2 bytes> <prefix>     a count, 8 bytes
    NUL w l <instant, 6 bytes, ms> <number, 4 bytes>                          a sample, JSON
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from millbrain.core.limits import LOG_KEPT_MAX
from millbrain.core.nodes.reports import Cell
from millbrain.core.nodes.tally import Sample
from millbrain.record.identifiers.store import Identifiers, Record, every

COUNTS, LOG = b"\0wc", b"\0wl"
_SWEPT = 10_000  # samples that are removed at once


class Counts:
    """Reads and adds; for one thread at a time."""

    def __init__(self, store: Identifiers) -> None:
        self._store = store
        self._logged = sum(1 for _ in every(store, LOG))
        self._number = 0

    def added(self, counted: Mapping[Cell, int]) -> list[Record]:
        """Return the rows of cells with what is to be added."""
        names = [COUNTS + key_of(cell) for cell in counted]
        held = self._store.get_many(names) if names else []
        totals = (int.from_bytes(raw or b"", "big") for raw in held)
        return [
            (name, (total + more).to_bytes(8, "big"))
            for name, total, more in zip(names, totals, counted.values(), strict=True)
        ]

    def read(self, first_day: int, last_day: int) -> Iterator[tuple[Cell, int]]:
        """Return the counts from one day to another, by day."""
        after = COUNTS + (first_day - 1).to_bytes(4, "big") + b"\xff" * 8
        for key, raw in every(self._store, COUNTS, after):
            cell = cell_of(key[len(COUNTS) :])
            if cell.day > last_day:
                return
            yield cell, int.from_bytes(raw, "big")

    def logged(self, samples: Iterable[Sample]) -> list[Record]:
        """Return the rows of samples."""
        rows = []
        for sample in samples:
            self._number = (self._number + 1) & 0xFFFFFFFF
            place = sample.at_ms.to_bytes(6, "big") + self._number.to_bytes(4, "big")
            rows.append((LOG + place, json.dumps(sample.as_json(), ensure_ascii=False).encode()))
        self._logged += len(rows)
        return rows

    def log(self, after: str, count_max: int) -> list[tuple[str, Sample]]:
        """Return samples behind a place, each with its place (hexadecimal)."""
        at = LOG + bytes.fromhex(after) if after else b""
        rows = self._store.scan(LOG, at, count_max)
        return [(key[len(LOG) :].hex(), Sample(*json.loads(raw))) for key, raw in rows]

    def sweep(self) -> None:
        """Remove the oldest samples once there are too many."""
        if self._logged > LOG_KEPT_MAX + _SWEPT:
            gone = [key for key, _ in self._store.scan(LOG, b"", _SWEPT)]
            self._store.delete(gone)
            self._logged -= len(gone)


def key_of(cell: Cell) -> bytes:
    """Return a cell as part of a key."""
    return b"".join((
        cell.day.to_bytes(4, "big"), cell.node.encode("utf-8", "replace"), b"\0",
        cell.kind.encode(), b"\0", cell.code.to_bytes(2, "big"),
        cell.prefix.encode("utf-8", "replace"),
    ))  # fmt: skip


def cell_of(key: bytes) -> Cell:
    """Read what `key_of` wrote."""
    day = int.from_bytes(key[:4], "big")
    node, kind, rest = key[4:].split(b"\0", 2)
    code, prefix = int.from_bytes(rest[:2], "big"), rest[2:].decode()
    return Cell(node.decode(), day, kind.decode(), code, prefix)
