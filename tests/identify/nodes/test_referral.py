"""What a real node says of handles that are recorded elsewhere, and when it asks for a client."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from millbrain.core.keys import handle_key
from millbrain.core.limits import RECURSIONS_MAX
from millbrain.core.nodes import Node as Place
from millbrain.core.nodes import Role
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker, Change, Verb
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.records import Interface, Server, Site
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.responder import Responder
from millbrain.identify.handle.server import HandleServer
from millbrain.identify.handle.sites import server_of
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from tests.identify.handle.node import ROOT, Client, Node
from tests.identify.nodes.fake_node import over_tcp, right
from tests.identify.nodes.test_recursion import URL, closed_port


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that answers for 88.200 and knows the sites of 88.100 and 88.200.7."""
    running = Node(tmp_path / "store")
    site = _record(Value(1, "HS_SITE", b"\0\1"))
    running.registry.load(
        [(handle_key("0.NA/88.100"), site), (handle_key("0.NA/88.200.7"), site),
         (handle_key("88.200/known"), _record(URL))],
        Asker(ROOT), "test",
    )  # fmt: skip
    yield running
    running.close()


def _record(*values: Value) -> bytes:
    return store_form(values)


def ask(node: Node, handle: str, flags: int = f.PUBLIC_ONLY, protocol: str = "tcp") -> Message:
    client = Client(node.port, protocol)
    try:
        return client.ask(_resolve(handle, flags))
    finally:
        client.close()


def _resolve(handle: str, flags: int) -> Message:
    return Message(f.RESOLVE, {"handle": handle, "indexes": (), "types": ()}, flags=flags)


@pytest.mark.parametrize(("handle", "code", "named"), [
    ("88.100/x", f.SERVICE_REFERRAL, "0.NA/88.100"),
    ("88.100.1/x", f.PREFIX_REFERRAL, "0.NA/88.100"),
    ("0.NA/88.100.1", f.PREFIX_REFERRAL, "0.NA/88.100"),
    ("88.200.7/x", f.SERVICE_REFERRAL, "0.NA/88.200.7"),
    ("88.200.7.3/x", f.PREFIX_REFERRAL, "0.NA/88.200.7"),
    ("88.200.8/x", f.NOT_FOUND, None),
    ("88.200/none", f.NOT_FOUND, None),
    ("0.NA/88.100", f.OK, "0.NA/88.100"),
    ("99.1/x", f.NO_RESPONSE, None),
    ("88.1001/x", f.NO_RESPONSE, None),
])  # fmt: skip
@pytest.mark.parametrize("flags", [f.PUBLIC_ONLY, 0, f.PUBLIC_ONLY | f.RECURSIVE])
def test_who_is_named(node: Node, handle: str, code: int, named: str | None, flags: int) -> None:
    answer = ask(node, handle, flags)
    assert answer.code == code
    assert answer.body.get("handle") == named
    if code in f.REFERRALS:
        assert [v.type for v in answer.body["values"]] == ["HS_SITE"]


def test_no_referral_where_none_is_wanted(node: Node) -> None:
    assert ask(node, "88.100/x", f.PUBLIC_ONLY | f.DO_NOT_REFER).code == f.NO_RESPONSE


def test_a_change_is_referred_as_well(node: Node) -> None:
    client = Client(node.port, "udp")
    answer = client.ask(Message(f.CREATE, {"handle": "88.100/new", "values": (URL,)}))
    client.close()
    assert (answer.code, answer.body["handle"]) == (f.SERVICE_REFERRAL, "0.NA/88.100")


def test_a_route_does_not_home_the_prefix(node: Node) -> None:
    assert node.registry.homed() == ["88.200"]


def test_a_referral_has_the_bytes_of_the_vector(tmp_path: Path, shared_data: Path) -> None:
    vectors = json.loads((shared_data / "ident/handle-vectors.json").read_text("utf-8"))["vectors"]
    (packet,) = (bytes.fromhex(v["hex"]) for v in vectors if v["name"] == "res.referral.prefix")
    (value,) = decode(packet).body["values"]
    node = Node(tmp_path / "store")
    try:
        node.registry.load([(handle_key("0.NA/88.100"), _record(value))], Asker(ROOT), "test")
        client = Client(node.port, "tcp")
        client.send(encode(_resolve("88.100.1/x", 0)))
        answer = client.receive()
        client.close()
        assert answer[24:28] == packet[24:28], "the same code"
        assert answer[40:] == packet[40:], "the same body, to its last byte"
    finally:
        node.close()


def test_which_server_of_a_site_holds_a_handle() -> None:
    # Independent of our code: md5sum of coreutils
    expected = _by_hand("88.100.1/P7"), _by_hand("P7"), _by_hand("88.100.1")
    servers = tuple(Server(n, bytes(16), b"", (Interface(3, 1, 2641),)) for n in range(7))
    for option, index in zip((2, 1, 0), expected, strict=True):
        assert server_of(Site(servers, hash_option=option), "88.100.1/p7").id == index


def _by_hand(text: str) -> int:

    told = subprocess.run(["md5sum"], input=text.encode(), capture_output=True, check=True)
    last = int(told.stdout.split()[0][-8:], 16)
    return abs(last - (1 << 32) if last >> 31 else last) % 7


# A recursive node -------------------------------------------------------------------------------


def _serving(
    folder: Path, port: int, upstream: str, work: Callable[[Recursion], Awaitable[None]]
) -> None:
    """Run `work` beside a recursive node on `port` that asks `upstream`."""

    async def main() -> None:
        store = RocksIdentifiers(folder)
        registry = StoredRegistry(store, [ROOT])
        recursion = Recursion(Place(Role.RECURSIVE, (upstream,)), os.urandom)
        responder = Responder(registry, Site(()), os.urandom, recursion)
        server = HandleServer(responder, recursion)
        await server.start("127.0.0.1", port)
        try:
            await work(recursion)
        finally:
            await server.stop()
            registry.close()
            store.close()

    asyncio.run(asyncio.wait_for(main(), 20))


async def _asked(port: int, handle: str, flags: int) -> Message:
    def work() -> Message:
        client = Client(port, "udp")
        try:
            return client.ask(_resolve(handle, flags))
        finally:
            client.close()

    return await asyncio.to_thread(work)


def test_a_node_asks_for_a_client_only_where_it_is_told_to(tmp_path: Path) -> None:
    port = closed_port()

    async def work(recursion: Recursion) -> None:
        async with over_tcp(right(URL)) as one:
            recursion._roots = (one.place,)
            plain, recursive = f.PUBLIC_ONLY, f.PUBLIC_ONLY | f.RECURSIVE
            assert (await _asked(port, "88.1/x", plain)).code == f.NO_RESPONSE
            assert one.asked == []
            first = await _asked(port, "88.1/x", recursive)
            assert first.body["values"] == (URL,)
            assert (one.asked[0].recursion, one.asked[0].flags) == (1, recursive)
            again = await _asked(port, "88.1/x", plain)
            assert again.body["values"] == (URL,), "from memory, also without the flag"
            assert 8 <= again.expires_s - time.time() <= 10, "it expires with the entry"
            by_type = Message(f.RESOLVE, {"handle": "88.1/x", "indexes": (9,), "types": ()})
            client = Client(port, "tcp")
            found = await asyncio.to_thread(client.ask, by_type)
            client.close()
            assert found.code == f.VALUES_NOT_FOUND
            assert len(one.asked) == 1
            await _asked(port, "88.1/x", recursive | f.AUTHORITATIVE)
            assert len(one.asked) == 2

    _serving(tmp_path / "store", port, "127.0.0.1:1", work)


def test_recursive_nodes_in_a_circle_end_with_code_6(tmp_path: Path) -> None:
    port = closed_port()

    async def work(recursion: Recursion) -> None:
        began = time.monotonic()
        answer = await _asked(port, "88.1/x", f.PUBLIC_ONLY | f.RECURSIVE)
        assert answer.code == f.RECURSION_TOO_HIGH
        assert time.monotonic() - began < 3.0, "nobody waited for itself"
        assert recursion.counts["failed"] == RECURSIONS_MAX

    _serving(tmp_path / "store", port, f"127.0.0.1:{port}", work)


def test_a_registry_says_where_a_prefix_lives(node: Node) -> None:
    home = Change(Verb.HOME, "0.NA/88.100", Asker(ROOT))
    over: list[object] = []
    node.registry.apply((home,), over.append)
    while not over:
        time.sleep(0.001)
    route = node.registry.route("88.100.1/x")
    assert route is not None
    assert (route.prefix, route.sites) == ("88.100", ())
    assert node.registry.route("99.1/x") is None
