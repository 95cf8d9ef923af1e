"""SM2, the elliptic-curve algorithms of GB/T 32918-2016: signatures and sealing, with its checks.

For whoever speaks a Chinese protocol: GB/T 32960 units and keys, proofs of identity and
certificates of the identifier system. `cryptography` has SM3 and SM4 and not this curve, and what
else there is for Python leaves out checks that the standard asks for, so the arithmetic is here, on
whole numbers; SM3 comes from the standard library's OpenSSL.

Verifying and sealing handle nothing secret. Signing and opening do, and Python's arithmetic takes a
time that depends on the numbers: use them where nobody can measure many of them closely (a test, a
command, a log-in), not as a signing service for strangers. A call takes some milliseconds.
"""

import hashlib
import hmac
import secrets
from typing import Final

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
_WINDOW_BITS: Final = 4

Point = tuple[int, int, int]  # Jacobian: x / z^2, y / z^3; z = 0 is the point at infinity
_NOWHERE: Final[Point] = (1, 1, 0)


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


def is_key(point: bytes) -> bool:
    """Whether 64 bytes (x, y) are a public key: a point of the curve."""
    return len(point) == _POINT_BYTES and _is_on_curve(point)


def verify(public: bytes, message: bytes, r: bytes, s: bytes, user_id: bytes = USER_ID) -> bool:
    """Whether (r, s) signs `message` [bytes] under the public key (GB/T 32918.2 clause 7).

    Parameters
    ----------
    user_id
        What the signer calls itself; it is signed with the message.

    Raises
    ------
    ValueError
        Where `public` is not a point of the curve.

    """
    point = _checked_point(bare_point(public))
    r_number, s_number = int.from_bytes(r, "big"), int.from_bytes(s, "big")
    both = (r_number + s_number) % N
    if not (1 <= r_number < N and 1 <= s_number < N) or both == 0:
        return False
    found = _added(_times(s_number, _read(G)), _times(both, _read(point)))
    if found[2] == 0:
        return False
    x = int.from_bytes(_written(found)[:_NUMBER_BYTES], "big")
    return (_digest(point, message, user_id) + x) % N == r_number


def sign(private: bytes, message: bytes, user_id: bytes = USER_ID) -> tuple[bytes, bytes]:
    """Return (r, s) of `message` under a private key, 32 bytes each."""
    key = _private(private)
    digest = _digest(_multiply(key, G), message, user_id)
    while True:
        secret = 1 + secrets.randbelow(N - 1)
        r = (digest + int.from_bytes(_multiply(secret, G)[:_NUMBER_BYTES], "big")) % N
        s = pow(1 + key, -1, N) * (secret - r * key) % N
        if r and s and r + secret != N:
            return r.to_bytes(_NUMBER_BYTES, "big"), s.to_bytes(_NUMBER_BYTES, "big")


def encrypt(public: bytes, message: bytes) -> bytes:
    """Return C1 C3 C2 of `message` for the owner of `public` (GB/T 32918.4 clause 6)."""
    point = _checked_point(bare_point(public))
    while True:
        secret = 1 + secrets.randbelow(N - 1)
        shared = _multiply(secret, point)
        sealed = _masked(shared, message)
        if not message or any(_masked(shared, bytes(len(message)))):
            return _multiply(secret, G) + _tag(shared, message) + sealed


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


def new_private() -> bytes:
    """Return a new private key, 32 bytes."""
    return (1 + secrets.randbelow(N - 2)).to_bytes(_NUMBER_BYTES, "big")


def public_of(private: bytes) -> bytes:
    """Return the public key (x, y) of a private key."""
    return _multiply(_private(private), G)


def sm3(*parts: bytes) -> bytes:
    """Return the SM3 digest (GB/T 32905-2016) of the parts put together."""
    digest = hashlib.new("sm3")
    for part in parts:
        digest.update(part)
    return digest.digest()


def _private(key: bytes) -> int:
    if len(key) == 2 * _NUMBER_BYTES:
        key = bytes.fromhex(key.decode("ascii"))
    number = int.from_bytes(key, "big")
    if len(key) != _NUMBER_BYTES or not 1 <= number < N - 1:
        raise ValueError(f"private key has {len(key)} bytes, expected 32 below the curve's order")
    return number


def _is_on_curve(point: bytes) -> bool:
    x, y, _ = _read(point)
    return x < P and y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def _checked_point(point: bytes | None) -> bytes:
    if point is None or not is_key(point):
        raise ValueError("public key or C1 is not a point of the SM2 curve")
    return point


def _digest(point: bytes, message: bytes, user_id: bytes) -> int:
    """Digest of Z and the message; Z binds user id, curve and key (GB/T 32918.2 clause 5.5)."""
    bits = (8 * len(user_id)).to_bytes(2, "big")
    constants = b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in (A, B))
    return int.from_bytes(sm3(sm3(bits, user_id, constants, G, point), message), "big")


def _masked(shared: bytes, message: bytes) -> bytes:
    blocks = range(1, len(message) // _NUMBER_BYTES + 2)
    stream = b"".join(sm3(shared, n.to_bytes(4, "big")) for n in blocks)
    return bytes(a ^ b for a, b in zip(message, stream, strict=False))


def _tag(shared: bytes, message: bytes) -> bytes:
    return sm3(shared[:_NUMBER_BYTES], message, shared[_NUMBER_BYTES:])


# Points -----------------------------------------------------------------------------------------


def _read(point: bytes) -> Point:
    x, y = point[:_NUMBER_BYTES], point[_NUMBER_BYTES:]
    return int.from_bytes(x, "big"), int.from_bytes(y, "big"), 1


def _written(point: Point) -> bytes:
    x, y, z = point
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    affine = (x * square % P, y * square % P * inverse % P)
    return b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in affine)


def _multiply(number: int, point: bytes) -> bytes:
    return _written(_times(number, _read(point)))


def _times(number: int, point: Point) -> Point:
    """Return `number` times `point`, four bits at a time."""
    multiples = [_NOWHERE, point]
    for _ in range((1 << _WINDOW_BITS) - 2):
        multiples.append(_added(multiples[-1], point))
    found = _NOWHERE
    for at in range(_NUMBER_BYTES * 8 - _WINDOW_BITS, -1, -_WINDOW_BITS):
        for _ in range(_WINDOW_BITS):
            found = _doubled(found)
        found = _added(found, multiples[number >> at & (1 << _WINDOW_BITS) - 1])
    return found


def _doubled(point: Point) -> Point:
    """Return twice a point, for a = -3 (dbl-2001-b of the explicit-formulas database)."""
    x, y, z = point
    delta, gamma = z * z % P, y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x_new = (alpha * alpha - 8 * beta) % P
    z_new = ((y + z) * (y + z) - gamma - delta) % P
    return x_new, (alpha * (4 * beta - x_new) - 8 * gamma * gamma) % P, z_new


def _added(one: Point, other: Point) -> Point:
    """Return the sum of two points (add-2007-bl of the explicit-formulas database)."""
    if one[2] == 0:
        return other
    if other[2] == 0:
        return one
    (x1, y1, z1), (x2, y2, z2) = one, other
    z1_square, z2_square = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2_square % P, x2 * z1_square % P
    s1, s2 = y1 * z2 * z2_square % P, y2 * z1 * z1_square % P
    if u1 == u2:
        return _doubled(one) if s1 == s2 else _NOWHERE
    h = u2 - u1
    i = 4 * h * h % P
    j, r, v = h * i % P, 2 * (s2 - s1), u1 * i % P
    x_new = (r * r - j - 2 * v) % P
    y_new = (r * (v - x_new) - 2 * s1 * j) % P
    return x_new, y_new, 2 * z1 * z2 * h % P
