"""Proof of identity: what a client signs after a challenge, and how it is verified.

A server that wants to know who asks answers with code 402, the digest of the request and a nonce.
The client signs nonce and digest with the key that a value of its own handle holds and sends the
result in operation 200. Pure functions; nonces and salts come from the caller, who also sees to it
that a challenge is answered once and in time.

References
----------
RFC 3652 3.5; the layouts are those of the reference library 9.3.1, since the RFC leaves them open,
and for SM2 those of the ID pointer SDK.
"""

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from millbrain.core import sm2
from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_KEY_ROUNDS_MAX
from millbrain.core.trust import handle_keys
from millbrain.identify.handle.codec import decode_data, encode_data
from millbrain.identify.handle.fields import (
    DIGEST_SHA256,
    DIGESTS,
    ENVELOPE_BYTES,
    HEADER_BYTES,
)
from millbrain.identify.handle.records import PublicKey, number
from millbrain.identify.handle.walk import Blob, Fixed, Parts, Reader, Text, Writer

PUBLIC_KEY: Final = "HS_PUBKEY"
NONCE_BYTES: Final = 16
SALT_BYTES: Final = 16
ROUNDS: Final = 10_000
KEY_BITS: Final = 160
KEY_BITS_MAX: Final = 512
RSA: Final = "RSA_PUB_KEY"
_RSA_BITS_MIN: Final = 2048  # shorter keys are refused, as the reference library does
_RSA_TAIL: Final = bytes(4)  # an empty array stands behind the modulus
_ALGORITHM: Final = "SHA-256"
SM2: Final = "SM2_PUB_KEY"
_SM3: Final = "SM3"
_PBKDF2_HMAC_SHA1: Final = 0x22

_SIGNED: Final[Parts] = (Text("algorithm", "algorithm", "算法"), Blob("signature", "sig", "签名"))
_SECRET: Final[Parts] = (
    Fixed("kind", 1, "kind", "类型"),
    Blob("salt", "salt", "盐"),
    number("rounds", "D", "rounds", "迭代次数"),
    number("bits", "D", "bits of the key", "密钥位数"),
    Blob("mac", "MAC", "消息验证码"),
)


def request_digest(packet: bytes, algorithm: int = DIGEST_SHA256) -> bytes:
    """Return the digest of a request: its header and body, without envelope and credential.

    Parameters
    ----------
    packet
        A whole message with its envelope.
    algorithm
        Number in `fields.DIGESTS`.
    """
    size = int.from_bytes(packet[ENVELOPE_BYTES + 20 : ENVELOPE_BYTES + HEADER_BYTES], "big")
    asked = packet[ENVELOPE_BYTES : ENVELOPE_BYTES + HEADER_BYTES + size]
    return hashlib.new(DIGESTS[algorithm][0], asked, usedforsecurity=False).digest()


# Key pairs --------------------------------------------------------------------------------------


def sign(key: RSAPrivateKey, nonce: bytes, digest: bytes) -> bytes:
    """Return the signed response to a challenge: PKCS#1 v1.5 with SHA-256 over nonce and digest."""
    signature = key.sign(nonce + digest, padding.PKCS1v15(), SHA256())
    return Writer().write(_SIGNED, {"algorithm": _ALGORITHM, "signature": signature})


def verify(key_data: bytes, response: bytes, nonce: bytes, digest: bytes, signer: str = "") -> bool:
    """Whether the response was signed with the private half of the key in `key_data`.

    Parameters
    ----------
    key_data
        Data of a value of type HS_PUBKEY.
    response
        Signed response of operation 200.
    signer
        Handle of the identity, which is its name in SM2 signatures.

    Returns
    -------
    bool
        False for wrong signatures, weak or unknown algorithms and bytes that are none of these.
    """
    try:
        found = Reader(response).read(_SIGNED)
        if "rest" in found:
            return False
        if is_sm2(key_data):
            return found["algorithm"] == _SM3 and _verify_sm2(
                load_sm2(key_data), found["signature"], nonce + digest, signer
            )
        if found["algorithm"] != _ALGORITHM:
            return False
        key = load_key(key_data)
        key.verify(found["signature"], nonce + digest, padding.PKCS1v15(), SHA256())
    except (FrameError, InvalidSignature):
        return False
    return True


def load_key(key_data: bytes) -> RSAPublicKey:
    """Return the public key in the data of an HS_PUBKEY value.

    Raises
    ------
    FrameError
        With reason ``structure``: another kind of key, a damaged one, or one shorter than 2048
        bits.
    """
    found = decode_data("HS_PUBKEY", key_data)
    if found.kind != RSA:
        raise FrameError("structure", f"key of kind {found.kind!r}, {RSA} can be verified")
    exponent, modulus = (int.from_bytes(n, "big") for n in (found.exponent, found.modulus))
    if modulus.bit_length() < _RSA_BITS_MIN:
        bits = modulus.bit_length()
        raise FrameError("structure", f"RSA key of {bits} bits, at least {_RSA_BITS_MIN} allowed")
    try:
        return RSAPublicNumbers(exponent, modulus).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FrameError("structure", f"RSA key: {error}") from error


def key_data(key: RSAPublicKey) -> bytes:
    """Return the data of an HS_PUBKEY value; the inverse of `load_key`."""
    numbers = key.public_numbers()
    record = PublicKey(
        RSA,
        exponent=_signed_bytes(numbers.e),
        modulus=_signed_bytes(numbers.n),
        parameters=_RSA_TAIL,
    )
    return encode_data("HS_PUBKEY", record)


def _signed_bytes(value: int) -> bytes:
    """Return a positive number big-endian with room for its sign bit."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def is_sm2(key_data: bytes) -> bool:
    """Whether the data of an HS_PUBKEY value say that they hold an SM2 key."""
    return key_data[4:].startswith(SM2.encode()) and key_data[:4] == len(SM2).to_bytes(4, "big")


def sign_sm2(private: bytes, nonce: bytes, digest: bytes, signer: str) -> bytes:
    """Return the signed response to a challenge with an SM2 key: over SM3 of nonce and digest.

    Parameters
    ----------
    private
        32 bytes.
    signer
        Handle of the identity, which the signature takes for its name.
    """
    name = signer.encode("utf-8", "surrogateescape")
    r, s = (int.from_bytes(n, "big") for n in sm2.sign(private, sm2.sm3(nonce, digest), name))
    signed = {"algorithm": _SM3, "signature": encode_dss_signature(r, s)}
    return Writer().write(_SIGNED, signed)


def _verify_sm2(public: bytes, signature: bytes, text: bytes, signer: str) -> bool:
    try:
        r, s = (n.to_bytes(32, "big") for n in decode_dss_signature(signature))
    except (ValueError, OverflowError):
        return False
    return sm2.verify(public, sm2.sm3(text), r, s, signer.encode("utf-8", "surrogateescape"))


def load_sm2(key_data: bytes) -> bytes:
    """Return the SM2 key (x, y) in the data of an HS_PUBKEY value: PEM, with or without a length.

    Raises
    ------
    FrameError
        With reason ``structure``: another kind of key, or a damaged one.
    """
    found = decode_data("HS_PUBKEY", key_data)
    if found.kind != SM2:
        raise FrameError("structure", f"key of kind {found.kind!r}, {SM2} was expected")
    return handle_keys.point(found.parameters)


def sm2_key_data(public: bytes) -> bytes:
    """Return the data of an HS_PUBKEY value with an SM2 key (x, y); the inverse of `load_sm2`."""
    return handle_keys.write(handle_keys.of_point(public))


# Shared secrets ---------------------------------------------------------------------------------


def sign_secret(
    secret: bytes, nonce: bytes, digest: bytes, salt: bytes, rounds: int = ROUNDS
) -> bytes:
    """Return the response to a challenge with a shared secret.

    Parameters
    ----------
    secret
        Data of the HS_SECKEY value.
    salt
        Random bytes, 16 by custom.
    rounds
        PBKDF2 rounds.
    """
    mac = _mac(secret, salt, rounds, KEY_BITS, nonce + digest)
    kind = bytes((_PBKDF2_HMAC_SHA1,))
    values = {"kind": kind, "salt": salt, "rounds": rounds, "bits": KEY_BITS, "mac": mac}
    return Writer().write(_SECRET, values)


def verify_secret(secret: bytes, response: bytes, nonce: bytes, digest: bytes) -> bool:
    """Whether the response was made with `secret`.

    False too for older kinds without key stretching, and for rounds or bits beyond the limits: the
    client chooses them and the server has to work them off.
    """
    try:
        found = Reader(response).read(_SECRET)
    except FrameError:
        return False
    rounds, bits = found["rounds"], found["bits"]
    if found["kind"] != bytes((_PBKDF2_HMAC_SHA1,)) or "rest" in found:
        return False
    if not 1 <= rounds <= HANDLE_KEY_ROUNDS_MAX or not 8 <= bits <= KEY_BITS_MAX or bits % 8:
        return False
    wanted = _mac(secret, found["salt"], rounds, bits, nonce + digest)
    return hmac.compare_digest(wanted, found["mac"])


def _mac(secret: bytes, salt: bytes, rounds: int, bits: int, text: bytes) -> bytes:
    key = hashlib.pbkdf2_hmac("sha1", secret, salt, rounds, bits // 8)
    return hmac.digest(key, text, "sha1")
