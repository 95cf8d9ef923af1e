"""Shells and submodels as values of a record, both ways. Pure.

A shell's descriptor is one value, each of its submodel descriptors another, so that rights can be
given for each. What it is found by are tags, which any number of shells may share; what is unique
is an alias. All of it has indexes of its own range, beside whatever else the record holds, and a
value that is written anew keeps the permissions that its owner gave it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

import orjson

from millbrain.core.records import PERMISSIONS_USUAL, Value
from millbrain.core.registry import ALIAS_TYPE, TAG_TYPE
from millbrain.identify.aas.descriptors import GLOBAL_ASSET_ID, links_of

SHELL_TYPE, PART_TYPE, LINKS_TYPE = "AAS_SHELL", "AAS_SHELL_SUBMODEL", "AAS_SHELL_LINKS"
SUBMODEL_TYPE: Final = "AAS_SUBMODEL"
ALL_SHELLS, ALL_SUBMODELS = "aas=shell", "aas=submodel"  # tags
_MAIN: Final = 41_000_000
_LINKS, _SUBMODEL, _PARTS, _TAGS, _ALIASES, _END = (
    _MAIN + 1, _MAIN + 2, _MAIN + 1_000, _MAIN + 3_000, _MAIN + 6_000, _MAIN + 7_000,
)  # fmt: skip
_PARTS_MAX: Final = _TAGS - _PARTS
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shell:
    """What is known of a shell.

    descriptor: without submodels, None where only its links are known. parts: its submodel
    descriptors. links: added by discovery. hides_own: the links of the descriptor are not found by.
    """

    id: str
    descriptor: Told | None = None
    parts: tuple[Told, ...] = ()
    links: tuple[Told, ...] = ()
    hides_own: bool = False

    @property
    def told(self) -> Told:
        """The descriptor with its submodels."""
        parts = {"submodelDescriptors": list(self.parts)} if self.parts else {}
        return {**(self.descriptor or {"id": self.id}), **parts}

    @property
    def all_links(self) -> list[Told]:
        """The asset links by which it is found."""
        own = [] if self.hides_own or not self.descriptor else links_of(self.descriptor)
        return [*own, *(link for link in self.links if link not in own)]


@dataclass(frozen=True, slots=True)
class Held:
    """Values of a record as they stand, by index, to write only what changes."""

    values: Mapping[int, Value] = field(default_factory=dict)

    @property
    def ours(self) -> frozenset[int]:
        """Indexes of what this room keeps."""
        return frozenset(index for index in self.values if _MAIN <= index < _END)


def shell_of(descriptor: Told) -> Shell:
    """Return the shell of a descriptor as it was sent."""
    bare = {name: value for name, value in descriptor.items() if name != "submodelDescriptors"}
    return Shell(descriptor["id"], bare, tuple(descriptor.get("submodelDescriptors", ())))


def read_shell(values: Iterable[Value]) -> Shell | None:
    """Return the shell among the values of a record, None where there is none."""
    found: Shell | None = None
    parts: list[Told] = []
    links: Told = {}
    for value in sorted(values, key=lambda v: v.index):
        if value.type == SHELL_TYPE:
            descriptor = orjson.loads(value.data)
            found = Shell(descriptor["id"], descriptor)
        elif value.type == PART_TYPE:
            parts.append(orjson.loads(value.data))
        elif value.type == LINKS_TYPE:
            links = orjson.loads(value.data)
    if found is None and not links:
        return None
    shell = found or Shell(links["id"])
    return replace(shell, parts=tuple(parts), links=tuple(links.get("links", ())),
                   hides_own=links.get("hides_own", False))  # fmt: skip


def read_submodel(values: Iterable[Value]) -> Told | None:
    """Return the submodel descriptor among the values of a record, None where there is none."""
    data = next((v.data for v in values if v.type == SUBMODEL_TYPE), None)
    return None if data is None else orjson.loads(data)


def shell_values(shell: Shell, aliases: Sequence[str], held: Held) -> tuple[Value, ...]:
    """Return the values that hold a shell.

    Raises
    ------
    ValueError
        It has too many submodels.
    """
    made: list[Value] = []
    tags: list[str] = [_link_tag(link) for link in shell.all_links]
    if shell.descriptor is not None:
        made.append(_value(_MAIN, SHELL_TYPE, shell.descriptor))
        tags.append(ALL_SHELLS)
        tags += [filter_tag(name, shell.descriptor[name])
                 for name in ("assetKind", "assetType") if name in shell.descriptor]  # fmt: skip
    if shell.links or shell.hides_own:
        told = {"id": shell.id, "links": shell.links, "hides_own": shell.hides_own}
        made.append(_value(_LINKS, LINKS_TYPE, told))
    made += _parts(shell.parts, held)
    return _dressed(made, tags, aliases, held)


def submodel_values(told: Told, aliases: Sequence[str], held: Held) -> tuple[Value, ...]:
    """Return the values that hold a submodel descriptor of its own."""
    return _dressed([_value(_SUBMODEL, SUBMODEL_TYPE, told)], [ALL_SUBMODELS], aliases, held)


def _dressed(
    made: Sequence[Value], tags: Sequence[str], aliases: Sequence[str], held: Held
) -> tuple[Value, ...]:
    """Add tags, as open as what they lead to, and aliases; keep permissions that were given."""
    kept = [replace(v, permissions=_permissions(v, held)) for v in made]
    openness = kept[0].permissions if kept else PERMISSIONS_USUAL
    texts = list(dict.fromkeys(tags))
    if len(texts) > _ALIASES - _TAGS:
        raise ValueError(f"at most {_ALIASES - _TAGS} asset links")
    marks = [
        Value(_TAGS + n, TAG_TYPE, text.encode(), permissions=openness)
        for n, text in enumerate(texts)
    ]
    names = [Value(_ALIASES + n, ALIAS_TYPE, text.encode()) for n, text in enumerate(aliases)]
    return (*kept, *marks, *names)


def _permissions(value: Value, held: Held) -> int:
    before = held.values.get(value.index)
    return before.permissions if before and before.type == value.type else PERMISSIONS_USUAL


def _parts(parts: Sequence[Told], held: Held) -> list[Value]:
    """Return the values of submodels; one that stands already keeps its index and so its rights."""
    known = {orjson.loads(v.data)["id"]: index
             for index, v in held.values.items() if v.type == PART_TYPE}  # fmt: skip
    taken = {known[part["id"]] for part in parts if part["id"] in known}
    free = (index for index in range(_PARTS, _TAGS) if index not in taken)
    if len(parts) > _PARTS_MAX:
        raise ValueError(f"at most {_PARTS_MAX} submodel descriptors of one shell")
    return [_value(known.get(part["id"]) or next(free), PART_TYPE, part) for part in parts]


def _value(index: int, kind: str, told: Told) -> Value:
    try:
        return Value(index, kind, orjson.dumps(told))
    except TypeError as error:  # nested deeper than the writer goes
        raise ValueError(f"descriptor: {error}") from error


def _link_tag(link: Mapping[str, Any]) -> str:
    return link_tag(link["name"], link["value"])


def link_tag(name: str, value: str) -> str:
    """Return the tag of an asset link.

    >>> link_tag("globalAssetId", "https://example.org/7")
    'aas.asset.globalAssetId=https://example.org/7'
    """
    return f"aas.asset.{quote(name, safe='')}={value}"


def filter_tag(name: str, value: str) -> str:
    """Return the tag of a member by which shells are listed."""
    return f"aas.{name}={value}"


def natural(shell: Shell) -> list[str]:
    """Return the identifiers that a shell may have as aliases besides its own id's."""
    own = (shell.descriptor or {}).get(GLOBAL_ASSET_ID)
    return [shell.id, *([own] if own else [])]


def suffix(identifier: str) -> str:
    """Return the suffix of the record of an id that is no handle."""
    return f"AAS_{sha256(identifier.encode()).hexdigest()[:32].upper()}"


def same(one: Value, other: Value | None) -> bool:
    """Whether two values say the same, whenever it was written."""
    return other is not None and (one.type, one.data, one.permissions) == (
        other.type, other.data, other.permissions)  # fmt: skip
