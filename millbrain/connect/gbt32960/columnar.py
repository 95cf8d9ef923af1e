"""The columnar decoder: whole buffers of GB/T 32960 frames to warehouse columns.

It stands between the driver, which owns sockets and answers, and the record stage. Two calls:

``split_frames(buffer, start, stop, out, final=False) -> Split``
    Finds frames in ``buffer[start:stop]`` and writes their bounds into `out`, a `Frames` that the
    caller keeps and reuses. Same rule as `codec.split`.
``decode_columns(buffer, starts, ends) -> Decoded``
    Decodes realtime and reissue frames with a good check byte to rows of `vehicle_report` (every
    column but received_at, link and batch; frame_count is 1) and says per frame what became of it.
    Frames that are not its business (other commands, answers, encrypted units) come back as
    `OTHER`.

Offsets, scalings and markers come from `fields.py`, compiled to number tables by `layout.py`;
`kernels.py` and `filling.py` walk the tables in machine code that numba keeps on disk. They are
loaded by the first call or by `warm_up()`, not on import, and release the interpreter lock.

It does not check plausibility, open encrypted units, merge split packs or verify signatures.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.framing import AT_ID
from millbrain.connect.gbt32960.layout import (
    BAD_TIME,
    KINDS,
    LAYOUT,
    MARKED_COLUMNS,
    NOTED,
    OK,
    OTHER,
    PACK_START,
    PACK_TOTAL,
    PARTIAL,
    REFUSED,
    STRUCTURE,
    UNKNOWN_BLOCK,
    ListColumn,
    ScalarColumn,
)
from millbrain.connect.gbt32960.pool import POOL, Shape
from millbrain.core.columns import Column, Columns, Ragged
from millbrain.core.facts import (
    BLOCK_CELLS,
    BLOCK_EXTREMES,
    BLOCK_OTHER,
    BLOCK_TEMPS,
    VEHICLE_REPORT,
)

__all__ = [
    "BAD_TIME",
    "MARKED_COLUMNS",
    "NOTED",
    "OK",
    "OTHER",
    "PARTIAL",
    "REFUSED",
    "STRUCTURE",
    "UNKNOWN_BLOCK",
    "Decoded",
    "Frames",
    "Split",
    "decode_columns",
    "split_frames",
    "warm_up",
]

_DTYPES: Final = dict(zip(KINDS, ("u1", "u2", "u4", "i2", "f4", "f8", "u8"), strict=True))
_BLANKS: Final = {c.name: c.blank for c in VEHICLE_REPORT.columns}
_LIST_KINDS: Final = ("u8", "u16", "i16", "f32", "u64")
_SCALAR_SIZES: Final = {
    kind: sum(KINDS[c.kind] == kind for c in LAYOUT.scalar_columns) for kind in KINDS[:-1]
}
_MASKS: Final = sum(c.missing >= 0 for c in LAYOUT.scalar_columns)


@dataclass(frozen=True, slots=True)
class Frames:
    """Places for what `split_frames` finds. Reuse them; a caller reads the first `count` only.

    starts, ends: byte bounds of each frame in the buffer, int32, shape (capacity,). good: whether
    its check byte agrees, shape (capacity,). garbage: bounds of the runs of bytes that belong to no
    frame, int32, shape (garbage capacity, 2).
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    good: NDArray[np.bool_]
    garbage: NDArray[np.int32]

    @classmethod
    def allocate(cls, frames: int, garbage: int = 1024) -> "Frames":
        """Return places for so many frames and garbage runs."""
        return cls(
            np.empty(frames, np.int32),
            np.empty(frames, np.int32),
            np.empty(frames, np.bool_),
            np.empty((garbage, 2), np.int32),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """What `split_frames` found: so many frames, so many garbage runs, and where it stopped.

    consumed: index of the first byte that is neither in a frame nor in a garbage run. It lies
    before `stop` where a frame is incomplete or places ran out; with `full`, call again from there.
    """

    count: int
    garbage: int
    consumed: int
    full: bool


@dataclass(frozen=True, slots=True)
class Decoded:
    """Rows of `vehicle_report` and what became of every frame.

    columns: one row per frame whose status is below `REFUSED`, in frame order; columns of blocks
    that no frame of the batch carries are left out. frame: index of each row's frame, int32, shape
    (rows,). status: uint8, shape (frames,). pack_total, pack_start: announced cells and number of
    the first cell of each pack, uint16, shaped as the column pack_no (0 in frames of 2025), from
    which halves of a split pack are put together.
    """

    columns: Columns
    frame: NDArray[np.int32]
    status: NDArray[np.uint8]
    pack_total: Ragged
    pack_start: Ragged


def warm_up() -> None:
    """Load the kernels, from numba's disk cache where it has them."""
    empty = np.zeros(0, np.uint8)
    split_frames(empty, 0, 0, Frames.allocate(1, 1))
    none = np.zeros(0, np.int32)
    decode_columns(empty, none, none)


def split_frames(
    buffer: NDArray[np.uint8], start: int, stop: int, out: Frames, final: bool = False
) -> Split:
    """Find the frames in ``buffer[start:stop]`` by the rule of `framing`.

    Parameters
    ----------
    buffer
        Bytes, C-contiguous. `stop` is at most its length.
    start, stop
        Where to look; bounds in the answer count from the start of the buffer.
    out
        Where frames and garbage runs are written.
    final
        No more bytes will come for this region, or the caller has waited long enough.

    Returns
    -------
    Split
        Runs of garbage are of two sorts, as `framing` says: one that begins like a header is the
        beginning of a frame whose rest never came.
    """
    from millbrain.connect.gbt32960 import kernels

    shift = -buffer.ctypes.data % 8
    words = buffer[shift : shift + (len(buffer) - shift) // 8 * 8].view(np.uint64)
    running = buffer[:0]
    count, garbage, at = 0, 0, start
    while True:
        found = kernels.Found(
            out.starts[count:], out.ends[count:], out.good[count:], out.garbage[garbage:]
        )
        more, runs, at, why = kernels.split(
            buffer, words, shift, at, stop, final, running, start, found
        )
        count, garbage = count + more, garbage + runs
        if why != kernels.WRONG_CHECK:
            return Split(count, garbage, at, why == kernels.FULL)
        running = np.zeros(stop - start + 1, np.uint8)
        np.bitwise_xor.accumulate(buffer[start:stop], out=running[1:])


def id_order(buffer: NDArray[np.uint8], starts: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the frames in order of their unique id, those of one id as they stand.

    The warehouse keeps reports in this order: rows that come sorted spare it the sorting of every
    column (1 us a report, against 0.2 here).

    Parameters
    ----------
    buffer, starts
        As for `decode_columns`.
    """
    if not len(starts):
        return np.zeros(0, np.intp)
    words = np.ndarray((len(buffer) - 7,), ">u8", buffer.data, strides=(1,))
    at = starts + AT_ID
    keys = (buffer[at + 16], words[at + 8].astype(np.uint64), words[at].astype(np.uint64))
    return np.lexsort(keys)


def decode_columns(
    buffer: NDArray[np.uint8], starts: NDArray[np.int32], ends: NDArray[np.int32]
) -> Decoded:
    """Decode frames whose check byte is right to rows of `vehicle_report`.

    Parameters
    ----------
    buffer
        Bytes, C-contiguous.
    starts, ends
        Bounds of each frame as `split_frames` found them, shape (frames,). A frame whose size
        disagrees with its header must not be among them.

    Returns
    -------
    Decoded
        Values scaled to the units of their columns; values that the device marked abnormal (FE..)
        or invalid (FF..) are missing, or stay as codes where the column is a code, and set a bit
        (`MARKED_COLUMNS`). Extremes that a frame does not bring are computed from its cells and
        probes without the marked ones. A block type that comes a second time in a frame is kept raw
        in other_blocks, with the blocks that have no columns.

    References
    ----------
    GB/T 32960.3-2016 tables 4-18 and annex B, GB/T 32960.3-2025.
    """
    from millbrain.connect.gbt32960 import kernels

    status = np.empty(len(starts), np.uint8)
    rows = _rows(kernels, len(starts))
    count = kernels.walk(buffer, starts, ends, LAYOUT.tables, status, rows)
    return _Filler(buffer, starts, ends, rows, count).decoded(status)


def _rows(kernels: Any, frames: int) -> Any:
    """Place what `kernels.walk` writes."""
    runs, slots, groups = LAYOUT.runs, LAYOUT.tables.slots.shape[1], LAYOUT.groups + 1
    shapes: list[Shape] = [
        ("i4", (frames,)),
        ("u1", (frames, kernels.ID_BYTES)),
        ("u4", (frames,)),
        ("u1", (frames,)),
        ("u2", (frames,)),
        ("u4", (frames,)),
        ("u2", (frames,)),
        ("i4", (frames, runs + slots)),
        ("i4", (groups, frames + 1)),
    ]
    return kernels.Rows(*POOL.arrays(shapes), used=np.zeros(runs, np.int64))


class _Filler:
    """Places the columns of one batch, has them filled, and gives them their names."""

    def __init__(
        self,
        buffer: NDArray[np.uint8],
        starts: NDArray[np.int32],
        ends: NDArray[np.int32],
        rows: Any,
        count: int,
    ) -> None:
        from millbrain.connect.gbt32960 import filling

        self.rows = rows
        self.count = count
        self.offsets = [group[: count + 1] for group in rows.offsets]
        self.blocks = self._carried()
        self.scalars, self.lists = self._place(filling)
        tables = LAYOUT.tables
        raw = np.empty(filling.TILE, np.int64)
        filling.fill_scalars(buffer, tables, rows, count, self.scalars, raw)
        filling.fill_lists(buffer, tables, rows, count, self.lists)
        filling.fill_extremes(buffer, tables, rows, count, self.scalars, self.lists)
        filling.fill_others(buffer, starts, ends, tables, rows, count, self.lists.other)

    def _carried(self) -> int:
        """Return the mask of blocks that at least one row carries or may have computed."""
        blocks = int(np.bitwise_or.reduce(self.rows.blocks[: self.count], initial=0))
        if blocks & (1 << BLOCK_CELLS | 1 << BLOCK_TEMPS):
            blocks |= 1 << BLOCK_EXTREMES
        return blocks

    def _place(self, filling: Any) -> tuple[Any, Any]:
        """Place all columns and write what a row holds that brings no value."""
        n = self.count
        begins, sizes = self._list_begins()
        shapes: list[Shape] = [
            (_DTYPES[kind], (places, n)) for kind, places in _SCALAR_SIZES.items()
        ]
        shapes += [("?", (_MASKS, n)), ("u8", (2, n))]
        shapes += [(_DTYPES[kind], (sizes[kind],)) for kind in _LIST_KINDS]
        shapes += [("u1", (int(self.offsets[-1][-1]),))]
        *arrays, missing, marks, u8, u16, i16, f32, u64, other = POOL.arrays(shapes)
        marks.fill(0)
        f32.fill(np.nan)  # not every edition sends every number of a motor or pack
        for column, begin in zip(LAYOUT.list_columns, begins, strict=True):
            if column.name in (PACK_TOTAL, PACK_START):
                u16[begin : begin + int(self.offsets[column.group][-1])] = 0
        scalars = filling.Scalars(*arrays, missing, *marks)
        for scalar in self._scalar_columns():
            scalars[scalar.kind][scalar.place].fill(_BLANKS[scalar.name])
            if scalar.missing >= 0:
                missing[scalar.missing].fill(True)
        return scalars, filling.Lists(u8, u16, i16, f32, u64, np.array(begins, np.int64), other)

    def _list_begins(self) -> tuple[list[int], dict[str, int]]:
        """Return where each list column begins among those of its kind, and their sizes."""
        sizes = dict.fromkeys(KINDS, 0)
        begins = []
        for column in LAYOUT.list_columns:
            kind = KINDS[column.kind]
            begins.append(sizes[kind])
            sizes[kind] += int(self.offsets[column.group][-1])
        return begins, sizes

    def _scalar_columns(self) -> list[ScalarColumn]:
        return [c for c in LAYOUT.scalar_columns if self.blocks >> c.bit & 1]

    def decoded(self, status: NDArray[np.uint8]) -> Decoded:
        """Name the columns."""
        self.blocks = int(np.bitwise_or.reduce(self.rows.blocks[: self.count], initial=0))
        lists = {c.name: self._list(c, i) for i, c in enumerate(LAYOUT.list_columns)}
        values, missing = self._scalar_values()
        for column in LAYOUT.list_columns:
            if column.name not in (PACK_TOTAL, PACK_START) and self.blocks >> column.bit & 1:
                values[column.name] = lists[column.name]
        if self.blocks >> BLOCK_OTHER & 1:
            values["other_blocks"] = Ragged(self.offsets[-1], self.lists.other)
        columns = Columns(self.count, values, missing)
        frame = self.rows.frame[: self.count]
        return Decoded(columns, frame, status, lists[PACK_TOTAL], lists[PACK_START])

    def _list(self, column: ListColumn, index: int) -> Ragged:
        offsets = self.offsets[column.group]
        begin = int(self.lists.begins[index])
        flat = getattr(self.lists, KINDS[column.kind])
        return Ragged(offsets, flat[begin : begin + int(offsets[-1])])

    def _scalar_values(self) -> tuple[dict[str, Column], dict[str, NDArray[np.bool_]]]:
        rows, n = self.rows, self.count
        values: dict[str, Column] = {
            "vin": rows.vin[:n].view(f"S{rows.vin.shape[1]}")[:, 0],
            "device_at": rows.device_at[:n],
            "frame_count": np.ones(n, np.uint8),
            "reissued": rows.reissued[:n],
            "edition": rows.edition[:n],
            "blocks": rows.blocks[:n],
            "abnormal": self.scalars.abnormal,
            "invalid": self.scalars.invalid,
            "undecoded_bytes": rows.rest[:n],
        }
        missing: dict[str, NDArray[np.bool_]] = {}
        for column in self._scalar_columns():
            if column.missing >= 0:
                missing[column.name] = self.scalars.missing[column.missing]
            values[column.name] = self.scalars[column.kind][column.place]
        return values, missing
