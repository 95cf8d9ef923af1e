"""Where the pieces come from and go to: lines with stages and buffers, and zones.

A line makes one lot after another; its machines of a stage share the buffer before and after. A
machine of a zone, or one outside the routings, has orders that come by chance. A lot is one of the
production orders that the installation has, as long as there are some of its product; else it
bears a number of the simulation's own (`SIM-...`).
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from millbrain.core.plant.model import Level, Node
from millbrain.core.plant.plant import Plant
from millbrain.run.plant.machine import Lot, Machine, Work

BEGUN_H: Final = 9  # so long before they are entered the demonstration's orders were begun
LOT_PIECES: Final = (120, 420)
JOB_PIECES: Final = (4, 40)
SHORT_S: Final = 1200.0  # mean length of a lack of material
SHORT_EVERY_S: Final = 16 * 3600.0
GAP_S: Final = 900.0  # mean wait of a zone's machine between two orders
GAP_SHARE: Final = 0.3
_SETUP_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A production order that may be worked on from an instant on [s since 1970]."""

    number: str
    product: str
    quantity: int
    from_s: float


class OpenOrders:
    """Production orders that lots are named after, each once."""

    def __init__(self, orders: Iterable[OpenOrder] = ()) -> None:
        self._waiting: dict[str, list[OpenOrder]] = {}
        for order in orders:
            self._waiting.setdefault(order.product, []).append(order)

    def take(self, product: str, at_s: float) -> OpenOrder | None:
        """Return the next order of a product that may be worked on, None where there is none."""
        for order in self._waiting.get(product, ()):
            if order.from_s <= at_s:
                self._waiting[product].remove(order)
                return order
        return None


@dataclass(slots=True)
class Stage:
    """Machines side by side and the buffer behind them."""

    machines: list[Machine] = field(default_factory=list)
    buffer: deque[Lot] = field(default_factory=deque)
    room: int = 0


class Source:
    """Lots of one line or one machine, one after another. Empty until `closed_until_s`."""

    def __init__(self, key: str, products: Sequence[tuple[str, str]], random: Random,
                 pieces: tuple[int, int], orders: OpenOrders) -> None:  # fmt: skip
        self.closed_until_s = 0.0
        self.passed = 0
        self._key, self._products, self._random, self._pieces = key, products, random, pieces
        self._orders = orders
        self._number, self._left = 0, 0
        self._lot: Lot | None = None
        self.next_short_s = float("inf")

    def take(self, at_s: float) -> Lot:
        """Return the lot of the next piece; a new lot of the next product where one is done."""
        if self._lot is None or self._left <= 0:
            product, family = self._products[self._number % len(self._products)]
            self._number += 1
            size = self._random.randint(*self._pieces)
            name = "-".join(part for part in ("SIM", product, self._key) if part)
            self._lot = Lot(f"{name}-{self._number:04}", product, family, size)
            if order := self._orders.take(product, at_s):
                self._lot = Lot(order.number, product, family, order.quantity)
            self._left = self._lot.size
        self._left -= 1
        return self._lot

    def is_between(self) -> bool:
        """Whether a lot has just been finished."""
        return self._left <= 0


class Line:
    """A line of stages, or a single machine of a zone (one stage, no buffer)."""

    def __init__(self, key: str, source: Source, stages: list[Stage], is_zone: bool) -> None:
        self.key, self.source, self.stages, self.is_zone = key, source, stages, is_zone
        self.out: dict[str, int] = {}
        self.place = {m.index: n for n, stage in enumerate(stages) for m in stage.machines}

    def before(self, machine: Machine) -> Stage | None:
        """Return the stage that feeds a machine, None for the first."""
        number = self.place[machine.index]
        return self.stages[number - 1] if number else None

    def behind(self, machine: Machine) -> Stage | None:
        """Return the stage after a machine's, None for the last."""
        number = self.place[machine.index] + 1
        return self.stages[number] if number < len(self.stages) else None

    def own(self, machine: Machine) -> Stage:
        """Return the stage that a machine stands in."""
        return self.stages[self.place[machine.index]]


def lines_of(
    plant: Plant, machines: Sequence[Machine], random: Random, orders: OpenOrders
) -> list[Line]:
    """Return the lines of some machines of a plant."""
    by_place: dict[str, list[Machine]] = {}
    for machine in machines:
        by_place.setdefault(machine.unit.parent, []).append(machine)
    found = []
    for place, held in by_place.items():
        if plant.node(place).level is Level.LINE:
            found.append(_line(plant, place, held, random, orders))
        else:
            found += [_single(plant, m, random, orders) for m in held]
    return found


def _line(
    plant: Plant, place: str, held: Sequence[Machine], random: Random, orders: OpenOrders
) -> Line:
    stages: dict[int, Stage] = {}
    for machine in held:
        stage = stages.setdefault(machine.unit.stage, Stage())
        stage.machines.append(machine)
        stage.room = max(stage.room, machine.unit.buffer_count)
    made = _products(plant, [m.unit for m in held], place)
    source = Source(place.rpartition("-")[2], made, random, LOT_PIECES, orders)
    source.next_short_s = random.expovariate(1 / SHORT_EVERY_S)
    return Line(place, source, [stages[n] for n in sorted(stages)], is_zone=False)


def _single(plant: Plant, machine: Machine, random: Random, orders: OpenOrders) -> Line:
    unit = machine.unit
    made = _products(plant, [unit], "")
    source = Source(unit.id.partition("-")[2], made, random, JOB_PIECES, orders)
    return Line(unit.id, source, [Stage([machine])], is_zone=True)


def _products(plant: Plant, units: Sequence[Node], place: str) -> list[tuple[str, str]]:
    """Return products and families that some units make; of a line only those made on it alone."""
    found: dict[str, str] = {}
    for unit in units:
        for routing, operation in plant.operations_at(unit.id):
            on_line = {m.parent for o in routing.operations for m in plant.machines_for(o)}
            if not place or place == max(on_line, key=lambda p: _share(plant, routing.key, p)):
                family = operation.setup_family or plant.products[routing.product].setup_family
                found[routing.product] = family
    return list(found.items()) or [("", "")]


def _share(plant: Plant, routing: str, place: str) -> int:
    steps = plant.routings[routing].operations
    return sum(any(m.parent == place for m in plant.machines_for(o)) for o in steps)


def works_of(plant: Plant, unit: Node) -> dict[str, Work]:
    """Return what a unit does with each product; "" stands for any product without an entry."""
    kind = plant.classes[unit.equipment_class]
    found = {"": Work(10, kind.cycle_s, kind.setup_s or _SETUP_S, 1, None)}
    for routing, o in sorted(plant.operations_at(unit.id), key=lambda pair: -pair[0].rank):
        found[routing.product] = Work(o.step, o.run_s, o.setup_s, o.batch_max, o)
    return found
