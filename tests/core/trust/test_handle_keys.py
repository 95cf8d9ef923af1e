"""Keys of HS_PUBKEY values: those of the reference library, and what must not pass."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core import sm2
from millbrain.core.errors import FrameError
from millbrain.core.trust import handle_keys

KEY = rsa.generate_private_key(65_537, 2048)
PUBLIC = handle_keys.of_numbers(KEY.public_key().public_numbers().n, 65_537)


def test_a_key_that_the_reference_library_wrote(shared_data: Path) -> None:
    listed = json.loads((shared_data / "ident/handle-vectors.json").read_text("utf-8"))["vectors"]
    vectors = {v["name"]: bytes.fromhex(v["hex"]) for v in listed}
    other = load_der_public_key(vectors["data.hs_pubkey.rsa.x509"])
    assert isinstance(other, rsa.RSAPublicKey)
    found = handle_keys.read(vectors["data.hs_pubkey.rsa"])
    assert found.numbers == (other.public_numbers().n, other.public_numbers().e)
    assert handle_keys.write(found) == vectors["data.hs_pubkey.rsa"]


def test_rsa_signatures_are_checked_as_openssl_does() -> None:
    signed = KEY.sign(b"text", padding.PKCS1v15(), SHA256())
    assert PUBLIC.verifies(b"text", signed)
    assert not PUBLIC.verifies(b"Text", signed)
    assert not PUBLIC.verifies(b"text", KEY.sign(b"text", padding.PKCS1v15(), SHA1()))
    for at in (0, 100, 255):
        broken = bytearray(signed)
        broken[at] ^= 1
        assert not PUBLIC.verifies(b"text", bytes(broken))
    bigger = int.from_bytes(signed, "big") + PUBLIC.numbers[0]
    assert not PUBLIC.verifies(b"text", bigger.to_bytes(257, "big"))
    assert not PUBLIC.verifies(b"text", b"\0" + signed)
    assert not PUBLIC.verifies(b"text", b"")


def test_sm2_keys_there_and_back() -> None:
    point = sm2.public_of(sm2.new_private())
    key = handle_keys.of_point(point)
    assert handle_keys.read(handle_keys.write(key)) == key
    assert handle_keys.point(handle_keys.pem(point)) == point


@pytest.mark.parametrize("size", [1024, 1536])
def test_short_keys_are_refused(size: int) -> None:
    short = rsa.generate_private_key(65_537, size).public_key().public_numbers()
    with pytest.raises(FrameError, match=f"{size} bits"):
        handle_keys.read(handle_keys.write(handle_keys.of_numbers(short.n, short.e)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_or_a_frame_error(data: bytes) -> None:
    for head in (b"", b"\0\0\0\x0bRSA_PUB_KEY\0\0", b"\0\0\0\x0bSM2_PUB_KEY\0\0"):
        try:
            handle_keys.read(head + data)
        except FrameError:
            continue
