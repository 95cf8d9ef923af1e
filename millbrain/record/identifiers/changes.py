"""What a change makes of a record, once rights and rules allow it.

Pure: the record before goes in, the record after comes out, or a RegistryError that says why not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from millbrain.core import keys
from millbrain.core.limits import HANDLE_VALUES_MAX, IDENTIFIER_VALUE_BYTES_MAX
from millbrain.core.records import (
    ADMIN_WRITE,
    TOMBSTONE,
    Value,
    is_live,
    store_form,
    stored_values,
)
from millbrain.core.registry import (
    ADD_ADMIN,
    ADD_HANDLE,
    ADD_VALUE,
    ADMIN_TYPE,
    DELETE_HANDLE,
    MODIFY_ADMIN,
    MODIFY_VALUE,
    REMOVE_ADMIN,
    REMOVE_VALUE,
    Change,
    Reason,
    RegistryError,
    Verb,
)
from millbrain.core.templates import GRANT_TYPE, RANGE_TYPE
from millbrain.record.identifiers.grants import entered
from millbrain.record.identifiers.rights import Rights
from millbrain.record.identifiers.templates import demand_lawful

Homed = Callable[[str], bool]
_OF_ADMINISTRATORS: Final = frozenset((ADMIN_TYPE, GRANT_TYPE))  # who may do and read what


def made(change: Change, before: bytes | None, rights: Rights, is_homed: Homed, at_s: int) -> bytes:
    """Return the stored form of the record after `change`.

    Parameters
    ----------
    before
        Stored form that holds now, None where there has never been one.
    at_s
        Time that new and changed values get [Unix s].

    Raises
    ------
    RegistryError
        The change is not allowed or makes no sense; nothing is changed.
    """
    if not is_homed(change.handle) and not rights.is_administrator(change.asker):
        raise RegistryError(
            Reason.NOT_HOMED, f"{change.handle}: this node does not answer for its prefix"
        )
    held = stored_values(before) if before is not None and is_live(before) else None
    after = entered(change.asker, held or (), _after(change, held, rights, at_s), rights)
    _demand_serials(change, held or (), after, rights)
    demand_lawful(change.handle, held or (), after, rights.look)
    return store_form(after) if after else TOMBSTONE


def _demand_serials(
    change: Change, held: Sequence[Value], after: Sequence[Value], rights: Rights
) -> None:
    """Refuse a new or wider range to those who may not create its items one by one."""
    known = {(old.type, old.data) for old in held}
    for value in after:
        if value.type == RANGE_TYPE and (value.type, value.data) not in known:
            what = f"create the identifiers of {change.handle}"
            rights.demand(change.asker, ADD_HANDLE, rights.of_prefix(change.handle), what)


def _after(
    change: Change, held: tuple[Value, ...] | None, rights: Rights, at_s: int
) -> Sequence[Value]:
    """Return the values after a change, none of a record that is deleted."""
    if change.verb is Verb.CREATE:
        return _created(change, held, rights, at_s)
    if held is None:
        raise RegistryError(Reason.NOT_FOUND, f"{change.handle} does not exist")
    if change.verb is Verb.DELETE:
        rights.demand(change.asker, DELETE_HANDLE, held, f"delete {change.handle}")
        return ()
    return _EDITS[change.verb](change, held, rights, at_s)


def _created(
    change: Change, held: tuple[Value, ...] | None, rights: Rights, at_s: int
) -> Sequence[Value]:
    try:
        keys.parse(f"hdl:{change.handle}")
    except ValueError as error:
        raise RegistryError(Reason.INVALID, str(error)) from error
    what = f"create {change.handle}"
    rights.demand(change.asker, ADD_HANDLE, rights.of_prefix(change.handle), what)
    if held is not None and not change.overwrite:
        raise RegistryError(Reason.EXISTS, f"{change.handle} exists; it was not changed")
    if held is not None:
        rights.demand(change.asker, DELETE_HANDLE, held, f"overwrite {change.handle}")
    return _checked([_stamped(v, at_s) for v in change.values], what)


def _added(change: Change, held: tuple[Value, ...], rights: Rights, at_s: int) -> Sequence[Value]:
    taken = {v.index for v in held}
    for value in change.values:
        needed = ADD_ADMIN if value.type in _OF_ADMINISTRATORS else ADD_VALUE
        rights.demand(change.asker, needed, held, f"add value {value.index} to {change.handle}")
        if value.index in taken:
            raise RegistryError(
                Reason.VALUE_EXISTS, f"{change.handle} has a value {value.index}; nothing was added"
            )
    new = [_stamped(v, at_s) for v in change.values]
    return _checked([*held, *new], f"add to {change.handle}")


def _put(change: Change, held: tuple[Value, ...], rights: Rights, at_s: int) -> Sequence[Value]:
    there = {v.index for v in held}
    old = tuple(v for v in change.values if v.index in there)
    new = tuple(v for v in change.values if v.index not in there)
    if old and not change.overwrite:
        raise RegistryError(
            Reason.VALUE_EXISTS, f"{change.handle} has a value {old[0].index}; nothing was changed"
        )
    after = tuple(_modified(replace(change, values=old), held, rights, at_s)) if old else held
    return _added(replace(change, values=new), after, rights, at_s)


def _removed(change: Change, held: tuple[Value, ...], rights: Rights, _: int) -> Sequence[Value]:
    wanted = set(change.indexes)
    _demand_there(wanted, held, change.handle)
    for value in (v for v in held if v.index in wanted):
        needed = REMOVE_ADMIN if value.type in _OF_ADMINISTRATORS else REMOVE_VALUE
        _demand_writable(value, change.handle)
        rights.demand(change.asker, needed, held, f"remove {value.index} of {change.handle}")
    return [v for v in held if v.index not in wanted]


def _modified(
    change: Change, held: tuple[Value, ...], rights: Rights, at_s: int
) -> Sequence[Value]:
    new = {v.index: _stamped(v, at_s) for v in change.values}
    _demand_there(set(new), held, change.handle)
    for value in (v for v in held if v.index in new):
        is_admin = not _OF_ADMINISTRATORS.isdisjoint((value.type, new[value.index].type))
        _demand_writable(value, change.handle)
        needed = MODIFY_ADMIN if is_admin else MODIFY_VALUE
        rights.demand(change.asker, needed, held, f"modify {value.index} of {change.handle}")
    return _checked([new.get(v.index, v) for v in held], f"modify {change.handle}")


_EDITS: Final[Mapping[Verb, Callable[..., Sequence[Value]]]] = {
    Verb.ADD: _added, Verb.REMOVE: _removed, Verb.MODIFY: _modified,
    Verb.PUT: _put,
}  # fmt: skip


def _demand_there(indexes: set[int], held: tuple[Value, ...], handle: str) -> None:
    gone = sorted(indexes - {v.index for v in held})
    if gone:
        names = ", ".join(map(str, gone[:5]))
        raise RegistryError(Reason.VALUES_NOT_FOUND, f"{handle} has no value {names}")


def _demand_writable(value: Value, handle: str) -> None:
    if not value.permissions & ADMIN_WRITE:
        raise RegistryError(Reason.DENIED, f"value {value.index} of {handle} may not be written")


def _stamped(value: Value, at_s: int) -> Value:
    # Written out, since `replace` costs a tenth of a creation.
    return Value(
        value.index, value.type, value.data, value.ttl, value.ttl_type, value.permissions, at_s,
        value.references,
    )  # fmt: skip


def _checked(values: Sequence[Value], what: str) -> Sequence[Value]:
    """Return `values` by index, refusing what no record may hold."""
    numbers = [v.index for v in values]
    size = sum(len(v.data) for v in values)
    if len(numbers) != len(set(numbers)) or any(n < 1 for n in numbers):
        raise RegistryError(Reason.INVALID, f"{what}: indexes are from 1 and differ")
    if not values or len(values) > HANDLE_VALUES_MAX or size > IDENTIFIER_VALUE_BYTES_MAX:
        raise RegistryError(
            Reason.INVALID,
            f"{what}: {len(values)} values of {size} bytes; allowed are 1 to {HANDLE_VALUES_MAX} "
            f"of {IDENTIFIER_VALUE_BYTES_MAX} together",
        )
    return sorted(values, key=lambda v: v.index)
