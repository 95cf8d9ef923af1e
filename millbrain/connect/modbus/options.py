"""What a connection of the room may be given, judged before it is kept and before it is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.connect.modbus.codec import parse
from millbrain.connect.modbus.fields import BOOL, TEXT, UNIT_MAX
from millbrain.core.errors import FrameError, SettingsError
from millbrain.core.plant.tags import Connection, Tag, TagKind, Wrong

FRAMINGS: Final = ("tcp", "rtu")
# option -> (default, lowest, highest)
_NUMBERS: Final[Mapping[str, tuple[int, int, int]]] = {
    "unit_id": (1, 0, UNIT_MAX),
    "first": (0, 0, 1),
    "timeout_ms": (1000, 50, 30_000),
    "gap": (16, 0, 120),
    "block": (125, 1, 125),
    "pause_ms": (0, 0, 10_000),
}
_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a connection, read."""

    host: str
    port: int
    framing: str
    unit_id: int
    first: int
    timeout_ms: int
    gap: int
    block: int
    pause_ms: int
    single_writes: bool


def read_options(connection: Connection) -> Options:
    """Return endpoint and options of a connection.

    Raises
    ------
    SettingsError
        One of them is not allowed.
    """
    wrongs = _wrongs(connection)
    if wrongs:
        raise SettingsError(f"connection {connection.key}: {wrongs[0]}")
    host, _, port = connection.endpoint.rpartition(":")
    given = connection.options
    numbers = {n: int(given.get(n, default)) for n, (default, _, _) in _NUMBERS.items()}
    single = _truth(given.get("single_writes", True))
    return Options(host.strip("[]"), int(port), str(given.get("framing", "tcp")), **numbers,
                   single_writes=bool(single))  # fmt: skip


def check(connection: Connection, tags: Sequence[Tag]) -> Sequence[Wrong]:
    """Return what is wrong with a connection and with the addresses of its tags."""
    wrongs = _wrongs(connection)
    if wrongs:
        return wrongs
    options = read_options(connection)
    return [w for w in (_of_tag(tag, options) for tag in tags) if w]


def _of_tag(tag: Tag, options: Options) -> Wrong | None:
    try:
        place = parse(tag.address, options.unit_id, options.first)
    except FrameError as e:
        return Wrong("address", tag.address, str(e).partition(": ")[2] or str(e), tag.address)
    if (place.type == TEXT) != (tag.kind is TagKind.TEXT):
        allowed = "text" if place.type == TEXT else "number or truth"
        return Wrong("kind", tag.kind, allowed, tag.address)
    if place.count > options.block:
        allowed = f"at most {options.block} registers, the option block of the connection"
        return Wrong("address", tag.address, allowed, tag.address)
    if tag.writable and not place.kind.write:
        return Wrong(
            "writable", "yes", f"no: {place.kind.title.lower()} are read only", tag.address
        )
    if place.type == BOOL and (tag.scale, tag.offset) != (1.0, 0.0):
        return Wrong("scale", str(tag.scale), "1, and offset 0, of a bit", tag.address)
    return None


def _wrongs(connection: Connection) -> list[Wrong]:
    found = []
    host, colon, port = connection.endpoint.rpartition(":")
    if not colon or not host.strip() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        found.append(Wrong("endpoint", connection.endpoint, "host:port such as 192.168.1.30:502"))
    given = connection.options
    if given.get("framing", "tcp") not in FRAMINGS:
        found.append(Wrong("options.framing", str(given["framing"]), " or ".join(FRAMINGS)))
    for name, (default, low, high) in _NUMBERS.items():
        value = _whole(given.get(name, default))
        if value is None or not low <= value <= high:
            found.append(Wrong(f"options.{name}", str(given[name]), f"{low} to {high}"))
    if _truth(given.get("single_writes", True)) is None:
        found.append(Wrong("options.single_writes", str(given["single_writes"]), "true or false"))
    return found


def _whole(value: Any) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _truth(value: Any) -> bool | None:
    return _TRUTHS.get(str(value).lower())
