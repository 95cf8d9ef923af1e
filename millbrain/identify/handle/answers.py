"""The short way of the most frequent request: resolve, all public values, no signature.

Nearly every packet asks the same thing, so it is read with two look-ups of numbers at fixed places
and answered by putting stored bytes behind a fresh head; nothing is decoded or encoded. Whatever is
not plain returns None from `read_query` and takes the way of the object codec, which gives the same
bytes (a test holds the two together).

Shorter still: two requests for the same thing, and their answers, differ only in the number of the
request and in the instant of expiry. What is left of a request without these is its `question`; an
answer without these is `Kept` and needs but the two put back (`for_request`).
"""

import struct
from dataclasses import dataclass
from typing import Final

from millbrain.core.records import PUBLIC_AT
from millbrain.identify.handle import fields as f

_EMPTY: Final = bytes(4)
# No indexes and no types; an empty identity token or none; a credential of no bytes or none.
_PLAIN_TAILS: Final = frozenset((bytes(8), bytes(12), bytes(16)))
_HEAD: Final = struct.Struct(">4B4I3IH2B2I")
_BODY_AT: Final = f.ENVELOPE_BYTES + f.HEADER_BYTES
_HANDLE_AT: Final = _BODY_AT + 4
# Of the request's flags the answer repeats all but those that ask for something else first.
_SLOW_FLAGS: Final = f.CERTIFY | f.ENCRYPT | f.RETURN_DIGEST | f.TRUSTED_QUERY | f.TRUSTED_RESULT
_NO_MARKS: Final = f.SUGGESTED_MAJOR_BITS


# An answer before, between and behind request and expiry, and where it is counted.
Kept = tuple[bytes, bytes, bytes, int]


def question(packet: bytes) -> bytes:
    """Return a message without the number of the request and without the instant of expiry."""
    return packet[:8] + packet[12:36] + packet[40:]


def kept_of(answer: bytes, cell: int) -> Kept:
    """Cut an answer as `question` cuts a request. cell: of `core.nodes.tally`."""
    return answer[:8], answer[12:36], answer[40:], cell


def code_of(answer: bytes) -> int:
    """Return the response code of an answer."""
    return int.from_bytes(answer[24:28], "big")


def for_request(kept: Kept, packet: bytes, expires: bytes) -> bytes:
    """Return the answer to `packet`; expires: Unix seconds, as it stands in a header."""
    return kept[0] + packet[8:12] + kept[1] + expires + kept[2]


@dataclass(frozen=True, slots=True)
class Query:
    """A plain resolve request: the handle as sent, and what its answer repeats."""

    handle: bytes
    version: bytes
    request: int
    flags: int
    recursion: int


def read_query(packet: bytes) -> Query | None:
    """Read a whole message with its envelope; None where it is anything but a plain query."""
    if len(packet) < _HANDLE_AT or packet[2] & ~_NO_MARKS:
        return None
    (_, _, _, _, session, request, _, size, operation, code, flags, _, recursion, _, _,
     body) = _HEAD.unpack_from(packet)  # fmt: skip
    if operation != f.RESOLVE or code or session or flags & _SLOW_FLAGS:
        return None
    if not flags & f.PUBLIC_ONLY or size != len(packet) - f.ENVELOPE_BYTES:
        return None
    end = _HANDLE_AT + int.from_bytes(packet[_BODY_AT:_HANDLE_AT], "big")
    tail, filters = packet[end:], _BODY_AT + body - end
    if tail not in _PLAIN_TAILS or filters not in (8, 12) or len(tail) - filters not in (0, 4):
        return None
    return Query(packet[_HANDLE_AT:end], packet[:4], request, flags, recursion)


def hit(query: Query, stored: bytes, serial: int, expires_s: int) -> bytes:
    """Return the answer with the public values of `stored`, envelope included.

    Parameters
    ----------
    serial
        Serial number of our site.
    expires_s
        Unix seconds until which the answer may be taken for fresh.
    """
    end = PUBLIC_AT + int.from_bytes(stored[1:PUBLIC_AT], "big")
    handle, ready = query.handle, stored[PUBLIC_AT:end]
    if ready == _EMPTY:
        return refusal(query, f.VALUES_NOT_FOUND, serial, expires_s)
    body = len(handle).to_bytes(4, "big") + handle + ready
    return _head(query, f.OK, len(body), serial, expires_s) + body + _EMPTY


def refusal(query: Query, code: int, serial: int, expires_s: int) -> bytes:
    """Return an answer without values and without words, envelope included."""
    return _head(query, code, len(_EMPTY), serial, expires_s) + _EMPTY + _EMPTY


def _head(query: Query, code: int, size: int, serial: int, expires_s: int) -> bytes:
    major, minor, suggested_major, suggested_minor = query.version
    return _HEAD.pack(
        major, minor, suggested_major, suggested_minor, 0, query.request, 0,
        f.HEADER_BYTES + size + len(_EMPTY), f.RESOLVE, code, query.flags, serial,
        query.recursion, 0, expires_s, size,
    )  # fmt: skip
