"""Public keys as certificates name them (JSON web keys), and signatures checked with them.

RSA with PKCS#1 v1.5 and SHA-256 (RS256), which the reference library signs with; SM2 with SM3 as
``SM2``, which is this platform's name for it: no standard has given it one. Checking a signature
handles nothing secret, so whole numbers do.

References
----------
RFC 7517, RFC 7518 3.3 and 6.3; RFC 8017 8.2.2.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core import sm2
from millbrain.core.errors import FrameError

RS256, SM2 = "RS256", "SM2"
_RSA_BITS_MIN, _RSA_BITS_MAX = 2048, 8192
_NUMBER_BYTES: Final = 32
# DER of DigestInfo for SHA-256 before the digest (RFC 8017 9.2, note 1)
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures; algorithm: RS256 or SM2.

    numbers: modulus and exponent, or x and y.
    """

    algorithm: str
    numbers: tuple[int, int]

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether the private half of this key signed `text`."""
        if self.algorithm == SM2:
            point = b"".join(n.to_bytes(_NUMBER_BYTES, "big") for n in self.numbers)
            half = len(signature) // 2
            return len(signature) == 2 * _NUMBER_BYTES and sm2.verify(
                point, text, signature[:half], signature[half:]
            )
        modulus, exponent = self.numbers
        size = (modulus.bit_length() + 7) // 8
        number = int.from_bytes(signature, "big")
        if len(signature) != size or number >= modulus:
            return False
        info = _DIGEST_INFO + hashlib.sha256(text).digest()
        wanted = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
        return hmac.compare_digest(pow(number, exponent, modulus).to_bytes(size, "big"), wanted)

    @property
    def jwk(self) -> dict[str, str]:
        """The key as JSON: kty RSA with n and e, or EC with curve SM2."""
        if self.algorithm == SM2:
            x, y = (encoded(n.to_bytes(_NUMBER_BYTES, "big")) for n in self.numbers)
            return {"kty": "EC", "crv": "SM2", "x": x, "y": y}
        n, e = (encoded(v.to_bytes((v.bit_length() + 7) // 8, "big")) for v in self.numbers)
        return {"kty": "RSA", "n": n, "e": e}


def read_key(jwk: Any) -> PublicKey:
    """Read a JSON web key.

    Raises
    ------
    FrameError
        With reason ``structure``: another kind, damaged, or too weak.
    """
    if not isinstance(jwk, Mapping):
        raise FrameError("structure", "publicKey: a JSON web key was expected")
    kind, curve = jwk.get("kty"), jwk.get("crv")
    if kind == "RSA":
        modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
        bits = modulus.bit_length()
        is_odd = modulus & exponent & 1
        if not _RSA_BITS_MIN <= bits <= _RSA_BITS_MAX or not is_odd or not 3 <= exponent < 1 << 33:
            raise FrameError("structure", f"RSA key of {bits} bits with exponent {exponent}")
        return PublicKey(RS256, (modulus, exponent))
    if kind == "EC" and curve == "SM2":
        key = PublicKey(SM2, (_number(jwk, "x"), _number(jwk, "y")))
        if any(n >> 8 * _NUMBER_BYTES for n in key.numbers) or not sm2.is_key(
            b"".join(n.to_bytes(_NUMBER_BYTES, "big") for n in key.numbers)
        ):
            raise FrameError("structure", "SM2 key: not a point of the curve")
        return key
    raise FrameError(
        "structure", f"key of kind {kind!r} {curve or ''}; RSA and EC on SM2 are known"
    )


def _number(jwk: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(decoded(jwk.get(name), name), "big")


def encoded(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: Any, what: str) -> bytes:
    """Read base64url without padding.

    Raises
    ------
    FrameError
        It is none; `what` names the place.
    """
    if not isinstance(text, str) or not text.isascii():
        raise FrameError("structure", f"{what}: base64url was expected")
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise FrameError("structure", f"{what}: {error}") from error
