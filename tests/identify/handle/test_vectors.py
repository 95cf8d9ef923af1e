"""Every byte that the reference library and real clients printed, both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from millbrain.identify.handle import codec
from millbrain.identify.handle.framing import Envelope
from millbrain.identify.handle.records import Admin, Interface, PublicKey, Reference, Site, Value

TYPES = {
    "data.hs_admin.all": "HS_ADMIN", "data.hs_admin.some": "HS_ADMIN", "data.hs_vlist": "HS_VLIST",
    "data.hs_site": "HS_SITE", "data.hs_pubkey.rsa": "HS_PUBKEY",
}  # fmt: skip
KEYS = {"data.hs_pubkey.rsa.x509", "seckey.data"}  # not of this codec: test_challenge reads them
URL = Value(1, "URL", b"https://id.example.cn/p/7", timestamp_s=1_760_000_000)
MODEL = Value(2000, "MODEL", "NC250-曲轴箱".encode(), 3600, permissions=0x0C,
              timestamp_s=1_760_000_000)  # fmt: skip
EMAIL = Value(3, "EMAIL", b"a@example.cn", 1_900_000_000, 1, timestamp_s=1_760_000_000,
              references=(Reference("88.100.1/admin", 300),))  # fmt: skip


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> dict[str, bytes]:
    listed = json.loads((shared_data / "ident/handle-vectors.json").read_text("utf-8"))["vectors"]
    return {v["name"]: bytes.fromhex(v["hex"]) for v in listed}


@pytest.fixture(scope="module")
def captures(shared_data: Path) -> dict[str, bytes]:
    listed = json.loads((shared_data / "ident/wire-captures.json").read_text("utf-8"))
    return {n: bytes.fromhex(v) for n, v in listed.items() if isinstance(v, str) and n != "about"}


def there_and_back(name: str, data: bytes) -> tuple[Any, bytes]:
    if name.startswith("value."):
        value = codec.decode_value(data)
        return value, codec.encode_value(value)
    if name in TYPES:
        record = codec.decode_data(TYPES[name], data)
        return record, codec.encode_data(TYPES[name], record)
    if name == "req.create.challenged":  # printed without its envelope
        message = codec.decode_payload(data, Envelope())
        return message, codec.encode_payload(message)
    message = codec.decode(data)
    return message, codec.encode(message)


def test_every_vector_both_ways(vectors: dict[str, bytes]) -> None:
    assert len(vectors) == 30
    for name in vectors.keys() - KEYS:
        _, again = there_and_back(name, vectors[name])
        assert again.hex() == vectors[name].hex(), name


def test_every_capture_both_ways(captures: dict[str, bytes]) -> None:
    assert len(captures) == 2
    for name, data in captures.items():
        assert there_and_back(name, data)[1].hex() == data.hex(), name


def test_nothing_of_a_vector_is_left_unclaimed(
    vectors: dict[str, bytes], captures: dict[str, bytes]
) -> None:
    for name, data in (vectors | captures).items():
        if name.startswith(("req.", "res.", "cnri", "caict")):
            assert "rest" not in there_and_back(name, data)[0].body, name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("value.url", URL),
        ("value.restricted", MODEL),
        ("value.ref", EMAIL),
        ("data.hs_admin.all", Admin(0xFFF, "88.100.1/admin", 300)),
        ("data.hs_admin.some", Admin(0x470, "88.100.1/u", 300)),
        ("data.hs_vlist", (Reference("88.100.1/a", 300), Reference("88.100.1/b", 301))),
    ],
)
def test_records_say_what_the_note_says(
    vectors: dict[str, bytes], name: str, expected: Any
) -> None:
    assert there_and_back(name, vectors[name])[0] == expected


@pytest.mark.parametrize(
    ("name", "operation", "code", "body"),
    [
        ("req.resolve.all", 1, 0, {"handle": "88.100.1/P000000007", "indexes": (), "types": ()}),
        ("req.resolve.filter", 1, 0, {"handle": "88.100.1/P000000007", "indexes": (1, 2000),
                                      "types": ("URL", "EMAIL")}),
        ("req.siteinfo", 2, 0, {"handle": "/"}),
        ("req.create", 100, 0, {"handle": "88.100.1/new", "values": (URL, MODEL)}),
        ("req.create.mint", 100, 0, {"handle": "88.100.1/M-", "values": (URL,)}),
        ("req.delete", 101, 0, {"handle": "88.100.1/new"}),
        ("req.add", 102, 0, {"handle": "88.100.1/new", "values": (EMAIL,)}),
        ("req.remove", 103, 0, {"handle": "88.100.1/new", "indexes": (3,)}),
        ("req.modify", 104, 0, {"handle": "88.100.1/new", "values": (URL,)}),
        ("req.list", 105, 0, {"handle": "0.NA/88.100.1"}),
        ("req.homena", 300, 0, {"handle": "0.NA/88.100.1"}),
        ("res.resolve", 1, 1, {"handle": "88.100.1/P000000007", "values": (URL, EMAIL)}),
        ("res.error", 1, 100, {"message": ""}),
        ("res.error.msg", 1, 400, {"message": "not an admin"}),
        ("res.generic", 101, 1, {}),
        ("res.challenge", 100, 402, {"nonce": bytes.fromhex("01080f161d242b323940474e555c636a")}),
    ],
)  # fmt: skip
def test_messages_say_what_the_note_says(
    vectors: dict[str, bytes], name: str, operation: int, code: int, body: dict[str, Any]
) -> None:
    found = codec.decode(vectors[name])
    assert (found.operation, found.code, dict(found.body)) == (operation, code, body)
    assert (found.envelope.request, found.expires_s) == (0x01020304, 1_800_000_000)


def test_site_and_key_of_the_vectors(vectors: dict[str, bytes]) -> None:
    site = codec.decode_data("HS_SITE", vectors["data.hs_site"])
    assert isinstance(site, Site)
    assert (site.serial, site.flags, site.hash_option) == (1, 0x80, 2)
    server = site.servers[0]
    assert server.address == bytes(12) + bytes((127, 0, 0, 1))
    assert [(i.type, i.protocol) for i in server.interfaces] == [(3, 1), (2, 0), (3, 2)]
    assert all(isinstance(i, Interface) for i in server.interfaces)
    key = codec.decode_data("HS_PUBKEY", server.public_key)
    assert isinstance(key, PublicKey)
    assert (key.kind, key.exponent) == ("RSA_PUB_KEY", bytes.fromhex("010001"))
    assert len(key.modulus) == 257  # 2048 bits behind a sign byte


def test_the_digest_in_a_challenge_is_of_header_and_body(vectors: dict[str, bytes]) -> None:
    import hashlib

    challenge = codec.decode(vectors["res.challenge"])
    asked = vectors["req.create.challenged"][:-4]
    assert challenge.digest == (3, hashlib.sha256(asked).digest())


def test_the_first_packet_of_the_chinese_sdk(captures: dict[str, bytes]) -> None:
    name = next(n for n in captures if n.startswith("caict"))
    found = codec.decode(captures[name])
    assert (found.operation, found.body) == (2, {"handle": "/"})
    e = found.envelope
    assert (e.major, e.minor, e.suggested_major, e.suggested_minor) == (2, 3, 2, 10)
