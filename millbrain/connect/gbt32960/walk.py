"""The one walk over declared parts that the decoder, the encoder and the inspector share.

`Reader` turns bytes into values and `Writer` values into bytes; both follow the same tuple of
parts, so neither knows an offset. The words of `core.wire` are numbers only; the few parts of this
standard that are not (time stamps, padded text, byte strings) are declared with the words below.
"""

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.wire import ABNORMAL, INVALID, Field, Group, Many, Part

_STRUCT: Final = {"B": "B", "W": "H", "D": "I"}
_GEAR_BITS: Final = 0x0F
_BRAKE_BIT, _DRIVE_BIT = 0x10, 0x20
_TIME: Final = re.compile(r"(\d{4})-(\d+)-(\d+)T(\d+):(\d+):(\d+)\+08:00")
SIX_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class Stamp:
    """Six bytes YY MM DD hh mm ss, binary, Beijing time."""

    key: str
    title: str = "time"
    title_zh: str = "时间"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of a fixed size [bytes], padded with `pad`; Latin-1 unless said, which loses nothing."""

    key: str
    size: int
    title: str
    title_zh: str
    pad: bytes = b"\0"
    coding: str = "latin-1"

    def read(self, raw: bytes) -> str:
        """Return the text of its bytes."""
        return raw.rstrip(self.pad).decode(self.coding, "backslashreplace")


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one size behind each other, to the end of the unit.

    count: key of the number of texts, or of a list of numbers whose sum it is. size: bytes of one
    text, or the key that says it. Decoding adds ``len_ok``: whether count and size fill the unit.
    """

    key: str
    count: str
    size: int | str
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes kept as hex, as many as the key `size` says; empty = all that is left."""

    key: str
    size: str
    title: str
    title_zh: str


Piece = Part | Stamp | Text | Texts | Blob
Leaf = Field | Stamp | Text | Texts | Blob


class ShortError(FrameError):
    """A read passed the end of the data unit."""

    def __init__(self, at: int, need: int, end: int) -> None:
        super().__init__("truncated", f"({at}, {need}, {end})", at)
        self.need = need


# Numbers ----------------------------------------------------------------------------------------


def scaled(field: Field, raw: int) -> Any:
    """Return what a raw number means: a number, None for a marker, a list of bits, hex digits."""
    if field.view == "bits":
        return [bit for bit in range(8 * field.width) if raw >> bit & 1]
    if field.view == "hex":
        return f"{raw:0{2 * field.width}x}"
    if field.view in ("code", "gear"):
        return raw
    if field.marks and raw in (ABNORMAL[field.wire], INVALID[field.wire]):
        return None
    if field.per == 1:
        return raw + field.shift
    return round(raw / field.per + field.shift, len(str(field.per)) - 1)


def unscaled(field: Field, value: Any) -> int:
    """Return the raw number of a value, the inverse of `scaled`; None becomes the invalid marker.

    Raises
    ------
    FrameError
        With reason ``structure`` where the value does not fit the width of the field.

    """
    if value is None and field.marks:
        return INVALID[field.wire]
    raw: int
    try:
        if field.view == "bits":
            raw = sum(1 << bit for bit in set(value))
        elif field.view == "hex":
            raw = int(value, 16)
        else:
            raw = round((value - field.shift) * field.per)
    except (TypeError, ValueError, OverflowError) as error:
        raise FrameError("structure", f"{field.key} cannot be {value!r}: {error}") from error
    if not 0 <= raw < 1 << 8 * field.width:
        raise FrameError("structure", f"{field.key} = {value!r} does not fit {field.width} bytes")
    return raw


def time_text(six: bytes) -> str:
    """Write six time bytes as ISO 8601; bytes that name no instant keep their digits."""
    year, month, day, hour, minute, second = six
    date = f"{2000 + year}-{month:02d}-{day:02d}"
    return f"{date}T{hour:02d}:{minute:02d}:{second:02d}+08:00"


def time_six(text: str) -> bytes:
    """Return the six bytes of such a text, the inverse of `time_text`.

    Raises
    ------
    FrameError
        With reason ``bad_time``.

    """
    match = _TIME.fullmatch(text)
    if not match:
        raise FrameError("bad_time", f"time is {text!r}, expected 2025-11-03T14:05:59+08:00")
    year, *rest = (int(part) for part in match.groups())
    try:
        return bytes((year - 2000, *rest))
    except ValueError as error:
        raise FrameError("bad_time", f"time {text!r} does not fit six bytes") from error


# Reading ----------------------------------------------------------------------------------------


class Reader:
    """Reads parts from one data unit, in order."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def take(self, size: int, leaf: Leaf, number: int = 0) -> bytes:
        """Read `size` bytes as `leaf`, the `number`-th of its list; the inspector listens here."""
        at = self.at
        if at + size > self.end:
            raise ShortError(at, size, self.end)
        self.at = at + size
        return self.data[at : at + size]

    def enter(self, part: Group | Many, number: int = 0) -> None:
        """Begin a group, a list or its `number`-th item; for listeners."""

    def leave(self) -> None:
        """End what `enter` began."""

    def number(self, field: Field, number: int = 0) -> int:
        """Read one raw number."""
        return int.from_bytes(self.take(field.width, field, number), "big")

    def numbers(self, field: Field, count: int) -> Sequence[int]:
        """Read a list of raw numbers."""
        size = count * field.width
        if self.at + size > self.end:  # read one by one up to the one that is not all there
            return [self.number(field, n) for n in range(1, count + 1)]
        run = self.data[self.at : self.at + size]
        self.at += size
        return struct.unpack(f">{count}{_STRUCT[field.wire]}", run)

    def parts(self, parts: Iterable[Piece], into: dict[str, Any]) -> None:
        """Read the parts into `into`; what was read before a `ShortError` stays there."""
        for part in parts:
            if isinstance(part, Field):
                _put(into, part, self.number(part))
            elif isinstance(part, Many):
                into[part.key] = self._many(part, into)
            elif isinstance(part, Group):
                into[part.key] = self._group(part)
            else:
                self._bytes(part, into)

    def _group(self, group: Group, number: int = 0) -> list[Any]:
        self.enter(group, number)
        values = [scaled(field, self.number(field)) for field in group.fields]
        self.leave()
        return values

    def _many(self, many: Many, into: dict[str, Any]) -> list[Any] | None:
        self.enter(many)
        count = self.number(many.count)
        if many.count_key:
            into[many.count_key] = count
        if many.absent and count in (ABNORMAL[many.count.wire], INVALID[many.count.wire]):
            self.leave()
            return None
        item = many.item
        if isinstance(item, Field):
            values = [scaled(item, raw) for raw in self.numbers(item, count)]
        else:
            values = [self._item(many, item, n) for n in range(1, count + 1)]
        self.leave()
        return values

    def _item(self, many: Many, parts: tuple[Part, ...], number: int) -> Any:
        lone = parts[0]
        if isinstance(lone, Group) and not lone.key:
            return self._group(lone, number)
        self.enter(many, number)
        values: dict[str, Any] = {}
        self.parts(parts, values)
        self.leave()
        return values

    def _bytes(self, part: Stamp | Text | Texts | Blob, into: dict[str, Any]) -> None:
        if isinstance(part, Stamp):
            into[part.key] = time_text(self.take(SIX_BYTES, part))
        elif isinstance(part, Text):
            into[part.key] = part.read(self.take(part.size, part))
        elif isinstance(part, Blob):
            size = into[part.size] if part.size else self.end - self.at
            into[part.key] = self.take(size, part).hex()
        else:
            self._texts(part, into)

    def _texts(self, part: Texts, into: dict[str, Any]) -> None:
        size, count = _texts_shape(part, into)
        left = self.end - self.at
        into["len_ok"] = left == size * count
        texts: list[str] = []
        while size and len(texts) < count and self.at < self.end:
            number = len(texts) + 1
            texts.append(_text(self.take(min(size, self.end - self.at), part, number)))
        into[part.key] = texts


def _put(into: dict[str, Any], field: Field, raw: int) -> None:
    if field.view == "gear":
        into[field.key] = raw & _GEAR_BITS
        into["brake_force"] = bool(raw & _BRAKE_BIT)
        into["drive_force"] = bool(raw & _DRIVE_BIT)
    else:
        into[field.key] = scaled(field, raw)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode("latin-1")


def _texts_shape(part: Texts, values: Mapping[str, Any]) -> tuple[int, int]:
    size = part.size if isinstance(part.size, int) else values[part.size]
    count = values[part.count]
    return size, sum(count) if isinstance(count, list | tuple) else count


# Writing ----------------------------------------------------------------------------------------


class Writer:
    """Writes parts behind one another; `data` is what has been written."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, field: Field, value: Any) -> None:
        """Write one value."""
        self.data += unscaled(field, value).to_bytes(field.width, "big")

    def parts(self, parts: Iterable[Piece], values: Mapping[str, Any]) -> None:
        """Write the parts from `values`, whose keys are those that `Reader.parts` fills.

        Raises
        ------
        FrameError
            With reason ``structure`` where a key is missing or a value does not fit.

        """
        try:
            for part in parts:
                self._part(part, values)
        except KeyError as error:
            raise FrameError("structure", f"the value {error} is missing") from error

    def _part(self, part: Piece, values: Mapping[str, Any]) -> None:
        if isinstance(part, Field):
            self.number(part, _got(values, part))
        elif isinstance(part, Many):
            self._many(part, values)
        elif isinstance(part, Group):
            self._group(part, values[part.key])
        elif isinstance(part, Stamp):
            self.data += time_six(values[part.key])
        elif isinstance(part, Text):
            self.data += _padded(values[part.key], part.size, part.pad)
        elif isinstance(part, Blob):
            self.data += bytes.fromhex(values[part.key])
        else:
            size, _ = _texts_shape(part, values)
            for text in values[part.key]:
                self.data += _padded(text, size)

    def _group(self, group: Group, values: Sequence[Any]) -> None:
        for field, value in zip(group.fields, values, strict=True):
            self.number(field, value)

    def _many(self, many: Many, values: Mapping[str, Any]) -> None:
        items = values[many.key]
        if items is None:
            self.data += INVALID[many.count.wire].to_bytes(many.count.width, "big")
            return
        self.number(many.count, len(items))
        for item in items:
            if isinstance(many.item, Field):
                self.number(many.item, item)
            elif isinstance(item, Mapping):
                self.parts(many.item, item)
            else:
                lone = many.item[0]
                assert isinstance(lone, Group)
                self._group(lone, item)


def _got(values: Mapping[str, Any], field: Field) -> Any:
    value = values[field.key]
    if field.view != "gear":
        return value
    brake = _BRAKE_BIT if values.get("brake_force") else 0
    drive = _DRIVE_BIT if values.get("drive_force") else 0
    return (value & _GEAR_BITS) | brake | drive


def _padded(text: str, size: int, pad: bytes = b"\0") -> bytes:
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise FrameError("structure", f"text {text!r} has characters outside Latin-1") from error
    if len(raw) > size:
        raise FrameError("structure", f"text {text!r} has {len(raw)} bytes, allowed {size}")
    return raw.ljust(size, pad)
