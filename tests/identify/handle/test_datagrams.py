"""Datagrams in batches: the fast way and the plain way bring and send the same."""

import socket
from collections.abc import Iterator

import pytest

from millbrain.core.limits import HANDLE_BATCH_MAX
from millbrain.identify.handle.datagrams import (
    DATAGRAM_BYTES_MAX,
    BatchedDatagrams,
    Datagrams,
    datagrams,
)

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def bound(family: socket.AddressFamily) -> socket.socket:
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.bind((LOOPBACK[family], 0))
    one.settimeout(5)
    return one


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6])
def links(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, list[socket.socket]]]:
    """A server's socket and two clients that are connected to it."""
    server, clients = bound(request.param), [bound(request.param) for _ in range(2)]
    server.setblocking(False)
    for client in clients:
        client.connect(server.getsockname()[:2])
    yield server, clients
    for one in (server, *clients):
        one.close()


@pytest.mark.parametrize("kind", [Datagrams, BatchedDatagrams])
def test_each_sender_gets_its_answer(
    kind: type[Datagrams], links: tuple[socket.socket, list[socket.socket]]
) -> None:
    server, (first, second) = links
    known = kind(server)
    assert known.receive() == []
    sent = [b"a", b"", b"c" * 512, b"d" * DATAGRAM_BYTES_MAX]
    for number, packet in enumerate(sent):
        (first, second)[number % 2].send(packet)
    assert known.receive() == sent
    ports = [known.sender(n)[1] for n in range(4)]
    assert ports == [c.getsockname()[1] for c in (first, second, first, second)]
    assert known.sender(0)[0] == first.getsockname()[0]
    assert known.send([b"to 3", b"", b"to 0" * 100], [3, 1, 0]) == 3
    assert [second.recv(999), second.recv(999), first.recv(999)] == [b"to 3", b"", b"to 0" * 100]
    assert known.receive() == []


@pytest.mark.parametrize("kind", [Datagrams, BatchedDatagrams])
def test_more_than_a_batch_comes_in_parts(
    kind: type[Datagrams], links: tuple[socket.socket, list[socket.socket]]
) -> None:
    server, (client, _) = links
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    known = kind(server)
    sent = [str(n).encode() for n in range(HANDLE_BATCH_MAX + 5)]
    for packet in sent:
        client.send(packet)
    assert known.receive() == sent[:HANDLE_BATCH_MAX]
    assert known.receive() == sent[HANDLE_BATCH_MAX:]


@pytest.mark.parametrize("kind", [Datagrams, BatchedDatagrams])
def test_one_that_is_too_long_comes_empty(
    kind: type[Datagrams], links: tuple[socket.socket, list[socket.socket]]
) -> None:
    server, (client, _) = links
    known = kind(server)
    for packet in (b"x", b"y" * (DATAGRAM_BYTES_MAX + 1), b"z"):
        client.send(packet)
    assert known.receive() == [b"x", b"", b"z"]


@pytest.mark.parametrize("kind", [Datagrams, BatchedDatagrams])
def test_an_answer_that_the_kernel_refuses_holds_up_no_other(
    kind: type[Datagrams], links: tuple[socket.socket, list[socket.socket]]
) -> None:
    server, (client, _) = links
    known = kind(server)
    client.send(b"x")
    assert known.receive() == [b"x"]
    assert known.send([b"a", b"b" * 70_000, b"c"], [0, 0, 0]) == 2
    assert [client.recv(9), client.recv(9)] == [b"a", b"c"]


def test_linux_takes_batches() -> None:
    with bound(socket.AF_INET) as one:
        one.setblocking(False)
        assert isinstance(datagrams(one), BatchedDatagrams)
