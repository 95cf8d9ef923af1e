"""Data changes by the thousand: the items of a notification to NumPy columns, in machine code.

A client library makes five objects of every value; at a hundred thousand values a second that is
all it does. Here one kernel walks over the bytes of a notification and writes columns. What it does
not know how to pass over (variants within variants) is read by `codec`, one item at a time.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from millbrain.connect.opcua import layout
from millbrain.connect.opcua.codec import Reader
from millbrain.core.errors import FrameError
from millbrain.core.limits import OPCUA_ITEMS_MAX

KERNEL: Final[dict[str, Any]] = {"cache": True, "nogil": True}
Bytes = NDArray[np.uint8]
_BYTES: Final = types.Array(types.uint8, 1, "C", readonly=True)
_OTHER: Final = -2  # codec must read it
_SHORT: Final = -1  # the bytes end within it
_part = njit(forceinline=True, **KERNEL)
SIZES: Final = np.array(
    [layout.BUILTINS[i].size if i in layout.BUILTINS else 0 for i in range(64)], np.int64
)


class Changes(NamedTuple):
    """Items of data changes, one entry per item.

    handle: client handle. kind: encoding byte of the variant, 0 = no value. value: the number, 0
    where it is none. status: status code. source, server: instants [ticks of 100 ns since 1601],
    0 = not told. start, end: where the variant stands in the buffer [bytes].
    """

    handle: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    source: NDArray[np.int64]
    server: NDArray[np.int64]
    start: NDArray[np.int32]
    end: NDArray[np.int32]


def _allocated(count: int) -> Changes:
    return Changes(
        np.zeros(count, np.uint32), np.zeros(count, np.uint8), np.zeros(count, np.float64),
        np.zeros(count, np.uint32), np.zeros(count, np.int64), np.zeros(count, np.int64),
        np.zeros(count, np.int32), np.zeros(count, np.int32),
    )  # fmt: skip


def taken(found: Changes, rows: NDArray[np.intp]) -> Changes:
    """Return the items at `rows`."""
    return Changes(
        found.handle[rows], found.kind[rows], found.value[rows], found.status[rows],
        found.source[rows], found.server[rows], found.start[rows], found.end[rows],
    )  # fmt: skip


@_part
def _unsigned(data: Bytes, at: int, size: int) -> int:
    """Little-endian number of up to 8 bytes."""
    found = np.uint64(0)
    for i in range(size):
        found |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return found  # type: ignore[return-value]  # a machine word to numba


@_part
def _length(data: Bytes, at: int) -> int:
    found: int = np.int64(np.int32(_unsigned(data, at, 4)))  # type: ignore[assignment]  # as above
    return found


@_part
def _after_text(data: Bytes, at: int, stop: int) -> int:
    """Where a String or ByteString ends."""
    if at + 4 > stop:
        return _SHORT
    size = _length(data, at)
    end = at + 4 + max(size, 0)
    return end if end <= stop else _SHORT


@_part
def _after_node(data: Bytes, at: int, stop: int) -> int:
    """Where a node id without a URI ends."""
    if at + 2 > stop:
        return _SHORT
    form = data[at]
    if form == 0:
        return at + 2
    if form == 1:
        return at + 4
    if form == 2:
        return at + 7
    if form == 4:
        return at + 19
    return _after_text(data, at + 3, stop) if form in (3, 5) else _OTHER


@_part
def _after_one(data: Bytes, at: int, stop: int, kind: int, sizes: NDArray[np.int64]) -> int:
    """Where one value of a type ends."""
    if sizes[kind]:
        return at + int(sizes[kind])
    end: int = _OTHER
    if kind in (12, 15, 16):
        end = _after_text(data, at, stop)
    if kind == 17:
        end = _after_node(data, at, stop)
    if kind == 20:
        end = _after_text(data, at + 2, stop)
    if kind == 21 and at < stop:
        mask = data[at]
        at += 1
        if mask & 1:
            at = _after_text(data, at, stop)
        if mask & 2 and at > 0:
            at = _after_text(data, at, stop)
        end = at
    if kind == 22:
        at = _after_node(data, at, stop)
        if at < 0 or at >= stop:
            return at if at < 0 else _SHORT
        end = _after_text(data, at + 1, stop) if data[at] & 3 else at + 1
    return end


@_part
def _after_variant(data: Bytes, at: int, stop: int, sizes: NDArray[np.int64]) -> int:
    """Where a variant ends."""
    encoding = data[at]
    kind = np.int64(encoding & 0x3F)
    at += 1
    if not encoding & 0x80:
        return _after_one(data, at, stop, kind, sizes) if kind else at
    if at + 4 > stop:
        return _SHORT
    count = max(_length(data, at), 0)
    at += 4
    if count > stop - at:
        return _SHORT
    if sizes[kind]:
        at += count * sizes[kind]
    else:
        for _ in range(count):
            at = _after_one(data, at, stop, kind, sizes)
            if at < 0:
                return at
    if encoding & 0x40:
        if at + 4 > stop:
            return _SHORT
        at += 4 + 4 * max(_length(data, at), 0)
    return at if at <= stop else _SHORT


@_part
def _number(data: Bytes, at: int, kind: int, size: int, word: NDArray[np.uint64]) -> float:
    """Return the number of a scalar variant; `word` is one machine word to read floats through."""
    raw = _unsigned(data, at, size)
    if kind == 11:
        word[0] = raw
        return float(word.view(np.float64)[0])
    if kind == 10:
        word[0] = raw
        return np.float64(word.view(np.float32)[0])
    if kind == 9:
        return np.float64(raw)
    signed = np.int64(raw)
    if kind in (2, 4, 6) and size < 8 and raw >> np.uint64(8 * size - 1):
        signed -= np.int64(1) << np.int64(8 * size)
    return np.float64(signed)


_CHANGES: Final = types.NamedTuple(
    (
        types.uint32[::1], types.uint8[::1], types.float64[::1], types.uint32[::1],
        types.int64[::1], types.int64[::1], types.int32[::1], types.int32[::1],
    ),
    Changes,
)  # fmt: skip


@njit(
    types.UniTuple(types.int64, 2)(
        _BYTES, types.int64, types.int64, types.int64, types.int64,
        types.Array(types.int64, 1, "C", readonly=True), _CHANGES,
    ),
    **KERNEL,
)  # fmt: skip
def _walk(
    data: Bytes, at: int, stop: int, row: int, rows: int, sizes: NDArray[np.int64], out: Changes
) -> tuple[int, int]:
    """Write items from `row` on; return the row and place at which it stopped, -place = short."""
    word = np.zeros(1, np.uint64)
    while row < rows:
        begin = at
        if at + 5 > stop:
            return row, -1 - begin
        out.handle[row] = _unsigned(data, at, 4)
        mask = data[at + 4]
        at += 5
        out.start[row] = at
        if mask & 0x01:
            if at >= stop:
                return row, -1 - begin
            encoding = data[at]
            end = _after_variant(data, at, stop, sizes)
            if end == _OTHER:
                return row, begin
            if end < 0 or end > stop:
                return row, -1 - begin
            out.kind[row] = encoding
            kind = np.int64(encoding)
            if kind < 64 and 0 < sizes[kind] <= 8:
                out.value[row] = _number(data, at + 1, kind, sizes[kind], word)
            at = end
        out.end[row] = at
        size = (4 if mask & 0x02 else 0) + (8 if mask & 0x04 else 0) + (2 if mask & 0x10 else 0)
        size += (8 if mask & 0x08 else 0) + (2 if mask & 0x20 else 0)
        if at + size > stop:
            return row, -1 - begin
        if mask & 0x02:
            out.status[row] = _unsigned(data, at, 4)
            at += 4
        if mask & 0x04:
            out.source[row] = np.int64(_unsigned(data, at, 8))
            at += 8
        at += 2 if mask & 0x10 else 0
        if mask & 0x08:
            out.server[row] = np.int64(_unsigned(data, at, 8))
            at += 8
        at += 2 if mask & 0x20 else 0
        row += 1
    return row, at


def changes(body: bytes, start: int, stop: int) -> Changes:
    """Return the items of one data change, whose count stands at byte `start`.

    Raises
    ------
    FrameError
        The bytes end within an item, or it makes no sense; `offset` says where.
    """
    data = np.frombuffer(body, np.uint8)
    count = Reader(body, start).count() if stop - start >= 4 else 0
    if count > OPCUA_ITEMS_MAX or count * 5 > stop - start:
        raise FrameError("truncated", f"OPC UA data change: {count} items were announced", start)
    out = _allocated(count)
    row, at = _walk(data, start + 4, stop, 0, count, SIZES, out)
    while row < count:
        if at < 0:
            raise FrameError(
                "truncated", f"OPC UA data change: item {row} of {count} is cut off", -1 - at
            )
        at = _read_one(body, at, row, out)
        row, at = _walk(data, at, stop, row + 1, count, SIZES, out)
    return out


def _read_one(body: bytes, at: int, row: int, out: Changes) -> int:
    """Read an item that the kernel does not know; return where the next one stands."""
    reader = Reader(body, at)
    out.handle[row] = reader.number("<I")
    out.start[row] = reader.at + 1
    sample = reader.sample()
    out.kind[row] = sample.value.type | (layout.IS_ARRAY if sample.value.array else 0)
    out.status[row] = sample.status
    out.source[row], out.server[row] = sample.source_ticks, sample.server_ticks
    out.end[row] = reader.at
    return reader.at


def warm_up() -> None:
    """Load the kernel, from numba's disk cache where it has it."""
    changes(b"\0\0\0\0", 0, 4)
