"""The reading half of the registry: what faces ask of the records, and how each no is said.

Nothing here writes. The writer (`registry`) puts in what is answered from.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice

from millbrain.core import keys, vouchers
from millbrain.core.limits import IDENTIFIER_PAGE_MAX
from millbrain.core.nodes.grants import Seen
from millbrain.core.nodes.ranges import Range
from millbrain.core.records import Reference, Value, is_live, stored_values
from millbrain.core.registry import LIST_HANDLES, READ_VALUE, Asker, Reason, RegistryError, Route
from millbrain.core.templates import SUFFIX, Template, template_of
from millbrain.core.vouchers import Voucher
from millbrain.record.identifiers import aliases, past, tags
from millbrain.record.identifiers.grants import explained, readable
from millbrain.record.identifiers.prefixes import Prefixes
from millbrain.record.identifiers.ranges import Ranges, merged
from millbrain.record.identifiers.rights import Rights
from millbrain.record.identifiers.routes import prefix_of, route_of
from millbrain.record.identifiers.store import Identifiers, every
from millbrain.record.identifiers.templates import followed
from millbrain.record.identifiers.trail import HEAD, LINES, line_key, trail_of, verify


class Reading:
    """Answers from the records that are on disk; safe from any thread."""

    rights: Rights
    prefixes: Prefixes
    voucher_key: str
    _store: Identifiers
    _ranges: Ranges
    _homed: frozenset[str]
    _unhomed: frozenset[str]

    def get_many(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Return the stored form behind each key, None = none."""
        found = self._ranges.completed(names, self._store.get_many(names))
        found = self.prefixes.shown(names, found)
        if not self._unhomed:
            return found
        return [None if self._is_off(n) else s for n, s in zip(names, found, strict=True)]

    def _is_off(self, key: bytes) -> bool:
        """Whether a record's prefix was homed here and no longer is; its own record stays."""
        head, _, _ = key.decode("utf-8", "surrogateescape").removeprefix("hdl:").partition("/")
        return head in self._unhomed

    def is_taken_down(self, handle: str) -> bool:
        """Whether a handle, or a prefix above it, is no longer answered."""
        return self.prefixes.is_taken_down(handle)

    def is_homed(self, handle: str) -> bool:
        """Whether this node answers for the prefix of `handle`; of 0.NA/x that is x."""
        return prefix_of(handle) in self._homed

    def homed(self) -> Sequence[str]:
        """Return the prefixes that this node answers for, sorted."""
        return sorted(self._homed)

    def route(self, handle: str) -> Route | None:
        """Return where to ask about a handle that is not here, None where nothing is known."""
        return route_of(prefix_of(handle), self._homed, self.get_many)

    def readable(self, stored: bytes, handle: str, asker: Asker) -> tuple[Value, ...]:
        """Return the values of a record that `asker` may read, the public ones first."""
        return readable(self.rights, handle, stored_values(stored), asker)

    def access(self, handle: str, asker: Asker) -> tuple[Seen, ...]:
        """Return who can see each value of a record, and why; for its owner only.

        Raises
        ------
        RegistryError
            There is no such record, or the asker may not read all of it.
        """
        (stored,) = self.get_many([keys.handle_key(handle)])
        if stored is None or not is_live(stored):
            raise RegistryError(Reason.NOT_FOUND, f"{handle} does not exist here")
        values = stored_values(stored)
        self.rights.demand(asker, READ_VALUE, values, f"see who can see {handle}")
        return explained(self.rights, handle, values)

    def vouched(self, header: str) -> Voucher | None:
        """Return on whose behalf our own pages ask, None where they do not."""
        return vouchers.read(header, self.voucher_key, time.time())

    def credentials(self, who: Reference) -> tuple[Value, ...]:
        """Return the values that may hold the key of an identity: that of its index, of 0 all."""
        held = () if vouchers.is_account(who.handle) else self.rights.values_of(who.handle)
        return tuple(v for v in held if who.index in (0, v.index))

    def names(self, prefix: str, asker: Asker, after: str, count_max: int) -> list[str]:
        """Return handles of a prefix in order; RegistryError where the asker may not list them."""
        what = f"list {prefix}"
        self.rights.demand(asker, LIST_HANDLES, self.rights.of_prefix(f"{prefix}/"), what)
        if self.is_taken_down(f"{prefix}/"):
            return []
        at, head = keys.handle_key(after) if after else b"", keys.handle_key(f"{prefix}/")
        live = merged(self._ranges.below(prefix), every(self._store, head, at), at)
        handles = (key.decode("utf-8", "replace")[4:] for key in live)
        return list(islice((h for h in handles if not self.is_taken_down(h)), count_max))

    def ranges(self, prefix: str, asker: Asker) -> list[tuple[str, Range]]:
        """Return the ranges of a prefix: handle and serials; RegistryError as `names`."""
        what = f"list ranges of {prefix}"
        self.rights.demand(asker, LIST_HANDLES, self.rights.of_prefix(f"{prefix}/"), what)
        return [(block.key[4:].decode(), block.range) for block in self._ranges.below(prefix)]

    def template(self, handle: str) -> Template | None:
        """Return the template that a handle names, None where it is none."""
        (stored,) = self.get_many([keys.handle_key(handle)])
        return template_of(keys.fold(handle), stored)

    def templates(self, prefix: str) -> list[Template]:
        """Return the templates of a prefix by handle."""
        rows = every(self._store, keys.handle_key(f"{prefix}/{SUFFIX}"))
        names = [key[4:].decode("utf-8", "replace") for key, stored in rows if is_live(stored)]
        return [found for name in names if (found := self.template(name)) is not None]

    def template_for(self, handle: str, values: Sequence[Value]) -> Template | None:
        """Return the template that a record with these values follows, None = none."""
        return followed(handle, values, lambda key: self.get_many([key])[0])

    def named(self, wanted: Sequence[keys.Key]) -> list[str]:
        """Return the handle that each key names, '' where no live record has it."""
        return aliases.named(self.get_many, wanted)

    def sharing(self, wanted: Sequence[str], after: str, count_max: int) -> tuple[list[str], str]:
        """Return handles behind `after` that hold all tags, and where to go on, '' = nowhere."""
        return tags.sharing(self._store, self.get_many, wanted, after, count_max)

    def permits(self, asker: Asker, permission: int, prefix: str) -> bool:
        """Whether `asker` has a permission for the whole of a prefix."""
        return self.rights.may(asker, permission, self.rights.of_prefix(f"{prefix}/"))

    def history(self, handle: str) -> list[tuple[int, bytes]]:
        """Return earlier forms of a record, oldest first: until when it held [ms], stored form."""
        if self.is_taken_down(handle):
            return []
        return past.history(self._store, self._ranges, keys.handle_key(handle))

    def as_of(self, handle: str, at_ms: int) -> bytes | None:
        """Return the stored form that held at an instant, None where there was none yet."""
        for until_ms, stored in self.history(handle):
            if at_ms < until_ms:
                return stored or None
        return self.get_many([keys.handle_key(handle)])[0]

    def audit(self, after: int = 0, count_max: int = 1_000) -> list[bytes]:
        """Return lines of the audit trail behind number `after`, in order."""
        return [raw for _, raw in self._store.scan(LINES, line_key(after), count_max)]

    def check_audit(self) -> str:
        """Return what is wrong with the audit trail, '' where it is sound."""
        return verify(self._all_lines(), trail_of(self._store.get(HEAD)))

    def _all_lines(self) -> Iterator[bytes]:
        after = 0
        while page := self.audit(after, IDENTIFIER_PAGE_MAX):
            yield from page
            after += len(page)
