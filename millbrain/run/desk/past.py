"""A record with its past: versions, what held at an instant, who changed it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from millbrain.core import keys
from millbrain.core.limits import PAGE_ROWS_MAX
from millbrain.core.records import Value, is_live, stored_values
from millbrain.core.registry import READ_VALUE, Asker, Reason, RegistryError
from millbrain.core.templates import Template
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.record.identifiers.past import HISTORY
from millbrain.record.identifiers.trail import HEAD, line_key, trail_of
from millbrain.run.desk.telling import told_aliases, told_key, told_template, told_values


def told_record(
    registry: StoredRegistry, store: RocksIdentifiers, handle: str, asker: Asker, at_ms: int | None
) -> dict[str, Any]:
    """Return a record, its versions and its lines of the audit trail.

    What a version held before is told only to those who may read the whole prefix: a value that was
    taken back must not stay public in the past of its record.

    Parameters
    ----------
    at_ms
        The instant to show [Unix ms], None = now.

    Raises
    ------
    RegistryError
        There is none and never was, or it is taken down.
    """
    key = keys.parse(f"hdl:{handle}")
    (now,) = registry.get_many([key.stored])
    past = registry.history(key.value)
    if registry.is_taken_down(key.value) or (now is None and not past):
        raise RegistryError(Reason.NOT_FOUND, f"no record of {handle!r} here")
    is_reader = registry.permits(asker, READ_VALUE, key.prefix)
    forms = [(until_ms, form) for until_ms, form in past] + [(None, now or b"")]
    shown = now if at_ms is None else registry.as_of(key.value, at_ms)
    newest = now if now and is_live(now) else next((f for _, f in past[::-1] if is_live(f)), None)
    template = registry.template_for(key.value, stored_values(newest)) if newest else None
    lines = _lines(store, key.stored)
    reading = _Reading(registry, key.value, asker, template)
    versions = [
        _version(reading, form, until_ms, is_reader or until_ms is None)
        for until_ms, form in forms[-PAGE_ROWS_MAX:]
    ]
    readable: tuple[Value, ...] = ()
    held: tuple[Value, ...] = ()
    if shown and is_live(shown) and (is_reader or at_ms is None):
        readable = registry.readable(shown, key.value, asker)
        held = stored_values(shown)
    return {
        **told_key(key), "handle": key.value, "is_live": bool(now) and is_live(now),
        "is_reader": is_reader, "values": told_values(readable, template),
        "template": told_template(template), "seen": _seen(registry, key.value, asker),
        "hidden": len(held) - len(readable), "aliases": told_aliases(readable),
        "at_ms": at_ms, "versions": versions, "lines": lines,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reading:
    """Who reads which record, and the template that says what its values mean."""

    registry: StoredRegistry
    handle: str
    asker: Asker
    template: Template | None


def _version(reading: _Reading, form: bytes, until_ms: int | None, is_told: bool) -> dict[str, Any]:
    was_there = bool(form) and is_live(form)
    values: tuple[Value, ...] = ()
    if was_there and is_told:
        values = reading.registry.readable(form, reading.handle, reading.asker)
    return {
        "until_ms": until_ms, "was_there": was_there,
        "values": told_values(values, reading.template) if is_told else None,
    }  # fmt: skip


def _seen(registry: StoredRegistry, handle: str, asker: Asker) -> list[dict[str, Any]] | None:
    """Return who can see each value and why, None where the asker may not know."""
    try:
        return [seen.as_json() for seen in registry.access(handle, asker)]
    except RegistryError:
        return None


def _lines(store: RocksIdentifiers, key: bytes) -> list[dict[str, Any]]:
    """Return the lines that changed a record, oldest first, each with the state of its chain."""
    begin = HISTORY + key + b"\0"
    numbers = [int.from_bytes(k[-8:], "big") for k, _ in store.scan(begin)][-PAGE_ROWS_MAX:]
    head = trail_of(store.get(HEAD))
    wanted = [line_key(n + step) for n in numbers for step in (0, 1)]
    found = store.get_many(wanted)
    told = []
    for number, raw, after in zip(numbers, found[::2], found[1::2], strict=True):
        if raw is None:
            told.append({"number": number, "chain": "missing"})
            continue
        digest = hashlib.sha256(raw).hexdigest()
        follows = head.hash.hex() if number == head.number else _previous(after)
        told.append({**_plain(json.loads(raw)), "hash": digest,
                     "chain": "sound" if follows == digest else "broken"})  # fmt: skip
    return told


def _previous(raw: bytes | None) -> str:
    return str(json.loads(raw)["previous"]) if raw else ""


def _plain(line: dict[str, Any]) -> dict[str, Any]:
    names: Sequence[str] = ("number", "at_ms", "who", "face", "from", "verb", "indexes")
    return {name: line.get(name) for name in names}
