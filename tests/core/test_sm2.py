"""SM2 against the standard's printed example, and beside an implementation of other hands."""

import secrets

import pytest
from gmssl import func
from gmssl import sm3 as other_sm3
from gmssl.sm2 import CryptSM2

from millbrain.core import sm2

# GB/T 32918.5-2017 annexes A and C: one key pair, a signature and a sealed message.
PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
R = bytes.fromhex("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3")
S = bytes.fromhex("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA")
SEALED = bytes.fromhex(
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)


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
