"""SM2 against the standard's printed example, and beside an implementation of other hands."""

import secrets

import pytest
from gmssl import func
from gmssl import sm3 as other_sm3
from gmssl.sm2 import CryptSM2

from millbrain.core import sm2
from tests.core.sm2_vectors import PRIVATE, PUBLIC, SEALED, R, S


def test_signature_of_gbt_32918_5() -> None:
    assert sm2.public_of(PRIVATE) == PUBLIC
    assert sm2.verify(PUBLIC, b"message digest", R, S)
    assert sm2.verify(b"\x04" + PUBLIC, b"message digest", R, S)
    assert sm2.verify(PUBLIC.hex().encode(), b"message digest", R, S)
    assert not sm2.verify(PUBLIC, b"message digesT", R, S)


def test_message_of_gbt_32918_5() -> None:
    # The x of this C1 begins with 04 itself: the byte that may stand before C1 is no proof of it.
    assert sm2.decrypt(PRIVATE, SEALED) == b"encryption standard"
    assert sm2.decrypt(PRIVATE, b"\x04" + SEALED) == b"encryption standard"


def test_refuses_what_the_standard_refuses() -> None:
    damaged = SEALED[:-1] + b"\x00"
    with pytest.raises(ValueError, match="C3"):
        sm2.decrypt(PRIVATE, damaged)
    with pytest.raises(ValueError, match="not a point"):
        sm2.decrypt(PRIVATE, bytes(130))
    with pytest.raises(ValueError, match="not a point"):
        sm2.verify(bytes(64), b"", R, S)
    grown = (int.from_bytes(R, "big") + sm2.N).to_bytes(33, "big")
    assert not sm2.verify(PUBLIC, b"message digest", grown, S)
    assert not sm2.verify(PUBLIC, b"message digest", bytes(32), S)


def test_digest_of_gbt_32905() -> None:
    """GB/T 32905-2016 annex A, examples 1 and 2."""
    one = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    two = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"
    assert (sm2.sm3(b"abc").hex(), sm2.sm3(b"abcd" * 15, b"abcd").hex()) == (one, two)


def test_another_implementation_accepts_what_is_signed() -> None:
    for message in (b"", b"x" * 1000):
        r, s = sm2.sign(PRIVATE, message)
        other = CryptSM2(PRIVATE.hex(), PUBLIC.hex())
        assert other.verify_with_sm3((r + s).hex(), message)
        signed = bytes.fromhex(other.sign_with_sm3(message, func.random_hex(64)))
        assert sm2.verify(PUBLIC, message, signed[:32], signed[32:])
        assert not sm2.verify(PUBLIC, message + b"!", signed[:32], signed[32:])


def test_another_implementation_opens_what_is_sealed() -> None:
    other = CryptSM2(PRIVATE.hex(), PUBLIC.hex(), mode=1)
    message = secrets.token_bytes(20)
    assert other.decrypt(sm2.encrypt(PUBLIC, message)) == message
    assert sm2.decrypt(PRIVATE, other.encrypt(message)) == message
    assert other_sm3.sm3_hash(list(message)) == sm2.sm3(message).hex()


def test_the_name_of_the_signer_is_signed() -> None:
    r, s = sm2.sign(PRIVATE, b"m", b"88.100.1/admin")
    assert sm2.verify(PUBLIC, b"m", r, s, b"88.100.1/admin")
    assert not sm2.verify(PUBLIC, b"m", r, s)


def test_new_keys_are_keys() -> None:
    key = sm2.new_private()
    r, s = sm2.sign(key, b"m")
    assert sm2.verify(sm2.public_of(key), b"m", r, s)
    assert not sm2.verify(PUBLIC, b"m", r, s)
    for bad in (bytes(32), sm2.N.to_bytes(32, "big"), b"\1" * 31):
        with pytest.raises(ValueError, match="32 below"):
            sm2.sign(bad, b"m")
