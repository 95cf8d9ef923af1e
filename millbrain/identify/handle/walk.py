"""The one walk over declared parts: `Reader` turns bytes into values, `Writer` values into bytes.

Both follow the same tuple of parts, so neither knows an offset. Numbers are declared with
`core.wire.Field`; what this protocol adds (strings with a length, lists, records, tails) with the
words below. Whatever decodes encodes to the same bytes again: text that is not UTF-8 keeps its
bytes as lone surrogates, and bytes that no part claims stand under ``rest``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.wire import WIDTHS, Field
from millbrain.identify.handle.fields import DIGEST_LENGTH_FIRST, DIGESTS

_LENGTH_BYTES: Final = 4
_UNDECODABLE: Final = "surrogateescape"


@dataclass(frozen=True, slots=True)
class Text:
    """A length (4 bytes) and so many bytes of UTF-8."""

    key: str
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Blob:
    """A length (4 bytes) and so many bytes."""

    key: str
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many bytes without a length; numbers too wide for `Field` are kept this way too."""

    key: str
    size: int
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Rest:
    """All bytes that are left, empty where none are."""

    key: str
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Digest:
    """Algorithm byte and digest; algorithm 0 is the first byte of a length (old clients)."""

    key: str
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Record:
    """Parts that become one object: `make` is called with their values by name."""

    key: str
    make: Callable[..., Any]
    parts: tuple["Part", ...]
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Array:
    """A count (4 bytes) and so many items, each one part; `count_max` bounds hostile counts."""

    key: str
    item: "Part"
    count_max: int
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Optional:
    """Parts that are there only where bytes are left; their keys are absent otherwise."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """A length (4 bytes) and parts that fill it exactly; their values stand among the others."""

    parts: tuple["Part", ...]
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class When:
    """Parts that follow only for some values of an earlier part."""

    key: str
    cases: Mapping[Any, tuple["Part", ...]]


Part = Field | Text | Blob | Fixed | Rest | Digest | Record | Array | Optional | Nested | When
Parts = tuple[Part, ...]


class Reader:
    """Reads declared parts from ``data[at:end]``.

    Every step consumes bytes or ends, and a list of n items costs at least n bytes, so the time is
    linear in the bytes whatever they say.
    """

    def __init__(self, data: bytes, at: int = 0, end: int = -1) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end < 0 else end

    def read(self, parts: Parts) -> dict[str, Any]:
        """Return the values of `parts` by key; bytes that are left stand under ``rest``."""
        found: dict[str, Any] = {}
        self.fill(found, parts)
        if self.at < self.end:
            found["rest"] = self.take(self.end - self.at)
        return found

    def fill(self, found: dict[str, Any], parts: Parts) -> None:
        """Read `parts` into `found`."""
        for part in parts:
            if isinstance(part, Optional):
                if self.at < self.end:
                    self.fill(found, part.parts)
            elif isinstance(part, When):
                self.fill(found, part.cases.get(found[part.key], ()))
            elif isinstance(part, Nested):
                self.nested(found, part)
            else:
                found[part.key] = self.one(part)

    def nested(self, found: dict[str, Any], part: Nested) -> None:
        """Read parts that stand behind a length of their own."""
        at, size = self.at, self.number(_LENGTH_BYTES)
        inner = Reader(self.take(size))
        inner.fill(found, part.parts)
        if inner.at < inner.end:
            raise FrameError(
                "structure", f"{part.title}: {size} bytes announced, {inner.at} are used", at
            )

    def one(self, part: Part) -> Any:
        """Read one part."""
        read = _READS[type(part)]
        return read(self, part)

    def take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises
        ------
        FrameError
            With reason ``truncated`` where so many are not left.
        """
        end = self.at + size
        if end > self.end:
            raise FrameError(
                "truncated",
                f"{size} bytes announced at byte {self.at}, {self.end - self.at} are left",
                self.at,
            )
        at, self.at = self.at, end
        return self.data[at:end]

    def number(self, width: int) -> int:
        """Return the next number."""
        return int.from_bytes(self.take(width), "big")

    def blob(self, _: Part) -> bytes:
        """Read a length and so many bytes."""
        return self.take(self.number(_LENGTH_BYTES))

    def array(self, part: Array) -> tuple[Any, ...]:
        """Read a counted list."""
        at, count = self.at, self.number(_LENGTH_BYTES)
        if count > part.count_max:
            raise FrameError(
                "structure", f"{part.title}: {count} items, allowed {part.count_max}", at
            )
        return tuple([self.one(part.item) for _ in range(count)])

    def record(self, part: Record) -> Any:
        """Read the parts of a record and make it."""
        found: dict[str, Any] = {}
        self.fill(found, part.parts)
        return part.make(**found)

    def digest(self, part: Digest) -> tuple[int, bytes]:
        """Read a digest as (algorithm, bytes)."""
        at, algorithm = self.at, self.number(1)
        if algorithm == DIGEST_LENGTH_FIRST:
            self.at = at
            return algorithm, self.blob(part)
        if algorithm not in DIGESTS:
            known = ", ".join(map(str, DIGESTS))
            raise FrameError("structure", f"digest algorithm {algorithm}, known are {known}", at)
        return algorithm, self.take(DIGESTS[algorithm][1])


_READS: Final[Mapping[type, Callable[[Reader, Any], Any]]] = {
    Field: lambda reader, part: reader.number(WIDTHS[part.wire]),
    Text: lambda reader, part: reader.blob(part).decode("utf-8", _UNDECODABLE),
    Blob: Reader.blob,
    Fixed: lambda reader, part: reader.take(part.size),
    Rest: lambda reader, _: reader.take(reader.end - reader.at),
    Digest: Reader.digest,
    Record: Reader.record,
    Array: Reader.array,
}


class Writer:
    """Writes values by declared parts; `data` holds what was written."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, parts: Parts, values: Any) -> bytes:
        """Write `values` (a mapping, or an object with attributes) and the ``rest`` it may hold.

        Raises
        ------
        FrameError
            With reason ``structure``: a value is missing, of another kind, or too big.
        """
        self.fill(parts, values)
        if isinstance(values, Mapping):
            self.data += values.get("rest", b"")
        return bytes(self.data)

    def fill(self, parts: Parts, values: Any) -> None:
        """Write `parts` of `values`."""
        for part in parts:
            if isinstance(part, Optional):
                if _holds(values, part.parts):
                    self.fill(part.parts, values)
            elif isinstance(part, When):
                self.fill(part.cases.get(_of(values, part.key), ()), values)
            elif isinstance(part, Nested):
                inner = Writer()
                inner.fill(part.parts, values)
                self.blob(bytes(inner.data))
            else:
                self.one(part, _of(values, part.key))

    def one(self, part: Part, value: Any) -> None:
        """Write one part."""
        write = _WRITES[type(part)]
        try:
            write(self, part, value)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            title = getattr(part, "title", "")
            raise FrameError("structure", f"{title} {value!r}: {error}") from error

    def number(self, value: int, width: int) -> None:
        """Write a number."""
        self.data += value.to_bytes(width, "big")

    def blob(self, value: bytes) -> None:
        """Write a length and the bytes."""
        self.number(len(value), _LENGTH_BYTES)
        self.data += value

    def array(self, part: Array, values: Any) -> None:
        """Write a counted list."""
        if len(values) > part.count_max:
            raise ValueError(f"{len(values)} items, allowed {part.count_max}")
        self.number(len(values), _LENGTH_BYTES)
        for value in values:
            self.one(part.item, value)

    def fixed(self, part: Fixed, value: bytes) -> None:
        """Write bytes of a declared size."""
        if len(value) != part.size:
            raise ValueError(f"{len(value)} bytes, exactly {part.size} are needed")
        self.data += value

    def digest(self, value: tuple[int, bytes]) -> None:
        """Write a digest given as (algorithm, bytes)."""
        algorithm, found = value
        if algorithm == DIGEST_LENGTH_FIRST:
            self.blob(found)
            return
        if algorithm not in DIGESTS or len(found) != DIGESTS[algorithm][1]:
            raise ValueError(f"{len(found)} bytes of digest algorithm {algorithm}")
        self.number(algorithm, 1)
        self.data += found


_WRITES: Final[Mapping[type, Callable[[Writer, Any, Any], None]]] = {
    Field: lambda writer, part, value: writer.number(value, WIDTHS[part.wire]),
    Text: lambda writer, _, value: writer.blob(value.encode("utf-8", _UNDECODABLE)),
    Blob: lambda writer, _, value: writer.blob(value),
    Fixed: Writer.fixed,
    Rest: lambda writer, _, value: writer.data.extend(value),
    Digest: lambda writer, _, value: writer.digest(value),
    Record: lambda writer, part, value: writer.fill(part.parts, value),
    Array: Writer.array,
}


def _holds(values: Any, parts: Parts) -> bool:
    """Whether the first of optional parts has a value."""
    key = getattr(parts[0], "key", "")
    return key in values if isinstance(values, Mapping) else getattr(values, key, None) is not None


def _of(values: Any, key: str) -> Any:
    if not isinstance(values, Mapping):
        return getattr(values, key)
    if key not in values:
        raise FrameError("structure", f"a value for {key!r} is missing")
    return values[key]
