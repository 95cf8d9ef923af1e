"""Exports as CSV and XLSX, streamed while they are asked for; whole columns, never single cells."""

import io
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
from fastapi.responses import StreamingResponse

from millbrain.core.tables import Column
from millbrain.core.times import utc_from_epoch
from millbrain.show.worksheet import worksheet

pc: Any = pyarrow.compute  # the stubs know neither mixed arguments ...
_csv: Any = pyarrow.csv  # ... nor every option

_BYTE_ORDER_MARK: Final = "\ufeff"  # without it Excel takes UTF-8 for the local code page
_STARTS_FORMULA: Final = r"^[=+\-@\t\r\n]"
_MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def export_response(
    chunks: Iterable[pa.Table], form: Literal["csv", "xlsx"], name: str, columns: Sequence[Column]
) -> StreamingResponse:
    """Return a download of all rows; the names of its columns come from the first chunk.

    chunks: answers with the same columns each. columns: declarations by which times are known.
    """
    rest = iter(chunks)
    # The first chunk is asked for before the answer begins, so that a failure still has a status.
    first = next(rest, None)
    header = [c.name for c in columns] if first is None else first.column_names
    tables = (cleaned(chunk, columns) for chunk in ([] if first is None else _joined(first, rest)))
    body = csv_file(header, tables) if form == "csv" else worksheet(header, tables)
    stamp = utc_from_epoch(time.time()).strftime("%Y%m%dT%H%M%SZ")
    disposition = f'attachment; filename="{name}_{stamp}.{form}"'
    return StreamingResponse(
        body, media_type=_MEDIA[form], headers={"Content-Disposition": disposition}
    )


def _joined(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield first
    yield from rest


def cleaned(chunk: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """Return rows of numbers and texts only: times as ISO 8601, NaN and "never" as NULL."""
    kinds = {c.name: c.kind for c in columns}
    arrays = [
        _clean(chunk.column(i), kinds.get(name, "")) for i, name in enumerate(chunk.column_names)
    ]
    return pa.table(arrays, names=chunk.column_names)


def _clean(column: Any, kind: str) -> Any:
    if kind == "at_s" and pa.types.is_integer(column.type):
        column = column.cast(pa.int64()).cast(pa.timestamp("s", "UTC"))
    if kind == "day" and pa.types.is_integer(column.type):
        column = column.cast(pa.int32()).cast(pa.date32())
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        never = pc.equal(column.cast(pa.int64()), 0)
        text = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ", locale="C")
        return pc.if_else(never, pa.scalar(None, pa.string()), text)
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    return column.cast(pa.string()) if pa.types.is_binary(column.type) else column


def csv_file(header: Sequence[str], chunks: Iterable[pa.Table]) -> Iterator[bytes]:
    """Yield the bytes of a CSV file (RFC 4180, UTF-8 with byte order mark)."""
    yield (_BYTE_ORDER_MARK + ",".join(header) + "\r\n").encode()
    options = _csv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n")
    for chunk in chunks:
        text = io.BytesIO()
        _csv.write_csv(guarded(chunk), text, options)
        yield text.getvalue()


def guarded(chunk: pa.Table) -> pa.Table:
    """Return rows of which no spreadsheet takes a text for a formula: it gets an apostrophe."""
    for i, name in enumerate(chunk.column_names):
        column: Any = chunk.column(i)
        if pa.types.is_string(column.type):
            risky = pc.match_substring_regex(column, _STARTS_FORMULA)
            safe = pc.binary_join_element_wise("'", column, "")
            chunk = chunk.set_column(i, name, pc.if_else(risky, safe, column))
    return chunk
