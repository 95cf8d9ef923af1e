"""The common case of many creations at once: what they share is asked for once.

A batch registers thousands of plain records of one prefix for one identity. Whether the prefix is
at home here, whether the identity may create under it, and which template holds do not change from
row to row; what does is looked at straight through. Whatever is not plain gives None and takes the
long way (`changes.made`), which also finds the words of every refusal. A test holds the two
together.
"""

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from millbrain.core import keys
from millbrain.core.limits import HANDLE_VALUES_MAX, IDENTIFIER_VALUE_BYTES_MAX
from millbrain.core.records import FORM, PUBLIC_READ, Value, is_live
from millbrain.core.registry import (
    ADD_HANDLE,
    ADMIN_TYPE,
    Asker,
    Change,
    Verb,
)
from millbrain.core.templates import (
    META_TYPE,
    Template,
    TemplateField,
    is_administrative,
    template_of,
)
from millbrain.record.identifiers.rights import Rights
from millbrain.record.identifiers.templates import of_prefix

# What `core.keys` takes for a handle whatever stands around it; others are parsed the long way.
_PLAIN: Final = re.compile(r"[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*/[!-~]{1,512}", re.ASCII)
_HEAD: Final = struct.Struct(">2IBIB")
_COUNT: Final = struct.Struct(">I")
_NO_REFERENCES: Final = bytes(4)
_TEXT: Final = "text"
Homed = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What holds for every plain creation of an asker under a prefix. templates: by META data."""

    asker: Asker
    templates: dict[bytes, Template | None]
    is_free: bool  # the prefix names no template of its own


class Creations:
    """Makes the stored form of plain creations; for one commit.

    Parameters
    ----------
    rights
        The writer's: it sees what the commit has made so far.
    is_homed
        Whether this node answers for the prefix of a handle.
    at_s
        Time of new values [Unix s].
    """

    def __init__(self, rights: Rights, is_homed: Homed, at_s: int) -> None:
        self._rights = rights
        self._is_homed = is_homed
        self._at_s = at_s
        self._grounds: dict[tuple[int, str], _Ground | None] = {}
        self._ready: dict[int, tuple[Value, bytes]] = {}

    def forget(self) -> None:
        """Forget what was asked for: a change has been made that it may rest on."""
        self._grounds.clear()

    def made(self, change: Change, before: bytes | None) -> bytes | None:
        """Return the stored form of a plain creation, None where it takes the long way."""
        handle = change.handle
        if change.verb is not Verb.CREATE or is_live(before) or not _PLAIN.fullmatch(handle):
            return None
        prefix = handle.partition("/")[0]
        place = (id(change.asker), prefix)
        if place not in self._grounds:
            self._grounds[place] = self._ground(change.asker, handle, prefix)
        ground = self._grounds[place]
        if ground is None:
            return None
        return self._stored(change.values, ground)

    def _ground(self, asker: Asker, handle: str, prefix: str) -> _Ground | None:
        if prefix == "0" or not self._is_homed(handle):
            return None
        if not self._rights.may(asker, ADD_HANDLE, self._rights.of_prefix(handle)):
            return None
        return _Ground(asker, {}, not of_prefix(handle, self._rights.look))

    def _stored(self, values: Sequence[Value], ground: _Ground) -> bytes | None:
        """Return the stored form of values that follow the template which they name, else None."""
        if not 0 < len(values) <= HANDLE_VALUES_MAX or not ground.is_free:
            return None
        template: Template | None = None
        for value in values:
            if value.type == META_TYPE:
                if template is not None:
                    return None
                template = self._template(value.data, ground)
                if template is None:
                    return None
        last, size, missing = 0, 0, len(template.required) if template else 0
        parts: list[bytes] = []
        hidden: list[bytes] = []
        for value in values:
            if value.index <= last:
                return None  # out of order, or twice
            last = value.index
            if value.references:
                return None
            if template is None:
                if value.type != ADMIN_TYPE and is_administrative(value.type):
                    return None
            elif value.type not in (META_TYPE, ADMIN_TYPE):
                field = template.by_index.get(last)
                if field is None or not _fits(field, value):
                    return None
                missing -= last in template.required
            size += len(value.data)
            (parts if value.permissions & PUBLIC_READ else hidden).append(self._encoded(value))
        if missing or size > IDENTIFIER_VALUE_BYTES_MAX:
            return None
        ready = _COUNT.pack(len(parts)) + b"".join(parts)
        rest = _COUNT.pack(len(hidden)) + b"".join(hidden)
        return bytes((FORM,)) + _COUNT.pack(len(ready)) + ready + rest

    def _template(self, data: bytes, ground: _Ground) -> Template | None:
        if data not in ground.templates:
            name = data.decode("utf-8", "replace")
            found = template_of(keys.fold(name), self._rights.look(keys.handle_key(name)))
            ground.templates[data] = None if found is None or found.is_withdrawn else found
        return ground.templates[data]

    def _encoded(self, value: Value) -> bytes:
        """Return a value as the binary protocol has it; one that many rows share is kept."""
        kept = self._ready.get(id(value))
        if kept is not None:
            return kept[1]
        kind, data = value.type.encode("utf-8", "surrogateescape"), value.data
        head = _HEAD.pack(value.index, self._at_s, value.ttl_type, value.ttl, value.permissions)
        made = b"".join((head, _COUNT.pack(len(kind)), kind, _COUNT.pack(len(data)), data,
                         _NO_REFERENCES))  # fmt: skip
        if value.type in (META_TYPE, ADMIN_TYPE):
            self._ready[id(value)] = (value, made)
        return made


def _fits(field: TemplateField, value: Value) -> bool:
    """Whether a value is beyond doubt what a field allows: short text that can be printed."""
    data = value.data
    return (
        field.kind == _TEXT and not field.is_hidden and value.type == field.type
        and 0 < len(data) <= field.longest and data.isascii()
        and data.decode("ascii").isprintable() and not data.isspace()
    )  # fmt: skip
