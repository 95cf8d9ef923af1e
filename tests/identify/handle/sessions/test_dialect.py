"""The Chinese dialect as its SDKs speak it: log-in over a connection, SM2 and SM3, SM4.

What the SDKs do is read from their sources: they choose a session number, write it into every
message, log in with operation 2001 and then send changes without signing them.
"""

import contextlib
import hashlib
import struct
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gmssl import func
from gmssl.sm2 import CryptSM2

from millbrain.core import sm2
from millbrain.core.keys import handle_key
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker
from millbrain.identify.handle import challenge
from tests.identify.handle.node import Node
from tests.identify.handle.sessions.client import DIGEST, ENCRYPT, Answer, Hand, text

USER = "88.100.3/admin"
PRIVATE = sm2.new_private()
PUBLIC = sm2.public_of(PRIVATE)
LOGIN, CREATE, SITE = 2001, 100, 2
OWN_NUMBER = 777_123


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node") / "store")
    node.home("88.100.3", Value(300, "HS_PUBKEY", challenge.sm2_key_data(PUBLIC)))
    url = Value(1, "URL", b"https://id.example.cn/p/7")
    node.registry.load([(handle_key("88.100.3/P7"), store_form([url]))], Asker(), "test")
    yield node
    node.close()


@pytest.fixture
def hand(node: Node) -> Iterator[Hand]:
    with contextlib.closing(Hand(node.port, session=OWN_NUMBER)) as hand:
        yield hand


def signed_by_sm2(message: bytes, name: bytes) -> bytes:
    """An SM2 signature by another implementation; Z by hand (GB/T 32918.2 clause 5.5)."""
    curve = [
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC",
        "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93",
        "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7",
        "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0",
    ]
    z = struct.pack(">H", 8 * len(name)) + name + bytes.fromhex("".join(curve)) + PUBLIC
    digest = hashlib.new("sm3", hashlib.new("sm3", z).digest() + message).digest()
    found = CryptSM2(PRIVATE.hex(), PUBLIC.hex()).sign(digest, func.random_hex(64))
    return encode_dss_signature(int(found[:64], 16), int(found[64:], 16))


def log_in(hand: Hand, **more: bool) -> Answer:
    """Log in as the ID pointer SDK does: 2001, the challenge, 200 under the same number."""
    body = text(USER) + struct.pack(">I", 300)
    packet = hand.packet(LOGIN, body, DIGEST, signs=False)
    content = packet[20 : 44 + len(body)]
    if more.get("encrypts"):
        packet = hand.packet(LOGIN, body, DIGEST | ENCRYPT, signs=False)
        content = packet[20 : 44 + len(body)]
        packet = packet[:2] + b"\x42" + packet[3:16]
        sealed = hand.sealed(content + bytes(4))
        packet += struct.pack(">I", len(sealed)) + sealed
    hand.link.sendall(packet)
    asked = hand.receive()
    assert (asked.code, asked.session, asked.operation) == (402, hand.session, LOGIN)
    digest = hashlib.sha256(content).digest()
    assert asked.body[:33] == b"\3" + digest
    nonce = asked.body[37:]
    message = hashlib.new("sm3", nonce + digest).digest()
    proof = text("HS_PUBKEY") + text(USER) + struct.pack(">I", 300)
    proof += text(text("SM3") + text(signed_by_sm2(message, USER.encode())))
    return hand.ask(200, proof, DIGEST, signs=False, **more)


def create(name: str) -> bytes:
    value = struct.pack(">IIBIB", 1, 0, 0, 86_400, 0x0E) + text("URL") + text("x://y") + bytes(4)
    return text(f"88.100.3/{name}") + struct.pack(">I", 1) + value


def test_a_log_in_holds_for_its_connection(hand: Hand) -> None:
    assert hand.ask(SITE, text("/")).code == 1  # the first packet, under the number it chose
    assert hand.ask(CREATE, create("early")).code == 402
    answer = log_in(hand)
    assert (answer.code, answer.operation) == (1, LOGIN)
    for number in range(3):
        assert hand.ask(CREATE, create(f"login-{number}")).code == 1


def test_a_log_in_is_nobody_elses(node: Node, hand: Hand) -> None:
    assert log_in(hand).code == 1
    with contextlib.closing(Hand(node.port, session=OWN_NUMBER)) as thief:
        assert thief.ask(CREATE, create("stolen")).code == 402
    hand.session = OWN_NUMBER + 1  # somebody else behind the same gateway
    assert hand.ask(CREATE, create("stolen")).code == 402


def test_a_log_in_over_datagrams_gives_nothing(node: Node) -> None:
    with contextlib.closing(Hand(node.port, "udp", session=OWN_NUMBER)) as hand:
        assert log_in(hand).code == 1
        assert hand.ask(CREATE, create("datagram")).code == 402


def test_a_log_in_runs_out(node: Node, hand: Hand) -> None:
    assert log_in(hand).code == 1
    for link in node.server._links._open:
        link.brought.until_s = 0.0
    assert hand.ask(CREATE, create("late")).code == 407
    assert hand.ask(1, text("88.100.3/P7") + bytes(8), 0).code == 1  # everybody may read it
    assert log_in(hand).code == 1
    assert hand.ask(CREATE, create("again")).code == 1


def test_an_encrypted_connection(hand: Hand) -> None:
    """400 in mode 3 under the number it chose, then log-in and changes, all under SM4."""
    owner = text(USER) + struct.pack(">I", 300)
    answer = hand.ask(400, struct.pack(">HI", 3, 0) + owner + text("") + bytes(4))
    assert answer.code == 1
    plain = sm2.decrypt(PRIVATE, answer.body[6:])
    assert plain[:4] == b"\0\0\0\4"
    hand.key, hand.cipher = plain[4:], "sm4"  # and on under its own number
    answer = log_in(hand, encrypts=True)
    assert (answer.code, answer.was_encrypted) == (1, True)
    answer = hand.ask(CREATE, create("sealed"), ENCRYPT, signs=False, encrypts=True)
    assert (answer.code, answer.was_encrypted) == (1, True)


def test_a_wrong_name_in_the_signature_is_refused(hand: Hand) -> None:
    nonce, digest = bytes(range(16)), bytes(range(32))
    message = hashlib.new("sm3", nonce + digest).digest()
    data = challenge.sm2_key_data(PUBLIC)
    right = text("SM3") + text(signed_by_sm2(message, USER.encode()))
    assert challenge.verify(data, right, nonce, digest, USER)
    assert not challenge.verify(data, right, nonce, digest, "88.100.3/other")
    assert not challenge.verify(data, right, nonce, digest[::-1], USER)
    wrong = text("SM3") + text(signed_by_sm2(message, b"1234567812345678"))
    assert not challenge.verify(data, wrong, nonce, digest, USER)
    ours = challenge.sign_sm2(PRIVATE, nonce, digest, USER)
    assert challenge.verify(data, ours, nonce, digest, USER)


@pytest.mark.parametrize(
    "response",
    [b"", text("SM3"), text("SM3") + text(b"\x30\x06\2\1\1\2\1\1"), text("SM3") + text(b"\x30"),
     text("SM3") + text(encode_dss_signature(1 << 300, 1)), text("SHA-256") + text(bytes(64))],
)  # fmt: skip
def test_responses_that_are_none(response: bytes) -> None:
    data = challenge.sm2_key_data(PUBLIC)
    assert not challenge.verify(data, response, bytes(16), bytes(32), USER)


def test_the_key_of_a_handle_in_its_forms() -> None:
    """SM2_PUB_KEY, two bytes, PEM as OpenSSL writes it; with and without a length before it."""
    data = challenge.sm2_key_data(PUBLIC)
    assert data[:17] == text("SM2_PUB_KEY") + b"\0\0"
    pem = data[17:]
    assert pem.startswith(b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE")
    assert challenge.load_sm2(data) == PUBLIC
    assert challenge.load_sm2(data[:17] + text(pem)) == PUBLIC
    off_curve = challenge.sm2_key_data(PUBLIC[:-1] + bytes((PUBLIC[-1] ^ 1,)))
    assert not challenge.verify(off_curve, text("SM3") + text(b""), bytes(16), bytes(32), USER)


def test_passwords_are_not_taken(hand: Hand) -> None:
    assert hand.ask(2000, text(USER)).code == 5
