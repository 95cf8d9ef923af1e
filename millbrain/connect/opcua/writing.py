"""Writing a value with the type that the node has, reading it back, and calling methods."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from asyncua import ua

from millbrain.connect.opcua import addresses, layout, sentences
from millbrain.connect.opcua.session import Session
from millbrain.connect.opcua.slots import type_name
from millbrain.core.errors import LinkError, NotFoundError, RefusedError
from millbrain.core.plant.tags import Tag, TagKind

TOLERANCE: Final = 1e-6  # relative: a machine may keep a number as a 32-bit float
_WHOLE: Final = {  # type -> smallest, largest
    2: (-128, 127), 3: (0, 255), 4: (-32_768, 32_767), 5: (0, 65_535),
    6: (-(2**31), 2**31 - 1), 7: (0, 2**32 - 1), 8: (-(2**63), 2**63 - 1), 9: (0, 2**64 - 1),
}  # fmt: skip


async def write(session: Session, tag: Tag, value: Any) -> dict[str, Any]:
    """Write a value, read it back, and say whether both agree.

    value: in the tag's unit. Returns `written`, `read_back`, `agrees`.

    Raises
    ------
    RefusedError
        The tag is not writable, the node cannot hold the value, or the server refused.
    """
    if not tag.writable:
        raise RefusedError(
            f"{tag.thing} {tag.signal} is not writable; make its tag writable first, if you may"
        )
    address = addresses.parse(tag.address)
    if address.element >= 0:
        raise RefusedError(f"{tag.address} is an element of an array; whole nodes are written")
    node = session.client.get_node(ua.NodeId.from_string(address.resolved(session.namespaces)))
    held = await _read(node, tag)
    raw = _raw(tag, held.VariantType.value, value)
    answer = ua.DataValue(ua.Variant(raw, held.VariantType))
    answer.SourceTimestamp = answer.ServerTimestamp = None  # most servers refuse times from outside
    (status,) = await session.services.write_attributes([node.nodeid], [answer])
    if not status.is_good():
        raise RefusedError(f"{tag.address}: {sentences.of_status(status.value)[0]}")
    back = _scaled(tag, (await _read(node, tag)).Value)
    return {"written": value, "read_back": back, "agrees": _agree(value, back)}


async def _read(node: Any, tag: Tag) -> ua.Variant:
    try:
        found = await node.read_data_value(raise_on_bad_status=False)
    except ua.UaStatusCodeError as e:
        raise RefusedError(f"{tag.address}: {sentences.of_status(e.code)[0]}") from e
    if found.StatusCode is not None and found.StatusCode.value >= layout.BAD_BIT:
        raise RefusedError(f"{tag.address}: {sentences.of_status(found.StatusCode.value)[0]}")
    held: ua.Variant = found.Value
    if held.Value is None or held.is_array or held.VariantType.value not in (
        *layout.NUMBERS, layout.STRING,
    ):  # fmt: skip
        encoding = held.VariantType.value | (layout.IS_ARRAY if held.is_array else 0)
        raise RefusedError(
            f"{tag.address} holds {type_name(encoding)}; a number, a truth value or a text can be "
            "written"
        )
    return held


def _raw(tag: Tag, kind: int, value: Any) -> Any:
    """Return the value as the node's type holds it."""
    name = type_name(kind)
    if kind == layout.STRING:
        if not isinstance(value, str):
            raise RefusedError(f"{tag.address} holds a text; {value!r} is none")
        return value
    if isinstance(value, str) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RefusedError(f"{tag.address} holds {name}; {value!r} is no number")
    if kind == layout.BOOLEAN:
        if value not in (0, 1):
            raise RefusedError(f"{tag.address} holds a truth value; {value!r} is neither 0 nor 1")
        return bool(value)
    raw = (value - tag.offset) / tag.scale if tag.kind is TagKind.NUMBER else value
    if kind not in _WHOLE:
        return float(raw)
    low, high = _WHOLE[kind]
    near = round(raw)
    if abs(raw - near) > TOLERANCE * max(1.0, abs(raw)) or not low <= near <= high:
        raise RefusedError(
            f"{tag.address} holds {name}, whole numbers from {low} to {high}; {raw:g} is none"
        )
    return near


def _scaled(tag: Tag, raw: Any) -> Any:
    if isinstance(raw, str):
        return raw
    return raw * tag.scale + tag.offset if tag.kind is TagKind.NUMBER else int(raw)


def _agree(written: Any, back: Any) -> bool:
    if isinstance(written, str) or isinstance(back, str):
        return bool(written == back)
    return math.isclose(written, back, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


async def call(session: Session, order: Mapping[str, Any]) -> dict[str, Any]:
    """Call a method: ``object`` and ``method`` are addresses, ``arguments`` a list.

    Arguments take the types that the method declares. Returns its results as a list.

    Raises
    ------
    NotFoundError
        The server has no such method there.
    RefusedError
        The arguments do not fit, or the server refused.
    """
    owner, method = (_node(session, str(order.get(n, ""))) for n in ("object", "method"))
    given: Sequence[Any] = order.get("arguments", [])
    types = await _argument_types(method)
    if len(given) != len(types):
        raise RefusedError(f"the method takes {len(types)} arguments, {len(given)} were given")
    try:
        wanted = [ua.Variant(_fitting(v, t), t) for v, t in zip(given, types, strict=True)]
        found = await owner.call_method(method.nodeid, *wanted)
    except ua.UaStatusCodeError as e:
        raise RefusedError(sentences.of_status(e.code)[0]) from e
    results = found if isinstance(found, list) else [] if found is None else [found]
    return {"results": [v if isinstance(v, bool | int | float | str) else str(v) for v in results]}


def _node(session: Session, address: str) -> Any:
    node = addresses.parse(address).resolved(session.namespaces)
    return session.client.get_node(ua.NodeId.from_string(node))


async def _argument_types(method: Any) -> list[ua.VariantType]:
    """Return the types of a method's arguments; one without that property takes none."""
    try:
        declared = await method.get_child("0:InputArguments")
    except ua.uaerrors.BadNoMatch:
        return []
    except ua.UaStatusCodeError as e:
        raise NotFoundError(sentences.of_status(e.code)[0]) from e
    return [_variant_type(a.DataType) for a in await declared.read_value()]


def _variant_type(data_type: ua.NodeId) -> ua.VariantType:
    number = data_type.Identifier
    if data_type.NamespaceIndex or number not in (*layout.NUMBERS, layout.STRING):
        raise RefusedError(f"the method takes {data_type}; numbers, truth values and texts can be "
                           "given")  # fmt: skip
    return ua.VariantType(number)


def _fitting(value: Any, kind: ua.VariantType) -> Any:
    return _raw(_ARGUMENT, kind.value, value)


_ARGUMENT: Final = Tag("", "argument", "", "", kind=TagKind.NUMBER)


def link_error(error: BaseException, where: str) -> LinkError:
    """Return an error of the network or the server as one of ours."""
    return LinkError(sentences.of_error(error, where)[0])
