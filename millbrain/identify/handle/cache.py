"""What other nodes answered, remembered for as long as they said, in bounded memory.

Pure: time is given in. An entry past its time is kept for a while, for the case that nobody can be
asked; the caller decides whether to give it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from millbrain.core.limits import CACHE_ENTRY_S_MAX
from millbrain.core.records import TTL_ABSOLUTE, TTL_S, Value

_ENTRY_BYTES: Final = 200  # of an entry besides its key and record, as measured


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer: its code, the record in stored form (empty where there is none), until when.

    path: the nodes that were asked for it, in order; the last one answered.
    """

    code: int
    stored: bytes
    until_s: float
    path: tuple[str, ...] = ()


class Cache:
    """Answers by key; the one not used for longest goes first.

    Parameters
    ----------
    bytes_max
        Memory that it may take, about.
    stale_s
        How long an entry is kept after its time [s].
    """

    def __init__(self, bytes_max: int, stale_s: float) -> None:
        self._bytes_max = bytes_max
        self._stale_s = stale_s
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def fresh(self, key: bytes, now_s: float) -> Entry | None:
        """Return an entry within its time."""
        found = self._entries.get(key)
        if found is None or found.until_s <= now_s:
            return None
        self._entries.move_to_end(key)
        return found

    def stale(self, key: bytes, now_s: float) -> Entry | None:
        """Return an entry that may be past its time, though not for too long."""
        found = self._entries.get(key)
        if found is None:
            return None
        if found.until_s + self._stale_s <= now_s:
            self.drop(key)
            return None
        return found

    def put(self, key: bytes, entry: Entry) -> None:
        """Remember an answer; one that is larger than a tenth of the cache is not kept."""
        self.drop(key)
        size = _size(key, entry)
        if size > self._bytes_max // 10:
            return
        self._entries[key] = entry
        self.held_bytes += size
        while self.held_bytes > self._bytes_max:
            oldest, gone = self._entries.popitem(last=False)
            self.held_bytes -= _size(oldest, gone)

    def drop(self, key: bytes) -> None:
        """Forget an answer."""
        gone = self._entries.pop(key, None)
        if gone is not None:
            self.held_bytes -= _size(key, gone)


def _size(key: bytes, entry: Entry) -> int:
    return len(key) + len(entry.stored) + _ENTRY_BYTES


def life_s(values: Iterable[Value], at_s: float) -> float:
    """Return for how long values may be remembered [s]: the shortest of them, from 0.

    at_s: now [Unix s], for values that live until a date. A life beyond two days is not believed,
    one day holds instead, as the reference library does.
    """
    lives = [v.ttl - at_s if v.ttl_type == TTL_ABSOLUTE else float(v.ttl) for v in values]
    return max(0.0, min((TTL_S if s > CACHE_ENTRY_S_MAX else s for s in lives), default=TTL_S))
