"""Shells and submodels in the registry: where they stand, what may be read, what a change writes.

A descriptor is the record of its identifier. Where the id is a handle, that is the record;
otherwise one is made under the prefix of whoever registers. The id leads to it as the alias
``aas:<id>``, which one record only can have; where the id or the global asset id is an identifier
of another scheme that nobody has claimed, it becomes an alias as well, so that resolving it finds
the shell.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import NotFoundError
from millbrain.core.records import (
    Administrator,
    Value,
    is_live,
    stored_values,
    write_administrator,
)
from millbrain.core.registry import ADMIN_TYPE, Asker, Change, Reason, Registry, RegistryError, Verb
from millbrain.identify.aas.holding import (
    Held,
    Shell,
    Told,
    natural,
    read_shell,
    read_submodel,
    same,
    shell_of,
    shell_values,
    submodel_values,
    suffix,
)

_OWNER_INDEX: Final = 100
_ALL_RIGHTS: Final = 0xFF7  # but for prefixes below


class Shells:
    """Shells and submodels of this node, through the registry's rights.

    turn: held by whoever changes what it has read, so that nobody else does meanwhile.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.turn = asyncio.Lock()

    # Reading ------------------------------------------------------------------------------------

    def handle(self, identifier: str) -> str:
        """Return the handle of the record of an id, '' where there is none."""
        return self._registry.named([key_of(identifier)])[0]

    def values(self, handle: str, asker: Asker) -> tuple[Value, ...]:
        """Return what an asker may read of a record, nothing where there is none."""
        (stored,) = self._registry.get_many([keys.handle_key(handle)]) if handle else (None,)
        if stored is None or not is_live(stored):
            return ()
        return self._registry.readable(stored, handle, asker)

    def shell(self, identifier: str, asker: Asker) -> Shell:
        """Return a registered shell.

        Raises
        ------
        NotFoundError
            There is none, or it is not for the asker.
        """
        found = read_shell(self.values(self.handle(identifier), asker))
        if found is None or found.descriptor is None:
            raise NotFoundError(f"no shell {identifier!r} is registered here")
        return found

    def linked(self, identifier: str, asker: Asker) -> Shell:
        """Return a shell that is registered or has links; NotFoundError where there is none."""
        found = read_shell(self.values(self.handle(identifier), asker))
        if found is None:
            raise NotFoundError(f"no shell {identifier!r} is known here")
        return found

    def submodel(self, identifier: str, asker: Asker) -> Told:
        """Return a submodel descriptor of its own; NotFoundError where there is none."""
        found = read_submodel(self.values(self.handle(identifier), asker))
        if found is None:
            raise NotFoundError(f"no submodel {identifier!r} is registered here")
        return found

    def page(
        self, tags: Sequence[str], asker: Asker, after: str, count: int,
        read: Callable[[tuple[Value, ...]], Any],
    ) -> tuple[list[Any], str]:  # fmt: skip
        """Return what `read` finds in records that share tags, and where to go on."""
        handles, following = self._registry.sharing(tags, after, count)
        stored = self._registry.get_many([keys.handle_key(h) for h in handles])
        found = [
            read(self._registry.readable(form, handle, asker))
            for handle, form in zip(handles, stored, strict=True)
            if form is not None and is_live(form)
        ]
        return [one for one in found if one is not None], following

    # Changing -----------------------------------------------------------------------------------

    def new_shell(self, shell: Shell, asker: Asker, prefix: str) -> list[Change]:
        """Return the changes that register a shell; RegistryError where it is there already."""
        handle = self.handle(shell.id)
        known = read_shell(self.values(handle, asker))
        if known is not None and known.descriptor is None:
            shell = replace(shell, links=known.links, hides_own=known.hides_own)
        elif handle:
            raise RegistryError(Reason.EXISTS, f"{shell.id} is registered already")
        return self.changed_shell(shell, asker, handle or self.place(shell.id, asker, prefix))

    def new_submodel(self, told: Told, asker: Asker, prefix: str) -> list[Change]:
        """Return the changes that register a submodel; RegistryError where it is there already."""
        identifier = told["id"]
        if self.handle(identifier):
            raise RegistryError(Reason.EXISTS, f"{identifier} is registered already")
        return self.changed_submodel(told, asker, self.place(identifier, asker, prefix))

    def replaced(self, told: Told, asker: Asker) -> list[Change]:
        """Return the changes that give a shell another descriptor; its added links stay.

        Raises
        ------
        NotFoundError
            It is not registered.
        """
        known = self.shell(told["id"], asker)
        new = replace(shell_of(told), links=known.links, hides_own=known.hides_own)
        return self.changed_shell(new, asker, self.handle(known.id))

    def changed_shell(self, shell: Shell, asker: Asker, handle: str) -> list[Change]:
        """Return the changes that make a record hold a shell."""
        held = self._held(handle, asker)
        aliases = self._aliases(shell.id, natural(shell), handle)
        return self._changes(handle, shell_values(shell, aliases, held), held, asker)

    def changed_submodel(self, told: Told, asker: Asker, handle: str) -> list[Change]:
        """Return the changes that make a record hold a submodel descriptor."""
        held = self._held(handle, asker)
        aliases = self._aliases(told["id"], [told["id"]], handle)
        return self._changes(handle, submodel_values(told, aliases, held), held, asker)

    def removed(self, handle: str, asker: Asker) -> list[Change]:
        """Return the changes after which a record holds nothing of this room.

        A record that holds nothing else but who administers it goes with it.
        """
        held = self._held(handle, asker)
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        everything = stored_values(stored) if stored is not None and is_live(stored) else ()
        others = [v for v in everything if v.index not in held.ours and v.type != ADMIN_TYPE]
        if others:  # also what the asker may not read
            return [Change(Verb.REMOVE, handle, asker, indexes=tuple(sorted(held.ours)))]
        return [Change(Verb.DELETE, handle, asker)]

    def _changes(
        self, handle: str, made: Sequence[Value], held: Held, asker: Asker
    ) -> list[Change]:
        """Return what writes the values that differ and removes those that are no longer there."""
        if not held.values:
            return [Change(Verb.CREATE, handle, asker, (_owner(asker), *made))]
        new = tuple(v for v in made if not same(v, held.values.get(v.index)))
        gone = tuple(sorted(held.ours - {v.index for v in made}))
        changes = []
        if gone:
            changes.append(Change(Verb.REMOVE, handle, asker, indexes=gone))
        if new or not gone:
            values = new or tuple(made[:1])  # at least one, so that rights are asked for
            changes.append(Change(Verb.PUT, handle, asker, values, overwrite=True))
        return changes

    def _held(self, handle: str, asker: Asker) -> Held:
        return Held({value.index: value for value in self.values(handle, asker)})

    def place(self, identifier: str, asker: Asker, prefix: str) -> str:
        """Return the handle that the record of a new id gets."""
        key = _key(identifier)
        if key is not None and key.scheme == "hdl":
            return key.display
        if not prefix and asker.identity is not None and "/" in asker.identity.handle:
            prefix = asker.identity.handle.partition("/")[0]
        if not prefix:
            raise RegistryError(
                Reason.INVALID, "say in Millbrain-Prefix under which prefix the record is to stand"
            )
        return f"{prefix}/{suffix(identifier)}"

    def _aliases(self, identifier: str, wanted: Sequence[str], handle: str) -> list[str]:
        """Return the aliases of a record: that of its id, and those that nobody else has."""
        found = [f"aas:{identifier}"]
        for text in wanted:
            key = _key(text)
            if key is None or key.stored == keys.handle_key(handle):
                continue
            owner = self._registry.named([key])[0]
            if owner in ("", keys.fold(handle)) and text not in found:
                found.append(text)
        return found


def key_of(identifier: str) -> keys.Key:
    """Return the key of an id.

    Raises
    ------
    ValueError
        It cannot be one.
    """
    if identifier != identifier.strip():
        raise ValueError(f"id {identifier[:80]!r}: blanks at its ends are not allowed")
    return keys.parse(f"aas:{identifier}")


def _key(text: str) -> keys.Key | None:
    try:
        return keys.parse(text)
    except ValueError:
        return None


def _owner(asker: Asker) -> Value:
    """Return the value that lets whoever registers change the record later."""
    if asker.identity is None:
        raise RegistryError(Reason.NO_IDENTITY, "register: prove who you are first")
    data = write_administrator(Administrator(_ALL_RIGHTS, asker.identity))
    return Value(_OWNER_INDEX, ADMIN_TYPE, data)
