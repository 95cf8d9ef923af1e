"""The codec against messages written by hand from the standard, and against hostile ones."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_MESSAGE_BYTES_MAX
from millbrain.identify.handle import codec, fields
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope
from millbrain.identify.handle.messages import ANSWERS, REQUESTS
from millbrain.identify.handle.records import Credential, PublicKey, Reference, Value

GOLDEN = [
    line.split("\t")
    for line in (Path(__file__).parent / "frames.tsv").read_text("utf-8").splitlines()[1:]
]
golden = pytest.mark.parametrize("row", GOLDEN, ids=[g[0] for g in GOLDEN])


def shown(found: Any) -> Any:
    """What JSON can hold of a decoded message: bytes as hex, tuples as lists."""
    if dataclasses.is_dataclass(found):
        return {f.name: shown(getattr(found, f.name)) for f in dataclasses.fields(found)}
    if isinstance(found, dict):
        return {key: shown(value) for key, value in found.items()}
    if isinstance(found, (tuple, list)):
        return [shown(value) for value in found]
    return found.hex() if isinstance(found, bytes) else found


@golden
def test_golden_message_decodes(row: list[str]) -> None:
    _, source, text, expected = row
    found = shown(decode(bytes.fromhex(text)))
    wanted = json.loads(expected)
    assert source
    assert {key: found[key] for key in wanted} == wanted


@golden
def test_golden_message_encodes_to_the_same_bytes(row: list[str]) -> None:
    data = bytes.fromhex(row[2])
    assert encode(decode(data)).hex() == data.hex()


def test_every_declared_number_has_a_name_in_both_languages() -> None:
    for codes in (fields.OPERATIONS, fields.RESPONSES, fields.OPERATION_FLAGS,
                  fields.ENVELOPE_FLAGS, fields.VALUE_PERMISSIONS,
                  fields.ADMIN_PERMISSIONS, fields.SESSION_KEYS):  # fmt: skip
        assert len({code.key for code in codes.values()}) == len(codes)
        assert all(code.title and code.title_zh and code.clause for code in codes.values())


def test_bodies_are_declared_for_known_operations_only() -> None:
    assert set(REQUESTS) | set(ANSWERS) <= set(fields.OPERATIONS)


# What is refused --------------------------------------------------------------------------------

DELETE = next(bytes.fromhex(g[2]) for g in GOLDEN if g[0] == "unhome")


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (2, b"\xa2", "truncated"),  # compressed and one of several: joining comes first
        (2, b"\x82", "structure"),
        (2, b"\x42", "encrypted"),
        (2, b"\x22", "truncated"),
        (16, b"\x00\x00\x00\x28", "truncated"),
        (16, b"\x00\x00\x00\x26", "structure"),
        (16, (HANDLE_MESSAGE_BYTES_MAX + 1).to_bytes(4, "big"), "oversized"),
        (40, b"\x7f\xff\xff\xff", "truncated"),  # length of the body
        (44, b"\x00\x00\x00\x08", "truncated"),  # length of the handle
        (55, b"\x00\x00\x00\x01", "truncated"),  # length of the credential
    ],
)
def test_wrong_lengths_and_flags_are_named(at: int, value: bytes, reason: str) -> None:
    data = bytearray(DELETE)
    data[at : at + len(value)] = value
    with pytest.raises(FrameError) as caught:
        decode(bytes(data))
    assert caught.value.reason == reason


def test_a_hostile_count_costs_nothing() -> None:
    body = b"\x00\x00\x00\x01x" + b"\xff\xff\xff\xff"
    request = Message(fields.CREATE, {"handle": "x", "values": (), "rest": b""})
    data = encode(request)
    forged = data[:44] + body + data[-4:]
    with pytest.raises(FrameError, match="4294967295 items"):
        decode(forged)


@pytest.mark.parametrize(
    "message",
    [
        Message(fields.RESOLVE, {"handle": "x"}),
        Message(fields.DELETE, {"handle": 7}),
        Message(fields.DELETE, {"handle": "x"}, serial=1 << 16),
        Message(fields.DELETE, {"handle": "x"}, envelope=Envelope(request=-1)),
        Message(fields.REMOVE, {"handle": "x", "indexes": (1 << 32,)}),
        Message(fields.CREATE, {"handle": "x", "values": (Value(-1, "URL", b""),)}),
        Message(fields.RESOLVE, {"message": ""}, fields.NOT_FOUND, digest=(3, b"short")),
    ],
)
def test_what_does_not_fit_is_not_written(message: Message) -> None:
    with pytest.raises(FrameError) as caught:
        encode(message)
    assert caught.value.reason == "structure"


def test_a_message_too_long_is_not_written() -> None:
    value = Value(1, "URL", bytes(HANDLE_MESSAGE_BYTES_MAX))
    with pytest.raises(FrameError, match="allowed 262144"):
        encode(Message(fields.CREATE, {"handle": "x", "values": (value,)}))


# Records ----------------------------------------------------------------------------------------


def test_text_that_is_not_utf_8_keeps_its_bytes() -> None:
    data = bytes.fromhex("00000001 00000000 00 00000000 0e 00000001 ff 00000000 00000000")
    found = codec.decode_value(data)
    assert found.type == "\udcff"
    assert codec.encode_value(found) == data


def test_an_old_administrator_record_keeps_its_two_more_bytes() -> None:
    data = bytes.fromhex("0fff 00000001 61 00000001 0000")
    found = codec.decode_data("HS_ADMIN", data)
    assert (found.handle, found.index, found.slack) == ("a", 1, b"\0\0")
    assert codec.encode_data("HS_ADMIN", found) == data


def test_a_key_of_another_kind_keeps_its_parameters() -> None:
    data = bytes.fromhex("0000000b 534d325f5055425f4b4559 0000") + b"-----BEGIN PUBLIC KEY-----"
    found = codec.decode_data("HS_PUBKEY", data)
    assert found == PublicKey("SM2_PUB_KEY", parameters=b"-----BEGIN PUBLIC KEY-----")
    assert codec.encode_data("HS_PUBKEY", found) == data


def test_data_of_the_users_own_types_stay_bytes() -> None:
    assert codec.decode_data("URL", b"https://id.example.cn") == b"https://id.example.cn"
    assert codec.encode_data("URL", b"x") == b"x"


def test_bytes_behind_a_record_are_refused() -> None:
    with pytest.raises(FrameError, match="1 bytes behind"):
        codec.decode_data("HS_VLIST", bytes.fromhex("00000000 00"))


def test_the_credential_of_a_session_message() -> None:
    row = next(g for g in GOLDEN if g[0] == "delete_answer_signed")
    raw = decode(bytes.fromhex(row[2])).credential
    assert raw is not None
    found = codec.decode_credential(raw)
    assert found == Credential("HS_MAC", "HMAC-SHA256", bytes.fromhex("01020304"), index=5)
    assert codec.encode_credential(found) == raw


def test_a_signature_section_must_be_filled() -> None:
    raw = bytes.fromhex("00000000 00000000 00000000 00000000 00000009 00000000 00000000 aa")
    with pytest.raises(FrameError, match="9 bytes announced, 8 are used"):
        codec.decode_credential(raw)


def test_a_list_of_references() -> None:
    data = bytes.fromhex("00000001 00000001 61 00000007")
    assert codec.decode_data("HS_VLIST", data) == (Reference("a", 7),)
