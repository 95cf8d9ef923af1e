"""What a connection and a tag may look like, said once for pages, API, sheets and command line.

Nothing here asks a server. What only a room can know, its addresses above all, the room says
itself by the function that its card names (`Driver.check`).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from millbrain.core.plant.tags import Connection, Tag, TagKind, Wrong
from millbrain.core.rooms import Driver

PERIOD_MS_MIN: Final = 50
PERIOD_MS_MAX: Final = 86_400_000
THING_BYTES_MAX: Final = 64
ADDRESS_CHARACTERS_MAX: Final = 500
HIDDEN: Final = "***"  # what is shown, and may be given back, instead of a secret option

_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_THING: Final = re.compile(r"[^\s\x00-\x1f\x7f]+")
_SIGNAL: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = {"unit": 32, "title": 128, "title_zh": 128, "address": ADDRESS_CHARACTERS_MAX}

RoomCheck = Callable[[Connection, Sequence[Tag]], Sequence[Wrong]]


def _nothing(_: Connection, __: Sequence[Tag]) -> Sequence[Wrong]:
    return ()


@dataclass(frozen=True, slots=True)
class TagRules:
    """The rooms that have connections, and what each says of its own.

    rooms: key -> card. checks: key -> the function of `Driver.check`.
    """

    rooms: Mapping[str, Driver] = field(default_factory=dict)
    checks: Mapping[str, RoomCheck] = field(default_factory=dict)

    def of_connection(self, connection: Connection) -> list[Wrong]:
        """Return what is wrong with a connection, in the order of its fields."""
        found = []
        if not _KEY.fullmatch(connection.key):
            allowed = "1 to 64 letters, digits, '.', '_', '-', a letter or digit first"
            found.append(Wrong("key", connection.key, allowed))
        card = self.rooms.get(connection.room)
        if card is None:
            known = ", ".join(self.rooms) or "none"
            return [*found, Wrong("room", connection.room, f"one of the rooms {known}")]
        if not 0 < len(connection.endpoint.strip()) <= ADDRESS_CHARACTERS_MAX:
            found.append(Wrong("endpoint", connection.endpoint, f"such as {card.endpoint}"))
        found += _of_options(connection, card)
        return found or list(self._check(connection, ()))

    def of_tags(self, connection: Connection, tags: Sequence[Tag]) -> list[Wrong]:
        """Return what is wrong with tags of a connection, each with the address of its tag."""
        found = [wrong for tag in tags for wrong in tag_wrongs(tag)]
        bad = {wrong.address for wrong in found}
        good = [tag for tag in tags if tag.address not in bad]
        return [*found, *(w for w in self._check(connection, good) if w.address)]

    def _check(self, connection: Connection, tags: Sequence[Tag]) -> Sequence[Wrong]:
        return self.checks.get(connection.room, _nothing)(connection, tags)


def _of_options(connection: Connection, card: Driver) -> list[Wrong]:
    allowed = ", ".join(card.options) or "none"
    found = [
        Wrong(f"options.{name}", str(value), f"{card.title} has the options {allowed}")
        for name, value in connection.options.items()
        if name not in card.options
    ]
    return found + [
        Wrong(f"options.{name}", type(value).__name__, "a text, a number or a truth value")
        for name, value in connection.options.items()
        if name in card.options and not isinstance(value, str | int | float | bool)
    ]


def tag_wrongs(tag: Tag) -> list[Wrong]:
    """Return what is wrong with a tag whatever room it is of."""
    found: list[Wrong] = []

    def need(good: bool, name: str, allowed: str) -> None:
        if not good:
            found.append(Wrong(name, str(getattr(tag, name)), allowed, tag.address))

    need(0 < len(tag.address) <= ADDRESS_CHARACTERS_MAX, "address",
         f"1 to {ADDRESS_CHARACTERS_MAX} characters")  # fmt: skip
    need(bool(_THING.fullmatch(tag.thing)) and len(tag.thing.encode()) <= THING_BYTES_MAX, "thing",
         f"1 to {THING_BYTES_MAX} bytes without blanks, such as MW-L03-M07")  # fmt: skip
    need(bool(_SIGNAL.fullmatch(tag.signal)) and len(tag.signal) <= 64, "signal",
         "small letters, digits, single '_', its unit last, such as spindle_speed_rpm")  # fmt: skip
    need(tag.kind in set(TagKind), "kind", ", ".join(TagKind))
    need(math.isfinite(tag.scale) and tag.scale != 0, "scale", "a number other than 0")
    need(math.isfinite(tag.offset), "offset", "a number")
    need(math.isfinite(tag.deadband) and tag.deadband >= 0, "deadband", "a number from 0")
    need(PERIOD_MS_MIN <= tag.period_ms <= PERIOD_MS_MAX, "period_ms",
         f"{PERIOD_MS_MIN} to {PERIOD_MS_MAX} ms")  # fmt: skip
    for name, longest in _LONGEST.items():
        if name != "address":
            value = getattr(tag, name)
            need(len(value) <= longest and value.isprintable(), name, f"{longest} characters")
    return found


def twice(tags: Sequence[Tag]) -> list[Wrong]:
    """Return a `Wrong` for every tag that stores under the (thing, signal) of an earlier one."""
    first: dict[tuple[str, str], Tag] = {}
    found = []
    for tag in tags:
        other = first.setdefault((tag.thing, tag.signal), tag)
        if (other.connection, other.address) != (tag.connection, tag.address):
            found.append(Wrong("signal", f"{tag.thing} {tag.signal}", "one tag for a signal of a "
                               f"thing; {other.address} has it", tag.address))  # fmt: skip
    return found


def parted(
    options: Mapping[str, Any], secrets: Sequence[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Part options into those that are shown and the secrets; one that comes back hidden is left.

    >>> parted({"user": "a", "password": "b", "token": "***"}, ["password", "token"])
    ({'user': 'a'}, {'password': 'b'})
    """
    shown = {n: v for n, v in options.items() if n not in secrets}
    apart = {n: str(v) for n, v in options.items() if n in secrets and v != HIDDEN}
    return shown, apart


TAG_FIELDS: Final = tuple(f.name for f in fields(Tag))
