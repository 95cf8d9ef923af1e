"""Batches: many rows as NumPy columns, the only form in which facts travel between stages.

A driver decodes thousands of frames at once into one `Columns` per table and hands them on as a
`Delivery`. Nothing here copies a value into a Python object of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ragged:
    """A column of lists: row i holds ``values[offsets[i]:offsets[i + 1]]``.

    offsets: int32, shape (rows + 1,), ascending from 0. values: any NumPy dtype, shape (total,).
    """

    offsets: NDArray[np.int32]
    values: NDArray[Any]

    def take(self, rows: NDArray[np.intp]) -> "Ragged":
        """Return the lists at `rows`, in that order, as new compact arrays."""
        starts = self.offsets[:-1][rows].astype(np.int64)
        sizes = np.diff(self.offsets)[rows]
        offsets = np.zeros(len(rows) + 1, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        shift = np.repeat(starts - offsets[:-1], sizes)
        return Ragged(offsets, self.values[np.arange(offsets[-1]) + shift])

    def lists(self) -> list[NDArray[Any]]:
        """Return one view per row. For small batches and tests."""
        return np.split(self.values, self.offsets[1:-1])


Column = NDArray[Any] | Ragged


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one declared table as columns.

    values: column name -> array of shape (rows,) or `Ragged`; text is a NumPy ``S`` (UTF-8 bytes)
    array or an object array of ``bytes``. missing: column name -> bool array of shape (rows,), True
    where the device gave no value; a name that is absent there is complete.
    """

    rows: int
    values: dict[str, Column]
    missing: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def take(self, rows: NDArray[np.intp]) -> "Columns":
        """Return the given rows, in that order."""
        return Columns(
            len(rows),
            {n: c.take(rows) if isinstance(c, Ragged) else c[rows] for n, c in self.values.items()},
            {n: m[rows] for n, m in self.missing.items()},
        )


def concat(parts: Sequence[Columns]) -> Columns:
    """Join batches of one table, in order. All parts must have the same columns."""
    if len(parts) == 1:
        return parts[0]
    values: dict[str, Column] = {}
    for name, first in parts[0].values.items():
        if isinstance(first, Ragged):
            ragged = [p.values[name] for p in parts]
            values[name] = _concat_ragged([r for r in ragged if isinstance(r, Ragged)])
        else:
            values[name] = np.concatenate([np.asarray(p.values[name]) for p in parts])
    masked = {n for p in parts for n in p.missing}
    none = [np.zeros(p.rows, np.bool_) for p in parts]
    missing = {
        n: np.concatenate([p.missing.get(n, z) for p, z in zip(parts, none, strict=True)])
        for n in masked
    }
    return Columns(sum(p.rows for p in parts), values, missing)


def _concat_ragged(parts: Sequence[Ragged]) -> Ragged:
    sizes = np.concatenate([np.diff(p.offsets) for p in parts])
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return Ragged(offsets, np.concatenate([p.values[: p.offsets[-1]] for p in parts]))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that could not become a fact, kept raw with the reason.

    frames: 1 where the bytes count as a rejected frame of the ledger, 0 where they are only a note
    on a frame that was stored all the same (an unknown block after good ones).
    """

    link: str
    reason: str
    detail: str
    raw: bytes
    received_ms: int
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a driver hands to the record stage in one go: facts, refusals, and how many came in.

    received: link -> frames taken off the wire, counted where they were framed, independently of
    what became of them. tables: table name -> rows; each row has `link` and `frame_count`. A frame
    enters `received` in the same delivery as its fate (stored, duplicate or rejected), so the intake
    ledger balances at every instant. on_commit: called from a writer thread once all of it is on
    disk (answers to devices wait for that); must return at once and never raise.
    """

    received: Mapping[str, int]
    tables: Mapping[str, Columns]
    rejected: Sequence[DeadLetter] = ()
    on_commit: Callable[[], None] | None = None
