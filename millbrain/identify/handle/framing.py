"""Envelopes, and how messages travel: whole on TCP, in numbered packets on UDP.

::

    0  1  major version          4  4  session id
    1  1  minor version          8  4  request id
    2  1  flags | suggested major 12 4 sequence number of the packet
    3  1  suggested minor        16 4  length of the message without envelope

One datagram holds at most 512 bytes with its envelope (RFC 3652 2.3). A longer message is cut into
pieces of 492 bytes, the last one shorter; each carries the same envelope (length of the whole
message, flag *truncated*), only its sequence number counts from 0. Peers put a piece at sequence x
492, so every piece but the last must be full.
"""

import struct
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from millbrain.core.errors import FrameError
from millbrain.core.limits import (
    HANDLE_MESSAGE_BYTES_MAX,
    HANDLE_PIECES_BYTES_MAX,
    HANDLE_PIECES_S_MAX,
)  # fmt: skip
from millbrain.identify.handle.fields import (
    ENVELOPE_BYTES,
    PACKET_BYTES_MAX,
    SUGGESTED_MAJOR_BITS,
    TRUNCATED,
    VERSION,
)  # fmt: skip

PIECE_BYTES: Final = PACKET_BYTES_MAX - ENVELOPE_BYTES
_PARTIAL_BYTES: Final = 1_024  # what a begun message costs beside its bytes, about
_PIECE_MORE_BYTES: Final = 128  # the same of a piece
_ENVELOPE: Final = struct.Struct(">4B4I")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The 20 bytes before a message; `size` is filled in when it is written.

    flags: the third byte without its two low bits, which are the suggested major version (0 where
    an old client suggests none).
    """

    major: int = VERSION[0]
    minor: int = VERSION[1]
    flags: int = 0
    suggested_major: int = VERSION[0]
    suggested_minor: int = VERSION[1]
    session: int = 0
    request: int = 0
    sequence: int = 0
    size: int = 0


def read_envelope(data: bytes | bytearray | memoryview, at: int = 0) -> Envelope:
    """Read an envelope.

    Raises
    ------
    FrameError
        ``truncated``: fewer than 20 bytes. ``oversized``: the message it announces is too long.
    """
    if len(data) < at + ENVELOPE_BYTES:
        raise FrameError("truncated", f"{len(data) - at} bytes, an envelope has {ENVELOPE_BYTES}")
    major, minor, flags, suggested, session, request, sequence, size = _ENVELOPE.unpack_from(
        data, at
    )
    if size > HANDLE_MESSAGE_BYTES_MAX:
        raise FrameError(
            "oversized", f"message of {size} bytes, allowed {HANDLE_MESSAGE_BYTES_MAX}", at + 16
        )
    return Envelope(
        major, minor, flags & ~SUGGESTED_MAJOR_BITS & 0xFF, flags & SUGGESTED_MAJOR_BITS, suggested,
        session, request, sequence, size,
    )  # fmt: skip


def write_envelope(envelope: Envelope, size: int | None = None) -> bytes:
    """Write an envelope; size: of the message behind it [bytes], None = as it stands.

    Raises
    ------
    FrameError
        With reason ``structure`` where a number does not fit.
    """
    e = envelope
    try:
        return _ENVELOPE.pack(
            e.major, e.minor, e.flags | e.suggested_major, e.suggested_minor, e.session, e.request,
            e.sequence, e.size if size is None else size,
        )  # fmt: skip
    except struct.error as error:
        raise FrameError("structure", f"envelope {envelope}: {error}") from error


def split(buffer: bytes | bytearray | memoryview) -> tuple[list[tuple[int, int]], int]:
    """Find the whole messages of a TCP stream.

    Parameters
    ----------
    buffer
        Bytes not consumed so far, oldest first.

    Returns
    -------
    tuple
        (start, end) of each message with its envelope, and how many bytes they are; the caller
        keeps the rest and puts what arrives next behind it.

    Raises
    ------
    FrameError
        ``oversized``: no way back into the stream is known; close the connection.
    """
    spans: list[tuple[int, int]] = []
    at = 0
    while at + ENVELOPE_BYTES <= len(buffer):
        size = int.from_bytes(buffer[at + 16 : at + ENVELOPE_BYTES], "big")
        if size > HANDLE_MESSAGE_BYTES_MAX:
            read_envelope(buffer, at)  # raises, and says what is wrong
        end = at + ENVELOPE_BYTES + size
        if end > len(buffer):
            break
        spans.append((at, end))
        at = end
    return spans, at


def cut(message: bytes) -> list[bytes]:
    """Cut a message with its envelope into datagrams; one that fits stays as it is."""
    if len(message) <= PACKET_BYTES_MAX:
        return [message]
    head = bytearray(message[:ENVELOPE_BYTES])
    head[2] |= TRUNCATED
    packets = []
    for number, at in enumerate(range(ENVELOPE_BYTES, len(message), PIECE_BYTES)):
        head[12:16] = number.to_bytes(4, "big")
        packets.append(bytes(head) + message[at : at + PIECE_BYTES])
    return packets


@dataclass(slots=True)
class _Partial:
    envelope: Envelope
    pieces: dict[int, bytes]
    since_s: float


class Pieces:
    """Puts datagrams together again, in any order, within bounds of bytes and time.

    Memory is charged by what was received and by what keeping it costs, never by what was
    announced. The oldest unfinished message goes first when a bound is reached; `lost` counts those
    that went unfinished.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._waiting: OrderedDict[Hashable, _Partial] = OrderedDict()
        self._held_bytes = 0

    def add(self, peer: Hashable, packet: bytes, now_s: float) -> bytes | None:
        """Take one datagram of `peer` at `now_s` (any steady clock) [s].

        Returns
        -------
        bytes or None
            The whole message with an envelope that says so; None while pieces are missing.

        Raises
        ------
        FrameError
            The envelope or the place of the piece is wrong; the piece is not kept.
        """
        envelope = read_envelope(packet)
        if not envelope.flags & TRUNCATED:
            return packet
        piece = packet[ENVELOPE_BYTES:]
        _check_place(envelope, len(piece))
        self._forget(now_s - HANDLE_PIECES_S_MAX)
        key = (peer, envelope.session, envelope.request, envelope.size)
        partial = self._waiting.get(key)
        if partial is None:
            partial = self._waiting[key] = _Partial(envelope, {}, now_s)
            self._held_bytes += _PARTIAL_BYTES
        if envelope.sequence not in partial.pieces:
            partial.pieces[envelope.sequence] = piece
            self._held_bytes += len(piece) + _PIECE_MORE_BYTES
        if len(partial.pieces) * PIECE_BYTES >= envelope.size:
            self._drop(key)
            return _joined(partial)
        while self._held_bytes > HANDLE_PIECES_BYTES_MAX:
            self._give_up()
        return None

    def _forget(self, before_s: float) -> None:
        while self._waiting and next(iter(self._waiting.values())).since_s < before_s:
            self._give_up()

    def _give_up(self) -> None:
        self._drop(next(iter(self._waiting)))
        self.lost += 1

    def _drop(self, key: Hashable) -> None:
        pieces = self._waiting.pop(key).pieces
        held = sum(map(len, pieces.values())) + len(pieces) * _PIECE_MORE_BYTES
        self._held_bytes -= held + _PARTIAL_BYTES


def _check_place(envelope: Envelope, size: int) -> None:
    """Refuse a piece that is not where and as long as the rule says."""
    at = envelope.sequence * PIECE_BYTES
    if at >= envelope.size:
        raise FrameError(
            "structure", f"packet {envelope.sequence} of a message of {envelope.size} bytes", 12
        )
    wanted = min(PIECE_BYTES, envelope.size - at)
    if size != wanted:
        raise FrameError(
            "structure", f"packet {envelope.sequence} has {size} bytes, {wanted} were due", 12
        )


def _joined(partial: _Partial) -> bytes:
    first = partial.envelope
    whole = replace(first, flags=first.flags & ~TRUNCATED, sequence=0)
    return write_envelope(whole) + b"".join(p for _, p in sorted(partial.pieces.items()))
