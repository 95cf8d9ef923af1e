"""Binary OPC UA, one value at a time: what a publish response says, and values of any type.

This is the road of what is rare. Numbers come by the thousand and are read by `columnar`; texts,
arrays and structures come here. Pure: bytes in, values out.

    PublishResponse = type id, response header, subscription, available sequence numbers, more?,
                      sequence number, publish time, notifications[], results[], diagnostics[]
    notification    = type id, 01, length, body        DataChange body = items[], diagnostics[]
    item            = client handle, DataValue         DataValue = mask, variant, status, times
"""

import base64
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from millbrain.connect.opcua import layout
from millbrain.core.errors import FrameError

DEPTH_MAX: Final = 16  # variants within variants; OPC 10000-6 5.1.7 asks decoders to bound it
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Value:
    """A variant. type: built-in type, 0 = null. value: a list where `array`."""

    type: int
    value: Any
    array: bool = False


@dataclass(frozen=True, slots=True)
class Structure:
    """An ExtensionObject that is not looked into. type: node id of its encoding."""

    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """A DataValue. Instants in ticks of 100 ns since 1601, 0 = not told."""

    value: Value
    status: int
    source_ticks: int
    server_ticks: int


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish response says.

    status: of the service. available: sequence numbers that the server still keeps. changes: where
    the items of each data change stand, (offset of their count, end). ended: status codes with
    which the server ended the subscription. published_ticks: clock of the server.
    """

    status: int
    subscription: int
    available: tuple[int, ...]
    more: bool
    sequence: int
    published_ticks: int
    changes: tuple[tuple[int, int], ...]
    ended: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class History:
    """A page of one node's history. more: where it goes on, b'' = the end. samples: DataValues."""

    status: int
    more: bytes
    samples: tuple[bytes, ...]


class Reader:
    """Reads on from a place in bytes; `FrameError` where they end too early or make no sense."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise FrameError(
                "truncated",
                f"OPC UA message: {size} bytes were announced at byte {self.at}, "
                f"{len(self.data) - self.at} are there",
                self.at,
            )
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, form: str) -> Any:
        """Return the next number, by its `struct` format."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self) -> int:
        """Return the length of an array or string; null is -1 and counts as 0."""
        found: int = self.number("<i")
        if found > len(self.data) - self.at:
            raise FrameError("truncated", f"OPC UA message: {found} items at {self.at}", self.at)
        return max(found, 0)

    def blob(self) -> bytes:
        """Return a ByteString."""
        return self.take(self.count())

    def text(self) -> str:
        """Return a String; what is no UTF-8 is replaced."""
        return self.blob().decode("utf-8", "replace")

    def node(self, *, expanded: bool = False) -> str:
        """Return a node id as people write it (OPC 10000-6 5.1.12)."""
        form = self.number("B")
        namespace, written = 0, ""
        kind = form & 0x3F
        if kind == 0:
            written = f"i={self.number('B')}"
        elif kind == 1:
            namespace, written = self.number("B"), f"i={self.number('<H')}"
        elif kind in (2, 3, 4, 5):
            namespace = self.number("<H")
            written = self._identifier(kind)
        else:
            raise FrameError("node_id", f"OPC UA node id: form {form:#x} is not known", self.at)
        uri = self.text() if expanded and form & 0x80 else ""
        if expanded and form & 0x40:
            self.number("<I")
        if uri:
            return f"nsu={uri};{written}"
        return f"ns={namespace};{written}" if namespace else written

    def _identifier(self, kind: int) -> str:
        if kind == 2:
            return f"i={self.number('<I')}"
        if kind == 3:
            return f"s={self.text()}"
        if kind == 4:
            return f"g={UUID(bytes_le=self.take(16))}"
        return f"b={base64.b64encode(self.blob()).decode()}"

    def structure(self) -> Structure:
        """Return an ExtensionObject as it is."""
        kind = self.node()
        return Structure(kind, self.blob() if self.number("B") & 3 else b"")

    def localized(self) -> str:
        """Return the text of a LocalizedText."""
        mask = self.number("B")
        if mask & 1:
            self.text()
        return self.text() if mask & 2 else ""

    def diagnostics(self, depth: int = 0) -> None:
        """Pass over a DiagnosticInfo (OPC 10000-6 table 23)."""
        if depth > DEPTH_MAX:
            raise FrameError("depth", "OPC UA diagnostics: nested too deeply", self.at)
        mask = self.number("B")
        for bit in (0x01, 0x02, 0x04, 0x08):
            if mask & bit:
                self.take(4)
        if mask & 0x10:
            self.blob()
        if mask & 0x20:
            self.take(4)
        if mask & 0x40:
            self.diagnostics(depth + 1)

    def variant(self, depth: int = 0) -> Value:
        """Return a variant (OPC 10000-6 5.2.2.16)."""
        if depth > DEPTH_MAX:
            raise FrameError("depth", "OPC UA variant: nested too deeply", self.at)
        encoding = self.number("B")
        kind = encoding & layout.TYPE_BITS
        if not encoding & layout.IS_ARRAY:
            return Value(kind, self._scalar(kind, depth) if kind else None)
        values = [self._scalar(kind, depth) for _ in range(self.count())]
        if encoding & layout.HAS_DIMENSIONS:
            for _ in range(self.count()):
                self.take(4)
        return Value(kind, values, array=True)

    def sample(self, depth: int = 0) -> Sample:
        """Return a DataValue (OPC 10000-6 5.2.2.17)."""
        mask = self.number("B")
        value = self.variant(depth) if mask & layout.HAS_VALUE else Value(0, None)
        status = self.number("<I") if mask & layout.HAS_STATUS else 0
        source = self.number("<q") if mask & layout.HAS_SOURCE_AT else 0
        if mask & layout.HAS_SOURCE_PICO:
            self.take(2)
        server = self.number("<q") if mask & layout.HAS_SERVER_AT else 0
        if mask & layout.HAS_SERVER_PICO:
            self.take(2)
        return Sample(value, status, source, server)

    def _scalar(self, kind: int, depth: int) -> Any:
        builtin = layout.BUILTINS.get(kind)
        if builtin is None:
            raise FrameError("type", f"OPC UA variant: type {kind} is not known", self.at)
        if builtin.format:
            return self.number(builtin.format)
        if kind in (layout.STRING, layout.XML_ELEMENT):
            return self.text()
        return self._rare(builtin.name, depth)

    def _rare(self, name: str, depth: int) -> Any:
        match name:
            case "Guid":
                return UUID(bytes_le=self.take(16))
            case "ByteString":
                return self.blob()
            case "NodeId":
                return self.node()
            case "ExpandedNodeId":
                return self.node(expanded=True)
            case "QualifiedName":
                self.take(2)
                return self.text()
            case "LocalizedText":
                return self.localized()
            case "ExtensionObject":
                return self.structure()
            case "DataValue":
                return self.sample(depth + 1)
            case "Variant":
                return self.variant(depth + 1)
        return self.diagnostics()


def published(body: bytes) -> Published:
    """Read a PublishResponse without looking at the values in it.

    Raises
    ------
    FrameError
        The bytes are no publish response or end too early.
    """
    r = Reader(body)
    status = _header(r, layout.PUBLISH_RESPONSE)
    subscription = r.number("<I")
    available = tuple(r.number("<I") for _ in range(r.count()))
    more = r.number("?")
    return Published(status, subscription, available, more, *_message(r))


def republished(body: bytes) -> Published:
    """Read a RepublishResponse: a message that was sent before. FrameError as in `published`."""
    r = Reader(body)
    status = _header(r, layout.REPUBLISH_RESPONSE)
    return Published(status, 0, (), False, *_message(r))


def histories(body: bytes) -> list[History]:
    """Read a HistoryReadResponse. FrameError as in `published`."""
    r = Reader(body)
    _header(r, layout.HISTORY_READ_RESPONSE)
    found = []
    for _ in range(r.count()):
        status, more = r.number("<I"), r.blob()
        kind = r.node()
        data = r.blob() if r.number("B") & 3 else b""
        found.append(
            History(status, more, _samples(data) if _is(kind, layout.HISTORY_DATA) else ())
        )
    return found


def _samples(data: bytes) -> tuple[bytes, ...]:
    r = Reader(data)
    found = []
    for _ in range(r.count()):
        start = r.at
        r.sample()
        found.append(data[start : r.at])
    return tuple(found)


def notification(items: Iterable[tuple[int, bytes]]) -> bytes:
    """Write a data change: client handles, each with the bytes of its DataValue."""
    parts = [struct.pack("<I", handle) + sample for handle, sample in items]
    return struct.pack("<i", len(parts)) + b"".join(parts)


def _is(node: str, number: int) -> bool:
    return node == f"i={number}"


def _header(r: Reader, expected: int) -> int:
    """Pass over type and header of a response; return its status."""
    kind = r.node()
    if not _is(kind, expected):
        raise FrameError("service", f"OPC UA: {kind} came where i={expected} was due", 0)
    r.take(12)  # timestamp and request handle
    status: int = r.number("<I")
    r.diagnostics()
    for _ in range(r.count()):
        r.blob()
    r.structure()
    return status


def _message(r: Reader) -> tuple[int, int, tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Return number, time, places of data changes and ending codes of a notification message."""
    sequence, ticks = r.number("<I"), r.number("<q")
    changes, ended = [], []
    for _ in range(r.count()):
        kind = r.node()
        if not r.number("B") & 3:
            continue
        length = r.number("<i")
        start = r.at
        r.take(length)
        if _is(kind, layout.DATA_CHANGE):
            changes.append((start, start + length))
        elif _is(kind, layout.STATUS_CHANGE):
            ended.append(Reader(r.data, start).number("<I"))
    return sequence, ticks, tuple(changes), tuple(ended)


def written(value: Value) -> str:
    """Return a value as text: what people read, arrays as JSON-like lists."""
    if value.array:
        return "[" + ", ".join(_item(value.type, v) for v in value.value) + "]"
    return _text(value.type, value.value)


def _item(kind: int, value: Any) -> str:
    text = _text(kind, value)
    return text if kind in layout.NUMBERS else '"' + text.replace('"', '\\"') + '"'


def _text(kind: int, value: Any) -> str:
    if value is None:
        return ""
    if kind == layout.BOOLEAN:
        return "true" if value else "false"
    if kind == layout.DATE_TIME:
        return instant(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Value):
        return written(value)
    if isinstance(value, Sample):
        return written(value.value)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def instant(ticks: int) -> str:
    """Return a DateTime as ISO 8601, or the number of its ticks where no calendar holds it."""
    try:
        at = _EPOCH + timedelta(microseconds=(ticks - layout.EPOCH_TICKS) // 10)
    except OverflowError:
        return str(ticks)
    return at.isoformat()
