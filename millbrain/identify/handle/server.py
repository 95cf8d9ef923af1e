"""The sockets of the Handle protocol: UDP and TCP on one port, one event loop.

What has arrived is read in one go, answered as one batch and sent in one go, so that under load a
look-up costs a share of a batch and not a round of the loop. TCP stays open and takes requests one
behind the other; answers carry the number of their request, so their order is free.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_IDLE_S_MAX
from millbrain.identify.handle.datagrams import datagrams
from millbrain.identify.handle.fields import PACKET_BYTES_MAX
from millbrain.identify.handle.framing import Pieces, cut
from millbrain.identify.handle.links import Links, TcpLink
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.responder import Responder

_UDP_BUFFER_BYTES: Final = 4 << 20  # what the kernel holds while a batch is answered


@dataclass(slots=True)
class Counts:
    """What went through since the start."""

    udp_packets: int = 0
    tcp_messages: int = 0
    bad_packets: int = 0
    unsent: int = 0


class HandleServer:
    """Listens, and hands batches to a `Responder`; ends the recursion with itself."""

    def __init__(self, responder: Responder, recursion: Recursion | None = None) -> None:
        self._responder = responder
        self.recursion = recursion
        self._links = Links(self._answer_all)
        self._pieces = Pieces()
        self.counts = Counts()
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Open the port for TCP and UDP; 0 takes one that is free for both."""
        self._loop = asyncio.get_running_loop()
        self._tcp = await self._loop.create_server(
            lambda: TcpLink(self._links), host, port, backlog=1024
        )
        self.port = self._tcp.sockets[0].getsockname()[1]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._udp.setblocking(False)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER_BYTES)
        self._udp.bind((host, self.port))
        self._datagrams = datagrams(self._udp)
        self._loop.add_reader(self._udp.fileno(), self._readable)
        self._sweeping = self._loop.create_task(self._sweep())

    def status(self) -> Mapping[str, Any]:
        """Describe links and counts."""
        names = Counts.__dataclass_fields__
        counts = {n: getattr(self.counts, n) for n in names}
        beyond = {"recursion": self.recursion.status()} if self.recursion else {}
        links = {"links": len(self._links), "refused_links": self._links.refused,
                 "cut_links": self._links.cut, "bad_links": self._links.bad}  # fmt: skip
        return {**links, **counts, **beyond}

    async def stop(self) -> None:
        """Close the port and every link."""
        self._sweeping.cancel()
        self._loop.remove_reader(self._udp.fileno())
        self._udp.close()
        self._tcp.close()
        self._links.close()
        if self.recursion:
            await self.recursion.close()
        await self._tcp.wait_closed()

    # UDP ----------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            packets = self._datagrams.receive()
        except OSError:
            self.counts.bad_packets += 1  # the kernel tells of a sender that is gone
            return
        self.counts.udp_packets += len(packets)
        answers = self._responder.plain(packets)
        ready, numbers = [], []
        for number, answer in enumerate(answers):
            if answer is not None and len(answer) <= PACKET_BYTES_MAX:
                ready.append(answer)
                numbers.append(number)
            else:
                self._by_itself(packets[number], answer, self._datagrams.sender(number))
        if ready:
            self.counts.unsent += len(ready) - self._datagrams.send(ready, numbers)

    def _by_itself(self, packet: bytes, answer: bytes | None, sender: Any) -> None:
        if answer is None:
            self._slow(packet, sender)
        else:
            self._send_cut(answer, sender)

    def _slow(self, packet: bytes, sender: Any) -> None:
        try:
            whole = self._pieces.add(sender, packet, self._loop.time())
        except FrameError:
            self.counts.bad_packets += 1
            return
        if whole is not None:
            self._responder.answer(
                whole, str(sender[0]),
                lambda answer: _in_loop(self._loop, self._send_cut, answer, sender),
            )  # fmt: skip

    def _send_cut(self, answer: bytes, sender: Any) -> None:
        try:
            for piece in cut(answer):
                self._udp.sendto(piece, sender)
        except OSError:
            self.counts.unsent += 1

    # TCP ----------------------------------------------------------------------------------------

    def _answer_all(self, packets: Sequence[bytes], link: TcpLink) -> None:
        """Answer the whole messages that a link brought in one go."""
        self.counts.tcp_messages += len(packets)
        ready = self._responder.plain(packets)
        link.write(b"".join(answer for answer in ready if answer is not None))
        for packet, answer in zip(packets, ready, strict=True):
            if answer is None:
                self._responder.answer(
                    packet, link.address, lambda a: _in_loop(self._loop, link.write, a),
                    link.brought,
                )  # fmt: skip

    async def _sweep(self) -> None:
        """Close links without a message for too long, for ever."""
        while True:
            await asyncio.sleep(HANDLE_IDLE_S_MAX / 10)
            self._links.cut_idle(self._loop.time() - HANDLE_IDLE_S_MAX)


def _in_loop(loop: asyncio.AbstractEventLoop, call: Any, *given: Any) -> None:
    """Call now where this is the loop's own thread, else as soon as the loop can."""
    try:
        is_own = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_own = False
    if is_own:
        call(*given)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(call, *given)
