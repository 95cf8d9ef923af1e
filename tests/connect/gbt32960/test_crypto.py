"""Encryption and signatures against the vectors that the standards print."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from millbrain.connect.gbt32960 import crypto
from millbrain.connect.gbt32960.codec import build_frame, decode
from millbrain.connect.gbt32960.crypto import Opener, find_signature, seal, sign, verify_signature
from millbrain.connect.gbt32960.framing import HEADER_BYTES
from millbrain.core.errors import FrameError
from tests.core import sm2_vectors

VIN = "LMBTEST00R0000001"
UNIT = bytes.fromhex("19061e080f2a040bb8")  # time and a 2025 engine block of 3000 r/min
KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")


def frame(command: int = 0x02, unit: bytes = UNIT, edition: int = 2025) -> bytes:
    return build_frame(edition, command, 0xFE, VIN, unit)


@pytest.fixture(scope="module")
def rsa_pair() -> tuple[bytes, bytes]:
    return pems(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="module")
def ecc_pair() -> tuple[bytes, bytes]:
    return pems(ec.generate_private_key(ec.SECP256R1()))


def pems(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    pem = serialization.Encoding.PEM
    return (
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


# Published vectors ------------------------------------------------------------------------------


def test_aes_block_of_nist_sp_800_38a() -> None:
    plain = frame(0x0B, bytes.fromhex("6bc1bee22e409f96e93d7e117393172a"))
    sealed = seal(plain, crypto.AES, KEY)
    assert sealed[HEADER_BYTES : HEADER_BYTES + 16].hex() == "3ad77bb40d7a3660a89ecaf32466ef97"
    assert Opener({"aes": KEY}).open(sealed) == plain


def test_sm4_block_of_gbt_32907() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    plain = frame(0x0B, key)
    sealed = seal(plain, crypto.SM4, key)
    assert sealed[HEADER_BYTES : HEADER_BYTES + 16].hex() == "681edf34d206965e86b3e94f536e4246"
    assert Opener({"sm4": key}).open(sealed) == plain


# Frames -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [crypto.AES, crypto.SM4, crypto.SM2])
def test_sealed_frame_opens_to_itself(kind: int) -> None:
    key, own = (sm2_vectors.PUBLIC, sm2_vectors.PRIVATE) if kind == crypto.SM2 else (KEY, KEY)
    sealed = seal(frame(), kind, key)
    assert decode(sealed)["bcc_ok"]
    opener = Opener({crypto.KEY_NAMES[kind]: own})
    assert opener.open(sealed) == frame()
    found = decode(sealed, opener=opener)
    assert (found["enc"], found["data"]["infos"]) == (kind, [{"t": 4, "v": {"rpm": 3000}}])


def test_rsa_unit_of_several_blocks(rsa_pair: tuple[bytes, bytes]) -> None:
    private, public = rsa_pair
    long = frame(unit=UNIT + bytes.fromhex("8001f4") + bytes(500))
    sealed = seal(long, crypto.RSA, public)
    assert len(sealed) == 25 + 3 * 256
    assert Opener({"rsa": private}).open(sealed) == long


def test_encryption_00_of_real_terminals_is_plain() -> None:
    sent = build_frame(2016, 0x07, 0xFE, VIN, b"", encryption=0)
    assert Opener({}).open(sent) == build_frame(2016, 0x07, 0xFE, VIN, b"")
    assert decode(sent)["data"] == {"encrypted_or_nonstandard_enc": ""}


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "encrypted"),
        ({"aes": b"\x00" * 16}, "decryption"),
        ({"aes": b"short"}, "decryption"),
    ],
)
def test_frame_that_cannot_be_opened_says_why(keys: dict[str, bytes], reason: str) -> None:
    sealed = seal(frame(), crypto.AES, KEY)
    with pytest.raises(FrameError) as caught:
        Opener(keys).open(sealed)
    assert caught.value.reason == reason
    found = decode(sealed, opener=Opener(keys))
    assert "AES" in found["why"]
    assert list(found["data"]) == ["encrypted_or_nonstandard_enc"]


def test_wrong_rsa_key_is_noticed_by_the_time(rsa_pair: tuple[bytes, bytes]) -> None:
    other, _ = pems(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    sealed = seal(frame(), crypto.RSA, rsa_pair[1])
    with pytest.raises(FrameError) as caught:
        Opener({"rsa": other}).open(sealed)
    assert caught.value.reason == "decryption"


def test_marked_encryption_cannot_be_opened() -> None:
    sent = build_frame(2016, 0x02, 0xFE, VIN, UNIT, encryption=0xFE)
    with pytest.raises(FrameError, match="abnormal"):
        Opener({"aes": KEY}).open(sent)


# Signatures -------------------------------------------------------------------------------------


def test_signature_covers_the_unit_and_nothing_else() -> None:
    signed = sign(frame(), crypto.SIGN_SM2, sm2_vectors.PRIVATE)
    assert verify_signature(signed, sm2_vectors.PUBLIC)
    found = find_signature(signed)
    assert found is not None
    assert found.signed == UNIT
    elsewhere = build_frame(2025, 0x03, 0xFE, "ANOTHER", signed[HEADER_BYTES:-1])
    assert verify_signature(elsewhere, sm2_vectors.PUBLIC)
    changed = bytearray(signed[HEADER_BYTES:-1])
    changed[5] ^= 1
    assert not verify_signature(frame(unit=bytes(changed)), sm2_vectors.PUBLIC)


def test_rsa_signature_is_all_in_r(rsa_pair: tuple[bytes, bytes]) -> None:
    signed = sign(frame(), crypto.SIGN_RSA, rsa_pair[0])
    found = find_signature(signed)
    assert found is not None
    assert (len(found.r), len(found.s)) == (256, 0)
    assert verify_signature(signed, rsa_pair[1])
    other = pems(rsa.generate_private_key(public_exponent=65537, key_size=2048))[1]
    assert not verify_signature(signed, other)


def test_ecc_signature(ecc_pair: tuple[bytes, bytes]) -> None:
    signed = sign(frame(), crypto.SIGN_ECC, ecc_pair[0])
    assert verify_signature(signed, ecc_pair[1])
    public = serialization.load_pem_public_key(ecc_pair[1])
    raw = public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert verify_signature(signed, raw)
    assert verify_signature(signed, raw[1:])


def test_signature_behind_custom_blocks_and_false_ff_is_found() -> None:
    unit = bytes.fromhex("19061e080f2a 820003ff0100 30 00 040bb8")
    signed = sign(frame(unit=unit), crypto.SIGN_SM2, sm2_vectors.PRIVATE)
    found = find_signature(signed)
    assert found is not None
    assert found.signed == unit


def test_frame_without_signature_and_unusable_key_are_refused() -> None:
    with pytest.raises(FrameError, match="no signature"):
        verify_signature(frame(), sm2_vectors.PUBLIC)
    assert find_signature(frame(edition=2016)) is None
    signed = sign(frame(), crypto.SIGN_SM2, sm2_vectors.PRIVATE)
    with pytest.raises(FrameError, match="cannot be used"):
        verify_signature(signed, b"no key")
