"""One query of the HTTP protocol: from statement to answer, on a connection of its own."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from millbrain.core import limits
from millbrain.core.errors import LimitError, StoreError
from millbrain.record.values import quoted, text_literal
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from millbrain.record.warehouse.guard import (
    Guard,
    Texts,
    bind,
    check_size,
    format_of,
    reader_settings,
    without_format,
)
from millbrain.record.warehouse.request import QueryRequest

PIECE_BYTES: Final = 1 << 20
# Formats whose pieces are the whole answer when put one after the other: no header, no footer. For
# ArrowStream `_joined` sees to that.
STREAMED: Final = frozenset((
    "ArrowStream", "CSV", "TSV", "TabSeparated", "TSVRaw", "TabSeparatedRaw", "JSONEachRow",
    "JSONLines", "NDJSON", "Native", "RowBinary", "JSONCompactEachRow", "JSONStringsEachRow",
    "JSONCompactStringsEachRow", "LineAsString",
))  # fmt: skip
_ARROW_END: Final = b"\xff\xff\xff\xff\0\0\0\0"
_INSERT: Final = re.compile(r"\s*INSERT\b", re.IGNORECASE)
_INSERT_ROWS: Final = re.compile(
    r"\s*(INSERT\s.*?)(\sSETTINGS\s.*)?\sFORMAT\s+(\w+)\s*;?\s*", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an answer before its first byte.

    summary: the figures of ``X-ClickHouse-Summary``, empty where the answer still runs.
    """

    fmt: str
    timezone: str
    summary: dict[str, int] = field(default_factory=dict)


Piece = bytes | memoryview


class Runner:
    """Runs the queries of one embedded warehouse."""

    def __init__(self, warehouse: EmbeddedWarehouse) -> None:
        self._warehouse = warehouse
        self._texts = Texts()
        self._guard = Guard(warehouse, self._texts)
        self._zones: dict[str, str] = {}

    def read(self, request: QueryRequest, mark: str) -> Iterator[Head | Piece]:
        """Run a reader's statement: yields the head, then the answer in pieces.

        mark: a word that no other query has, by which `cancel` finds this one.

        Raises
        ------
        MillbrainError
            The guard refused it.
        RuntimeError
            The engine refused it or cut it off.
        """
        with self._warehouse.fresh() as connection:
            _use(connection, request.database)
            bind(connection, reader_settings(request.settings), readonly=False)
            text = self._guard.check(connection, request.sql)
            bind(connection, {}, readonly=True)
            request = replace(request, sql=f"{request.sql}\n-- {mark}")
            yield from _answered(connection, request, text, self._zone(connection, request))

    def cancel(self, mark: str) -> None:
        """Stop the reader's query of that mark, where it still runs."""
        with self._warehouse.fresh() as connection:
            connection.query(f"KILL QUERY WHERE endsWith(query, {text_literal(mark)}) ASYNC")

    def write(self, request: QueryRequest) -> Iterator[Head | Piece]:
        """Run any statement, for the platform's own processes; rows of an INSERT come with it."""
        with self._warehouse.fresh() as connection:
            _use(connection, request.database)
            bind(connection, request.settings, readonly=False)
            zone = self._zone(connection, request)
            if request.data:
                yield from _insert_rows(connection, request, zone)
            elif _INSERT.match(request.sql):
                yield from _whole(connection, request.sql, request, request.fmt, zone)
            else:
                check_size(request.sql)
                text = self._texts.formatted(connection, request.sql)
                yield from _answered(connection, request, text, zone)

    def _zone(self, connection: Any, request: QueryRequest) -> str:
        """Return the time zone of a request; the engine is asked once for each that is wanted."""
        wanted = request.settings.get("session_timezone", "")
        if wanted not in self._zones:
            answer = connection.query("SELECT timezone()", "LineAsString")
            self._zones[wanted] = bytes(answer.bytes()).decode().strip()
        return self._zones[wanted]


def _use(connection: Any, database: str) -> None:
    if database:
        connection.query(f"USE {quoted(database)}")


def _answered(
    connection: Any, request: QueryRequest, text: str, zone: str
) -> Iterator[Head | Piece]:
    """Hand over an answer: while it is made where that can be, else whole. text: as formatted."""
    fmt = format_of(text) or request.fmt
    is_select = text.startswith(("SELECT", "WITH", "(", "FROM"))
    if is_select and fmt in STREAMED and not request.is_buffered:
        yield from _streamed(connection, request, text, fmt, zone)
    else:
        yield from _whole(connection, request.sql, request, fmt, zone, text if is_select else "")


def _whole(
    connection: Any, sql: str, request: QueryRequest, fmt: str, zone: str, text: str = ""
) -> Iterator[Head | Piece]:
    """Run a statement to its end, then hand over the answer.

    text: the formatted statement where it is a SELECT, for the columns of an answer without rows.
    """
    begun = time.perf_counter_ns()
    result = connection.query(sql, fmt, params=dict(request.params))
    answer = result.bytes()
    if not answer and fmt == "Native" and text:
        answer = _no_native_rows(connection, request, text)
    if len(answer) > limits.QUERY_RESULT_BYTES_MAX:
        raise LimitError(
            f"Code: 396. DB::Exception: the answer has {len(answer)} bytes as {fmt}, "
            f"{limits.QUERY_RESULT_BYTES_MAX} are allowed; ask for fewer rows, or for a format "
            "that is sent while it is made, such as JSONEachRow. (TOO_MANY_ROWS_OR_BYTES)"
        )
    yield Head(fmt, zone, {
        "read_rows": result.storage_rows_read(),
        "read_bytes": result.storage_bytes_read(),
        "written_rows": result.rows_written(),
        "written_bytes": result.bytes_written(),
        "result_rows": result.rows_read(),
        "result_bytes": result.bytes_read(),
        "elapsed_ns": time.perf_counter_ns() - begun,
    })  # fmt: skip
    for start in range(0, len(answer), PIECE_BYTES):
        yield answer[start : start + PIECE_BYTES]


def _streamed(
    connection: Any, request: QueryRequest, text: str, fmt: str, zone: str
) -> Iterator[Head | Piece]:
    """Hand over the answer while it is made, so that its size costs no memory."""
    stream = connection.send_query(request.sql, fmt, params=dict(request.params))
    try:
        piece = stream.fetch()
        if piece is None:
            stream.close()
            yield Head(fmt, zone)
            yield _no_rows(connection, request, text, fmt)
            return
        yield Head(fmt, zone)
        if fmt == "ArrowStream":
            yield from _joined(stream, piece)
            return
        while piece is not None:
            yield piece.bytes()
            piece = stream.fetch()
    finally:
        with contextlib.suppress(RuntimeError):
            stream.close()


def _joined(stream: Any, piece: Any) -> Iterator[Piece]:
    """Hand over pieces that are Arrow streams of their own as one: one schema, one end.

    A message is 4 bytes of ones, the size of what describes it, that, and its body; a schema, the
    first one of each piece, has none. The end is a message of size 0 (Arrow IPC streaming format).
    """
    is_first = True
    while piece is not None:
        raw = memoryview(piece.bytes())
        begin = 0 if is_first else 8 + int.from_bytes(raw[4:8], "little")
        yield raw[begin : -len(_ARROW_END)]
        is_first = False
        piece = stream.fetch()
    yield _ARROW_END


def _no_rows(connection: Any, request: QueryRequest, text: str, fmt: str) -> bytes:
    """Return what carries the columns of an answer without rows, where the format does."""
    if fmt == "ArrowStream":
        empty = f"SELECT * FROM ({without_format(text)}) LIMIT 0"
        return bytes(connection.query(empty, fmt, params=dict(request.params)).bytes())
    return _no_native_rows(connection, request, text) if fmt == "Native" else b""


def _no_native_rows(connection: Any, request: QueryRequest, text: str) -> bytes:
    """Return the Native block that carries the columns of an answer without rows."""
    described = connection.query(
        f"DESCRIBE TABLE ({without_format(text)})", "JSONCompactEachRow",
        params=dict(request.params),
    )  # fmt: skip
    columns = [orjson.loads(line)[:2] for line in bytes(described.bytes()).splitlines()]
    block = _varint(len(columns)) + _varint(0)
    for name, kind in columns:
        block += _native_text(name) + _native_text(kind)
    return block


def _native_text(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    """Return a number in 7-bit groups, lowest first, as LEB128."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes((*groups, number))


def _insert_rows(connection: Any, request: QueryRequest, zone: str) -> Iterator[Head | Piece]:
    """Store the rows that came with an INSERT."""
    found = _INSERT_ROWS.fullmatch(request.sql)
    if not found:
        raise StoreError(
            "Code: 62. DB::Exception: rows came with a statement that does not end in FORMAT "
            "<name>; found: " + request.sql[:200] + " (SYNTAX_ERROR)"
        )
    into, settings, fmt = found.groups()
    # The engine's streaming insert drops rows on a full disk without an error; reading them as a
    # file in memory does not.
    memory = os.memfd_create("insert")
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(request.data)
        path = text_literal(f"/proc/{os.getpid()}/fd/{memory}")
        sql = f"{into} FROM INFILE {path}{settings or ''} FORMAT {fmt}"
        yield from _whole(connection, sql, request, "Null", zone)
    finally:
        os.close(memory)
