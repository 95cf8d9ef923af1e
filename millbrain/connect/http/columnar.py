"""The rows of a push as columns of table `reading`, and what is wrong with each of them. Pure."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from millbrain.connect.http import fields
from millbrain.connect.http.codec import Body
from millbrain.core import limits
from millbrain.core.columns import Column, Columns, DeadLetter, Ragged
from millbrain.core.plant import admission
from millbrain.core.plant.readings import GOOD

pc: Any = pyarrow.compute  # the stubs do not know mixed arguments

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_Bad = NDArray[np.bool_]
_PAIRS_MARKED_MAX: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Names:
    """The different names of a column, the last one empty, which of them are wrong, and codes."""

    known: NDArray[np.bytes_]
    wrong: _Bad
    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pushed:
    """A push, judged. columns: rows that are fit. faults: code per row as sent, 0 = fit.

    torn: lines that were no rows, counted besides. letters: what was refused. things, signals:
    their names. met: pairs of them that occur among the fit rows, each once. texts: those of them
    that brought a text.
    """

    columns: Columns
    faults: NDArray[np.uint8]
    torn: int
    letters: list[DeadLetter]
    things: Names
    signals: Names
    met: NDArray[np.int64]
    texts: NDArray[np.int64]

    @property
    def layout(self) -> int:
        """A number that is the same where the same series came in the same order."""
        parts = (self.things.known, self.signals.known, self.met)
        return hash(tuple(part.tobytes() for part in parts))

    def series(self) -> dict[tuple[str, str], bool]:
        """Return thing and signal of each series among the fit rows, and whether it is a text."""
        things, signals = ([n.decode() for n in names.known.tolist()]
                           for names in (self.things, self.signals))  # fmt: skip
        width = len(signals)
        texts = set(self.texts.tolist())
        return {
            (things[pair // width], signals[pair % width]): pair in texts
            for pair in self.met.tolist()
        }


def _none(_: Sequence[str]) -> Collection[str]:
    return ()


def judge(
    body: Body,
    link: str,
    received_ms: int,
    foreign: Callable[[Sequence[str]], Collection[str]] = _none,
) -> Pushed:
    """Return the rows of a body as they are stored.

    Parameters
    ----------
    body
        As read.
    link
        Key of the connection.
    received_ms
        When the body arrived [ms since 1970 UTC].
    foreign
        Returns those of the given things that the connection may not speak of.
    """
    rows = body.rows
    faults = np.zeros(rows, np.uint8)
    values: dict[str, Column] = {}
    named = (_names(body.arrays.get("thing"), rows), _names(body.arrays.get("signal"), rows))
    for name, names in zip(("thing", "signal"), named, strict=True):
        values[name] = names.known[names.codes]
        faults[names.wrong[names.codes]] = fields.BAD_NAME
    things = [n.decode(errors="replace") for n in named[0].known.tolist()]
    if theirs := foreign(things):
        faults[np.array([n in theirs for n in things])[named[0].codes]] = fields.FOREIGN
    values["device_at"], bad_time = _times(body.arrays.get("device_at"), rows)
    number, missing, text, bad_value = _values(body, rows)
    values["quality"], bad_quality = _qualities(body.arrays.get("quality"), rows)
    faults[bad_time], faults[bad_value] = fields.BAD_TIME, fields.BAD_VALUE
    faults[bad_quality] = fields.BAD_QUALITY
    if body.bad is not None:
        faults[body.bad] = fields.BAD_ROW
    values |= {
        "value": number,
        "received_at": np.full(rows, received_ms, np.int64),
        "link": np.full(rows, link.encode()),
    }
    if text is not None:
        values["text"] = text
    checked, found = admission.admitted(Columns(rows, values, {"value": missing}))
    faults = np.where(faults, faults, found).astype(np.uint8)
    letters = admission.letters(checked, faults, fields.FAULTS) if faults.any() else []
    letters += [_torn(line, line_text, link, received_ms) for line, line_text in body.torn]
    is_fit = faults == 0
    met, with_text = _met(*named, is_fit), np.zeros(0, np.int64)
    if "text" in checked.values:
        with_text = _met(*named, is_fit & (np.diff(checked.ragged("text").offsets) > 0))
    fit = checked.take(np.flatnonzero(faults == 0)) if faults.any() else checked
    return Pushed(fit, faults, len(body.torn), letters, *named, met, with_text)


def _met(things: "Names", signals: "Names", fit: _Bad) -> NDArray[np.int64]:
    """Return the pairs of names that occur among the fit rows, each once."""
    pairs = (things.codes * len(signals.known) + signals.codes)[fit]
    size = len(things.known) * len(signals.known)
    if size > _PAIRS_MARKED_MAX:
        return np.unique(pairs)
    marked = np.zeros(size, np.bool_)  # ten times quicker than sorting
    marked[pairs] = True
    return np.flatnonzero(marked)


def _torn(line: int, text: str, link: str, received_ms: int) -> DeadLetter:
    reason, allowed = fields.FAULTS[fields.BAD_ROW]
    return DeadLetter(link, reason, f"line {line}: {allowed}", text.encode(), received_ms)


def _names(array: Any, rows: int) -> Names:
    """Look at each different name once; what is no text becomes wrong, null becomes empty."""
    empty = np.array([b""], np.bytes_)
    if array is None:
        return Names(empty, np.zeros(1, np.bool_), np.zeros(rows, np.int64))
    if _is_text(array.type):
        array = array.dictionary_encode()
    if not (pa.types.is_dictionary(array.type) and _is_text(array.type.value_type)):
        return Names(np.repeat(empty, 2), np.array([True, False]),
                      np.asarray(array.is_null()).astype(np.int64))  # fmt: skip
    texts = [t or "" for t in array.dictionary.cast(pa.string()).to_pylist()]
    longest = limits.READING_NAME_BYTES_MAX + 1  # that it was longer is seen by the one byte more
    known = np.array([*(t.encode()[:longest] for t in texts), b""], np.bytes_)
    wrong = np.array([*(bool(_CONTROL.search(t)) for t in texts), False])
    codes = np.asarray(array.indices.cast(pa.int64()).fill_null(len(texts)))
    return Names(known, wrong, codes)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _plain(array: Any) -> Any:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _times(array: Any, rows: int) -> tuple[NDArray[np.int64], _Bad]:
    if array is None:
        return np.zeros(rows, np.int64), np.ones(rows, np.bool_)
    array = _plain(array)
    if _is_text(array.type):
        array = _times_of_texts(array)
    elif pa.types.is_timestamp(array.type):
        # Nanoseconds since 1970 without a zone are UTC, as Arrow's own tools take them.
        array = array.cast(pa.timestamp("ms", array.type.tz), safe=False).cast(pa.int64())
    elif pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_finite(array), pc.round(array), None)
        array = array.cast(pa.int64(), safe=False)
    elif pa.types.is_integer(array.type):
        array = array.cast(pa.int64(), safe=False)
    else:
        return np.zeros(rows, np.int64), np.ones(rows, np.bool_)
    return np.asarray(array.fill_null(0)), np.asarray(array.is_null())


def _times_of_texts(texts: Any) -> Any:
    try:
        return texts.cast(pa.int64())
    except pa.ArrowException:
        pass
    try:
        instants = texts.cast(pa.timestamp("ns", "UTC"))
        return instants.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    except pa.ArrowException:
        return pa.array([_time_of_text(t) for t in texts.to_pylist()], pa.int64())


def _time_of_text(text: str | None) -> int | None:
    try:
        if text and text.lstrip("-").isdigit():
            return max(-(1 << 62), min(1 << 62, int(text[:20])))
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return int(at.timestamp() * 1000) if at.tzinfo else None


def _values(body: Body, rows: int) -> tuple[NDArray[np.float64], _Bad, Ragged | None, _Bad]:
    """Return number, where there is none, text, and where a value was neither."""
    array, texts = body.arrays.get("value"), body.arrays.get("text")
    bad = np.zeros(rows, np.bool_)
    if texts is not None:
        texts = _plain(texts)
        if not _is_text(texts.type):
            bad |= np.asarray(texts.is_valid())
            texts = None
    if array is not None:
        array = _plain(array)
        if pa.types.is_struct(array.type) and [f.name for f in array.type] == ["number", "text"]:
            texts, array = array.field("text"), array.field("number")
        elif _is_text(array.type):
            array, texts = _numbers_and_texts(array, texts)
    number, missing, wrong = _numbers(array, rows)
    return number, missing, None if texts is None else admission.ragged(texts), bad | wrong


def _numbers_and_texts(array: Any, texts: Any) -> tuple[Any, Any]:
    """Part texts that are numbers from those that are none; an empty one is no value."""
    numbers = pa.array([_number(t) for t in array.to_pylist()], pa.float64())
    rest = pc.if_else(pc.is_valid(numbers), "", array)
    return numbers, rest if texts is None else pc.if_else(pc.equal(rest, ""), texts, rest)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get((text or "").lower())


def _numbers(array: Any, rows: int) -> tuple[NDArray[np.float64], _Bad, _Bad]:
    none = np.zeros(rows, np.bool_)
    if array is None or pa.types.is_null(array.type):
        return np.zeros(rows), np.ones(rows, np.bool_), none
    kind = array.type
    if pa.types.is_boolean(kind):
        array = array.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.zeros(rows), np.ones(rows, np.bool_), np.asarray(array.is_valid())
    array = array.cast(pa.float64(), safe=False)
    missing = np.asarray(array.is_null())
    return np.asarray(array.fill_null(0.0) if array.null_count else array), missing, none


def _qualities(array: Any, rows: int) -> tuple[NDArray[np.uint8], _Bad]:
    good = np.full(rows, GOOD, np.uint8)
    if array is None or pa.types.is_null(array.type):
        return good, np.zeros(rows, np.bool_)
    array = _plain(array)
    if _is_text(array.type):
        array = pa.array([_quality(t) for t in array.to_pylist()], pa.int64())
    elif pa.types.is_integer(array.type):
        array = array.cast(pa.int64(), safe=False)
    else:
        return good, np.asarray(array.is_valid())
    codes = np.asarray(array.fill_null(GOOD))
    bad = (codes < 0) | (codes > 255)
    return np.where(bad, 0, codes).astype(np.uint8), bad


def _quality(text: str | None) -> int | None:
    if not text:
        return None
    if text.isdigit():
        return int(text[:9])
    return fields.QUALITIES.get(text.lower(), -1)
