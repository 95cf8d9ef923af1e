"""Tags: how the values of a machine are reached, and what they are called here.

A *connection* is one server, broker, bus or folder that a connect room speaks to. A *tag* is one
value there: an address in the words of the protocol, and the thing and signal that its readings
are stored under. People edit both (pages, API, XLSX); the ledger keeps them and the rooms follow
without a restart. What a room finds by browsing or listening is a tag too, so that a tree is made
from what is there instead of by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class TagKind(StrEnum):
    """What a value is; a truth value is stored as 0 or 1."""

    NUMBER = "number"
    TRUTH = "truth"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Connection:
    """One counterpart of a connect room.

    key: its name here, also the `link` of its readings. room: folder of the room. endpoint: URL,
    address or folder. options: what the room needs besides, checked by the room. operator:
    organisation that it belongs to, empty = all may see it.
    """

    key: str
    room: str
    title: str = ""
    endpoint: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """One value of a connection.

    address: where it is, in the protocol's words; known by (connection, address). thing, signal:
    what its readings are stored under; the signal's last word is its unit. A raw number x is stored
    as ``x * scale + offset``. deadband: smallest change that is sent, in the stored unit; 0 = every
    value. period_ms: how often it is read or sampled. writable: a command may write it.
    """

    connection: str
    address: str
    thing: str
    signal: str
    kind: TagKind = TagKind.NUMBER
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    deadband: float = 0.0
    period_ms: int = 1000
    writable: bool = False
    enabled: bool = True
    title: str = ""
    title_zh: str = ""


class Phase(StrEnum):
    """How a connection stands."""

    OFF = "off"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How a connection stands, told by the running room.

    why, why_zh: a sentence where it is not connected or only in part: what happened, since when,
    what to do. troubles: address -> sentence (English) of tags that bring no value; troubles_zh the
    same in Chinese, where the room says it. Instants are [ms since 1970 UTC], 0 = never.
    """

    connection: str
    phase: Phase
    since_ms: int
    why: str = ""
    why_zh: str = ""
    values: int = 0
    received_ms: int = 0
    troubles: Mapping[str, str] = field(default_factory=dict)
    troubles_zh: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One node that browsing or listening found. leaf: it has a value and may become a tag."""

    address: str
    name: str
    parent: str = ""
    leaf: bool = True
    kind: TagKind = TagKind.NUMBER
    unit: str = ""
    writable: bool = False
    value: str = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is not allowed about a connection or a tag. address: of the tag, empty = no tag's."""

    field: str
    found: str
    allowed: str
    address: str = ""

    def __str__(self) -> str:
        """Say it as one sentence."""
        where = f"{self.address}: " if self.address else ""
        return f"{where}{self.field} was {self.found!r}; {self.allowed} is allowed"


class TagBook(Protocol):
    """Connections and tags as a room sees them; the ledger implements it. May block."""

    def revision(self) -> int:
        """Return a number that grows with every change of connections or tags."""
        ...

    def connections(self, room: str) -> Sequence[Connection]:
        """Return the connections of a room, disabled ones too."""
        ...

    def tags(self, connection: str) -> Sequence[Tag]:
        """Return the tags of a connection, disabled ones too."""
        ...

    def add_found(self, tags: Sequence[Tag]) -> int:
        """Keep tags that a room found by itself; those known already stay as they are.

        Returns how many were new.
        """
        ...
