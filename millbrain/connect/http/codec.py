"""A body of any of the four media types to Arrow arrays. Pure: no socket, clock or file.

    JSON     {"thing": "M7", "signal": [...], "device_at": [...], "value": [...]}   columns; one
             value instead of a list holds for all rows
             [{"thing": ..., "signal": ..., "device_at": ..., "value": ...}, ...]  rows; also under
             "readings"; {"thing", "device_at", "values": {signal: value}} is a row per signal
    NDJSON   a row a line
    CSV      a line of column names, then a row a line
    Arrow    an IPC stream; text columns may be dictionaries; not compressed

What is said of a row is said in `columnar`; what makes the whole body unreadable is a `FrameError`.
"""

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
from numpy.typing import NDArray

from millbrain.connect.http import fields
from millbrain.core import limits
from millbrain.core.errors import FrameError, LimitError

_csv: Any = pyarrow.csv
_json: Any = pyarrow.json

_DECODED_BYTES_MAX: Final = 8 * limits.PUSH_BYTES_MAX
_CSV_TRUTH: Final = {"true_values": ["true", "True", "TRUE"],
                     "false_values": ["false", "False", "FALSE"]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """The rows of a push as they were sent. arrays: column -> Arrow array of `rows` entries.

    bad: True where a row was no row at all. torn: lines of a CSV that have too many or too few
    cells, with their text; they are no entries of the arrays.
    """

    rows: int
    arrays: Mapping[str, Any]
    bad: NDArray[np.bool_] | None = None
    torn: Sequence[tuple[int, str]] = field(default_factory=tuple)


def read(body: bytes, media: str) -> Body:
    """Return the rows of a body.

    Raises
    ------
    FrameError
        The body is not of that media type, or lacks a column.
    LimitError
        It has too many rows.
    """
    reader = _READERS.get(media)
    if reader is None:
        raise _unreadable(f"media type was {media!r}; {', '.join(fields.MEDIA)} are read")
    try:
        found = reader(body)
    except (pa.ArrowException, ValueError, OSError, MemoryError, RecursionError) as error:
        raise _unreadable(f"body is no {media}: {str(error)[:300]}") from error
    if found.rows + len(found.torn) > limits.PUSH_ROWS_MAX:
        raise LimitError(
            f"a push has at most {limits.PUSH_ROWS_MAX} readings; {found.rows} came, none was taken"
        )
    lacking = [n for n in fields.NEEDED if n not in found.arrays]
    if lacking and found.rows:
        raise _unreadable(f"column {', '.join(lacking)} is missing; needed are "
                         f"{', '.join(fields.NEEDED)} and value or text")  # fmt: skip
    return found


def _unreadable(why: str) -> FrameError:
    return FrameError("unreadable", why)


# JSON -------------------------------------------------------------------------------------------


def _read_json(body: bytes) -> Body:
    found = orjson.loads(body)
    if isinstance(found, dict) and "readings" in found:
        found = found["readings"]
    if isinstance(found, list):
        return _of_rows(found)
    if isinstance(found, dict):
        return _of_rows([found]) if "values" in found else _of_columns(found)
    raise _unreadable("body is JSON, but neither an object of columns nor a list of rows")


def _read_lines(body: bytes) -> Body:
    try:
        table = _json.read_json(
            io.BytesIO(body),
            _json.ReadOptions(use_threads=False, block_size=limits.PUSH_BYTES_MAX),
            _json.ParseOptions(newlines_in_values=False),
        )
    except pa.ArrowException:  # columns of mixed kinds, or lines that are none
        return _of_rows([_line(line) for line in body.splitlines() if line.strip()])
    if "values" in table.column_names:
        return _of_rows(table.to_pylist())
    return _of_table(table)


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _of_columns(found: Mapping[str, Any]) -> Body:
    given = {n: found[n] for n in fields.ALL if n in found}
    sizes = {n: len(v) for n, v in given.items() if isinstance(v, list)}
    if len(set(sizes.values())) > 1:
        raise _unreadable(f"columns have different lengths: {sizes}")
    rows = max(sizes.values(), default=1 if given else 0)
    arrays = {n: array_of(v if isinstance(v, list) else [v] * rows, n) for n, v in given.items()}
    return Body(rows, arrays)


def _of_rows(found: Sequence[Any]) -> Body:
    bad: list[bool] = []
    rows: list[Mapping[str, Any]] = []
    for row in found:
        if isinstance(row, dict) and isinstance(row.get("values"), dict):
            spread = [row | {"signal": s, "value": v} for s, v in row["values"].items()]
        else:
            spread = [row if isinstance(row, dict) else {}]
        rows += spread
        bad += [not isinstance(row, dict)] * len(spread)
        if len(rows) > limits.PUSH_ROWS_MAX:
            break
    names = [n for n in fields.ALL if n in fields.NEEDED or any(n in r for r in rows)]
    arrays = {n: array_of([r.get(n) for r in rows], n) for n in names}
    return Body(len(rows), arrays, np.array(bad, np.bool_))


def array_of(values: list[Any], name: str) -> Any:
    """Return a list of Python values as an Arrow array; one of mixed kinds as texts.

    A value is number and text by turns: then the array has two fields, `number` and `text`.
    """
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError):
        pass
    if name != "value":
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    numbers = [float(v) if isinstance(v, int | float) else None for v in values]
    texts = [v if isinstance(v, str) else None for v in values]
    return pa.StructArray.from_arrays(
        [pa.array(numbers, pa.float64()), pa.array(texts, pa.string())], ["number", "text"]
    )


# CSV --------------------------------------------------------------------------------------------


def _read_csv(body: bytes) -> Body:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        body = body.decode("gb18030").encode()  # as Chinese spreadsheets save it
    try:
        return _csv_body(body, pa.float64())
    except pa.ArrowInvalid:
        return _csv_body(body, pa.string())  # some values are texts, or nothing of it is a CSV


def _csv_body(body: bytes, value: pa.DataType) -> Body:
    torn: list[tuple[int, str]] = []

    def skip(row: Any) -> str:
        torn.append((row.number or 0, str(row.text)[:300]))
        return "skip"

    names = pa.dictionary(pa.int32(), pa.string())
    kinds = {"thing": names, "signal": names, "device_at": pa.string(), "value": value,
             "text": pa.string(), "quality": pa.string()}  # fmt: skip
    table = _csv.read_csv(
        io.BytesIO(body),
        _csv.ReadOptions(use_threads=False, block_size=limits.PUSH_BYTES_MAX),
        _csv.ParseOptions(delimiter=_delimiter(body), invalid_row_handler=skip),
        _csv.ConvertOptions(column_types=kinds, strings_can_be_null=False, **_CSV_TRUTH),
    )
    found = _of_table(table)
    return Body(found.rows, found.arrays, torn=torn)


def _delimiter(body: bytes) -> str:
    """Return the sign between cells: spreadsheets of some languages write a semicolon."""
    first = body.split(b"\n", 1)[0]
    return max((",", ";", "\t"), key=lambda sign: first.count(sign.encode()))


# Arrow ------------------------------------------------------------------------------------------


def _read_arrow(body: bytes) -> Body:
    _refuse_compressed(body)
    batches, rows, size = [], 0, 0
    with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
        for batch in stream:
            batch.validate(full=True)  # offsets of a hostile batch lead anywhere
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows > limits.PUSH_ROWS_MAX or size > _DECODED_BYTES_MAX:
                raise LimitError(
                    f"a push has at most {limits.PUSH_ROWS_MAX} readings and "
                    f"{_DECODED_BYTES_MAX} bytes decoded; none was taken"
                )
            batches.append(batch)
        return _of_table(pa.Table.from_batches(batches, stream.schema))


def _refuse_compressed(body: bytes) -> None:
    """Raise FrameError where a batch is compressed: 16 MiB may hide as many GiB."""
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        if message.type in ("record batch", "dictionary") and _is_compressed(
            message.metadata.to_pybytes(), is_dictionary=message.type == "dictionary"
        ):
            raise _unreadable("Arrow batches are compressed; send them plain")


def _is_compressed(metadata: bytes, *, is_dictionary: bool) -> bool:
    """Whether a message's record batch names a compression (Message.fbs, RecordBatch field 3)."""
    try:
        table = struct.unpack_from("<I", metadata)[0]
        batch = _follow(metadata, _slot(metadata, table, 2))
        if is_dictionary:
            batch = _follow(metadata, _slot(metadata, batch, 1))
        return _slot(metadata, batch, 3) > 0
    except struct.error as error:
        raise _unreadable(f"an Arrow message ends within its header: {error}") from error


def _slot(buffer: bytes, table: int, field_number: int) -> int:
    """Return where a field of a flatbuffer table stands, 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    at = 4 + 2 * field_number
    if vtable < 0 or at >= struct.unpack_from("<H", buffer, vtable)[0]:
        return 0
    offset: int = struct.unpack_from("<H", buffer, vtable + at)[0]
    return table + offset if offset else 0


def _follow(buffer: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", buffer, at)[0])


def _of_table(table: pa.Table) -> Body:
    names = [n for n in fields.ALL if table.column_names.count(n) == 1]
    whole = table.select(names).unify_dictionaries()
    arrays = {n: _one_chunk(whole.column(n)) for n in names}
    return Body(table.num_rows, arrays)


def _one_chunk(column: "pa.ChunkedArray[Any]") -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks()


_READERS: Final[Mapping[str, Callable[[bytes], Body]]] = {
    fields.JSON: _read_json,
    fields.LINES: _read_lines,
    fields.CSV: _read_csv,
    fields.ARROW: _read_arrow,
}
