"""Sessions over real sockets, by a client written by hand: set-up, proof, MAC, encryption, ends."""

import contextlib
import struct
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from millbrain.core import sm2
from millbrain.core.keys import handle_key
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker
from millbrain.identify.handle import challenge
from tests.identify.handle.node import KEY, SECRET, Node
from tests.identify.handle.sessions import client
from tests.identify.handle.sessions.client import (
    CERTIFY,
    DIGEST,
    ENCRYPT,
    PUBLIC_ONLY,
    Answer,
    Hand,
    text,
)

MINE, OTHER = "88.100.2/admin", "88.100.1/admin"
RSA_KEY = rsa.generate_private_key(65_537, 2048)
SM2_KEY = sm2.new_private()
URL = Value(1, "URL", b"https://id.example.cn/p/7")
RESOLVE, CREATE = 1, 100


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node") / "store")
    node.home("88.100.1", Value(300, "HS_SECKEY", SECRET, permissions=0x0C))
    node.home("88.100.2", Value(300, "HS_PUBKEY", challenge.key_data(RSA_KEY.public_key())))
    data = challenge.sm2_key_data(sm2.public_of(SM2_KEY))
    node.home("88.100.3", Value(300, "HS_PUBKEY", data))
    node.registry.load([(handle_key("88.100.2/P7"), store_form([URL]))], Asker(), "test")
    yield node
    node.close()


@pytest.fixture(params=["tcp", "udp"])
def hand(node: Node, request: pytest.FixtureRequest) -> Iterator[Hand]:
    with contextlib.closing(Hand(node.port, request.param)) as hand:
        yield hand


def resolve(handle: str = "88.100.2/P7") -> bytes:
    return text(handle) + bytes(8)


def create(name: str) -> bytes:
    """A record with one value: URL at index 1, usual permissions, no references."""
    value = struct.pack(">IIBIB", 1, 0, 0, 86_400, 0x0E) + text("URL") + text("x://y") + bytes(4)
    return text(f"88.100.2/{name}") + struct.pack(">I", 1) + value


def authenticated(hand: Hand, name: str) -> Hand:
    """Set a session up in the name of MINE and prove it with the first change."""
    assert hand.set_up(RSA_KEY, MINE, 300).code == 1
    asked = hand.packet(CREATE, create(f"{name}-{hand.protocol}-first"))
    hand.link.sendall(asked)
    answer = hand.prove(hand.receive(), asked, RSA_KEY, MINE)
    assert (answer.code, answer.operation) == (1, CREATE)
    return hand


# Set-up -----------------------------------------------------------------------------------------


def test_setup_is_signed_by_the_node(hand: Hand) -> None:
    answer = hand.set_up(RSA_KEY)
    assert (answer.code, answer.operation) == (1, 400)
    assert answer.session > 0
    # The credential: 2 zero numbers, no handle, counter 0, HS_SIGNED, algorithm and signature.
    assert answer.credential[:25] == bytes(12) + text("HS_SIGNED")
    assert answer.credential[29:40] == text("SHA-256")
    signature = answer.credential[44:]
    modulus = int.from_bytes(KEY.public_data[-260:-4], "big")
    public = RSAPublicNumbers(65_537, modulus).public_key()
    signed = client.signed_text(answer.session, answer.request, 0, answer.content)
    public.verify(signature, signed, padding.PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(signature, signed + b"!", padding.PKCS1v15(), SHA256())


def test_a_key_that_the_client_makes(hand: Hand) -> None:
    answer = hand.ask(400, struct.pack(">HI", 2, 60) + text("") + bytes(4))
    mode, size = struct.unpack(">HI", answer.body[:6])
    assert (answer.code, mode, size, answer.body[6:]) == (
        1,
        2,
        len(KEY.public_data),
        KEY.public_data,
    )
    modulus = int.from_bytes(answer.body[-260:-4], "big")
    public = RSAPublicNumbers(65_537, modulus).public_key()
    own = bytes(range(16))
    sealed = public.encrypt(b"\0\0\0\3" + own, padding.PKCS1v15())
    hand.session = answer.session
    assert hand.ask(402, text(sealed)).code == 1
    assert hand.ask(402, text(sealed)).code == 501  # once only
    hand.key = own
    answer = hand.ask(RESOLVE, resolve(), CERTIFY | PUBLIC_ONLY)
    assert (answer.code, client.mac_of(answer, own)) == (1, (1, True))


def test_diffie_hellman(hand: Hand) -> None:
    prime = int(MODP_2048, 16)
    secret = 0x1234567890ABCDEF << 200
    half = pow(2, secret, prime)
    own = text("DH_PUB_KEY") + b"\0\0" + text(b"\0" + half.to_bytes(256, "big"))
    own += text(b"\0" + prime.to_bytes(256, "big")) + text(b"\2")
    answer = hand.ask(400, struct.pack(">HI", 4, 60) + text("") + bytes(4) + text(own))
    assert (answer.code, answer.body[:2], answer.body[6:10]) == (1, b"\0\4", b"\0\0\0\3")
    at = 10 + len(text("DH_PUB_KEY")) + 2
    size = int.from_bytes(answer.body[at : at + 4], "big")
    theirs = int.from_bytes(answer.body[at + 4 : at + 4 + size], "big")
    shared = pow(theirs, secret, prime).to_bytes(256, "big").lstrip(b"\0")
    hand.session, hand.key = answer.session, shared[:32]
    answer = hand.ask(RESOLVE, resolve(), CERTIFY | ENCRYPT | PUBLIC_ONLY, encrypts=True)
    assert (answer.code, answer.was_encrypted) == (1, True)
    assert client.mac_of(answer, hand.key) == (1, True)


# RFC 3526 group 14
MODP_2048 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF"
)


def test_the_key_of_a_handle_seals(hand: Hand) -> None:
    body = struct.pack(">HI", 3, 60) + text(MINE) + struct.pack(">I", 300)
    answer = hand.ask(400, body + text(MINE) + struct.pack(">I", 300))
    plain = RSA_KEY.decrypt(answer.body[6:], padding.PKCS1v15())
    assert (answer.code, plain[:4], len(plain)) == (1, b"\0\0\0\3", 20)


def test_an_sm2_key_of_a_handle_seals_for_sm4(hand: Hand) -> None:
    owner = text("88.100.3/admin") + struct.pack(">I", 300)
    answer = hand.ask(400, struct.pack(">HI", 3, 60) + owner + owner)
    assert (answer.code, answer.body[6]) == (1, 4)
    plain = sm2.decrypt(SM2_KEY, answer.body[6:])
    assert (plain[:4], len(plain)) == (b"\0\0\0\4", 20)
    hand.session, hand.key, hand.cipher = answer.session, plain[4:], "sm4"
    answer = hand.ask(RESOLVE, resolve(), ENCRYPT | PUBLIC_ONLY, encrypts=True)
    assert (answer.code, answer.was_encrypted) == (1, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (struct.pack(">HI", 9, 60) + text("") + bytes(4), 504),  # no such exchange
        (struct.pack(">HI", 1, 60) + text("") + bytes(4) + text(b"rubbish"), 501),
        (struct.pack(">HI", 3, 60) + text("") + bytes(4) + text(OTHER) + b"\0\0\1\x2c", 501),
        (struct.pack(">HI", 4, 60) + text("") + bytes(4)
         + text(text("DH_PUB_KEY") + b"\0\0" + text(b"\5") + text(b"\x17") + text(b"\2")), 501),
    ],
)  # fmt: skip
def test_what_cannot_be_set_up(hand: Hand, body: bytes, code: int) -> None:
    assert hand.ask(400, body).code == code


# In a session -----------------------------------------------------------------------------------


def test_one_proof_is_enough(hand: Hand) -> None:
    hand = authenticated(hand, "enough")
    for number in range(5):
        answer = hand.ask(CREATE, create(f"enough-{hand.protocol}-{number}"), CERTIFY)
        assert answer.code == 1
        assert client.mac_of(answer, hand.key) == (number + 1, True)
    assert hand.ask(RESOLVE, resolve(f"88.100.2/enough-{hand.protocol}-4")).code == 1


def test_requests_and_answers_travel_encrypted(hand: Hand) -> None:
    hand = authenticated(hand, "sealed")
    sent = hand.packet(CREATE, create(f"sealed-{hand.protocol}"), ENCRYPT | CERTIFY, encrypts=True)
    assert b"88.100.2" not in sent
    hand.link.sendall(sent)
    answer = hand.receive()
    assert (answer.code, answer.was_encrypted) == (1, True)
    assert client.mac_of(answer, hand.key)[1]


def test_what_not_everybody_may_read_is_encrypted_unasked(node: Node, hand: Hand) -> None:
    admin = Value(100, "HS_ADMIN", b"\x0f\xff\0\0\0\x0e" + MINE.encode() + b"\0\0\1\x2c")
    hidden = Value(2, "COST", b"17", permissions=0x0C)
    node.registry.load([(handle_key("88.100.2/H"), store_form([hidden, admin]))], Asker(), "test")
    hand = authenticated(hand, "hidden")
    answer = hand.ask(RESOLVE, resolve("88.100.2/H"), 0)
    assert (answer.code, answer.was_encrypted) == (1, True)
    assert text("COST") + text("17") in answer.body


def test_a_repeated_message_is_refused(hand: Hand) -> None:
    hand = authenticated(hand, "twice")
    packet = hand.packet(CREATE, create(f"twice-{hand.protocol}"))
    hand.link.sendall(packet)
    assert hand.receive().code == 1
    hand.link.sendall(packet)
    assert hand.receive().code == 505


def test_messages_may_overtake_each_other(hand: Hand) -> None:
    hand = authenticated(hand, "order")
    for counter in (9, 7, 8, 40):
        assert hand.ask(RESOLVE, resolve(), counter=counter).code == 1
    for counter in (7, 40, 1):
        assert hand.ask(RESOLVE, resolve(), counter=counter).code == 505
    assert hand.ask(RESOLVE, resolve(), counter=5000).code == 1
    assert hand.ask(RESOLVE, resolve(), counter=3000).code == 505  # too far behind to know


def test_every_flipped_bit_of_a_signed_message_is_refused(hand: Hand) -> None:
    hand = authenticated(hand, "flip")
    packet = hand.packet(CREATE, create(f"flip-{hand.protocol}"))
    for at in (8, 11, 3, 31, 40, 60, len(packet) - 1, len(packet) - 40):
        broken = bytearray(packet)
        broken[at] ^= 1
        hand.link.sendall(bytes(broken))
        assert hand.receive().code in (502, 4), at
    hand.link.sendall(packet)
    assert hand.receive().code == 1  # it was never taken before


def test_without_its_mac_a_message_has_no_rights(hand: Hand) -> None:
    hand = authenticated(hand, "bare")
    assert hand.ask(CREATE, create(f"bare-{hand.protocol}"), signs=False).code == 404
    assert hand.ask(RESOLVE, resolve(), signs=False).code == 1  # what everybody may


def test_nobody_takes_over_a_session(node: Node, hand: Hand) -> None:
    hand = authenticated(hand, "own")
    with contextlib.closing(Hand(node.port, hand.protocol)) as thief:
        thief.session = hand.session
        assert thief.ask(CREATE, create("stolen")).code == 404  # no key, no MAC
        assert thief.set_up(RSA_KEY).code == 1  # a session and key of its own ...
        thief.session = hand.session  # ... and the number of another
        assert thief.ask(CREATE, create("stolen")).code == 502
        assert thief.ask(401, text("/")).code == 502
        assert thief.ask(CREATE, create("stolen"), encrypts=True).code in (4, 501, 502)
    assert hand.ask(RESOLVE, resolve("88.100.2/stolen")).code == 100
    assert hand.ask(CREATE, create(f"own-{hand.protocol}")).code == 1


def test_a_proof_of_somebody_else_opens_no_session(hand: Hand) -> None:
    assert hand.set_up(RSA_KEY, OTHER, 300).code == 1  # begun in a name that is not ours
    asked = hand.packet(CREATE, create(f"name-{hand.protocol}"))
    hand.link.sendall(asked)
    assert hand.prove(hand.receive(), asked, RSA_KEY, MINE).code == 1  # right for this request
    assert hand.ask(CREATE, create(f"name2-{hand.protocol}")).code == 402  # and not for the next


def test_sessions_end(hand: Hand) -> None:
    hand = authenticated(hand, "end")
    assert hand.ask(401, text("/"), signs=False).code == 502
    assert hand.ask(401, text("/")).code == 1
    assert hand.ask(RESOLVE, resolve()).code == 500
    assert hand.ask(CREATE, create("over"), encrypts=True).code == 500
    assert hand.ask(401, text("/"), signs=False).code == 500
    assert hand.ask(402, text(b"x"), signs=False).code == 500


def test_a_session_is_not_known_to_old_versions(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "VERSION", b"\x02\x06\x02\x06")
    assert hand.set_up(RSA_KEY).code == 504


def test_an_answer_is_certified_without_a_session_too(hand: Hand) -> None:
    answer: Answer = hand.ask(RESOLVE, resolve(), CERTIFY | DIGEST | PUBLIC_ONLY)
    assert answer.code == 1
    assert text("HS_SIGNED") in answer.credential


def test_every_damage_of_an_encrypted_message_gets_one_answer(hand: Hand) -> None:
    """Which of padding, signature or structure failed would help a third party to decrypt it."""
    assert hand.set_up(RSA_KEY).code == 1
    assert hand.ask(RESOLVE, resolve()).code == 1  # from here on it is known to sign
    whole = hand.packet(RESOLVE, resolve(), encrypts=True)
    told = set()
    for at in range(20, len(whole)):
        packet = bytearray(whole)
        packet[at] ^= 1
        hand.link.sendall(bytes(packet))
        answer = hand.receive()
        told.add((answer.operation, answer.code, answer.body))
    words = text("the message does not open with the key of its session")
    assert told == {(RESOLVE, 501, words)}
    hand.link.sendall(whole)
    assert hand.receive().code == 1
