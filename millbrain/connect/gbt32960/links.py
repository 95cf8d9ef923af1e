"""Links: one TCP connection each, with its receive buffer and what is known of its peer.

Sockets belong to the event loop; decoding belongs to the worker thread. A link hands every filled
buffer to the worker as a `Chunk` and goes on with a fresh one, so neither ever waits for the other
to copy; small reads are copied instead, since 20,000 idle vehicles must not hold large buffers.
"""

import asyncio
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol, cast

from millbrain.core import limits

SMALL_BUFFER_BYTES: Final = 4 << 10  # enough for a vehicle's frames
LARGE_BUFFER_BYTES: Final = 1 << 20  # what a platform link is given once it fills the small one
COPY_BYTES_MAX: Final = 64 << 10  # reads up to here are copied, larger ones hand the buffer over
DIRECT: Final = "direct"  # the ledger's name for all links of single vehicles


class Standing(Enum):
    """Where a link stands with its login."""

    NEW = "new"
    CHECKING = "checking"  # a password is being checked; bytes wait meanwhile
    PLATFORM = "platform"
    REFUSED = "refused"  # a platform whose password was wrong
    VEHICLE = "vehicle"
    CLOSED = "closed"


@dataclass(slots=True, eq=False)
class Chunk:
    """Bytes as they came from one link."""

    link: "Link"
    data: memoryview
    received_ms: int


@dataclass(slots=True, eq=False)
class LinkState:
    """What the worker thread knows of a link; only the worker touches it, the pages read it.

    name: the ledger's name of the link (a platform account, or `direct`). rest: bytes of an
    incomplete frame. waiting: chunks held back while a password is checked. garbage_bytes: bytes
    since the last good frame that belonged to no frame.
    """

    name: str = DIRECT
    standing: Standing = Standing.NEW
    login: bool | None = None
    vehicle: str = ""
    rest: bytes = b""
    waiting: list[Chunk] = field(default_factory=list)
    frames: int = 0
    garbage_bytes: int = 0
    last_received_ms: int = 0


class Station(Protocol):
    """What a link needs of the driver it belongs to. Event loop only."""

    def admit(self, link: "Link") -> bool:
        """Count a new link; False where there are too many."""
        ...

    def leave(self, link: "Link") -> None:
        """Forget a link that has ended."""
        ...

    def offer(self, chunk: Chunk) -> None:
        """Queue what a link has read."""
        ...

    def offer_end(self, link: "Link") -> None:
        """Say that nothing more will come from a link."""
        ...

    def is_full(self) -> bool:
        """Whether links should stop reading."""
        ...

    def spare_buffer(self) -> bytearray:
        """Return a large receive buffer."""
        ...

    def note_paused(self, link: "Link") -> None:
        """Remember a link that waits to read on."""
        ...

    def note_slow_reader(self) -> None:
        """Count a link that was cut since it did not read."""
        ...


class Link(asyncio.BufferedProtocol):
    """One connection of a vehicle or an enterprise platform."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._buffer = bytearray(SMALL_BUFFER_BYTES)
        self._paused = False
        self.transport: asyncio.Transport | None = None
        self.remote = ""
        self.since = time.time()
        self.heard_at = time.monotonic()
        self.has_ended = False
        self.bytes_in = 0
        self.bytes_waiting = 0
        self.state = LinkState()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, unless there are too many already."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        host, port, *_ = self.transport.get_extra_info("peername")
        self.remote = f"{host}:{port}"
        self.transport.set_write_buffer_limits(high=limits.LINK_WRITE_BYTES_MAX)
        if not self._station.admit(self):
            self.transport.abort()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Give the loop the buffer to read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand what was read to the worker; pause where too much is waiting."""
        self.heard_at = time.monotonic()
        self.bytes_in += nbytes
        self.bytes_waiting += nbytes
        full = self._buffer
        data = memoryview(full)[:nbytes]
        if nbytes > COPY_BYTES_MAX:
            self._buffer = self._station.spare_buffer()
        else:
            data = memoryview(bytes(data))
            if nbytes == len(full):
                self._buffer = self._station.spare_buffer()
        self._station.offer(Chunk(self, data, int(time.time() * 1000)))
        if self.bytes_waiting > limits.LINK_BUFFER_BYTES_MAX or self._station.is_full():
            self.pause()

    def eof_received(self) -> bool:
        """Keep the sending half open: answers after the last commit still reach the peer."""
        self.has_ended = True
        self._station.offer_end(self)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the link; what it had sent is still decoded."""
        self.has_ended = True
        self.transport = None
        self._station.leave(self)
        self._station.offer_end(self)

    def pause_writing(self) -> None:
        """Cut a peer that does not read its answers: it would hold memory for ever."""
        self._station.note_slow_reader()
        self.abort()

    def pause(self) -> None:
        """Stop reading; TCP then slows the sender."""
        if self.transport and not self._paused:
            self._paused = True
            self._station.note_paused(self)
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        if self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def is_checking(self) -> bool:
        """Whether a password is being checked; bytes wait meanwhile."""
        return self.state.standing is Standing.CHECKING

    def is_new(self) -> bool:
        """Whether the peer has not logged in."""
        return self.state.standing is Standing.NEW

    def is_platform(self) -> bool:
        """Whether an enterprise platform has logged in on this link."""
        return self.state.standing is Standing.PLATFORM

    def take_waiting(self) -> list[Chunk]:
        """Return the chunks that waited for a password check."""
        waiting, self.state.waiting = self.state.waiting, []
        return waiting

    def send(self, frame: bytes) -> bool:
        """Send bytes to the peer; False where it has gone. Only from the event loop."""
        if self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(frame)
        return True

    def close(self) -> None:
        """Close after what is being sent has left."""
        if self.transport:
            self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self.transport:
            self.transport.abort()

    def describe(self) -> dict[str, Any]:
        """Return the row of the links page."""
        state = self.state
        return {
            "link": state.name,
            "remote": self.remote,
            "standing": state.standing.value,
            "vehicle": state.vehicle,
            "since": self.since,
            "bytes": self.bytes_in,
            "frames": state.frames,
            "last_received_ms": state.last_received_ms,
            "waiting_bytes": self.bytes_waiting,
            "paused": self._paused,
        }
