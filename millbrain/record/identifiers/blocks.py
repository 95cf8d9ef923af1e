"""One range in force, and the row that lets a node open with many of them at once.

The row says which serials a record stands for, so that opening reads one short row a range and no
record. What an item is sent is made of the record when the first item is asked for::

    NUL r <key of a record> -> 0  1  1: it was another range before, or was one and is none now
                               1  .  for the range, then for each alias: digits (1), first and last
                                     serial (8 each), sizes of head and tail (2 each), head, tail
"""

import logging
import struct
from collections.abc import Callable
from typing import Final

from millbrain.core.errors import FrameError
from millbrain.core.nodes.ranges import Range, alias_ranges, item_pieces, range_of
from millbrain.core.records import is_live, stored_values
from millbrain.core.registry import Reason, RegistryError
from millbrain.core.templates import RANGE_TYPE

log = logging.getLogger(__name__)
MARK: Final = RANGE_TYPE.encode()
HANDLE: Final = b"hdl:"
_PLACE: Final = struct.Struct(">BQQHH")
Look = Callable[[bytes], bytes | None]


class Block:
    """A range that is in force.

    Parameters
    ----------
    key
        Of its record.
    one
        Its serials.
    aliases
        The same serials in the keys of other schemes.
    form
        Stored form of its record, None = it is on disk.
    look
        Returns what is on disk.
    """

    __slots__ = ("_form", "_look", "_pieces", "aliases", "key", "range")

    def __init__(
        self, key: bytes, one: Range, aliases: tuple[Range, ...], form: bytes | None, look: Look
    ) -> None:
        self.key = key
        self.range = one
        self.aliases = aliases
        self._form = form
        self._look = look
        self._pieces: tuple[bytes, ...] | None = None

    def item(self, digits: bytes) -> bytes | None:
        """Return the stored form of the item with these digits, None where the record is lost."""
        if self._pieces is None:
            self._pieces, self._form = self._made(), None
        return digits.join(self._pieces) if self._pieces else None

    def row(self, *, has_ended: bool) -> bytes:
        """Return its row. has_ended: its record was another range before."""
        return bytes((has_ended,)) + b"".join(map(_placed, (self.range, *self.aliases)))

    def _made(self) -> tuple[bytes, ...]:
        form = self._look(self.key) if self._form is None else self._form
        try:
            return item_pieces(stored_values(form or b""), self.range.width)
        except FrameError as error:
            log.error("range %s is not answered: %s", handle_of(self.key), error)
            return ()


def block_of(key: bytes, stored: bytes | None, look: Look = lambda _: None) -> Block | None:
    """Return the range that a stored record is, None where it is none.

    Raises
    ------
    RegistryError
        Its RANGE value is malformed, or one of its aliases.
    """
    if stored is None or MARK not in stored or not is_live(stored):
        return None
    try:
        values = stored_values(stored)
        one = range_of(handle_of(key), values)
        aliases = alias_ranges(values, one) if one else ()
    except ValueError as error:
        raise RegistryError(
            Reason.INVALID, f"{handle_of(key)}: {error}; nothing was changed"
        ) from error
    except FrameError:
        return None
    return Block(key, one, aliases, stored, look) if one else None


def read_row(key: bytes, row: bytes, look: Look) -> Block | None:
    """Return the range that a row tells of, None where it is none any more.

    Raises
    ------
    ValueError
        The row is damaged.
    """
    found, at = [], 1
    while at < len(row):
        try:
            width, first, last, head_size, tail_size = _PLACE.unpack_from(row, at)
        except struct.error as error:
            raise ValueError(f"row of range {handle_of(key)}: {error}") from error
        start = at + _PLACE.size
        at = start + head_size + tail_size
        head, tail = row[start : start + head_size], row[start + head_size : at]
        found.append(Range(head, width, tail, first, last))
    if at > max(len(row), 1):
        raise ValueError(f"row of range {handle_of(key)} ends before its time")
    return Block(key, found[0], tuple(found[1:]), None, look) if found else None


def handle_of(key: bytes) -> str:
    """Return the handle of a key."""
    return key[len(HANDLE) :].decode("utf-8", "replace")


def _placed(one: Range) -> bytes:
    sizes = len(one.head), len(one.tail)
    return _PLACE.pack(one.width, one.first, one.last, *sizes) + one.head + one.tail
