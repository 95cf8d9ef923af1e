"""A recursive node against real nodes that are right, dead, slow, lying and going round."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from millbrain.core.limits import UPSTREAM_FAILURES_MAX
from millbrain.core.nodes import Node, Role
from millbrain.core.records import TTL_ABSOLUTE, Value, stored_values
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.cache import Entry
from millbrain.identify.handle.codec import Message, encode
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.upstream import Place, Upstream, UpstreamError
from tests.identify.nodes.fake_node import (
    FakeNode,
    Way,
    code,
    never,
    over_tcp,
    over_udp,
    referral,
    right,
    told,
)

HANDLE = "88.100.1/P7"
URL = Value(1, "URL", b"https://id.example.cn/p/7", ttl=10)


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def node(*upstream: str, **more: Any) -> Node:
    return Node(Role.RECURSIVE, upstream, **({"try_s": 0.2, "wait_s": 1.0} | more))


def recursive(*upstream: str, clock: Clock | None = None, **more: Any) -> Recursion:
    now = clock or time.monotonic
    return Recursion(node(*upstream, **more), os.urandom, now, lambda: 1_800_000_000.0)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 20))  # type: ignore[arg-type]


# Time to live -----------------------------------------------------------------------------------


def test_an_answer_is_remembered_for_the_life_of_its_values() -> None:
    async def work() -> None:
        clock = Clock()
        async with over_tcp(right(URL, replace(URL, index=2, ttl=99))) as one:
            asker = recursive(*one.upstream, clock=clock)
            first = await asker.resolve(HANDLE)
            assert stored_values(first.stored)[0] == URL
            clock.now_s += 9.9
            assert await asker.resolve("88.100.1/p7") == first, "case is folded"
            assert len(one.asked) == 1
            clock.now_s += 0.2
            await asker.resolve(HANDLE)
            assert len(one.asked) == 2
            await asker.close()

    run(work)


@pytest.mark.parametrize(("ttl", "ttl_type", "life_s"), [
    (0, 0, 0.0), (172_800, 0, 172_800.0), (172_801, 0, 86_400.0),
    (1_800_000_030, TTL_ABSOLUTE, 30.0), (1_799_999_999, TTL_ABSOLUTE, 0.0),
])  # fmt: skip
def test_lives_of_values(ttl: int, ttl_type: int, life_s: float) -> None:
    async def work() -> None:
        clock = Clock()
        async with over_tcp(right(replace(URL, ttl=ttl, ttl_type=ttl_type))) as one:
            asker = recursive(*one.upstream, clock=clock)
            entry = await asker.resolve(HANDLE)
            assert asker.left_s(entry) == life_s
            await asker.close()

    run(work)


def test_not_found_is_remembered_for_its_own_time() -> None:
    async def work() -> None:
        clock = Clock()
        async with over_tcp(code(f.NOT_FOUND)) as one:
            asker = recursive(*one.upstream, clock=clock, negative_s=5.0)
            assert (await asker.resolve(HANDLE)).code == f.NOT_FOUND
            clock.now_s += 4.9
            assert (await asker.resolve(HANDLE)).code == f.NOT_FOUND
            assert len(one.asked) == 1
            clock.now_s += 0.2
            one.way = right(URL)
            assert (await asker.resolve(HANDLE)).code == f.OK
            await asker.close()

    run(work)


def test_an_old_answer_is_given_while_nobody_can_be_asked_and_no_longer() -> None:
    async def work() -> None:
        clock = Clock()
        async with over_tcp(right(URL)) as one:
            asker = recursive(*one.upstream, clock=clock, stale_s=100.0)
            first = await asker.resolve(HANDLE)
            one.way = code(f.BUSY)
            clock.now_s += 109.0
            assert await asker.resolve(HANDLE) == first
            assert asker.status()["stale"] == 1
            clock.now_s += 2.0
            with pytest.raises(UpstreamError, match="code 3"):
                await asker.resolve(HANDLE)
            await asker.close()

    run(work)


def test_authoritative_answers_are_asked_for_again() -> None:
    async def work() -> None:
        async with over_tcp(right(URL)) as one:
            asker = recursive(*one.upstream)
            await asker.resolve(HANDLE)
            await asker.resolve(HANDLE, is_fresh=True)
            assert len(one.asked) == 2
            await asker.close()

    run(work)


def test_memory_is_bounded() -> None:
    async def work() -> None:
        async with over_tcp(right(replace(URL, data=bytes(5_000)))) as one:
            asker = recursive(*one.upstream, cache_bytes=60_000)
            for number in range(40):
                await asker.resolve(f"88.100.1/{number}")
            assert asker.cache.held_bytes <= 60_000
            assert len(asker.cache) == 11
            await asker.resolve("88.100.1/39")
            assert len(one.asked) == 40, "the newest are kept"
            await asker.close()

    run(work)


def test_many_clients_wait_for_one_walk() -> None:
    async def work() -> None:
        async with over_tcp(right(URL)) as one:
            asker = recursive(*one.upstream)
            found = await asyncio.gather(*(asker.resolve(HANDLE) for _ in range(200)))
            assert len({e.stored for e in found}) == 1
            assert len(one.asked) == 1
            await asker.close()

    run(work)


# Dead, slow, lying ------------------------------------------------------------------------------


def test_a_dead_node_is_said_at_once() -> None:
    async def work() -> None:
        asker = recursive(f"127.0.0.1:{closed_port()}")
        began = time.monotonic()
        with pytest.raises(UpstreamError) as caught:
            await asker.resolve(HANDLE)
        assert caught.value.code == f.NO_RESPONSE
        assert time.monotonic() - began < 0.9, "its time of 1 s was not waited for"
        await asker.close()

    run(work)


def test_a_slow_node_costs_its_time_a_few_times_and_holds_up_nobody() -> None:
    async def work() -> None:
        async with over_tcp(never) as slow:
            clock = Clock()
            asker = recursive(*slow.upstream, clock=clock)
            asker.cache.put(b"hdl:88.1/KNOWN", Entry(f.NOT_FOUND, b"", clock.now_s + 60))
            walks = [asker.resolve(f"88.100.1/{n}") for n in range(UPSTREAM_FAILURES_MAX)]
            waiting = asyncio.gather(*walks, return_exceptions=True)
            await asyncio.sleep(0.05)
            assert (await asker.resolve("88.1/known")).code == f.NOT_FOUND
            assert not waiting.done(), "known answers do not wait"
            assert all(isinstance(e, UpstreamError) for e in await waiting)
            with pytest.raises(UpstreamError, match="left alone"):
                await asker.resolve(HANDLE)
            clock.now_s += 1.1
            slow.way = right(URL)
            assert (await asker.resolve(HANDLE)).code == f.OK, "it is tried again, and is well"
            await asker.close()

    run(work)


def _wrong_number(request: Message, packet: bytes) -> bytes:
    envelope = replace(request.envelope, request=request.envelope.request ^ 1)
    return right(URL)(replace(request, envelope=envelope), packet) or b""


def _wrong_handle(request: Message, packet: bytes) -> bytes:
    return encode(told(request, f.OK, handle="88.100.1/OTHER", values=(URL,)))


def _wrong_operation(request: Message, packet: bytes) -> bytes:
    return encode(replace(told(request, f.NOT_FOUND, message=""), operation=f.DELETE))


def _garbage(request: Message, packet: bytes) -> bytes:
    return bytes(range(200))


def _echo(request: Message, packet: bytes) -> bytes:
    return packet


def _huge(request: Message, packet: bytes) -> bytes:
    return packet[:16] + b"\xff\xff\xff\xff" + packet[20:]


@pytest.mark.parametrize("lie", [
    _wrong_number, _wrong_handle, _wrong_operation, _garbage, _echo, _huge, code(f.ERROR),
    referral("99.1", 1), referral("88.100.11", 1), referral("88.100"),
], ids=["number", "handle", "operation", "garbage", "echo", "huge", "error",
        "elsewhere", "neighbour", "nowhere"])  # fmt: skip
def test_a_lie_is_not_believed_and_the_next_node_is_asked(lie: Way) -> None:
    async def work() -> None:
        async with over_tcp(lie) as liar, over_tcp(right(URL)) as good:
            alone = recursive(*liar.upstream)
            with pytest.raises(UpstreamError):
                await alone.resolve(HANDLE)
            assert len(alone.cache) == 0, "nothing of it is remembered"
            both = recursive(*liar.upstream, *good.upstream)
            assert stored_values((await both.resolve(HANDLE)).stored) == (URL,)
            await alone.close()
            await both.close()

    run(work)


def test_over_udp_only_the_answer_with_number_and_digest_counts() -> None:
    async def work() -> None:
        async with over_udp([_wrong_number, right(URL)]) as one:
            asker = recursive(*one.upstream)
            assert (await asker.resolve(HANDLE)).code == f.OK, "the forged one is passed over"
            await asker.close()

        def no_digest(request: Message, packet: bytes) -> bytes:
            return encode(told(request, f.OK, handle=HANDLE, values=(URL,)))

        def wrong_digest(request: Message, packet: bytes) -> bytes:
            changed = packet[:-1] + bytes((packet[-1] ^ 1,))
            return right(URL)(request, changed[:30] + b"\x55" + changed[31:]) or b""

        for way, words in ((no_digest, "missing"), (wrong_digest, "is not that")):
            async with over_udp([way]) as one:
                asker = recursive(*one.upstream)
                with pytest.raises(UpstreamError, match=words):
                    await asker.resolve(HANDLE)
                await asker.close()

    run(work)


def test_a_lost_datagram_is_sent_again() -> None:
    async def work() -> None:
        seen: list[bytes] = []

        def second(request: Message, packet: bytes) -> bytes | None:
            seen.append(packet)
            return right(URL)(request, packet) if len(seen) == 2 else None

        async with over_udp([second]) as one:
            asker = recursive(*one.upstream, try_s=1.0)
            assert (await asker.resolve(HANDLE)).code == f.OK
            assert seen[0] == seen[1]
            await asker.close()

    run(work)


def test_a_peer_that_closes_after_each_answer_is_asked_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(20)
        packet = head + await reader.readexactly(int.from_bytes(head[16:20], "big"))
        one = FakeNode(right(URL))
        writer.write(one.answer(packet) or b"")
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        where = Place("127.0.0.1", server.sockets[0].getsockname()[1])
        peer = Upstream(where, time.monotonic, os.urandom)
        body = {"handle": HANDLE, "indexes": (), "types": ()}
        for _ in range(5):
            assert (await peer.ask(Message(f.RESOLVE, body), 1.0)).code == f.OK
        peer.close()
        server.close()
        await server.wait_closed()

    run(work)


# Referrals --------------------------------------------------------------------------------------


def test_a_remembered_site_is_asked_first_and_left_when_it_moved() -> None:
    async def work() -> None:
        async with over_tcp(right(URL)) as old, over_tcp(right(URL)) as new, over_tcp(never) as top:
            top.way = referral("88.100.1", old.place.port)
            asker = recursive(*top.upstream)
            await asker.resolve("88.100.1/1")
            await asker.resolve("88.100.1/2")
            assert (len(top.asked), len(old.asked)) == (1, 2)
            old.way, top.way = code(f.NO_RESPONSE), referral("88.100.1", new.place.port)
            assert (await asker.resolve("88.100.1/3")).code == f.OK
            assert (len(top.asked), len(new.asked)) == (2, 1)
            await asker.close()

    run(work)


def test_the_second_site_of_a_referral_is_asked_when_the_first_is_dead() -> None:
    async def work() -> None:
        async with over_tcp(right(URL)) as good, over_tcp(never) as top:
            top.way = referral("88.100.1", closed_port(), good.place.port)
            asker = recursive(*top.upstream)
            assert (await asker.resolve(HANDLE)).code == f.OK
            await asker.close()

    run(work)


def test_referrals_in_a_circle_end() -> None:
    async def work() -> None:
        async with over_tcp(never) as one, over_tcp(never) as two:
            one.way = referral("88.100", two.place.port)
            two.way = referral("88.100", one.place.port)
            asker = recursive(*one.upstream)
            with pytest.raises(UpstreamError):
                await asker.resolve(HANDLE)
            assert len(one.asked) + len(two.asked) <= 3
            await asker.close()

    run(work)


def test_a_referral_upwards_is_refused() -> None:
    async def work() -> None:
        async with over_tcp(right(URL)) as end, over_tcp(never) as one, over_tcp(never) as two:
            one.way = referral("88.100", two.place.port)
            two.way = referral("88", end.place.port)
            asker = recursive(*one.upstream)
            with pytest.raises(UpstreamError, match="not on the way"):
                await asker.resolve(HANDLE)
            await asker.close()

    run(work)
