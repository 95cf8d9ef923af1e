"""Tags of one connection by number, as arrays that a whole batch indexes at once.

A *slot* is the number of an address within a connection, given for as long as it runs. What is
stored under it (thing, signal, scale) follows the tag book; what it is on the wire (data type)
follows the births.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from millbrain.core.plant.tags import Tag, TagKind


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored under each slot; all arrays have shape (slots,)."""

    taken: NDArray[np.bool_]
    thing: NDArray[np.bytes_]
    signal: NDArray[np.bytes_]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    text: NDArray[np.bool_]
    datatype: NDArray[np.uint32]


class Slots:
    """Numbers of addresses, with their tags. Not safe from several threads: its worker's own."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.troubles: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._tags: list[Tag | None] = []
        self._datatypes: list[int] = []
        self._stored: Stored | None = None

    def __len__(self) -> int:
        """Count the addresses."""
        return len(self.addresses)

    def number(self, address: str) -> int:
        """Return the slot of an address, a new one where it is new."""
        found = self._numbers.get(address)
        if found is None:
            found = self._numbers[address] = len(self.addresses)
            self.addresses.append(address)
            self._tags.append(None)
            self._datatypes.append(0)
            self._stored = None
        return found

    def find(self, address: str) -> int | None:
        """Return the slot of an address, None where it was never met."""
        return self._numbers.get(address)

    def tag(self, slot: int) -> Tag | None:
        """Return the tag of a slot, None where there is none."""
        return self._tags[slot]

    def datatype(self, slot: int) -> int:
        """Return the data type that a birth told of a slot, 0 = none yet."""
        return self._datatypes[slot]

    def tags(self) -> list[Tag]:
        """Return all tags."""
        return [t for t in self._tags if t is not None]

    def learn(self, slot: int, datatype: int) -> None:
        """Note the data type of a slot."""
        if datatype and self._datatypes[slot] != datatype:
            self._datatypes[slot] = datatype
            self._stored = None

    def load(self, tags: Iterable[Tag]) -> None:
        """Take the tags as the book has them now; an address without one is not stored."""
        self._tags = [None] * len(self.addresses)
        for tag in tags:
            slot = self.number(tag.address)
            self._tags[slot] = tag
        self._stored = None

    def missing(self, slots: Sequence[int]) -> list[int]:
        """Return those without a tag."""
        return [s for s in slots if self._tags[s] is None]

    def stored(self) -> Stored:
        """Return what is stored under each slot."""
        if self._stored is None:
            tags = self._tags
            none = Tag("", "", "", "")
            self._stored = Stored(
                np.array([t is not None and t.enabled for t in tags], np.bool_),
                np.array([(t or none).thing.encode() for t in tags] or [b""]),
                np.array([(t or none).signal.encode() for t in tags] or [b""]),
                np.array([(t or none).scale for t in tags], np.float64),
                np.array([(t or none).offset for t in tags], np.float64),
                np.array([(t or none).kind is TagKind.TEXT for t in tags], np.bool_),
                np.array(self._datatypes, np.uint32),
            )
        return self._stored
