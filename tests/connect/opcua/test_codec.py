"""Bytes to values: the standard's own examples, and asyncua's encoder as an independent source."""

import contextlib
import csv
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.connect.opcua import codec, columnar, layout
from millbrain.connect.opcua.codec import Reader
from millbrain.core.errors import FrameError

with (Path(__file__).parent / "frames.tsv").open(encoding="utf-8") as _file:
    FRAMES = list(csv.DictReader(_file, delimiter="\t"))
NOW = datetime(2026, 5, 4, 3, 2, 1, 987_000, tzinfo=UTC)
NOW_TICKS = 116_444_736_000_000_000 + 1_777_863_721_987 * 10_000


def of_kind(*kinds: str) -> Any:
    rows = [f for f in FRAMES if f["kind"] in kinds]
    return pytest.mark.parametrize("frame", rows, ids=[f["name"] for f in rows])


@of_kind("text", "node", "variant")
def test_examples_of_the_standard(frame: dict[str, str]) -> None:
    reader = Reader(bytes.fromhex(frame["hex"]))
    read = {"text": reader.text, "node": reader.node,
            "variant": lambda: codec.written(reader.variant())}  # fmt: skip
    assert read[frame["kind"]]() == frame["expected"]
    assert reader.at == len(reader.data)


@of_kind("change")
def test_examples_of_data_changes(frame: dict[str, str]) -> None:
    body = bytes.fromhex(frame["hex"])
    c = columnar.changes(body, 0, len(body))
    told = (f"{c.handle[0]} {c.kind[0]:#04x} {c.value[0]} {c.status[0]:#010x} "
            f"{c.source[0]} {c.server[0]}")  # fmt: skip
    assert told == frame["expected"]


def published(items: list[ua.MonitoredItemNotification]) -> bytes:
    answer = ua.PublishResponse()
    answer.Parameters.SubscriptionId = 78
    answer.Parameters.AvailableSequenceNumbers = [4, 5]
    answer.Parameters.MoreNotifications = False
    message = answer.Parameters.NotificationMessage
    message.SequenceNumber, message.PublishTime = 5, NOW
    message.NotificationData = [ua.DataChangeNotification(items)]
    written: bytes = struct_to_binary(answer)
    return written


def test_a_publish_response_of_another_encoder() -> None:
    items = [
        ua.MonitoredItemNotification(
            n, ua.DataValue(v, ua.StatusCode(status), SourceTimestamp=NOW, ServerTimestamp=NOW)
        )
        for n, (v, status) in enumerate([
            (ua.Variant(1.5), 0),
            (ua.Variant(-3, ua.VariantType.Int16), ua.StatusCodes.UncertainLastUsableValue),
            (ua.Variant("水"), 0),
            (ua.Variant([ua.Variant(1), ua.Variant("x")], ua.VariantType.Variant), 0),
            (ua.Variant(ua.NodeId("a", 3)), 0),
            (ua.Variant(ua.LocalizedText("rot", "de")), 0),
            (ua.Variant(ua.EUInformation("u", 7)), 0),
            (ua.Variant(2**63, ua.VariantType.UInt64), 0),
            (ua.Variant([], ua.VariantType.Double, is_array=True), 0),
        ])
    ]  # fmt: skip
    body = published(items)
    head = codec.published(body)
    assert (head.subscription, head.available, head.more, head.sequence) == (78, (4, 5), False, 5)
    assert (head.published_ticks, head.ended, head.status) == (NOW_TICKS, (), 0)
    (place,) = head.changes
    found = columnar.changes(body, *place)
    assert found.handle.tolist() == list(range(9))
    assert found.kind.tolist() == [11, 4, 12, 0x98, 17, 21, 22, 9, 0x8B]
    assert found.value.tolist() == [1.5, -3, 0, 0, 0, 0, 0, 2.0**63, 0]
    assert set(found.source.tolist() + found.server.tolist()) == {NOW_TICKS}
    assert found.status.tolist()[:2] == [0, 0x4090_0000]
    texts = [codec.written(Reader(body, int(s)).variant()) for s in found.start.tolist()]
    assert texts[:6] == ["1.5", "-3", "水", '["1", "x"]', "ns=3;s=a", "rot"]
    assert isinstance(Reader(body, int(found.start[6])).variant().value, codec.Structure)


def test_an_end_of_the_subscription_is_read() -> None:
    answer = ua.PublishResponse()
    ended = ua.StatusChangeNotification(ua.StatusCode(ua.StatusCodes.BadTimeout))
    answer.Parameters.NotificationMessage.NotificationData = [ended]
    assert codec.published(struct_to_binary(answer)).ended == (ua.StatusCodes.BadTimeout,)


NUMBERS = st.one_of(
    st.tuples(st.just(11), st.floats(allow_nan=False)),
    st.tuples(st.just(10), st.floats(width=32, allow_nan=False)),
    *(st.tuples(st.just(k), st.integers(low, high)) for k, low, high in (
        (2, -128, 127), (3, 0, 255), (4, -(2**15), 2**15 - 1), (5, 0, 2**16 - 1),
        (6, -(2**31), 2**31 - 1), (7, 0, 2**32 - 1), (8, -(2**63), 2**63 - 1), (9, 0, 2**64 - 1))),
    st.tuples(st.just(1), st.booleans()),
)  # fmt: skip
OTHERS = st.one_of(
    st.tuples(st.just(12), st.text(max_size=20)),
    st.tuples(st.just(15), st.binary(max_size=20)),
    st.tuples(st.just(12), st.lists(st.text(max_size=5), max_size=4)),
    st.tuples(st.just(6), st.lists(st.integers(-5, 5), max_size=4)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(NUMBERS, OTHERS), max_size=8))
def test_values_of_another_encoder_come_back(values: list[tuple[int, Any]]) -> None:
    variants = [variant_to_binary(ua.Variant(v, ua.VariantType(k), is_array=isinstance(v, list)))
                for k, v in values]  # fmt: skip
    body = codec.notification((n, b"\x01" + v) for n, v in enumerate(variants))
    found = columnar.changes(body, 0, len(body))
    for n, (kind, value) in enumerate(values):
        array = layout.IS_ARRAY if isinstance(value, list) else 0
        assert found.kind[n] == kind | array
        if kind in layout.NUMBERS and not array:
            assert found.value[n] == float(value)
        assert Reader(body, int(found.start[n])).variant().value == value


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_random_bytes_are_refused_with_a_reason_or_read(noise: bytes) -> None:
    for read in (lambda: columnar.changes(noise, 0, len(noise)), lambda: codec.published(noise),
                 lambda: codec.histories(noise)):  # fmt: skip
        with contextlib.suppress(FrameError):
            read()


def test_every_prefix_asks_for_more() -> None:
    item = struct.pack("<IBBdq", 1, 0x05, 11, 2.5, NOW_TICKS)
    body = struct.pack("<i", 2) + item + item
    assert columnar.changes(body, 0, len(body)).value.tolist() == [2.5, 2.5]
    for length in range(4, len(body)):
        with pytest.raises(FrameError) as caught:
            columnar.changes(body[:length], 0, length)
        assert caught.value.reason == "truncated"


def test_a_thousand_items_are_read_in_a_row() -> None:
    many = [ua.MonitoredItemNotification(n, ua.DataValue(ua.Variant(n / 4), SourceTimestamp=NOW))
            for n in range(1000)]  # fmt: skip
    body = published(many)
    found = columnar.changes(body, *codec.published(body).changes[0])
    np.testing.assert_array_equal(found.value, np.arange(1000) / 4)
