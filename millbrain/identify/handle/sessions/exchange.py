"""How both sides of a session come to one key.

========== ============================================ ========================================
mode       the client sends in operation 400            the node answers
========== ============================================ ========================================
1 client   a public key of its own                      a new key, sealed for that one
2 server   nothing; then a key of its making, sealed    its public key
           for the node, in operation 402
3 handle   handle and index of a public key             a new key, sealed for that one
4 Diffie-  its half, with prime and generator           the other half, behind 4 bytes that name
  Hellman                                               the cipher
========== ============================================ ========================================

A key travels as 4 bytes that name the cipher and the bytes of the key. RSA seals with PKCS#1 v1.5
padding; for an SM2 key it is C1 C3 C2 behind a 04, as the Chinese SDK opens it.

References
----------
RFC 3652 3.8 leaves the layouts open; these are those of the reference library 9.3.1 and, for SM2
and SM4, of the ID pointer SDK.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding

from millbrain.core import sm2
from millbrain.core.errors import FrameError
from millbrain.identify.handle import challenge
from millbrain.identify.handle.records import number
from millbrain.identify.handle.sessions.node_key import NodeKey
from millbrain.identify.handle.walk import Blob, Parts, Reader, Text, Writer

DESEDE, AES, SM4 = 2, 3, 4  # 1 is DES, which is refused: its keys are found by trying
KEY_BYTES: Final = {DESEDE: 24, AES: 16, SM4: 16}
_KEY_BYTES_MAX: Final = 32  # a key may be longer than its cipher takes; the MAC takes all of it
_NAME_BYTES: Final = 4
DH: Final = "DH_PUB_KEY"
_DH_BITS_MIN, _DH_BITS_MAX = 2048, 4096  # a longer prime costs us more than it gives anybody
_DH_SECRET_BYTES: Final = 64
_DH_PARTS: Final[Parts] = (
    Text("kind", "kind of key", "密钥类型"),
    number("flags", "W", "flags", "标志"),
    Blob("half", "public half", "公开值"),
    Blob("prime", "prime", "素数"),
    Blob("generator", "generator", "生成元"),
)
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, repr=False)
class SessionKey:
    """A cipher and the key both sides know; never shown."""

    cipher: int
    key: bytes

    @property
    def wire(self) -> bytes:
        """The key as it travels, to be sealed."""
        return self.cipher.to_bytes(_NAME_BYTES, "big") + self.key


def read_key(wire: bytes) -> SessionKey:
    """Read a key that was sent, opened.

    Raises
    ------
    FrameError
        With reason ``structure``: another cipher, or too short a key.
    """
    cipher, key = int.from_bytes(wire[:_NAME_BYTES], "big"), wire[_NAME_BYTES:]
    if not KEY_BYTES.get(cipher, _KEY_BYTES_MAX + 1) <= len(key) <= _KEY_BYTES_MAX:
        raise FrameError("structure", "no session key for AES, SM4 or triple DES")
    return SessionKey(cipher, key)


def for_client(public_data: bytes, random: Random) -> tuple[SessionKey, bytes]:
    """Return a new key, and the same sealed for the owner of a public key.

    Parameters
    ----------
    public_data
        As an HS_PUBKEY value has it, RSA or SM2.

    Raises
    ------
    FrameError
        With reason ``structure``: no key that can seal.
    """
    if challenge.is_sm2(public_data):
        made = SessionKey(SM4, random(KEY_BYTES[SM4]))
        return made, b"\x04" + sm2.encrypt(challenge.load_sm2(public_data), made.wire)
    made = SessionKey(AES, random(KEY_BYTES[AES]))
    try:
        return made, challenge.load_key(public_data).encrypt(made.wire, padding.PKCS1v15())
    except ValueError as error:
        raise FrameError("structure", "nothing can be sealed for such an RSA key") from error


def from_client(key: NodeKey, sealed: bytes) -> SessionKey:
    """Return the key that a client made and sealed for us.

    Raises
    ------
    FrameError
        With reason ``structure``: there is none in it.
    """
    try:
        return read_key(key.open(sealed))
    except ValueError as error:
        raise FrameError("structure", "the session key does not open") from error


def agreed(public_data: bytes, random: Random) -> tuple[SessionKey, bytes]:
    """Return the key of a Diffie-Hellman exchange, and our half for the client.

    Parameters
    ----------
    public_data
        The client's half: kind, two bytes, half, prime, generator.

    Raises
    ------
    FrameError
        With reason ``structure``: no half, or numbers that would make the key easy to find.
    """
    found = Reader(public_data).read(_DH_PARTS)
    names = ("half", "prime", "generator")
    half, prime, generator = (int.from_bytes(found[name], "big") for name in names)
    bits = prime.bit_length()
    if found["kind"] != DH or not _DH_BITS_MIN <= bits <= _DH_BITS_MAX or prime % 2 == 0:
        raise FrameError(
            "structure",
            f"{found['kind']}, prime of {bits} bits; {_DH_BITS_MIN} to {_DH_BITS_MAX} allowed",
        )
    if not 1 < generator < prime - 1 or not 1 < half < prime - 1:
        raise FrameError("structure", "generator and half lie between 1 and the prime - 1")
    secret = int.from_bytes(random(_DH_SECRET_BYTES), "big")
    shared = pow(half, secret, prime).to_bytes((bits + 7) // 8, "big")
    return (
        SessionKey(AES, _cut(shared)),
        AES.to_bytes(_NAME_BYTES, "big")
        + Writer().write(_DH_PARTS, found | {"half": _signed(pow(generator, secret, prime))}),
    )


def _cut(shared: bytes) -> bytes:
    """Return the first bytes that count; zeros before them are left out while enough is left."""
    while len(shared) > _KEY_BYTES_MAX and not shared[0]:
        shared = shared[1:]
    return shared[:_KEY_BYTES_MAX]


def _signed(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")
