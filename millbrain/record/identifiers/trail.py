"""The audit trail: who changed what, each line chained to the one before by SHA-256.

A line is JSON; its hash is that of its bytes, and the next line carries it. Whoever changes,
removes or adds a line later breaks the chain, which `verify` finds.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from millbrain.core.errors import StoreError
from millbrain.record.identifiers.store import Identifiers, Record

LINES: Final = b"\0a"
HEAD: Final = b"\0t"
_START: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Trail:
    """The newest line: its number, from 1 (0 = none yet), and its hash."""

    number: int = 0
    hash: bytes = _START

    def then(self, line: Mapping[str, Any]) -> tuple["Trail", Record]:
        """Return the trail after `line`, and the line as it is kept."""
        told = {"number": self.number + 1, **line, "previous": self.hash.hex()}
        raw = _written(told)
        after = Trail(self.number + 1, hashlib.sha256(raw).digest())
        return after, (line_key(after.number), raw)

    @property
    def kept(self) -> Record:
        """The head as it is kept, in the batch of the line."""
        return HEAD, self.number.to_bytes(8, "big") + self.hash


def _written(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line)
    except TypeError:  # a handle that is no UTF-8; the slower writer escapes what is not
        return json.dumps(line, separators=(",", ":")).encode()


def line_key(number: int) -> bytes:
    """Return the key of a line."""
    return LINES + number.to_bytes(8, "big")


def trail_of(kept: bytes | None) -> Trail:
    """Return the head that was kept, a new one where there is none."""
    return Trail(int.from_bytes(kept[:8], "big"), kept[8:]) if kept else Trail()


def open_trail(store: Identifiers) -> Trail:
    """Return the head of a store's trail, to go on from.

    Raises
    ------
    StoreError
        There is a line behind the head: the next one would be written over it.
    """
    head = trail_of(store.get(HEAD))
    if store.get(line_key(head.number + 1)) is not None:
        raise StoreError(
            f"audit trail: its head says line {head.number}, but there is one behind it; nothing "
            "is written. Look with `millbrain handles check`"
        )
    return head


def verify(lines: Iterable[bytes], head: Trail) -> str:
    """Return what is wrong with a whole trail, '' where it is sound.

    lines: all of them in order, from the first.
    """
    number, hash_ = 0, _START
    for raw in lines:
        number += 1
        line = json.loads(raw)
        if line["number"] != number or line["previous"] != hash_.hex():
            return f"line {number}: it does not follow the one before"
        hash_ = hashlib.sha256(raw).digest()
    if (number, hash_) != (head.number, head.hash):
        return f"the trail ends at line {number}, its head says {head.number}"
    return ""
