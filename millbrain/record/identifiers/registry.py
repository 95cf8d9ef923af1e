"""The registry: records, rights, history and audit over one store, changed by one writer.

Changes that wait together are committed together: each is checked in turn against what the ones
before it made, and all of them go to the disk in one synced batch with their history and their
lines of the audit trail. So a change is whole or not there, and many clients share one sync.

Keys beside the records (those of `core.keys.Key.stored` begin with a letter, these with a NUL)::

    NUL a <number, 8 bytes>          line of the audit trail
    NUL b, c, n ...                  takedowns, counts, applications (`prefixes`)
    NUL h <key> NUL <number>         the record as it was before that line (`past`)
    NUL i <name>                     what became of a request (`receipts`)
    NUL k <tag> <key>                a record that holds a tag (`tags`)
    NUL l <key of an alias>          the handle that has it (`aliases`)
    NUL p <prefix>                   a prefix that this node answers for
    NUL r <key>                      a record that is a range (`ranges`)
    NUL t                            head of the audit trail
    NUL w ...                        counts by day, reports up and from below (`reports`)
"""

import asyncio
import contextlib
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import LimitError, MillbrainError, StoreError
from millbrain.core.limits import (
    IDENTIFIER_BATCH_MAX,
    REGISTRY_GROUP_MAX,
    REGISTRY_QUEUE_MAX,
)
from millbrain.core.nodes.tally import Tally
from millbrain.core.records import Reference, Stamps, is_live
from millbrain.core.registry import (
    Asker,
    Change,
    Done,
    Once,
    Reason,
    RegistryError,
    Verb,
)
from millbrain.core.templates import ALIAS_TYPE, META_TYPE, RANGE_TYPE, TAG_TYPE
from millbrain.record.identifiers import aliases, past, tags
from millbrain.record.identifiers.changes import made
from millbrain.record.identifiers.creations import Creations
from millbrain.record.identifiers.events import StoredEvents
from millbrain.record.identifiers.grants import given_and_taken
from millbrain.record.identifiers.prefixes import Prefixes
from millbrain.record.identifiers.ranges import Ranges
from millbrain.record.identifiers.reading import Reading
from millbrain.record.identifiers.receipts import Receipts
from millbrain.record.identifiers.reports import StoredReports
from millbrain.record.identifiers.rights import Rights
from millbrain.record.identifiers.routes import is_route, prefix_of
from millbrain.record.identifiers.store import Identifiers, Record, every
from millbrain.record.identifiers.templates import demand_loadable
from millbrain.record.identifiers.trail import Trail, open_trail
from millbrain.record.identifiers.waiting import Batch, Waiting

PREFIXES: Final = b"\0p"
_PREFIX_RECORDS: Final = b"hdl:0.NA/"
_LOAD_RECORDS: Final = IDENTIFIER_BATCH_MAX // 2  # of one batch; its prefixes need room
_HOMED: Final = b"\1"
_UNHOMED: Final = b"\0"
_MARKS: Final = tuple(t.encode() for t in (META_TYPE, RANGE_TYPE, ALIAS_TYPE, TAG_TYPE))
Call = Callable[[], None]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Group:
    """One commit in the making: what is written, where the trail is, and whom to tell."""

    at_ms: int
    trail: Trail
    homed: set[str]
    unhomed: set[str]
    creations: Creations
    written: dict[bytes, bytes] = field(default_factory=dict)
    read: dict[bytes, bytes | None] = field(default_factory=dict)  # what the store holds
    grown: Counter[str] = field(default_factory=Counter)  # registered, by prefix
    removed: Counter[str] = field(default_factory=Counter)


class StoredRegistry(Reading):
    """The registry of this node.

    Parameters
    ----------
    store
        Where everything is kept; this registry is its only writer.
    administrators
        Identities that may do everything on this node.
    soon
        Calls from the thread in which those who asked for changes hear of them, once a commit;
        without it they hear in the writer's own.
    """

    def __init__(
        self, store: Identifiers, administrators: Iterable[Reference] = (),
        soon: Callable[[Call], object] = lambda call: call(),
    ) -> None:  # fmt: skip
        known = tuple(administrators)
        self._store = store
        self.events = StoredEvents(store)
        self.stamps = Stamps()
        self.voucher_key = ""  # set by the process that our own pages ask; empty = they may not
        self._ranges = Ranges(store)
        self.rights = Rights(self._ranges.get, known)
        self._writer_rights = Rights(self._look, known)
        known_prefixes = {k[len(PREFIXES) :].decode(): v for k, v in every(store, PREFIXES)}
        homed = {prefix for prefix, state in known_prefixes.items() if state == _HOMED}
        self._group = _Group(
            0, open_trail(store), homed, known_prefixes.keys() - homed,
            Creations(self._writer_rights, self._is_homed_now, 0),
        )  # fmt: skip
        self._homed = frozenset(homed)
        self._unhomed = frozenset(self._group.unhomed)
        self._soon = soon
        self._receipts = Receipts(store)
        self._waiting = Waiting(REGISTRY_QUEUE_MAX)
        self._writing = threading.RLock()
        self.prefixes = Prefixes(store, self.rights, self._note, self._writing, self._ranges)
        self.tally = Tally(self.is_homed)
        self.reports = StoredReports(store, self.prefixes, self._put, self._note, self._writing)
        self._thread = threading.Thread(target=self._run, name="registry")
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many changes wait for the writer."""
        return len(self._waiting)

    def apply(self, changes: Sequence[Change], done: Done, is_whole: bool = False) -> None:
        """Check and make changes in one commit; `done` hears of each once it is over."""
        self._ask(Batch(changes, done, is_whole))

    def _ask(self, batch: Batch) -> None:
        if not self._waiting.put(batch):
            told = f"registry: {REGISTRY_QUEUE_MAX} changes wait for the disk; try again"
            batch.done([LimitError(told)] * len(batch.changes))

    async def make(self, change: Change) -> None:
        """Check and make a change and wait until it is on disk."""
        (refused,) = await self.make_many((change,))
        if refused is not None:
            raise refused

    async def make_many(
        self, changes: Sequence[Change], is_whole: bool = False
    ) -> Sequence[MillbrainError | None]:
        """Check and make changes in one commit; return why each was not made, None = it was."""
        return await self._asked(changes, is_whole, None)

    async def make_once(
        self, once: Once, rows: Sequence[Change | RegistryError]
    ) -> Sequence[MillbrainError | None]:
        """Make the changes among `rows` in one commit, once; the others were refused before."""
        told = await self._asked(rows, False, once)
        first = told[0] if told else None
        if isinstance(first, RegistryError) and first.reason is Reason.KEY_USED:
            raise first
        return told

    async def _asked(
        self, rows: Sequence[Change | RegistryError], is_whole: bool, once: Once | None
    ) -> Sequence[MillbrainError | None]:
        loop, here = asyncio.get_running_loop(), threading.get_ident()
        over: asyncio.Future[Sequence[MillbrainError | None]] = loop.create_future()

        def done(told: Sequence[MillbrainError | None]) -> None:
            if threading.get_ident() == here:
                _pass_on(told, over)
            else:
                loop.call_soon_threadsafe(_pass_on, told, over)

        self._ask(Batch(rows, done, is_whole, once))
        return await over

    def load(self, records: Iterable[Record], asker: Asker, source: str) -> int:
        """Store many records without asking for rights one by one; return how many.

        One line of the audit trail tells of each batch. A record that was there is replaced and
        leaves no history. The node answers for the prefixes from then on, but not for one whose own
        record says which site does.
        """
        count, rows = 0, iter(records)
        while batch := list(islice(rows, _LOAD_RECORDS)):
            with self._writing:
                counted = Counter(_head(k) for k, stored in batch if not is_route(k, stored))
                marked = _marked(batch)
                demand_loadable(batch, marked, counted, self._ranges.get)
                ranges = self._loaded_ranges(batch if len(self._ranges) else marked)
                at_ms = int(time.time() * 1000)
                line = {"at_ms": at_ms, **_who(asker), "verb": "load", "source": source,
                        "records": len(batch)}  # fmt: skip
                trail, kept = self._group.trail.then(line)
                heads = counted.keys()
                grown = {k[4:-1].decode(): n for k, n in counted.items() if k.endswith(b"/")}
                cells = self.reports.grown(grown, {}, at_ms)
                new = {prefix_of(k[4:].decode()) for k in heads} - self._homed
                homes = [(PREFIXES + prefix.encode(), _HOMED) for prefix in new]
                # An entry without its record leads nowhere.
                if other := aliases.of_records(marked) + tags.of_records(marked) + ranges:
                    self._put(other)
                self._put([*batch, *homes, *self.reports.rows(cells), kept, trail.kept])
                self.reports.settle(cells)
                self._group.trail = trail
                self._show_ranges()
                self._switch(self._homed | new, self._unhomed - new)
                if counts := self.prefixes.recounted(prefix_of(k[4:].decode()) for k in heads):
                    self._put(counts)
            count += len(batch)
        return count

    def close(self) -> None:
        """Make what waits, then end the writer."""
        self._waiting.close()
        self._thread.join()

    # The writer ---------------------------------------------------------------------------------

    def _put(self, records: Sequence[Record]) -> None:
        """Write a batch and say what it changed; a failed one may be there in part later."""
        try:
            self._store.put_many(records)
        finally:
            # Nobody keeps an answer by a key that begins with NUL.
            self.stamps.touch(key for key, _ in records if key[0])

    def _loaded_ranges(self, batch: Sequence[Record]) -> list[Record]:
        """Return the rows that tell of the ranges in a batch; none is in force if one may not."""
        self._ranges.back_to(0)  # of a batch before that could not be written
        try:
            return self._ranges.loaded(batch)
        except RegistryError:
            self._ranges.back_to(0)
            raise

    def _show_ranges(self) -> None:
        """Answer from the ranges as they are on disk now."""
        if self._ranges.settle():
            self.stamps.touch_all()

    def _note(self, asker: Asker, line: Mapping[str, Any], rows: Iterable[Record]) -> None:
        """Write rows with a line of the trail; answers that were kept ready are made anew."""
        with self._writing:
            told = {"at_ms": int(time.time() * 1000), **_who(asker), **line}
            trail, kept = self._group.trail.then(told)
            self._store.put_many([*rows, kept, trail.kept])
            self._group.trail = trail
            self.stamps.touch_all()

    def _run(self) -> None:
        while batches := self._waiting.take(REGISTRY_GROUP_MAX):
            told = self._commit(batches)

            def tell(told: Sequence[tuple[Done, list[MillbrainError | None]]] = told) -> None:
                for done, refused in told:
                    try:
                        done(refused)
                    except Exception:  # whoever asked has gone; the others want to hear
                        log.exception("registry: nobody could be told")

            try:
                self._soon(tell)
            except RuntimeError:  # the loop is closed, so nobody waits any more
                log.warning("registry: %d requests could not be told", len(told))

    def _commit(self, batches: Sequence[Batch]) -> list[tuple[Done, list[MillbrainError | None]]]:
        """Write all that is allowed of some batches at once; return what each is to hear."""
        with self._writing:
            kept = self._group
            at_ms = int(time.time() * 1000)
            creations = Creations(self._writer_rights, self._is_homed_now, at_ms // 1000)
            group = _Group(at_ms, kept.trail, set(self._homed), set(self._unhomed), creations)
            self._group = group
            self._read_ahead([c for batch in batches for c in batch.changes], group)
            told = [(batch.done, self._made(batch, group)) for batch in batches]
            if group.written:
                try:
                    cells = self.reports.grown(group.grown, group.removed, at_ms)
                    rows = self.reports.rows(cells)
                    self._put([*group.written.items(), *rows, group.trail.kept])
                    self.reports.settle(cells)
                    self._show_ranges()
                    self._switch(group.homed, group.unhomed)
                except MillbrainError as error:  # also where all are too much for one batch
                    group.trail = kept.trail
                    self._ranges.back_to(0)
                    told = [(done, [r or error for r in refused]) for done, refused in told]
            group.written, group.read = {}, {}
            group.creations.forget()
            with contextlib.suppress(StoreError):  # they are found to be over by their age
                self._receipts.sweep(at_ms)
        return told

    def _read_ahead(self, rows: Sequence[Change | RegistryError], group: _Group) -> None:
        """Read the records of many changes at once."""
        if len(rows) > 1:
            names = [keys.handle_key(row.handle) for row in rows if isinstance(row, Change)]
            with contextlib.suppress(StoreError):  # each change meets it by itself
                group.read = dict(zip(names, self._store.get_many(names), strict=True))

    def _made(self, batch: Batch, group: _Group) -> list[MillbrainError | None]:
        """Add what a batch makes; return the refusals."""
        if batch.once is None:
            return self._made_now(batch, group)
        try:
            known = self._receipts.found(batch.once, self._look, group.at_ms)
        except MillbrainError as error:
            return [error] * len(batch.changes)
        if known is not None:
            return known
        refused = self._made_now(batch, group)
        if all(r is None or isinstance(r, RegistryError) for r in refused):
            key, receipt = self._receipts.row(batch.once, refused, group.at_ms)
            group.written[key] = receipt
        return refused

    def _made_now(self, batch: Batch, group: _Group) -> list[MillbrainError | None]:
        """Add what changes make, all or none where they are whole; return the refusals."""
        if not batch.is_whole:
            return [self._make(c, group) if isinstance(c, Change) else c for c in batch.changes]
        kept = dict(group.written), group.trail, set(group.homed), set(group.unhomed)
        counts = group.grown.copy(), group.removed.copy()
        mark = self._ranges.mark()
        refused = [self._make(c, group) if isinstance(c, Change) else c for c in batch.changes]
        if any(refused):
            group.written, group.trail, group.homed, group.unhomed = kept
            group.grown, group.removed = counts
            self._ranges.back_to(mark)
            group.creations.forget()
            other = RegistryError(Reason.INVALID, "not made, since another one was refused")
            refused = [r or other for r in refused]
        return refused

    def _make(self, change: Change, group: _Group) -> MillbrainError | None:
        """Check one change against the group so far and add what it makes; return a refusal."""
        mark = self._ranges.mark()
        try:
            if change.verb in (Verb.HOME, Verb.UNHOME):
                written = self._home(change, group)
            else:
                written = self._changed(change, group)
        except MillbrainError as error:
            self._ranges.back_to(mark)
            return error
        except Exception as error:  # a fault of ours must not end the writer
            self._ranges.back_to(mark)
            return StoreError(f"registry: {change.verb} {change.handle!r}: {error!r}; not made")
        group.written.update(written)
        return None

    def _changed(self, change: Change, group: _Group) -> dict[bytes, bytes]:
        key = keys.handle_key(change.handle)
        own = self._own(key)
        before = self._ranges.made(key, own)
        after = group.creations.made(change, before)
        if after is not None and before is None:
            return self._created(change, own, (key, after), group)
        named: dict[bytes, bytes] = {}
        if after is None:
            group.creations.forget()  # what they rest on may change now
            at_s = group.at_ms // 1000
            after = made(change, before, self._writer_rights, self._is_homed_now, at_s)
            named = aliases.changed(key, before, after, self._look)
            named |= tags.changed(key, before, after)
        more = self._growth(key, after, group)
        counted = self.prefixes.counted(change, before, after, self._look, more)
        kept = self._ranges.kept(change, own, (key, after))
        told = _told(change, group.at_ms, kept[key]) | given_and_taken(before, after)
        group.trail, line = group.trail.then(told)
        before_it = group.at_ms.to_bytes(8, "big") + (own or b"")
        kept[past.past_key(key, group.trail.number)] = before_it
        step = is_live(after) - is_live(before) + more
        if step and not key.startswith(_PREFIX_RECORDS):
            steps = group.grown if step > 0 else group.removed
            steps[prefix_of(change.handle)] += abs(step)
        return {**kept, **named, **counted, line[0]: line[1]}

    def _created(
        self, change: Change, own: bytes | None, row: Record, group: _Group
    ) -> dict[bytes, bytes]:
        """Return what is written of a plain creation: no range, no grants, no other names."""
        key, after = row
        counted = self.prefixes.counted(change, None, after, self._look)
        group.trail, line = group.trail.then(_told(change, group.at_ms, after))
        group.grown[prefix_of(change.handle)] += 1
        past_key = past.past_key(key, group.trail.number)
        before_it = group.at_ms.to_bytes(8, "big") + (own or b"")
        return {key: after, past_key: before_it, **counted, line[0]: line[1]}

    def _growth(self, key: bytes, after: bytes, group: _Group) -> int:
        """Return how many items of ranges a change adds to what is counted."""
        if not self._ranges.is_range(key, after):
            return 0
        if not self.prefixes.is_limited(key):  # only a quota has to be exact to the item
            return self._ranges.longer(key, after)
        return self._ranges.growth(key, after, group.written)

    def _home(self, change: Change, group: _Group) -> dict[bytes, bytes]:
        prefix = prefix_of(change.handle)
        if not self.rights.is_administrator(change.asker):
            reason = Reason.DENIED if change.asker.identity else Reason.NO_IDENTITY
            raise RegistryError(reason, f"{change.verb} {prefix}: administrators of the node only")
        group.creations.forget()  # they rest on which prefixes are at home
        is_home = change.verb is Verb.HOME
        group.trail, line = group.trail.then(_told(change, group.at_ms, b""))
        (group.homed.add if is_home else group.homed.discard)(prefix)
        (group.unhomed.discard if is_home else group.unhomed.add)(prefix)
        return {PREFIXES + prefix.encode(): _HOMED if is_home else _UNHOMED, line[0]: line[1]}

    def _switch(self, homed: Set[str], unhomed: Set[str]) -> None:
        """Answer for these prefixes from now on; answers that were kept ready are made anew."""
        if homed == self._homed and unhomed == self._unhomed:
            return
        self._homed, self._unhomed = frozenset(homed), frozenset(unhomed)
        self.stamps.touch_all()

    def _is_homed_now(self, handle: str) -> bool:
        return prefix_of(handle) in self._group.homed

    def _look(self, key: bytes) -> bytes | None:
        """Return the record as the group so far leaves it, also that of an item of a range."""
        return self._ranges.made(key, self._own(key))

    def _own(self, key: bytes) -> bytes | None:
        """Return the single record as the group so far leaves it."""
        group = self._group
        found = group.written.get(key)
        if found is not None:
            return found
        if key not in group.read:
            group.read[key] = self._store.get(key)
        return group.read[key]


def _marked(batch: Sequence[Record]) -> list[Record]:
    """Return the records that may have a value or a key of a type that is looked at.

    All of them are searched at once first: most files have none.
    """
    whole = b"\n".join([part for row in batch for part in row])
    found = [mark for mark in _MARKS if mark in whole]
    return [row for row in batch if any(m in row[1] or m in row[0] for m in found)] if found else []


def _head(key: bytes) -> bytes:
    """Return the key of a handle up to its slash; of a prefix's own record, whole."""
    return key if key.startswith(_PREFIX_RECORDS) else key[: key.index(b"/") + 1]


def _who(asker: Asker) -> dict[str, Any]:
    who = asker.identity
    name = f"{who.index}:{who.handle}" if who else ""
    return {"who": name, "face": asker.face, "from": asker.address}


def _told(change: Change, at_ms: int, after: bytes) -> dict[str, Any]:
    return {
        "at_ms": at_ms, **_who(change.asker), "verb": str(change.verb), "handle": change.handle,
        "indexes": [v.index for v in change.values] or list(change.indexes),
        "after": hashlib.sha256(after).hexdigest(),
    }  # fmt: skip


def _pass_on(
    told: Sequence[MillbrainError | None],
    over: "asyncio.Future[Sequence[MillbrainError | None]]",
) -> None:
    if not over.done():  # else the client has gone
        over.set_result(told)
