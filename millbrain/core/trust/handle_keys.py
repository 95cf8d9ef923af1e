"""The public keys that HS_PUBKEY values hold, read for whoever checks signatures with them.

::

    4 + n  kind, RSA_PUB_KEY or SM2_PUB_KEY
    2      reserved
    RSA    exponent and modulus, each behind its length; an empty array
    SM2    a public key in PEM, with or without its length before it

References
----------
Layouts of the reference library 9.3.1, and of the ID pointer SDK for SM2.
"""

import base64
import binascii
from typing import Final

from millbrain.core import sm2
from millbrain.core.errors import FrameError
from millbrain.core.trust.public_keys import RS256, SM2, PublicKey, encoded, read_key

RSA_KIND, SM2_KIND = b"RSA_PUB_KEY", b"SM2_PUB_KEY"
_PEM_HEAD, _PEM_TAIL = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
# SubjectPublicKeyInfo up to the point: id-ecPublicKey, curve 1.2.156.10197.1.301, 04 before x and y
_SM2_HEAD: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
_RESERVED_BYTES: Final = 2
_NUMBER_BYTES: Final = 32


def read(data: bytes) -> PublicKey:
    """Read the data of an HS_PUBKEY value.

    Raises
    ------
    FrameError
        With reason ``structure`` or ``truncated``: another kind of key, damaged, or too weak.
    """
    kind, rest = _part(data)
    rest = rest[_RESERVED_BYTES:]
    if kind == SM2_KIND:
        x, y = (encoded(n) for n in _halves(point(rest)))
        return read_key({"kty": "EC", "crv": "SM2", "x": x, "y": y})
    if kind != RSA_KIND:
        raise FrameError("structure", f"key of kind {kind[:40]!r}; RSA and SM2 can be verified")
    exponent, rest = _part(rest)
    modulus, _ = _part(rest)
    return read_key({"kty": "RSA", "n": encoded(modulus), "e": encoded(exponent)})


def write(key: PublicKey) -> bytes:
    """Return the data of an HS_PUBKEY value; the inverse of `read`."""
    if key.algorithm == SM2:
        raw = b"".join(n.to_bytes(_NUMBER_BYTES, "big") for n in key.numbers)
        return _sized(SM2_KIND) + bytes(_RESERVED_BYTES) + pem(raw)
    modulus, exponent = (_sized(n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in key.numbers)
    head = _sized(RSA_KIND) + bytes(_RESERVED_BYTES)
    return head + exponent + modulus + _sized(b"")


def point(text: bytes) -> bytes:
    """Return the point (x, y) of an SM2 key in PEM.

    Raises
    ------
    FrameError
        With reason ``structure``: there is none.
    """
    start = text.find(_PEM_HEAD)
    body = text[start + len(_PEM_HEAD) :].partition(_PEM_TAIL)[0]
    try:
        der = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error as error:
        raise FrameError("structure", f"SM2 key: {error}") from error
    found = der[len(_SM2_HEAD) :]
    if start not in (0, 4) or der[: len(_SM2_HEAD)] != _SM2_HEAD or not sm2.is_key(found):
        raise FrameError("structure", "SM2 key: no point of the curve in PEM")
    return found


def pem(public: bytes) -> bytes:
    """Return an SM2 key (x, y) in PEM."""
    line = base64.b64encode(_SM2_HEAD + public)
    return b"\n".join((_PEM_HEAD, line[:64], line[64:], _PEM_TAIL, b""))


def of_point(public: bytes) -> PublicKey:
    """Return the SM2 key of a point (x, y)."""
    x, y = (int.from_bytes(n, "big") for n in _halves(public))
    return PublicKey(SM2, (x, y))


def of_numbers(modulus: int, exponent: int) -> PublicKey:
    """Return the RSA key of its numbers."""
    return PublicKey(RS256, (modulus, exponent))


def _halves(public: bytes) -> tuple[bytes, bytes]:
    return public[:_NUMBER_BYTES], public[_NUMBER_BYTES:]


def _part(data: bytes) -> tuple[bytes, bytes]:
    """Return what stands behind a length, and the rest."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < end:
        raise FrameError("truncated", f"key of {len(data)} bytes; a part ends at {end}")
    return data[4:end], data[end:]


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
