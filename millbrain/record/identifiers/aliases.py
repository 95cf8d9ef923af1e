"""Which record an identifier of another scheme names: aliases, kept beside the records.

A record claims an identifier by a public value of type ALIAS (a GS1 key, a VIN, a link, a handle).
The index is a hint: an entry counts only while the record that it points to is live and holds the
alias, so that nothing has to be removed and a lost entry can never lead to a wrong record.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from millbrain.core.errors import FrameError
from millbrain.core.keys import Key, handle_key, parse
from millbrain.core.records import PUBLIC_READ, is_live, stored_values
from millbrain.core.registry import ALIAS_TYPE, Reason, RegistryError
from millbrain.core.templates import RANGE_TYPE
from millbrain.record.identifiers.store import Record

ALIASES: Final = b"\0l"
_MARK: Final = ALIAS_TYPE.encode()
Look = Callable[[bytes], bytes | None]
LookMany = Callable[[Sequence[bytes]], list[bytes | None]]


def named(look_many: LookMany, wanted: Sequence[Key]) -> list[str]:
    """Return the handle that each key names, '' where no live record has it."""
    own = look_many([k.stored for k in wanted])
    pointed = look_many([ALIASES + k.stored for k in wanted])
    handles = [
        k.value if k.scheme == "hdl" and is_live(o) else (p or b"").decode()
        for k, o, p in zip(wanted, own, pointed, strict=True)
    ]
    records = look_many([handle_key(h) for h in handles])
    return [
        handle if holds(stored, handle, key) else ""
        for key, handle, stored in zip(wanted, handles, records, strict=True)
    ]


def changed(key: bytes, before: bytes | None, after: bytes, look: Look) -> dict[bytes, bytes]:
    """Return the entries that a change of the record `key` adds.

    Raises
    ------
    RegistryError
        An alias is no identifier, or another record has it.
    """
    old = _claimed(before)
    new = [text for text in _claimed(after) if text not in old]
    found = {}
    for text in new:
        try:
            entry = ALIASES + parse(text).stored
        except ValueError as error:
            raise RegistryError(Reason.INVALID, f"alias: {error}") from error
        if taken := _taken(entry, key, look):
            raise RegistryError(Reason.EXISTS, f"alias {text!r} is one of {taken}; nothing changed")
        found[entry] = key[4:]
    return found


def of_records(batch: Iterable[Record]) -> list[Record]:
    """Return the entries of records that are loaded; what is no identifier names nothing."""
    found = []
    for key, stored in [row for row in batch if _MARK in row[1]]:
        for text in _claimed(stored):
            try:
                found.append((ALIASES + parse(text).stored, key[4:]))
            except ValueError:
                continue
    return found


def _taken(entry: bytes, key: bytes, look: Look) -> str:
    """Return the handle of another live record that has the alias behind `entry`, '' if none."""
    alias = parse(entry[len(ALIASES) :].decode())
    if alias.scheme == "hdl" and is_live(look(alias.stored)):
        return alias.value
    owner = look(entry)
    if owner and b"hdl:" + owner != key and holds(look(b"hdl:" + owner), owner.decode(), alias):
        return owner.decode()
    return ""


def holds(stored: bytes | None, handle: str, key: Key) -> bool:
    """Whether a record of this handle is live and has an identifier: its own or an alias."""
    if stored is None or not is_live(stored):
        return False
    return handle_key(handle) == key.stored or any(_is(text, key) for text in _claimed(stored))


def _is(text: str, key: Key) -> bool:
    try:
        return parse(text) == key
    except ValueError:
        return False


def _claimed(stored: bytes | None) -> tuple[str, ...]:
    """Return the aliases of a record as written; a look at the bytes spares most of them it."""
    if stored is None or _MARK not in stored or not is_live(stored):
        return ()
    try:
        values = stored_values(stored)
    except FrameError:
        return ()
    if any(v.type == RANGE_TYPE for v in values):
        return ()  # its aliases are those of its items (`ranges`)
    return tuple(
        v.data.decode("utf-8", "replace")
        for v in values
        if v.type == ALIAS_TYPE and v.permissions & PUBLIC_READ
    )
