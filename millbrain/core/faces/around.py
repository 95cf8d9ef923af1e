"""What an HTTP face may be told besides the registry: the node around it.

A face whose `routes` take two arguments gets one of these as the second. Rooms share nothing, so
what one room does for the others (asking other nodes) reaches them as a protocol of this module,
plugged in by the resolver process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from millbrain.core.nodes import Node
from millbrain.core.records import Value


class Standing(StrEnum):
    """What other nodes, or the routes held here, say of an identifier that is not recorded here."""

    FOUND = "found"
    NOT_FOUND = "not_found"  # a node that is responsible says that there is none
    REFERRED = "referred"  # another node is responsible; we do not ask it
    UNKNOWN = "unknown"  # nobody is known to be responsible
    UNREACHABLE = "unreachable"  # nobody could be asked in time


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is known of an identifier that is not recorded here.

    values: public values, of FOUND. prefix, sites: whom to ask, of REFERRED: the prefix and its
    HS_SITE values. left_s: how much longer FOUND holds [s]. detail: words for people.
    """

    standing: Standing
    values: tuple[Value, ...] = ()
    prefix: str = ""
    sites: tuple[Value, ...] = ()
    left_s: float = 0.0
    detail: str = ""


class Others(Protocol):
    """The other nodes, as far as this one knows them."""

    async def find(self, handle: str, /) -> Elsewhere:
        """Say what is known of a handle without a record here; asks others where the role says."""
        ...

    def addresses(self, sites: Sequence[Value], /) -> tuple[str, ...]:
        """Return the web addresses that HS_SITE values name: scheme, host and port."""
        ...


class _Nobody:
    """Other nodes where none is plugged in: a face used by itself."""

    async def find(self, _: str) -> Elsewhere:
        return Elsewhere(Standing.UNKNOWN)

    def addresses(self, _: Sequence[Value]) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Around:
    """The node around a face.

    secret: key of this installation for what it signs and reads again itself. others: the other
    nodes.
    """

    secret: bytes
    node: Node = field(default_factory=Node)
    others: Others = field(default_factory=_Nobody)


ALONE: Final = Around(b"")  # a node that knows no other, for a face used by itself
