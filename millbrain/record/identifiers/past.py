"""What held before: earlier forms of a record, also of one that is an item of a range.

Each change leaves what was there before it, under the number of its line in the audit trail. An
item has changed when its own record did or its range's, so both are read together by these numbers.

Key: NUL h <key> NUL <number> -> when (8 bytes, ms), then the single record as it was before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from millbrain.core.nodes.ranges import is_overlay, laid_over
from millbrain.core.records import is_live
from millbrain.record.identifiers.blocks import block_of
from millbrain.record.identifiers.ranges import Ranges
from millbrain.record.identifiers.store import Identifiers, Record

HISTORY: Final = b"\0h"
_NUMBER_BYTES: Final = 8


def past_key(key: bytes, number: int) -> bytes:
    """Return where the form stands that a record had before line `number`."""
    return HISTORY + key + b"\0" + number.to_bytes(_NUMBER_BYTES, "big")


@dataclass(frozen=True, slots=True)
class _Story:
    """A record through time: (number of the line, when [ms], form before it), and the form now."""

    rows: tuple[tuple[int, int, bytes], ...]
    now: bytes

    def before(self, number: int) -> bytes:
        """Return the form before a line, empty where there was none."""
        return next((form for n, _, form in self.rows if n >= number), self.now)


def history(store: Identifiers, ranges: Ranges, key: bytes) -> list[tuple[int, bytes]]:
    """Return earlier forms of a record, oldest first: until when it held [ms], stored form."""
    blocks = ranges.may_have_had(key)
    own = _story(store, key)
    if not blocks:
        return [(at_ms, form) for _, at_ms, form in own.rows]
    others = [(name, _story(store, name)) for name in blocks]
    steps = {(n, at_ms) for story in (own, *(s for _, s in others)) for n, at_ms, _ in story.rows}
    mine = {n for n, _, _ in own.rows}
    told = []
    for number, at_ms in sorted(steps):
        before = _item(key, own.before(number), [(k, s.before(number)) for k, s in others])
        after = _item(key, own.before(number + 1), [(k, s.before(number + 1)) for k, s in others])
        if number in mine or before != after:
            told.append((at_ms, before))
    return told


def _story(store: Identifiers, key: bytes) -> _Story:
    page = store.scan(HISTORY + key + b"\0")
    rows = tuple(
        (int.from_bytes(k[-_NUMBER_BYTES:], "big"), int.from_bytes(v[:8], "big"), v[8:])
        for k, v in page
    )
    return _Story(rows, store.get(key) or b"")


def _item(key: bytes, own: bytes, ranges: Sequence[Record]) -> bytes:
    """Return the form of a record from its own and those of the ranges that it may be in."""
    if own and not is_overlay(own):
        return own
    for name, stored in ranges:
        block = block_of(name, stored) if is_live(stored or None) else None
        serial = block.range.serial(key) if block else None
        if block is not None and serial is not None:
            shared = block.item(block.range.digits(serial)) or b""
            return laid_over(shared, own) if own else shared
    return b""
