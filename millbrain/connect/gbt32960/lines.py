"""Frames from text: hex lines, JSON lines or a byte stream, plain or gzipped, one object each.

This is what ``millbrain decode`` prints. A bad line is an object with ``line`` and ``error``; the
lines behind it are read all the same.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, cast

from millbrain.connect.gbt32960.codec import Opener, decode
from millbrain.connect.gbt32960.framing import Kind, split

LINE_BYTES_MAX: Final = 1 << 20  # a hex line of the longest frame has 131,112
_GZIP_MAGIC: Final = b"\x1f\x8b"
_SHOWN_BYTES: Final = 64  # of bytes that belong to no frame


def decode_lines(
    stream: BinaryIO, *, as_stream: bool = False, opener: Opener | None = None
) -> Iterator[dict[str, Any]]:
    """Decode frames from an open binary file.

    Parameters
    ----------
    stream
        Lines of hex, or of JSON with ``hex`` (``stream`` with `as_stream`), or both forms gzipped,
        known by their first two bytes. Empty lines and lines that begin with ``#`` and a blank are
        skipped.
    as_stream
        The input is one byte stream instead of a frame a line: hex over any number of lines, or
        the bytes themselves. Frames are found and resynchronised as on a link.
    opener
        Decrypts encrypted units.

    Yields
    ------
    dict
        What `codec.decode` returns; ``{"line": n, "error": text}`` for a bad line; with `as_stream`
        ``{"offset": n, "error": text, "hex": ...}`` for bytes that are no frame and, where bytes of
        an unfinished frame are left, ``{"offset": n, "pending_bytes": n}`` at the end.

    """
    if as_stream:
        yield from _decode_stream(_stream_chunks(_opened(stream)), opener)
        return
    number = 0
    try:
        for number, line in enumerate(_lines(_opened(stream)), 1):
            text = line.strip()
            if text and not text.startswith(b"# "):
                yield _decode_line(text, number, opener)
    except (OSError, EOFError, zlib.error) as error:
        yield {"line": number + 1, "error": f"input cannot be read on: {error}"}


def _opened(stream: BinaryIO) -> BinaryIO:
    head = _Head(stream)
    if head.first == _GZIP_MAGIC:
        return cast("BinaryIO", gzip.GzipFile(fileobj=cast("BinaryIO", head)))
    return cast("BinaryIO", head)  # it reads, which is all that is asked of it


class _Head:
    """A stream whose first two bytes have been looked at; pipes cannot seek back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.first = b""
        while len(self.first) < len(_GZIP_MAGIC):
            more = stream.read(len(_GZIP_MAGIC) - len(self.first))
            if not more:
                break
            self.first += more
        self._left = self.first

    def read(self, size: int = -1) -> bytes:
        given, self._left = self._left, b""
        if size < 0:
            return given + self._stream.read()
        # Where it can, give what is there: a pipe that is still being written to is followed.
        read = getattr(self._stream, "read1", self._stream.read)
        return given + read(max(0, size - len(given)))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(1 << 16):
        yield chunk


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines of bounded length; a longer one is cut, which its decoding then says."""
    rest = b""
    for chunk in _chunks(stream):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > LINE_BYTES_MAX:
            yield rest
            rest = b""
    if rest:
        yield rest


def _decode_line(text: bytes, number: int, opener: Opener | None) -> dict[str, Any]:
    try:
        found = decode(_bytes_of(text, "hex"), opener=opener)
        return found if "ver" in found else {"line": number} | found
    except (ValueError, TypeError, RecursionError) as error:
        return {"line": number, "error": str(error)}


def _bytes_of(text: bytes, key: str) -> bytes:
    if text[:1] == b"{":
        found = json.loads(text)
        if not isinstance(found.get(key), str):
            raise ValueError(f"JSON line has no text under {key!r}")
        return bytes.fromhex(found[key])
    try:
        return bytes.fromhex(text.decode("ascii").removeprefix("0x"))
    except ValueError as error:
        raise ValueError(f"not a line of hex: {error}") from error


def _stream_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Bytes of the stream: as they are where they begin with a start byte, else from hex lines."""
    chunks = _chunks(stream)
    first = next(chunks, b"")
    if first[:2] in (b"##", b"$$") or not _is_text(first):
        yield first
        yield from chunks
        return
    joined = _joined(first, chunks)
    for number, line in enumerate(joined, 1):
        text = line.strip()
        if not text or text.startswith(b"# "):
            continue
        try:
            yield _bytes_of(text, "stream" if b'"stream"' in text else "hex")
        except (ValueError, TypeError, RecursionError) as error:
            raise _LineError(number, str(error)) from error


class _LineError(Exception):
    """A line of a stream in hex that is none."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(detail)
        self.line = line


def _is_text(sample: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in sample)


def _joined(first: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = first
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > LINE_BYTES_MAX:
            yield rest[: len(rest) & ~1]
            rest = rest[len(rest) & ~1 :]
    yield from rest.split(b"\n")


def _decode_stream(chunks: Iterable[bytes], opener: Opener | None) -> Iterator[dict[str, Any]]:
    waiting = b""
    offset = 0
    try:
        for chunk in chunks:
            waiting += chunk
            found = split(waiting)
            for start, end, kind in found.spans:
                yield _decode_run(waiting[start:end], offset + start, kind, opener)
            waiting = waiting[found.consumed :]
            offset += found.consumed
    except _LineError as error:
        yield {"line": error.line, "error": str(error)}
    except (OSError, EOFError, zlib.error) as error:
        yield {"offset": offset, "error": f"input cannot be read on: {error}"}
    if waiting:
        yield {"offset": offset, "pending_bytes": len(waiting)}


def _decode_run(raw: bytes, offset: int, kind: Kind, opener: Opener | None) -> dict[str, Any]:
    if kind <= Kind.BAD_BCC:
        return decode(raw, opener=opener)
    word = "frame cut short" if kind == Kind.CUT else "no frame"
    shown = raw[:_SHOWN_BYTES].hex()
    return {"offset": offset, "error": f"{word}: {len(raw)} bytes", "hex": shown}
