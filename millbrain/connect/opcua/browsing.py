"""What a server holds: the nodes under a node, those with values with type, unit and value."""

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua

from millbrain.connect.opcua import addresses, layout, sentences
from millbrain.connect.opcua.session import Session
from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError, SettingsError
from millbrain.core.plant.tags import Found, TagKind

ROOT: Final = f"i={ua.ObjectIds.ObjectsFolder}"
PAGE: Final = 500  # nodes whose attributes are read in one request
VALUE_CHARACTERS_MAX: Final = 200
_READ: Final = (
    ua.AttributeIds.DataType, ua.AttributeIds.ValueRank, ua.AttributeIds.UserAccessLevel,
    ua.AttributeIds.Value,
)  # fmt: skip
_UNITS: Final = "EngineeringUnits"
_WRITE_BIT: Final = 1 << ua.AccessLevel.CurrentWrite


async def browse(session: Session, node: str) -> list[Found]:
    """Return what lies under a node, "" = the server's objects.

    Raises
    ------
    NotFoundError
        There is no such node.
    LimitError
        It has more than `limits.OPCUA_BROWSE_MAX` nodes under it.
    """
    try:
        start = addresses.parse(node or ROOT).resolved(session.namespaces)
        children = await _children(session, ua.NodeId.from_string(start))
    except (SettingsError, ua.UaError) as e:
        said = sentences.of_error(e, node)[0] if isinstance(e, ua.UaStatusCodeError) else str(e)
        raise NotFoundError(f"{node or 'the root'} cannot be browsed: {said}") from e
    variables = [c for c in children if c.NodeClass == ua.NodeClass.Variable]
    told: dict[ua.NodeId, tuple[Any, ...]] = {}
    for at in range(0, len(variables), PAGE):
        told |= await _attributes(session, [v.NodeId for v in variables[at : at + PAGE]])
    units = await _units(session, [v.NodeId for v in variables])
    return [_found(session, node, c, told.get(c.NodeId), units.get(c.NodeId, "")) for c in children]


async def _children(session: Session, node: ua.NodeId) -> list[ua.ReferenceDescription]:
    asked = ua.BrowseDescription()
    asked.NodeId = node
    asked.BrowseDirection = ua.BrowseDirection.Forward
    asked.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HierarchicalReferences)
    asked.IncludeSubtypes = True
    asked.NodeClassMask = ua.NodeClass.Object | ua.NodeClass.Variable | ua.NodeClass.Method
    asked.ResultMask = ua.BrowseResultMask.All
    params = ua.BrowseParameters()
    params.View = ua.ViewDescription()
    params.RequestedMaxReferencesPerNode = 0
    params.NodesToBrowse = [asked]
    (page,) = await session.services.browse(params)
    page.StatusCode.check()
    found = list(page.References)
    while page.ContinuationPoint:
        if len(found) > limits.OPCUA_BROWSE_MAX:
            raise LimitError(f"more than {limits.OPCUA_BROWSE_MAX} nodes lie under {node}")
        further = ua.BrowseNextParameters()
        further.ContinuationPoints = [page.ContinuationPoint]
        (page,) = await session.services.browse_next(further)
        found += page.References
    seen = {c.NodeId: c for c in found}  # two references may lead to one node
    return list(seen.values())


async def _attributes(
    session: Session, nodes: Sequence[ua.NodeId]
) -> dict[ua.NodeId, tuple[Any, ...]]:
    params = ua.ReadParameters()
    params.TimestampsToReturn = ua.TimestampsToReturn.Neither
    params.NodesToRead = [ua.ReadValueId(n, a) for n in nodes for a in _READ]
    answers = await session.services.read(params)
    values = [a.Value if a.Value is not None else ua.Variant() for a in answers]
    size = len(_READ)
    return {n: tuple(values[i * size : (i + 1) * size]) for i, n in enumerate(nodes)}


async def _units(session: Session, nodes: Sequence[ua.NodeId]) -> dict[ua.NodeId, str]:
    """Return the engineering unit of nodes that have one (OPC 10000-8 5.6.3)."""
    found: dict[ua.NodeId, str] = {}
    for at in range(0, len(nodes), PAGE):
        some = nodes[at : at + PAGE]
        paths = await session.services.translate_browsepaths_to_nodeids(
            [_unit_path(n) for n in some]
        )
        owners = {p.Targets[0].TargetId: n for n, p in zip(some, paths, strict=True) if p.Targets}
        if owners:
            values = await session.services.read_attributes(list(owners), ua.AttributeIds.Value)
            for owner, value in zip(owners.values(), values, strict=True):
                name = getattr(getattr(value.Value, "Value", None), "DisplayName", None)
                found[owner] = str(name.Text or "") if name is not None else ""
    return found


def _unit_path(node: ua.NodeId) -> ua.BrowsePath:
    step = ua.RelativePathElement()
    step.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasProperty)
    step.IsInverse = False
    step.IncludeSubtypes = True
    step.TargetName = ua.QualifiedName(_UNITS, 0)
    path = ua.BrowsePath()
    path.StartingNode = node
    path.RelativePath = ua.RelativePath([step])
    return path


def _found(
    session: Session, parent: str, child: ua.ReferenceDescription, told: tuple[Any, ...] | None,
    unit: str,
) -> Found:  # fmt: skip
    address = addresses.written(child.NodeId.to_string(), session.namespaces)
    name = str(child.DisplayName.Text or child.BrowseName.Name)
    if told is None:
        return Found(address, name, parent, leaf=False)
    data_type, rank, access, value = told
    return Found(
        address, name, parent,
        kind=_kind(value, data_type.Value),
        unit=unit,
        writable=bool((access.Value or 0) & _WRITE_BIT) and (rank.Value or -1) < 0,
        value=_shown(value),
    )  # fmt: skip


def _kind(value: ua.Variant, data_type: ua.NodeId | None) -> TagKind:
    number = value.VariantType.value if value.Value is not None else 0
    if not number and data_type is not None and not data_type.NamespaceIndex:
        number = data_type.Identifier
    if value.is_array:
        return TagKind.TEXT
    if number == layout.BOOLEAN:
        return TagKind.TRUTH
    return TagKind.NUMBER if number in layout.NUMBERS or number in _ABSTRACT else TagKind.TEXT


_ABSTRACT: Final = frozenset((26, 27, 28, 29))  # Number, Integer, UInteger, Enumeration


def _shown(value: ua.Variant) -> str:
    if value.Value is None:
        return ""
    if value.VariantType.value == layout.EXTENSION_OBJECT:
        return "structure"
    shown = getattr(value.Value, "Text", value.Value)
    return str(shown)[:VALUE_CHARACTERS_MAX]
