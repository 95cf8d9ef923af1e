"""Exports as CSV and XLSX, streamed while they are asked for."""

import csv
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import pyarrow as pa
from fastapi.responses import StreamingResponse

from millbrain.core.tables import Column
from millbrain.core.times import utc_from_epoch
from millbrain.show.queries.rows import rows_of
from millbrain.show.worksheet import worksheet

_BYTE_ORDER_MARK: Final = "\ufeff"  # without it Excel takes UTF-8 for the local code page
_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def export_response(
    chunks: Iterable[pa.Table], form: Literal["csv", "xlsx"], name: str, columns: Sequence[Column]
) -> StreamingResponse:
    """Return a download of all rows; the first column names come from the first chunk.

    chunks: answers with the same columns each. columns: declarations by which times are known.
    """
    header, portions = _portions(iter(chunks), columns)
    body = csv_file(header, portions) if form == "csv" else worksheet(header, portions)
    stamp = utc_from_epoch(time.time()).strftime("%Y%m%dT%H%M%SZ")
    disposition = f'attachment; filename="{name}_{stamp}.{form}"'
    return StreamingResponse(
        body, media_type=_MEDIA[form], headers={"Content-Disposition": disposition}
    )


def _portions(
    chunks: Iterator[pa.Table], columns: Sequence[Column]
) -> tuple[list[str], Iterator[list[list[Any]]]]:
    # The first chunk is asked for before the answer begins, so that a failure still has a status.
    first = next(chunks, None)
    if first is None:
        return [c.name for c in columns], iter(())

    def portions() -> Iterator[list[list[Any]]]:
        yield _values(first, columns)
        for chunk in chunks:
            yield _values(chunk, columns)

    return list(first.column_names), portions()


def _values(chunk: pa.Table, columns: Sequence[Column]) -> list[list[Any]]:
    return [list(row.values()) for row in rows_of(chunk, columns)]


def csv_file(header: Sequence[str], chunks: Iterable[Iterable[Sequence[Any]]]) -> Iterator[bytes]:
    """Yield the bytes of a CSV file (RFC 4180, UTF-8 with byte order mark)."""
    text = io.StringIO()
    writer = csv.writer(text)
    text.write(_BYTE_ORDER_MARK)
    writer.writerow(header)
    for chunk in chunks:
        writer.writerows([guarded(v) for v in row] for row in chunk)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def guarded(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula: such a text gets an apostrophe.

    >>> guarded("=1+1"), guarded(-5)
    ("'=1+1", -5)
    """
    if isinstance(value, str) and value.startswith(_STARTS_FORMULA):
        return f"'{value}"
    return value
