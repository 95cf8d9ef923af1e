"""Which readings are taken in, and in what form: the same for every room that brings some.

A room may ask before it hands over, to tell its counterpart which rows were refused; the intake
asks again. A row that is refused keeps its place in the counts as a dead letter; what can be made
right is: a number that is none (NaN, infinite) becomes "no value" of bad quality.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.core import limits
from millbrain.core.columns import Column, Columns, DeadLetter, Ragged
from millbrain.core.errors import LimitError
from millbrain.core.plant.readings import BAD, GOOD, UNCERTAIN

LINK_BYTES_MAX: Final = 64  # key of a connection
LETTER_ROWS_MAX: Final = 200  # refused rows that share a dead letter; its count is one byte

# Code of a fault -> reason as dead letters carry it, and what was allowed.
FAULTS: Final[Mapping[int, tuple[str, str]]] = {
    1: ("no_name", "thing and signal are needed"),
    2: ("long_name", f"thing and signal have at most {limits.READING_NAME_BYTES_MAX} bytes"),
    3: ("clock", "device_at lies before 2001 or more than a day ahead of our clock; "
                 "the device's clock is wrong"),
    4: ("long_text", f"a text has at most {limits.READING_TEXT_BYTES_MAX} bytes"),
}  # fmt: skip
NO_NAME, LONG_NAME, CLOCK, LONG_TEXT = FAULTS

Faults = NDArray[np.uint8]
_QUALITY: Final = np.array([BAD, UNCERTAIN, UNCERTAIN, GOOD], np.uint8)  # by the two OPC bits


def admitted(given: Columns) -> tuple[Columns, Faults]:
    """Return readings in the form that is stored, and what is wrong with each row.

    Parameters
    ----------
    given
        Rows of table `reading`: thing, signal, device_at and received_at [ms since 1970 UTC],
        value and/or text, quality (an OPC byte; absent = good), link. Names are NumPy ``S`` or
        objects of ``bytes``; a text may be a `Ragged` too.

    Returns
    -------
    The rows, all of them, and a fault code per row, 0 where it is fine. Names of refused rows may
    be cut. Text is `Ragged` and left out where no row has any.

    Raises
    ------
    LimitError
        The name of a link is too long: a connection's key, so a mistake of the room.
    """
    rows = given.rows
    faults = np.zeros(rows, np.uint8)
    values: dict[str, Column] = {
        n: np.asarray(given.array(n)).astype(np.int64, copy=False)
        for n in ("device_at", "received_at")
    }
    for name in ("thing", "signal"):
        values[name] = _names(given.array(name), faults)
    values["link"] = _links(given.array("link"))
    _judge_clock(values, faults)
    text = _text(given, faults)
    value, missing = _value(given)
    quality = _quality(given)
    quality[~np.isfinite(value) & ~missing] = BAD
    missing |= ~np.isfinite(value)
    values |= {"value": np.where(missing, 0.0, value), "quality": quality}
    values["frame_count"] = np.ones(rows, np.uint8)
    if text is not None:
        values["text"] = text
    return Columns(rows, values, {"value": missing} if missing.any() else {}), faults


def letters(
    rows: Columns, faults: Faults, reasons: Mapping[int, tuple[str, str]] = FAULTS
) -> list[DeadLetter]:
    """Return the refused rows as dead letters: those of one link and reason share some.

    reasons: what each code means, for a room that has some of its own.
    """
    made = []
    refused = np.flatnonzero(faults)
    links = rows.array("link")
    received = rows.array("received_at")
    for code in np.unique(faults[refused]):
        reason, allowed = reasons[int(code)]
        of_code = refused[faults[refused] == code]
        for link in np.unique(links[of_code]):
            mine = of_code[links[of_code] == link]
            for first in range(0, len(mine), LETTER_ROWS_MAX):
                some = mine[first : first + LETTER_ROWS_MAX]
                made.append(DeadLetter(
                    link.decode(errors="replace"), reason,
                    f"{describe(rows, int(some[0]))}: {allowed}",
                    "\n".join(describe(rows, int(i)) for i in some).encode(),
                    int(received[some[0]]), len(some),
                ))  # fmt: skip
    return made


def describe(rows: Columns, row: int) -> str:
    """Return a row as JSON, for people."""
    at_ms = int(rows.array("device_at")[row])
    told: dict[str, Any] = {
        n: rows.array(n)[row].decode(errors="replace") for n in ("thing", "signal")
    }
    told["device_at"] = _iso(at_ms)
    no_value = "value" in rows.missing and rows.missing["value"][row]
    told["value"] = None if no_value else float(rows.array("value")[row])
    if "text" in rows.values:
        text = rows.ragged("text")
        start, end = int(text.offsets[row]), int(text.offsets[row + 1])
        told["text"] = text.values[start : min(end, start + 200)].tobytes().decode(errors="replace")
    return json.dumps(told, ensure_ascii=False)


def _iso(at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def _names(given: NDArray[Any], faults: Faults) -> NDArray[np.bytes_]:
    width = limits.READING_NAME_BYTES_MAX
    if given.dtype.kind == "O":
        sizes = np.fromiter(map(len, given), np.int64, len(given))
        if sizes.max(initial=0) > width:
            long = sizes > width
            faults[long] = LONG_NAME
            given = given.copy()
            given[long] = [name[:width] for name in given[long]]
    names: NDArray[np.bytes_] = np.asarray(given, np.bytes_)
    if names.dtype.itemsize > width:
        faults[np.char.str_len(names) > width] = LONG_NAME
        names = names.astype(f"S{width}")
    if len(names):
        first = np.ascontiguousarray(names).view(np.uint8).reshape(len(names), -1)[:, 0]
        faults[first == 0] = NO_NAME
    return names


def _links(given: NDArray[Any]) -> NDArray[np.bytes_]:
    links: NDArray[np.bytes_] = np.asarray(given, np.bytes_)
    if links.dtype.itemsize > LINK_BYTES_MAX:
        longest = int(np.char.str_len(links).max(initial=0))
        if longest > LINK_BYTES_MAX:
            raise LimitError(
                f"the key of a connection has {longest} bytes, {LINK_BYTES_MAX} are allowed; "
                "nothing of the delivery was taken"
            )
    return links


def _judge_clock(values: Mapping[str, Column], faults: Faults) -> None:
    at, received = np.asarray(values["device_at"]), np.asarray(values["received_at"])
    faults[(at < limits.READING_AT_MS_MIN) | (at > received + limits.READING_AHEAD_MS_MAX)] = CLOCK


def _text(given: Columns, faults: Faults) -> Ragged | None:
    if "text" not in given.values:
        return None
    text = given.values["text"]
    if not isinstance(text, Ragged):
        texts: Any = pa.array(text, pa.binary())
        text = ragged(texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts)
    sizes = np.diff(text.offsets)
    if not sizes.any():
        return None
    faults[sizes > limits.READING_TEXT_BYTES_MAX] = LONG_TEXT
    return text


def ragged(texts: "pa.Array[Any]") -> Ragged:
    """Return an Arrow array of texts or bytes as a column; no value becomes an empty text."""
    filled: Any = texts.cast(pa.binary()).fill_null(b"")
    _, offsets, raw = filled.buffers()
    bounds = np.frombuffer(memoryview(offsets or bytes(4)), np.int32)
    bounds = bounds[filled.offset : filled.offset + len(filled) + 1]
    pieces = np.frombuffer(memoryview(raw or b""), np.uint8)[bounds[0] : bounds[-1]]
    return Ragged(bounds - bounds[0], pieces)


def _value(given: Columns) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if "value" not in given.values:
        return np.zeros(given.rows), np.ones(given.rows, np.bool_)
    value = np.asarray(given.array("value")).astype(np.float64, copy=False)
    missing = given.missing.get("value")
    return value, np.zeros(given.rows, np.bool_) if missing is None else missing.copy()


def _quality(given: Columns) -> NDArray[np.uint8]:
    if "quality" not in given.values:
        return np.full(given.rows, GOOD, np.uint8)
    judged: NDArray[np.uint8] = _QUALITY[np.asarray(given.array("quality")).astype(np.uint8) >> 6]
    return judged
