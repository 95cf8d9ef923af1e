"""Encrypted data units and signatures: RSA, AES-128, SM2 and SM4 (GB/T 32960.3 tables 2 and 3).

The standard names the algorithms and leaves mode and padding to the parties. This room does what
its peers do by default: AES-128 and SM4 in ECB mode with PKCS#7 padding, RSA with PKCS#1 v1.5
padding in blocks of the key's size, SM2 as C1 C3 C2 (GB/T 32918.4-2016, a leading 04 is accepted);
signatures are SM2 with SM3 and the default user id, RSA PKCS#1 v1.5 or ECDSA, both with SHA-256.

`cryptography` does all of it but the SM2 curve (`core.sm2`); it is imported on first use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millbrain.connect.gbt32960 import framing
from millbrain.connect.gbt32960.codec import REALTIME, read_block
from millbrain.connect.gbt32960.fields import ENCRYPTIONS, SIGNATURE_TYPE, START_BYTES
from millbrain.connect.gbt32960.framing import HEADER_BYTES
from millbrain.connect.gbt32960.messages import ACTIVATION, SIGNATURE
from millbrain.connect.gbt32960.walk import SIX_BYTES, Reader, Writer
from millbrain.core import sm2
from millbrain.core.errors import FrameError
from millbrain.core.times import beijing_from_six

PLAIN: Final = frozenset((0x00, 0x01))  # 00 is sent by real terminals that do not encrypt
RSA, AES, SM2, SM4 = 0x02, 0x03, 0x04, 0x05
KEY_NAMES: Final = {RSA: "rsa", AES: "aes", SM2: "sm2", SM4: "sm4"}
SIGN_SM2, SIGN_RSA, SIGN_ECC = 1, 2, 3
_TIMED: Final = frozenset((*range(0x01, 0x07), 0x09, 0x80, 0x81, 0x82))
_BLOCK_BYTES: Final = 16
_RSA_PADDING_BYTES: Final = 11
_SIGN_PARTS: Final = 5  # parts of an activation before its signature
_ACTIVATION: Final = 0x09


# Frames -----------------------------------------------------------------------------------------


class Opener:
    """Decrypts the frames of one platform or vehicle.

    Parameters
    ----------
    keys
        ``aes`` and ``sm4``: 16 bytes; ``rsa``: private key, PEM or DER; ``sm2``: private key, 32
        bytes or their hex.

    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def open(self, frame: bytes) -> bytes:
        """Return the frame with its data unit plain, encryption 01 and a new BCC.

        Raises
        ------
        FrameError
            ``encrypted`` where no key is set or the terminal marked its encryption as failed;
            ``decryption`` where the key does not fit.

        """
        kind = frame[framing.AT_ENCRYPTION]
        if kind == 1:
            return frame
        unit = frame[HEADER_BYTES:-1]
        return _reframed(frame, unit if kind in PLAIN else self._decrypted(frame, kind), 1)

    def _decrypted(self, frame: bytes, kind: int) -> bytes:
        name = KEY_NAMES.get(kind)
        if name is None:
            meaning = ENCRYPTIONS.get(kind, ("unknown", ""))[0]
            raise FrameError("encrypted", f"encryption {kind:02x} ({meaning}) cannot be opened", 21)
        key = self._keys.get(name)
        if key is None:
            raise FrameError("encrypted", f"unit is {name.upper()} and no {name} key is set", 21)
        try:
            unit = _DECRYPT[kind](key, frame[HEADER_BYTES:-1])
        except ValueError as error:
            raise FrameError("decryption", f"{name.upper()}: {error}", HEADER_BYTES) from error
        six = unit[:SIX_BYTES]
        if frame[framing.AT_COMMAND] in _TIMED and (
            len(six) < SIX_BYTES or beijing_from_six(six) is None
        ):
            raise FrameError(
                "decryption", f"{name.upper()}: no time comes out; the key is another", HEADER_BYTES
            )
        return unit


def seal(frame: bytes, encryption: int, key: bytes) -> bytes:
    """Return the frame with its data unit encrypted and a new BCC (encrypt first, then BCC).

    Parameters
    ----------
    frame
        A plain frame.
    encryption
        2 RSA, 3 AES-128, 4 SM2, 5 SM4.
    key
        The 16 bytes of AES or SM4, or the receiver's public key: PEM or DER for RSA, 64 bytes
        (x, y) for SM2, with or without a leading 04.

    """
    return _reframed(frame, _ENCRYPT[encryption](key, frame[HEADER_BYTES:-1]), encryption)


def _reframed(frame: bytes, unit: bytes, encryption: int) -> bytes:
    name = frame[framing.AT_ID : framing.AT_ENCRYPTION].decode("latin-1")
    return framing.build_frame(
        START_BYTES[frame[:2]],
        frame[framing.AT_COMMAND],
        frame[framing.AT_FLAG],
        name,
        unit,
        encryption,
    )


# Signatures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature block and the bytes it covers: the data unit from its time to the block."""

    kind: int
    r: bytes
    s: bytes
    signed: bytes


def find_signature(frame: bytes) -> Signature | None:
    """Return the signature of a plain 2025 frame (realtime, reissue, activation), None without one.

    Walks the blocks, since FF may stand inside any of them. The signature covers neither the
    header nor the VIN in it.
    """
    if not framing.is_2025(frame):
        return None
    unit = frame[HEADER_BYTES:-1]
    reader = Reader(unit, SIX_BYTES)
    try:
        if frame[framing.AT_COMMAND] == _ACTIVATION:
            reader.at = 0
            reader.parts(ACTIVATION[:_SIGN_PARTS], {})
        elif frame[framing.AT_COMMAND] not in REALTIME:
            return None
        while reader.at < reader.end:
            start = reader.at
            kind = unit[start]
            reader.at += 1
            values = read_block(reader, 2025, kind)
            if kind == SIGNATURE_TYPE:
                r, s = bytes.fromhex(values["r"]), bytes.fromhex(values["s"])
                return Signature(values["sig_type"], r, s, unit[:start])
    except FrameError:
        return None
    return None


def verify_signature(frame: bytes, key: bytes) -> bool:
    """Whether the signature of a plain frame was made with the private half of `key`.

    Parameters
    ----------
    frame
        A plain frame of the 2025 edition.
    key
        Registered public key: 64 bytes (x, y) for SM2 and for P-256, with or without a leading 04,
        or their hex; PEM or DER for RSA and for other curves.

    Raises
    ------
    FrameError
        With reason ``signature`` where the frame carries none or the key cannot be read.

    """
    found = find_signature(frame)
    if found is None:
        raise FrameError("signature", "frame carries no signature block (type ff)")
    check = _VERIFY.get(found.kind)
    if check is None:
        raise FrameError("signature", f"signature type is {found.kind}, allowed 1..3")
    try:
        return check(key, found)
    except (ValueError, TypeError) as error:
        raise FrameError("signature", f"public key cannot be used: {error}") from error


def sign(frame: bytes, kind: int, key: bytes) -> bytes:
    """Return the plain 2025 frame with a signature block behind its data, as terminals send it."""
    unit = frame[HEADER_BYTES:-1]
    r, s = _SIGN[kind](key, unit)
    writer = Writer()
    writer.data.append(SIGNATURE_TYPE)
    values = {"sig_type": kind, "r_len": len(r), "r": r.hex(), "s_len": len(s), "s": s.hex()}
    writer.parts(SIGNATURE, values)
    return _reframed(frame, unit + writer.data, 1)


# AES and SM4 ------------------------------------------------------------------------------------


def _block_cipher(kind: int, key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(key) != _BLOCK_BYTES:
        raise ValueError(f"key has {len(key)} bytes, allowed 16")
    algorithm = algorithms.AES(key) if kind == AES else algorithms.SM4(key)
    # ECB is what terminals do: a unit carries no room for an initial vector.
    return Cipher(algorithm, modes.ECB())


def _block_encrypt(kind: int) -> Callable[[bytes, bytes], bytes]:
    def encrypt(key: bytes, unit: bytes) -> bytes:
        pad = _BLOCK_BYTES - len(unit) % _BLOCK_BYTES
        encryptor = _block_cipher(kind, key).encryptor()
        return bytes(encryptor.update(unit + bytes((pad,)) * pad) + encryptor.finalize())

    return encrypt


def _block_decrypt(kind: int) -> Callable[[bytes, bytes], bytes]:
    def decrypt(key: bytes, unit: bytes) -> bytes:
        if not unit or len(unit) % _BLOCK_BYTES:
            raise ValueError(f"unit has {len(unit)} bytes, not a multiple of 16")
        decryptor = _block_cipher(kind, key).decryptor()
        plain = bytes(decryptor.update(unit) + decryptor.finalize())
        pad = plain[-1]
        if not 1 <= pad <= _BLOCK_BYTES or plain[-pad:] != bytes((pad,)) * pad:
            raise ValueError("padding is wrong; the key is another")
        return plain[:-pad]

    return decrypt


# RSA and ECDSA ----------------------------------------------------------------------------------


def _load(key: bytes, *, private: bool) -> Any:
    from cryptography.hazmat.primitives import serialization

    if b"-----BEGIN" in key:
        if private:
            return serialization.load_pem_private_key(key, None)
        return serialization.load_pem_public_key(key)
    if private:
        return serialization.load_der_private_key(key, None)
    return serialization.load_der_public_key(key)


def _rsa_key(key: bytes, *, private: bool) -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    loaded = _load(key, private=private)
    if not isinstance(loaded, rsa.RSAPrivateKey if private else rsa.RSAPublicKey):
        raise ValueError("key is not an RSA key")
    return loaded


def _rsa_encrypt(key: bytes, unit: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding

    public = _rsa_key(key, private=False)
    step = public.key_size // 8 - _RSA_PADDING_BYTES
    pieces = (unit[at : at + step] for at in range(0, len(unit), step))
    return b"".join(public.encrypt(piece, padding.PKCS1v15()) for piece in pieces)


def _rsa_decrypt(key: bytes, unit: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import padding

    private = _rsa_key(key, private=True)
    step = private.key_size // 8
    if not unit or len(unit) % step:
        raise ValueError(f"unit has {len(unit)} bytes, not a multiple of the key's {step}")
    pieces = (unit[at : at + step] for at in range(0, len(unit), step))
    return b"".join(private.decrypt(piece, padding.PKCS1v15()) for piece in pieces)


def _rsa_verify(key: bytes, found: Signature) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:  # real terminals send the whole signature as R and an empty S
        _rsa_key(key, private=False).verify(
            found.r + found.s, found.signed, padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return False
    return True


def _rsa_sign(key: bytes, unit: bytes) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    private = _rsa_key(key, private=True)
    return private.sign(unit, padding.PKCS1v15(), hashes.SHA256()), b""


def _ecc_verify(key: bytes, found: Signature) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    raw = sm2.bare_point(key)
    if raw is not None:
        public: Any = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + raw)
    else:
        public = _load(key, private=False)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise ValueError("key is not an elliptic-curve key")
    r, s = int.from_bytes(found.r, "big"), int.from_bytes(found.s, "big")
    try:
        public.verify(utils.encode_dss_signature(r, s), found.signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _ecc_sign(key: bytes, unit: bytes) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    private = _load(key, private=True)
    r, s = utils.decode_dss_signature(private.sign(unit, ec.ECDSA(hashes.SHA256())))
    size = (private.curve.key_size + 7) // 8
    return r.to_bytes(size, "big"), s.to_bytes(size, "big")


def _sm2_verify(key: bytes, found: Signature) -> bool:
    return sm2.verify(key, found.signed, found.r, found.s)


_ENCRYPT: Final[Mapping[int, Callable[[bytes, bytes], bytes]]] = {
    RSA: _rsa_encrypt,
    AES: _block_encrypt(AES),
    SM2: sm2.encrypt,
    SM4: _block_encrypt(SM4),
}
_DECRYPT: Final[Mapping[int, Callable[[bytes, bytes], bytes]]] = {
    RSA: _rsa_decrypt,
    AES: _block_decrypt(AES),
    SM2: sm2.decrypt,
    SM4: _block_decrypt(SM4),
}
_VERIFY: Final[Mapping[int, Callable[[bytes, Signature], bool]]] = {
    SIGN_SM2: _sm2_verify,
    SIGN_RSA: _rsa_verify,
    SIGN_ECC: _ecc_verify,
}
_SIGN: Final[Mapping[int, Callable[[bytes, bytes], tuple[bytes, bytes]]]] = {
    SIGN_SM2: sm2.sign,
    SIGN_RSA: _rsa_sign,
    SIGN_ECC: _ecc_sign,
}
