"""Plants as data: places, equipment, products, routings, reasons, and when a place works."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.plant.model import LEVEL_TITLES, Node, Operation, Product, Routing
from millbrain.core.plant.plant import Plant
from millbrain.show.access import Caller, ViewerCaller
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/plants", tags=["plants"])


class PlantAnswer(BaseModel):
    """One plant. simulated: its machines and people are invented."""

    key: str = Field(examples=["machining-works"])
    title: str
    title_zh: str
    about: str
    about_zh: str
    simulated: bool
    time_zone: str
    root: str
    machines: int


class PlaceAnswer(BaseModel):
    """A place of the tree. stage: of a machine of a line, 0 = none."""

    id: str = Field(examples=["MW-L01-M03"])
    parent: str
    level: str
    level_title: str
    level_title_zh: str
    title: str
    title_zh: str
    equipment_class: str
    stage: int
    digital: bool


class SignalAnswer(BaseModel):
    """A value that equipment of a class brings besides the standard ones."""

    name: str
    title: str
    title_zh: str
    kind: str
    unit: str
    writable: bool


class PlaceDetail(PlaceAnswer):
    """A place with all that is known of it."""

    plant: str
    path: list[PlaceAnswer]
    children: list[PlaceAnswer]
    class_title: str
    class_title_zh: str
    cycle_s: float | None = Field(description="Nameplate time of a piece [s].")
    calendar: str
    calendar_title: str
    calendar_title_zh: str
    signals: list[SignalAnswer]
    products: list[str] = Field(description="Products of which an operation may run here.")


class OperationAnswer(BaseModel):
    """A step of a routing. machines: every unit that it may run on. run_s: standard time."""

    step: int
    title: str
    title_zh: str
    equipment_class: str
    machines: list[str]
    setup_s: float
    run_s: float
    batch_max: int
    skill: str
    tool: str
    fixture: str
    inspection: bool
    subcontract: bool
    lag_min_s: float
    lag_max_s: float | None
    rate: float


class RoutingAnswer(BaseModel):
    """How a product is made. rank: 1 is used first."""

    key: str
    product: str
    rank: int
    operations: list[OperationAnswer]


class BomAnswer(BaseModel):
    """What one piece takes in."""

    product: str
    quantity: float
    unit: str
    step: int
    substitutes: list[str]


class ProductAnswer(BaseModel):
    """Something made or bought."""

    key: str
    title: str
    title_zh: str
    revision: str
    unit: str
    bought: bool
    serialised: bool
    bom: list[BomAnswer]
    routings: list[RoutingAnswer]


class ReasonAnswer(BaseModel):
    """Why time or pieces are lost."""

    code: str
    parent: str
    category: str
    title: str
    title_zh: str


class ShiftAnswer(BaseModel):
    """A shift of a plant day; breaks lie within."""

    key: str
    title: str
    title_zh: str
    day: date
    begin: datetime
    end: datetime


class WorkingAnswer(BaseModel):
    """When a place works between two instants. busy: spans without breaks and maintenance."""

    node: str
    calendar: str
    from_: datetime = Field(alias="from")
    to: datetime
    planned_busy_s: float
    busy: list[tuple[datetime, datetime]]
    maintenance: list[tuple[datetime, datetime]]
    shifts: list[ShiftAnswer]


@router.get("", summary="Plants that are known", response_model=list[PlantAnswer])
def plants(caller: ViewerCaller, use: Use) -> object:
    """Return the plants of which the caller may see anything."""
    return [_plant(p) for p in use.settings.plants() if _seen(p, caller, use)]


@router.get("/places/{id}", summary="One place of any plant", response_model=PlaceDetail)
def place(caller: ViewerCaller, use: Use, id: str) -> object:
    """Return a place with its path, class, signals, calendar and products."""
    plant, node = _find(id, caller, use)
    kind = plant.equipment_class(node.id)
    calendar = plant.calendar_of(node.id)
    mine = _seen(plant, caller, use)
    return _place(node) | {
        "plant": plant.key,
        "path": [_place(n) for n in plant.path(node.id)],
        "children": [_place(n) for n in plant.children(node.id) if n.id in mine],
        "class_title": kind.title if kind else "",
        "class_title_zh": kind.title_zh if kind else "",
        "cycle_s": plant.cycle_s(node.id) if kind else None,
        "calendar": calendar.key,
        "calendar_title": calendar.title,
        "calendar_title_zh": calendar.title_zh,
        "signals": [_signal(s) for s in kind.signals] if kind else [],
        "products": sorted({r.product for r, _ in plant.operations_at(node.id)}),
    }


@router.get(
    "/places/{id}/working", summary="When a place works: shifts, planned busy time, maintenance",
    response_model=WorkingAnswer,
)  # fmt: skip
def working(
    caller: ViewerCaller, use: Use, id: str,
    from_: Annotated[datetime | None, Query(alias="from", description="ISO 8601; default: the "
                                            "beginning of the plant day.")] = None,
    to: Annotated[datetime | None, Query(description="Default: the end of that day.")] = None,
) -> object:  # fmt: skip
    """Return shifts and planned busy time of a place between two instants."""
    plant, node = _find(id, caller, use)
    calendar = plant.calendar_of(node.id)
    now_ms = _ms(from_ or instant_now())
    begin_ms, end_ms = calendar.bounds(calendar.plant_day(now_ms))
    begin_ms, end_ms = (_ms(from_) if from_ else begin_ms), (_ms(to) if to else end_ms)
    if not 0 < end_ms - begin_ms <= limits.PLANT_SPAN_MS_MAX:
        days = limits.PLANT_SPAN_MS_MAX // 86_400_000
        raise LimitError(f"from comes before to, at most {days} days apart")
    busy = plant.busy(node.id, begin_ms, end_ms)
    return {
        "node": node.id,
        "calendar": calendar.key,
        "from": _at(begin_ms),
        "to": _at(end_ms),
        "planned_busy_s": float((busy[:, 1] - busy[:, 0]).sum()) / 1000,
        "busy": [(_at(a), _at(b)) for a, b in busy.tolist()],
        "maintenance": [
            (_at(a), _at(b)) for a, b in plant.maintained(node.id, begin_ms, end_ms).tolist()
        ],
        "shifts": [
            {"key": s.shift.key, "title": s.shift.title, "title_zh": s.shift.title_zh,
             "day": s.day, "begin": _at(s.start_ms), "end": _at(s.end_ms)}
            for s in calendar.shifts_between(begin_ms, end_ms)
        ],
    }  # fmt: skip


@router.get("/{key}/tree", summary="Places of a plant", response_model=list[PlaceAnswer])
def tree(caller: ViewerCaller, use: Use, key: str) -> object:
    """Return the places that the caller may see, those above always before those below."""
    plant, mine = _known(key, caller, use)
    return [_place(n) for n in plant.below(plant.root.id) if n.id in mine]


@router.get(
    "/{key}/products", summary="What is made, of what and how", response_model=list[ProductAnswer]
)
def products(
    caller: ViewerCaller, use: Use, key: str,
    q: Annotated[str, Query(max_length=64, description="Part of a key or title.")] = "",
) -> object:  # fmt: skip
    """Return products with bill of materials and routings."""
    plant, _ = _known(key, caller, use)
    wanted = q.lower()
    return [
        _product(plant, p) for p in plant.products.values()
        if wanted in f"{p.key} {p.title} {p.title_zh}".lower()
    ]  # fmt: skip


@router.get("/{key}/reasons", summary="Reasons of loss", response_model=list[ReasonAnswer])
def reasons(caller: ViewerCaller, use: Use, key: str) -> object:
    """Return the tree of reasons as a list, a reason after the one above it."""
    plant, _ = _known(key, caller, use)
    return [
        {"code": r.code, "parent": r.parent, "category": r.category, "title": r.title,
         "title_zh": r.title_zh}
        for r in plant.reasons.values()
    ]  # fmt: skip


def _known(key: str, caller: Caller, use: Services) -> tuple[Plant, set[str]]:
    """Return a plant and the ids of its places that the caller may see."""
    for plant in use.settings.plants():
        if plant.key == key:
            mine = _seen(plant, caller, use)
            if mine:
                return plant, mine
    raise NotFoundError(f"no plant {key!r} is known here")


def _find(id: str, caller: Caller, use: Services) -> tuple[Plant, Node]:
    for plant in use.settings.plants():
        if id in plant.nodes and id in _seen(plant, caller, use):
            return plant, plant.nodes[id]
    raise NotFoundError(f"no place {id!r} is known here")


def _seen(plant: Plant, caller: Caller, use: Services) -> set[str]:
    """Return the places of the caller's organisation and those above them; all without one."""
    if not caller.operator:
        return set(plant.nodes)
    owners = use.ledger.things.operators_of(list(plant.nodes))
    own = [n for n, operator in owners.items() if operator == caller.operator]
    return {above.id for n in own for above in plant.path(n)}


def _plant(plant: Plant) -> dict[str, Any]:
    return {
        "key": plant.key, "title": plant.title, "title_zh": plant.title_zh, "about": plant.about,
        "about_zh": plant.about_zh, "simulated": plant.simulated, "time_zone": str(plant.zone),
        "root": plant.root.id, "machines": len(plant.units()),
    }  # fmt: skip


def _place(node: Node) -> dict[str, Any]:
    title, title_zh = LEVEL_TITLES[node.level]
    return {
        "id": node.id, "parent": node.parent, "level": node.level.value, "level_title": title,
        "level_title_zh": title_zh, "title": node.title, "title_zh": node.title_zh,
        "equipment_class": node.equipment_class, "stage": node.stage, "digital": node.digital,
    }  # fmt: skip


def _signal(signal: Any) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in SignalAnswer.model_fields}


def _product(plant: Plant, product: Product) -> dict[str, Any]:
    routings = [r for r in plant.routings.values() if r.product == product.key]
    return {
        "key": product.key, "title": product.title, "title_zh": product.title_zh,
        "revision": product.revision, "unit": product.unit, "bought": product.bought,
        "serialised": product.serialised,
        "bom": [
            {"product": b.product, "quantity": b.quantity, "unit": b.unit, "step": b.step,
             "substitutes": list(b.substitutes)}
            for b in product.bom
        ],
        "routings": [_routing(plant, r) for r in sorted(routings, key=lambda r: r.rank)],
    }  # fmt: skip


def _routing(plant: Plant, routing: Routing) -> dict[str, Any]:
    operations = [_operation(plant, o) for o in routing.operations]
    return {"key": routing.key, "product": routing.product, "rank": routing.rank,
            "operations": operations}  # fmt: skip


def _operation(plant: Plant, one: Operation) -> dict[str, Any]:
    plain: Iterable[str] = OperationAnswer.model_fields.keys() - {"machines", "skill"}
    told = {name: getattr(one, name) for name in plain}
    machines = [u.id for u in plant.machines_for(one)]
    return told | {"machines": machines, "skill": plant.skill_of(one)}


def _ms(at: datetime) -> int:
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
