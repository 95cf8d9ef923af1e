"""Grants at work: who may read a value besides the administrators, and who gave it to whom.

The public part of a record is ready to send and needs nothing of this. Grants are looked at when an
identity that is no reader of the whole record asks for one that has hidden values.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.limits import GRANTS_MAX
from millbrain.core.nodes.grants import (
    Grant,
    Reader,
    Seen,
    read_grant,
    reference_text,
    write_grant,
)
from millbrain.core.records import (
    ADMIN_READ,
    ADMIN_WRITE,
    PUBLIC_READ,
    Reference,
    Value,
    is_live,
    read_administrator,
    stored_values,
)
from millbrain.core.registry import ADMIN_TYPE, READ_VALUE, Asker, Reason, RegistryError
from millbrain.core.templates import GRANT_TYPE, is_administrative
from millbrain.record.identifiers.rights import PREFIX_HANDLE, Folded, Rights
from millbrain.record.identifiers.templates import followed

_MARK: Final = GRANT_TYPE.encode()
_HIDDEN: Final = ADMIN_READ | ADMIN_WRITE
_EVERYBODY: Final = Reader("*", "public")
Placed = tuple[str, int, Grant]  # record and index at which a grant stands


def readable(
    rights: Rights, handle: str, values: Sequence[Value], asker: Asker
) -> tuple[Value, ...]:
    """Return the values of a record that the asker may read, in order."""
    public = tuple(v for v in values if v.permissions & PUBLIC_READ)
    if asker.identity is None or len(public) == len(values):
        return public
    if rights.may(asker, READ_VALUE, values):
        return tuple(v for v in values if v.permissions & (PUBLIC_READ | ADMIN_READ))
    given = _given(rights, handle, values, asker.identity, _now_ms())
    if asker.group is not None:
        given |= _given(rights, handle, values, asker.group, _now_ms())
    return tuple(v for v in values if v.permissions & PUBLIC_READ or v.index in given)


def entered(
    asker: Asker, held: Sequence[Value], after: Sequence[Value], rights: Rights
) -> Sequence[Value]:
    """Return the values of a change with its grants entered: by whom, and hidden.

    Raises
    ------
    RegistryError
        A grant is malformed, or its giver may not read the record himself.
    """
    if not any(v.type == GRANT_TYPE for v in after):
        return after
    known = {v.index: v for v in held}
    if sum(v.type == GRANT_TYPE for v in after) > GRANTS_MAX:
        raise RegistryError(Reason.INVALID, f"a record has at most {GRANTS_MAX} grants")
    return [
        v if v.type != GRANT_TYPE or known.get(v.index) == v else _entered(v, asker, after, rights)
        for v in after
    ]


def given_and_taken(before: bytes | None, after: bytes) -> dict[str, Any]:
    """Return what the audit trail tells of the grants of a change, nothing where there are none."""
    if _MARK not in after and (before is None or _MARK not in before):
        return {}
    old, new = _of_stored(before), _of_stored(after)
    given = [{"index": i, **g.as_json()} for i, g in new.items() if old.get(i) != g]
    taken = [{"index": i, **g.as_json()} for i, g in old.items() if new.get(i) != g]
    return ({"granted": given} if given else {}) | ({"revoked": taken} if taken else {})


def explained(rights: Rights, handle: str, values: Sequence[Value]) -> tuple[Seen, ...]:
    """Return for each value of a record who can see it, and why."""
    now_ms = _now_ms()
    names = _names(rights, handle, values)
    owners = list(_owners(rights, handle, values))
    grants = [(placed, list(_readers(rights, placed, values, now_ms)))
              for placed in _placed(rights, handle, values)]  # fmt: skip
    told = []
    for value in values:
        readers: list[Reader] = []
        if value.permissions & PUBLIC_READ:
            readers.append(_EVERYBODY)
        elif value.permissions & ADMIN_READ:
            readers += owners
            for (_, _, grant), reached in grants:
                if _may_be_given(value) and grant.gives(value.index, names.get(value.index, "")):
                    readers += reached
        name = names.get(value.index, "")
        told.append(Seen(value.index, value.type, name, tuple(readers)))
    return tuple(sorted(told, key=lambda seen: seen.index))


# ------------------------------------------------------------------------------------------------


def _entered(value: Value, asker: Asker, after: Sequence[Value], rights: Rights) -> Value:
    try:
        grant = read_grant(value.data)
    except ValueError as error:
        raise RegistryError(Reason.INVALID, f"value {value.index}: {error}") from error
    if asker.identity is None:
        raise RegistryError(Reason.NO_IDENTITY, "a grant has a giver: prove who you are first")
    if grant.by is not None and _folded(grant.by) != _folded(asker.identity):
        raise RegistryError(
            Reason.DENIED,
            f"value {value.index}: a grant by {reference_text(grant.by)} is his to give",
        )
    rights.demand(asker, READ_VALUE, after, f"grant by value {value.index}")
    data = write_grant(replace(grant, by=asker.identity))
    return replace(value, data=data, permissions=_HIDDEN)


def _given(
    rights: Rights, handle: str, values: Sequence[Value], who: Reference, now_ms: int
) -> set[int]:
    """Return the indexes of hidden values that grants give to an identity."""
    holding = [
        grant for _, _, grant in _placed(rights, handle, values)
        if grant.holds(now_ms) and rights.names(grant.to, who) and _may_give(rights, grant, values)
    ]  # fmt: skip
    if not holding:
        return set()
    names = _names(rights, handle, values)
    return {
        v.index for v in values
        if _may_be_given(v) and any(g.gives(v.index, names.get(v.index, "")) for g in holding)
    }  # fmt: skip


def _may_be_given(value: Value) -> bool:
    return bool(value.permissions & ADMIN_READ) and not is_administrative(value.type)


def _may_give(rights: Rights, grant: Grant, values: Sequence[Value]) -> bool:
    """Whether the giver of a grant may read the record himself."""
    return rights.may(Asker(grant.by), READ_VALUE, values)


def _placed(rights: Rights, handle: str, values: Sequence[Value]) -> list[Placed]:
    """Return the grants that stand on a record and on that of its prefix."""
    prefix = PREFIX_HANDLE + keys.fold(handle).partition("/")[0]
    if keys.fold(handle).startswith(PREFIX_HANDLE):
        return [(prefix, i, g) for i, g in _of_record(rights, prefix)]
    own = [(keys.fold(handle), i, grant) for i, grant in _grants(values)]
    return own + [(prefix, i, g) for i, g in _of_record(rights, prefix)]


def _of_record(rights: Rights, handle: str) -> list[tuple[int, Grant]]:
    stored = rights.look(keys.handle_key(handle))
    return list(_of_stored(stored).items()) if stored is not None and _MARK in stored else []


def _of_stored(stored: bytes | None) -> dict[int, Grant]:
    if stored is None or _MARK not in stored or not is_live(stored):
        return {}
    try:
        return dict(_grants(stored_values(stored)))
    except FrameError:
        return {}


def _grants(values: Iterable[Value]) -> Iterator[tuple[int, Grant]]:
    for value in values:
        if value.type == GRANT_TYPE:
            try:
                yield value.index, read_grant(value.data)
            except ValueError:
                continue  # a damaged grant gives nothing


def _names(rights: Rights, handle: str, values: Sequence[Value]) -> Mapping[int, str]:
    """Return the names that the record's template gives to indexes, none without one."""
    template = followed(handle, values, rights.look)
    return {f.index: f.name for f in template.fields} if template else {}


def _owners(rights: Rights, handle: str, values: Sequence[Value]) -> Iterator[Reader]:
    """Yield who may read all that administrators may: of the record, of the node."""
    for value in values:
        if value.type != ADMIN_TYPE:
            continue
        try:
            administrator = read_administrator(value.data)
        except FrameError:
            continue
        if administrator.permissions & READ_VALUE:
            for one, groups in rights.reached(administrator.identity):
                through = tuple(_text(g) for g in groups)
                yield Reader(_text(one), "owner", keys.fold(handle), value.index, through)
    yield from (Reader(_text(one), "node") for one in rights.administrators)


def _readers(
    rights: Rights, placed: Placed, values: Sequence[Value], now_ms: int
) -> Iterator[Reader]:
    record, index, grant = placed
    by = reference_text(grant.by) if grant.by else ""
    lapsed = "" if grant.holds(now_ms) else "its time is over"
    if not lapsed and not _may_give(rights, grant, values):
        lapsed = f"{by or 'its giver'} may not read this record"
    for one, groups in rights.reached(grant.to):
        through = tuple(_text(g) for g in groups)
        yield Reader(
            _text(one), "grant", record, index, through, by, grant.until_ms, lapsed
        )  # fmt: skip


def _text(one: Folded) -> str:
    return f"{one[1]}:{one[0]}"


def _folded(reference: Reference) -> Folded:
    return keys.fold(reference.handle), reference.index


def _now_ms() -> int:
    return int(time.time() * 1000)
