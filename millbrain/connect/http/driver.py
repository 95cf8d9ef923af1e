"""The driver: one port, a path per connection, an answer after the commit.

    POST /push/<connection>   Authorization: Bearer <token>, Idempotency-Key: <any text>

Bodies are read in the event loop, decoded and handed over in two threads; the hand-over waits while
the intake is full. A push that has not been taken and committed in time is answered with 503: the
same push again finds each reading stored once, whatever became of the first.
"""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import numpy as np
import orjson

from millbrain.connect.http import fields
from millbrain.connect.http.acts import acts_in
from millbrain.connect.http.codec import read
from millbrain.connect.http.columnar import Pushed, judge
from millbrain.connect.http.options import PATH
from millbrain.connect.http.owners import Owners
from millbrain.connect.http.pushers import Pusher, Pushers
from millbrain.connect.http.receipts import KEY_CHARACTERS_MAX, Answer, Receipts
from millbrain.connect.http.server import Server
from millbrain.core import limits
from millbrain.core.columns import DeadLetter, Delivery, Outcome
from millbrain.core.errors import FrameError, LimitError, NotFoundError, RefusedError, StoreError
from millbrain.core.plant.readings import READING
from millbrain.core.plant.tags import ConnectionState, Found
from millbrain.core.rooms import Sink, Wiring

log = logging.getLogger(__name__)

ROOM: Final = "http"
THREADS: Final = 2  # decode and hand-over; a third would only wait for the same intake
FOLLOW_S: Final = 1.0  # pause between two looks at connections and tokens
NOISE_LINK: Final = "http"  # in whose name senseless bytes are kept
RETRY_S: Final = 2


class Options(Protocol):
    """The settings that the driver reads; `run.settings.HttpSettings` is one."""

    host: str
    port: int


class HttpPush:
    """A started driver; see `core.rooms.RunningTags`."""

    def __init__(self, options: Options, wiring: Wiring) -> None:
        self._sink: Sink = wiring.sink
        self._audit = wiring.audit
        self._pushers = Pushers(wiring.tags, wiring.secrets, ROOM)
        self._owners = Owners(wiring.owners)
        self._receipts = Receipts()
        self._pool = ThreadPoolExecutor(THREADS, "http-push")
        self._letters = ThreadPoolExecutor(1, "http-noise")
        self.server = Server(self._app, options.host, options.port, self._noise)
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Condition()
        self._open_bytes = 0
        self._following: asyncio.Task[None] | None = None
        self._noise_at = 0.0
        self._noise_left = float(limits.PUSH_NOISE_HZ_MAX)

    async def start(self) -> None:
        """Open the port."""
        await asyncio.to_thread(self._pushers.refresh)
        await self.server.start()
        self._following = asyncio.create_task(self._follow())
        log.info("listening on port %d", self.port)

    # core.rooms.RunningTags ---------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        return self.server.port

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the open connections."""
        return self.server.links()

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection of the room stands."""
        return [p.state(self.port) for p in self._pushers.all()]

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        """Return what a connection has pushed since the engine started."""
        for pusher in self._pushers.all():
            if pusher.connection.key == connection:
                return pusher.found(node)
        raise NotFoundError(f"no connection {connection!r} pushes over HTTP")

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse: who pushes opens no way back."""
        raise RefusedError(f"{thing} is pushed over HTTP; nothing can be written that way")

    async def stop(self) -> None:
        """Close the port, answer what is under way, and return."""
        if self._following:
            self._following.cancel()
        await self.server.stop()
        # A hand-over to a full intake ends when that is stopped; nobody was told that it is stored.
        for pool in (self._pool, self._letters):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await asyncio.to_thread(self._pushers.refresh)
                await asyncio.to_thread(self._pushers.note_series)
            except Exception:
                log.exception("connections could not be followed, tried again in %g s", FOLLOW_S)

    # Requests -----------------------------------------------------------------------------------

    async def _app(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        try:
            answer = await self._answer(scope, receive)
        except Exception:
            log.exception("a push could not be answered")
            answer = _refusal(500, "internal", "the push could not be processed; see the log")
        headers = [(b"content-type", b"application/json"),
                   (b"content-length", str(len(answer.body)).encode())]  # fmt: skip
        if answer.retry_s:
            headers.append((b"retry-after", str(answer.retry_s).encode()))
        if answer.status in (401, 408, 413):
            headers.append((b"connection", b"close"))  # the body has not been read
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Mapping[str, Any], receive: Any) -> Answer:
        path = scope["path"]
        if not path.startswith(PATH):
            return _refusal(404, "not_found", f"readings are pushed to {PATH}<connection>")
        if scope["method"] != "POST":
            return _refusal(405, "method", "readings are pushed with POST")
        headers = {k.lower(): v.decode("latin-1") for k, v in scope["headers"]}
        scheme, _, token = headers.get(b"authorization", "").partition(" ")
        pusher = self._pushers.of(path[len(PATH) :], token if scheme.lower() == "bearer" else "")
        if pusher is None:
            return _refusal(
                401, "token", "there is no such connection, or the token is not its own"
            )
        key = headers.get(b"idempotency-key", "")
        if len(key) > KEY_CHARACTERS_MAX:
            return _refusal(400, "key", f"Idempotency-Key has at most {KEY_CHARACTERS_MAX} signs")
        wait_s = pusher.wait_s()
        if wait_s > 0:
            allowed = f"this connection may push {pusher.rate_hz:g} readings a second"
            return _refusal(429, "rate", allowed, int(wait_s) + 1)
        return await self._with_body(pusher, headers, key, receive)

    async def _with_body(
        self, pusher: Pusher, headers: Mapping[bytes, str], key: str, receive: Any
    ) -> Answer:
        told = headers.get(b"content-length", "")
        size = int(told) if told.isdigit() else limits.PUSH_BYTES_MAX
        if size > limits.PUSH_BYTES_MAX:
            return _too_large(size)
        if headers.get(b"content-encoding", "identity") != "identity":
            return _refusal(415, "encoding", "a push is not compressed")
        if not await self._reserve(size):
            return _refusal(503, "busy", "too many pushes are under way; try again", RETRY_S)
        try:
            async with asyncio.timeout(limits.PUSH_BODY_S_MAX):
                body = await _body(receive)
            if body is None:
                return _too_large(limits.PUSH_BYTES_MAX + 1)
            media = headers.get(b"content-type", fields.JSON).partition(";")[0].strip().lower()
            return await self._once(pusher, body, media, key)
        except TimeoutError:
            return _refusal(408, "slow", f"the body took over {limits.PUSH_BODY_S_MAX} s")
        finally:
            async with self._room:
                self._open_bytes -= size
                self._room.notify_all()

    async def _reserve(self, size: int) -> bool:
        """Wait until a body of that size may be held; False where that takes too long."""
        try:
            async with asyncio.timeout(limits.PUSH_WAIT_S_MAX), self._room:
                await self._room.wait_for(
                    lambda: self._open_bytes + size <= limits.PUSH_BYTES_OPEN_MAX
                )
                self._open_bytes += size
        except TimeoutError:
            return False
        return True

    async def _once(self, pusher: Pusher, body: bytes, media: str, key: str) -> Answer:
        if not key:
            return await self._taken(pusher, body, media)
        connection = pusher.connection.key
        try:
            known = self._receipts.begin(connection, key, hashlib.sha256(body).digest())
        except ValueError as error:
            return _refusal(422, "key", str(error))
        if known is not None:
            return await asyncio.shield(known)
        answer = _refusal(503, "busy", "the push was cut off; try again", RETRY_S)
        try:
            answer = await self._taken(pusher, body, media)
        finally:
            self._receipts.end(connection, key, answer)
        return answer

    async def _taken(self, pusher: Pusher, body: bytes, media: str) -> Answer:
        committed = asyncio.Event()
        outcome = Outcome()
        work = self._loop.run_in_executor(
            self._pool, self._hand_over, pusher, body, media, committed, outcome
        )
        try:
            async with asyncio.timeout(limits.PUSH_WAIT_S_MAX):
                pushed = await work
                await committed.wait()
                for what, result in acts_in(pushed):
                    link = pusher.connection.key
                    await asyncio.to_thread(
                        self._audit, link, "edge", "command.write", what, result
                    )
        except TimeoutError:
            said = "the store is busy; send the same push again, nothing is stored twice"
            return _refusal(503, "busy", said, RETRY_S)
        except FrameError as error:
            return _refusal(400, "unreadable", str(error))
        except LimitError as error:
            return _refusal(413, "too_many", str(error))
        except StoreError as error:
            return _refusal(503, "stopping", str(error), RETRY_S)
        return Answer(200, _receipt(pushed, outcome))

    # In a thread --------------------------------------------------------------------------------

    def _hand_over(
        self, pusher: Pusher, body: bytes, media: str, committed: asyncio.Event, outcome: Outcome
    ) -> Pushed:
        received_ms = time.time_ns() // 1_000_000
        link = pusher.connection.key
        try:
            operator = pusher.connection.operator
            pushed = judge(
                read(body, media), link, received_ms, lambda t: self._owners.foreign(operator, t)
            )
        except (FrameError, LimitError) as error:
            letter = DeadLetter(link, "unreadable", str(error), body, received_ms)
            self._sink.put(Delivery({link: 1}, {}, [letter]))
            raise
        pusher.took(pushed, received_ms)

        def told() -> None:
            with contextlib.suppress(RuntimeError):  # the room was stopped meanwhile
                self._loop.call_soon_threadsafe(committed.set)

        count = len(pushed.faults) + pushed.torn
        if not count:
            told()
            return pushed
        tables = {READING.name: pushed.columns} if pushed.columns.rows else {}
        self._sink.put(Delivery({link: count}, tables, pushed.letters, told, outcome))
        return pushed

    def _noise(self, raw: bytes) -> None:
        """Keep bytes that are no request, some a second."""
        now = time.monotonic()
        most = limits.PUSH_NOISE_HZ_MAX
        self._noise_left = min(most, self._noise_left + (now - self._noise_at) * most)
        self._noise_at = now
        if self._noise_left < 1:
            return
        self._noise_left -= 1
        said = "the bytes are no HTTP request, or it was cut off"
        letter = DeadLetter(NOISE_LINK, "no_request", said, raw, time.time_ns() // 1_000_000)
        self._letters.submit(self._sink.put, Delivery({NOISE_LINK: 1}, {}, [letter]))


async def _body(receive: Any) -> bytes | None:
    """Return the whole body, None where it is too large.

    Raises
    ------
    TimeoutError
        The sender went away before its end.
    """
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise TimeoutError
        piece = message.get("body", b"")
        size += len(piece)
        if size > limits.PUSH_BYTES_MAX:
            return None
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


def _receipt(pushed: Pushed, outcome: Outcome) -> bytes:
    """Return what became of every reading of a push."""
    refused = np.flatnonzero(pushed.faults)
    named = [
        {"row": int(row), "reason": reason, "allowed": allowed}
        for row in refused[: limits.PUSH_REASONS_MAX]
        for reason, allowed in (fields.FAULTS[int(pushed.faults[row])],)
    ]
    return orjson.dumps({
        "received": len(pushed.faults) + pushed.torn,
        "stored": outcome.stored,
        "duplicate": outcome.duplicate,
        "rejected": len(refused) + pushed.torn + outcome.rejected,
        "rejections": named + [
            {"row": None, "reason": letter.reason, "allowed": letter.detail}
            for letter in pushed.letters[len(pushed.letters) - pushed.torn :]
        ][: limits.PUSH_REASONS_MAX - len(named)],
    })  # fmt: skip


def _too_large(size: int) -> Answer:
    said = f"a push has at most {limits.PUSH_BYTES_MAX} bytes; {size} or more came"
    return _refusal(413, "too_large", said)


def _refusal(status: int, code: str, message: str, retry_s: int = 0) -> Answer:
    return Answer(status, orjson.dumps({"error": {"code": code, "message": message}}), retry_s)


async def start(options: Options, wiring: Wiring) -> HttpPush:
    """Start the driver on its port. Must be called in a running event loop."""
    driver = HttpPush(options, wiring)
    await driver.start()
    return driver
