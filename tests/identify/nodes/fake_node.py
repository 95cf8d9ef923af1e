"""A node on loopback that answers as a test tells it: rightly, wrongly, or never."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from millbrain.core.records import Value
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.challenge import request_digest
from millbrain.identify.handle.codec import Message, decode, encode, encode_data
from millbrain.identify.handle.face import site_of
from millbrain.identify.handle.upstream import TCP, Place

# The request as read and as it came -> the answer, None = none ever.
Way = Callable[[Message, bytes], bytes | None]


@dataclass
class FakeNode:
    way: Way
    place: Place = field(default_factory=lambda: Place("127.0.0.1", 0))
    asked: list[Message] = field(default_factory=list)

    @property
    def upstream(self) -> tuple[str, ...]:
        return (str(self.place),)

    def answer(self, packet: bytes) -> bytes | None:
        request = decode(packet)
        self.asked.append(request)
        return self.way(request, packet)


@asynccontextmanager
async def over_tcp(way: Way) -> AsyncIterator[FakeNode]:
    node, writers = FakeNode(way), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                head = await reader.readexactly(f.ENVELOPE_BYTES)
                packet = head + await reader.readexactly(int.from_bytes(head[16:20], "big"))
                answer = node.answer(packet)
                if answer is not None:
                    writer.write(answer)
        except (EOFError, OSError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    node.place = Place("127.0.0.1", server.sockets[0].getsockname()[1], TCP)
    try:
        yield node
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()
        await asyncio.sleep(0)


@asynccontextmanager
async def over_udp(ways: list[Way]) -> AsyncIterator[FakeNode]:
    """Answer each datagram in all of `ways`, one behind the other."""
    node = FakeNode(ways[0])

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            node.asked.append(decode(data))
            for way in ways:
                answer = way(node.asked[-1], data)
                if answer is not None:
                    self.transport.sendto(answer, address)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    node.place = Place("127.0.0.1", transport.get_extra_info("sockname")[1], 0)
    try:
        yield node
    finally:
        transport.close()


# What a node may say -----------------------------------------------------------------------------


def told(request: Message, code: int, **body: Any) -> Message:
    """An answer to `request` that follows the protocol."""
    return replace(request, code=code, body=body, flags=request.flags & ~f.RETURN_DIGEST)


def right(*values: Value) -> Way:
    """Say that every handle has these values, with the digest where it is asked for."""

    def way(request: Message, packet: bytes) -> bytes:
        answer = told(request, f.OK, handle=request.body["handle"], values=values)
        if request.flags & f.RETURN_DIGEST:
            digest = (f.DIGEST_SHA256, request_digest(packet))
            answer = replace(answer, flags=request.flags, digest=digest)
        return encode(answer)

    return way


def never(request: Message, packet: bytes) -> None:
    """Take the request and say nothing."""


def code(number: int) -> Way:
    return lambda request, packet: encode(told(request, number, message="no"))


def referral(prefix: str, *ports: int, number: int = f.SERVICE_REFERRAL) -> Way:
    values = tuple(
        Value(n, "HS_SITE", encode_data("HS_SITE", site_of("127.0.0.1", port)))
        for n, port in enumerate(ports, 1)
    )
    return lambda request, packet: encode(
        told(request, number, handle=f"0.NA/{prefix}", values=values)
    )
