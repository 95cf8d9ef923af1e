"""Machine code that finds frames in a buffer and blocks in a frame.

Every kernel carries its signature, so importing this module compiles it or loads it from the disk
cache that numba keeps beside it; `columnar.warm_up` does so on purpose. All of them release the
interpreter lock. What a block looks like stands in the tables of `layout.py`, passed as arguments;
only the header that all frames share (GB/T 32960.3 table 2) is named here.

`split` finds frames by the rule of `framing.py`. `walk` finds the blocks of every frame and counts
their lists, so that outputs can be allocated to size; `filling.fill` copies the values.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit, typeof, types
from numpy.typing import NDArray

from millbrain.connect.gbt32960.layout import (
    BAD_TIME,
    EDITIONS,
    LAYOUT,
    NOTED,
    OK,
    OTHER,
    PARTIAL,
    REFUSED,
    STRUCTURE,
    UNKNOWN_BLOCK,
    Tables,
)
from millbrain.core.facts import BLOCK_OTHER
from millbrain.core.limits import FRAME_UNIT_BYTES_MAX

COMMAND_AT: Final = 2
FLAG_AT: Final = 3
ID_AT: Final = 4
ID_BYTES: Final = 17
ENCRYPTION_AT: Final = 21
UNIT_AT: Final = 24
TIME_BYTES: Final = 6
LENGTH_AT: Final = 22
FRAME_BYTES_MIN: Final = 25
_START_2016: Final = 0x23
_START_2025: Final = 0x24
_REALTIME: Final = 2
_REISSUE: Final = 3
_FLAG_COMMAND: Final = 0xFE
_FLAG_ANSWER_MAX: Final = 7
_ENCRYPTION_MAX: Final = 5
_ABNORMAL: Final = 0xFE
_PLAIN: Final = 1  # encryption 01; some terminals send 00 and mean the same
ENDED: Final = 0  # why `split` stopped: nothing more can be said about these bytes,
FULL: Final = 1  # no place for another frame or garbage run is left,
WRONG_CHECK: Final = 2  # or `running` is needed
_EPOCH_2000: Final = 946_656_000  # 2000-01-01 00:00:00 Beijing time, seconds since 1970 UTC


class Rows(NamedTuple):
    """What `walk` writes, one entry per row; `at`: where each run and list block begins, -1 none.

    at: shape (rows, runs + list slots). offsets: shape (groups + 1, rows + 1), the last for other
    blocks [bytes]. used: 1 for each run that some row carries. rest: undecoded bytes.
    """

    frame: NDArray[np.int32]
    vin: NDArray[np.uint8]
    device_at: NDArray[np.uint32]
    reissued: NDArray[np.uint8]
    edition: NDArray[np.uint16]
    blocks: NDArray[np.uint32]
    rest: NDArray[np.uint16]
    at: NDArray[np.int32]
    offsets: NDArray[np.int32]
    used: NDArray[np.int64]


class Found(NamedTuple):
    """What `split` writes: bounds and verdict of every frame, bounds of garbage runs."""

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    good: NDArray[np.bool_]
    garbage: NDArray[np.int32]


BUFFER_TYPE: Final = types.Array(types.uint8, 1, "C", readonly=True)
BOUNDS_TYPE: Final = types.Array(types.int32, 1, "C", readonly=True)
TABLES_TYPE: Final = typeof(LAYOUT.tables)


def example_type(kind: Any, two: tuple[str, ...], dtypes: str) -> Any:
    """Return the numba type of a tuple of arrays, by an empty one."""
    parts = zip(kind._fields, dtypes.split(), strict=True)
    arrays = (np.empty((0, 0) if n in two else 0, d) for n, d in parts)
    return typeof(kind(*arrays))


ROWS_TYPE: Final = example_type(Rows, ("vin", "at", "offsets"), "i4 u1 u4 u1 u2 u4 u2 i4 i4 i8")
_FOUND_TYPE: Final = example_type(Found, ("garbage",), "i4 i4 ? i4")
# Without `_nrt` every array that passes into a function, inlined or not, has its references counted
# with atomic operations: that was nine tenths of the time. Kernels then may not allocate.
KERNEL: Final[dict[str, Any]] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "_nrt": False,
}
_part = njit(forceinline=True, **KERNEL)

Bytes = NDArray[np.uint8]


# Reading ----------------------------------------------------------------------------------------


@_part
def read_number(buffer: Bytes, at: int, width: int) -> Any:
    """Read an unsigned big-endian number of 1, 2 or 4 bytes."""
    i = np.uint64(at)
    one = np.uint64(1)
    if width == 1:
        return np.int64(buffer[i])
    high = np.int64(buffer[i]) << 8 | np.int64(buffer[i + one])
    if width == 2:
        return high
    i += np.uint64(2)
    return high << 16 | np.int64(buffer[i]) << 8 | np.int64(buffer[i + one])


@_part
def _epoch(buffer: Bytes, at: int) -> Any:
    """Return seconds since 1970 UTC of six Beijing time bytes, -1 where they name no instant."""
    year, month, day = np.int64(buffer[at]), np.int64(buffer[at + 1]), np.int64(buffer[at + 2])
    hour, minute, second = buffer[at + 3], buffer[at + 4], buffer[at + 5]
    if year > 99 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        return np.int64(-1)
    leap = 1 if year % 4 == 0 else 0  # 2000 is one, 2100 is out of reach
    month_days = 28 + leap if month == 2 else 30 + ((month + (month >> 3)) & 1)
    if not 1 <= day <= month_days:
        return np.int64(-1)
    # From March on five months have 153 days, over and over.
    before = (153 * (month - 3) + 2) // 5 + 59 + leap if month > 2 else 31 * (month - 1)
    days = 365 * year + (year + 3) // 4 + before + day - 1
    seconds = 3600 * np.int64(hour) + 60 * np.int64(minute) + np.int64(second)
    return _EPOCH_2000 + 86400 * days + seconds


# Splitting --------------------------------------------------------------------------------------


@_part
def _may_start(buffer: Bytes, at: int, end: int) -> Any:
    """Whether the bytes before `end` may be the beginning of a header."""
    here = end - at
    first = buffer[at]
    if first != _START_2016 and first != _START_2025:
        return False
    if here > 1 and buffer[at + 1] != first:
        return False
    if here > FLAG_AT:
        flag = buffer[at + FLAG_AT]
        if not (1 <= flag <= _FLAG_ANSWER_MAX or flag == _FLAG_COMMAND):
            return False
    if here > ENCRYPTION_AT:
        encryption = buffer[at + ENCRYPTION_AT]
        if _ENCRYPTION_MAX < encryption < _ABNORMAL:
            return False
    if here > LENGTH_AT + 1:
        return read_number(buffer, at + LENGTH_AT, 2) <= FRAME_UNIT_BYTES_MAX
    return True


@_part
def _find_start(buffer: Bytes, at: int, end: int) -> Any:
    """Return the first place from `at` where a frame may start, `end` where there is none."""
    while at < end and not _may_start(buffer, at, end):
        at += 1
    return at


@_part
def _frame_end(buffer: Bytes, at: int, stop: int) -> Any:
    """Return the end of the frame announced at `at`, -1 where it is not all there."""
    if at + FRAME_BYTES_MIN > stop:
        return np.int64(-1)
    end = at + FRAME_BYTES_MIN + read_number(buffer, at + LENGTH_AT, 2)
    return end if end <= stop else np.int64(-1)


@_part
def _xor(buffer: Bytes, words: Any, shift: int, at: int, end: int) -> Any:
    """Return the XOR of ``buffer[at:end]``; ``words[i]`` covers eight bytes from shift + 8 i."""
    total = np.uint8(0)
    first = max((at - shift + 7) >> 3, 0)
    last = min((end - shift) >> 3, len(words))
    if first >= last:
        for i in range(np.uint64(at), np.uint64(end)):
            total ^= buffer[i]
        return total
    wide = np.uint64(0)
    for i in range(np.uint64(first), np.uint64(last)):
        wide ^= words[i]
    wide ^= wide >> np.uint64(32)
    wide ^= wide >> np.uint64(16)
    wide ^= wide >> np.uint64(8)
    total = np.uint8(wide & np.uint64(0xFF))
    for i in range(np.uint64(at), np.uint64(shift + 8 * first)):
        total ^= buffer[i]
    for i in range(np.uint64(shift + 8 * last), np.uint64(end)):
        total ^= buffer[i]
    return total


@_part
def _judge(
    buffer: Bytes, at: int, end: int, stop: int, final: bool, running: Any, base: int
) -> Any:
    """Judge a frame with a wrong check byte: 0 = a bad frame, -1 = wait, else where to read on."""
    inner = _find_start(buffer, at + 1, end)
    if inner == end:
        return np.int64(0)
    inner_end = _frame_end(buffer, inner, stop)
    if 0 <= inner_end <= end and running[inner_end - base] == running[inner + COMMAND_AT - base]:
        return inner
    if end + 2 > stop:
        return np.int64(0) if final else np.int64(-1)
    first = buffer[end]
    is_start = first in (_START_2016, _START_2025) and buffer[end + 1] == first
    return np.int64(0) if is_start else inner


@njit(
    types.UniTuple(types.int64, 4)(
        BUFFER_TYPE,
        types.Array(types.uint64, 1, "C", readonly=True),
        types.int64,
        types.int64,
        types.int64,
        types.boolean,
        BUFFER_TYPE,
        types.int64,
        _FOUND_TYPE,
    ),
    **KERNEL,
)
def split(
    buffer: Bytes,
    words: NDArray[np.uint64],
    shift: int,
    start: int,
    stop: int,
    final: bool,
    running: Bytes,
    base: int,
    found: Found,
) -> Any:
    """Find frames; return (frames, garbage runs, where it stopped, why: `ENDED` ...).

    ``running[i]`` is the XOR of ``buffer[base : base + i]``, empty as long as no check byte was
    wrong: from then on a check costs two look-ups, so that hostile bytes cost no more than others.
    """
    count, runs = np.int64(0), np.int64(0)
    at = np.int64(start)
    while at < stop:
        if count == len(found.starts) or runs + 2 > len(found.garbage):
            return count, runs, at, FULL
        place = _find_start(buffer, at, stop)
        if place > at:
            found.garbage[runs, 0], found.garbage[runs, 1] = at, place
            runs += 1
            at = place
        if at == stop:
            break
        end = _frame_end(buffer, at, stop)
        after = np.int64(-1)
        good = False
        if end >= 0:
            if len(running):
                good = running[end - base] == running[at + COMMAND_AT - base]
            else:
                good = _xor(buffer, words, shift, at + COMMAND_AT, end) == 0
            if good:
                after = np.int64(0)
            elif len(running):
                after = _judge(buffer, at, end, stop, final, running, base)
            else:
                return count, runs, at, WRONG_CHECK
        elif final:
            after = _find_start(buffer, at + 1, stop)
        if after < 0:
            break
        if after == 0:
            found.starts[count], found.ends[count], found.good[count] = at, end, good
            count += 1
            at = end
        else:
            found.garbage[runs, 0], found.garbage[runs, 1] = at, after
            runs += 1
            at = after
    return count, runs, at, ENDED


# Walking ----------------------------------------------------------------------------------------


@_part
def _skip_list(buffer: Bytes, at: int, end: int, step: Any) -> Any:
    """Return (position behind the list at its count, items, inner items, whether it is partial).

    The position is -1 where the list runs past `end`.
    """
    inner = np.int64(0)
    partial = False
    if at + step.count_bytes > end:
        return np.int64(-1), np.int64(0), inner, partial
    count = read_number(buffer, at, step.count_bytes)
    at += step.count_bytes
    if count >= step.absent_from:
        count = np.int64(0)
    if step.inner_count_bytes == 0:
        at += count * step.head_bytes
        return at if at <= end else np.int64(-1), count, inner, partial
    for _ in range(count):
        head = at
        at += step.head_bytes + step.inner_count_bytes
        if at > end:
            return np.int64(-1), count, inner, partial
        number = read_number(buffer, at - step.inner_count_bytes, step.inner_count_bytes)
        at += number * step.inner_bytes
        inner += number
        if step.total_at >= 0 and number < read_number(buffer, head + step.total_at, 2):
            partial = True
    return at if at <= end else np.int64(-1), count, inner, partial


@_part
def walk_block(buffer: Bytes, at: int, end: int, block: Any, steps: Any) -> Any:
    """Walk one block from behind its type byte.

    Returns (position behind it or -1, items, inner items, whether a list is partial).
    """
    items, inners = np.int64(0), np.int64(0)
    partial = False
    for s in range(block.step_first, block.step_end):
        at, count, inner, part = _skip_list(buffer, at + steps[s].gap_bytes, end, steps[s])
        if at < 0:
            return at, items, inners, partial
        items += count
        inners += inner
        partial |= part
    at += block.tail_bytes
    return at if at <= end else np.int64(-1), items, inners, partial


@_part
def _walk_unit(
    buffer: Bytes, at: int, end: int, entries: Any, blocks: Any, steps: Any, places: Any,
    offsets: Any, row: int, used: Any,
) -> Any:  # fmt: skip
    """Walk the blocks of one data unit into a row; return (status, mask, undecoded bytes)."""
    others = offsets.shape[0] - 1
    for g in range(offsets.shape[0]):
        offsets[g, row + 1] = offsets[g, row]
    for i in range(places.shape[1]):
        places[row, i] = -1
    mask = np.int64(0)
    status = OK
    while at < end:
        number = entries[buffer[at]]
        if number < 0:
            status |= NOTED if mask else UNKNOWN_BLOCK
            break
        block = blocks[number]
        after, items, inners, partial = walk_block(buffer, at + 1, end, block, steps)
        if after < 0:
            status |= NOTED if mask else STRUCTURE
            break
        if block.bit == BLOCK_OTHER or mask >> block.bit & 1:
            offsets[others, row + 1] += after - at
            mask |= 1 << BLOCK_OTHER
        else:
            mask |= 1 << block.bit
            if partial:
                status |= PARTIAL
            if block.slot >= 0:
                places[row, len(used) + block.slot] = at + 1
                offsets[block.rows_group, row + 1] += items
            if block.inner_group >= 0:
                offsets[block.inner_group, row + 1] += inners
            if block.head_run >= 0:
                places[row, block.head_run] = at + 1
                used[block.head_run] = 1
            if block.tail_run >= 0:
                places[row, block.tail_run] = after - block.tail_bytes
                used[block.tail_run] = 1
        at = after
    return status, mask, end - at


@njit(
    types.int64(BUFFER_TYPE, BOUNDS_TYPE, BOUNDS_TYPE, TABLES_TYPE, types.uint8[::1], ROWS_TYPE),
    **KERNEL,
)
def walk(
    buffer: Bytes,
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    tables: Tables,
    status: NDArray[np.uint8],
    rows: Rows,
) -> Any:
    """Find the blocks of every frame; fill `rows` and `status`; return the number of rows."""
    row = np.int64(0)
    blocks, steps, places, offsets = tables.blocks, tables.steps, rows.at, rows.offsets
    entries_2016, entries_2025 = tables.entries[0], tables.entries[1]
    frame, device_at, reissued, edition = rows.frame, rows.device_at, rows.reissued, rows.edition
    masks, rest, vin, used = rows.blocks, rows.rest, rows.vin, rows.used
    offsets[:, 0] = 0
    for f in range(len(starts)):
        start, end = np.int64(starts[f]), np.int64(ends[f]) - 1
        command = buffer[start + COMMAND_AT]
        if (
            not _REALTIME <= command <= _REISSUE
            or buffer[start + FLAG_AT] != _FLAG_COMMAND
            or buffer[start + ENCRYPTION_AT] > _PLAIN
        ):
            status[f] = OTHER
            continue
        at = start + UNIT_AT + TIME_BYTES
        if at > end:
            status[f] = STRUCTURE
            continue
        seconds = _epoch(buffer, start + UNIT_AT)
        if seconds < 0:
            status[f] = BAD_TIME
            continue
        new = 1 if buffer[start] == _START_2025 else 0
        entries = entries_2025 if new else entries_2016
        status[f], mask, left = _walk_unit(
            buffer, at, end, entries, blocks, steps, places, offsets, row, used
        )
        if status[f] >= REFUSED:
            continue
        masks[row], rest[row], frame[row], device_at[row] = mask, left, f, seconds
        reissued[row] = command == _REISSUE
        edition[row] = EDITIONS[new]
        source = np.uint64(start + ID_AT)
        for i in range(np.uint64(ID_BYTES)):
            vin[row, i] = buffer[source + i]
        row += 1
    return row
