"""What holds for any bytes at all that come to a session."""

import struct
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_MESSAGE_BYTES_MAX
from millbrain.identify.handle.sessions import exchange, sealing
from millbrain.identify.handle.sessions.exchange import SessionKey
from tests.identify.handle.sessions.client import envelope, header, rsa_key_bytes, text

KEYS = [SessionKey(3, bytes(range(16))), SessionKey(4, bytes(range(16)))]


def random(size: int) -> bytes:
    return bytes(n * 7 % 256 for n in range(size))


@cache
def mine() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


def message(body: bytes, section: bytes | None = None) -> bytes:
    tail = b"" if section is None else text(section)
    return envelope(0, 7, 9, header(1, 0, body) + tail)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=80), st.sampled_from(KEYS))
def test_what_is_sealed_opens_and_nothing_else_does(
    body: bytes, section: bytes, key: SessionKey
) -> None:
    whole = message(body, section)
    sealed = sealing.encrypted(whole, key, random)
    assert sealed[2] & 0x40
    assert (len(sealed) - 20) % 16 == 0
    assert sealing.opened(sealed, key) == whole
    signed = sealing.with_mac(whole, key.key, 5)
    assert sealing.counter_of(signed, key.key) == 5
    with pytest.raises(FrameError):
        sealing.counter_of(signed, b"another key")


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=44, max_size=400), st.sampled_from(KEYS))
def test_random_bytes_open_to_nothing_or_are_refused(packet: bytes, key: SessionKey) -> None:
    for work in (
        lambda: sealing.opened(packet, key),
        lambda: sealing.parts(packet),
        lambda: sealing.counter_of(packet, key.key),
    ):
        with_no_other_error(work)
    with pytest.raises(FrameError):  # nobody guesses a MAC
        sealing.counter_of(packet, key.key)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_breaks_the_mac(body: bytes, at: int, change: int) -> None:
    key = KEYS[0].key
    signed = bytearray(sealing.with_mac(message(body), key, 5))
    place = at % len(signed)
    signed[place] ^= change
    try:
        sealing.counter_of(bytes(signed), key)
    except FrameError:
        return
    # Flags but the suggested version, number of the packet and length are no part of the signature;
    # and a credential carries a handle and an index, zeros, that say nothing of who signed.
    end = 44 + len(body)
    free = {2, *range(12, 20), *range(end + 4, end + 12)}
    assert place in free


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2**32 - 1))
def test_random_keys_are_refused(data: bytes, size: int) -> None:
    for wire in (data, struct.pack(">I", size) + data):
        with_no_other_error(lambda w=wire: exchange.read_key(w))
        with_no_other_error(lambda w=wire: exchange.for_client(w, random))
        with_no_other_error(lambda w=wire: exchange.agreed(w, random))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 10**6), st.integers(0, 255))
def test_damaged_rsa_keys_seal_or_are_refused(a: int, x: int, b: int, y: int) -> None:
    data = bytearray(rsa_key_bytes(mine()))
    data[a % len(data)] = x
    data[b % len(data)] = y
    with_no_other_error(lambda: exchange.for_client(bytes(data), random))


def test_the_longest_message_opens() -> None:
    whole = message(bytes(HANDLE_MESSAGE_BYTES_MAX - 24 - 17))
    for key in KEYS:
        assert sealing.opened(sealing.encrypted(whole, key, random), key) == whole


def with_no_other_error(work: object) -> None:
    try:
        work()  # type: ignore[operator]
    except FrameError:
        return
