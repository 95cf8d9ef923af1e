"""What the key of a session does to whole messages: MAC, signature of the node, encryption.

Signed is not what travels alone but also the envelope that it travels in, so that a message cannot
be moved to another session or request::

    major, minor, suggested major, suggested minor (the last two from version 2.8)
    session id, request id, counter                                    4 bytes each
    header and body

The credential section carries the counter of the message in its session and the MAC, HMAC-SHA256.
Versions before 2.7 signed otherwise (and 2.5 and 2.6 wrongly); they have no sessions here.

An encrypted message is initialisation vector and CBC, with padding, of all behind the envelope.
With SM4 the Chinese SDK uses the key itself as vector and sends none.

References
----------
RFC 3652 2.2.4; layouts of the reference library 9.3.1 and of the ID pointer SDK.
"""

import hmac
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_MESSAGE_BYTES_MAX
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import decode_credential, encode_credential
from millbrain.identify.handle.records import Credential
from millbrain.identify.handle.sessions import exchange
from millbrain.identify.handle.sessions.exchange import Random, SessionKey
from millbrain.identify.handle.sessions.node_key import NodeKey

MAC: Final = "HS_MAC"
SIGNED: Final = "HS_SIGNED"
# One answer to every damage of an encrypted message: which check failed would help to decrypt it.
UNREADABLE: Final = "the message does not open with the key of its session"
_HMAC: Final = "HMAC-SHA256"
_RSA: Final = "SHA-256"
_LENGTH_BYTES: Final = 4
_SIZE_AT: Final = 16  # of the length in an envelope
_FLAGS_AT: Final = 2
_BODY_SIZE_AT: Final = f.ENVELOPE_BYTES + 20


def is_new(packet: bytes, minor: int) -> bool:
    """Whether a message is of version 2.`minor` or later (5 was sent for 2.0 by mistake)."""
    return packet[0] != 5 and (packet[0], packet[1]) >= (2, minor)


def parts(packet: bytes) -> tuple[bytes, bytes]:
    """Return header with body, and the bytes of the credential section.

    Raises
    ------
    FrameError
        The lengths do not fit the message.
    """
    end = f.ENVELOPE_BYTES + f.HEADER_BYTES
    end += int.from_bytes(packet[_BODY_SIZE_AT : _BODY_SIZE_AT + _LENGTH_BYTES], "big")
    size = int.from_bytes(packet[end : end + _LENGTH_BYTES], "big")
    if end > len(packet) or len(packet) - end not in (0, _LENGTH_BYTES + size):
        raise FrameError("truncated", "body and credential are not as long as they say", end)
    return packet[f.ENVELOPE_BYTES : end], packet[end + _LENGTH_BYTES :]


def _text(packet: bytes, counter: int) -> bytes:
    """Return what is signed of a message."""
    versions = packet[:2]
    if is_new(packet, 8):
        versions += bytes((packet[2] & f.SUGGESTED_MAJOR_BITS, packet[3]))
    return versions + packet[4:12] + counter.to_bytes(4, "big") + parts(packet)[0]


def with_mac(packet: bytes, key: bytes, counter: int) -> bytes:
    """Return the message with a credential that its session's key signs."""
    mac = hmac.digest(key, _text(packet, counter), "sha256")
    return _with_credential(packet, Credential(MAC, _HMAC, mac, counter))


def with_signature(packet: bytes, key: NodeKey, counter: int = 0) -> bytes:
    """Return the message with a credential that the node's key signs."""
    signature = key.sign(_text(packet, counter))
    return _with_credential(packet, Credential(SIGNED, _RSA, signature, counter))


def _with_credential(packet: bytes, credential: Credential) -> bytes:
    content, _ = parts(packet)
    section = encode_credential(credential)
    return _sized(packet, content + len(section).to_bytes(_LENGTH_BYTES, "big") + section)


def _sized(packet: bytes, payload: bytes, flags: int = 0) -> bytes:
    """Return the envelope of `packet` with another payload behind it."""
    head = bytearray(packet[: f.ENVELOPE_BYTES])
    head[_FLAGS_AT] = head[_FLAGS_AT] & ~f.ENCRYPTED | flags
    head[_SIZE_AT : f.ENVELOPE_BYTES] = len(payload).to_bytes(_LENGTH_BYTES, "big")
    return bytes(head) + payload


def counter_of(packet: bytes, key: bytes) -> int:
    """Return the counter of a message whose MAC is right.

    Raises
    ------
    FrameError
        The MAC is missing, of another kind, or not of this message and this key.
    """
    _, section = parts(packet)
    found = decode_credential(section)
    if found.type != MAC or found.algorithm != _HMAC:
        raise FrameError("structure", f"{found.type} with {found.algorithm}; {_HMAC} was expected")
    wanted = hmac.digest(key, _text(packet, found.index), "sha256")
    if not hmac.compare_digest(wanted, found.signature):
        raise FrameError("structure", "the MAC is not of this message and this session")
    return found.index


# Encryption -------------------------------------------------------------------------------------


def encrypted(packet: bytes, key: SessionKey, random: Random) -> bytes:
    """Return the message encrypted; it must be the last thing done to it."""
    algorithm, block_bytes = _algorithm(key)
    vector = key.key[:block_bytes] if key.cipher == exchange.SM4 else random(block_bytes)
    padder = PKCS7(8 * block_bytes).padder()
    text = padder.update(packet[f.ENVELOPE_BYTES :]) + padder.finalize()
    sealed = _run(Cipher(algorithm, CBC(vector)).encryptor(), text)
    sent = b"" if key.cipher == exchange.SM4 else vector
    return _sized(packet, sent + sealed, f.ENCRYPTED)


def opened(packet: bytes, key: SessionKey) -> bytes:
    """Return the message of an encrypted one, with an envelope that says so.

    Raises
    ------
    FrameError
        With reason ``encrypted``: another key, or damaged.
    """
    algorithm, block_bytes = _algorithm(key)
    payload = packet[f.ENVELOPE_BYTES :]
    vector = key.key[:block_bytes]
    if key.cipher != exchange.SM4:
        vector, payload = payload[:block_bytes], payload[block_bytes:]
    if not payload or len(payload) % block_bytes or len(payload) > HANDLE_MESSAGE_BYTES_MAX:
        raise FrameError("encrypted", UNREADABLE)
    text = _run(Cipher(algorithm, CBC(vector)).decryptor(), payload)
    unpadder = PKCS7(8 * block_bytes).unpadder()
    try:
        return _sized(packet, unpadder.update(text) + unpadder.finalize())
    except ValueError as error:
        raise FrameError("encrypted", UNREADABLE) from error


def _algorithm(key: SessionKey) -> tuple[AES | SM4 | TripleDES, int]:
    """Return the cipher with its key, and the bytes of its block."""
    cut = key.key[: exchange.KEY_BYTES[key.cipher]]
    if key.cipher == exchange.AES:
        return AES(cut), 16
    return (SM4(cut), 16) if key.cipher == exchange.SM4 else (TripleDES(cut), 8)


def _run(context: CipherContext, text: bytes) -> bytes:
    return context.update(text) + context.finalize()
