"""Frames of GB/T 32960.3 as plain objects, and back.

The object form is for one frame at a time: the inspector, the shell, rare commands. The thousands
of realtime frames a second go through `columnar`, which follows the same declarations. Nothing here
raises on bytes from outside: what is wrong with a frame is named in its object.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from millbrain.connect.gbt32960 import framing
from millbrain.connect.gbt32960.fields import (
    BLOCKS,
    CUSTOM_TYPES,
    EDITION_2025,
    FLAG_COMMAND,
    SIGNATURE_TYPE,
    START_BYTES,
)
from millbrain.connect.gbt32960.framing import (
    FRAME_BYTES_MIN,
    HEADER_BYTES,
    Split,
    answer,
    build_frame,
    split,
)
from millbrain.connect.gbt32960.messages import CUSTOM, SIGNATURE, UNITS
from millbrain.connect.gbt32960.walk import SIX_BYTES, Reader, Stamp, Writer
from millbrain.core.errors import FrameError
from millbrain.core.times import beijing_from_six
from millbrain.core.wire import Block, Many

__all__ = ["Opener", "Split", "answer", "build_frame", "decode", "encode", "split"]

REALTIME: Final = frozenset((0x02, 0x03))
_TIMED_ANSWERS: Final = frozenset(range(0x01, 0x09))
_SOUTH, _WEST = 2, 4
_SEALED: Final = "encrypted_or_nonstandard_enc"
_TIME: Final = Stamp("time")


class Opener(Protocol):
    """Turns an encrypted frame into a plain one; `crypto.Opener` is one."""

    def open(self, frame: bytes) -> bytes:
        """Return the frame with encryption 01; raises FrameError where it cannot."""
        ...


# Decoding ---------------------------------------------------------------------------------------


def decode(frame: bytes, *, opener: Opener | None = None) -> dict[str, Any]:
    """Decode one frame to a JSON-able object.

    Parameters
    ----------
    frame
        One whole frame as `split` finds it. Other bytes give an object with ``error``.
    opener
        Decrypts; without one a frame whose encryption is not 01 keeps its unit as hex.

    Returns
    -------
    dict
        ver, cmd, resp, id, enc, len, bcc_ok and data. Realtime data are ``time`` and ``infos``, a
        list of ``{"t": type, "v": values}`` with None for values marked abnormal or invalid.
        ``stopped_at`` is the offset in the data unit of the block that could not be read and
        ``why`` names the reason: "(at, need, length)" or "type xx". ``bad_time`` marks six bytes
        that name no instant, ``error`` a frame that is shorter or longer than it says.

    """
    if bytes(frame[:2]) not in START_BYTES or len(frame) < FRAME_BYTES_MIN:
        head = bytes(frame[:4]).hex()
        return {"error": f"not a frame: {len(frame)} bytes beginning with {head!r}; "
                         "a frame has at least 25 and begins with 2323 or 2424"}  # fmt: skip
    size = framing.unit_size(frame)
    found: dict[str, Any] = {
        "ver": START_BYTES[bytes(frame[:2])],
        "cmd": frame[framing.AT_COMMAND],
        "resp": frame[framing.AT_FLAG],
        "id": bytes(frame[framing.AT_ID : framing.AT_ENCRYPTION]).decode("latin-1").rstrip("\0"),
        "enc": frame[framing.AT_ENCRYPTION],
        "len": size,
    }
    whole = bytes(frame[: FRAME_BYTES_MIN + size])
    found["bcc_ok"] = len(whole) == FRAME_BYTES_MIN + size and framing.checksum(whole) == whole[-1]
    if len(frame) != FRAME_BYTES_MIN + size:
        found["error"] = f"frame has {len(frame)} bytes, its header says {FRAME_BYTES_MIN + size}"
    found["data"] = _data(found, whole, opener)
    return found


def _data(found: dict[str, Any], whole: bytes, opener: Opener | None) -> dict[str, Any]:
    unit = whole[HEADER_BYTES : HEADER_BYTES + found["len"]]
    if found["enc"] != 1:
        if opener is None:
            return {_SEALED: unit.hex()}
        try:
            unit = opener.open(whole)[HEADER_BYTES:-1]
        except FrameError as error:
            found["why"] = error.detail
            return {_SEALED: unit.hex()}
    if found["resp"] != FLAG_COMMAND and found["cmd"] in _TIMED_ANSWERS:
        return _answered(found, unit)
    if found["cmd"] in REALTIME:
        return _realtime(found, unit)
    return _message(found, unit)


def _answered(found: dict[str, Any], unit: bytes) -> dict[str, Any]:
    if len(unit) < SIX_BYTES:
        return {"rest_len": len(unit)}
    data: dict[str, Any] = {}
    Reader(unit).parts((_TIME,), data)
    _check_time(found, unit)
    return data | {"rest_len": len(unit) - SIX_BYTES}


def _message(found: dict[str, Any], unit: bytes) -> dict[str, Any]:
    parts = UNITS.get((found["ver"], found["cmd"]))
    if parts is None:
        return {"raw": unit.hex()}
    reader = Reader(unit)
    data: dict[str, Any] = {}
    try:
        reader.parts(parts, data)
    except FrameError as error:
        found["stopped_at"], found["why"] = reader.at, error.detail
    else:
        if reader.at < reader.end and data.get("len_ok", True):
            data["rest"] = unit[reader.at :].hex()
    _check_time(found, unit)
    return data


def _check_time(found: dict[str, Any], unit: bytes) -> None:
    if len(unit) >= SIX_BYTES and beijing_from_six(unit[:SIX_BYTES]) is None:
        found["bad_time"] = True


def _realtime(found: dict[str, Any], unit: bytes) -> dict[str, Any]:
    reader = Reader(unit)
    infos: list[dict[str, Any]] = []
    data: dict[str, Any] = {"infos": infos}
    start = 0
    try:
        reader.parts((_TIME,), data)
        _check_time(found, unit)
        while reader.at < reader.end:
            start = reader.at
            kind = unit[start]
            reader.at += 1
            infos.append({"t": kind, "v": read_block(reader, found["ver"], kind)})
    except FrameError as error:
        found["stopped_at"], found["why"] = start, error.detail
    return data


def read_block(reader: Reader, edition: int, kind: int) -> Any:
    """Read the body of an information block, `reader` standing behind its type byte.

    Raises
    ------
    FrameError
        With reason ``truncated``, or ``unknown_block`` and the detail "type xx".

    """
    values: dict[str, Any] = {}
    block = BLOCKS.get((edition, kind))
    if block is not None:
        reader.parts(block.parts, values)
        return _shaped(block, values)
    if edition == EDITION_2025 and kind == SIGNATURE_TYPE:
        reader.parts(SIGNATURE, values)
    elif kind in CUSTOM_TYPES[edition]:
        reader.parts(CUSTOM, values)
    else:
        raise FrameError("unknown_block", f"type {kind:02x}", reader.at - 1)
    return values


def _shaped(block: Block, values: dict[str, Any]) -> Any:
    if block.rows:
        lone = block.parts[0]
        assert isinstance(lone, Many)
        return values[lone.key]
    if block.position:
        return _signed(values)
    return values


def _signed(values: dict[str, Any]) -> dict[str, Any]:
    """Degrees with a sign for the hemisphere (32960.3-2016 table 15), validity first."""
    state = values.pop("state")
    for key, bit in (("lon", _WEST), ("lat", _SOUTH)):
        if values[key] is not None and state & bit:
            values[key] = -values[key]
    return {"valid": not state & 1, **values}


# Encoding ---------------------------------------------------------------------------------------


def encode(obj: Mapping[str, Any]) -> bytes:
    """Encode an object that `decode` could have returned.

    Parameters
    ----------
    obj
        ver, cmd, resp, id, data and, as wanted, enc (default 1; the unit is not encrypted here) and
        bcc_ok (False writes a wrong BCC). None becomes the invalid marker.

    Raises
    ------
    FrameError
        Where a value is missing or does not fit, or the object stopped before the frame's end.

    Notes
    -----
    ``decode(encode(x)) == x``. What the object form drops is not restored: which marker a None
    was, reserved bits of the gear and position bytes, the unread bytes behind ``rest_len`` (written
    as 00).

    """
    for key in ("error", "stopped_at", "why"):
        if key in obj:
            raise FrameError("structure", f"object has {key!r} = {obj[key]!r}: part is unknown")
    encryption = obj.get("enc", 1)
    frame = build_frame(
        obj["ver"], obj["cmd"], obj["resp"], obj["id"], _unit(obj), encryption=encryption
    )
    if not obj.get("bcc_ok", True):
        frame = frame[:-1] + bytes((frame[-1] ^ 0xFF,))
    return frame


def _unit(obj: Mapping[str, Any]) -> bytes:
    data: Mapping[str, Any] = obj["data"]
    for key in (_SEALED, "raw"):
        if key in data:
            return bytes.fromhex(data[key])
    writer = Writer()
    if "time" in data:
        writer.parts((_TIME,), data)
    if "rest_len" in data:
        return bytes(writer.data) + bytes(data["rest_len"])
    if "infos" in data:
        for info in data["infos"]:
            write_block(writer, obj["ver"], info["t"], info["v"])
        return bytes(writer.data)
    writer = Writer()
    writer.parts(UNITS[obj["ver"], obj["cmd"]], data)
    return bytes(writer.data) + bytes.fromhex(data.get("rest", ""))


def write_block(writer: Writer, edition: int, kind: int, values: Any) -> None:
    """Write an information block with its type byte, the inverse of `read_block`."""
    writer.data.append(kind)
    block = BLOCKS.get((edition, kind))
    if block is None:
        is_signature = edition == EDITION_2025 and kind == SIGNATURE_TYPE
        if not is_signature and kind not in CUSTOM_TYPES[edition]:
            raise FrameError("unknown_block", f"type {kind:02x} is not declared for {edition}")
        writer.parts(SIGNATURE if is_signature else CUSTOM, _sized(values))
        return
    if block.rows:
        values = {block.parts[0].key: values}
    elif block.position:
        values = _unsigned(values)
    writer.parts(block.parts, values)


def _sized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lengths are those of the bytes that are sent."""
    lengths = {"raw": "len", "r": "r_len", "s": "s_len"}
    return dict(values) | {lengths[key]: len(values[key]) // 2 for key in lengths if key in values}


def _unsigned(values: Mapping[str, Any]) -> dict[str, Any]:
    state = 0 if values["valid"] else 1
    degrees = dict(values)
    for key, bit in (("lon", _WEST), ("lat", _SOUTH)):
        if degrees[key] is not None and degrees[key] < 0:
            state |= bit
            degrees[key] = -degrees[key]
    return degrees | {"state": state}
