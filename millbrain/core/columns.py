"""Batches: many rows as NumPy columns, the only form in which facts travel between stages.

A driver decodes thousands of frames at once into one `Columns` per table and hands them on as a
`Delivery`. Nothing here copies a value into a Python object of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:  # tables imports this module
    from millbrain.core.tables import Table


@dataclass(frozen=True, slots=True)
class Ragged:
    """A column of lists: row i holds ``values[offsets[i]:offsets[i + 1]]``.

    offsets: int32, shape (rows + 1,), ascending from 0. values: any NumPy dtype, shape (total,).
    """

    offsets: NDArray[np.int32]
    values: NDArray[Any]

    def take(self, rows: NDArray[np.intp]) -> "Ragged":
        """Return the lists at `rows`, in that order, as new compact arrays."""
        # Arrow copies the bytes of a binary row at once: 30 times faster than by index arrays.
        width = self.values.dtype.itemsize
        bounds = pa.py_buffer((self.offsets.astype(np.int64) * width).data)
        raw = pa.py_buffer(np.ascontiguousarray(self.values).data)
        count = len(self.offsets) - 1
        lists = pa.Array.from_buffers(pa.large_binary(), count, [None, bounds, raw])
        _, bounds_taken, raw_taken = lists.take(pa.array(rows, pa.int64())).buffers()
        offsets = np.frombuffer(memoryview(bounds_taken or b""), np.int64)[: len(rows) + 1] // width
        values = np.frombuffer(memoryview(raw_taken or b""), self.values.dtype)
        return Ragged(offsets.astype(np.int32), values[: offsets[-1]])

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

    def array(self, name: str) -> NDArray[Any]:
        """Return a column that is no list; KeyError or TypeError where there is none."""
        column = self.values[name]
        if isinstance(column, Ragged):
            raise TypeError(f"column {name} holds lists")
        return column

    def ragged(self, name: str) -> Ragged:
        """Return a column of lists; KeyError or TypeError where there is none."""
        column = self.values[name]
        if not isinstance(column, Ragged):
            raise TypeError(f"column {name} holds no lists")
        return column

    def take(self, rows: NDArray[np.intp]) -> "Columns":
        """Return the given rows, in that order."""
        return Columns(
            len(rows),
            {n: c.take(rows) if isinstance(c, Ragged) else c[rows] for n, c in self.values.items()},
            {n: m[rows] for n, m in self.missing.items()},
        )


def concat(parts: Sequence[Columns], table: "Table | None" = None) -> Columns:
    """Join batches of one table, in order.

    A column that only some parts carry needs `table`, which says what its absence means: no value
    where the column may be missing, else an empty list or the column's `blank`.

    Raises
    ------
    KeyError
        The parts differ in columns and `table` is not given or does not declare one of them.
    """
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(n for p in parts for n in p.values)
    values = {name: _joined(name, parts, table) for name in names}
    missing = {}
    for name in names:
        masks = [_mask(name, p, table) for p in parts]
        if any(m is not None for m in masks):
            filled = [
                np.zeros(p.rows, np.bool_) if m is None else m
                for m, p in zip(masks, parts, strict=True)
            ]
            missing[name] = np.concatenate(filled)
    return Columns(sum(p.rows for p in parts), values, missing)


def _mask(name: str, part: Columns, table: "Table | None") -> NDArray[np.bool_] | None:
    if name not in part.values and table is not None and table.column(name).missing:
        return np.ones(part.rows, np.bool_)
    return part.missing.get(name)


def _joined(name: str, parts: Sequence[Columns], table: "Table | None") -> Column:
    first = next(p.values[name] for p in parts if name in p.values)
    pieces = [p.values[name] if name in p.values else _blank(name, p.rows, first, table)
              for p in parts]  # fmt: skip
    if isinstance(first, Ragged):
        return _concat_ragged([r for r in pieces if isinstance(r, Ragged)])
    return np.concatenate([np.asarray(p) for p in pieces])


def _blank(name: str, rows: int, like: Column, table: "Table | None") -> Column:
    if table is None:
        raise KeyError(f"column {name!r} is absent in some parts and no table says what that means")
    column = table.column(name)
    if isinstance(like, Ragged):
        return Ragged(np.zeros(rows + 1, np.int32), like.values[:0])
    return np.full(rows, b"" if like.dtype.kind in "SO" else column.blank, like.dtype)


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


@dataclass(slots=True)
class Outcome:
    """What became of a delivery's plant readings, told before `on_commit` is called.

    rejected: those that the intake refused though the driver handed them over as rows.
    """

    stored: int = 0
    duplicate: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a driver hands to the record stage in one go: facts, refusals, and how many came in.

    received: link -> frames taken off the wire, counted where they were framed, independently of
    what became of them. tables: table name -> rows; each row has `link` and `frame_count`. A frame
    enters `received` in the same delivery as its fate (stored, duplicate or rejected), so the
    intake ledger balances at every instant. on_commit: called from a writer thread once all of it
    is on disk (answers to devices wait for that); must return at once and never raise. outcome:
    filled in by the intake, for a driver whose counterpart wants to know.
    """

    received: Mapping[str, int]
    tables: Mapping[str, Columns]
    rejected: Sequence[DeadLetter] = ()
    on_commit: Callable[[], None] | None = None
    outcome: Outcome | None = None
