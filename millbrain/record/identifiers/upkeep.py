"""Consistency: what is wrong in a store of identifiers, and what of it can be made good.

Most of what stands beside the records can be derived from them: entries of aliases and tags, marks
of ranges, counts of quotas. That is mended. What cannot be derived is told and left as it is: a
record that does not decode, history that is lost, a line of the audit trail that was changed. A
trail is never made to look whole.

For a store that no registry has open. Every mending is itself a line of the trail.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.keys import handle_key, parse
from millbrain.core.limits import UPKEEP_PROBLEMS_MAX
from millbrain.core.nodes.ranges import is_overlay, overlay_values
from millbrain.core.records import FORM, TOMBSTONE, is_live, stored_values
from millbrain.core.registry import RegistryError, Verb
from millbrain.record.identifiers import aliases, tags
from millbrain.record.identifiers.blocks import block_of
from millbrain.record.identifiers.past import HISTORY, past_key
from millbrain.record.identifiers.prefixes import miscounted
from millbrain.record.identifiers.ranges import RANGES, Ranges
from millbrain.record.identifiers.store import Identifiers, Record, Report, every
from millbrain.record.identifiers.trail import HEAD, LINES, Trail, line_key, trail_of

_HANDLE: Final = b"hdl:"
_RECORDED: Final = frozenset(v for v in Verb if v not in (Verb.HOME, Verb.UNHOME))
_TOLD_MAX: Final = 100  # problems that one line of the trail names
_BATCH: Final = 1_000
_AT_BYTES, _NUMBER_BYTES = 8, 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    kind: record, alias, tag, range, count, history or audit. where: handle, prefix or line. cure:
    what a repair does, '' = it cannot be derived. rows, gone: what the repair writes and removes.
    """

    kind: str
    where: str
    what: str
    cure: str = ""
    rows: tuple[Record, ...] = field(default=(), repr=False)
    gone: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination found. line_count: lines of the audit trail. more: problems left off."""

    report: Report
    line_count: int
    problems: tuple[Problem, ...]
    more: int = 0


def examine(store: Identifiers) -> Examination:
    """Read everything and hold the parts against one another; nothing is changed."""
    found = _Examiner(store)
    report = store.check(found.judge)
    found.note(Problem("record", "", text) for text in report.problems)
    found.lines()
    found.note(
        Problem("count", prefix, f"{kept} identifiers are counted, {true} are there",
                "is counted anew", (row,))
        for prefix, kept, true, row in miscounted(store, found.ranges)
    )  # fmt: skip
    return Examination(report, found.line_count, tuple(found.problems), found.more)


def mend(store: Identifiers, problems: Sequence[Problem]) -> int:
    """Make good what can be derived; return how many problems that were.

    What was done is told in one line of the audit trail, in the batch that does it.
    """
    curable = [p for p in problems if p.cure]
    heads = [row for p in curable for row in p.rows if row[0] == HEAD]
    if heads:
        store.put_many(heads)  # first, so that the line of the repair follows the last one
    others = [p for p in curable if not any(key == HEAD for key, _ in p.rows)]
    for start in range(0, len(others), _BATCH):
        part = others[start : start + _BATCH]
        store.put_many([row for p in part for row in p.rows])
        store.delete(key for p in part for key in p.gone)
    if curable:
        told = [f"{p.kind} {p.where}: {p.what}; {p.cure}" for p in curable[:_TOLD_MAX]]
        line = {"at_ms": int(time.time() * 1000), "who": "", "face": "cli", "from": "",
                "verb": "repair", "count": len(curable), "mended": told}  # fmt: skip
        trail, kept = trail_of(store.get(HEAD)).then(line)
        store.put_many([kept, trail.kept])
    return len(curable)


class _Examiner:
    """Collects problems; `judge` sees every row of the store once, in order."""

    def __init__(self, store: Identifiers) -> None:
        self._store = store
        self.ranges = Ranges(store)
        self.problems: list[Problem] = []
        self.more = 0
        self.line_count = 0
        self._loads: list[int] = []

    def note(self, problems: Iterable[Problem]) -> None:
        """Keep problems, as many as there is room for."""
        for problem in problems:
            if len(self.problems) < UPKEEP_PROBLEMS_MAX:
                self.problems.append(problem)
            else:
                self.more += 1

    def judge(self, key: bytes, value: bytes) -> str:
        """Look at one row."""
        for start, look in (
            (_HANDLE, self._record), (aliases.ALIASES, self._alias), (tags.TAGS, self._tag),
            (HISTORY, self._past),
        ):  # fmt: skip
            if key.startswith(start):
                self.note(look(key, value))
        return ""

    # Rows ---------------------------------------------------------------------------------------

    def _record(self, key: bytes, stored: bytes) -> Iterator[Problem]:
        wrong = _damage(stored)
        if wrong:
            yield Problem("record", _text(key), wrong)
        if wrong or not is_live(stored):
            return
        for row in aliases.of_records([(key, stored)]):
            yield from self._claim(key, row)
        for row in tags.of_records([(key, stored)]):
            if self._store.get(row[0]) != row[1]:
                yield Problem("tag", _text(key), "a tag of it has no entry", "is entered", (row,))
        try:
            block = block_of(key, stored)
        except RegistryError as error:
            yield Problem("range", _text(key), str(error))
            return
        kept = self._store.get(RANGES + key) or b""
        if block is not None and block.row(has_ended=kept[:1] == b"\1") != kept:
            row = (RANGES + key, block.row(has_ended=True))
            yield Problem("range", _text(key), "is not among the ranges", "is entered", (row,))
        elif block is not None and not self.ranges.is_in_force(key):
            what = "shares items with another range, so its own are not answered"
            yield Problem("range", _text(key), what)

    def _claim(self, key: bytes, row: Record) -> Iterator[Problem]:
        alias = row[0][len(aliases.ALIASES) :].decode("utf-8", "replace")
        entry = self._store.get(row[0])
        if entry == row[1]:
            return
        other = self.ranges.get(_HANDLE + entry) if entry else None
        if entry and aliases.holds(other, entry.decode(), parse(alias)):
            what = f"claims {alias}, which is one of {entry.decode()}"
            yield Problem("alias", _text(key), what)
        else:
            yield Problem("alias", _text(key), f"{alias} does not lead to it", "is entered", (row,))

    def _alias(self, key: bytes, handle: bytes) -> Iterator[Problem]:
        text, owner = key[len(aliases.ALIASES) :].decode("utf-8", "replace"), handle.decode()
        try:
            is_held = aliases.holds(self.ranges.get(_HANDLE + handle), owner, parse(text))
        except ValueError:
            is_held = False
        if not is_held:
            what = f"leads to {owner}, which does not have it"
            yield Problem("alias", text, what, "is removed", (), (key,))

    def _tag(self, key: bytes, state: bytes) -> Iterator[Problem]:
        name = key[key.index(_HANDLE) :] if _HANDLE in key else b""
        stored = self._store.get(name) if state and name else None
        if state and key not in dict(tags.of_records([(name, stored)] if stored else [])):
            yield Problem("tag", _text(name), "an entry names a tag that it does not have",
                          "is removed", (), (key,))  # fmt: skip

    def _past(self, key: bytes, value: bytes) -> Iterator[Problem]:
        name, number = key[len(HISTORY) : -_NUMBER_BYTES - 1], key[-_NUMBER_BYTES:]
        where = f"{_text(name)} before line {int.from_bytes(number, 'big')}"
        wrong = _damage(value[_AT_BYTES:]) if len(value) > _AT_BYTES else ""
        if len(value) < _AT_BYTES or wrong:
            yield Problem("history", where, wrong or f"has {len(value)} bytes")
        elif self._store.get(LINES + number) is None:
            yield Problem("history", where, "the audit trail has no such line")

    # The audit trail ----------------------------------------------------------------------------

    def lines(self) -> None:
        """Look at the trail: each line follows the one before, and what it tells of is there."""
        newest, is_sound = Trail(), True
        for key, raw in every(self._store, LINES):
            number = int.from_bytes(key[len(LINES) :], "big")
            line = _read(raw)
            follows = (line.get("number"), line.get("previous")) == (number, newest.hash.hex())
            if is_sound and not (number == newest.number + 1 and follows):
                is_sound = False
                what = f"does not follow line {newest.number}: it, or one before it, was changed"
                self.note([Problem("audit", f"line {number}", what)])
            if line.get("verb") == "load":
                self._loads.append(number)
            newest = Trail(number, hashlib.sha256(raw).digest())
            self.line_count += 1
        self.note(self._head(newest, is_sound))
        for key, raw in every(self._store, LINES):
            line = _read(raw)
            if line.get("verb") in _RECORDED and isinstance(line.get("handle"), str):
                self.note(self._told(int.from_bytes(key[len(LINES) :], "big"), line))

    def _head(self, newest: Trail, is_sound: bool) -> Iterator[Problem]:
        kept = self._store.get(HEAD)
        head = trail_of(kept)
        if (head.number, head.hash) == (newest.number, newest.hash):
            return
        if kept is None or head.number < newest.number:
            what = f"the head of the trail says {head.number}, the last line is {newest.number}"
            cure = "is set to the last line" if is_sound else ""
            yield Problem("audit", "head", what, cure, (newest.kept,) if is_sound else ())
        elif head.number > newest.number:
            what = f"lines {newest.number + 1} to {head.number} are gone"
            yield Problem("audit", "head", what)
        elif is_sound:
            yield Problem("audit", f"line {newest.number}", "the last line was changed")

    def _told(self, number: int, line: dict[str, Any]) -> Iterator[Problem]:
        """Hold a line against the history before it and the record behind it."""
        handle = line["handle"]
        key = handle_key(handle)
        if self._store.get(past_key(key, number)) is None:
            form = self._form_before(key, number)
            where, what = f"{handle} before line {number}", "is not in the history"
            if form is None:
                yield Problem("history", where, what)
            else:
                at = int(line.get("at_ms", 0)).to_bytes(_AT_BYTES, "big")
                row = (past_key(key, number), at + form)
                yield Problem("history", where, what, "there was none before; is entered", (row,))
        later = self._store.scan(HISTORY + key + b"\0", past_key(key, number), 1)
        form = later[0][1][_AT_BYTES:] if later else self._store.get(key) or b""
        if hashlib.sha256(form).hexdigest() != line.get("after") and not self._is_loaded(number):
            what = "was lost" if not form else "is not as this line left it"
            yield Problem("record", f"{handle} after line {number}", what)

    def _is_loaded(self, number: int) -> bool:
        """Whether something was loaded behind a line; that leaves no history."""
        return bool(self._loads) and self._loads[-1] > number

    def _form_before(self, key: bytes, number: int) -> bytes | None:
        """Return the form before a line where that can be known: none, or deleted."""
        if any(load < number for load in self._loads):
            return None
        form: bytes | None = b""
        for place, raw in every(self._store, LINES):
            if place >= line_key(number):
                return form
            line = _read(raw)
            if line.get("verb") in _RECORDED and handle_key(str(line.get("handle"))) == key:
                is_gone = line.get("after") == hashlib.sha256(TOMBSTONE).hexdigest()
                form = TOMBSTONE if is_gone else None
        return form


def _damage(stored: bytes) -> str:
    """Return what is wrong with a stored form, '' if nothing."""
    try:
        if is_overlay(stored):
            overlay_values(stored)
        elif stored[:1] == bytes((FORM,)):
            stored_values(stored)
        elif stored != TOMBSTONE:
            return f"form {stored[:1].hex() or 'of no bytes'} is not known"
    except FrameError as error:
        return f"does not decode: {error}"
    return ""


def _read(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _text(key: bytes) -> str:
    return key.removeprefix(_HANDLE).decode("utf-8", "replace")
