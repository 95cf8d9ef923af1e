"""Records of values: bytes by hand, both ways, and nothing but FrameError on any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.errors import FrameError
from millbrain.core.records import (
    TOMBSTONE,
    Administrator,
    Reference,
    Value,
    decode_values,
    encode_values,
    is_live,
    read_administrator,
    read_group,
    store_form,
    stored_values,
    write_administrator,
)

URL = Value(1, "URL", b"x://y", timestamp_s=2, references=(Reference("a/b", 3),))
URL_BYTES = bytes.fromhex(
    "00000001 00000001 00000002 00 00015180 0e 00000003 55524c 00000005 783a2f2f79"
    "00000001 00000003 612f62 00000003"
)
HIDDEN = Value(9, "KEY", b"", permissions=0x0C)


def test_a_value_is_written_as_the_protocol_has_it() -> None:
    assert encode_values((URL,)) == URL_BYTES
    assert decode_values(URL_BYTES) == (URL,)


def test_public_values_stand_first_and_ready_to_send() -> None:
    stored = store_form((HIDDEN, URL))
    assert stored[:5] == b"\x01" + len(URL_BYTES).to_bytes(4, "big")
    assert stored[5 : 5 + len(URL_BYTES)] == URL_BYTES
    assert stored_values(stored) == (URL, HIDDEN)


def test_a_tombstone_is_no_record() -> None:
    assert is_live(store_form(()))
    assert not is_live(TOMBSTONE)
    assert not is_live(None)


def test_an_administrator_with_the_slack_of_old_writers() -> None:
    raw = bytes.fromhex("0fff 00000003 612f62 0000012c")
    found = Administrator(0xFFF, Reference("a/b", 300))
    assert read_administrator(raw) == found == read_administrator(raw + bytes(2))
    assert write_administrator(found) == raw
    assert read_group(bytes.fromhex("00000001 00000003 612f62 0000012c")) == (found.identity,)


def test_a_number_that_does_not_fit_is_named() -> None:
    with pytest.raises(FrameError, match=r"value 4294967296 of type 'URL'"):
        encode_values((Value(1 << 32, "URL", b""),))


@given(st.binary(max_size=120))
def test_any_bytes_give_values_or_a_frame_error(raw: bytes) -> None:
    for read in (decode_values, stored_values, read_administrator, read_group):
        try:
            read(raw)
        except FrameError:
            continue
