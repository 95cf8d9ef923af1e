"""Trusted answers and identity tokens over the wire, made by hand."""

import base64
import contextlib
import hashlib
import json
import os
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from millbrain.core.keys import handle_key
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker
from millbrain.core.trust.chains import read_roots
from millbrain.identify.handle import challenge
from millbrain.identify.handle.records import Site
from millbrain.identify.handle.responder import Responder
from tests.identify.handle.node import Node
from tests.identify.handle.sessions.client import Hand, text

ROOT, MAKER = (rsa.generate_private_key(65_537, 2048) for _ in range(2))
NOW = int(time.time())
DAY_S = 86_400
URL = Value(1, "URL", b"https://id.example.cn/p/7")
HIDDEN = Value(2, "COST", b"17", permissions=0x0C)
ME = "300:88.100.2/admin"
HEAD = b'{"alg":"RS256"}'
PUBLIC, TRUSTED_QUERY, TRUSTED, HAND_ON = 0x01000000, 2, 1, 4


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}


def token(payload: dict[str, Any], key: rsa.RSAPrivateKey) -> bytes:
    signed = f"{b64(HEAD)}.{b64(json.dumps(payload).encode())}"
    return f"{signed}.{b64(key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}".encode()


def signature() -> Value:
    raw = struct.pack(">BIB", 0, 86_400, 0x0E) + text("URL") + text(URL.data) + bytes(4)
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    digests = {"alg": "SHA-256", "digests": [{"index": 1, "digest": digest}]}
    told = {"iss": ME, "sub": "88.100.2/P7", "exp": NOW + DAY_S, "nbf": NOW - 9, "digests": digests}
    return Value(400, "HS_SIGNATURE", token(told, MAKER))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node") / "store")
    node.home("88.100.2", Value(300, "HS_PUBKEY", challenge.key_data(MAKER.public_key())))
    times = {"exp": NOW + DAY_S, "nbf": NOW - 9, "iat": NOW}
    cert = {"perms": [{"perm": "everything"}], "iss": "300:0.0/0.0"}
    held = [
        ("88.100.2/P7", [URL, HIDDEN, signature(), *_admin()]),
        ("88.100.2/P8", [URL, signature()]),
        ("88.100.2/changed", [Value(1, "URL", b"x"), signature()]),
        ("0.0/0.0", [Value(400, "HS_CERT", token(
            cert | times | {"sub": "300:0.0/0.0", "publicKey": jwk(ROOT)}, ROOT))]),
    ]  # fmt: skip
    node.registry.load([(handle_key(h), store_form(v)) for h, v in held], Asker(), "test")
    about_me = token(cert | times | {"sub": ME, "publicKey": jwk(MAKER)}, ROOT)
    key = Value(300, "HS_PUBKEY", challenge.key_data(MAKER.public_key()))
    node.registry.load(
        [(handle_key("88.100.2/admin"), store_form([key, Value(401, "HS_CERT", about_me)]))],
        Asker(), "test",
    )  # fmt: skip
    roots = read_roots({"roots": [{"handle": "0.0/0.0", "publicKey": jwk(ROOT)}]})
    node.server._responder = Responder(node.registry, Site(servers=()), os.urandom, roots=roots)
    yield node
    node.close()


def _admin() -> list[Value]:
    who = text("88.100.2/admin") + struct.pack(">I", 300)
    return [Value(100, "HS_ADMIN", b"\x0f\xff" + who, permissions=0x0C)]


@pytest.fixture(params=["tcp", "udp"])
def hand(node: Node, request: pytest.FixtureRequest) -> Iterator[Hand]:
    with contextlib.closing(Hand(node.port, request.param)) as hand:
        yield hand


def body(handle: str, tail: bytes = b"") -> bytes:
    return text(handle) + bytes(8) + tail


def test_a_trusted_answer_says_so(hand: Hand) -> None:
    for handle, is_trusted in (("88.100.2/P7", 1), ("88.100.2/P8", 0), ("88.100.2/changed", 0)):
        answer = hand.ask(1, body(handle), PUBLIC | TRUSTED_QUERY)
        assert (answer.code, answer.flags & 3) == (1, TRUSTED_QUERY | is_trusted), handle


def test_nobody_calls_an_answer_trusted_but_the_node(hand: Hand) -> None:
    assert hand.ask(1, body("88.100.2/changed"), PUBLIC | TRUSTED).flags & 3 == 0
    assert hand.ask(1, body("88.100.2/changed"), PUBLIC | TRUSTED_QUERY | TRUSTED).flags & 3 == 2


def own_token(key: rsa.RSAPrivateKey = MAKER, **more: Any) -> bytes:
    now = int(time.time())
    told = {"iss": ME, "sub": ME, "aud": "88.100.2/p7", "iat": now, "exp": now + 60} | more
    return text(token(told, key))


def test_a_token_shows_what_its_owner_may_read(hand: Hand) -> None:
    answer = hand.ask(1, body("88.100.2/P7", own_token()), HAND_ON)
    assert answer.code == 1
    assert text("COST") + text("17") in answer.body


@pytest.mark.parametrize(
    "told",
    [{"key": ROOT}, {"aud": "88.100.2/P8"}, {"aud": 7}, {"iat": NOW - 900}, {"exp": NOW - 1},
     {"iss": "300:0.0/0.0"}, {"sub": "300:88.100.2/other"}, {"iat": None}, {"iat": NOW + DAY_S},
     None],
)  # fmt: skip
def test_tokens_that_prove_nothing(hand: Hand, told: dict[str, Any] | None) -> None:
    tail = text(b"user:88.100.2/admin") if told is None else own_token(**told)
    assert hand.ask(1, body("88.100.2/P7", tail), HAND_ON).code == 407
    assert hand.ask(1, body("88.100.2/P7", tail), 0).code == 402  # it may still be asked itself
    assert hand.ask(1, body("88.100.2/P7", tail), PUBLIC).code == 1


def test_whose_identity_is_to_be_handed_on_must_be_known(hand: Hand) -> None:
    assert hand.ask(1, body("88.100.2/P7", text(b"")), HAND_ON).code == 408
    assert hand.ask(1, body("88.100.2/P7"), HAND_ON).code == 408
