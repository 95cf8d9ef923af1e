"""The words of a plant: places, equipment, products, routings, people, tools, reasons.

Plain values without behaviour. A pack (packs/*.toml) is read into them by `core.plant.entries`,
`core.plant.plant` holds them together and checks that they agree. Names are short codes that stay;
titles are for people, English and Chinese. Times of operations are standard times; calendars,
skills, tools, fixtures, set-up families, transport batches and lags are what a scheduler needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from millbrain.core.plant.tags import TagKind


class Level(StrEnum):
    """Levels of the equipment hierarchy (IEC 62264-1): a line and a cell hold units."""

    ENTERPRISE = "enterprise"
    SITE = "site"
    AREA = "area"
    LINE = "line"
    CELL = "cell"
    UNIT = "unit"


LEVEL_TITLES: Final = {
    Level.ENTERPRISE: ("enterprise", "企业"),
    Level.SITE: ("site", "工厂"),
    Level.AREA: ("area", "车间"),
    Level.LINE: ("line", "生产线"),
    Level.CELL: ("machining zone", "加工区"),
    Level.UNIT: ("machine", "设备"),
}
# level -> levels that may hold it
HOLDERS: Final = {
    Level.ENTERPRISE: (),
    Level.SITE: (Level.ENTERPRISE,),
    Level.AREA: (Level.SITE,),
    Level.LINE: (Level.SITE, Level.AREA),
    Level.CELL: (Level.SITE, Level.AREA),
    Level.UNIT: (Level.AREA, Level.LINE, Level.CELL),
}


class ReasonCategory(StrEnum):
    """What kind of loss a reason stands for."""

    PLANNED = "planned"
    UNPLANNED = "unplanned"
    SETUP = "setup"
    QUALITY = "quality"
    MICRO = "micro"


CATEGORY_TITLES: Final = {
    ReasonCategory.PLANNED: ("planned stop", "计划停机"),
    ReasonCategory.UNPLANNED: ("unplanned stop", "非计划停机"),
    ReasonCategory.SETUP: ("set-up", "换型调整"),
    ReasonCategory.QUALITY: ("quality", "质量"),
    ReasonCategory.MICRO: ("micro-stop", "短停"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A place of the tree; `parent` is empty at the root only.

    stage: of a unit of a line, the step of the line it stands in; units of one stage are parallel.
    buffer_count: pieces that fit between its stage and the next. speed_ratio: how fast it is
    against its class, 1 = as the class. calendar: its own, empty = that of its parent. digital:
    whether its data can be collected at all (a bench vice has none).
    """

    id: str
    level: Level
    parent: str = ""
    title: str = ""
    title_zh: str = ""
    equipment_class: str = ""
    calendar: str = ""
    stage: int = 0
    buffer_count: int = 0
    speed_ratio: float = 1.0
    digital: bool = True


@dataclass(frozen=True, slots=True)
class Signal:
    """A value that equipment of a class brings; a name's last word is its unit.

    low, high: range in which it normally lies. writable: a set-point that may be written.
    """

    name: str
    title: str
    title_zh: str
    kind: TagKind = TagKind.NUMBER
    unit: str = ""
    writable: bool = False
    period_ms: int = 1000
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How simulated equipment of a class behaves; no figure here was measured on a machine.

    mtbf_s, mttr_s: mean time between failures while it works, and mean repair. micro_per_h: short
    stops an hour of work, each of `micro_s` on average. scrap_ratio, rework_ratio: of the pieces.
    tool_life: pieces after which a tool is changed, 0 = it has none; tool_change_s: how long that
    takes. spread_ratio: standard deviation of a cycle against its mean. producing_kw, idle_kw,
    setup_kw, off_kw: power by state.
    """

    mtbf_s: float = 200_000.0
    mttr_s: float = 2_400.0
    micro_per_h: float = 1.0
    micro_s: float = 40.0
    scrap_ratio: float = 0.005
    rework_ratio: float = 0.003
    tool_life: int = 0
    tool_change_s: float = 180.0
    spread_ratio: float = 0.03
    producing_kw: float = 8.0
    idle_kw: float = 2.5
    setup_kw: float = 3.5
    off_kw: float = 0.1


@dataclass(frozen=True, slots=True)
class EquipmentClass:
    """A kind of equipment. cycle_s: nameplate time of one piece, the least it can take [s].

    signals: what it brings besides the standard signals (`core.plant.states`), which every unit
    has. setup_s: ordinary change of product. skill: what it takes to run it. reasons: codes of
    unplanned stops that it can have.
    """

    key: str
    title: str
    title_zh: str
    cycle_s: float
    setup_s: float = 0.0
    skill: str = ""
    signals: tuple[Signal, ...] = ()
    reasons: tuple[str, ...] = ()
    behaviour: Behaviour = Behaviour()


@dataclass(frozen=True, slots=True)
class BomLine:
    """What one piece takes in. step: of the operation that uses it, 0 = the first one.

    traced: its lot or serial is recorded. substitutes: products that may take its place.
    """

    product: str
    quantity: float
    step: int = 0
    unit: str = "pc"
    traced: bool = True
    substitutes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """Something made or bought. setup_family: between products of one family little is changed.

    serialised: each piece has a serial, else lots. bought: comes from outside, has no routing.
    lead_s: how long a supplier takes.
    """

    key: str
    title: str
    title_zh: str
    revision: str = "A"
    unit: str = "pc"
    setup_family: str = ""
    serialised: bool = False
    bought: bool = False
    lead_s: float = 0.0
    bom: tuple[BomLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Characteristic:
    """A dimension that is measured; the name is the signal's, its unit last.

    lower, upper: limits of tolerance. sample: pieces of one subgroup. every: pieces between two
    subgroups. sigma: spread of the simulated process.
    """

    name: str
    title: str
    title_zh: str
    nominal: float
    lower: float
    upper: float
    unit: str = "mm"
    sample: int = 1
    every: int = 10
    sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Operation:
    """A step of a routing.

    Where it is done: `machines` (alternatives by id; a line or cell stands for its units of the
    class), or any unit of `equipment_class`. setup_s: per lot; run_s: standard time per piece, or
    per batch where batch_max is above 1 [s]. skill: empty = that of the class. crew: people at it.
    after: steps that come before, empty = the one before it. lag_min_s, lag_max_s: least and
    greatest wait since those have ended (cooling, quench, curing), None = any. transport_batch:
    pieces that are handed on together, 0 = the whole lot. batch_max: pieces that are worked
    together (oven, washer), 1 = one by one. overlap: may begin before the whole lot of the step
    before is done. subcontract: done outside in lead_s. rate: piecework per good piece. settings:
    set-points of it.
    """

    step: int
    title: str
    title_zh: str
    equipment_class: str = ""
    machines: tuple[str, ...] = ()
    setup_s: float = 0.0
    run_s: float = 0.0
    skill: str = ""
    skill_level: int = 1
    crew: float = 1.0
    tool: str = ""
    fixture: str = ""
    setup_family: str = ""
    after: tuple[int, ...] = ()
    lag_min_s: float = 0.0
    lag_max_s: float | None = None
    transport_batch: int = 0
    batch_max: int = 1
    overlap: bool = False
    inspection: bool = False
    subcontract: bool = False
    lead_s: float = 0.0
    rate: float = 0.0
    program: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    characteristics: tuple[Characteristic, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """How a product is made. rank: 1 is used first, further ones are alternatives."""

    key: str
    product: str
    operations: tuple[Operation, ...]
    rank: int = 1

    def operation(self, step: int) -> Operation | None:
        """Return the operation of a step, None where there is no such step."""
        return next((o for o in self.operations if o.step == step), None)

    def before(self, operation: Operation) -> tuple[int, ...]:
        """Return the steps that must be done before an operation."""
        if operation.after:
            return operation.after
        earlier = [o.step for o in self.operations if o.step < operation.step]
        return (max(earlier),) if earlier else ()


@dataclass(frozen=True, slots=True)
class SetupTime:
    """Change of a class of equipment from one set-up family to another [s]; `*` is any."""

    equipment_class: str
    before: str
    after: str
    setup_s: float


@dataclass(frozen=True, slots=True)
class Skill:
    """Something people are qualified for."""

    key: str
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class Team:
    """People who work together; the calendar may rotate by weeks."""

    key: str
    title: str
    title_zh: str
    calendar: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A simulated worker: a number, never a name. skills: skill -> level 1 to 4. grade: of pay."""

    code: str
    title: str
    title_zh: str
    team: str
    skills: Mapping[str, int] = field(default_factory=dict)
    grade: int = 1
    calendar: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool set. life: pieces until it is changed, 0 = without limit; count: sets there are."""

    key: str
    title: str
    title_zh: str
    equipment_class: str = ""
    life: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Fixture:
    """A fixture or mould; count: how many there are, which bounds the machines that run at once."""

    key: str
    title: str
    title_zh: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ReasonNode:
    """A reason of loss; a tree by `parent`, empty at the top."""

    code: str
    title: str
    title_zh: str
    category: ReasonCategory
    parent: str = ""


@dataclass(frozen=True, slots=True)
class MaterialLot:
    """A lot of material. available_at: from when it can be used, None = it is there."""

    lot: str
    product: str
    quantity: float
    unit: str = "pc"
    available_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A planned stop of places that comes again: local time, every so many weeks.

    nodes: places, with all below them. weekday: 0 = Monday. start: local time as HH:MM. first_week:
    in which week of the `every_weeks` since 2001-01-01 it falls.
    """

    nodes: tuple[str, ...]
    weekday: int
    start: str
    length_s: float
    every_weeks: int = 1
    first_week: int = 0
    reason: str = ""
