"""A recorded table, one row a report, read into columns of known units.

Liberal in what is read: other spellings (`spellings`), other numbers of cells and probes, other
units, delimiters and forms of time, text where a number was expected. What had to be assumed is
said in `Recording.notes`. Only rows without a time are left out; what cannot stand on the wire is
decided by `recorded`, which makes the frames.
"""

import csv
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from millbrain.connect.gbt32960.simulator.readings import Floats, Recording, in_known_units
from millbrain.connect.gbt32960.simulator.spellings import (
    CELLS,
    DERIVED,
    PROBES,
    TIME,
    VIN,
    meaning,
    plain,
)
from millbrain.core.errors import FrameError, LimitError
from millbrain.core.limits import TABLE_COLUMNS_MAX, TABLE_ROWS_MAX
from millbrain.core.times import BEIJING_OFFSET_S

Span = tuple[float, float]  # device time [s since 1970 UTC], from and until

EVER: Final[Span] = (-np.inf, np.inf)
_GZIP: Final = b"\x1f\x8b"
_DELIMITERS: Final = (",", ";", "\t")
_BLOCK_BYTES: Final = 16 << 20
_HEAD_BYTES: Final = 1 << 16
_NULLS: Final = ["", "nan", "NaN", "NAN", "null", "NULL", "None", "none", "NA", "N/A", "-", "--",
                 "\\N", "inf", "-inf", "Infinity"]  # fmt: skip
_FORMS: Final = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M",
                 "%Y/%m/%d %H:%M", "%Y%m%d %H%M%S", "%Y年%m月%d日 %H:%M:%S")  # fmt: skip
_ZONED: Final = r"(Z|[+-]\d{2}:?\d{2})$"
_FRACTION: Final = r"[.,]\d+$"
_EPOCH: Final = r"^(\d{9,10}|\d{12,13})(\.\d+)?$"
_DAY: Final = r"^\d{4}\D?\d{1,2}\D?(?P<day>\d{1,2})"
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_EPOCH_MS_FROM: Final = 1e11  # larger numbers count milliseconds
_EARLIEST_S: Final = 946_656_000  # the wire has two digits of the year: 2000-01-01 00:00:00 ...
_LATEST_S: Final = 4_102_415_999  # ... to 2099-12-31 23:59:59, Beijing time


@dataclass(slots=True)
class Heading:
    """What the columns of a file mean.

    columns: how many. single: quantity -> place of its column. lists: quantity -> number of the
    cell or probe -> place. unknown: names that nobody knows.
    """

    delimiter: str
    columns: int
    single: dict[str, int] = field(default_factory=dict)
    lists: dict[str, dict[int, int]] = field(default_factory=lambda: {CELLS: {}, PROBES: {}})
    unknown: list[str] = field(default_factory=list)

    def numeric(self) -> list[int]:
        """Return the places of the columns that hold numbers."""
        found = [k for q, k in self.single.items() if q not in (TIME, VIN)]
        return found + [k for places in self.lists.values() for k in places.values()]

    def textual(self) -> list[int]:
        """Return the places of the columns that hold text."""
        return [k for q, k in self.single.items() if q in (TIME, VIN)]


def is_table(path: Path) -> bool:
    """Whether a file is a table with a header, and not lines of frames."""
    line = _first_line(path)
    return not line.startswith(("{", "#")) and any(d in line for d in _DELIMITERS)


def heading_of(path: Path, given: Mapping[str, str] | None = None) -> Heading:
    """Return what the columns of a table mean; `given` (column -> quantity) goes first.

    Raises
    ------
    FrameError
        There is no column of time, or nothing beside it that can be sent.
    LimitError
        More columns than allowed.
    """
    given = given or {}
    line = _first_line(path)
    delimiter = max(_DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    if len(names) > TABLE_COLUMNS_MAX:
        raise LimitError(f"{path.name} has {len(names)} columns; at most {TABLE_COLUMNS_MAX}")
    heading = Heading(delimiter, len(names))
    for place, name in enumerate(names):
        quantity, number = (given[name], -1) if name in given else meaning(name)
        if number >= 0:
            heading.lists[quantity].setdefault(number, place)
        elif quantity:
            heading.single.setdefault(quantity, place)
        elif plain(name) not in DERIVED:
            heading.unknown.append(name.strip())
    if TIME not in heading.single or not heading.numeric():
        raise FrameError("table", (
            f"{path.name}: its header begins with {', '.join(names[:8])!r}; a recorded table has a "
            "column of time (such as tboxTime) and at least one that can be sent; nothing was "
            "sent, name them with --column NAME=QUANTITY"
        ))  # fmt: skip
    return heading


def read_table(path: Path, heading: Heading, span: Span = EVER) -> list[Recording]:
    """Read the recording of every vehicle of a table, in the order of their first reports.

    Parameters
    ----------
    path
        CSV with a header, plain or .gz.
    heading
        What its columns mean.
    span
        Device times [s since 1970 UTC] to keep, the end not included.

    Raises
    ------
    FrameError
        The file is no table, or no row within the span has a time.
    LimitError
        More rows than allowed.
    """
    try:
        try:
            whole, lost = _rows(path, heading, span, is_strict=True)
        except pa.ArrowInvalid:  # text where a number was expected
            whole, lost = _rows(path, heading, span, is_strict=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise FrameError("table", f"{path.name} cannot be read as a table: {error}") from error
    if not len(whole.at):
        why = f"none of {lost:,} rows has a readable time" if lost else "no row is"
        raise FrameError("table", f"{path.name}: {why} within the span asked for; nothing was sent")
    return [_recording(whole, vin, heading, lost) for vin in dict.fromkeys(whole.vin.tolist())]


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows as they were read: time, vehicle, single quantities, cells, probes."""

    at: NDArray[np.int64]
    vin: NDArray[Any]
    single: Floats
    cells: NDArray[np.float32]
    probes: NDArray[np.float32]


def _rows(path: Path, heading: Heading, span: Span, *, is_strict: bool) -> tuple[_Part, int]:
    """Return all rows within the span, and how many others are cut or have no readable time."""
    parts: list[_Part] = []
    rows = lost = 0
    odd: list[Any] = []
    for batch in _batches(path, heading, odd, is_strict=is_strict):
        part, untimed = _part(batch, heading, span)
        parts.append(part)
        lost += untimed
        rows += len(part.at)
        if rows > TABLE_ROWS_MAX:
            raise LimitError(
                f"{path.name} has more than {TABLE_ROWS_MAX:,} rows; "
                "play it in parts with --from and --until"
            )
    joined = (np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Part))
    return _Part(*joined), lost + len(odd)


def _part(batch: Any, heading: Heading, span: Span) -> tuple[_Part, int]:
    """Return the rows of a batch that lie within the span, and how many have no readable time."""
    at, known = seconds_of(batch[str(heading.single[TIME])])
    keep = np.flatnonzero(known & (at >= span[0]) & (at < span[1]))
    vin = np.zeros(batch.num_rows, "S17")
    if VIN in heading.single:
        texts = pc.fill_null(pc.utf8_trim_whitespace(batch[str(heading.single[VIN])]), "")
        vin = np.array([t.encode("ascii", "replace") for t in texts.to_pylist()], "S17")
    single = [k for q, k in heading.single.items() if q not in (TIME, VIN)]
    return _Part(
        at[keep], vin[keep], _matrix(batch, single, keep, np.float64),
        _matrix(batch, _by_number(heading.lists[CELLS]), keep, np.float32),
        _matrix(batch, _by_number(heading.lists[PROBES]), keep, np.float32),
    ), int(np.count_nonzero(~known))  # fmt: skip


def _by_number(places: Mapping[int, int]) -> list[int]:
    """Return the places by number from the first to the last; -1 for one that is left out."""
    first = min(places, default=0)
    return [places.get(n, -1) for n in range(min(first, 1), max(places) + 1)] if places else []


def _matrix(batch: Any, places: list[int], rows: NDArray[np.intp], kind: Any) -> NDArray[Any]:
    out = np.full((len(rows), len(places)), np.nan, kind)
    for k, place in enumerate(places):
        if place >= 0:
            out[:, k] = batch[str(place)].to_numpy(zero_copy_only=False)[rows]
    return out


def _recording(whole: _Part, vin: bytes, heading: Heading, lost: int) -> Recording:
    is_all = VIN not in heading.single and bool(np.all(np.diff(whole.at) >= 0))
    rows: Any = (
        slice(None) if is_all else np.flatnonzero(whole.vin == vin)
    )  # a slice copies nothing
    notes = [f"rows that are cut or have no readable time, passed over: {lost:,}"] if lost else []
    if np.any(np.diff(whole.at[rows]) < 0):
        rows = rows[np.argsort(whole.at[rows], kind="stable")]
        notes.append("the rows were not in the order of time and are sent oldest first")
    repeated = int(np.count_nonzero(np.diff(whole.at[rows]) == 0))
    if repeated:
        notes.append(f"reports of a second that has one already: {repeated:,}; a centre keeps one")
    quantities = [q for q in heading.single if q not in (TIME, VIN)]
    values = {q: whole.single[rows, k] for k, q in enumerate(quantities)}
    found = Recording(
        vin.decode(), whole.at[rows], values, whole.cells[rows], whole.probes[rows], notes
    )
    in_known_units(found)
    return found


# From bytes to columns --------------------------------------------------------------------------
def _first_line(path: Path) -> str:
    """Return the first line, also of a packed file that is cut off behind it."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _HEAD_BYTES)
        except zlib.error:
            return ""
    line = head.split(b"\n", 1)[0]
    try:
        return line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return line.decode("gb18030", "replace").strip()


def _batches(path: Path, heading: Heading, odd: list[Any], *, is_strict: bool) -> Iterator[Any]:
    """Yield the rows, columns named by their places; unless strict, what is no number is null.

    odd: gets what stands for a row that has more or fewer columns than the header.
    """

    def skip(row: Any) -> Literal["skip"]:
        odd.append(row.actual_columns)
        return "skip"

    numeric, textual = heading.numeric(), heading.textual()
    kinds = {k: pa.float64() if is_strict else pa.string() for k in numeric}
    kinds |= {k: pa.string() for k in textual}
    with _stream(path) as stream:
        reader = arrow_csv.open_csv(
            stream,
            arrow_csv.ReadOptions(
                block_size=_BLOCK_BYTES, skip_rows=1,
                column_names=[str(k) for k in range(heading.columns)],
            ),
            arrow_csv.ParseOptions(
                delimiter=heading.delimiter, invalid_row_handler=skip
            ),
            arrow_csv.ConvertOptions(
                column_types={str(k): kind for k, kind in kinds.items()},
                include_columns=[str(k) for k in kinds], null_values=_NULLS,
                strings_can_be_null=True,
            ),
        )  # fmt: skip
        for batch in reader:
            yield batch if is_strict else _numbers_of(batch, numeric)


def _stream(path: Path) -> Any:
    raw = pa.OSFile(str(path), "rb")
    is_packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    return pa.CompressedInputStream(raw, "gzip") if is_packed else raw


def _numbers_of(batch: Any, numeric: list[int]) -> Any:
    names = {str(k) for k in numeric}
    arrays = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in names:
            arrays.append(column)
            continue
        text = pc.utf8_trim_whitespace(column)
        is_number = pc.match_substring_regex(text, _NUMBER)
        arrays.append(pc.cast(pc.if_else(is_number, text, None), pa.float64()))
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def seconds_of(texts: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read instants; return seconds since 1970 UTC and which of them could be read.

    A clock time without a zone is Beijing time, as the standard has it; a number is seconds or
    milliseconds since 1970; parts of a second are cut off, since the wire has none.
    """
    texts = pc.utf8_trim_whitespace(texts)
    at = np.full(len(texts), -1, np.int64)
    is_zoned = _truth(pc.match_substring_regex(texts, _ZONED))
    is_epoch = _truth(pc.match_substring_regex(texts, _EPOCH))
    is_clock = ~is_zoned & ~is_epoch
    if is_epoch.any():
        numbers = pc.cast(texts.filter(pa.array(is_epoch)), pa.float64()).to_numpy()
        at[is_epoch] = np.where(numbers >= _EPOCH_MS_FROM, numbers / 1000, numbers).astype(np.int64)
    if is_zoned.any():
        zoned = texts.filter(pa.array(is_zoned)).to_pylist()
        at[is_zoned] = [_zoned_s(text) for text in zoned]
    if is_clock.any():
        clock = pc.replace_substring_regex(texts.filter(pa.array(is_clock)), "T", " ")
        at[is_clock] = _clock_s(pc.replace_substring_regex(clock, _FRACTION, ""))
    return at, (at >= _EARLIEST_S) & (at <= _LATEST_S)


def _truth(mask: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), np.bool_)


def _zoned_s(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return -1


def _clock_s(texts: Any) -> NDArray[np.int64]:
    """Read Beijing clock times, each by the first form that fits it; -1 where none does."""
    at = np.full(len(texts), -1, np.int64)
    for form in _FORMS:
        left = np.flatnonzero(at < 0)
        if not len(left):
            break
        words = texts.take(pa.array(left))
        read = pc.strptime(words, form, "s", error_is_null=True)
        seconds = pc.fill_null(pc.cast(read, pa.int64()), -1).to_numpy()
        # 30 February is read as 2 March: a day that turned into another one is none.
        day = pc.cast(pc.struct_field(pc.extract_regex(words, _DAY), "day"), pa.int64())
        is_there = _truth(pc.equal(pc.day(read), day))
        at[left] = np.where(is_there, seconds - BEIJING_OFFSET_S, -1)
    return at
