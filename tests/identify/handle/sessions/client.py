"""A client of sessions that is written by hand, byte for byte, beside the code that it tries.

Nothing of `millbrain` is used: layouts are those of RFC 3652 and of the reference library's sources
as its comments tell them, put together with `struct` and signed with the standard library.
"""

import hashlib
import hmac
import os
import socket
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256

CERTIFY, ENCRYPT, PUBLIC_ONLY, DIGEST = 0x40000000, 0x20000000, 0x01000000, 0x00800000
VERSION = b"\x02\x0b\x02\x0b"  # 2.11, suggests 2.11


def text(value: bytes | str) -> bytes:
    """A length of four bytes, then the bytes."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(raw)) + raw


def rsa_key_bytes(key: RSAPrivateKey) -> bytes:
    """RSA_PUB_KEY, two bytes, exponent, modulus with a sign byte, an empty array."""
    numbers = key.public_key().public_numbers()
    modulus = b"\0" + numbers.n.to_bytes(256, "big")
    return text("RSA_PUB_KEY") + b"\0\0" + text(b"\1\0\1") + text(modulus) + bytes(4)


def header(operation: int, flags: int, body: bytes) -> bytes:
    """Operation, code 0, flags, serial unknown, no recursion, reserved, expiration, body length."""
    head = struct.pack(">IIIHBBII", operation, 0, flags, 0xFFFF, 0, 0, 2_000_000_000, len(body))
    return head + body


def envelope(flags: int, session: int, request: int, payload: bytes) -> bytes:
    major, minor, suggested, suggested_minor = VERSION
    head = struct.pack(">BBBBIIII", major, minor, flags | suggested, suggested_minor, session,
                       request, 0, len(payload))  # fmt: skip
    return head + payload


@dataclass
class Answer:
    """An answer taken apart."""

    session: int
    request: int
    operation: int
    code: int
    flags: int
    body: bytes
    credential: bytes
    content: bytes  # header and body
    was_encrypted: bool


def signed_text(session: int, request: int, counter: int, content: bytes) -> bytes:
    """What a credential signs from version 2.8 on."""
    return VERSION + struct.pack(">III", session, request, counter) + content


@dataclass
class Hand:
    """One connection to a node."""

    port: int
    protocol: str = "tcp"
    session: int = 0
    key: bytes = b""
    cipher: str = "aes"
    counter: int = 0
    request: int = 100
    link: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        kind = socket.SOCK_STREAM if self.protocol == "tcp" else socket.SOCK_DGRAM
        self.link = socket.socket(socket.AF_INET, kind)
        self.link.settimeout(20)
        self.link.connect(("127.0.0.1", self.port))

    def close(self) -> None:
        self.link.close()

    # Out ----------------------------------------------------------------------------------------

    def packet(
        self, operation: int, body: bytes, flags: int = PUBLIC_ONLY, *, signs: bool | None = None,
        encrypts: bool = False, counter: int | None = None,
    ) -> bytes:  # fmt: skip
        """A request; in a session with a key it is signed unless `signs` says no."""
        self.request += 1
        content = header(operation, flags, body)
        section = b""
        if self.key and signs is not False:
            self.counter += 1
            number = self.counter if counter is None else counter
            to_sign = signed_text(self.session, self.request, number, content)
            mac = hmac.new(self.key, to_sign, hashlib.sha256).digest()
            # version, reserved, flags 2, empty handle, counter, HS_MAC, length, algorithm, MAC
            inner = text("HMAC-SHA256") + text(mac)
            section = (
                bytes(4) + text(b"") + struct.pack(">I", number) + text("HS_MAC") + text(inner)
            )
        payload = content + text(section)
        if encrypts:
            return envelope(0x40, self.session, self.request, self.sealed(payload))
        return envelope(0, self.session, self.request, payload)

    def sealed(self, payload: bytes) -> bytes:
        """CBC with PKCS#7 padding; SM4 takes its key as vector and sends none."""
        missing = 16 - len(payload) % 16
        plain = payload + bytes([missing]) * missing
        vector = self.key if self.cipher == "sm4" else os.urandom(16)
        algorithm = SM4(self.key) if self.cipher == "sm4" else AES(self.key[:16])
        context = Cipher(algorithm, CBC(vector)).encryptor()
        found = context.update(plain) + context.finalize()
        return found if self.cipher == "sm4" else vector + found

    def opened(self, payload: bytes) -> bytes:
        vector = self.key if self.cipher == "sm4" else payload[:16]
        rest = payload if self.cipher == "sm4" else payload[16:]
        algorithm = SM4(self.key) if self.cipher == "sm4" else AES(self.key[:16])
        context = Cipher(algorithm, CBC(vector)).decryptor()
        plain = context.update(rest) + context.finalize()
        return plain[: -plain[-1]]

    # In -----------------------------------------------------------------------------------------

    def receive(self) -> Answer:
        if self.protocol == "tcp":
            head = self._exactly(20)
            payload = self._exactly(int.from_bytes(head[16:20], "big"))
        else:
            whole: dict[int, bytes] = {}
            size = 1
            while sum(map(len, whole.values())) < size:
                got = self.link.recv(65_535)
                head, size = got[:20], int.from_bytes(got[16:20], "big")
                whole[int.from_bytes(got[12:16], "big")] = got[20:]
            payload = b"".join(part for _, part in sorted(whole.items()))
        was_encrypted = bool(head[2] & 0x40)
        if was_encrypted:
            payload = self.opened(payload)
        session, request = struct.unpack(">II", head[4:12])
        operation, code, flags = struct.unpack(">III", payload[:12])
        end = 24 + int.from_bytes(payload[20:24], "big")
        credential = payload[end + 4 :]
        assert len(credential) == int.from_bytes(payload[end : end + 4], "big")
        return Answer(session, request, operation, code, flags, payload[24:end], credential,
                      payload[:end], was_encrypted)  # fmt: skip

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self.link.recv(size - len(found))
            if not part:
                raise ConnectionError("closed")
            found += part
        return found

    def ask(self, operation: int, body: bytes, flags: int = PUBLIC_ONLY, **more: object) -> Answer:
        self.link.sendall(self.packet(operation, body, flags, **more))  # type: ignore[arg-type]
        return self.receive()

    # Sessions -----------------------------------------------------------------------------------

    def set_up(self, key: RSAPrivateKey, handle: str = "", index: int = 0) -> Answer:
        """Set a session up with a key of ours (mode 1): the node seals the session's key for it."""
        body = struct.pack(">HI", 1, 3600) + text(handle) + struct.pack(">I", index)
        answer = self.ask(400, body + text(rsa_key_bytes(key)), CERTIFY | PUBLIC_ONLY)
        if answer.code == 1:
            mode, size = struct.unpack(">HI", answer.body[:6])
            assert (mode, size) == (1, 256)
            plain = key.decrypt(answer.body[6:], padding.PKCS1v15())
            assert plain[:4] == b"\0\0\0\3"  # AES
            self.session, self.key, self.counter = answer.session, plain[4:], 0
        return answer

    def prove(self, challenge: Answer, asked: bytes, key: RSAPrivateKey, handle: str) -> Answer:
        """Answer a challenge to the request `asked` with the key at index 300 of a handle."""
        end = 44 + int.from_bytes(asked[40:44], "big")
        digest = hashlib.sha256(asked[20:end]).digest()
        assert challenge.code == 402
        assert challenge.body[:33] == b"\3" + digest
        nonce = challenge.body[37:]
        signature = key.sign(nonce + digest, padding.PKCS1v15(), SHA256())
        body = text("HS_PUBKEY") + text(handle) + struct.pack(">I", 300)
        body += text(text("SHA-256") + text(signature))
        before, self.session = self.session, challenge.session
        try:
            return self.ask(200, body, signs=False)
        finally:
            self.session = before


def mac_of(answer: Answer, key: bytes) -> tuple[int, bool]:
    """The counter of an answer and whether the session's key signed it."""
    start = bytes(4) + bytes(4)
    assert answer.credential[:8] == start
    counter = int.from_bytes(answer.credential[8:12], "big")
    wanted = hmac.new(key, signed_text(answer.session, answer.request, counter, answer.content),
                      hashlib.sha256).digest()  # fmt: skip
    inner = text("HMAC-SHA256") + text(wanted)
    return counter, answer.credential[12:] == text("HS_MAC") + text(inner)
