"""Reads an OperationsSchedule or a WorkSchedule as production orders. Pure.

A document may stand alone or in a transaction (Process, Sync, Change, Show, ...); a Cancel is told
as such. One OperationsRequest (WorkRequest) is one order; its segments (job orders) are the
operations. What is made is the material whose use is *Produced*.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from lxml import etree

from millbrain.core import limits
from millbrain.core.errors import FrameError
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.show.exchange.documents import (
    NAMESPACE,
    children,
    foreign,
    is_ours,
    local,
    text,
)

SCHEDULES: Final = ("OperationsSchedule", "WorkSchedule")
VERBS: Final = ("Process", "Sync", "Change", "Show", "Cancel")
_REQUESTS: Final = ("OperationsRequest", "WorkRequest", "WorkRequestChild")
_SEGMENTS: Final = ("SegmentRequirement", "SegmentRequirementChild", "JobOrder")
_MADE: Final = ("Produced", "Material Produced", "Yield Produced")
_RELEASED: Final = ("Released", "Ready", "Running")
_DURATION: Final = re.compile(
    r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_SCALES_S: Final = (86_400, 3_600, 60, 1)
_PRIORITIES: Final = (1, 9)


@dataclass(frozen=True, slots=True)
class Requested:
    """One order of a document. plan: of its segments, empty = none named what is done.

    is_released: the sender lets it go to the floor.
    """

    order: ProductionOrder
    plan: tuple[PlannedOperation, ...]
    is_released: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a document asks for.

    verb: of its transaction, "" = it stands alone. wrong: sentences about requests that could not
    be read. extensions: paths of elements that are no B2MML, which were not understood.
    """

    id: str
    verb: str
    requests: tuple[Requested, ...]
    wrong: tuple[str, ...]
    extensions: tuple[str, ...]


def read_schedule(root: etree._Element) -> Schedule:
    """Return what a document asks for.

    Raises
    ------
    FrameError
        It is no OperationsSchedule or WorkSchedule, alone or in a transaction.
    """
    verb, bodies = _unwrapped(root)
    requests: list[Requested] = []
    wrong: list[str] = []
    for body in bodies:
        for request in _requests(body):
            try:
                requests.append(_requested(request, body))
            except ValueError as e:
                wrong.append(f"{local(request)} {text(request, 'ID') or '?'}: {e}")
    name = text(bodies[0], "ID") if bodies else ""
    return Schedule(name, verb, tuple(requests), tuple(wrong), tuple(foreign(root)))


def _unwrapped(root: etree._Element) -> tuple[str, list[etree._Element]]:
    name = local(root)
    if is_ours(root) and name in SCHEDULES:
        return "", [root]
    for verb in VERBS:
        if is_ours(root) and name.startswith(verb) and name.removeprefix(verb) in SCHEDULES:
            area = children(root, "DataArea")
            return verb, [b for a in area for b in children(a, *SCHEDULES)]
    raise FrameError(
        "structure",
        f"B2MML: the root is {{{etree.QName(root).namespace}}}{name}; {' or '.join(SCHEDULES)} of "
        f"{NAMESPACE}, alone or in a {', '.join(VERBS)} transaction, is read here",
    )


def _requests(body: etree._Element) -> Iterator[etree._Element]:
    for child in children(body, *_REQUESTS, "WorkScheduleChild"):
        if local(child) == "WorkScheduleChild":
            yield from _requests(child)
        else:
            yield child
            yield from _requests(child)


def _requested(request: etree._Element, body: etree._Element) -> Requested:
    number = text(request, "ID")
    if not re.fullmatch(r"[!-~]{1,64}", number):
        raise ValueError(f"its ID is {number[:80]!r}; 1 to 64 characters without spaces are needed")
    segments = list(_segments(request))
    product, quantity, lot = _made(segments)
    order = ProductionOrder(
        number, product, quantity, revision=text(request, "Version")[:32],
        title=text(request, "Description")[:128], title_zh=_chinese(request)[:128],
        customer=lot[:128], due_at=_instant(request, "EndTime"),
        priority=_priority(text(request, "Priority")),
        line=(text(request, "HierarchyScope", "EquipmentID")
              or text(body, "HierarchyScope", "EquipmentID"))[:64],
        source="b2mml",
    )  # fmt: skip
    plan = tuple(_operation(s, n) for n, s in enumerate(segments, 1)) if segments else ()
    return Requested(order, plan, text(request, "RequestState") in _RELEASED)


def _segments(request: etree._Element) -> Iterator[etree._Element]:
    for segment in children(request, *_SEGMENTS):
        yield segment
        yield from _segments(segment)


def _made(segments: Sequence[etree._Element]) -> tuple[str, int, str]:
    """Return what is made by the last segment that says so: product, pieces, its lot."""
    for segment in reversed(segments):
        for material in children(segment, "MaterialRequirement"):
            product = text(material, "MaterialDefinitionID")
            if text(material, "MaterialUse") in _MADE and product:
                told = text(material, "Quantity", "QuantityString")
                return product[:64], _pieces(told), text(material, "MaterialLotID")
    raise ValueError("no MaterialRequirement of it is Produced and has a MaterialDefinitionID")


def _pieces(told: str) -> int:
    try:
        count = Decimal(told)
    except InvalidOperation:
        raise ValueError(f"its quantity is {told[:40]!r}; a number is needed") from None
    if not count.is_finite() or count != count.to_integral_value():
        raise ValueError(f"its quantity is {told[:40]}; whole pieces are made here")
    if not 1 <= count <= limits.ORDER_PIECES_MAX:
        raise ValueError(f"{told[:40]} pieces; 1 to {limits.ORDER_PIECES_MAX} are allowed")
    return int(count)


def _chinese(request: etree._Element) -> str:
    told = [d for d in children(request, "Description") if d.get("languageID", "").startswith("zh")]
    return (told[0].text or "").strip() if told else ""


def _instant(element: etree._Element, name: str) -> datetime | None:
    told = text(element, name)
    if not told:
        return None
    at = datetime.fromisoformat(told)
    if at.tzinfo is None:
        raise ValueError(f"{name} is {told!r}; an instant has a time zone, as Z or +08:00")
    return at


def _priority(told: str) -> int:
    low, high = _PRIORITIES
    try:
        return min(max(int(Decimal(told)), low), high)
    except (InvalidOperation, ValueError):
        return 5


def _operation(segment: etree._Element, ordinal: int) -> PlannedOperation:
    stations = [
        (e.text or "").strip()
        for need in children(segment, "EquipmentRequirement")
        for e in children(need, "EquipmentID")
    ]
    skills = [
        (e.text or "").strip()
        for need in children(segment, "PersonnelRequirement")
        for e in children(need, "PersonnelClassID")
    ]
    operation = text(segment, "ProcessSegmentID") or text(segment, "WorkMasterID")
    step = text(segment, "ID") or f"{10 * ordinal:03d}"
    if len(step) > 32:
        raise ValueError(f"segment {step[:40]!r}: an ID of at most 32 characters is kept")
    return PlannedOperation(
        step, ordinal, (operation or step)[:64], title=text(segment, "Description")[:128],
        stations=tuple(s[:64] for s in stations if s), qualification=(skills or [""])[0][:64],
        run_s=_seconds(text(segment, "Duration")),
    )  # fmt: skip


def _seconds(told: str) -> float:
    """Return a duration of days, hours, minutes and seconds [s], 0 where none is told."""
    if not told:
        return 0.0
    match = _DURATION.fullmatch(told)
    if not match or not any(match.groups()):
        raise ValueError(f"duration {told[:40]!r}; days, hours, minutes, seconds are read: P1DT2H")
    return sum(float(n or 0) * s for n, s in zip(match.groups(), _SCALES_S, strict=True))
