"""Challenge and response: the reference library's own signatures, and what must not pass."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_KEY_ROUNDS_MAX
from millbrain.identify.handle import challenge
from millbrain.identify.handle.codec import decode, encode_data
from millbrain.identify.handle.records import PublicKey

NONCE, DIGEST = bytes(range(16)), bytes(range(32))


@pytest.fixture(scope="module")
def vectors(shared_data: Path) -> dict[str, bytes]:
    listed = json.loads((shared_data / "ident/handle-vectors.json").read_text("utf-8"))["vectors"]
    return {v["name"]: bytes.fromhex(v["hex"]) for v in listed}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


def asked(vectors: dict[str, bytes]) -> tuple[bytes, bytes]:
    found = decode(vectors["res.challenge"])
    assert found.digest is not None
    return found.body["nonce"], found.digest[1]


# The reference library's bytes ------------------------------------------------------------------


def test_the_digest_of_the_challenged_request(vectors: dict[str, bytes]) -> None:
    packet = bytes(20) + vectors["req.create.challenged"]
    assert challenge.request_digest(packet) == asked(vectors)[1]


def test_its_rsa_answer_is_right(vectors: dict[str, bytes]) -> None:
    response = decode(vectors["req.challenge_answer.rsa"]).body["response"]
    data = vectors["data.hs_pubkey.rsa"]
    nonce, digest = asked(vectors)
    assert challenge.verify(data, response, nonce, digest)
    assert not challenge.verify(data, response, nonce[::-1], digest)
    assert not challenge.verify(data, response, nonce, digest[::-1])


def test_its_secret_key_answer_is_right(vectors: dict[str, bytes]) -> None:
    response = decode(vectors["req.challenge_answer.seckey"]).body["response"]
    secret = vectors["seckey.data"]
    nonce, digest = asked(vectors)
    assert challenge.verify_secret(secret, response, nonce, digest)
    assert not challenge.verify_secret(b"S3cret", response, nonce, digest)
    salt = response[5:21]
    assert challenge.sign_secret(secret, nonce, digest, salt) == response


def test_its_key_is_the_same_key_in_both_encodings(vectors: dict[str, bytes]) -> None:
    der = vectors["data.hs_pubkey.rsa.x509"]
    loaded = challenge.load_key(vectors["data.hs_pubkey.rsa"])
    assert loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == der
    other = load_der_public_key(der)
    assert isinstance(other, rsa.RSAPublicKey)
    assert challenge.key_data(other) == vectors["data.hs_pubkey.rsa"]


# Without recordings -----------------------------------------------------------------------------


def test_what_is_signed_verifies_and_nothing_else(key: rsa.RSAPrivateKey) -> None:
    data = challenge.key_data(key.public_key())
    response = challenge.sign(key, NONCE, DIGEST)
    assert response.startswith(b"\0\0\0\x07SHA-256\0\0\x01\0")
    assert challenge.verify(data, response, NONCE, DIGEST)
    for wrong in (response[:-1], response + b"\0", response.replace(b"SHA-256", b"SHA-1xx"), b""):
        assert not challenge.verify(data, wrong, NONCE, DIGEST)
    for at in (11, len(response) - 1):
        flipped = bytearray(response)
        flipped[at] ^= 1
        assert not challenge.verify(data, bytes(flipped), NONCE, DIGEST)


def test_weak_and_foreign_keys_are_refused() -> None:
    short = rsa.generate_private_key(65_537, 1024)
    data = challenge.key_data(short.public_key())
    with pytest.raises(FrameError, match="1024 bits"):
        challenge.load_key(data)
    assert not challenge.verify(data, challenge.sign(short, NONCE, DIGEST), NONCE, DIGEST)
    with pytest.raises(FrameError, match="SM2_PUB_KEY"):
        challenge.load_key(encode_data("HS_PUBKEY", PublicKey("SM2_PUB_KEY")))
    even = PublicKey(challenge.RSA, exponent=b"\x02", modulus=b"\x01" + bytes(256))
    with pytest.raises(FrameError, match="RSA key"):
        challenge.load_key(encode_data("HS_PUBKEY", even))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"\x02"),  # a bare hash, no key stretching
        (0, b"\x12"),
        (21, (HANDLE_KEY_ROUNDS_MAX + 1).to_bytes(4, "big")),
        (21, bytes(4)),
        (25, (1 << 20).to_bytes(4, "big")),
        (25, b"\0\0\0\x07"),
        (29, b"\0\0\0\xff"),
    ],
)
def test_forged_secret_answers_are_refused_without_work(at: int, value: bytes) -> None:
    response = bytearray(challenge.sign_secret(b"secret", NONCE, DIGEST, bytes(16), 10))
    assert challenge.verify_secret(b"secret", bytes(response), NONCE, DIGEST)
    response[at : at + len(value)] = value
    assert not challenge.verify_secret(b"secret", bytes(response), NONCE, DIGEST)


def test_pbkdf2_by_published_numbers() -> None:
    """RFC 6070 test 2: "password", "salt", two rounds, 20 bytes; the MAC over it by the library."""
    key = bytes.fromhex("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957")
    response = challenge.sign_secret(b"password", NONCE, DIGEST, b"salt", 2)
    assert response[-20:] == hmac.new(key, NONCE + DIGEST, hashlib.sha1).digest()
