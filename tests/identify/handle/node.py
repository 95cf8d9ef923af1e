"""A real node on loopback for tests: RocksDB, registry, sockets; and a small client of bytes."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from millbrain.core.keys import handle_key
from millbrain.core.records import (
    Administrator,
    Reference,
    Value,
    store_form,
    write_administrator,
)
from millbrain.core.registry import Asker, Change, Verb
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Pieces
from millbrain.identify.handle.records import Site
from millbrain.identify.handle.responder import Responder
from millbrain.identify.handle.server import HandleServer
from millbrain.identify.handle.sessions.node_key import NodeKey
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.registry import StoredRegistry

ROOT = Reference("0.NA/88.1", 300)
MAKER = Reference("88.100.1/admin", 300)
SECRET = b"s3cret"
KEY = NodeKey(generate_private_key(65_537, 2048))


class Node:
    """Starts in a thread of its own; `port` is open when the constructor returns."""

    def __init__(self, folder: Path) -> None:
        self.store = RocksIdentifiers(folder)
        self.registry = StoredRegistry(self.store, [ROOT])
        site = Site(servers=())
        self.server = HandleServer(Responder(self.registry, site, os.urandom, key=KEY))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._call(self.server.start("127.0.0.1", 0))
        self.port = self.server.port

    def _call(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    def home(self, prefix: str, key: Value) -> None:
        """Home a prefix whose administrator is 300:<prefix>/admin with `key` at index 300."""
        who = Reference(f"{prefix}/admin", 300)
        admin = Value(100, "HS_ADMIN", write_administrator(Administrator(0xFFF, who)))
        over = threading.Event()
        root = Asker(ROOT)
        self.registry.apply((Change(Verb.HOME, f"0.NA/{prefix}", root),), lambda _: over.set())
        assert over.wait(10)
        self.registry.load(
            [(handle_key(f"0.NA/{prefix}"), store_form([admin])),
             (handle_key(who.handle), store_form([key, admin]))],
            root, "test",
        )  # fmt: skip

    def close(self) -> None:
        self._call(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self.registry.close()
        self.store.close()


class Client:
    """Sends messages and waits for answers; `protocol` is udp or tcp."""

    def __init__(self, port: int, protocol: str) -> None:
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self._is_udp = protocol == "udp"
        self._pieces = Pieces()

    def send(self, packet: bytes) -> None:
        self.socket.sendall(packet)

    def receive(self) -> bytes:
        if self._is_udp:
            while True:
                whole = self._pieces.add(0, self.socket.recv(65_535), 0.0)
                if whole is not None:
                    return whole
        head = self._exactly(20)
        return head + self._exactly(int.from_bytes(head[16:20], "big"))

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self.socket.recv(size - len(found))
            if not part:
                raise ConnectionError("closed")
            found += part
        return found

    def ask(
        self, message: Message, prove: Callable[[Message, bytes], Message] | None = None
    ) -> Message:
        """Send a message and return the answer; `prove` answers a challenge to it."""
        packet = encode(message)
        self.send(packet)
        answer = decode(self.receive())
        if answer.code == 402 and prove is not None:
            self.send(encode(prove(answer, packet)))
            answer = decode(self.receive())
        return answer

    def close(self) -> None:
        self.socket.close()
