"""One message of the Handle protocol to an object and back, byte for byte.

`decode` takes a whole message with its envelope (`framing.split` or `framing.Pieces` give one);
`encode` is its inverse: whatever decodes encodes to the same bytes. `decode` raises `FrameError`
and nothing else, in time linear in the bytes. Compressed and encrypted messages are named, not
opened; a session opens an encrypted one and calls `decode_payload`.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_MESSAGE_BYTES_MAX
from millbrain.core.records import Value
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.framing import Envelope, read_envelope, write_envelope
from millbrain.identify.handle.messages import parts_of
from millbrain.identify.handle.records import (
    CREDENTIAL_PARTS,
    DATA,
    VALUE,
    VALUES,
    Credential,
)  # fmt: skip
from millbrain.identify.handle.walk import Digest, Reader, Record, Writer

_HEADER: Final = struct.Struct(">3IH2B2I")
_LENGTH_BYTES: Final = 4
_DIGEST: Final = Digest("digest", "digest of the request", "请求摘要")
_CREDENTIAL: Final = Record("credential", Credential, CREDENTIAL_PARTS, "credential", "凭证")


@dataclass(frozen=True, slots=True)
class Message:
    """A request (code 0) or an answer.

    body: values by key as `messages` declares them. flags: bits of `fields.OPERATION_FLAGS`.
    serial: of the sender's knowledge of the site. expires_s: Unix seconds after which the message
    is void. digest: (algorithm, bytes) of the request, in an answer with the flag for it.
    credential: bytes of the credential section; None where not even its length was sent.
    """

    operation: int
    body: Mapping[str, Any] = field(default_factory=dict)
    code: int = f.REQUEST
    flags: int = 0
    serial: int = f.SERIAL_UNKNOWN
    recursion: int = 0
    reserved: int = 0
    expires_s: int = 0
    digest: tuple[int, bytes] | None = None
    credential: bytes | None = b""
    envelope: Envelope = field(default_factory=Envelope)


def decode(packet: bytes) -> Message:
    """Read a message with its envelope.

    Raises
    ------
    FrameError
        ``truncated``, ``oversized``, ``structure``, ``encrypted``; nothing else on any bytes.
    """
    envelope = read_envelope(packet)
    if envelope.flags & f.TRUNCATED:
        raise FrameError("truncated", f"packet {envelope.sequence} of several; join them first", 2)
    if envelope.flags & f.COMPRESSED:
        raise FrameError("structure", "compressed message; no method of compression is defined", 2)
    if envelope.flags & f.ENCRYPTED:
        raise FrameError("encrypted", f"encrypted in session {envelope.session}", 2)
    size = len(packet) - f.ENVELOPE_BYTES
    if size != envelope.size:
        reason = "truncated" if size < envelope.size else "structure"
        raise FrameError(reason, f"{size} bytes of message, {envelope.size} were announced", 16)
    return decode_payload(packet[f.ENVELOPE_BYTES :], envelope)


def decode_payload(payload: bytes, envelope: Envelope) -> Message:
    """Read header, body and credential; offsets in errors count from the header.

    Raises
    ------
    FrameError
        As `decode`.
    """
    if len(payload) < f.HEADER_BYTES:
        raise FrameError("truncated", f"{len(payload)} bytes, a header has {f.HEADER_BYTES}", 0)
    operation, code, flags, serial, recursion, reserved, expires_s, size = _HEADER.unpack_from(
        payload
    )
    end = f.HEADER_BYTES + size
    if end > len(payload):
        raise FrameError(
            "truncated", f"body of {size} bytes, {len(payload) - f.HEADER_BYTES} are there", 20
        )
    reader = Reader(payload, f.HEADER_BYTES, end)
    digest = None
    if code != f.REQUEST and flags & f.RETURN_DIGEST:
        digest = reader.digest(_DIGEST)
    body = reader.read(parts_of(operation, code))
    return Message(
        operation, body, code, flags, serial, recursion, reserved, expires_s, digest,
        _credential(payload, end), envelope,
    )  # fmt: skip


def _credential(payload: bytes, at: int) -> bytes | None:
    if at == len(payload):
        return None
    reader = Reader(payload, at)
    found = reader.take(reader.number(_LENGTH_BYTES))
    if reader.at < reader.end:
        raise FrameError("structure", f"{reader.end - reader.at} bytes behind the end", reader.at)
    return found


def encode_payload(message: Message) -> bytes:
    """Write header, body and credential.

    Raises
    ------
    FrameError
        ``structure``: a value is missing or does not fit. ``oversized``: the message is too long.
    """
    m, writer = message, Writer()
    if m.digest is not None:
        writer.one(_DIGEST, m.digest)
    body = writer.write(parts_of(m.operation, m.code), m.body)
    try:
        head = _HEADER.pack(
            m.operation, m.code, m.flags, m.serial, m.recursion, m.reserved, m.expires_s, len(body)
        )
    except struct.error as error:
        raise FrameError("structure", f"header: {error}") from error
    tail = b"" if m.credential is None else len(m.credential).to_bytes(4, "big") + m.credential
    payload = head + body + tail
    if len(payload) > HANDLE_MESSAGE_BYTES_MAX:
        raise FrameError(
            "oversized", f"message of {len(payload)} bytes, allowed {HANDLE_MESSAGE_BYTES_MAX}"
        )
    return payload


def encode(message: Message) -> bytes:
    """Write a message with its envelope, whose length is filled in.

    Raises
    ------
    FrameError
        As `encode_payload`.
    """
    payload = encode_payload(message)
    return write_envelope(message.envelope, len(payload)) + payload


# Values and what they hold ----------------------------------------------------------------------


def decode_value(raw: bytes) -> Value:
    """Read one value that fills `raw`."""
    found: Value = _whole(Reader(raw), lambda reader: reader.one(VALUE))
    return found


def encode_value(value: Value) -> bytes:
    """Write one value."""
    writer = Writer()
    writer.one(VALUE, value)
    return bytes(writer.data)


def encode_values(values: tuple[Value, ...]) -> bytes:
    """Write the count and the values: what stands behind the handle in an answer to resolve."""
    writer = Writer()
    writer.one(VALUES, values)
    return bytes(writer.data)


def decode_values(raw: bytes) -> tuple[Value, ...]:
    """Read what `encode_values` wrote."""
    found: tuple[Value, ...] = _whole(Reader(raw), lambda reader: reader.one(VALUES))
    return found


def decode_data(type: str, data: bytes) -> Any:
    """Return what a value of `type` holds: a record of `records`, or the bytes themselves.

    Raises
    ------
    FrameError
        The data are not what the type asks for.
    """
    part = DATA.get(type.upper())
    return data if part is None else _whole(Reader(data), lambda reader: reader.one(part))


def encode_data(type: str, record: Any) -> bytes:
    """Write what a value of `type` holds; the inverse of `decode_data`."""
    part = DATA.get(type.upper())
    if part is None:
        return bytes(record)
    writer = Writer()
    writer.one(part, record)
    return bytes(writer.data)


def decode_credential(raw: bytes) -> Credential:
    """Read a credential section."""
    found: Credential = _whole(Reader(raw), lambda reader: reader.one(_CREDENTIAL))
    return found


def encode_credential(credential: Credential) -> bytes:
    """Write a credential section."""
    writer = Writer()
    writer.one(_CREDENTIAL, credential)
    return bytes(writer.data)


def _whole(reader: Reader, read: Any) -> Any:
    found = read(reader)
    if reader.at < reader.end:
        left = reader.end - reader.at
        raise FrameError("structure", f"{left} bytes behind the end", reader.at)
    return found
