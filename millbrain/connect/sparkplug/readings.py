"""From columns of metrics and their slots to readings: values, instants, qualities, refusals.

A value that the table can hold is stored, with a lower quality where it is doubtful; one that it
cannot hold is refused with its reason, alone, and its neighbours are stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.sparkplug import codec, columnar, fields
from millbrain.connect.sparkplug.columnar import Metrics
from millbrain.connect.sparkplug.slots import Slots, Stored
from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter
from millbrain.core.errors import FrameError
from millbrain.core.plant.readings import BAD, GOOD, UNCERTAIN

_NUMBERS: Final = (columnar.INT, columnar.LONG, columnar.FLOAT, columnar.DOUBLE, columnar.BOOLEAN)
_STALE: Final = 500  # 3.0 section 6.4.8: value of the property Quality


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of metrics: rows of `reading` with their slots, and refusals, one each."""

    slots: NDArray[np.int64]
    columns: Columns
    rejected: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class Picked:
    """Metrics of a batch that are to be stored; arrays have shape (rows,).

    rows: their numbers. slots. message: number of the payload. received_ms. doubtful: the alias may
    mean something else.
    """

    rows: NDArray[np.intp]
    slots: NDArray[np.int64]
    message: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    doubtful: NDArray[np.bool_]


def take(link: str, metrics: Metrics, picked: Picked, slots: Slots) -> Taken:
    """Make readings of metrics. link: connection that brought them."""
    stored = slots.stored()
    rows, numbers = picked.rows, picked.slots
    at = _device_at(metrics, picked)
    datatype = metrics.datatype[rows]
    datatype = np.where(datatype > 0, datatype, stored.datatype[numbers])
    value, missing = _values(metrics, rows, datatype)
    raw, is_text = _texts(metrics, rows)
    quality = _quality(metrics, rows)
    ahead = at > picked.received_ms + limits.CLOCK_AHEAD_S_MAX * 1000
    quality[(picked.doubtful | ahead) & (quality > UNCERTAIN)] = UNCERTAIN
    quality[missing & ~is_text] = BAD
    value = value * stored.scale[numbers] + stored.offset[numbers]
    odd = ~np.isfinite(value) & ~missing
    missing |= odd
    quality[odd] = BAD
    _name_troubles(slots, stored, picked, (is_text, odd, ahead))
    wrong = _refused(metrics, picked, at, raw)
    columns = Columns(
        len(rows),
        {
            "thing": stored.thing[numbers],
            "signal": stored.signal[numbers],
            "device_at": at,
            "received_at": picked.received_ms,
            "value": np.where(missing, 0.0, value),
            "text": raw,
            "quality": quality,
            "link": np.full(len(rows), link.encode()),
            "frame_count": np.ones(len(rows), np.uint8),
        },
        {"value": missing},
    )
    if not wrong:
        return Taken(numbers, columns, [])
    kept = np.setdiff1d(np.arange(len(rows)), np.fromiter(wrong, np.intp))
    letters = [
        _letter(link, metrics, picked, slots, (row, reason, detail))
        for row, (reason, detail) in wrong.items()
    ]
    return Taken(numbers[kept], columns.take(kept), letters)


def _device_at(metrics: Metrics, picked: Picked) -> NDArray[np.int64]:
    """Return the metric's own instant, else its message's, else that of its arrival."""
    own = metrics.at[picked.rows].astype(np.int64)
    sent = metrics.sent_at[picked.message].astype(np.int64)
    at = np.where(own > 0, own, sent)
    return np.where(at != 0, at, picked.received_ms)


def _values(
    metrics: Metrics, rows: NDArray[np.intp], datatype: NDArray[np.uint32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers, and where there is none."""
    field, bits = metrics.field[rows], metrics.bits[rows]
    whole = (field == columnar.INT) | (field == columnar.LONG)
    value = np.where(whole, bits.astype(np.float64), 0.0)
    for signed, width in fields.SIGNED_BITS.items():
        mine = whole & (datatype == signed)
        if mine.any():
            shift = np.uint64(64 - width)  # the sign may stand at 8, 16, 32 or 64 bits
            value[mine] = (bits[mine] << shift).view(np.int64) >> np.int64(64 - width)
    for which, read in _READ.items():
        mine = field == which
        if mine.any():
            value[mine] = read(bits[mine])
    missing = ~np.isin(field, _NUMBERS) | ((metrics.flags[rows] & columnar.NULL) != 0)
    value[missing] = 0.0
    return value, missing


def _float(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # a signalling NaN is a value like any other here
        return np.asarray(bits.astype(np.uint32).view(np.float32).astype(np.float64))


def _double(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    return np.asarray(bits.view(np.float64))


def _boolean(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    return np.asarray((bits != 0).astype(np.float64))


_READ: Final[Mapping[int, Callable[[NDArray[np.uint64]], NDArray[np.float64]]]] = {
    columnar.FLOAT: _float,
    columnar.DOUBLE: _double,
    columnar.BOOLEAN: _boolean,
}


def _texts(metrics: Metrics, rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Texts, empty where the value is none; objects, since one may be long."""
    null = (metrics.flags[rows] & columnar.NULL) != 0
    is_text = (metrics.field[rows] == columnar.STRING) & ~null
    if not is_text.any():
        return np.full(len(rows), b"", "S1"), is_text
    out = np.full(len(rows), b"", object)
    for row in np.flatnonzero(is_text).tolist():
        begin, end = metrics.text[rows[row]].tolist()
        out[row] = bytes(metrics.buffer[begin:end])
    return out, is_text


def _quality(metrics: Metrics, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the quality that the metric itself states, else good."""
    quality = np.full(len(rows), GOOD, np.uint8)
    spans = metrics.properties[rows]
    known: dict[bytes, int] = {}  # a node repeats the same few properties
    for row in np.flatnonzero(spans[:, 1] > spans[:, 0]).tolist():
        begin, end = spans[row].tolist()
        raw = bytes(metrics.buffer[begin:end])
        if raw not in known:
            known[raw] = stated_quality(raw)
        quality[row] = known[raw]
    return quality


def stated_quality(raw: bytes) -> int:
    """Return the quality that a property set states, good where it states none."""
    try:
        found = codec.decode(raw, "PropertySet")
    except FrameError:
        return UNCERTAIN
    for name, value in zip(found["keys"], found["values"], strict=False):
        if name == fields.QUALITY:
            code = value.get("int_value", value.get("long_value", GOOD))
            if code == _STALE:
                return UNCERTAIN
            return GOOD if code >= GOOD else UNCERTAIN if code >= UNCERTAIN else BAD
    return GOOD


def _name_troubles(
    slots: Slots, stored: Stored, picked: Picked, found: tuple[NDArray[np.bool_], ...]
) -> None:
    """Keep a sentence for each tag whose value is odd, and forget it where it is right again."""
    is_text, odd, ahead = found
    changed = is_text & ~stored.text[picked.slots]
    strange = changed | odd | ahead
    if slots.troubles:
        for slot in np.unique(picked.slots[~strange]).tolist():
            slots.troubles.pop(slots.addresses[slot], None)
    for row in np.flatnonzero(strange).tolist():
        if changed[row]:
            text = "the machine sends text where the tag is a number; it is stored as text"
        elif odd[row]:
            text = "the machine sends no number (NaN or infinite); no value is stored"
        else:
            text = (
                "the machine's clock is more than "
                f"{limits.CLOCK_AHEAD_S_MAX} s ahead of ours; its values are marked uncertain"
            )
        slots.troubles[slots.addresses[int(picked.slots[row])]] = text


def _refused(
    metrics: Metrics, picked: Picked, at: NDArray[np.int64], raw: NDArray[Any]
) -> dict[int, tuple[str, str]]:
    """Row -> reason and detail of what no reading can hold."""
    wrong: dict[int, tuple[str, str]] = {}
    low, high = limits.READING_AT_MS_MIN, picked.received_ms + limits.READING_AHEAD_MS_MAX
    for row in np.flatnonzero((at < low) | (at > high)).tolist():
        wrong[row] = (
            "clock",
            f"its timestamp is {at[row]} ms since 1970; {low} to {high[row]}, a day ahead of us, "
            "is allowed",
        )
    if raw.dtype == object:
        longest = limits.READING_TEXT_BYTES_MAX
        for row in np.flatnonzero([len(t) > longest for t in raw]).tolist():
            wrong[row] = ("too_long", f"a text of {len(raw[row])} bytes; {longest} are allowed")
    null = (metrics.flags[picked.rows] & columnar.NULL) != 0
    for row in np.flatnonzero((metrics.field[picked.rows] >= columnar.BYTES) & ~null).tolist():
        wrong[row] = ("unsupported_type", "bytes, files and arrays are not stored as readings")
    return wrong


def _letter(
    link: str, metrics: Metrics, picked: Picked, slots: Slots, told: tuple[int, str, str]
) -> DeadLetter:
    row, reason, detail = told
    begin, end = metrics.text[picked.rows[row]].tolist()
    raw = bytes(metrics.buffer[begin : min(end, begin + limits.DEAD_LETTER_BYTES_MAX)])
    address = slots.addresses[int(picked.slots[row])]
    slots.troubles[address] = f"{reason}: {detail}"
    return DeadLetter(
        link, reason, f"{link} {address}: {detail}; kept in dead letters", raw,
        int(picked.received_ms[row]),
    )  # fmt: skip
