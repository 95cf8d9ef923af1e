"""Clients that create identifiers one by one, each waiting for its answer.

    python benchmarks/_creating.py KIND PORT CLIENTS SECONDS

KIND: tcp (binary protocol, each creation challenged and proved with a shared secret), http (PUT
with HTTP Basic). Prints one JSON object. The clients are threads of one process, which runs on a
core of its own.
"""

import base64
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable

from millbrain.core.records import Value
from millbrain.identify.handle import challenge, fields
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope

PREFIX = "88.608.8889"
SECRET = "a secret of the benchmark"
ADMIN = {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
    "handle": f"{PREFIX}/admin", "index": 300, "permissions": "111111111111"}}}  # fmt: skip
RECORDS = [
    {"handle": f"0.NA/{PREFIX}", "values": [ADMIN]},
    {"handle": f"{PREFIX}/admin", "values": [
        ADMIN, {"index": 300, "type": "HS_SECKEY", "data": SECRET, "permissions": "1100"}]},
]  # fmt: skip
_ROUNDS = 1  # of key stretching: the client chooses, and it is not what is measured here
Create = Callable[[socket.socket, str], None]


def main() -> None:
    kind, port, clients, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    counts, until_s = [0] * clients, time.monotonic() + seconds

    def work(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 30) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() < until_s:
                _KINDS[kind](link, f"{PREFIX}/{kind}-{number}-{counts[number]}")
                counts[number] += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"rate": sum(counts) / seconds, "count": sum(counts)}))


def _over_tcp(link: socket.socket, handle: str) -> None:
    url = Value(1, "URL", f"https://id.example.cn/p/{handle}".encode())
    model = Value(2000, "MODEL", b"NC250-00001")
    packet = encode(Message(fields.CREATE, {"handle": handle, "values": (url, model)}))
    asked = _exchanged(link, packet)
    proof = challenge.sign_secret(
        SECRET.encode(), asked.body["nonce"], challenge.request_digest(packet), os.urandom(16),
        _ROUNDS,
    )  # fmt: skip
    body = {"authentication": "HS_SECKEY", "handle": f"{PREFIX}/admin", "index": 300,
            "response": proof}  # fmt: skip
    envelope = Envelope(session=asked.envelope.session)
    told = _exchanged(link, encode(Message(fields.CHALLENGE_ANSWER, body, envelope=envelope)))
    if told.code != fields.OK:
        raise RuntimeError(f"creation of {handle}: {told}")


def _exchanged(link: socket.socket, packet: bytes) -> Message:
    link.sendall(packet)
    data = link.recv(65_536)
    while len(data) < 20 or len(data) < 20 + int.from_bytes(data[16:20], "big"):
        data += link.recv(65_536)
    return decode(data)


def _over_http(link: socket.socket, handle: str) -> None:
    values = [{"index": 1, "type": "URL", "data": f"https://id.example.cn/p/{handle}"},
              {"index": 2000, "type": "MODEL", "data": "NC250-00001"}]  # fmt: skip
    body = json.dumps({"values": values})
    link.sendall(
        f"PUT /api/handles/{handle} HTTP/1.1\r\nHost: x\r\nAuthorization: {_BASIC}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    answer = link.recv(65_536)
    while b"}" not in answer:
        answer += link.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(f"creation of {handle}: {answer!r}")


_BASIC = "Basic " + base64.b64encode(f"300%3A{PREFIX}%2Fadmin:{SECRET}".encode()).decode()
_KINDS: dict[str, Create] = {"tcp": _over_tcp, "http": _over_http}

if __name__ == "__main__":
    main()
