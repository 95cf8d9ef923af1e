"""The TCP connections of a server and what they may hold together.

A connection takes requests one behind the other. It waits in memory with the beginning of a message
and with answers that its peer does not take; what all of them hold so is bounded. Where the bound
is reached, the one that waits longest is cut, so that a crowd of idlers cannot keep others out.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, cast

from millbrain.core.errors import FrameError
from millbrain.core.limits import (
    HANDLE_LINKS_MAX,
    HANDLE_UNREAD_BYTES_MAX,
    HANDLE_UNSENT_BYTES_MAX,
    LINK_WRITE_BYTES_MAX,
)
from millbrain.identify.handle.fields import ENVELOPE_BYTES
from millbrain.identify.handle.framing import split
from millbrain.identify.handle.sessions.entry import Link

_BATCH: Final = 64  # requests of one link before a look at what its peer has taken


class Links:
    """All open connections.

    Parameters
    ----------
    answer
        Takes whole messages and their connection, and writes the answers to it.
    """

    def __init__(self, answer: "Callable[[Sequence[bytes], TcpLink], None]") -> None:
        self.answer = answer
        self.refused = 0  # connections that were one too many
        self.cut = 0  # connections that held too much for too long
        self.bad = 0  # connections that sent what no message begins with
        self._open: set[TcpLink] = set()
        self._unread: OrderedDict[TcpLink, int] = OrderedDict()
        self._unread_bytes = 0
        self._slow: OrderedDict[TcpLink, None] = OrderedDict()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def join(self, link: "TcpLink") -> bool:
        """Take a new connection; False where there are too many."""
        if len(self._open) >= HANDLE_LINKS_MAX:
            self.refused += 1
            return False
        self._open.add(link)
        return True

    def leave(self, link: "TcpLink") -> None:
        """Forget a connection that is closed."""
        self._open.discard(link)
        self._slow.pop(link, None)
        self.holds(link, 0)

    def holds(self, link: "TcpLink", size: int) -> None:
        """Note that a connection keeps `size` bytes of messages that are not answered yet."""
        self._unread_bytes += size - self._unread.get(link, 0)
        if size:
            self._unread[link] = size  # keeps its place: the oldest beginning stays first
        else:
            self._unread.pop(link, None)
        while self._unread_bytes > HANDLE_UNREAD_BYTES_MAX:
            self._cut(next(iter(self._unread)))

    def is_slow(self, link: "TcpLink") -> None:
        """Note that the peer does not take its answers."""
        self._slow[link] = None
        while sum(k.unsent for k in self._slow) > HANDLE_UNSENT_BYTES_MAX:
            self._cut(next(iter(self._slow)))

    def is_quick(self, link: "TcpLink") -> None:
        """Note that it takes them again."""
        self._slow.pop(link, None)

    def cut_idle(self, before_s: float) -> None:
        """Cut the connections without a message since `before_s`, whatever they wait for."""
        for link in [k for k in self._open if k.heard_s < before_s]:
            link.abort()

    def close(self) -> None:
        """Close every connection."""
        for link in tuple(self._open):
            link.close()

    def _cut(self, link: "TcpLink") -> None:
        self.cut += 1
        self.leave(link)
        link.abort()


class TcpLink(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._rest = bytearray()
        self._wanted = 0
        self._is_paused = False
        self.address = ""
        self.heard_s = 0.0
        self.brought = Link()

    @property
    def unsent(self) -> int:
        """How many bytes of answers wait to be taken."""
        return self._transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a connection too many is closed."""
        self._transport = cast("asyncio.Transport", transport)  # TCP gives no other
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.heard_s = asyncio.get_running_loop().time()
        self._transport.set_write_buffer_limits(high=LINK_WRITE_BYTES_MAX)
        if not self._links.join(self):
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Keep what arrived until a message is whole."""
        if self._rest:
            self._rest += data
            if self._is_paused or len(self._rest) < self._wanted:
                self._links.holds(self, len(self._rest))
                return
            data = bytes(self._rest)
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Answer the whole messages of `data`, as far as the peer takes answers; keep the rest."""
        try:
            spans, used = split(data)
        except FrameError:
            self._links.bad += 1
            self.close()  # no way back into the stream is known
            return
        if spans:
            self.heard_s = asyncio.get_running_loop().time()
        for at in range(0, len(spans), _BATCH):
            if self._is_paused:
                used = spans[at][0]
                break
            self._links.answer([data[a:b] for a, b in spans[at : at + _BATCH]], self)
        if used < len(data) or self._rest:
            self._keep(data[used:])

    def _keep(self, rest: bytes) -> None:
        self._rest = bytearray(rest)
        size = int.from_bytes(rest[16:ENVELOPE_BYTES], "big") if len(rest) >= ENVELOPE_BYTES else 0
        self._wanted = ENVELOPE_BYTES + size
        if not self._transport.is_closing():
            self._links.holds(self, len(rest))

    def write(self, data: bytes) -> None:
        """Send, unless the link is closed."""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        """Read and answer no further while the peer does not take its answers."""
        self._is_paused = True
        self._transport.pause_reading()
        self._links.is_slow(self)

    def resume_writing(self) -> None:
        """Go on where the answers stopped."""
        self._is_paused = False
        self._links.is_quick(self)
        if self._rest:
            self._take(bytes(self._rest))
        if not self._is_paused and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close after what is written has been sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is not sent is lost."""
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._links.leave(self)
