"""What a descriptor may look like: shapes as data, and one function that checks them. Pure.

Members that the specification does not name are kept as they come: registries that refuse them are
what clients of different makers trip over.

References
----------
IDTA-01002-3-1, schemas Descriptor, AssetAdministrationShellDescriptor, SubmodelDescriptor,
Endpoint, ProtocolInformation; IDTA-01001-3-1, SpecificAssetId, Reference,
AdministrativeInformation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millbrain.core.limits import AAS_ITEMS_MAX

ID_CHARACTERS_MAX: Final = 2_000
GLOBAL_ASSET_ID: Final = "globalAssetId"  # name of the link that the global asset id is (AASd-116)
ASSET_KINDS: Final = ("Instance", "NotApplicable", "Role", "Type")
# The characters of XML 1.0, which the specification allows in every text.
_TEXT: Final = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_DEPTH_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Text:
    """A text of so many characters, or one of `choices`."""

    most: int = ID_CHARACTERS_MAX
    least: int = 1
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Many:
    """A list of one shape."""

    of: "Shape"
    least: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """An object: the shape of each member that is known, and which ones it must have."""

    members: Mapping[str, "Shape"]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """The shape of a reference inside a reference."""


Shape = Text | Many | Table | Again
_NAME: Final = Text(128)
_REFERENCE: Final = Table(
    {
        "type": Text(choices=("ExternalReference", "ModelReference", "GlobalReference")),
        "keys": Many(Table({"type": Text(64), "value": Text()}, ("type", "value")), 1),
        "referredSemanticId": Again(),
    },
    ("type", "keys"),
)
_REFERENCES: Final = Many(_REFERENCE)


def _languages(most: int) -> Many:
    return Many(Table({"language": Text(64), "text": Text(most)}, ("language", "text")))


_EXTENSION: Final = Table(
    {"name": _NAME, "valueType": Text(64), "value": Text(65_536, 0), "semanticId": _REFERENCE,
     "refersTo": _REFERENCES},
    ("name",),
)  # fmt: skip
_ADMINISTRATION: Final = Table(
    {"version": Text(4), "revision": Text(4), "templateId": Text(), "creator": _REFERENCE}
)
_SECURITY: Final = Table(
    {"type": Text(choices=("NONE", "RFC_TLSA", "W3C_DID")), "key": Text(least=0),
     "value": Text(least=0)},
    ("type", "key", "value"),
)  # fmt: skip
_PROTOCOL: Final = Table(
    {"href": Text(2_048), "endpointProtocol": _NAME, "endpointProtocolVersion": Many(_NAME),
     "subprotocol": _NAME, "subprotocolBody": Text(2_048), "subprotocolBodyEncoding": _NAME,
     "securityAttributes": Many(_SECURITY, 1)},
    ("href",),
)  # fmt: skip
_ENDPOINT: Final = Table(
    {"interface": _NAME, "protocolInformation": _PROTOCOL}, ("interface", "protocolInformation")
)
LINK: Final = Table(
    {"name": Text(64), "value": Text(), "externalSubjectId": _REFERENCE, "semanticId": _REFERENCE,
     "supplementalSemanticIds": _REFERENCES},
    ("name", "value"),
)  # fmt: skip
LINKS: Final = Many(LINK)
_DESCRIPTOR: Final[Mapping[str, Shape]] = {
    "id": Text(), "idShort": _NAME, "administration": _ADMINISTRATION,
    "description": _languages(1_023), "displayName": _languages(128),
    "extensions": Many(_EXTENSION, 1),
}  # fmt: skip
SUBMODEL: Final = Table(
    {**_DESCRIPTOR, "endpoints": Many(_ENDPOINT, 1), "semanticId": _REFERENCE,
     "supplementalSemanticId": _REFERENCES, "supplementalSemanticIds": _REFERENCES},
    ("id", "endpoints"),
)  # fmt: skip
SHELL: Final = Table(
    {**_DESCRIPTOR, "assetKind": Text(choices=ASSET_KINDS), "assetType": Text(),
     GLOBAL_ASSET_ID: Text(), "specificAssetIds": LINKS, "endpoints": Many(_ENDPOINT, 1),
     "submodelDescriptors": Many(SUBMODEL)},
    ("id",),
)  # fmt: skip
_AGAIN: Final = Again()


@dataclass(slots=True)
class _Counted:
    """How many lists' items were seen: a small text can unfold into many objects."""

    items: int = field(default=0)


def checked(told: object, shape: Shape, where: str) -> Any:
    """Return what was told, if it has the shape.

    Raises
    ------
    ValueError
        Says where, what was found and what was expected.
    """
    _check(told, shape, where, _Counted(), 0)
    return told


def _check(told: object, shape: Shape, where: str, counted: _Counted, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise ValueError(f"{where}: nested deeper than {_DEPTH_MAX}")
    if isinstance(shape, Text):
        _check_text(told, shape, where)
    elif isinstance(shape, Many):
        _check_many(told, shape, where, counted, depth)
    else:
        table = _REFERENCE if isinstance(shape, Again) else shape
        _check_table(told, table, where, counted, depth)


def _check_text(told: object, shape: Text, where: str) -> None:
    if not isinstance(told, str):
        raise ValueError(f"{where}: a text was expected")
    if shape.choices and told not in shape.choices:
        raise ValueError(f"{where}: {told[:80]!r}; one of {', '.join(shape.choices)}")
    if not shape.least <= len(told) <= shape.most or not _TEXT.fullmatch(told):
        raise ValueError(f"{where}: {shape.least} to {shape.most} characters of XML were expected")


def _check_many(told: object, shape: Many, where: str, counted: _Counted, depth: int) -> None:
    if not isinstance(told, list) or len(told) < shape.least:
        raise ValueError(f"{where}: a list of at least {shape.least} was expected")
    counted.items += len(told)
    if counted.items > AAS_ITEMS_MAX:
        raise ValueError(f"{where}: more than {AAS_ITEMS_MAX} items in one descriptor")
    for place, item in enumerate(told):
        _check(item, shape.of, f"{where}[{place}]", counted, depth + 1)


def _check_table(told: object, shape: Table, where: str, counted: _Counted, depth: int) -> None:
    if not isinstance(told, dict):
        raise ValueError(f"{where}: an object was expected")
    missing = [name for name in shape.required if name not in told]
    if missing:
        raise ValueError(f"{where}: {missing[0]} is missing")
    for name, value in told.items():
        known = shape.members.get(name)
        if known is not None:
            _check(value, known, f"{where}.{name}", counted, depth + 1)


def checked_shell(told: object) -> dict[str, Any]:
    """Return a shell descriptor.

    Raises
    ------
    ValueError
        It is none.
    """
    shell: dict[str, Any] = checked(told, SHELL, "shell descriptor")
    names = [one["id"] for one in shell.get("submodelDescriptors", ())]
    if len(names) != len(set(names)):
        raise ValueError("shell descriptor: two submodel descriptors have one id")
    if any(link["name"] == GLOBAL_ASSET_ID for link in shell.get("specificAssetIds", ())):
        raise ValueError(f"specificAssetIds: {GLOBAL_ASSET_ID} has a member of its own")
    return shell


def checked_submodel(told: object) -> dict[str, Any]:
    """Return a submodel descriptor; ValueError where it is none."""
    submodel: dict[str, Any] = checked(told, SUBMODEL, "submodel descriptor")
    return submodel


def checked_links(told: object) -> list[dict[str, Any]]:
    """Return asset links; ValueError where they are none."""
    links: list[dict[str, Any]] = checked(told, LINKS, "asset links")
    return links


def links_of(shell: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """Return the asset links of a shell descriptor, the global asset id first."""
    own = shell.get(GLOBAL_ASSET_ID)
    first = [{"name": GLOBAL_ASSET_ID, "value": own}] if own else []
    return [*first, *shell.get("specificAssetIds", ())]
