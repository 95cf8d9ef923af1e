"""The ClickHouse HTTP protocol over the embedded engine, for every client that speaks it.

`curl`, `clickhouse-connect`, Grafana, JDBC-style drivers and our own web process ask the engine
process here as they would ask a server. Readers are bound by `guard` and by `core.limits`; the one
writer is the platform itself. A query runs in a thread, its answer is sent while it is made.

Not spoken: sessions (``session_id`` is taken and ignored), external tables, ``compress=1`` blocks.
"""

import asyncio
import hashlib
import logging
import secrets
import time
import uuid
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from millbrain.core import limits
from millbrain.core.errors import LimitError, MillbrainError, RefusedError
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from millbrain.record.warehouse.faults import code_of, plain
from millbrain.record.warehouse.handover import Handover
from millbrain.record.warehouse.protocol import Warehouse
from millbrain.record.warehouse.request import (
    Folder,
    QueryRequest,
    arguments,
    check_body,
    credentials,
    read_request,
)
from millbrain.record.warehouse.running import Head, Piece, Runner

LOGGER = logging.getLogger(__name__)

_STATUS: Final = {
    **dict.fromkeys((36, 27, 38, 41, 43, 44, 46, 47, 53, 62, 63, 70, 72, 115, 130, 456, 457), 400),
    **dict.fromkeys((164, 192, 193, 497, 516), 403),
    **dict.fromkeys((60, 81, 218), 404),
    159: 408,
    307: 413,
    48: 501,
    **dict.fromkeys((202, 209, 243), 503),
}
_CONTENT: Final = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "RowBinaryWithNamesAndTypes": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "Parquet": "application/octet-stream",
}


class Role(StrEnum):
    """What an account may do: everybody reads, only the platform's own processes write."""

    READER = "reader"
    WRITER = "writer"


Check = Callable[[str, str], Role | None]
"""Of a user and a password, the role, or None where they are wrong. Called in a thread."""


def query_app(warehouse: Warehouse, check: Check) -> Starlette:
    """Return the ASGI application that serves the protocol.

    Parameters
    ----------
    warehouse
        The embedded warehouse of this process. Over a server by URL, queries are answered with
        501: clients ask that server itself.
    check
        Knows the accounts. The user is ``default`` where a client names none.
    """
    if isinstance(warehouse, EmbeddedWarehouse):
        query: Callable[[Request], object] = _Queries(warehouse, check).answer
    else:
        query = _elsewhere
    methods = ["GET", "HEAD", "POST"]
    return Starlette(
        routes=[
            Route("/ping", _ok, methods=["GET", "HEAD"]),
            Route("/replicas_status", _ok, methods=["GET", "HEAD"]),
            Route("/", query, methods=methods),
        ],
        exception_handlers={404: _no_handler},
    )


async def _ok(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")


async def _no_handler(request: Request, _: Exception) -> Response:
    return PlainTextResponse(
        f"There is no handle {request.url.path}\n\nUse / or /ping for health checks.\nOr "
        "/replicas_status for more sophisticated health checks.\nSend queries from your program "
        "with POST method or GET /?query=...\n",
        404,
    )


async def _elsewhere(_: Request) -> Response:
    return _failure(
        "Code: 48. DB::Exception: this engine keeps its facts on a ClickHouse server; ask that "
        "server at its own URL. (NOT_IMPLEMENTED)",
        str(uuid.uuid4()),
    )


class _Queries:
    """Answers queries: who asks, a free place, then the answer piece by piece."""

    def __init__(self, warehouse: EmbeddedWarehouse, check: Check) -> None:
        self._warehouse = warehouse
        self._runner = Runner(warehouse)
        self._logins = _Logins(check)
        self._places = asyncio.Semaphore(limits.QUERIES_AT_ONCE_MAX)
        self._threads = ThreadPoolExecutor(64, "query")

    async def answer(self, request: Request) -> Response:
        args = arguments(request.url.query)
        headers = dict(request.headers)
        query_id = args.get("query_id") or str(uuid.uuid4())
        if request.method != "POST" and not args.get("query"):
            return PlainTextResponse("Ok.\n")
        try:
            role = await self._logins.role(*credentials(args, headers))
            is_writer = role is Role.WRITER and request.method == "POST"
            most = limits.INSERT_BYTES_MAX if is_writer else limits.QUERY_TEXT_BYTES_MAX
            body = await _body(request, most)
            asked = read_request(args, headers, body, most)
            handover = await (self._write(asked) if is_writer else self._read(asked))
            return await _started(handover, asked, query_id, request.receive)
        except MillbrainError as error:
            return _failure(str(error), query_id)
        except RuntimeError as error:
            return _failure(plain(str(error)), query_id)

    async def _place(self) -> None:
        """Wait for a free place among the readers."""
        try:
            await asyncio.wait_for(self._places.acquire(), limits.QUERY_WAIT_S_MAX)
        except TimeoutError as error:
            raise LimitError(
                f"Code: 202. DB::Exception: {limits.QUERIES_AT_ONCE_MAX} queries run already and "
                f"none ended within {limits.QUERY_WAIT_S_MAX} s; try again. "
                "(TOO_MANY_SIMULTANEOUS_QUERIES)"
            ) from error

    async def _read(self, asked: QueryRequest) -> Handover:
        """Start a reader's query as soon as there is a place."""
        await self._place()
        mark = uuid.uuid4().hex
        handover = Handover(
            asyncio.get_running_loop(),
            self._places.release,
            lambda: self._threads.submit(self._runner.cancel, mark),
        )
        self._threads.submit(handover.run, self._runner.read(asked, mark))
        return handover

    async def _write(self, asked: QueryRequest) -> Handover:
        """Start the platform's own statement; once started it runs to its end."""
        handover = Handover(asyncio.get_running_loop(), lambda: None, lambda: None)
        self._threads.submit(handover.run, self._runner.write(asked))
        return handover


async def _started(
    handover: Handover, asked: QueryRequest, query_id: str, receive: Receive
) -> Response:
    """Wait for the head of an answer, or for its client to leave, and return the response."""
    left = asyncio.create_task(_until_left(receive))
    head = asyncio.create_task(handover.next())
    try:
        await asyncio.wait((left, head), return_when=FIRST_COMPLETED)
        if not head.done():
            raise LimitError("Code: 210. DB::Exception: the client left. (NETWORK_ERROR)")
        return _Answer(handover, head.result(), Folder(asked.compression), query_id)
    except BaseException:
        handover.leave()
        raise
    finally:
        left.cancel()
        head.cancel()


async def _body(request: Request, most: int) -> bytes:
    """Return the body as sent, refused once it is longer than `most` bytes."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            check_body(len(body), most)
    except ClientDisconnect as error:
        raise LimitError("Code: 210. DB::Exception: the client left. (NETWORK_ERROR)") from error
    return bytes(body)


class _Answer(Response):
    """Sends an answer while it is made; leaves the query alone when the client has left."""

    def __init__(self, handover: Handover, head: Head, folder: Folder, query_id: str) -> None:
        self._handover = handover
        self._folder = folder
        headers = _headers(query_id) | {
            "X-ClickHouse-Format": head.fmt,
            "X-ClickHouse-Timezone": head.timezone,
            "X-ClickHouse-Summary": _summary(head),
            "X-ClickHouse-Exception-Tag": secrets.token_hex(8),
        }
        if folder.coding:
            headers["Content-Encoding"] = folder.coding
        content = _CONTENT.get(head.fmt, "text/plain; charset=UTF-8")
        super().__init__(None, headers=headers, media_type=content)
        del self.headers["content-length"]  # the body is sent in chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.create_task(_until_left(receive))
        sending = asyncio.create_task(self._send(scope, send))
        try:
            # A client that takes the answer slower than this is cut.
            most_s = 2 * limits.QUERY_S_MAX
            await asyncio.wait((left, sending), timeout=most_s, return_when=FIRST_COMPLETED)
        finally:
            self._handover.leave()
            left.cancel()
            if not sending.done():
                sending.cancel()
        if sending.done() and not sending.cancelled():
            sending.result()

    async def _send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        is_head = scope["method"] == "HEAD"
        try:
            while not is_head and (piece := await self._handover.next()) is not None:
                assert isinstance(piece, (bytes, memoryview))
                await _send_piece(send, self._folder.fold(piece))
            ending = b"" if is_head else self._folder.end()
            await send({"type": "http.response.body", "body": ending})
        except (MillbrainError, RuntimeError) as error:
            # The status has gone out as 200. The text says why, and an answer that is not closed
            # properly tells every client that it is not whole.
            text = _sentence(plain(str(error)))
            notice = self._folder.fold(_notice(text, self.headers["X-ClickHouse-Exception-Tag"]))
            await _send_piece(send, notice)
            await _send_piece(send, self._folder.end())
            LOGGER.warning("a query was cut off while its answer was sent: %s", text)


def _notice(text: str, tag: str) -> bytes:
    """Return an error as ClickHouse puts it into an answer that has begun (since 25.11)."""
    message = text.encode()
    mark = b"__exception__"
    return b"\r\n".join(
        (b"", mark, tag.encode(), message + b"\n%d %s" % (len(message), tag.encode()), mark, b"")
    )


async def _send_piece(send: Send, piece: Piece) -> None:
    if piece:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _failure(text: str, query_id: str) -> Response:
    """Return an error in ClickHouse's own text form, with the status that its code has there."""
    code = code_of(text)
    headers = _headers(query_id) | {"X-ClickHouse-Exception-Code": str(code)}
    return PlainTextResponse(_sentence(text), _STATUS.get(code, 500), headers)


def _sentence(text: str) -> str:
    return text if text.startswith("Code: ") else f"Code: {code_of(text)}. DB::Exception: {text}"


def _headers(query_id: str) -> dict[str, str]:
    name = "".join(c for c in query_id[:64] if c.isprintable() and c.isascii())
    return {"X-ClickHouse-Query-Id": name, "X-ClickHouse-Server-Display-Name": "millbrain"}


def _summary(head: Head) -> str:
    names = ("read_rows", "read_bytes", "written_rows", "written_bytes", "total_rows_to_read",
             "result_rows", "result_bytes", "elapsed_ns")  # fmt: skip
    return orjson.dumps({n: str(head.summary.get(n, 0)) for n in names}).decode()


class _Logins:
    """Asks `check` who somebody is, and remembers good passwords for a short while."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._key = secrets.token_bytes(32)  # so that what is kept is of no use elsewhere
        self._kept: dict[bytes, tuple[float, Role]] = {}

    async def role(self, user: str, password: str) -> Role:
        """Return the role, asking `check` at most once in `limits.LOGIN_KEPT_S_MAX`.

        Raises
        ------
        RefusedError
            The user or the password is wrong.
        """
        name = hashlib.blake2b(f"{user}\0{password}".encode(), key=self._key).digest()
        until, role = self._kept.get(name, (0.0, Role.READER))
        if time.monotonic() < until:
            return role
        found = await asyncio.to_thread(self._check, user, password)
        if found is None:
            raise RefusedError(
                f"Code: 516. DB::Exception: {user or 'default'}: Authentication failed: password "
                "is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)"
            )
        if len(self._kept) >= limits.LOGINS_KEPT_MAX:
            self._kept.clear()
        self._kept[name] = (time.monotonic() + limits.LOGIN_KEPT_S_MAX, found)
        return found
