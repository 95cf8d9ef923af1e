"""Columns of metrics against the slow and exact codec."""

import random
import struct

import numpy as np

from millbrain.connect.sparkplug import codec, columnar, readings
from millbrain.connect.sparkplug.births import Born, names_of
from millbrain.connect.sparkplug.columnar import decode_columns
from millbrain.connect.sparkplug.readings import Picked
from millbrain.connect.sparkplug.slots import Slots
from millbrain.core.errors import FrameError
from millbrain.core.plant.tags import Tag, TagKind
from tests.connect.sparkplug.test_codec import ROWS

NOW = 1_700_000_000_000
RAW = [bytes.fromhex(row["hex"]) for row in ROWS]


def test_columns_say_what_the_codec_says() -> None:
    found = decode_columns(RAW)
    assert found.good.all()
    for i, raw in enumerate(RAW):
        payload = codec.decode(raw)
        assert found.sent_at[i] == payload["timestamp"]
        assert found.seq[i] == payload.get("seq", -1)
        own = range(found.first[i], found.first[i + 1])
        assert len(own) == len(payload["metrics"])
        for m, metric in zip(own, payload["metrics"], strict=True):
            a, b = found.name[m]
            assert bytes(found.buffer[a:b]).decode() == metric.get("name", "")
            assert found.alias[m] == metric.get("alias", 0)
            assert bool(found.flags[m] & columnar.ALIASED) == ("alias" in metric)
            assert bool(found.flags[m] & columnar.NULL) == metric.get("is_null", False)
            assert bool(found.flags[m] & columnar.HISTORICAL) == metric.get("is_historical", False)
            assert found.datatype[m] == metric.get("datatype", 0)


def test_wrong_payloads_have_no_metrics_and_spare_their_neighbours() -> None:
    noise = random.Random(3)
    parts = [RAW[2], RAW[2][:-3], b"", noise.randbytes(300), RAW[3]]
    found = decode_columns(parts)
    assert found.good.tolist()[:3] == [True, False, True]
    assert np.diff(found.first).tolist()[:3] == [1, 0, 0]
    assert found.first[-1] - found.first[-2] == 1


def test_kernel_and_codec_refuse_the_same_damage() -> None:
    noise = random.Random(11)
    for _ in range(600):
        raw = bytearray(noise.choice(RAW[:9]))
        raw[noise.randrange(len(raw))] ^= 1 << noise.randrange(8)
        good = bool(decode_columns([bytes(raw)]).good[0])
        try:
            codec.decode(bytes(raw))
        except FrameError:
            # What lies within properties is read by the codec alone.
            assert not good or b"Quality" in raw or b"\x4a" in raw
        else:
            assert good


def stored(metrics: list[dict[str, object]], kind: TagKind = TagKind.NUMBER) -> readings.Taken:
    """Readings of metrics with aliases 0, 1, ... of one message sent at NOW."""
    slots = Slots()
    slots.load(Tag("c", f"g/n:{i}", "M1", f"s_{i}", kind) for i in range(len(metrics)))
    born = [(Born(str(i), i, 0, "", ""), f"g/n:{i}") for i in range(len(metrics))]
    names = names_of(slots, born)
    found = decode_columns([codec.encode({"timestamp": NOW, "metrics": [
        {"alias": i, **m} for i, m in enumerate(metrics)]})])  # fmt: skip
    rows = np.arange(len(metrics))
    numbers = names.resolve(found, 0, len(metrics))
    assert numbers.tolist() == rows.tolist()
    zero = np.zeros(len(rows), np.int64)
    picked = Picked(rows, numbers, zero, zero + NOW, zero > 0)
    return readings.take("c", found, picked, slots)


def test_each_type_is_read_as_the_specification_says() -> None:
    taken = stored([
        {"datatype": 1, "int_value": 0xFF},  # Int8 -1 in 8 bits ...
        {"datatype": 1, "int_value": 0xFFFFFFFE},  # ... and -2 in 32
        {"datatype": 2, "int_value": 0x8000},
        {"datatype": 3, "int_value": 2**32 - 7},
        {"datatype": 4, "long_value": 2**64 - 9},
        {"datatype": 7, "int_value": 2**32 - 7},
        {"datatype": 8, "long_value": 2**53},
        {"datatype": 9, "float_value": -2.5},
        {"datatype": 10, "double_value": 1e300},
        {"datatype": 11, "boolean_value": True},
        {"datatype": 13, "long_value": NOW},
    ])  # fmt: skip
    assert taken.columns.array("value").tolist() == [
        -1, -2, -32768, -7, -9, 2**32 - 7, 2**53, -2.5, 1e300, 1, NOW
    ]  # fmt: skip
    assert not taken.columns.missing["value"].any()
    assert set(taken.columns.array("quality").tolist()) == {192}


def test_what_is_odd_is_stored_as_bad_and_what_is_impossible_is_refused() -> None:
    taken = stored([
        {"double_value": float("nan")},
        {"double_value": float("inf")},
        {"is_null": True},
        {"int_value": 1, "timestamp": NOW + 600_000},  # ten minutes ahead of us
        {"int_value": 1, "timestamp": NOW // 1000},  # seconds
        {"string_value": "x" * 5_000},
        {"bytes_value": b"\0"},
        {"int_value": 7, "properties": {"keys": ["Quality"],
                                        "values": [{"type": 3, "int_value": 0}]}},
    ])  # fmt: skip
    assert taken.columns.array("quality").tolist() == [0, 0, 0, 64, 0]
    assert taken.columns.missing["value"].tolist() == [True, True, True, False, False]
    assert [d.reason for d in taken.rejected] == ["clock", "too_long", "unsupported_type"]


def test_a_text_under_a_number_is_stored_as_text() -> None:
    taken = stored([{"string_value": "Störung"}])
    assert taken.columns.array("text").tolist() == ["Störung".encode()]
    assert taken.columns.missing["value"].tolist() == [True]
    assert taken.columns.array("quality").tolist() == [192]


def test_signalling_nan_of_a_float_is_no_number() -> None:
    raw = struct.unpack("<f", b"\x01\x00\x80\x7f")[0]
    assert stored([{"float_value": raw}]).columns.missing["value"].tolist() == [True]
