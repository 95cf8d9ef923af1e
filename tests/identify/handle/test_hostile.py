"""Hostile clients against a real resolver process: it lives, answers others, and stays small.

Messages are put together by hand (`sessions.client`) and damaged at random, the same way each run.
Meanwhile a witness asks over UDP and TCP and must be answered each time.
"""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.engines import Process
from tests.identify.handle.sessions.client import (
    PUBLIC_ONLY,
    Hand,
    envelope,
    header,
    rsa_key_bytes,
    text,
)
from tests.identify.resolver import PREFIX, prepare, resolver

pytestmark = [pytest.mark.slow, pytest.mark.fault]

RESOLVE = text(f"{PREFIX}/P7") + bytes(8)
NUMBERS = [0, 1, 4, 255, 0xFFFF, 262_144, 262_145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
OPERATIONS = [0, *range(1, 6), *range(100, 106), 200, 201, *range(300, 303), *range(400, 403), 1000,
              2000, 2001, 9999]  # fmt: skip
# Bounds that the limits name: 16 MiB of datagrams, 16 of challenges, 64 of begun messages, 64 of
# answers that nobody takes, some more for what is in work and for the allocator.
GROWTH_BYTES_MAX = 256 << 20
WAIT_S = 20


@dataclass
class Witness:
    """Asks over both transports as long as it is told to; `failed` says what went wrong."""

    port: int
    answered: int = 0
    longest_s: float = 0
    failed: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            with contextlib.closing(Hand(self.port, "tcp")) as link:
                while not self.is_over.is_set():
                    self._ask(link)
                    with contextlib.closing(Hand(self.port, "udp")) as datagrams:
                        self._ask(datagrams)
                    time.sleep(0.02)
        except (OSError, AssertionError, struct.error) as error:
            self.failed.append(repr(error))

    def _ask(self, hand: Hand) -> None:
        began = time.monotonic()
        if hand.protocol == "tcp":
            assert hand.ask(1, RESOLVE).code == 1
        else:
            assert _patient(hand) == 1
        self.answered += 1
        self.longest_s = max(self.longest_s, time.monotonic() - began)


def _patient(hand: Hand) -> int:
    """Ask over UDP as clients do: again, where a datagram was lost in a flood."""
    hand.link.settimeout(2)
    for _ in range(WAIT_S // 2):
        with contextlib.suppress(TimeoutError):
            return hand.ask(1, RESOLVE).code
    raise AssertionError("no answer over UDP")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("resolver")
    prepare(folder)
    with resolver(folder) as running:
        for _ in range(200):  # what is loaded at the first use is no growth
            with contextlib.closing(Hand(running.ports["handle"])) as hand:
                hand.ask(1, RESOLVE)
        yield running


@pytest.fixture
def port(node: Process) -> Iterator[int]:
    """The port of the node; afterwards it lives, has answered the witness and has not grown."""
    assert node.process is not None
    # From here on the most memory it ever had is what it has now.
    Path(f"/proc/{node.process.pid}/clear_refs").write_text("5")
    before_bytes = node.memory_bytes_max()
    witness = Witness(node.ports["handle"])
    thread = threading.Thread(target=witness.run)
    thread.start()
    yield witness.port
    time.sleep(0.2)
    witness.is_over.set()
    thread.join(60)
    assert node.process.poll() is None
    assert witness.failed == []
    assert witness.answered >= 2
    grown = node.memory_bytes_max() - before_bytes
    print(f"grown {grown >> 20} MiB, {witness.answered} answers, {witness.longest_s:.2f} s at most")
    assert grown < GROWTH_BYTES_MAX


def request(operation: int, body: bytes, *, session: int = 0, number: int = 7) -> bytes:
    return envelope(0, session, number, header(operation, PUBLIC_ONLY, body) + bytes(4))


def corpus() -> list[bytes]:
    """Messages of every operation that are right, or nearly."""
    found = []
    for operation in OPERATIONS:
        found.append(request(operation, RESOLVE))
        value = struct.pack(">IIBIB", 1, 0, 0, 86_400, 0x0E) + text("URL") + text("x") + bytes(4)
        found.append(request(operation, text(f"{PREFIX}/new") + struct.pack(">I", 1) + value))
        proof = text("HS_SECKEY") + text(f"{PREFIX}/admin") + struct.pack(">I", 300)
        found.append(request(operation, proof + text(text("x") + text("y"))))
    key = rsa_key_bytes(rsa.generate_private_key(65_537, 2048))
    for mode in range(6):
        body = struct.pack(">HI", mode, 3600) + text("") + bytes(4) + text(key)
        found.append(request(400, body))
    return found


def damaged(packet: bytes, chance: random.Random) -> bytes:
    """Change a message at a few places; mostly its length is put right again."""
    raw = bytearray(packet)
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        at = chance.randrange(max(1, len(raw)))
        match chance.randrange(6):
            case 0:
                raw[at : at + 1] = bytes((chance.randrange(256),))
            case 1 | 2:
                raw[at : at + 4] = struct.pack(">I", chance.choice(NUMBERS))
            case 3:
                del raw[at:]
            case 4:
                raw[at:at] = chance.randbytes(chance.randrange(40))
            case _:
                raw[2:3] = bytes((chance.choice([0x82, 0x42, 0x22, 0xE2, 0x02]),))
    if chance.random() < 0.8 and len(raw) >= 20:
        raw[16:20] = struct.pack(">I", len(raw) - 20)
    return bytes(raw)


@contextlib.contextmanager
def datagrams(port: int) -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as link:
        link.connect(("127.0.0.1", port))
        yield link


def test_random_and_damaged_datagrams(port: int) -> None:
    chance = random.Random(1)
    whole = corpus()
    with datagrams(port) as link:
        for number in range(20_000):
            if number % 4 == 0:
                packet = chance.randbytes(chance.randrange(600))
            else:
                packet = damaged(chance.choice(whole), chance)
            link.send(packet[:1_400])


def test_random_and_damaged_streams(port: int) -> None:
    chance = random.Random(2)
    whole = corpus()
    for _ in range(300):
        stream = b"".join(damaged(chance.choice(whole), chance) for _ in range(20))
        with contextlib.suppress(OSError), contextlib.closing(Hand(port)) as hand:
            while stream:
                size = chance.randrange(1, 400)
                hand.link.sendall(stream[:size])
                stream = stream[size:]


def test_pieces_in_any_order_twice_and_never_whole(port: int) -> None:
    chance = random.Random(3)
    body = (
        text(f"{PREFIX}/P7") + bytes(4) + struct.pack(">I", 60) + text("T" * 30) * 59 + text("URL")
    )
    message = request(1, body)
    assert len(message) > 4 * 492
    with contextlib.closing(Hand(port, "udp")) as hand:
        for number in range(50):
            pieces = cut(message, number)
            chance.shuffle(pieces)
            for piece in [pieces[0], *pieces]:  # one comes twice
                hand.link.send(piece)
            answer = hand.receive()
            assert (answer.request, answer.code) == (number, 1)
    with datagrams(port) as link:
        for number in range(30_000):
            # One piece of a message that never gets whole: 1 byte or 492, of any length announced.
            size = chance.choice([493, 985, 262_144])
            sequence = chance.choice([0, (size - 1) // 492])
            piece = bytes(min(492, size - sequence * 492))
            link.send(struct.pack(">BBBBIIII", 2, 11, 0x22, 11, 0, number, sequence, size) + piece)


def cut(message: bytes, number: int) -> list[bytes]:
    """Datagrams of a message: 492 bytes each, their numbers at byte 12, truncated flag 0x20."""
    payload = message[20:]
    return [
        struct.pack(">BBBBIIII", 2, 11, 0x22, 11, 0, number, n, len(payload))
        + payload[at : at + 492]
        for n, at in enumerate(range(0, len(payload), 492))
    ]


def test_many_connections_with_the_beginning_of_a_long_message(port: int) -> None:
    begun = struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, 7, 0, 262_144) + bytes(200_000)
    with contextlib.ExitStack() as stack:
        for _ in range(700):  # 140 MB, twice of what may be held
            hand = stack.enter_context(contextlib.closing(Hand(port)))
            with contextlib.suppress(OSError):
                hand.link.sendall(begun)


def test_many_connections_that_take_no_answers(port: int) -> None:
    asked = request(1, RESOLVE) * 4_000
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            hand = stack.enter_context(contextlib.closing(Hand(port)))
            hand.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            hand.link.setblocking(False)
            with contextlib.suppress(OSError):
                hand.link.sendall(asked)
        time.sleep(2)


def test_floods_of_sessions_and_challenges(port: int) -> None:
    key = rsa_key_bytes(rsa.generate_private_key(65_537, 2048))
    body = struct.pack(">HI", 1, 86_400) + text(f"{PREFIX}/admin") + struct.pack(">I", 300)
    setup = request(400, body + text(key))
    value = struct.pack(">IIBIB", 1, 0, 0, 86_400, 0x0E) + text("URL") + text("x" * 60_000)
    create = request(100, text(f"{PREFIX}/new") + struct.pack(">I", 1) + value + bytes(4))
    codes: dict[int, int] = {}
    with contextlib.closing(Hand(port)) as hand:
        for packet, count in ((setup, 1_000), (create, 1_000)):
            for _ in range(count):
                hand.link.sendall(packet)
                code = hand.receive().code
                codes[code] = codes.get(code, 0) + 1
    # 256 sessions for one address, then "busy"; each change is challenged, the oldest forgotten.
    assert set(codes) == {1, 3, 402}
    assert codes[1] <= 256
    assert codes[402] == 1_000


def test_identities_are_not_taken_over(port: int) -> None:
    """Replayed, wrong, foreign and transplanted proofs are refused; nothing is stored."""
    create = request(100, text(f"{PREFIX}/stolen") + struct.pack(">I", 0))
    with contextlib.closing(Hand(port)) as hand, contextlib.closing(Hand(port)) as thief:
        hand.link.sendall(create)
        number = hand.receive().session
        proof = text("HS_SECKEY") + text(f"{PREFIX}/admin") + struct.pack(">I", 300)
        # 0x22: HMAC-SHA1 with PBKDF2: salt, rounds, key bits, MAC; the MAC is wrong.
        wrong = b"\x22" + text(bytes(16)) + struct.pack(">II", 10_000, 160) + text(bytes(20))
        answer = request(200, proof + text(wrong), session=number)
        thief.link.sendall(answer)
        assert thief.receive().code in (403, 405, 406)
        hand.link.sendall(answer)
        assert hand.receive().code in (403, 405)
        hand.link.sendall(answer)  # the same challenge again
        assert hand.receive().code == 405
        for session in random.Random(4).choices(range(1, 2**32), k=200):
            thief.link.sendall(request(200, proof + text(wrong), session=session))
            assert thief.receive().code == 405
        assert hand.ask(1, text(f"{PREFIX}/stolen") + bytes(8)).code == 100


def test_the_data_are_whole_afterwards(node: Process) -> None:
    assert node.stop() == 0
    with (
        resolver(Path(node.data)) as again,
        contextlib.closing(Hand(again.ports["handle"])) as hand,
    ):
        assert hand.ask(1, RESOLVE).code == 1
        assert hand.ask(1, text(f"{PREFIX}/new") + bytes(8)).code == 100
