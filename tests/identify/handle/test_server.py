"""The node over real sockets: both transports, the life of a handle, rights, hostile bytes."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from millbrain.core.keys import handle_key
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker
from millbrain.identify.handle import challenge, fields
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope
from tests.identify.handle.node import MAKER, SECRET, Client, Node

URL = Value(1, "URL", b"https://id.example.cn/p/7")
MODEL = Value(2000, "MODEL", b"NC250", permissions=0x0C)
FLAGS = fields.RECURSIVE | fields.CACHE_CERTIFY | fields.PUBLIC_ONLY
RSA_KEY = rsa.generate_private_key(65_537, 2048)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node") / "store")
    node.home("88.100.1", Value(300, "HS_SECKEY", SECRET, permissions=0x0C))
    node.home("88.100.2", Value(300, "HS_PUBKEY", challenge.key_data(RSA_KEY.public_key())))
    big = Value(3, "TEXT", bytes(range(256)) * 8)
    node.registry.load(
        [(handle_key("88.100.1/P000000007"), store_form([URL, MODEL])),
         (handle_key("88.100.1/big"), store_form([big]))],
        Asker(), "test",
    )  # fmt: skip
    yield node
    node.close()


@pytest.fixture(params=["udp", "tcp"])
def client(node: Node, request: pytest.FixtureRequest) -> Iterator[Client]:
    client = Client(node.port, request.param)
    yield client
    client.close()


def resolve(handle: str, *, flags: int = FLAGS, request: int = 7, indexes: tuple[int, ...] = (),
            types: tuple[str, ...] = ()) -> Message:  # fmt: skip
    body = {"handle": handle, "indexes": indexes, "types": types}
    return Message(fields.RESOLVE, body, flags=flags, envelope=Envelope(request=request))


def secret(answer: Message, packet: bytes) -> Message:
    signed = challenge.sign_secret(
        SECRET, answer.body["nonce"], answer.digest[1] if answer.digest else b"", os.urandom(16)
    )
    assert answer.digest == (3, challenge.request_digest(packet))
    return _proof("HS_SECKEY", MAKER.handle, signed, answer)


def key_pair(answer: Message, packet: bytes) -> Message:
    signed = challenge.sign(RSA_KEY, answer.body["nonce"], challenge.request_digest(packet))
    return _proof("HS_PUBKEY", "88.100.2/admin", signed, answer)


def _proof(kind: str, handle: str, signed: bytes, answer: Message) -> Message:
    body = {"authentication": kind, "handle": handle, "index": 300, "response": signed}
    envelope = Envelope(session=answer.envelope.session, request=answer.envelope.request)
    return Message(fields.CHALLENGE_ANSWER, body, envelope=envelope)


def test_a_handle_resolves(client: Client) -> None:
    answer = client.ask(resolve("88.100.1/p000000007"))
    assert (answer.code, answer.envelope.request) == (fields.OK, 7)
    assert answer.body == {"handle": "88.100.1/p000000007", "values": (URL,)}


def test_what_is_not_there_is_told(client: Client) -> None:
    assert client.ask(resolve("88.100.1/none")).code == fields.NOT_FOUND
    assert client.ask(resolve("20.500/none")).code == fields.NO_RESPONSE


def test_requests_behind_each_other_are_all_answered(client: Client) -> None:
    wanted = [encode(resolve("88.100.1/P000000007", request=n)) for n in range(1, 101)]
    if client.socket.type == socket.SOCK_STREAM:
        client.send(b"".join(wanted))
    else:
        for packet in wanted:
            client.send(packet)
    assert {decode(client.receive()).envelope.request for _ in wanted} == set(range(1, 101))


def test_a_message_in_pieces_arrives(node: Node) -> None:
    client = Client(node.port, "tcp")
    with contextlib.closing(client):
        for byte in encode(resolve("88.100.1/P000000007")):
            client.send(bytes((byte,)))
        assert decode(client.receive()).code == fields.OK


def test_filters_choose_values_and_hidden_ones_ask_who(client: Client) -> None:
    assert client.ask(resolve("88.100.1/P000000007", types=("url",))).body["values"] == (URL,)
    assert client.ask(resolve("88.100.1/P000000007", indexes=(5,))).code == fields.VALUES_NOT_FOUND
    whole = resolve("88.100.1/P000000007", flags=0)
    assert client.ask(whole).code == fields.CHALLENGE
    # The owner of another record is no reader of this one.
    assert client.ask(whole, secret).body["values"] == (URL,)


def test_long_answers_come_in_pieces_over_udp(node: Node) -> None:
    client = Client(node.port, "udp")
    with contextlib.closing(client):
        (value,) = client.ask(resolve("88.100.1/big")).body["values"]
    assert value.data == bytes(range(256)) * 8


@pytest.mark.parametrize(
    ("prefix", "prove"), [("88.100.1", secret), ("88.100.2", key_pair)], ids=["secret", "rsa"]
)
def test_the_life_of_a_handle(client: Client, prefix: str, prove: object) -> None:
    name = f"{prefix}/life-{client.socket.type.name}"
    admin = Value(
        100, "HS_ADMIN", b"\x0f\xff\0\0\0\x0e" + f"{prefix}/admin".encode() + b"\0\0\1\x2c"
    )

    def ask(operation: int, body: dict[str, object], flags: int = 0) -> int:
        whole = {"handle": name} | body
        return client.ask(Message(operation, whole, flags=flags), prove).code  # type: ignore[arg-type]

    assert ask(fields.CREATE, {"values": (URL, MODEL, admin)}) == fields.OK
    assert ask(fields.CREATE, {"values": (URL,)}) == fields.EXISTS
    assert ask(fields.CREATE, {"values": (URL, MODEL, admin)}, fields.OVERWRITE) == fields.OK
    assert ask(fields.ADD, {"values": (Value(5, "EMAIL", b"a@example.cn"),)}) == fields.OK
    assert ask(fields.MODIFY, {"values": (Value(1, "URL", b"x://new"),)}) == fields.OK
    assert ask(fields.REMOVE, {"indexes": (2000,)}) == fields.OK
    found = client.ask(resolve(name)).body["values"]
    assert [(v.index, v.data) for v in found if v.index != 100] == [
        (1, b"x://new"),
        (5, b"a@example.cn"),
    ]
    assert ask(fields.DELETE, {}) == fields.OK
    assert client.ask(resolve(name)).code == fields.NOT_FOUND


def test_a_wrong_proof_changes_nothing(client: Client) -> None:
    create = Message(fields.CREATE, {"handle": "88.100.1/evil", "values": (URL,)})

    def wrong(answer: Message, packet: bytes) -> Message:
        signed = challenge.sign_secret(b"guess", answer.body["nonce"], b"", bytes(16))
        return _proof("HS_SECKEY", MAKER.handle, signed, answer)

    def foreign(answer: Message, packet: bytes) -> Message:
        return key_pair(answer, packet)  # a right proof of somebody without rights here

    assert client.ask(create).code == fields.CHALLENGE
    assert client.ask(create, wrong).code == fields.AUTHENTICATION_FAILED
    assert client.ask(create, foreign).code == fields.NO_PERMISSION
    assert client.ask(resolve("88.100.1/evil")).code == fields.NOT_FOUND


def test_a_challenge_is_answered_once(client: Client) -> None:
    name = f"88.100.1/once-{client.socket.type.name}"
    create = Message(fields.CREATE, {"handle": name, "values": (URL,)})
    packet = encode(create)
    client.send(packet)
    proof = encode(secret(decode(client.receive()), packet))
    client.send(proof)
    assert decode(client.receive()).code == fields.OK
    client.send(proof)
    assert decode(client.receive()).code == 405
    delete = Message(fields.DELETE, {"handle": name})
    assert client.ask(delete, secret).code == fields.NO_PERMISSION  # it has no administrator


def test_handles_of_a_prefix_are_listed_for_its_administrator(client: Client) -> None:
    ask = Message(fields.LIST, {"handle": "0.NA/88.100.1"})
    assert client.ask(ask).code == fields.CHALLENGE
    assert "88.100.1/P000000007" in client.ask(ask, secret).body["handles"]
    assert client.ask(ask, key_pair).code == fields.NO_PERMISSION


def test_captured_requests_of_other_programs_are_answered(node: Node, shared_data: Path) -> None:
    captures = json.loads((shared_data / "ident/wire-captures.json").read_text("utf-8"))
    first = captures["caict-id-sdk-2.0.3.first-packet-on-tcp-connect(op 2 for /)"]
    vectors = json.loads((shared_data / "ident/handle-vectors.json").read_text("utf-8"))["vectors"]
    by_name = {v["name"]: bytes.fromhex(v["hex"]) for v in vectors}
    client = Client(node.port, "tcp")
    with contextlib.closing(client):
        client.send(bytes.fromhex(first))
        site = client.receive()
        assert (site[:4].hex(), site[8:12].hex(), decode(site).code) == ("0203020a", "2a9e879f", 1)
        client.send(by_name["req.resolve.all"])  # of the reference library, on the same link
        answer = decode(client.receive())
        assert (answer.code, answer.body["values"]) == (fields.OK, (URL,))
        client.send(by_name["req.create"])
        assert decode(client.receive()).code == fields.CHALLENGE


@pytest.mark.parametrize(
    "packet",
    [
        bytes(20),
        bytes(19),
        b"\xff" * 40,
        encode(resolve("88.100.1/x"))[:-3],
        encode(replace(resolve("a/b"), operation=77)),
        bytes(64),
    ],
)
def test_bad_bytes_leave_the_node_answering(node: Node, packet: bytes) -> None:
    for protocol in ("udp", "tcp"):
        hostile = Client(node.port, protocol)
        with contextlib.closing(hostile):
            hostile.send(packet)
            hostile.socket.settimeout(0.05)
            with contextlib.suppress(OSError):
                hostile.receive()
        friend = Client(node.port, protocol)
        with contextlib.closing(friend):
            assert friend.ask(resolve("88.100.1/P000000007")).code == fields.OK
