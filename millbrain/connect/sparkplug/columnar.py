"""Many payloads at once to columns of metrics: the hot path of data messages.

One pass counts the metrics of every payload and checks its form, a second one copies what stands
in each metric: spans of name and text, alias, timestamp, flags, and the 64 bits of its value, which
only the data type of the birth can read. Both run as machine code and release the interpreter
lock. What a wrong payload is called is left to `codec.decode`, which is slow and exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.connect.sparkplug.fields import number

HISTORICAL: Final = 1
TRANSIENT: Final = 2
NULL: Final = 4
ALIASED: Final = 8

_TIMESTAMP: Final = number("Payload", "timestamp")
_METRICS: Final = number("Payload", "metrics")
_SEQ: Final = number("Payload", "seq")
_UUID: Final = number("Payload", "uuid")
_BODY: Final = number("Payload", "body")
_NAME: Final = number("Metric", "name")
_ALIAS: Final = number("Metric", "alias")
_AT: Final = number("Metric", "timestamp")
_DATATYPE: Final = number("Metric", "datatype")
_IS_HISTORICAL: Final = number("Metric", "is_historical")
_IS_TRANSIENT: Final = number("Metric", "is_transient")
_IS_NULL: Final = number("Metric", "is_null")
_PROPERTIES: Final = number("Metric", "properties")
INT: Final = number("Metric", "int_value")
LONG: Final = number("Metric", "long_value")
FLOAT: Final = number("Metric", "float_value")
DOUBLE: Final = number("Metric", "double_value")
BOOLEAN: Final = number("Metric", "boolean_value")
STRING: Final = number("Metric", "string_value")
BYTES: Final = number("Metric", "bytes_value")
DATASET: Final = number("Metric", "dataset_value")
TEMPLATE: Final = number("Metric", "template_value")
_WIRE_OF: Final = np.full(TEMPLATE + 1, 2, np.int64)  # wire type of each field of a metric
for _number in (
    _ALIAS,
    _AT,
    _DATATYPE,
    _IS_HISTORICAL,
    _IS_TRANSIENT,
    _IS_NULL,
    INT,
    LONG,
    BOOLEAN,
):
    _WIRE_OF[_number] = 0
_WIRE_OF[FLOAT], _WIRE_OF[DOUBLE] = 5, 1


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of many payloads, in order.

    buffer: all payloads, one behind the other. bounds: int64, shape (payloads + 1,), where each
    begins in `buffer`. first: int64, shape (payloads + 1,), its first metric. sent_at: its
    timestamp [ms since 1970 UTC], 0 = none. seq: its sequence number, -1 = none. good: whether its
    form is right; one that is not has no metrics.
    Per metric: name, text, properties: int64, shape (metrics, 2), bounds in `buffer`, empty = none
    (text also bounds bytes, data sets and templates). alias, at [ms], datatype, flags, field:
    number of the value's field, 0 = none. bits: the value as it was sent, uint64.
    """

    buffer: bytearray
    bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    sent_at: NDArray[np.uint64]
    seq: NDArray[np.int64]
    good: NDArray[np.bool_]
    name: NDArray[np.int64]
    text: NDArray[np.int64]
    properties: NDArray[np.int64]
    alias: NDArray[np.uint64]
    at: NDArray[np.uint64]
    datatype: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    field: NDArray[np.uint8]
    bits: NDArray[np.uint64]


@njit("Tuple((uint64,int64))(uint8[::1],int64,int64)", cache=True, nogil=True)
def _varint(raw, at, end):  # type: ignore[no-untyped-def]  # numba reads the signature above
    value = np.uint64(0)
    shift = np.uint64(0)
    for count in range(10):
        if at + count >= end:
            return value, np.int64(-1)
        byte = raw[at + count]
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return value, np.int64(at + count + 1)
        shift += np.uint64(7)
    return value, np.int64(-1)


@njit("Tuple((uint64,int64,int64))(uint8[::1],int64,int64,int64)", cache=True, nogil=True)
def _field(raw, at, end, wire):  # type: ignore[no-untyped-def]  # numba reads the signature above
    """Value, begin of its bytes, and end; end -1 where it does not fit."""
    if wire == 0:
        value, after = _varint(raw, at, end)
        return value, at, after
    if wire == 2:
        size, begin = _varint(raw, at, end)
        if begin < 0 or size > np.uint64(end - begin):
            return size, at, np.int64(-1)
        return size, begin, begin + np.int64(size)
    if wire != 1 and wire != 5:
        return np.uint64(0), at, np.int64(-1)
    width = 8 if wire == 1 else 4
    if at + width > end:
        return np.uint64(0), at, np.int64(-1)
    value = np.uint64(0)
    for i in range(width):
        value |= np.uint64(raw[at + i]) << np.uint64(8 * i)
    return value, at, np.int64(at + width)


@njit("int64(uint8[::1],int64,int64,int64[::1])", cache=True, nogil=True)
def _check_metric(raw, at, end, wire_of):  # type: ignore[no-untyped-def]  # see above
    """Whether the form of a metric is right."""
    while at < end:
        tag, after = _varint(raw, at, end)
        if after < 0:
            return 0
        wire = np.int64(tag & np.uint64(7))
        which = tag >> np.uint64(3)
        if which == 0:
            return 0
        if which < np.uint64(len(wire_of)) and wire != wire_of[np.int64(which)]:
            return 0
        _, _, at = _field(raw, after, end, wire)
        if at < 0:
            return 0
    return 1


@njit(
    "void(uint8[::1],int64[::1],int64[::1],uint64[::1],int64[::1],boolean[::1],int64[::1])",
    cache=True, nogil=True,
)  # fmt: skip
def _count(raw, bounds, counts, sent_at, seq, good, wire_of):  # type: ignore[no-untyped-def]  # see above
    for i in range(len(counts)):
        at, end = bounds[i], bounds[i + 1]
        counts[i], sent_at[i], seq[i], good[i] = 0, 0, -1, True
        while at < end:
            tag, after = _varint(raw, at, end)
            if after < 0:
                good[i] = False
                break
            wire = np.int64(tag & np.uint64(7))
            which = np.int64(tag >> np.uint64(3))
            value, begin, at = _field(raw, after, end, wire)
            right = at >= 0 and which != 0
            if right and which == _METRICS:
                right = wire == 2 and _check_metric(raw, begin, at, wire_of) == 1
                counts[i] += 1
            elif right and which in (_TIMESTAMP, _SEQ):
                right = wire == 0
                if which == _TIMESTAMP:
                    sent_at[i] = value
                else:
                    seq[i] = np.int64(value & np.uint64(0xFFFF))
            elif right and which in (_UUID, _BODY):
                right = wire == 2
            if not right:
                good[i] = False
                break
        if not good[i]:
            counts[i] = 0


@njit(
    "void(uint8[::1],int64,int64,int64,int64[:,:,::1],uint64[:,::1],uint32[::1],uint8[:,::1])",
    cache=True, nogil=True,
)  # fmt: skip
def _fill_metric(raw, at, end, m, spans, wide, datatype, marks):  # type: ignore[no-untyped-def]  # see above
    """Copy what stands in one metric. spans: name, text, properties; wide: alias, at, bits."""
    while at < end:
        tag, at = _varint(raw, at, end)
        wire = np.int64(tag & np.uint64(7))
        value, start, at = _field(raw, at, end, wire)
        which = np.int64(tag >> np.uint64(3))
        if which >= INT and which <= TEMPLATE:
            marks[1, m] = which
            wide[2, m] = value
            if wire == 2:
                spans[1, m, 0], spans[1, m, 1] = start, at
        elif which == _NAME:
            spans[0, m, 0], spans[0, m, 1] = start, at
        elif which == _ALIAS:
            wide[0, m] = value
            marks[0, m] |= ALIASED
        elif which == _AT:
            wide[1, m] = value
        elif which == _DATATYPE:
            datatype[m] = np.uint32(value & np.uint64(0xFFFFFFFF))
        elif which == _PROPERTIES:
            spans[2, m, 0], spans[2, m, 1] = start, at
        elif which == _IS_HISTORICAL and value:
            marks[0, m] |= HISTORICAL
        elif which == _IS_TRANSIENT and value:
            marks[0, m] |= TRANSIENT
        elif which == _IS_NULL and value:
            marks[0, m] |= NULL


@njit(
    "void(uint8[::1],int64[::1],int64[::1],boolean[::1],int64[:,:,::1],uint64[:,::1],uint32[::1],"
    "uint8[:,::1])",
    cache=True, nogil=True,
)  # fmt: skip
def _fill(raw, bounds, first, good, spans, wide, datatype, marks):  # type: ignore[no-untyped-def]  # see above
    for i in range(len(good)):
        here, end, m = bounds[i], bounds[i + 1], first[i]
        while good[i] and here < end:
            tag, here = _varint(raw, here, end)
            _, begin, here = _field(raw, here, end, np.int64(tag & np.uint64(7)))
            if np.int64(tag >> np.uint64(3)) == _METRICS:
                _fill_metric(raw, begin, here, m, spans, wide, datatype, marks)
                m += 1


def decode_columns(payloads: Sequence[bytes]) -> Metrics:
    """Return the metrics of payloads as columns; wrong payloads are marked and have none."""
    buffer = bytearray().join(payloads)  # writable, as the kernels are typed for arrays
    bounds = np.zeros(len(payloads) + 1, np.int64)
    np.cumsum([len(p) for p in payloads], out=bounds[1:])
    raw: NDArray[Any] = np.frombuffer(buffer, np.uint8)
    n = len(payloads)
    counts, sent_at = np.zeros(n, np.int64), np.zeros(n, np.uint64)
    seq, good = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    _count(raw, bounds, counts, sent_at, seq, good, _WIRE_OF)
    first = np.zeros(n + 1, np.int64)
    np.cumsum(counts, out=first[1:])
    rows = int(first[-1])
    spans, wide = np.zeros((3, rows, 2), np.int64), np.zeros((3, rows), np.uint64)
    datatype, marks = np.zeros(rows, np.uint32), np.zeros((2, rows), np.uint8)
    _fill(raw, bounds, first, good, spans, wide, datatype, marks)
    return Metrics(
        buffer, bounds, first, sent_at, seq, good, spans[0], spans[1], spans[2], wide[0], wide[1],
        datatype, marks[0], marks[1], wide[2],
    )  # fmt: skip


def warm_up() -> None:
    """Compile the kernels, or load them from the disk cache."""
    decode_columns([])
