"""The tags of one connection as columns: one slot a tag, numbered as the server hands it back.

A slot's number is the client handle of its monitored item, so a notification finds its thing and
signal by an array index. A slot is never used for another tag while a subscription lives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.opcua import addresses, layout, sentences
from millbrain.connect.opcua.addresses import Address
from millbrain.core import limits
from millbrain.core.plant.tags import Tag, TagKind


class Trouble(IntEnum):
    """Why the newest value of a tag is none, or not what it should be."""

    NONE = 0
    STATUS = 1
    NOT_A_NUMBER = 2
    TYPE = 3
    TEXT = 4
    STRUCTURE = 5
    ELEMENT = 6
    CLOCK = 7
    OVERFLOW = 8
    CHANGED = 9
    ARRAY = 10


_SAID: Final = {
    Trouble.NOT_A_NUMBER: "sends what is not a number (NaN or infinite); stored without a value",
    Trouble.TEXT: f"sends a text of more than {limits.READING_TEXT_BYTES_MAX} bytes; refused",
    Trouble.STRUCTURE: "is a structure; its members must be subscribed one by one; refused",
    Trouble.ELEMENT: "the array has no such element now; stored without a value",
    Trouble.CLOCK: "its time is missing or impossible; the arrival is taken instead",
    Trouble.OVERFLOW: "the server dropped values: its queue is too short for this publishing_ms",
    Trouble.ARRAY: "is an array; name an element with index=<n>; in front, or make the tag a text",
}
TRUTH: Final = 1
TEXT: Final = 2
_KINDS: Final = {TagKind.NUMBER: 0, TagKind.TRUTH: TRUTH, TagKind.TEXT: TEXT}


@dataclass(frozen=True, slots=True)
class Watched:
    """What a server is asked for of a tag; tags that differ only elsewhere keep their slot."""

    address: Address
    period_ms: int
    deadband: float


def watched(tag: Tag) -> Watched:
    """Return what a server is asked for of a tag. The deadband is in the server's unit."""
    deadband = 0.0 if tag.kind is not TagKind.NUMBER else tag.deadband / abs(tag.scale)
    return Watched(addresses.parse(tag.address), tag.period_ms, deadband)


class Slots:
    """The slots of a connection; replaced whole when its tags change, see `changed`.

    tags: by slot, None = gone. types: encoding byte of the newest value, 0 = none yet. troubles,
    statuses: of the newest value. refused: slot -> sentence, tags that the server does not watch.
    """

    def __init__(self, link: str, tags: Sequence[Tag | None]) -> None:
        self.link = link.encode()
        self.tags = list(tags)
        known = [t or _GONE for t in self.tags]
        self.thing: NDArray[Any] = np.array([t.thing.encode() for t in known], np.bytes_)
        self.signal: NDArray[Any] = np.array([t.signal.encode() for t in known], np.bytes_)
        self.scale = np.array([t.scale for t in known], np.float64)
        self.offset = np.array([t.offset for t in known], np.float64)
        self.kind = np.array([_KINDS[t.kind] for t in known], np.uint8)
        self.gone = np.array([t is None for t in self.tags], np.bool_)
        self.element = np.array([addresses.parse(t.address).element for t in known], np.int64)
        count = len(known)
        self.types = np.zeros(count, np.uint8)
        self.types_before = np.zeros(count, np.uint8)
        self.troubles = np.zeros(count, np.uint8)
        self.statuses = np.zeros(count, np.uint32)
        self.refused: dict[int, str] = {}

    def changed(self, tags: Sequence[Tag]) -> "tuple[Slots, list[int], list[int]]":
        """Return the slots for other tags, which of the old ones ended, and which are new."""
        wanted = {(t.address, watched(t)): t for t in tags}
        kept: list[Tag | None] = []
        for tag in self.tags:
            kept.append(wanted.pop((tag.address, watched(tag)), None) if tag else None)
        ended = [
            n for n, (old, now) in enumerate(zip(self.tags, kept, strict=True)) if old and not now
        ]
        fresh = Slots(self.link.decode(), [*kept, *wanted.values()])
        old = len(self.tags)
        for name in ("types", "types_before", "troubles", "statuses"):
            getattr(fresh, name)[:old] = getattr(self, name)
        fresh.refused = {n: s for n, s in self.refused.items() if n not in ended}
        return fresh, ended, list(range(old, len(fresh.tags)))

    def address(self, slot: int) -> Address:
        """Return the address of a slot's tag."""
        return addresses.parse((self.tags[slot] or _GONE).address)

    def sentences(self) -> Mapping[str, str]:
        """Return address -> why it brings no value, or no good one."""
        refused = list(self.refused.items())  # the room's loop may add one meanwhile
        said = {t.address: s for n, s in refused if (t := self.tags[n])}
        for n in np.flatnonzero(self.troubles):
            tag = self.tags[n]
            if tag and tag.address not in said:
                said[tag.address] = self._sentence(int(n))
        return said

    def _sentence(self, slot: int) -> str:
        trouble = Trouble(int(self.troubles[slot]))
        if trouble is Trouble.STATUS:
            return sentences.of_status(int(self.statuses[slot]))[0]
        now, before = (type_name(int(a[slot])) for a in (self.types, self.types_before))
        if trouble is Trouble.TYPE:
            wanted = ("a number", "a truth value", "a text")[self.kind[slot]]
            return f"sends {now}, the tag is {wanted}; stored as text, of uncertain quality"
        if trouble is Trouble.CHANGED:
            return f"its type changed from {before} to {now}; stored as before"
        return _SAID[trouble]


def type_name(encoding: int) -> str:
    """Return the type that a variant's encoding byte names.

    >>> type_name(0x86)
    'Int32[]'
    """
    builtin = layout.BUILTINS.get(encoding & layout.TYPE_BITS)
    return (builtin.name if builtin else "nothing") + ("[]" if encoding & layout.IS_ARRAY else "")


_GONE: Final = Tag("", "i=0", "", "")
