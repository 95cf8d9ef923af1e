"""What the ledger says of vehicles: plate, model, operator. Kept for when they report."""

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core import limits
from millbrain.core.columns import Column, Columns, Ragged, concat
from millbrain.record.intake.dedupe import VIN_BYTES_MAX
from millbrain.record.intake.identity import TextIndex

TEXTS: Final = ("plate", "model", "operator")


class Things:
    """Attributes by vehicle, the newest registration wins. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index = TextIndex(VIN_BYTES_MAX, limits.THINGS_MAX)
        # Row 0 is the vehicle that nobody registered.
        self._rows = _tidied(_blank())
        self._row_of = np.zeros(0, np.int64)

    def register(self, things: Columns) -> None:
        """Take or replace attributes; columns vin, plate, model, operator, simulated."""
        with self._lock:
            slots = self._index.slots(things.values["vin"])
            row_of = np.zeros(len(self._index), np.int64)
            row_of[: len(self._row_of)] = self._row_of
            known = np.flatnonzero(slots >= 0)
            row_of[slots[known]] = self._rows.rows + known
            self._rows = concat([self._rows, _tidied(things)])
            self._row_of = row_of
            if self._rows.rows > 2 * len(row_of) + 1024:
                self._compact()

    def lookup(self, vins: NDArray[np.bytes_]) -> Columns:
        """Return plate, model, operator and simulated of each vehicle, blank where unknown."""
        with self._lock:
            slots = self._index.find(vins)
            rows = np.zeros(len(slots), np.int64)
            known = slots >= 0
            rows[known] = self._row_of[slots[known]]
            return self._rows.take(rows)

    def _compact(self) -> None:
        used = np.concatenate([np.zeros(1, np.int64), self._row_of])
        self._rows = self._rows.take(used)
        self._row_of = np.arange(1, len(used))


def _blank() -> Columns:
    return Columns(1, {**dict.fromkeys(TEXTS, np.array([b""])), "simulated": np.zeros(1, np.uint8)})


def _tidied(things: Columns) -> Columns:
    values: dict[str, Column] = {n: ragged_text(things.values[n]) for n in TEXTS}
    values["simulated"] = np.asarray(things.values["simulated"], np.uint8)
    return Columns(things.rows, values)


def ragged_text(texts: Column) -> Ragged:
    """Return texts as bytes of any length, which copy faster than padded ones."""
    if isinstance(texts, Ragged):
        return texts
    pieces = [bytes(t) for t in np.asarray(texts).tolist()]
    offsets = np.zeros(len(pieces) + 1, np.int32)
    np.cumsum([len(p) for p in pieces], out=offsets[1:])
    return Ragged(offsets, np.frombuffer(b"".join(pieces), np.uint8))
