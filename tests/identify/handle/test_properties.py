"""What holds for every message and for any bytes at all."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_MESSAGE_BYTES_MAX
from millbrain.core.wire import WIDTHS, Field
from millbrain.identify.handle import codec, fields
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope, Pieces, cut, split
from millbrain.identify.handle.messages import ANSWERS, REQUESTS, parts_of
from millbrain.identify.handle.records import DATA
from millbrain.identify.handle.walk import (
    Array,
    Blob,
    Digest,
    Fixed,
    Nested,
    Optional,
    Part,
    Parts,
    Record,
    Rest,
    Text,
    When,
)  # fmt: skip

BYTES = st.binary(max_size=40)


def value_of(part: Part) -> st.SearchStrategy[Any]:
    if isinstance(part, Field):
        return st.integers(0, 256 ** WIDTHS[part.wire] - 1)
    if isinstance(part, Text):
        return BYTES.map(lambda b: b.decode("utf-8", "surrogateescape"))
    if isinstance(part, (Blob, Rest)):
        return BYTES
    if isinstance(part, Fixed):
        return st.binary(min_size=part.size, max_size=part.size)
    if isinstance(part, Digest):
        known = [st.tuples(st.just(n), st.binary(min_size=size, max_size=size))
                 for n, (_, size) in fields.DIGESTS.items()]  # fmt: skip
        return st.one_of(st.tuples(st.just(0), BYTES), *known)
    if isinstance(part, Array):
        return st.lists(value_of(part.item), max_size=3).map(tuple)
    if isinstance(part, Record):
        return values_of(part.parts).map(lambda found: part.make(**found))
    raise AssertionError(part)


@st.composite
def values_of(draw: st.DrawFn, parts: Parts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, Optional):
            if draw(st.booleans()):
                found |= draw(values_of(part.parts))
        elif isinstance(part, Nested):
            found |= draw(values_of(part.parts))
        elif isinstance(part, When):
            found[part.key] = draw(st.sampled_from([*part.cases, found[part.key]]))
            found |= draw(values_of(part.cases.get(found[part.key], ())))
        else:
            found[part.key] = draw(value_of(part))
    return found


@st.composite
def messages(draw: st.DrawFn) -> Message:
    requests = [(op, 0) for op in REQUESTS]
    answers = [(op, fields.OK) for op in ANSWERS]
    refusals = [(draw(st.sampled_from(list(REQUESTS))), code) for code in fields.RESPONSES]
    operation, code = draw(st.sampled_from(requests + answers + refusals))
    has_digest = code != 0 and draw(st.booleans())
    flags = draw(st.integers(0, 2**32 - 1)) & ~fields.RETURN_DIGEST
    envelope = Envelope(
        *draw(st.tuples(*[st.integers(0, 255)] * 2)), draw(st.sampled_from([0, 4, 0x1C])),
        draw(st.integers(0, 3)), draw(st.integers(0, 255)),
        *draw(st.tuples(*[st.integers(0, 2**32 - 1)] * 3)),
    )  # fmt: skip
    return Message(
        operation, draw(values_of(parts_of(operation, code))), code,
        flags | (fields.RETURN_DIGEST if has_digest else 0), draw(st.integers(0, 65_535)),
        draw(st.integers(0, 255)), draw(st.integers(0, 255)), draw(st.integers(0, 2**32 - 1)),
        draw(value_of(Digest("", "", ""))) if has_digest else None,
        draw(st.none() | BYTES), envelope,
    )  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(messages())
def test_what_is_encoded_decodes_to_itself(message: Message) -> None:
    data = encode(message)
    found = decode(data)
    assert found.body == message.body
    assert encode(found) == data


@settings(max_examples=60, deadline=None)
@given(messages())
def test_a_proper_prefix_waits_or_is_called_truncated(message: Message) -> None:
    data = encode(message)
    for size in range(len(data)):
        assert split(data[:size]) == ([], 0)
        with pytest.raises(FrameError) as caught:
            decode(data[:size])
        assert caught.value.reason == "truncated"


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(messages(), st.data())
def test_damaged_messages_are_refused_or_say_what_they_carry(
    message: Message, data: st.DataObject
) -> None:
    raw = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert_lossless_or_refused(bytes(raw))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([*REQUESTS, 9999]),
       st.sampled_from([0, *fields.RESPONSES]), st.integers(0, 2**32 - 1))  # fmt: skip
def test_random_bodies_are_refused_or_lossless(
    body: bytes, operation: int, code: int, flags: int
) -> None:
    head = operation.to_bytes(4, "big") + code.to_bytes(4, "big") + flags.to_bytes(4, "big")
    payload = head + bytes(8) + len(body).to_bytes(4, "big") + body
    assert_lossless_or_refused(bytes((2, 11, 2, 11)) + bytes(12)
                               + len(payload).to_bytes(4, "big") + payload)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_only_frame_errors(data: bytes) -> None:
    assert_lossless_or_refused(data)
    for type in DATA:
        try:
            assert codec.encode_data(type, codec.decode_data(type, data)) == data
        except FrameError:
            continue


def assert_lossless_or_refused(data: bytes) -> None:
    try:
        found = decode(data)
    except FrameError:
        return
    assert encode(found) == data


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(messages(), max_size=4), st.data())
def test_glued_messages_come_apart_wherever_they_are_cut(
    sent: list[Message], data: st.DataObject
) -> None:
    stream = b"".join(map(encode, sent))
    at = data.draw(st.integers(0, len(stream)))
    spans, used = split(stream[:at])
    more, rest = split(stream[used:])
    found = [stream[s:e] for s, e in spans] + [stream[used:][s:e] for s, e in more]
    assert found == [encode(m) for m in sent]
    assert used + rest == len(stream)


@settings(max_examples=100, deadline=None)
@given(st.integers(24, 6_000), st.randoms())
def test_datagrams_in_any_order_give_the_message(size: int, order: Any) -> None:
    whole = bytes((2, 11, 2, 11)) + bytes(12) + size.to_bytes(4, "big") + order.randbytes(size)
    packets = cut(whole)
    order.shuffle(packets)
    pieces = Pieces()
    assert [p for p in (pieces.add(0, packet, 0) for packet in packets) if p] == [whole]


@pytest.mark.parametrize("filling", [b"\0", b"\0\0\0\1x", b"\0\0\0\0\0\0\0\1"])
@pytest.mark.parametrize("operation", [1, 100, 105, 400])
def test_the_longest_hostile_message_takes_bounded_time(filling: bytes, operation: int) -> None:
    body = (filling * HANDLE_MESSAGE_BYTES_MAX)[: HANDLE_MESSAGE_BYTES_MAX - 24]
    for code in (0, 1):
        head = operation.to_bytes(4, "big") + code.to_bytes(4, "big") + bytes(12)
        payload = head + len(body).to_bytes(4, "big") + body
        data = bytes((2, 11, 2, 11)) + bytes(12) + len(payload).to_bytes(4, "big") + payload
        before = time.process_time()
        assert_lossless_or_refused(data)
        assert time.process_time() - before < 10
