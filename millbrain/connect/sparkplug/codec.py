"""One Sparkplug B payload to a dictionary and back: the object path, for births and commands.

    tag = field number << 3 | wire type
    wire types: 0 varint   1 eight bytes   2 length and bytes   5 four bytes

Built from the tables of `fields.py`. Data messages, many and alike, take `columnar.py`. A field
that the tables do not know is passed over, as protocol buffers ask.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from millbrain.connect.sparkplug.fields import MESSAGES, Field
from millbrain.core.errors import FrameError

DEPTH_MAX: Final = 16  # templates within templates; deeper ones are refused
_WIRE: Final = {"u32": 0, "u64": 0, "bool": 0, "double": 1, "string": 2, "bytes": 2,
                "message": 2, "float": 5}  # fmt: skip
_FIXED: Final = {1: struct.Struct("<d"), 5: struct.Struct("<f")}
_MASK: Final = {"u32": (1 << 32) - 1, "u64": (1 << 64) - 1}
_BY_NUMBER: Final = {m: {f.number: f for f in fields} for m, fields in MESSAGES.items()}
_VARINT_BYTES_MAX: Final = 10


def encode(values: Mapping[str, Any], message: str = "Payload") -> bytes:
    """Return a message as bytes, its fields in order of their numbers.

    Raises
    ------
    KeyError
        `values` names a field that the message does not have.
    """
    unknown = values.keys() - {f.name for f in MESSAGES[message]}
    if unknown:
        raise KeyError(f"{message} has no field {sorted(unknown)[0]!r}")
    out = bytearray()
    for field in MESSAGES[message]:
        value = values.get(field.name)
        if value is None:
            continue
        for item in value if field.many else (value,):
            out += _varint(field.number << 3 | _WIRE[field.kind])
            out += _value(field, item)
    return bytes(out)


def _value(field: Field, value: Any) -> bytes:
    if field.kind in ("u32", "u64"):
        return _varint(int(value) & _MASK[field.kind])
    if field.kind == "bool":
        return b"\1" if value else b"\0"
    if field.kind in ("float", "double"):
        return _FIXED[_WIRE[field.kind]].pack(value)
    if field.kind == "message":
        value = encode(value, field.of)
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(raw: bytes, message: str = "Payload", depth: int = 0) -> dict[str, Any]:
    """Return the fields of a message by name; lists are always there, others where they are sent.

    Raises
    ------
    FrameError
        The bytes are no such message; the reason is a stable word.
    """
    if depth > DEPTH_MAX:
        raise FrameError("nesting", f"{message}: nested more than {DEPTH_MAX} deep")
    fields = _BY_NUMBER[message]
    values: dict[str, Any] = {f.name: [] for f in fields.values() if f.many}
    at = 0
    while at < len(raw):
        begin = at
        tag, at = _read_varint(raw, at, message)
        wire = tag & 7
        if tag >> 3 == 0:
            raise FrameError("field_number", f"{message} at byte {begin}: field number 0", begin)
        field = fields.get(tag >> 3)
        found, at = _read(raw, at, wire, message)
        if field is None:
            continue
        if field.many and field.kind == "u32" and wire == 2:  # packed, allowed to any sender
            values[field.name] += _packed(found, message)
            continue
        if wire != _WIRE[field.kind]:
            raise FrameError(
                "wire_type",
                f"{message}.{field.name} at byte {begin} has wire type {wire}; "
                f"{_WIRE[field.kind]} is allowed",
                begin,
            )
        value = _read_value(field, found, depth)
        if field.many:
            values[field.name].append(value)
        else:
            values[field.name] = value
    return values


def _packed(raw: bytes, message: str) -> list[int]:
    values, at = [], 0
    while at < len(raw):
        value, at = _read_varint(raw, at, message)
        values.append(value & _MASK["u32"])
    return values


def _read_value(field: Field, found: Any, depth: int) -> Any:
    if field.kind in _MASK:
        return found & _MASK[field.kind]
    if field.kind == "bool":
        return bool(found)
    if field.kind in ("float", "double"):
        return _FIXED[_WIRE[field.kind]].unpack(found)[0]
    if field.kind == "message":
        return decode(found, field.of, depth + 1)
    return found.decode("utf-8", "replace") if field.kind == "string" else found


def _read(raw: bytes, at: int, wire: int, message: str) -> tuple[Any, int]:
    if wire == 0:
        return _read_varint(raw, at, message)
    if wire in _FIXED:
        size = _FIXED[wire].size
    elif wire == 2:
        size, at = _read_varint(raw, at, message)
    else:
        raise FrameError(
            "wire_type", f"{message} at byte {at}: wire type {wire} is not allowed", at
        )
    if at + size > len(raw):
        raise FrameError(
            "truncated",
            f"{message} at byte {at}: {size} bytes are announced, {len(raw) - at} are there",
            at,
        )
    return raw[at : at + size], at + size


def _read_varint(raw: bytes, at: int, message: str) -> tuple[int, int]:
    value = shift = 0
    for count in range(_VARINT_BYTES_MAX):
        if at + count >= len(raw):
            raise FrameError("truncated", f"{message} ends within a number at byte {at}", at)
        byte = raw[at + count]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK["u64"], at + count + 1
        shift += 7
    raise FrameError("varint", f"{message} at byte {at}: a number has more than 10 bytes", at)
