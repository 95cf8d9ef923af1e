"""What connections may hold together, with transports that remember."""

from typing import Any

import pytest

from millbrain.core.limits import HANDLE_LINKS_MAX
from millbrain.identify.handle import links as module
from millbrain.identify.handle.links import Links, TcpLink


class Wire:
    """A transport whose peer takes nothing: `taken` says so."""

    def __init__(self, link: TcpLink) -> None:
        self.link = link
        self.waiting = b""
        self.state = "open"
        self.is_reading = True
        link.connection_made(self)  # type: ignore[arg-type]

    def get_extra_info(self, _name: str) -> tuple[str, int]:
        return "192.0.2.1", 7

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def write(self, data: bytes) -> None:
        was = len(self.waiting)
        self.waiting += data
        if was <= self.high < len(self.waiting):
            self.link.pause_writing()

    def take(self) -> bytes:
        taken, self.waiting = self.waiting, b""
        self.link.resume_writing()
        return taken

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def is_closing(self) -> bool:
        return self.state != "open"

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "cut"
        self.link.connection_lost(None)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    class Loop:
        def time(self) -> float:
            return 7.0

    monkeypatch.setattr("asyncio.get_running_loop", Loop)
    return []


def message(size: int) -> bytes:
    return bytes(16) + size.to_bytes(4, "big") + b"x" * size


def test_a_message_comes_in_any_pieces(heard: list[bytes]) -> None:
    links = Links(lambda packets, _: heard.extend(packets))
    link = Wire(TcpLink(links)).link
    whole = [message(0), message(3), message(500)]
    for byte in b"".join(whole):
        link.data_received(bytes((byte,)))
    assert heard == whole
    link.data_received(b"".join(whole) + whole[2][:100])
    link.data_received(whole[2][100:] + whole[1])
    assert heard == whole + whole + whole[2:] + whole[1:2]


def test_a_peer_that_takes_no_answers_is_asked_no_further(heard: list[bytes]) -> None:
    def answer(packets: Any, link: TcpLink) -> None:
        heard.extend(packets)
        link.write(b"y" * 5_000 * len(packets))

    wire = Wire(TcpLink(Links(answer)))
    requests = [message(n) for n in range(200)]
    wire.link.data_received(b"".join(requests) + requests[9][:5])
    assert heard == requests[:64]  # 320 kB wait to be taken
    reads = [wire.is_reading]
    taken = len(wire.take())
    assert heard == requests[:128]
    taken += len(wire.take())
    assert heard == requests[:192]
    reads.append(wire.is_reading)
    taken += len(wire.take())
    assert heard == requests
    assert taken + len(wire.waiting) == 200 * 5_000
    assert [*reads, wire.is_reading] == [False, False, True]
    wire.link.data_received(requests[9][5:])
    assert heard == [*requests, requests[9]]


def test_begun_messages_of_all_together_are_bounded(
    heard: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDLE_UNREAD_BYTES_MAX", 10_000)
    links = Links(lambda packets, _: heard.extend(packets))
    wires = [Wire(TcpLink(links)) for _ in range(5)]
    for wire in wires:
        wire.link.data_received(message(200_000)[:2_000])
    assert [w.state for w in wires] == ["open"] * 5
    wires[0].link.data_received(b"x")  # it is still the oldest, however lately it wrote
    assert [w.state for w in wires] == ["cut", "open", "open", "open", "open"]
    assert (links.cut, len(links)) == (1, 4)
    wires[1].link.data_received(message(200_000)[2_000:])
    assert heard == [message(200_000)]
    assert wires[1].state == "open"  # what is whole is answered, and held no more
    wires[2].link.data_received(b"x" * 4_000)
    assert [w.state for w in wires[1:]] == ["open"] * 4
    wires[3].link.data_received(b"x")
    assert [w.state for w in wires[1:]] == ["open", "cut", "open", "open"]


def test_answers_that_nobody_takes_are_bounded(
    heard: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDLE_UNSENT_BYTES_MAX", 1_000_000)
    links = Links(lambda packets, link: link.write(b"y" * 400_000))
    wires = [Wire(TcpLink(links)) for _ in range(3)]
    for wire in wires:
        wire.link.data_received(message(1))
    assert [w.state for w in wires] == ["cut", "open", "open"]
    wires[1].take()
    late = Wire(TcpLink(links))
    late.link.data_received(message(1))
    assert [w.state for w in (*wires[1:], late)] == ["open"] * 3


def test_idle_connections_are_cut_even_with_answers_waiting(heard: list[bytes]) -> None:
    links = Links(lambda packets, link: link.write(b"y" * 400_000))
    wire = Wire(TcpLink(links))
    wire.link.data_received(message(1))
    links.cut_idle(7.0)
    assert wire.state == "open"
    links.cut_idle(7.1)
    assert wire.state == "cut"
    assert len(links) == 0


def test_nonsense_closes_and_one_too_many_is_refused(
    heard: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDLE_LINKS_MAX", 2)
    assert HANDLE_LINKS_MAX > 2
    links = Links(lambda packets, _: heard.extend(packets))
    wires = [Wire(TcpLink(links)) for _ in range(3)]
    assert [w.state for w in wires] == ["open", "open", "closed"]
    wires[0].link.data_received(message(4) + bytes(16) + b"\xff" * 4)
    assert [w.state for w in wires] == ["closed", "open", "closed"]
    assert (links.bad, links.refused, heard) == (1, 1, [])
