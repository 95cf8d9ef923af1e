"""Counts, log, outbox and inbox of a node as one thing: each step is one batch of the store."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.nodes.reports import REGISTERED, REMOVED, RESOLVED, Cell, Sender
from millbrain.core.nodes.tally import Sample
from millbrain.core.registry import Asker
from millbrain.record.identifiers.prefixes import Note, Prefixes
from millbrain.record.identifiers.reports.counts import Counts
from millbrain.record.identifiers.reports.inbox import KEYS, Inbox
from millbrain.record.identifiers.reports.outbox import Outbox
from millbrain.record.identifiers.store import Identifiers, Record

_KEY_CHARACTERS: Final = (16, 128)
_NEW_STREAM_MS: Final = 3_600_000  # a stream is not begun anew more often
Counted = tuple[str, int, int]  # prefix, code, count


class StoredReports:
    """The counts and reports of a node.

    Parameters
    ----------
    put
        Writes rows durably.
    note
        The same, with a line of the audit trail.
    writing
        Held by whoever changes the store.
    """

    def __init__(
        self, store: Identifiers, prefixes: Prefixes, put: Callable[[Sequence[Record]], None],
        note: Note, writing: "threading.RLock",
    ) -> None:  # fmt: skip
        self._prefixes = prefixes
        self._put = put
        self._note = note
        self._writing = writing
        self._counts = Counts(store)
        self._outbox = Outbox(store, secrets.token_hex(8))
        self._inbox = Inbox(store)
        self._renamed_ms = -_NEW_STREAM_MS
        self._cut_ms = 0
        self.zone: tzinfo = UTC  # in which days begin; set by the process
        self.is_reporting = False  # whether there is a node above; set by the process

    # What is counted here -----------------------------------------------------------------------

    def grown(
        self, registered: Mapping[str, int], removed: Mapping[str, int], at_ms: int
    ) -> dict[Cell, int]:
        """Return what to count of a commit: by prefix how many were registered and deleted."""
        day = self._day(at_ms)
        steps = ((REGISTERED, registered), (REMOVED, removed))
        return {Cell("", day, kind, 0, prefix): count
                for kind, counted in steps for prefix, count in counted.items()}  # fmt: skip

    def rows(self, counted: Mapping[Cell, int]) -> list[Record]:
        """Return the rows that count something, for the batch of what is counted."""
        due = self._outbox.due(counted) if self.is_reporting else []
        return [*self._counts.added(counted), *due]

    def settle(self, counted: Mapping[Cell, int]) -> None:
        """Hold what was counted: its rows are on disk."""
        if self.is_reporting:
            self._outbox.add(counted)

    def resolved(self, counted: Sequence[Counted], samples: Sequence[Sample], at_ms: int) -> None:
        """Keep what was answered since the last time."""
        if not counted and not samples:
            return
        day = self._day(at_ms)
        cells = {Cell("", day, RESOLVED, code, p): count for p, code, count in counted}
        with self._writing:
            self._put([*self.rows(cells), *self._counts.logged(samples)])
            self.settle(cells)
            if self.is_reporting:
                self._outbox.add({}, samples)
            self._counts.sweep()

    def _day(self, at_ms: int) -> int:
        return int(datetime.fromtimestamp(at_ms / 1000, self.zone).strftime("%Y%m%d"))

    def counts(
        self, first_day: int, last_day: int, chosen: Mapping[str, str]
    ) -> Iterator[tuple[Cell, int]]:
        """Return the counts of some days; `chosen` names node, kind or prefix that is wanted."""
        return (
            (cell, count) for cell, count in self._counts.read(first_day, last_day)
            if all(getattr(cell, name) == wanted for name, wanted in chosen.items())
        )  # fmt: skip

    def log(self, after: str, count_max: int) -> list[tuple[str, Sample]]:
        """Return samples behind a place in the log, oldest first, each with its place."""
        return self._counts.log(after, count_max)

    # What goes up -------------------------------------------------------------------------------

    def cut(self, now_ms: int) -> None:
        """Make a report of what was counted since the last one."""
        with self._writing:
            rows = self._outbox.cut(self._cut_ms or now_ms, now_ms)
            if rows:
                self._put(rows)
            self._cut_ms = now_ms
            self._outbox.sweep()

    def letter(self, wanted: Sequence[Sequence[int]], count_max: int) -> dict[str, Any]:
        """Return what to send: reports as they are kept, and numbers that are kept no longer."""
        with self._writing:
            return {
                "stream": self._outbox.stream, "reports": self._outbox.waiting(count_max, wanted),
                "lost": self._outbox.lost(wanted),
            }  # fmt: skip

    def heard(self, stream: str, have: int, now_ms: int) -> None:
        """Note what the node above says to have of a stream.

        One that has more than was ever cut knows a newer state than this node: what is here was
        brought back from a copy. Its numbers would be taken for known ones, so a new stream begins.
        """
        with self._writing:
            if stream != self._outbox.stream:
                return
            if have > self._outbox.newest:
                if now_ms - self._renamed_ms >= _NEW_STREAM_MS:
                    self._put(self._outbox.renamed(secrets.token_hex(8)))
                    self._renamed_ms = now_ms
            elif rows := self._outbox.heard(have):
                self._put(rows)

    def outbox(self) -> Mapping[str, Any]:
        """Describe what this node has still to report."""
        return {"is_reporting": self.is_reporting, **self._outbox.status()}

    # What comes from below ----------------------------------------------------------------------

    def set_key(self, asker: Asker, prefix: str, key: str) -> None:
        """Let a node report a prefix under a key, '' = no longer."""
        self._prefixes.demand_administrator(asker, f"reports of {prefix}")
        name = self._prefixes.application(prefix).prefix
        shortest, longest = _KEY_CHARACTERS
        if key and (not shortest <= len(key) <= longest or not key.isascii()):
            raise ValueError(f"key: {shortest} to {longest} ASCII characters were expected")
        line = {"verb": "reporting_key", "handle": f"0.NA/{name}", "is_set": bool(key)}
        with self._writing:
            self._note(asker, line, [(KEYS + name.encode(), key.encode())])
            self._inbox.set_key(name, key)

    def key(self, prefix: str) -> str:
        """Return the key under which a prefix is reported, '' = it may not be."""
        return self._inbox.key(keys.fold(prefix))

    def take(self, prefix: str, told: Mapping[str, Any], now_ms: int) -> Sender:
        """Take what a node below sends."""
        with self._writing:
            sender, counted, samples, rows = self._inbox.read(keys.fold(prefix), told, now_ms)
            self._put([*rows, *self.rows(counted), *self._counts.logged(samples)])
            self._inbox.settle()
            self.settle(counted)
            return sender

    def senders(self) -> list[Sender]:
        """Return the nodes below that have reported, by prefix."""
        return self._inbox.senders()
