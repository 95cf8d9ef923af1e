"""From values of a notification to readings: thing, signal, instants, number or text, quality."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.opcua import codec, columnar, layout
from millbrain.connect.opcua.codec import Reader, Structure, Value
from millbrain.connect.opcua.columnar import Changes
from millbrain.connect.opcua.slots import TEXT, TRUTH, Slots, Trouble
from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter
from millbrain.core.plant.readings import BAD, GOOD, UNCERTAIN

_AHEAD_MS: Final = limits.CLOCK_AHEAD_S_MAX * 1000
_IS_NUMBER: Final = np.isin(np.arange(256), sorted(layout.NUMBERS))
_QUALITIES: Final = np.array([GOOD, UNCERTAIN, BAD, BAD], np.uint8)  # by the two severity bits


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one notification. received: values that were looked at; rows + refusals."""

    received: int
    columns: Columns
    rejected: tuple[DeadLetter, ...] = ()


@dataclass(slots=True)
class _Draft:
    """Readings in the making: what the slow road adds to the columns of the quick one."""

    value: NDArray[np.float64]
    missing: NDArray[np.bool_]
    quality: NDArray[np.uint8]
    trouble: NDArray[np.uint8]
    texts: dict[int, bytes]
    refused: dict[int, DeadLetter]


def readings(body: bytes, start: int, stop: int, slots: Slots, received_ms: int) -> Readings:
    """Return the readings of the data change at ``body[start:stop]``.

    Raises
    ------
    FrameError
        The bytes are no data change.
    """
    found = columnar.changes(body, start, stop)
    known = found.handle < len(slots.tags)
    known[known] = ~slots.gone[found.handle[known]]
    if not known.all():
        rows = np.flatnonzero(known)
        found = columnar.taken(found, rows)
    slot = found.handle.astype(np.intp)
    draft = _drafted(found, slot, slots)
    _read_others(body, found, slot, slots, draft, received_ms)
    device_ms, wrong = _instants(found, received_ms)
    draft.quality[wrong] = np.minimum(draft.quality[wrong], UNCERTAIN)
    draft.trouble[wrong & (draft.trouble == 0)] = Trouble.CLOCK
    _remember(found, slot, slots, draft)
    return _gathered(slot, slots, draft, device_ms, received_ms)


def _drafted(found: Changes, slot: NDArray[np.intp], slots: Slots) -> _Draft:
    """All that needs no look at the bytes again."""
    value = found.value * slots.scale[slot] + slots.offset[slot]
    kind = slots.kind[slot]
    is_number = _IS_NUMBER[found.kind] & (kind != TEXT) & (slots.element[slot] < 0)
    truth = kind == TRUTH
    value[truth] = found.value[truth] != 0
    finite = np.isfinite(value)
    quality = _QUALITIES[found.status >> 30]
    trouble = np.zeros(len(value), np.uint8)
    odd = is_number & ~finite
    quality[odd] = np.minimum(quality[odd], UNCERTAIN)
    trouble[(found.status & layout.OVERFLOW) == layout.OVERFLOW] = Trouble.OVERFLOW
    trouble[odd] = Trouble.NOT_A_NUMBER
    trouble[quality == BAD] = Trouble.STATUS
    return _Draft(value, ~(is_number & finite), quality, trouble, {}, {})


def _instants(found: Changes, received_ms: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Instant of each value [ms since 1970], and where none that the server gave can be right."""
    source = (found.source - layout.EPOCH_TICKS) // layout.TICKS_A_MS
    server = (found.server - layout.EPOCH_TICKS) // layout.TICKS_A_MS
    latest = received_ms + _AHEAD_MS
    source_right = (source >= limits.READING_AT_MS_MIN) & (source <= latest)
    server_right = (server >= limits.READING_AT_MS_MIN) & (server <= latest)
    at = np.where(source_right, source, np.where(server_right, server, received_ms))
    untold = (found.source == 0) & server_right
    return at, ~(source_right | untold)


def _read_others(
    body: bytes, found: Changes, slot: NDArray[np.intp], slots: Slots, draft: _Draft,
    received_ms: int,
) -> None:  # fmt: skip
    """Texts, arrays, structures, and numbers of tags that are texts: one at a time."""
    quick = _IS_NUMBER[found.kind] & (slots.kind[slot] != TEXT) & (slots.element[slot] < 0)
    for row in np.flatnonzero(~quick & (found.kind != 0)):
        n = int(row)
        refusal = _read_one(body, found, n, int(slot[n]), slots, draft)
        if refusal:
            raw = body[found.start[n] : found.end[n]][: limits.DEAD_LETTER_BYTES_MAX]
            tag = slots.tags[int(slot[n])]
            detail = f"{slots.link.decode()} {tag.address if tag else ''}: {refusal[1]}"
            letter = DeadLetter(slots.link.decode(), refusal[0], detail, raw, received_ms)
            draft.refused[n] = letter


def _read_one(
    body: bytes, found: Changes, row: int, slot: int, slots: Slots, draft: _Draft
) -> tuple[str, str] | None:
    """Put one value into the draft; return reason and sentence where it is refused."""
    value = Reader(body, int(found.start[row])).variant()
    element = int(slots.element[slot])
    if element >= 0:
        if not value.array or element >= len(value.value):
            draft.trouble[row] = Trouble.ELEMENT
            return None
        value = Value(value.type, value.value[element])
    inner = value.value[0] if value.array and value.value else value.value
    if isinstance(inner, Structure):
        draft.trouble[row] = Trouble.STRUCTURE
        return "structure", f"the value is a structure of type {inner.type}; it is not looked into"
    if slots.kind[slot] != TEXT and not value.array and value.type in layout.NUMBERS:
        _put_number(float(value.value), row, slot, slots, draft)
        return None
    text = codec.written(value).encode()
    if len(text) > limits.READING_TEXT_BYTES_MAX:
        draft.trouble[row] = Trouble.TEXT
        most = limits.READING_TEXT_BYTES_MAX
        return "text_length", f"the value has {len(text)} bytes as text, {most} are allowed"
    draft.texts[row] = text
    if slots.kind[slot] != TEXT:
        draft.quality[row] = min(int(draft.quality[row]), UNCERTAIN)
        draft.trouble[row] = Trouble.ARRAY if value.array else Trouble.TYPE
    return None


def _put_number(raw: float, row: int, slot: int, slots: Slots, draft: _Draft) -> None:
    value = raw * slots.scale[slot] + slots.offset[slot]
    if slots.kind[slot] == TRUTH:
        value = float(raw != 0)
    if np.isfinite(value):
        draft.value[row], draft.missing[row] = value, False
    else:
        draft.quality[row] = min(int(draft.quality[row]), UNCERTAIN)
        draft.trouble[row] = Trouble.NOT_A_NUMBER


def _remember(found: Changes, slot: NDArray[np.intp], slots: Slots, draft: _Draft) -> None:
    """Note type, status and trouble of the newest value of each tag; the last one of a tag wins."""
    before = slots.types[slot]
    valued = found.kind != 0
    other = valued & (before != 0) & (before != found.kind)
    if other.any():
        slots.types_before[slot[other]] = before[other]
        draft.trouble[other & (draft.trouble == 0)] = Trouble.CHANGED
    slots.types[slot[valued]] = found.kind[valued]
    slots.statuses[slot] = found.status
    # A changed type is news for longer than one value.
    same = (draft.trouble == 0) & (slots.troubles[slot] == Trouble.CHANGED)
    slots.troubles[slot[~same]] = draft.trouble[~same]


def _gathered(
    slot: NDArray[np.intp], slots: Slots, draft: _Draft, device_ms: NDArray[np.int64],
    received_ms: int,
) -> Readings:  # fmt: skip
    rows = len(slot)
    text: NDArray[Any] = np.zeros(rows, "S1")
    if draft.texts:
        text = np.full(rows, b"", object)
        for row, written in draft.texts.items():
            text[row] = written
    columns = Columns(
        rows,
        {
            "thing": slots.thing[slot],
            "signal": slots.signal[slot],
            "device_at": device_ms,
            "received_at": np.full(rows, received_ms, np.int64),
            "value": draft.value,
            "text": text,
            "quality": draft.quality,
            "link": np.full(rows, slots.link),
            "frame_count": np.ones(rows, np.uint8),
        },
        {"value": draft.missing},
    )
    if draft.refused:
        columns = columns.take(np.setdiff1d(np.arange(rows), list(draft.refused)))
    return Readings(rows, columns, tuple(draft.refused.values()))
