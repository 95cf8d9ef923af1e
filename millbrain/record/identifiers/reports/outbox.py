"""Reports that the node above is to have: numbered, kept until it has them, and a while longer.

::

    NUL w d <cell>              what was counted since the last report was cut, 8 bytes
    NUL w r <number, 8 bytes>   a report, JSON
    NUL w s                     name of the stream, newest number, number that the node above has
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from millbrain.core.limits import REPORT_ROWS_MAX, REPORTS_KEPT_MAX, TALLY_SAMPLES_MAX
from millbrain.core.nodes.reports import Cell
from millbrain.core.nodes.tally import Sample
from millbrain.record.identifiers.reports.counts import cell_of, key_of
from millbrain.record.identifiers.store import Identifiers, Record, every

DUE, REPORTS, STATE = b"\0wd", b"\0wr", b"\0ws"
_SWEPT: Final = 1_000  # reports that are removed at once


class Outbox:
    """The reports of this node; for one thread at a time.

    Parameters
    ----------
    name
        Of a new stream; nobody else may have it.
    """

    def __init__(self, store: Identifiers, name: str) -> None:
        self._store = store
        state = json.loads(store.get(STATE) or b"{}")
        self.stream: str = state.get("stream", name)
        self.newest: int = state.get("newest", 0)
        self.acknowledged: int = state.get("acknowledged", 0)
        self._oldest: int = state.get("oldest", 1)
        due = ((cell_of(key[len(DUE) :]), raw) for key, raw in every(store, DUE) if raw)
        self._due = Counter({cell: int.from_bytes(raw, "big") for cell, raw in due})
        self._samples: list[Sample] = []
        self._over: list[bytes] = []  # keys of what has been told

    def due(self, counted: Mapping[Cell, int]) -> list[Record]:
        """Return the rows of what the next report is to tell besides; `add` makes it so."""
        return [(DUE + key_of(cell), (self._due[cell] + count).to_bytes(8, "big"))
                for cell, count in counted.items()]  # fmt: skip

    def add(self, counted: Mapping[Cell, int], samples: Sequence[Sample] = ()) -> None:
        """Hold what is to be told: its rows are on disk. Samples of the log are held only."""
        self._due.update(counted)
        room = TALLY_SAMPLES_MAX - len(self._samples)
        self._samples += samples[:room]

    def cut(self, from_ms: int, to_ms: int) -> list[Record]:
        """Make reports of what is due; return their rows, none where nothing is due."""
        if not self._due and not self._samples:
            return []
        rows = [_named(cell, count) for cell, count in self._due.items()]
        made: list[Record] = []
        for at in range(0, max(len(rows), 1), REPORT_ROWS_MAX):
            self.newest += 1
            told = {"number": self.newest, "from_ms": from_ms, "to_ms": to_ms,
                    "rows": rows[at : at + REPORT_ROWS_MAX],
                    "log": [s.as_json() for s in self._samples] if not at else []}  # fmt: skip
            made.append((_key(self.newest), _json(told)))
        over = [(DUE + key_of(cell), b"") for cell in self._due]
        self._over += [key for key, _ in over]
        self._due.clear()
        self._samples.clear()
        return [*made, *over, self._state()]

    def waiting(self, count_max: int, wanted: Sequence[Sequence[int]] = ()) -> list[bytes]:
        """Return reports to send: those that are missed above, then the unacknowledged."""
        parts = [*wanted, (self.acknowledged + 1, self.newest)]
        ranges = (range(max(a, self._oldest), min(b, self.newest) + 1) for a, b in parts)
        chosen = sorted(set(islice(chain.from_iterable(ranges), count_max)))
        found = self._store.get_many([_key(n) for n in chosen]) if chosen else []
        return [raw for raw in found if raw]

    def lost(self, wanted: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """Return what of the numbers that are missed above is no longer here."""
        return [(first, min(last, self._oldest - 1)) for first, last in wanted
                if first < self._oldest]  # fmt: skip

    def heard(self, have: int) -> list[Record]:
        """Note what the node above has; return the row that keeps it."""
        if not self.acknowledged < have <= self.newest:
            return []
        self.acknowledged = have
        return [self._state()]

    def renamed(self, name: str) -> list[Record]:
        """Begin a stream anew: the node above knows more of the present one than this node does.

        Reports that it has not acknowledged get new numbers; it knows them by their content.
        """
        kept = self.waiting(REPORTS_KEPT_MAX)
        old = range(self._oldest, self.newest + 1)
        gone = [(_key(n), b"") for n in old]
        self.stream, self.newest, self.acknowledged, self._oldest = name, 0, 0, 1
        made = []
        for raw in kept:
            self.newest += 1
            made.append((_key(self.newest), _json(json.loads(raw) | {"number": self.newest})))
        fresh = {key for key, _ in made}
        return [*(row for row in gone if row[0] not in fresh), *made, self._state()]

    def sweep(self) -> None:
        """Remove what has been told, and the oldest reports once there are too many."""
        gone = [key for key in self._over if not self._due[cell_of(key[len(DUE) :])]]
        self._over.clear()
        if gone:
            self._store.delete(gone)
        if self.newest - self._oldest >= REPORTS_KEPT_MAX + _SWEPT:
            first = self._oldest
            self._oldest += _SWEPT
            self._store.put_many([self._state()])
            self._store.delete([_key(n) for n in range(first, self._oldest)])

    def _state(self) -> Record:
        return STATE, _json(self._kept())

    def _kept(self) -> dict[str, Any]:
        return {
            "stream": self.stream, "newest": self.newest, "acknowledged": self.acknowledged,
            "oldest": self._oldest,
        }  # fmt: skip

    def status(self) -> dict[str, Any]:
        """Describe it."""
        return self._kept() | {"waiting": self.newest - self.acknowledged}


def _key(number: int) -> bytes:
    return REPORTS + number.to_bytes(8, "big")


def _named(cell: Cell, count: int) -> list[Any]:
    return [cell.node, cell.day, cell.kind, cell.code, cell.prefix, count]


def _json(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
