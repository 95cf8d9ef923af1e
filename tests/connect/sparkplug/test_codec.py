"""Payloads against messages written by hand from the wire format, and against protocol buffers."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.connect.sparkplug import codec
from millbrain.connect.sparkplug.fields import MESSAGES
from millbrain.core.errors import FrameError

LINES = (Path(__file__).parent / "frames.tsv").read_text("utf-8").splitlines()
ROWS = list(csv.DictReader(LINES, delimiter="\t", quoting=csv.QUOTE_NONE))
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda r: r["name"])


def plain(value: Any) -> Any:
    """Bytes as hex, lists that are empty left out below the top."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


@each_row
def test_message_written_by_hand_is_read_and_written_again(row: dict[str, str]) -> None:
    raw = bytes.fromhex(row["hex"])
    decoded = codec.decode(raw)
    assert plain(decoded) == json.loads(row["expected"])
    assert codec.encode(decoded) == raw


def again(raw: bytes) -> bytes | str:
    """A payload read and written again, or the reason why it cannot be read."""
    try:
        return codec.encode(codec.decode(raw))
    except FrameError as e:
        return e.reason


@each_row
def test_a_cut_message_is_refused_or_ends_at_a_field(row: dict[str, str]) -> None:
    raw = bytes.fromhex(row["hex"])
    for end in range(len(raw)):
        assert again(raw[:end]) in (raw[:end], "truncated")


def test_senseless_bytes_raise_only_frame_errors() -> None:
    noise = random.Random(5)
    assert {type(again(noise.randbytes(size))) for size in range(400)} <= {bytes, str}


def test_endless_nesting_is_refused() -> None:
    raw = b""
    for _ in range(40):
        inner = b"\x92\x01" + _length(raw) + raw
        raw = b"\x12" + _length(inner) + inner
    with pytest.raises(FrameError, match="nested"):
        codec.decode(raw)


def _length(raw: bytes) -> bytes:
    size = len(raw)
    return bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])


def oracle() -> Any:
    """The payload's class as protocol buffers make it of the same table."""
    kinds = {"u32": 13, "u64": 4, "bool": 8, "float": 2, "double": 1, "string": 9, "bytes": 12,
             "message": 11}  # fmt: skip
    file = descriptor_pb2.FileDescriptorProto(name="s.proto", package="s", syntax="proto2")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            made = message.field.add(
                name=field.name, number=field.number, type=kinds[field.kind],
                label=3 if field.many else 1,
            )  # fmt: skip
            if field.of:
                made.type_name = f".s.{field.of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("s.Payload"))


ORACLE = oracle()
metrics = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=9),
        "alias": st.integers(0, 2**64 - 1),
        "timestamp": st.integers(0, 2**64 - 1),
        "datatype": st.integers(0, 40),
        "is_null": st.booleans(),
        "int_value": st.integers(0, 2**32 - 1),
        "double_value": st.floats(allow_nan=False),
        "float_value": st.floats(width=32, allow_nan=False),
        "string_value": st.text(max_size=200),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(metrics, max_size=5), st.integers(0, 2**64 - 1))
def test_protocol_buffers_write_and_read_the_same(listed: list[dict[str, Any]], seq: int) -> None:
    values = {"metrics": listed, "seq": seq}
    theirs = ORACLE()
    for metric in listed:
        theirs.metrics.add(**metric)
    theirs.seq = seq
    assert codec.encode(values) == theirs.SerializeToString(deterministic=True)
    assert codec.decode(theirs.SerializeToString()) == values
    json_format.MessageToDict(ORACLE.FromString(codec.encode(values)))
