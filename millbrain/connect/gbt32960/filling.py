"""Machine code that copies the values of walked frames into columns.

`fill_scalars` passes over a tile of frames field by field, so that what a field is gets decided
once a tile and not once a frame, while the bytes of the tile stay in the second-level cache. Lists
are copied frame by frame. Where a frame has cells or probes and no extremes of its own, they are
computed from them.

Indices are unsigned in the inner loops: a signed index may count from the end in Python, and that
question alone keeps a loop from being vectorised. Before it takes these kernels from its disk cache
numba looks for changes in this file only: touch it when `read_number` or `walk_block` change.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from millbrain.connect.gbt32960.kernels import (
    BOUNDS_TYPE,
    BUFFER_TYPE,
    KERNEL,
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

TILE: Final = 256  # frames; with 500 bytes each they fit the second-level cache twice over
_NO_MARK: Final = 1 << 40  # above every raw number
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
_part = njit(forceinline=True, **KERNEL)


@_part
def _gather(buffer: Bytes, at: Any, op: Any, first: int, count: int, raw: Any) -> Any:
    """Read a field of a tile of rows; -1 where a row has none. Return whether any is a marker."""
    for i in range(count):
        place = at[first + i, op.run]
        raw[i] = read_number(buffer, place + op.offset, op.width) if place >= 0 else -1
    low = op.mark if op.mark >= 0 else _NO_MARK
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
def _mark(raw: Any, first: int, count: int, op: Any, abnormal: Any, invalid: Any) -> None:
    """Set the bits of the values of a tile that are marked abnormal or invalid."""
    bit = np.uint64(1) << np.uint64(op.bit)
    for i in range(count):
        if raw[i] == op.mark:
            abnormal[first + i] |= bit
        elif raw[i] > op.mark:
            invalid[first + i] |= bit


@_part
def _sign(buffer: Bytes, at: Any, first: int, count: int, op: Any, out: Any) -> None:
    """Make the degrees of the south and the west negative."""
    for i in range(count):
        place = at[first + i, op.run]
        if place >= 0 and buffer[place + op.sign_at] & op.sign_bits:
            out[i] = -out[i]


@_part
def _fill_missing(raw: Any, count: int, op: Any, missing: Any) -> None:
    """Note which rows of a tile have no value: those with a marker, unless it is a code."""
    low = op.mark if op.mark >= 0 and not op.keeps else _NO_MARK
    for i in range(count):
        missing[i] = raw[i] >= low if raw[i] >= 0 else missing[i]


@_part
def _fill_value(
    raw: Any, op: Any, first: int, last: int,
    u8: Any, u16: Any, u32: Any, i16: Any, f32: Any, f64: Any,
) -> None:  # fmt: skip
    """Scale a tile into its column, by the column's kind."""
    count = last - first
    if op.kind == _U8:
        _store(raw, count, op, u8[op.place, first:last])
    elif op.kind == _U16:
        _store(raw, count, op, u16[op.place, first:last])
    elif op.kind == _U32:
        _store(raw, count, op, u32[op.place, first:last])
    elif op.kind == _I16:
        _store(raw, count, op, i16[op.place, first:last])
    elif op.kind == _F32:
        _store_scaled(raw, count, op, f32[op.place, first:last])
    else:
        _store_scaled(raw, count, op, f64[op.place, first:last])


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
def _fill_head(
    buffer: Bytes, at: int, op: Any, to: int, u8: Any, u16: Any, i16: Any, f32: Any, u64: Any
) -> None:
    """Write one field of a list's item to its list column."""
    raw = read_number(buffer, at + op.offset, op.width)
    if op.kind == _F32:
        if op.mark >= 0 and raw >= op.mark:
            f32[to] = np.nan
        else:
            f32[to] = np.float64(raw + op.shift) / np.float64(op.per)
    elif op.kind == _U16:
        u16[to] = raw
    elif op.kind == _U8:
        u8[to] = raw
    elif op.kind == _I16:
        i16[to] = raw + op.shift
    else:
        u64[to] = np.uint64(raw + op.tag)


@_part
def _fill_list(
    buffer: Bytes, at: int, step: Any, heads: Any, begins: Any, item: int, inner: int,
    u8: Any, u16: Any, i16: Any, f32: Any, u64: Any,
) -> Any:  # fmt: skip
    """Copy one counted list; return (position behind it, next item, next inner item)."""
    count = read_number(buffer, at, step.count_bytes)
    at += step.count_bytes
    if count >= step.absent_from:
        return at, item, inner
    for _ in range(count):
        for h in range(step.head_first, step.head_end):
            to = begins[heads[h].column] + item
            _fill_head(buffer, at, heads[h], to, u8, u16, i16, f32, u64)
        at += step.head_bytes
        if step.inner_count_bytes:
            number = read_number(buffer, at, step.inner_count_bytes)
            at += step.inner_count_bytes
            u16[begins[step.count_column] + item] = number
            to = begins[step.inner_column] + inner
            if step.inner_bytes == 2:
                _copy_words(buffer, at, number, u16, to)
            else:
                _copy_bytes(buffer, at, number, step.inner_shift, i16, to)
            at += number * step.inner_bytes
            inner += number
        item += 1
    return at, item, inner


@_part
def _fill_others(
    buffer: Bytes, at: int, stop: int, entries: Any, blocks: Any, steps: Any, other: Any, to: int
) -> None:
    """Copy the raw bytes of the blocks of a frame that have no columns, or came a second time."""
    mask = np.int64(0)
    while at < stop:
        block = blocks[entries[buffer[at]]]
        after, _, _, _ = walk_block(buffer, at + 1, stop, block, steps)
        if block.bit == BLOCK_OTHER or mask >> block.bit & 1:
            source, target = np.uint64(at), np.uint64(to)
            for i in range(np.uint64(after - at)):
                other[target + i] = buffer[source + i]
            to += after - at
        mask |= 1 << block.bit
        at = after


@_part
def _ends_of(values: Any, first: int, last: int, low: int) -> Any:
    """Return the places of the highest and lowest value; markers, from `low` on, do not count."""
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
    buffer: Bytes, at: int, step: Any, index: int, row: int,
    places: Any, u8: Any, u16: Any, missing: Any,
) -> None:  # fmt: skip
    """Write pack and number of one computed extreme; `places` are those of its three columns."""
    pack, number = _locate(buffer, at, step, index)
    u16[places[1, 0], row] = number
    u8[places[2, 0], row] = pack
    for k in range(3):
        missing[places[k, 1], row] = False


@njit(
    types.void(BUFFER_TYPE, TABLES_TYPE, ROWS_TYPE, types.int64, _SCALARS_TYPE, types.int64[::1]),
    **KERNEL,
)
def fill_scalars(
    buffer: Bytes,
    tables: Tables,
    rows: Rows,
    count: int,
    out: Scalars,
    raw: NDArray[np.int64],
) -> None:
    """Copy the scalar fields of `count` walked rows into columns, ``len(raw)`` rows at a time."""
    u8, u16, u32, i16, f32, f64 = out.u8, out.u16, out.u32, out.i16, out.f32, out.f64
    missing, abnormal, invalid = out.missing, out.abnormal, out.invalid
    places, used, ops = rows.at, rows.used, tables.scalars
    for first in range(0, count, len(raw)):
        last = min(first + len(raw), count)
        for o in range(len(ops)):
            op = ops[o]
            if not used[op.run]:
                continue
            marked = _gather(buffer, places, op, first, last - first, raw)
            _fill_value(raw, op, first, last, u8, u16, u32, i16, f32, f64)
            if op.sign_at >= 0:
                _sign(buffer, places, first, last - first, op, f64[op.place, first:last])
            if op.missing >= 0:
                _fill_missing(raw, last - first, op, missing[op.missing, first:last])
            if marked:
                _mark(raw, first, last - first, op, abnormal, invalid)


@njit(
    types.void(BUFFER_TYPE, TABLES_TYPE, ROWS_TYPE, types.int64, _LISTS_TYPE),
    **KERNEL,
)
def fill_lists(buffer: Bytes, tables: Tables, rows: Rows, count: int, out: Lists) -> None:
    """Copy the lists of `count` walked rows into columns."""
    u8, u16, i16, f32, u64, begins = out.u8, out.u16, out.i16, out.f32, out.u64, out.begins
    blocks, steps, heads, slots = tables.blocks, tables.steps, tables.heads, tables.slots
    places, offsets, edition, runs = rows.at, rows.offsets, rows.edition, len(rows.used)
    for row in range(count):
        new = 1 if edition[row] == EDITIONS[1] else 0
        for slot in range(slots.shape[1]):
            at = np.int64(places[row, runs + slot])
            if at < 0:
                continue
            block = blocks[slots[new, slot]]
            item = np.int64(offsets[block.rows_group, row])
            if item == offsets[block.rows_group, row + 1]:
                continue
            inner = np.int64(0)
            if block.inner_group >= 0:
                inner = np.int64(offsets[block.inner_group, row])
            for s in range(block.step_first, block.step_end):
                at, item, inner = _fill_list(
                    buffer, at + steps[s].gap_bytes, steps[s], heads, begins, item, inner,
                    u8, u16, i16, f32, u64,
                )  # fmt: skip


@njit(
    types.void(BUFFER_TYPE, BOUNDS_TYPE, BOUNDS_TYPE, TABLES_TYPE, ROWS_TYPE, types.int64,
               types.uint8[::1]),
    **KERNEL,
)  # fmt: skip
def fill_others(
    buffer: Bytes,
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    tables: Tables,
    rows: Rows,
    count: int,
    other: Bytes,
) -> None:
    """Copy blocks without columns, raw, behind one another."""
    blocks, steps = tables.blocks, tables.steps
    entries_2016, entries_2025 = tables.entries[0], tables.entries[1]
    offsets, edition, frame, rest = rows.offsets, rows.edition, rows.frame, rows.rest
    others = len(offsets) - 1
    for row in range(count):
        to = np.int64(offsets[others, row])
        if to == offsets[others, row + 1]:
            continue
        entries = entries_2025 if edition[row] == EDITIONS[1] else entries_2016
        at = np.int64(starts[frame[row]]) + UNIT_AT + TIME_BYTES
        stop = np.int64(ends[frame[row]]) - 1 - np.int64(rest[row])
        _fill_others(buffer, at, stop, entries, blocks, steps, other, to)


@njit(
    types.void(BUFFER_TYPE, TABLES_TYPE, ROWS_TYPE, types.int64, _SCALARS_TYPE, _LISTS_TYPE),
    **KERNEL,
)
def fill_extremes(
    buffer: Bytes, tables: Tables, rows: Rows, count: int, out: Scalars, lists: Lists
) -> None:
    """Compute the extremes of rows that bring cells or probes but no extremes of their own."""
    u8, u16, i16, missing = out.u8, out.u16, out.i16, out.missing
    cells, probes, begins, extremes = lists.u16, lists.i16, lists.begins, tables.extremes
    blocks, steps, slots = tables.blocks, tables.steps, tables.slots
    masks, offsets, edition = rows.blocks, rows.offsets, rows.edition
    all_places, runs = rows.at, len(rows.used)
    for row in range(count):
        if masks[row] >> BLOCK_EXTREMES & 1:
            continue
        new = 1 if edition[row] == EDITIONS[1] else 0
        for slot in range(slots.shape[1]):
            at = np.int64(all_places[row, runs + slot])
            block = blocks[slots[new, slot]]
            if at < 0 or (block.bit != BLOCK_CELLS and block.bit != BLOCK_TEMPS):
                continue
            step = steps[block.step_first]
            begin = begins[step.inner_column]
            first = begin + offsets[block.inner_group, row]
            last = begin + offsets[block.inner_group, row + 1]
            low = step.inner_mark + step.inner_shift
            if block.bit == BLOCK_CELLS:
                highest, lowest = _ends_of(cells, first, last, low)
            else:
                highest, lowest = _ends_of(probes, first, last, low)
            if highest < 0:
                continue
            masks[row] |= 1 << BLOCK_EXTREMES
            column = 0 if block.bit == BLOCK_CELLS else 6  # layout.EXTREMES
            for k in range(2):
                index = lowest if k else highest
                if block.bit == BLOCK_CELLS:
                    u16[extremes[column, 0], row] = cells[index]
                else:
                    i16[extremes[column, 0], row] = probes[index]
                triple = extremes[column : column + 3]
                _fill_extreme(buffer, at, step, index - first, row, triple, u8, u16, missing)
                column += 3
