"""The short way of resolve gives what the object codec gives, and takes only what it may take."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import FrameError
from millbrain.core.records import Value, decode_values, encode_values, store_form, stored_values
from millbrain.identify.handle import codec, fields
from millbrain.identify.handle.answers import (
    hit,
    read_query,
    refusal,
)
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope

URL = Value(1, "URL", b"https://id.example.cn/p/7", timestamp_s=1_760_000_000)
HIDDEN = Value(2000, "MODEL", b"NC250", permissions=0x0C)
FLAGS = fields.CACHE_CERTIFY | fields.RECURSIVE | fields.PUBLIC_ONLY
PLAIN = Message(
    fields.RESOLVE,
    {"handle": "88.100.1/P7", "indexes": (), "types": ()},
    flags=FLAGS,
    envelope=Envelope(request=9),
)


def test_a_plain_query_is_read() -> None:
    query = read_query(encode(PLAIN))
    assert query is not None
    assert (query.handle, query.request, query.flags) == (b"88.100.1/P7", 9, FLAGS)


@pytest.mark.parametrize("credential", [b"", None])
@pytest.mark.parametrize("token", [{}, {"token": b""}])
@pytest.mark.parametrize("handle", ["88.100.1/P7", "", "壳体/1", "x/" + "y" * 900])
def test_a_hit_is_what_the_codec_would_write(
    handle: str, token: dict[str, bytes], credential: bytes | None
) -> None:
    envelope = Envelope(2, 3, 0, 2, 10, request=77)
    body = {"handle": handle, "indexes": (), "types": (), **token}
    asked = replace(PLAIN, body=body, envelope=envelope, recursion=3, credential=credential)
    query = read_query(encode(asked))
    assert query is not None
    given = hit(query, store_form((HIDDEN, URL)), 5, 1_800_000_000)
    answer = Message(
        fields.RESOLVE, {"handle": handle, "values": (URL,)}, fields.OK, FLAGS, 5, 3, 0,
        1_800_000_000, envelope=envelope,
    )  # fmt: skip
    assert given == encode(answer)


def test_a_refusal_is_what_the_codec_would_write() -> None:
    query = read_query(encode(PLAIN))
    assert query is not None
    found = decode(refusal(query, fields.NOT_FOUND, 1, 7))
    assert (found.operation, found.code, found.body) == (1, 100, {"message": ""})
    assert (found.envelope.request, found.flags, found.expires_s) == (9, FLAGS, 7)
    assert encode(found) == refusal(query, fields.NOT_FOUND, 1, 7)


def test_a_handle_whose_values_are_all_hidden_shows_none() -> None:
    query = read_query(encode(PLAIN))
    assert query is not None
    found = decode(hit(query, store_form((HIDDEN,)), 1, 7))
    assert (found.code, found.body) == (fields.VALUES_NOT_FOUND, {"message": ""})


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAIN, operation=fields.SITE_INFO, body={"handle": "/"}),
        replace(PLAIN, flags=FLAGS | fields.RETURN_DIGEST),
        replace(PLAIN, flags=FLAGS | fields.CERTIFY),
        replace(PLAIN, flags=FLAGS | fields.ENCRYPT),
        replace(PLAIN, flags=FLAGS | fields.TRUSTED_QUERY),
        replace(PLAIN, flags=FLAGS & ~fields.PUBLIC_ONLY),
        replace(PLAIN, credential=b"signed"),
        replace(PLAIN, envelope=Envelope(session=1)),
        replace(PLAIN, envelope=Envelope(flags=fields.ENCRYPTED)),
        replace(PLAIN, envelope=Envelope(flags=fields.TRUNCATED)),
        replace(PLAIN, body={"handle": "x", "indexes": (1,), "types": ()}),
        replace(PLAIN, body={"handle": "x", "indexes": (), "types": ("URL",)}),
        replace(PLAIN, body={"handle": "x", "indexes": (), "types": (), "token": b"t"}),
        replace(PLAIN, code=fields.OK, body={"handle": "x", "values": ()}),
    ],
)  # fmt: skip
def test_anything_else_takes_the_long_way(changed: Message) -> None:
    assert read_query(encode(changed)) is None


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_what_is_read_shortly_decodes_to_the_same(data: st.DataObject) -> None:
    raw = bytearray(encode(PLAIN))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw)
    query = read_query(cut)
    if query is None:
        return
    found = decode(cut)
    assert found.body["handle"].encode("utf-8", "surrogateescape") == query.handle
    assert (found.body["indexes"], found.body["types"]) == ((), ())
    assert (found.flags, found.recursion) == (query.flags, query.recursion)
    assert found.envelope.request == query.request


def test_stored_values_come_back() -> None:
    assert stored_values(store_form((HIDDEN, URL))) == (URL, HIDDEN)
    assert stored_values(store_form(())) == ()
    with pytest.raises(FrameError, match="not known"):
        stored_values(b"\x02" + bytes(8))
    with pytest.raises(FrameError):
        stored_values(store_form((URL,))[:-1])


@given(
    st.builds(
        Value,
        index=st.integers(0, 2**32 - 1),
        type=st.text(max_size=8),
        data=st.binary(max_size=20),
        ttl=st.integers(0, 2**32 - 1),
        ttl_type=st.integers(0, 1),
        permissions=st.integers(0, 15),
    )
)
def test_the_record_is_what_the_object_codec_writes(value: Value) -> None:
    raw = encode_values((value,))
    assert raw == codec.encode_values((value,))
    assert codec.decode_values(raw) == decode_values(raw)
