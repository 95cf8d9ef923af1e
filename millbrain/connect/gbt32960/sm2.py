"""SM2 (GB/T 32918-2016) with the checks that the standard asks for.

Point arithmetic is `gmssl`'s and the SM3 digest is `cryptography`'s. Of `gmssl` only the arithmetic
is used: its `decrypt` does not check C3, its `verify` takes r and s of any size, and its
constructor strips every leading 0 and 4 of a public key. A call takes some milliseconds: enough for
logins, key exchange and spot checks, not for every frame of a city.
"""

import hmac
import secrets
from typing import Any, Final

P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A: Final = P - 3
B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G: Final = bytes.fromhex(
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)
USER_ID: Final = b"1234567812345678"  # GB/T 35276-2017 clause 10: the default user id
_NUMBER_BYTES: Final = 32
_POINT_BYTES: Final = 64


def bare_point(key: bytes) -> bytes | None:
    """Return the 64 bytes (x, y) of a raw public key: bare, after a 04, or either as hex."""
    if len(key) in (2 * _POINT_BYTES, 2 * _POINT_BYTES + 2):
        try:
            key = bytes.fromhex(key.decode("ascii"))
        except ValueError:
            return None
    if len(key) == _POINT_BYTES + 1 and key[0] == 4:
        key = key[1:]
    return key if len(key) == _POINT_BYTES else None


def verify(public: bytes, message: bytes, r: bytes, s: bytes) -> bool:
    """Whether (r, s) signs `message` [bytes] under the public key (GB/T 32918.2 clause 7).

    Raises
    ------
    ValueError
        Where `public` is not a point of the curve.

    """
    point = _checked_point(bare_point(public))
    r_number, s_number = int.from_bytes(r, "big"), int.from_bytes(s, "big")
    if not (1 <= r_number < N and 1 <= s_number < N) or (r_number + s_number) % N == 0:
        return False
    text = f"{r_number:064x}{s_number:064x}"
    return bool(_curve(point).verify(text, _digest(point, message)))


def sign(private: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Return (r, s) of `message` under a private key, 32 bytes each."""
    key = _private(private)
    point = _multiply(key, G)
    curve = _curve(point)
    curve.private_key = f"{key:064x}"
    while True:
        text = curve.sign(_digest(point, message), f"{1 + secrets.randbelow(N - 1):064x}")
        if text:
            raw = bytes.fromhex(text)
            return raw[:_NUMBER_BYTES], raw[_NUMBER_BYTES:]


def encrypt(public: bytes, message: bytes) -> bytes:
    """Return C1 C3 C2 of `message` for the owner of `public` (GB/T 32918.4 clause 6)."""
    point = _checked_point(bare_point(public))
    secret = 1 + secrets.randbelow(N - 1)
    shared = _multiply(secret, point)
    return _multiply(secret, G) + _tag(shared, message) + _masked(shared, message)


def decrypt(private: bytes, sealed: bytes) -> bytes:
    """Return the message of C1 C3 C2, with or without 04 before C1 (GB/T 32918.4 clause 7).

    Raises
    ------
    ValueError
        Where C1 is not on the curve or C3 does not agree: another key, or damaged.

    """
    if len(sealed) > _POINT_BYTES and sealed[0] == 4 and not _is_on_curve(sealed[:_POINT_BYTES]):
        sealed = sealed[1:]
    point = _checked_point(sealed[:_POINT_BYTES])
    tag = sealed[_POINT_BYTES : _POINT_BYTES + _NUMBER_BYTES]
    shared = _multiply(_private(private), point)
    message = _masked(shared, sealed[_POINT_BYTES + _NUMBER_BYTES :])
    if not hmac.compare_digest(tag, _tag(shared, message)):
        raise ValueError("C3 does not agree; the key is another or the unit is damaged")
    return message


def public_of(private: bytes) -> bytes:
    """Return the public key (x, y) of a private key."""
    return _multiply(_private(private), G)


def _private(key: bytes) -> int:
    if len(key) == 2 * _NUMBER_BYTES:
        key = bytes.fromhex(key.decode("ascii"))
    number = int.from_bytes(key, "big")
    if len(key) != _NUMBER_BYTES or not 1 <= number < N - 1:
        raise ValueError(f"private key has {len(key)} bytes, expected 32 below the curve's order")
    return number


def _is_on_curve(point: bytes) -> bool:
    x = int.from_bytes(point[:_NUMBER_BYTES], "big")
    y = int.from_bytes(point[_NUMBER_BYTES:], "big")
    return x < P and y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def _checked_point(point: bytes | None) -> bytes:
    if point is None or len(point) != _POINT_BYTES or not _is_on_curve(point):
        raise ValueError("public key or C1 is not a point of the SM2 curve")
    return point


def _curve(point: bytes) -> Any:
    from gmssl.sm2 import CryptSM2

    curve = CryptSM2("", "")
    curve.public_key = point.hex()
    return curve


def _multiply(number: int, point: bytes) -> bytes:
    return bytes.fromhex(_curve(point)._kg(number, point.hex()))  # noqa: SLF001 - no public name


def _sm3(*parts: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes

    digest = hashes.Hash(hashes.SM3())
    for part in parts:
        digest.update(part)
    return digest.finalize()


def _digest(point: bytes, message: bytes) -> bytes:
    """Digest of Z and the message; Z binds user id, curve and key (GB/T 32918.2 clause 5.5)."""
    bits = (8 * len(USER_ID)).to_bytes(2, "big")
    constants = b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in (A, B))
    return _sm3(_sm3(bits, USER_ID, constants, G, point), message)


def _masked(shared: bytes, message: bytes) -> bytes:
    blocks = range(1, len(message) // _NUMBER_BYTES + 2)
    stream = b"".join(_sm3(shared, n.to_bytes(4, "big")) for n in blocks)
    return bytes(a ^ b for a, b in zip(message, stream, strict=False))


def _tag(shared: bytes, message: bytes) -> bytes:
    return _sm3(shared[:_NUMBER_BYTES], message, shared[_NUMBER_BYTES:])
