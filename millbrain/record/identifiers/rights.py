"""Who may do what to a record: HS_ADMIN values of the record and of its prefix, and groups.

An administrator value names an identity (a handle and the index of its key) or a group of them
(HS_VLIST), and what it may do. Creating and listing ask the prefix's own record, 0.NA/<prefix>;
everything else asks the record itself. Administrators of the node may do everything.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from millbrain.core import keys, vouchers
from millbrain.core.errors import FrameError
from millbrain.core.records import (
    Reference,
    Value,
    is_live,
    read_administrator,
    read_group,
    stored_values,
)
from millbrain.core.registry import (
    ADMIN_TYPE,
    GROUP_TYPE,
    Asker,
    Reason,
    RegistryError,
)

PREFIX_HANDLE: Final = "0.NA/"
_GROUP_DEPTH_MAX: Final = 8
_MEMBERS_MAX: Final = 4_096  # references followed for one question

_SMALL_BYTES_MAX: Final = 2_048  # records that are kept decoded, at most 2 MiB as bytes
_SMALL_RECORDS: Final = 1_024

Look = Callable[[bytes], bytes | None]
Folded = tuple[str, int]


class Rights:
    """Answers who may do what.

    Parameters
    ----------
    look
        Returns the stored form behind a key.
    administrators
        Identities that may do everything on this node.
    """

    def __init__(self, look: Look, administrators: Iterable[Reference]) -> None:
        self.look = look
        self._administrators = frozenset(_folded(a) for a in administrators)

    @property
    def administrators(self) -> list[Folded]:
        """Identities that the settings name, folded."""
        return sorted(self._administrators)

    def is_administrator(self, asker: Asker) -> bool:
        """Whether the asker administers the whole node."""
        who = asker.identity
        return who is not None and (
            _folded(who) in self._administrators or vouchers.is_administrator(who)
        )

    def may(self, asker: Asker, permission: int, values: Sequence[Value]) -> bool:
        """Whether `values` give the asker every bit of `permission`."""
        if self.is_administrator(asker):
            return True
        if asker.identity is None:
            return False
        given = 0
        for value in values:
            if value.type == ADMIN_TYPE:
                given |= self._given(value.data, asker.identity)
        return given & permission == permission

    def demand(self, asker: Asker, permission: int, values: Sequence[Value], what: str) -> None:
        """Raise a RegistryError where the asker may not."""
        if self.may(asker, permission, values):
            return
        if asker.identity is None:
            raise RegistryError(Reason.NO_IDENTITY, f"{what}: prove who you are first")
        who = asker.identity
        raise RegistryError(
            Reason.DENIED,
            f"{what}: {who.index}:{who.handle} has no such right (0x{permission:03x})",
        )

    def of_prefix(self, handle: str) -> tuple[Value, ...]:
        """Return the values of the record of a handle's prefix, none where there is no record."""
        prefix = handle.partition("/")[0]
        return self.values_of(PREFIX_HANDLE + prefix)

    def values_of(self, handle: str) -> tuple[Value, ...]:
        """Return the values of a record, none where there is no record or a damaged one."""
        try:
            stored = self.look(keys.handle_key(handle))
            return _values(stored) if stored is not None and is_live(stored) else ()
        except FrameError:
            return ()

    def _given(self, data: bytes, identity: Reference) -> int:
        try:
            administrator = read_administrator(data)
        except FrameError:
            return 0  # a damaged administrator value gives no right
        held = self.names(administrator.identity, identity)
        return administrator.permissions if held else 0

    def names(self, named: Reference, identity: Reference) -> bool:
        """Whether `named` is the identity, or a group in which it is."""
        wanted = _folded(identity)
        return any(
            handle == wanted[0] and index in (0, wanted[1])
            for (handle, index), _ in self.reached(named)
        )

    def reached(self, named: Reference) -> Iterator[tuple[Folded, tuple[Folded, ...]]]:
        """Yield a reference and, where it is a group, all in it, each with the groups before it."""
        start = _folded(named)
        waiting: list[tuple[Folded, tuple[Folded, ...]]] = [(start, ())]
        seen = {start}
        while waiting:
            one, groups = waiting.pop()
            yield one, groups
            if len(groups) == _GROUP_DEPTH_MAX or len(seen) > _MEMBERS_MAX:
                continue
            for member in self._members(*one):
                if member not in seen:
                    seen.add(member)
                    waiting.append((member, (*groups, one)))

    def _members(self, handle: str, index: int) -> list[Folded]:
        found: list[Folded] = []
        for value in self.values_of(handle):
            if value.type == GROUP_TYPE and index in (0, value.index):
                try:
                    found += [_folded(r) for r in read_group(value.data)]
                except FrameError:
                    continue  # a damaged group has no members
        return found


def _values(stored: bytes) -> tuple[Value, ...]:
    """Return the values of a record; many questions in a row are about the same few records."""
    return _small(stored) if len(stored) <= _SMALL_BYTES_MAX else stored_values(stored)


_small = lru_cache(_SMALL_RECORDS)(stored_values)


def _folded(reference: Reference) -> Folded:
    return keys.fold(reference.handle), reference.index
