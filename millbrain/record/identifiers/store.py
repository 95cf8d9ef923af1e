"""What a store of identifiers must do: a few methods, whichever engine is behind them.

Keys are `core.keys.Key.stored`; they sort by scheme, prefix, suffix, so that the identifiers of a
prefix stand together. Values are opaque here: the room that answers keeps in them the bytes that it
sends, so that a hit is one look-up and no encoding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Record = tuple[bytes, bytes]
Judge = Callable[[bytes, bytes], str]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    record_count: records that were read. key_bytes, value_bytes: their sizes, uncompressed.
    problems: one sentence each, empty where the store is sound; a store that cannot be read on
    ends the check there.
    """

    record_count: int
    key_bytes: int
    value_bytes: int
    problems: tuple[str, ...]


class Identifiers(Protocol):
    """A store of identifiers; every method may be called from any thread."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None where there is none."""
        ...

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each of `keys`, None where there is none; cheaper than one by one."""
        ...

    def put_many(self, records: Sequence[Record]) -> None:
        """Write all of `records` or none, on disk when this returns; a later one of a key wins.

        Raises
        ------
        LimitError
            More records or bytes than `limits` allow for one batch.
        StoreFullError, StoreError
            Nothing was written.
        """
        ...

    def delete(self, keys: Iterable[bytes]) -> None:
        """Remove all of `keys` or none, on disk when this returns; missing ones do not matter."""
        ...

    def scan(self, prefix: bytes, after: bytes = b"", count_max: int = ...) -> list[Record]:
        """Return records whose key begins with `prefix` and is greater than `after`, in order.

        A page of at most `count_max`; the last key of a full page is the next page's `after`.
        """
        ...

    def checkpoint(self, folder: Path) -> None:
        """Make a copy in `folder`, which must not exist; cheap where links to files can be made."""
        ...

    def check(self, judge: Judge | None = None) -> Report:
        """Read every record and its checksum; `judge` says what is wrong with one, '' if nothing.

        Ends with the first place that cannot be read.
        """
        ...


def every(store: Identifiers, prefix: bytes, after: bytes = b"") -> Iterator[Record]:
    """Return every record whose key begins with `prefix` and is greater than `after`, in order."""
    while page := store.scan(prefix, after):
        yield from page
        after = page[-1][0]
