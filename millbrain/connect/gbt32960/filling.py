"""Machine code that copies the values of walked frames into columns.

`fill` passes over a tile of frames field by field, so that what a field is decided once a tile and
not once a frame, while the bytes of the tile stay in the second-level cache. Lists are copied frame
by frame. Where a frame has cells or probes and no extremes of its own, they are computed here.

Indices are unsigned in the inner loops: a signed index may count from the end in Python, and that
question alone keeps a loop from being vectorised. numba looks for changes in this file only when it
loads `fill` from its cache: change it too when `kernels.py` changes what both use.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from millbrain.connect.gbt32960.kernels import (
    BOUNDS_TYPE,
    BUFFER_TYPE,
    ROWS_TYPE,
    TABLES_TYPE,
    TIME_BYTES,
    UNIT_AT,
    Bytes,
    Rows,
    example_type,
    read_number,
    walk_block,
)
from millbrain.connect.gbt32960.layout import EDITIONS, Tables
from millbrain.core.facts import BLOCK_CELLS, BLOCK_EXTREMES, BLOCK_OTHER, BLOCK_TEMPS

_TILE: Final = 256
_U8, _U16, _U32, _I16, _F32, _F64, _U64 = range(7)  # layout.KINDS


class Scalars(NamedTuple):
    """Scalar columns by kind, shape (columns of the kind, rows), with their masks."""

    u8: NDArray[np.uint8]
    u16: NDArray[np.uint16]
    u32: NDArray[np.uint32]
    i16: NDArray[np.int16]
    f32: NDArray[np.float32]
    f64: NDArray[np.float64]
    missing: NDArray[np.bool_]
    abnormal: NDArray[np.uint64]
    invalid: NDArray[np.uint64]


class Lists(NamedTuple):
    """List columns by kind, one behind another; column i begins at ``begins[i]``."""

    u8: NDArray[np.uint8]
    u16: NDArray[np.uint16]
    i16: NDArray[np.int16]
    f32: NDArray[np.float32]
    u64: NDArray[np.uint64]
    begins: NDArray[np.int64]
    other: NDArray[np.uint8]


_SCALARS_TYPE: Final = example_type(
    Scalars, ("u8", "u16", "u32", "i16", "f32", "f64", "missing"), "u1 u2 u4 i2 f4 f8 ? u8 u8"
)
_LISTS_TYPE: Final = example_type(Lists, (), "u1 u2 i2 f4 u8 i8 u1")
_part = njit(nogil=True, cache=True)


@_part
def _gather(buffer: Bytes, at: Any, op: Any, first: int, count: int, raw: Any) -> Any:
    """Read a field of a tile of rows; -1 where a row has none. Return whether any is a marker."""
    for i in range(count):
        place = at[first + i, op.run]
        raw[i] = read_number(buffer, place + op.offset, op.width) if place >= 0 else -1
    low = op.mark if op.mark >= 0 else 1 << 40
    hit = False
    for i in range(count):
        hit |= raw[i] >= low
    return hit


@_part
def _store(raw: Any, count: int, op: Any, out: Any) -> None:
    """Scale a tile of whole numbers into a column, leaving rows without the field as they are."""
    for i in range(count):
        x = raw[i]
        out[i] = x + op.shift if x >= 0 else out[i]


@_part
def _store_scaled(raw: Any, count: int, op: Any, out: Any) -> None:
    """Scale a tile into a column of floats; the division is exact to the last bit of a double."""
    per = np.float64(op.per)
    for i in range(count):
        x = raw[i]
        out[i] = np.float64(x + op.shift) / per if x >= 0 else out[i]


@_part
def _mark(raw: Any, first: int, count: int, op: Any, out: Scalars) -> None:
    """Set the bits of the values of a tile that are marked abnormal or invalid."""
    bit = np.uint64(1) << np.uint64(op.bit)
    for i in range(count):
        if raw[i] == op.mark:
            out.abnormal[first + i] |= bit
        elif raw[i] > op.mark:
            out.invalid[first + i] |= bit


@_part
def _sign(buffer: Bytes, at: Any, first: int, count: int, op: Any, out: Any) -> None:
    """Make the degrees of the south and the west negative."""
    for i in range(count):
        place = at[first + i, op.run]
        if place >= 0 and buffer[place + op.sign_at] & op.sign_bits:
            out[i] = -out[i]


@_part
def _fill_scalar(
    buffer: Bytes, at: Any, op: Any, first: int, count: int, out: Scalars, raw: Any
) -> None:
    """Fill a tile of one scalar column with a field of one edition."""
    marked = _gather(buffer, at, op, first, count, raw)
    last = first + count
    if op.kind == _U8:
        _store(raw, count, op, out.u8[op.place, first:last])
    elif op.kind == _U16:
        _store(raw, count, op, out.u16[op.place, first:last])
    elif op.kind == _U32:
        _store(raw, count, op, out.u32[op.place, first:last])
    elif op.kind == _I16:
        _store(raw, count, op, out.i16[op.place, first:last])
    elif op.kind == _F32:
        _store_scaled(raw, count, op, out.f32[op.place, first:last])
    else:
        _store_scaled(raw, count, op, out.f64[op.place, first:last])
        if op.sign_at >= 0:
            _sign(buffer, at, first, count, op, out.f64[op.place, first:last])
    if op.missing >= 0:
        low = op.mark if op.mark >= 0 and not op.keeps else 1 << 40
        missing = out.missing[op.missing, first:last]
        for i in range(count):
            missing[i] = raw[i] >= low if raw[i] >= 0 else missing[i]
    if marked:
        _mark(raw, first, count, op, out)


@_part
def _copy_words(buffer: Bytes, at: int, count: int, out: Any, to: int) -> None:
    """Copy big-endian words."""
    source, target, one = np.uint64(at), np.uint64(to), np.uint64(1)
    for i in range(np.uint64(count)):
        place = source + i + i
        out[target + i] = np.uint16(buffer[place]) << np.uint16(8) | np.uint16(buffer[place + one])


@_part
def _copy_bytes(buffer: Bytes, at: int, count: int, shift: int, out: Any, to: int) -> None:
    """Copy bytes with an offset."""
    source, target = np.uint64(at), np.uint64(to)
    add = np.int16(shift)
    for i in range(np.uint64(count)):
        out[target + i] = np.int16(buffer[source + i]) + add


@_part
def _fill_head(buffer: Bytes, at: int, op: Any, out: Lists, item: int) -> None:
    """Write one field of a list's item to its list column."""
    raw = read_number(buffer, at + op.offset, op.width)
    to = out.begins[op.column] + item
    if op.kind == _F32:
        if op.mark >= 0 and raw >= op.mark:
            out.f32[to] = np.nan
        else:
            out.f32[to] = np.float64(raw + op.shift) / np.float64(op.per)
    elif op.kind == _U16:
        out.u16[to] = raw
    elif op.kind == _U8:
        out.u8[to] = raw
    elif op.kind == _I16:
        out.i16[to] = raw + op.shift
    else:
        out.u64[to] = np.uint64(raw + op.tag)


@_part
def _fill_list(
    buffer: Bytes, at: int, step: Any, heads: Any, out: Lists, item: int, inner: int
) -> Any:
    """Copy one counted list; return (position behind it, next item, next inner item)."""
    count = read_number(buffer, at, step.count_bytes)
    at += step.count_bytes
    if count >= step.absent_from:
        return at, item, inner
    for _ in range(count):
        for h in range(step.head_first, step.head_end):
            _fill_head(buffer, at, heads[h], out, item)
        at += step.head_bytes
        if step.inner_count_bytes:
            number = read_number(buffer, at, step.inner_count_bytes)
            at += step.inner_count_bytes
            out.u16[out.begins[step.count_column] + item] = number
            to = out.begins[step.inner_column] + inner
            if step.inner_bytes == 2:
                _copy_words(buffer, at, number, out.u16, to)
            else:
                _copy_bytes(buffer, at, number, step.inner_shift, out.i16, to)
            at += number * step.inner_bytes
            inner += number
        item += 1
    return at, item, inner


@_part
def _fill_lists(buffer: Bytes, tables: Tables, rows: Rows, row: int, out: Lists) -> None:
    """Copy all lists of a row."""
    runs = len(rows.used)
    edition = 1 if rows.edition[row] == EDITIONS[1] else 0
    for slot in range(tables.slots.shape[1]):
        at = np.int64(rows.at[row, runs + slot])
        if at < 0:
            continue
        block = tables.blocks[tables.slots[edition, slot]]
        item = np.int64(rows.offsets[block.rows_group, row])
        if item == rows.offsets[block.rows_group, row + 1]:
            continue
        inner = np.int64(0)
        if block.inner_group >= 0:
            inner = np.int64(rows.offsets[block.inner_group, row])
        for s in range(block.step_first, block.step_end):
            step = tables.steps[s]
            at, item, inner = _fill_list(
                buffer, at + step.gap_bytes, step, tables.heads, out, item, inner
            )


@_part
def _fill_others(
    buffer: Bytes, start: int, end: int, tables: Tables, rows: Rows, row: int, out: Lists
) -> None:
    """Copy the raw bytes of the blocks of a row that have no columns, or came a second time."""
    to = np.int64(rows.offsets[-1, row])
    if to == rows.offsets[-1, row + 1]:
        return
    edition = 1 if rows.edition[row] == EDITIONS[1] else 0
    places = np.empty(len(rows.used), np.int32)
    mask = np.int64(0)
    at = start + UNIT_AT + TIME_BYTES
    stop = end - 1 - np.int64(rows.rest[row])
    while at < stop:
        block = tables.blocks[tables.entries[edition, buffer[at]]]
        after, _, _, _ = walk_block(buffer, at + 1, stop, block, tables.steps, places)
        if block.bit == BLOCK_OTHER or mask >> block.bit & 1:
            out.other[to : to + after - at] = buffer[at:after]
            to += after - at
        mask |= 1 << block.bit
        at = after


@_part
def _ends_of(values: Any, first: int, last: int, low: int) -> Any:
    """Return the places of the highest and lowest value below `low` (the markers), -1 where none."""
    top, bottom = np.int32(-(1 << 20)), np.int32(1 << 20)
    begin, end = np.uint64(first), np.uint64(last)
    for i in range(begin, end):
        value = np.int32(values[i])
        top = max(top, value if value < low else np.int32(-(1 << 20)))
        bottom = min(bottom, value)
    if top == -(1 << 20):
        return np.int64(-1), np.int64(-1)
    highest, lowest = first, first
    while values[highest] != top:
        highest += 1
    while values[lowest] != bottom:
        lowest += 1
    return highest, lowest


@_part
def _locate(buffer: Bytes, at: int, step: Any, index: int) -> Any:
    """Return (pack number, number within the pack from 1) of the index-th value of a list."""
    at += step.count_bytes
    while True:
        number = read_number(buffer, at + step.head_bytes, step.inner_count_bytes)
        if index < number:
            break
        index -= number
        at += step.head_bytes + step.inner_count_bytes + number * step.inner_bytes
    first = np.int64(1)
    if step.start_at >= 0 and number < read_number(buffer, at + step.total_at, 2):
        first = read_number(buffer, at + step.start_at, 2)
    return np.int64(buffer[at + step.number_at]), first + index


@_part
def _fill_extreme(
    buffer: Bytes, tables: Tables, row: int, out: Scalars, at: int, step: Any, index: int, column: int
) -> None:
    """Write number and pack of one computed extreme behind its value's column."""
    pack, number = _locate(buffer, at, step, index)
    place = tables.extremes[column + 1]
    out.u16[place[0], row] = number
    out.missing[place[1], row] = False
    place = tables.extremes[column + 2]
    out.u8[place[0], row] = pack
    out.missing[place[1], row] = False


@_part
def _fill_extremes(
    buffer: Bytes, tables: Tables, rows: Rows, row: int, out: Scalars, lists: Lists
) -> None:
    """Compute the extremes of a row that brings cells or probes but no extremes of its own."""
    edition = 1 if rows.edition[row] == EDITIONS[1] else 0
    for slot in range(tables.slots.shape[1]):
        block = tables.blocks[tables.slots[edition, slot]]
        at = np.int64(rows.at[row, len(rows.used) + slot])
        if at < 0 or (block.bit != BLOCK_CELLS and block.bit != BLOCK_TEMPS):
            continue
        step = tables.steps[block.step_first]
        begin = lists.begins[step.inner_column]
        first = begin + rows.offsets[block.inner_group, row]
        last = begin + rows.offsets[block.inner_group, row + 1]
        low = step.inner_mark + step.inner_shift
        if block.bit == BLOCK_CELLS:
            column = 0
            highest, lowest = _ends_of(lists.u16, first, last, low)
        else:
            column = 6
            highest, lowest = _ends_of(lists.i16, first, last, low)
        if highest < 0:
            continue
        rows.blocks[row] |= 1 << BLOCK_EXTREMES
        for place, index in ((column, highest), (column + 3, lowest)):
            value = tables.extremes[place]
            out.missing[value[1], row] = False
            if block.bit == BLOCK_CELLS:
                out.u16[value[0], row] = lists.u16[index]
            else:
                out.i16[value[0], row] = lists.i16[index]
            _fill_extreme(buffer, tables, row, out, at, step, index - first, place)


@njit(
    types.void(
        BUFFER_TYPE, BOUNDS_TYPE, BOUNDS_TYPE, TABLES_TYPE, ROWS_TYPE, types.int64, _SCALARS_TYPE,
        _LISTS_TYPE,
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def fill(
    buffer: Bytes,
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    tables: Tables,
    rows: Rows,
    count: int,
    scalars: Scalars,
    lists: Lists,
) -> None:
    """Copy the values of `count` walked rows into columns."""
    raw = np.empty(_TILE, np.int64)
    for first in range(0, count, _TILE):
        size = min(_TILE, count - first)
        for o in range(len(tables.scalars)):
            op = tables.scalars[o]
            if rows.used[op.run]:
                _fill_scalar(buffer, rows.at, op, first, size, scalars, raw)
        for row in range(first, first + size):
            _fill_lists(buffer, tables, rows, row, lists)
            frame = rows.frame[row]
            _fill_others(buffer, starts[frame], ends[frame], tables, rows, row, lists)
            if rows.blocks[row] >> BLOCK_EXTREMES & 1 == 0:
                _fill_extremes(buffer, tables, rows, row, scalars, lists)
