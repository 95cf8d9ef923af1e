"""Ranges at work: items of a block of serials, answered from its one record.

A key that has no record of its own, or only what differs (`core.nodes.ranges.OVERLAY`), is an item
where a range has it. A whole record of a key wins over the range, also one that is deleted: a
serial that was deleted is not given again by a range. Ranges never overlap.

Its key beside the records stands in `blocks`.
"""

import heapq
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from millbrain.core.keys import handle_key
from millbrain.core.limits import RANGES_MAX
from millbrain.core.nodes.ranges import (
    Range,
    Shapes,
    is_overlay,
    laid_over,
    overlay,
)
from millbrain.core.records import is_live, stored_values
from millbrain.core.registry import ADMIN_TYPE, Change, Reason, RegistryError, Verb
from millbrain.record.identifiers.aliases import ALIASES
from millbrain.record.identifiers.blocks import HANDLE, MARK, Block, block_of, handle_of, read_row
from millbrain.record.identifiers.store import Identifiers, Record, every

log = logging.getLogger(__name__)
RANGES: Final = b"\0r"


class _View:
    """The ranges that one side sees: readers those on disk, the writer those it is making."""

    def __init__(self) -> None:
        self.items: Shapes[Block] = Shapes()
        self.aliases: Shapes[Block] = Shapes()

    def replace(self, old: Block | None, new: Block | None) -> None:
        """Take a range out and put one in, so that what both have is never missing."""
        if old is not None and new is not None and _are_alike(old, new):
            self.items.put(new.range, new, instead=old.range)
            for was, one in zip(old.aliases, new.aliases, strict=True):
                self.aliases.put(one, new, instead=was)
            return
        if old is not None:
            self.items.drop(old.range)
            for one in old.aliases:
                self.aliases.drop(one)
        if new is not None:
            self.items.put(new.range, new)
            for one in new.aliases:
                self.aliases.put(one, new)

    def fill(self, blocks: Iterable[Block]) -> list[bytes]:
        """Put in many at once; return the keys of those that share items with another."""
        known = tuple(blocks)
        left = {one.key for one in self.items.fill((b.range, b) for b in known)}
        rest = [b for b in known if b.key not in left]
        self.aliases.fill((one, b) for b in rest for one in b.aliases)
        return sorted(left)

    def whole(self, key: bytes, own: bytes | None) -> bytes | None:
        """Return the stored form of a key; own: of its single record."""
        if own is not None and not is_overlay(own):
            return own
        if key.startswith(ALIASES):
            return self._named(key[len(ALIASES) :])
        found = self.items.find(key) if len(self.items) else None
        if found is None:
            return None
        shared = found[1].item(found[0])
        return shared if own is None or shared is None else laid_over(shared, own)

    def _named(self, key: bytes) -> bytes | None:
        """Return the handle of the item that has an alias, None = none."""
        found = self.aliases.find(key) if len(self.aliases) else None
        if found is None:
            return None
        digits, block = found
        return (block.range.head + digits + block.range.tail)[len(HANDLE) :]

    def taken(self, block: Block) -> Block | None:
        """Return a range that shares an item or an alias with this one."""
        found = self.items.overlapping(block.range)
        return found or next(filter(None, map(self.aliases.overlapping, block.aliases)), None)


class Ranges:
    """The ranges of a node."""

    def __init__(self, store: Identifiers) -> None:
        self._store = store
        self._shown, self._made = _View(), _View()
        self._blocks: dict[bytes, Block] = {}  # as made, by the key of their record
        self._ended: dict[bytes, set[bytes]] = {}  # records that were ranges once, by prefix
        self._steps: list[tuple[Block | None, Block | None]] = []
        self._open([(key[len(RANGES) :], row) for key, row in every(store, RANGES)])

    def _open(self, rows: Sequence[Record]) -> None:
        """Put the ranges of a store in force; one that is damaged or shares items is not."""
        for key, row in rows:
            if row[:1] == b"\1":
                self._ended.setdefault(_head(key), set()).add(key)
            try:
                block = read_row(key, row, self._store.get)
            except ValueError as error:
                log.error("%s; it is not in force", error)
                continue
            if block is not None:
                self._blocks[key] = block
        for view in (self._made, self._shown):
            for key in view.fill(self._blocks.values()):
                log.error("range %s shares items; it is not in force", handle_of(key))
                self._blocks.pop(key, None)

    def __len__(self) -> int:
        """Return how many ranges are in force."""
        return len(self._shown.items)

    # Reading ------------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """Return the stored form behind a key, None = none."""
        return self._shown.whole(key, self._store.get(key))

    def completed(self, keys: Sequence[bytes], found: list[bytes | None]) -> list[bytes | None]:
        """Return what was found of single records, with the items of ranges."""
        if not len(self._shown.items):
            return found
        whole = self._shown.whole
        return [
            whole(key, stored) if stored is None or is_overlay(stored) else stored
            for key, stored in zip(keys, found, strict=True)
        ]

    def block(self, key: bytes) -> Block | None:
        """Return the range that a key is in, None = none."""
        found = self._shown.items.find(key)
        return found[1] if found else None

    def below(self, prefix: str) -> list[Block]:
        """Return the ranges of a prefix in the order of their keys."""
        found = self._shown.items.below(handle_key(f"{prefix}/"))
        return [block for _, block in sorted(found, key=lambda row: row[0].key(row[0].first))]

    def may_have_had(self, key: bytes) -> list[bytes]:
        """Return the keys of records that are or may have been the range of a key."""
        block = self.block(key)
        return sorted(self._ended.get(_head(key), set()) | ({block.key} if block else set()))

    def is_in_force(self, key: bytes) -> bool:
        """Whether a record is a range whose items are answered."""
        return key in self._blocks

    def size(self, prefix: str) -> int:
        """Return how many items the ranges of a prefix have."""
        return sum(block.range.count for block in self.below(prefix))

    # Writing ------------------------------------------------------------------------------------

    def made(self, key: bytes, own: bytes | None) -> bytes | None:
        """Return the stored form as the writer has it; own: of the single record."""
        return self._made.whole(key, own)

    def kept(self, change: Change, own: bytes | None, row: Record) -> dict[bytes, bytes]:
        """Return what is written of a change; a range is in force for the writer at once.

        Parameters
        ----------
        own
            Stored form of the single record before.
        row
            Key and record after the change, as a whole.

        Raises
        ------
        RegistryError
            A range overlaps another one, or would lose items.
        """
        key, after = row
        if self.is_range(key, after):
            return {key: after} | self._changed(key, after)
        is_edit = change.verb not in (Verb.CREATE, Verb.DELETE)
        if not is_edit or not len(self._made.items) or (own is not None and not is_overlay(own)):
            return {key: after}
        found = self._made.items.find(key)
        if found is None:
            return {key: after}
        shared, now = stored_values(found[1].item(found[0]) or b""), stored_values(after)
        if [v for v in shared if v.type == ADMIN_TYPE] != [v for v in now if v.type == ADMIN_TYPE]:
            return {key: after}  # it has other administrators now, so it stands by itself
        return {key: overlay(shared, now)}

    def is_range(self, key: bytes, after: bytes) -> bool:
        """Whether a record is a range now or after a change."""
        return key in self._blocks or (MARK in after and block_of(key, after) is not None)

    def loaded(self, batch: Iterable[Record]) -> list[Record]:
        """Put the ranges of a batch in force for the writer; return further rows to write."""
        rows: list[Record] = []
        known = self._blocks
        for key, stored in [row for row in batch if MARK in row[1] or (known and row[0] in known)]:
            rows += self._changed(key, stored).items()
        return rows

    def mark(self) -> int:
        """Return where the writer is, for `back_to`."""
        return len(self._steps)

    def back_to(self, mark: int) -> None:
        """Take back what the writer made since a mark."""
        while len(self._steps) > mark:
            old, new = self._steps.pop()
            self._switch(new, old)
            self._steps.pop()

    def settle(self) -> bool:
        """Show what the writer made, now that it is on disk; return whether there was anything."""
        steps, self._steps = self._steps, []
        for old, new in steps:
            self._shown.replace(old, new)
        return bool(steps)

    def longer(self, key: bytes, after: bytes) -> int:
        """Return by how many serials a change lengthens a range, single records not looked at."""
        old, new = self._blocks.get(key), block_of(key, after)
        return (new.range.count if new else 0) - (old.range.count if old else 0)

    def growth(self, key: bytes, after: bytes, written: Mapping[bytes, bytes]) -> int:
        """Return by how many items a change of a record changes what there is.

        written: rows of the commit so far, which are not in the store.
        """
        old, new = self._blocks.get(key), block_of(key, after)
        return sum(
            sign * (block.range.count - self._singles(block.range, written))
            for sign, block in ((-1, old), (1, new)) if block is not None
        )  # fmt: skip

    def _singles(self, one: Range, written: Mapping[bytes, bytes]) -> int:
        """Return how many keys of a range have a record of their own, or had one."""
        rows = dict(written)
        at, end = one.key(one.first)[:-1], one.key(one.last)
        while page := self._store.scan(one.head, at):
            rows |= {k: stored for k, stored in page if k not in written and k <= end}
            at = page[-1][0]
            if at > end:
                break
        return sum(one.serial(k) is not None and not is_overlay(stored)
                   for k, stored in rows.items())  # fmt: skip

    def _changed(self, key: bytes, after: bytes) -> dict[bytes, bytes]:
        old, new = self._blocks.get(key), block_of(key, after, self._store.get)
        if new is not None:
            self._demand_lawful(old, new)
        elif old is not None and is_live(after):
            raise RegistryError(
                Reason.INVALID,
                f"{handle_of(key)}: is a range of {old.range.count} identifiers; delete its record "
                "to delete them",
            )
        if old is None and new is None:
            return {}
        self._switch(old, new)
        ended = self._ended.setdefault(_head(key), set())
        if new is None:
            ended.add(key)
        return {RANGES + key: new.row(has_ended=key in ended) if new else b"\1"}

    def _demand_lawful(self, old: Block | None, new: Block) -> None:
        one, handle = new.range, handle_of(new.key)
        if old is None and len(self._made.items) >= RANGES_MAX:
            raise RegistryError(Reason.INVALID, f"{handle}: {RANGES_MAX} ranges are there already")
        if old is not None and not one.contains(old.range):
            raise RegistryError(
                Reason.INVALID,
                f"{handle}: range was {_told(old.range)}, now {_told(one)}; a range only grows. "
                "Delete single items, or its record",
            )
        self._made.replace(old, None)
        taken = self._made.taken(new)
        self._made.replace(None, old)
        if taken is not None:
            raise RegistryError(
                Reason.EXISTS,
                f"{handle}: {_told(one)} shares items or aliases with range "
                f"{handle_of(taken.key)}, {_told(taken.range)}; nothing was changed",
            )

    def _switch(self, old: Block | None, new: Block | None) -> None:
        self._made.replace(old, new)
        if old is not None:
            self._blocks.pop(old.key, None)
        if new is not None:
            self._blocks[new.key] = new
        self._steps.append((old, new))


def _are_alike(old: Block, new: Block) -> bool:
    """Whether a block is another one that has grown or whose values have changed."""
    is_same = len(old.aliases) == len(new.aliases) and new.range.contains(old.range)
    return is_same and all(map(Range.contains, new.aliases, old.aliases))


def merged(blocks: Sequence[Block], own: Iterable[Record], after: bytes) -> Iterator[bytes]:
    """Yield the keys of all live records behind `after`, in order: single ones and items.

    own: the single records behind `after`, in order.
    """
    items = heapq.merge(*(block.range.keys_after(after) for block in blocks))
    item = next(items, None)
    for key, stored in own:
        while item is not None and item < key:
            yield item
            item = next(items, None)
        is_item = item == key
        if is_item:
            item = next(items, None)
        if is_live(stored) or (is_item and is_overlay(stored)):
            yield key
    while item is not None:
        yield item
        item = next(items, None)


def _head(key: bytes) -> bytes:
    return key[: key.find(b"/") + 1]


def _told(one: Range) -> str:
    return f"{handle_of(one.key(one.first))} to {handle_of(one.key(one.last))}"
