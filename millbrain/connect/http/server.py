"""The HTTP server of the room: uvicorn's, with each connection and senseless byte counted."""

import asyncio
import functools
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from millbrain.core import limits

STOP_S_MAX: Final = 15  # what is under way when the room is stopped may take so long
NOISE_BYTES_MAX: Final = 1_024  # kept of bytes that are no request
SWEEP_S: Final = 10

Noise = Callable[[bytes], None]


class Link(HttpToolsProtocol):
    """One connection; tells the room of bytes that are no request, also of one that was cut off."""

    def __init__(self, *given: Any, noise: Noise, **named: Any) -> None:
        super().__init__(*given, **named)
        self._noise = noise
        self._begun = b""
        self._is_senseless = False
        self.size = 0
        self.since_ms = int(time.time() * 1000)
        self.heard_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; remember the beginning of what has not become a request yet."""
        self.heard_at = time.monotonic()
        self.size += len(data)
        if len(self._begun) < NOISE_BYTES_MAX and not self._is_senseless:
            self._begun += data[:NOISE_BYTES_MAX]
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Note that a request has come."""
        self._begun = b""
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._begun = b""
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer and close; what follows on this connection is not looked at."""
        if not self._is_senseless:
            self._is_senseless = True
            self._noise(self._begun)
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of a request that never became whole."""
        if self._begun and not self._is_senseless:
            self._noise(self._begun)
        super().connection_lost(exc)

    def describe(self) -> Mapping[str, Any]:
        """Describe the connection as every room does."""
        remote = f"{self.client[0]}:{self.client[1]}" if self.client else ""
        heard_ms = time.time() * 1000 - (time.monotonic() - self.heard_at) * 1000
        return {"link": "http", "remote": remote, "since": self.since_ms, "bytes": self.size,
                "frames": 0, "last_received_ms": int(heard_ms), "vehicles": 0}  # fmt: skip


class _Inner(uvicorn.Server):
    """A server that leaves SIGTERM and Ctrl-C to the process around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Server:
    """The port and its connections."""

    def __init__(self, app: Any, host: str, port: int, noise: Noise) -> None:
        self._listener = socket.create_server((host, port), backlog=1024)
        link: Any = functools.partial(Link, noise=noise)
        config = uvicorn.Config(
            app, http=link, interface="asgi3", ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, timeout_keep_alive=75,
            limit_concurrency=limits.LINKS_MAX,
            h11_max_incomplete_event_size=None, timeout_graceful_shutdown=STOP_S_MAX,
        )  # fmt: skip
        self._server = _Inner(config)
        self._serving: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to accept."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)
        self._sweeping = asyncio.create_task(self._sweep())

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        port: int = self._bound
        return port

    @functools.cached_property
    def _bound(self) -> int:
        return int(self._listener.getsockname()[1])

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the open connections."""
        return [k.describe() for k in list(self._server.server_state.connections)
                if isinstance(k, Link)]  # fmt: skip

    async def stop(self) -> None:
        """Close the port, let what is under way end."""
        if self._sweeping:
            self._sweeping.cancel()
        self._server.should_exit = True
        if self._serving:
            await self._serving

    async def _sweep(self) -> None:
        """Look for silent connections, for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.close_silent()

    def close_silent(self) -> None:
        """Close connections of which nothing was heard for too long."""
        now = time.monotonic()
        for link in list(self._server.server_state.connections):
            if isinstance(link, Link) and now - link.heard_at > limits.PUSH_IDLE_S_MAX:
                link.transport.close()
