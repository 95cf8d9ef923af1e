"""Applications, quotas and takedowns, each step with its line in the audit trail.

::

    NUL b <handle or prefix>         a takedown, JSON
    NUL c <prefix>                   identifiers of a prefix that has a quota, 8 bytes
    NUL n <prefix>                   an application, JSON
    NUL q <prefix> NUL <number>      a step of an application, JSON
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Protocol

from millbrain.core import keys
from millbrain.core.errors import NotFoundError
from millbrain.core.limits import PREFIX_TEXT_MAX, TAKEDOWNS_MAX
from millbrain.core.nodes.prefixes import APPLICATION, Application, Takedown, Taken
from millbrain.core.nodes.ranges import is_overlay
from millbrain.core.records import is_live
from millbrain.core.registry import Asker, Change, Reason, RegistryError
from millbrain.record.identifiers.ranges import Ranges
from millbrain.record.identifiers.rights import Rights
from millbrain.record.identifiers.routes import ancestors, prefix_of
from millbrain.record.identifiers.store import Identifiers, Record, every

TAKEDOWNS: Final = b"\0b"
COUNTS: Final = b"\0c"
STEPS: Final = b"\0q"
APPLICATIONS: Final = b"\0n"
_CHILDREN: Final = "0.NA/"


class Note(Protocol):
    """Writes rows and a line of the audit trail in one batch, on disk when it returns."""

    def __call__(self, asker: Asker, line: Mapping[str, Any], rows: Iterable[Record]) -> None:
        """Write them; StoreError where nothing was written."""
        ...


class Prefixes:
    """The prefixes of a node.

    Parameters
    ----------
    rights
        Who administers the node.
    note
        Writes durably, with a line of the trail.
    writing
        Held by whoever changes records: nobody registers while a quota is counted.
    """

    def __init__(
        self, store: Identifiers, rights: Rights, note: Note, writing: "threading.RLock",
        ranges: Ranges,
    ) -> None:  # fmt: skip
        self._store = store
        self._rights = rights
        self._note = note
        self._writing = writing
        self._ranges = ranges
        rows = (json.loads(v) for _, v in every(store, APPLICATIONS))
        self._applications = {row["prefix"]: Application(**row) for row in rows}
        gone = (json.loads(v) for _, v in every(store, TAKEDOWNS) if v)
        self._gone = {row["target"]: Takedown(**row) for row in gone}

    def applications(self) -> list[Application]:
        """Return all applications by prefix."""
        return sorted(tuple(self._applications.values()), key=lambda a: a.prefix)

    def application(self, prefix: str) -> Application:
        """Return one; NotFoundError where there is none."""
        found = self._applications.get(keys.fold(prefix))
        if found is None:
            raise NotFoundError(f"nobody has applied for prefix {prefix!r}")
        return found

    def taken(self, prefix: str) -> list[Taken]:
        """Return the steps of a prefix, oldest first."""
        rows = self._store.scan(_steps_of(keys.fold(prefix)))
        return [Taken(**json.loads(value)) for _, value in rows]

    def apply_for(self, asker: Asker, prefix: str, **told: Any) -> Application:
        """Enter an application: organisation, contact."""
        self.demand_administrator(asker, f"apply for {prefix}")
        name = keys.parse(f"hdl:{prefix}/x").prefix
        if "/" in prefix:
            raise ValueError(f"prefix {prefix!r}: labels with full stops were expected")
        if not told.get("organisation", "").strip():
            raise ValueError(f"apply for prefix {name}: organisation is missing")
        _check_texts(told)
        with self._writing:
            before = self._applications.get(name)
            state = APPLICATION.after(before.state, "apply") if before else APPLICATION.start
            self._demand_room(name)
            made = Application(name, state=state, changed_ms=_now_ms(), **told)
            return self._kept(asker, "apply", made)

    def act(self, asker: Asker, prefix: str, action: str, texts: Mapping[str, str]) -> Application:
        """Take a step."""
        self.demand_administrator(asker, f"{action} {prefix}")
        _check_texts(texts)
        with self._writing:
            made = self.application(prefix).after(action, _now_ms(), texts)
            return self._kept(asker, action, made)

    def limit(
        self, asker: Asker, prefix: str, handles_max: int | None, prefixes_max: int | None
    ) -> Application:
        """Set the quotas of a prefix, None = no limit; the first one counts what is there."""
        self.demand_administrator(asker, f"limit {prefix}")
        with self._writing:
            before = self.application(prefix)
            made = replace(before, handles_max=handles_max, prefixes_max=prefixes_max)
            rows = []
            if handles_max is not None and before.handles_max is None:
                rows.append((COUNTS + made.prefix.encode(), self._counted(made.prefix)))
            return self._kept(asker, "limit", made, rows)

    def handles(self, prefix: str) -> int | None:
        """Return how many identifiers are registered here, None where no quota counts them."""
        found = self._applications.get(keys.fold(prefix))
        if found is None or found.handles_max is None:
            return None
        return int.from_bytes(self._store.get(COUNTS + found.prefix.encode()) or b"", "big")

    def takedowns(self) -> list[Takedown]:
        """Return what is taken down, by target."""
        return sorted(tuple(self._gone.values()), key=lambda t: t.target)

    def take_down(self, asker: Asker, target: str, reason: str) -> Takedown:
        """Answer for a handle or a prefix no longer; ValueError without a reason."""
        self.demand_administrator(asker, f"take down {target}")
        _check_texts({"reason": reason, "target": target})
        if not reason.strip() or not target.strip("/. "):
            raise ValueError("a takedown needs a handle or a prefix, and a reason")
        name = keys.fold(target)
        made = Takedown(name, reason, _name(asker), _now_ms())
        with self._writing:
            if len(self._gone) >= TAKEDOWNS_MAX:
                raise ValueError(f"{TAKEDOWNS_MAX} takedowns are in force, the most there may be")
            row = (TAKEDOWNS + name.encode(), json.dumps(asdict(made)).encode())
            line = {"verb": "take_down", "handle": name, "reason": reason}
            self._gone[name] = made  # first: nothing is answered once the line is in the trail
            self._note(asker, line, [row])
        return made

    def restore(self, asker: Asker, target: str, reason: str) -> None:
        """End a takedown; NotFoundError where there is none."""
        self.demand_administrator(asker, f"restore {target}")
        name = keys.fold(target)
        with self._writing:
            if name not in self._gone:
                raise NotFoundError(f"{target!r} is not taken down")
            line = {"verb": "restore", "handle": name, "reason": reason}
            self._note(asker, line, [(TAKEDOWNS + name.encode(), b"")])
            del self._gone[name]

    # What the registry asks ---------------------------------------------------------------------

    def is_taken_down(self, handle: str) -> bool:
        """Whether a handle, its range, its prefix, or one above that is taken down."""
        if not self._gone:
            return False
        block = self._ranges.block(keys.handle_key(handle))
        return (
            keys.fold(handle) in self._gone
            or any(name in self._gone for name in ancestors(prefix_of(handle)))
            or (block is not None and block.key[4:].decode() in self._gone)
        )

    def shown(self, names: Iterable[bytes], found: list[bytes | None]) -> list[bytes | None]:
        """Return what was found without what is taken down."""
        if not self._gone:
            return found
        texts = (name.decode("utf-8", "surrogateescape") for name in names)
        return [
            None if text.startswith("hdl:") and self.is_taken_down(text[4:]) else stored
            for text, stored in zip(texts, found, strict=True)
        ]

    def counted(
        self, change: Change, before: bytes | None, after: bytes,
        look: Callable[[bytes], bytes | None], more: int = 0,
    ) -> dict[bytes, bytes]:  # fmt: skip
        """Refuse a change that a takedown or a quota forbids; return the new count, if one is kept.

        more: identifiers that the change makes besides the one of its handle.

        Raises
        ------
        RegistryError
            Of reason DENIED, HANDLE_QUOTA or PREFIX_QUOTA.
        """
        if self.is_taken_down(change.handle):
            raise RegistryError(Reason.DENIED, f"{change.handle} is taken down; nothing is changed")
        step = int(is_live(after)) - int(is_live(before)) + more
        if not step or not self._applications:
            return {}
        if change.handle.upper().startswith(_CHILDREN):
            if step > 0:
                self._demand_given(prefix_of(change.handle))
            return {}
        prefix = prefix_of(change.handle)
        found = self._applications.get(prefix)
        if found is None or found.handles_max is None:
            return {}
        key = COUNTS + prefix.encode()
        count = int.from_bytes(look(key) or b"", "big") + step
        if step > 0 and count > found.handles_max:
            raise RegistryError(
                Reason.HANDLE_QUOTA,
                f"{change.handle}: prefix {prefix} may have {found.handles_max} identifiers",
            )
        return {key: max(count, 0).to_bytes(8, "big")}

    def is_limited(self, key: bytes) -> bool:
        """Whether identifiers of the prefix of a key are counted."""
        found = self._applications.get(prefix_of(key[4:].decode("utf-8", "replace")))
        return found is not None and found.handles_max is not None

    def recounted(self, prefixes: Iterable[str]) -> list[Record]:
        """Return the counts of prefixes into which many records were loaded."""
        wanted = (self._applications.get(p) for p in prefixes)
        limited = [a.prefix for a in wanted if a is not None and a.handles_max is not None]
        return [(COUNTS + p.encode(), self._counted(p)) for p in limited]

    # ---------------------------------------------------------------------------------------------

    def demand_administrator(self, asker: Asker, what: str = "prefixes") -> None:
        """Raise a RegistryError where the asker does not administer the node."""
        if not self._rights.is_administrator(asker):
            reason = Reason.DENIED if asker.identity else Reason.NO_IDENTITY
            raise RegistryError(reason, f"{what}: administrators of the node only")

    def _demand_given(self, prefix: str) -> None:
        """Refuse the record of a prefix that counts in a quota and was never applied for."""
        holder = self._applications.get(prefix.rpartition(".")[0])
        if holder and holder.prefixes_max is not None and prefix not in self._applications:
            raise RegistryError(
                Reason.PREFIX_QUOTA,
                f"{prefix}: prefixes below {holder.prefix} are limited; apply for it first",
            )

    def _demand_room(self, prefix: str) -> None:
        """Refuse a new prefix where the one above it has given out all that it may."""
        above = prefix.rpartition(".")[0]
        holder = self._applications.get(above)
        if holder is None or holder.prefixes_max is None or prefix in self._applications:
            return
        below = [a for a in self._applications if a.rpartition(".")[0] == above]
        if len(below) >= holder.prefixes_max:
            raise RegistryError(
                Reason.PREFIX_QUOTA,
                f"{prefix}: below {above} {holder.prefixes_max} prefixes may be given",
            )

    def _kept(
        self, asker: Asker, verb: str, made: Application, rows: Iterable[Record] = ()
    ) -> Application:
        told = asdict(made)
        row = (APPLICATIONS + made.prefix.encode(), json.dumps(told, ensure_ascii=False).encode())
        line = {"verb": f"prefix_{verb}", "handle": f"{_CHILDREN}{made.prefix}", **told}
        self._note(asker, line, [row, self._step(asker, verb, made), *rows])
        self._applications[made.prefix] = made
        return made

    def _step(self, asker: Asker, verb: str, made: Application) -> Record:
        """Return the row of a step; those of a prefix are numbered, so that none is replaced."""
        step = Taken(
            made.prefix, verb, _name(asker), _now_ms(), made.state, made.reason, made.site,
            made.handles_max, made.prefixes_max,
        )  # fmt: skip
        start = _steps_of(made.prefix)
        number = len(self._store.scan(start)) + 1
        told = json.dumps(asdict(step), ensure_ascii=False).encode()
        return start + number.to_bytes(8, "big"), told

    def _counted(self, prefix: str) -> bytes:
        return counted(self._store, self._ranges, prefix).to_bytes(8, "big")


def counted(store: Identifiers, ranges: Ranges, prefix: str) -> int:
    """Return how many identifiers a prefix has: single records and items of ranges."""
    count = ranges.size(prefix)
    for key, stored in every(store, keys.handle_key(f"{prefix}/")):
        is_counted = ranges.block(key) is not None and not is_overlay(stored)
        count += int(is_live(stored)) - int(is_counted)
    return count


def miscounted(store: Identifiers, ranges: Ranges) -> Iterator[tuple[str, int, int, Record]]:
    """Yield prefixes whose count is off: prefix, count that is kept, true count, row for it."""
    for _, told in every(store, APPLICATIONS):
        row = json.loads(told)
        if row["handles_max"] is None:
            continue
        key = COUNTS + row["prefix"].encode()
        kept = int.from_bytes(store.get(key) or b"", "big")
        true = counted(store, ranges, row["prefix"])
        if kept != true:
            yield row["prefix"], kept, true, (key, true.to_bytes(8, "big"))


def _steps_of(prefix: str) -> bytes:
    return STEPS + prefix.encode() + b"\0"


def _check_texts(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if len(text) > PREFIX_TEXT_MAX:
            raise ValueError(f"{name}: {len(text)} characters, at most {PREFIX_TEXT_MAX}")


def _now_ms() -> int:
    return int(time.time() * 1000)


def _name(asker: Asker) -> str:
    return f"{asker.identity.index}:{asker.identity.handle}" if asker.identity else ""
