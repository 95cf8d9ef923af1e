"""Values as JSON, both ways, as the Handle HTTP API writes them; every face over HTTP does so.

A value is ``{index, type, data: {format, value}, ttl, timestamp}``. Data has one of the formats
``string``, ``base64``, ``hex``, ``admin``, ``vlist``; what is given as plain text is a string.
Permissions are told only where they are not the usual 1110.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.records import (
    PERMISSIONS_USUAL,
    TTL_ABSOLUTE,
    TTL_S,
    Administrator,
    Reference,
    Value,
    encode_references,
    read_administrator,
    read_group,
    write_administrator,
)
from millbrain.core.registry import ADMIN_TYPE, GROUP_TYPE

_ADMIN_BITS: Final = 12
_VALUE_BITS: Final = 4


def value_json(value: Value) -> dict[str, Any]:
    """Return a value as JSON-able data."""
    told: dict[str, Any] = {
        "index": value.index,
        "type": value.type,
        "data": _data_json(value),
        "ttl": value.ttl if value.ttl_type != TTL_ABSOLUTE else _instant(value.ttl),
        "timestamp": _instant(value.timestamp_s),
    }
    if value.permissions != PERMISSIONS_USUAL:
        told["permissions"] = f"{value.permissions:0{_VALUE_BITS}b}"
    if value.references:
        told["references"] = [_reference_json(r) for r in value.references]
    return told


def _data_json(value: Value) -> dict[str, Any]:
    shape = _SHAPES.get(value.type.upper())
    if shape is not None:
        try:
            return {"format": shape[0], "value": shape[1](value.data)}
        except FrameError:
            return _raw(value.data)
    try:
        return {"format": "string", "value": value.data.decode()}
    except UnicodeDecodeError:
        return _raw(value.data)


def _raw(data: bytes) -> dict[str, Any]:
    return {"format": "base64", "value": base64.b64encode(data).decode()}


def _admin_json(data: bytes) -> dict[str, Any]:
    found = read_administrator(data)
    permissions = f"{found.permissions:0{_ADMIN_BITS}b}"
    return _reference_json(found.identity) | {"permissions": permissions}


def _group_json(data: bytes) -> list[dict[str, Any]]:
    return [_reference_json(r) for r in read_group(data)]


def _reference_json(reference: Reference) -> dict[str, Any]:
    return {"handle": reference.handle, "index": reference.index}


def _instant(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_SHAPES: Final[Mapping[str, tuple[str, Callable[[bytes], Any]]]] = {
    ADMIN_TYPE: ("admin", _admin_json), GROUP_TYPE: ("vlist", _group_json),
}  # fmt: skip


def values_of(body: Any) -> tuple[Value, ...]:
    """Read the values of a request: ``{"values": [...]}``, or the list alone.

    Raises
    ------
    ValueError
        Says where, what was found and what was expected.
    """
    told = body.get("values") if isinstance(body, Mapping) else body
    if not isinstance(told, list):
        raise ValueError('"values": a list was expected')
    return tuple(_value(v, f"values[{n}]") for n, v in enumerate(told))


def _value(told: Any, where: str) -> Value:
    if not isinstance(told, Mapping):
        raise ValueError(f"{where}: an object was expected")
    try:
        index, kind = _number(told["index"], 1), str(told["type"])
        ttl = _number(told.get("ttl", TTL_S), 0)
        permissions = _bits(told.get("permissions"), _VALUE_BITS, PERMISSIONS_USUAL)
        references = tuple(_reference(r) for r in told.get("references", ()))
        return Value(index, kind, _data(told["data"]), ttl, 0, permissions, 0, references)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{where}: {error!r}; index, type and data were expected") from error


def _data(told: Any) -> bytes:
    if isinstance(told, str):
        return told.encode()
    kind, value = told["format"], told["value"]
    read = _READERS.get(kind)
    if read is None:
        raise ValueError(f"data format {kind!r}; known are {', '.join(_READERS)}")
    return read(value)


def _read_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from error


def _read_admin(told: Mapping[str, Any]) -> bytes:
    permissions = _bits(told["permissions"], _ADMIN_BITS, 0)
    return write_administrator(Administrator(permissions, _reference(told)))


def _read_group(told: list[Any]) -> bytes:
    return encode_references(_reference(r) for r in told)


_READERS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "string": lambda text: str(text).encode(), "base64": _read_base64, "hex": bytes.fromhex,
    "admin": _read_admin, "vlist": _read_group,
}  # fmt: skip


def _reference(told: Mapping[str, Any]) -> Reference:
    return Reference(str(told["handle"]), _number(told["index"], 0))


def _number(told: Any, least: int) -> int:
    number = int(told)
    if isinstance(told, bool) or not least <= number < 1 << 32:
        raise ValueError(f"{told!r}: a whole number from {least} was expected")
    return number


def _bits(told: Any, width: int, otherwise: int) -> int:
    if told is None:
        return otherwise
    text = str(told)
    if len(text) != width or set(text) - {"0", "1"}:
        raise ValueError(f"permissions {told!r}: {width} of 0 and 1 were expected")
    return int(text, 2)
