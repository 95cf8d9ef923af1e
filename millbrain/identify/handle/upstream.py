"""The client side of the protocol: another node is asked, and its answer is not simply believed.

An answer counts only if it repeats the number of the request and the operation, and over UDP the
digest of the request, which nobody beside the way can guess. A node that fails several times in a
row is left alone for a while, so that a dead one costs nobody's time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from millbrain.core.errors import FrameError, MillbrainError, SettingsError
from millbrain.core.limits import (
    HANDLE_MESSAGE_BYTES_MAX,
    UPSTREAM_FAILURES_MAX,
    UPSTREAM_LINKS_MAX,
    UPSTREAM_PAUSE_S_MAX,
    UPSTREAMS_MAX,
)
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.challenge import request_digest
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope, Pieces, cut, read_envelope

UDP, TCP = 0, 1
_SENDS: Final = 3  # of one request over UDP, spread over the time that it may take
Clock = Callable[[], float]
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UpstreamError(MillbrainError):
    """Another node did not answer, or not what was asked.

    code: what a client is told that waited for it.
    """

    def __init__(self, detail: str, code: int = f.NO_RESPONSE) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens; protocol as in HS_SITE: 0 UDP, 1 TCP."""

    host: str
    port: int
    protocol: int = TCP

    def __str__(self) -> str:
        """Return the place as settings write it."""
        return f"{'udp:' if self.protocol == UDP else ''}{self.host}:{self.port}"


def place(text: str) -> Place:
    """Read ``host:port`` or ``udp:host:port``.

    Raises
    ------
    SettingsError
        The text is neither.
    """
    rest = text.removeprefix("udp:").removeprefix("tcp:")
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise SettingsError(f"upstream {text!r}: host:port or udp:host:port was expected")
    return Place(host.strip("[]"), int(port), UDP if text.startswith("udp:") else TCP)


class Circuit:
    """Counts failures in a row and says when to leave a node alone."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause_s = 1.0
        self._until_s = 0.0

    def is_open(self, now_s: float) -> bool:
        """Whether the node is left alone; once the pause is over, a single request may try."""
        if self._failures < UPSTREAM_FAILURES_MAX:
            return False
        if now_s < self._until_s:
            return True
        self._until_s = now_s + self._pause_s  # the others wait for what this one finds
        return False

    def good(self) -> None:
        """Note an answer."""
        self._failures, self._pause_s = 0, 1.0

    def bad(self, now_s: float) -> None:
        """Note a failure."""
        self._failures += 1
        if self._failures >= UPSTREAM_FAILURES_MAX:
            self._until_s = now_s + self._pause_s
            self._pause_s = min(self._pause_s * 2, UPSTREAM_PAUSE_S_MAX)


class Upstream:
    """One other node.

    Parameters
    ----------
    where
        Its address.
    clock
        Steady seconds.
    random
        Returns so many random bytes that nobody can guess.
    """

    def __init__(self, where: Place, clock: Clock, random: Callable[[int], bytes]) -> None:
        self.where = where
        self._clock = clock
        self._random = random
        self._circuit = Circuit()
        self._idle: list[Link] = []
        self._free = asyncio.Semaphore(UPSTREAM_LINKS_MAX)

    async def ask(self, message: Message, wait_s: float) -> Message:
        """Send a request and return the answer to it, after at most `wait_s` seconds.

        Raises
        ------
        UpstreamError
            There is none, or it is not an answer to this request; says which node and why.
        """
        if self._circuit.is_open(self._clock()):
            raise UpstreamError(f"node {self.where}: left alone after failures; ask again later")
        number = int.from_bytes(self._random(4), "big") >> 1 or 1  # peers read it as signed
        flags = message.flags | (f.RETURN_DIGEST if self.where.protocol == UDP else 0)
        packet = encode(replace(message, flags=flags, envelope=Envelope(request=number)))
        try:
            async with asyncio.timeout(wait_s):
                answer = await self._asked(packet, number)
            _check(packet, answer)
        except (OSError, EOFError, FrameError, TimeoutError) as error:
            self._circuit.bad(self._clock())
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise UpstreamError(f"node {self.where}: {why}") from error
        self._circuit.good()
        return answer

    def close(self) -> None:
        """Close what is open."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _asked(self, packet: bytes, number: int) -> Message:
        if self.where.protocol == UDP:
            return decode(await self._datagram(packet, number))
        async with self._free:
            if self._idle:  # a peer may have closed it meanwhile: then once more over a new one
                try:
                    return decode(await self._over(self._idle.pop(), packet))
                except (OSError, EOFError):
                    pass
            link = await asyncio.open_connection(self.where.host, self.where.port)
            return decode(await self._over(link, packet))

    async def _over(self, link: Link, packet: bytes) -> bytes:
        reader, writer = link
        try:
            writer.write(packet)
            head = await reader.readexactly(f.ENVELOPE_BYTES)
            found = head + await reader.readexactly(read_envelope(head).size)
        except BaseException:
            writer.close()
            raise
        if reader.at_eof() or len(found) > HANDLE_MESSAGE_BYTES_MAX:
            writer.close()
        else:
            self._idle.append(link)
        return found

    async def _datagram(self, packet: bytes, number: int) -> bytes:
        """Ask over UDP from a port of its own, again where a datagram seems lost."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(found, number), remote_addr=(self.where.host, self.where.port)
        )
        try:
            for _ in range(_SENDS):
                for piece in cut(packet):
                    transport.sendto(piece)
                done, _ = await asyncio.wait((found,), timeout=0.3)
                if done:
                    break
            return await found
        finally:
            transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the datagrams of one answer; those with another number are not ours."""

    def __init__(self, found: "asyncio.Future[bytes]", number: int) -> None:
        self._found = found
        self._number = number
        self._pieces = Pieces()

    def datagram_received(self, data: bytes, address: Any) -> None:
        if self._found.done():
            return
        try:
            is_ours = read_envelope(data).request == self._number
            whole = self._pieces.add(address, data, 0.0) if is_ours else None
        except FrameError:
            return  # anybody may send us anything; the answer may still come
        if whole is not None:
            self._found.set_result(whole)

    def error_received(self, error: Exception) -> None:
        if not self._found.done():
            self._found.set_exception(error)


def _check(packet: bytes, answer: Message) -> None:
    """Refuse what is no answer to the request in `packet`."""
    asked = read_envelope(packet).request
    if answer.envelope.request != asked:
        raise FrameError(
            "structure", f"answer to request {answer.envelope.request}, {asked} was sent"
        )
    operation = int.from_bytes(packet[f.ENVELOPE_BYTES : f.ENVELOPE_BYTES + 4], "big")
    if answer.operation != operation or answer.code == f.REQUEST:
        raise FrameError("structure", f"operation {answer.operation}, code {answer.code} came back")
    if answer.digest is not None:
        algorithm, digest = answer.digest
        if algorithm not in f.DIGESTS or digest != request_digest(packet, algorithm):
            raise FrameError("structure", "the digest in the answer is not that of the request")
    elif answer.code == f.OK and packet[f.ENVELOPE_BYTES + 9] & (f.RETURN_DIGEST >> 16 & 0xFF):
        raise FrameError("structure", "the digest that was asked for is missing")


class Upstreams:
    """The other nodes, as many as are remembered; the one not asked for longest goes first."""

    def __init__(self, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random = random
        self._known: OrderedDict[Place, Upstream] = OrderedDict()

    def at(self, where: Place) -> Upstream:
        """Return the node at a place."""
        found = self._known.pop(where, None) or Upstream(where, self._clock, self._random)
        self._known[where] = found
        while len(self._known) > UPSTREAMS_MAX:
            self._known.popitem(last=False)[1].close()
        return found

    def close(self) -> None:
        """Close every connection."""
        for upstream in self._known.values():
            upstream.close()
