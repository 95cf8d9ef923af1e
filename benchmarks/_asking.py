"""A client that asks as fast as it can, or at a rate, and says how long answers took.

    python benchmarks/_asking.py KIND PORT RECORDS SECONDS RATE

KIND: udp, tcp, http, dns; cold is udp that asks for a million different ones. RATE: requests a
second, 0 = as many as go. Prints one JSON object. It runs on a core of its own: the figure of the
server is then the server's.
"""

import json
import random
import socket
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from millbrain.identify.handle import fields
from millbrain.identify.handle.codec import Message, encode
from millbrain.run.handles import made_handle

ASKED = 50_000  # different identifiers: the hot set
COLD = 1_000_000  # and many more of them than any cache of ours holds
WINDOW = 128  # requests on their way
FLAGS = fields.CACHE_CERTIFY | fields.RECURSIVE | fields.PUBLIC_ONLY


def main() -> None:
    kind, port, records, seconds, rate = sys.argv[1], *map(float, sys.argv[2:6])
    asking = _KINDS[kind](int(port), int(records))
    least = 0 if kind == "cold" else ASKED
    before = run(asking, 1.0, 0, least)  # the first round fetches blocks and opens caches
    found = run(asking, seconds, rate)
    print(json.dumps(found | {"answers": before["answers"] + found["answers"]}))


@dataclass
class Asking:
    """How to send request n and how to wait for some answers; both return at once or soon."""

    send: Callable[[int, int], None]  # first number, count
    receive: Callable[[int], int]  # at least one answer of at most so many; how many came
    late_s: array = field(default_factory=lambda: array("d"))


def run(asking: Asking, seconds: float, rate: float, least: int = 0) -> dict[str, float]:
    """Ask for a while; return answers a second and, at a rate, how long they took [ms]."""
    began = now = time.perf_counter()
    sent = got = 0
    times = array("d")
    waits = array("d")
    while now - began < seconds or sent < least:
        due = WINDOW - (sent - got)
        if rate:
            due = min(due, int((now - began) * rate) - sent)
        if due > 0:
            asking.send(sent, due)
            times.extend([now] * due)
            sent += due
        if sent > got:
            came = asking.receive(sent - got)
            now = time.perf_counter()
            if rate:
                waits.extend(now - times[n] for n in range(got, got + came))
            got += came
        now = time.perf_counter()
    while got < sent:
        got += asking.receive(sent - got)
    took = time.perf_counter() - began
    ordered = sorted(waits)

    def at(share: float) -> float:
        return 1_000 * ordered[int(share * (len(ordered) - 1))] if ordered else 0.0

    return {"answers": got, "rate": got / took, "p50_ms": at(0.5), "p99_ms": at(0.99)}


def _packets(records: int, count: int = ASKED) -> list[bytes]:
    chance = random.Random(5)
    first = made_handle(0)
    body = {"handle": first, "indexes": (), "types": ()}
    packet = encode(Message(fields.RESOLVE, body, flags=FLAGS))
    before, _, behind = packet.partition(first.encode())
    handles = (made_handle(chance.randrange(records)).encode() for _ in range(count))
    return [b"".join((before, handle, behind)) for handle in handles]


def _datagrams(port: int, packets: list[bytes]) -> Asking:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    link.connect(("127.0.0.1", port))
    link.settimeout(5)
    count = len(packets)

    def send(first: int, many: int) -> None:
        for n in range(first, first + many):
            link.send(packets[n % count])

    def receive(most: int) -> int:
        link.recv(2_048)
        came = 1
        try:
            while came < most:
                link.recv(2_048, socket.MSG_DONTWAIT)
                came += 1
        except BlockingIOError:
            pass
        return came

    return Asking(send, receive)


def _stream(port: int, packets: list[bytes], count_in: Callable[[bytes], int]) -> Asking:
    link = socket.create_connection(("127.0.0.1", port), 5)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    count = len(packets)

    def send(first: int, many: int) -> None:
        link.sendall(b"".join(packets[n % count] for n in range(first, first + many)))

    return Asking(send, lambda most: count_in(link.recv(1 << 20)))


def _udp(port: int, records: int) -> Asking:
    return _datagrams(port, _packets(records))


def _cold(port: int, records: int) -> Asking:
    return _datagrams(port, _packets(records, COLD))


def _tcp(port: int, records: int) -> Asking:
    rest = b""

    def count_in(data: bytes) -> int:
        nonlocal rest
        data, at, came = rest + data, 0, 0
        while at + 20 <= len(data):
            end = at + 20 + int.from_bytes(data[at + 16 : at + 20], "big")
            if end > len(data):
                break
            at, came = end, came + 1
        rest = data[at:]
        return came

    return _stream(port, _packets(records), count_in)


def _http(port: int, records: int) -> Asking:
    chance = random.Random(5)
    packets = [
        b"GET /api/handles/%b HTTP/1.1\r\nHost: x\r\n\r\n"
        % made_handle(chance.randrange(records)).encode()
        for _ in range(ASKED)
    ]
    rest = b""

    def count_in(data: bytes) -> int:
        nonlocal rest
        data = rest + data
        came = data.count(b"HTTP/1.1 200")
        rest = data[-11:] if not data.endswith(b"}") else b""
        return came

    return _stream(port, packets, count_in)


def _dns(port: int, records: int) -> Asking:
    chance = random.Random(5)
    head = bytes.fromhex("0001 0000 0001 0000 0000 0000")
    packets = []
    for _ in range(ASKED):
        name = b"p%09d" % chance.randrange(records)
        packets.append(head + bytes((len(name),)) + name + b"\x07example\x02cn\0" + b"\0\x10\0\1")
    return _datagrams(port, packets)


_KINDS = {"udp": _udp, "cold": _cold, "tcp": _tcp, "http": _http, "dns": _dns}

if __name__ == "__main__":
    main()
