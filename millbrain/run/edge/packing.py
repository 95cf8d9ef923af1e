"""Readings of the edge as compact bytes: by columns, each told as differences, compressed.

    "MBE1"  rows u32  |  per column: size u32, zstd of
    series i32 differences | device_at i64 differences | value f64, byte planes | quality u8
    text sizes u16 | texts                                   both empty where no row has a text

A series is a number for (thing, signal) that the buffer gives. Rows sorted by series and time make
the differences nearly all alike: a value of a steady signal then costs two to five bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.core.errors import FrameError

MAGIC: Final = b"MBE1"
_HEAD: Final = struct.Struct("<4sI")
_SIZE: Final = struct.Struct("<I")
_LEVEL: Final = 3
_COLUMNS: Final = 6


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings as columns; all arrays have shape (rows,).

    series: int32. device_at: [ms since 1970 UTC], int64. value: NaN = none. quality: OPC byte.
    text: UTF-8, empty where the value is a number; None = no row has one.
    """

    series: NDArray[np.int32]
    device_at: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    text: Sequence[bytes] | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.series)

    def take(self, rows: Any) -> "Rows":
        """Return the given rows, an index array or a slice."""
        text = None
        if self.text is not None:
            text = np.array(self.text, object)[rows].tolist()
        return Rows(
            self.series[rows], self.device_at[rows], self.value[rows], self.quality[rows], text
        )

    def ordered(self) -> "Rows":
        """Return the rows by series, then time."""
        return self.take(np.lexsort((self.device_at, self.series)))


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows of several batches, in order."""
    text = None
    if any(p.text is not None for p in parts):
        text = [t for p in parts for t in (p.text if p.text is not None else [b""] * len(p))]
    return Rows(
        np.concatenate([p.series for p in parts]),
        np.concatenate([p.device_at for p in parts]),
        np.concatenate([p.value for p in parts]),
        np.concatenate([p.quality for p in parts]),
        text,
    )


def pack(rows: Rows) -> bytes:
    """Return rows as bytes; `unpack` is its inverse."""
    sizes, texts = b"", b""
    if rows.text is not None:
        sizes = np.array([len(t) for t in rows.text], np.uint16).tobytes()
        texts = b"".join(rows.text)
    planes = np.ascontiguousarray(rows.value.view(np.uint8).reshape(-1, 8).T)
    columns = (
        np.diff(rows.series, prepend=np.int32(0)).tobytes(),
        np.diff(rows.device_at, prepend=np.int64(0)).tobytes(),
        planes.tobytes(), rows.quality.tobytes(), sizes, texts,
    )  # fmt: skip
    codec = pa.Codec("zstd", _LEVEL)
    out = [_HEAD.pack(MAGIC, len(rows)), _SIZE.pack(len(texts))]
    for column in columns:
        squeezed = codec.compress(column, asbytes=True) if column else b""
        out += [_SIZE.pack(len(squeezed)), squeezed]
    return b"".join(out)


def unpack(raw: bytes) -> Rows:
    """Return the rows of packed bytes.

    Raises
    ------
    FrameError
        They are no such bytes.
    """
    try:
        magic, count = _HEAD.unpack_from(raw)
        (text_bytes,) = _SIZE.unpack_from(raw, _HEAD.size)
        if magic != MAGIC:
            raise FrameError("malformed", f"a block begins with {magic!r}; {MAGIC!r} is expected")
        at = _HEAD.size + _SIZE.size
        codec = pa.Codec("zstd")
        widths = (4 * count, 8 * count, 8 * count, count, 2 * count, text_bytes)
        columns = []
        for width in widths:
            (size,) = _SIZE.unpack_from(raw, at)
            at += _SIZE.size
            column = codec.decompress(raw[at : at + size], width, asbytes=True) if size else b""
            columns.append(column)
            at += size
        return _rows(columns, count)
    except (struct.error, pa.ArrowException, ValueError, OSError) as e:
        raise FrameError("malformed", f"a block of the buffer cannot be read: {e}") from e


def _rows(columns: Sequence[bytes], count: int) -> Rows:
    series, at, planes, quality, sizes, texts = columns
    value = np.frombuffer(planes, np.uint8).reshape(8, count).T
    text = None
    if sizes:
        ends = np.cumsum(np.frombuffer(sizes, np.uint16), dtype=np.int64).tolist()
        text = [texts[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    return Rows(
        np.cumsum(np.frombuffer(series, np.int32), dtype=np.int32),
        np.cumsum(np.frombuffer(at, np.int64)),
        np.ascontiguousarray(value).view(np.float64).reshape(count),
        np.frombuffer(quality, np.uint8),
        text,
    )
