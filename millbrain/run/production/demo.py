"""Production orders of the demonstration: a few for each plant of the packs, some of them begun.

Orders, people and reports are simulated and say so. They are written once, with a seed of their
own, so that two installations show the same; what people do with them afterwards stays.
"""

import random
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Final

from millbrain.core.plant.model import ReasonCategory, Routing
from millbrain.core.plant.plant import Plant
from millbrain.core.production.andon import AndonCall
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Lot, Report
from millbrain.core.times import utc_from_epoch
from millbrain.decide.production.calc import plan_of
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker, ProductionFilter
from millbrain.run.plant.lines import BEGUN_H
from millbrain.run.plant.load import PlantBook
from millbrain.run.settings import Settings

WHO: Final = Asker("demonstration")
_PREFIX: Final = "88.999.1"  # of the demonstration's parts
_ORDERS: Final = 7  # of each plant
_BEGUN: Final = 4  # of them are worked on
_PROMISED_H: Final = (3, 7, 40, 9, 70, 84, 120)  # from now; some cannot be kept
_TAPS: Final = 6  # reports of good pieces of one step
_NAMESPACE: Final = uuid.UUID("5d3c2f52-2f0b-4c1e-9a44-0d9d2f6a7c11")


def fill_production(settings: Settings) -> int:
    """Write the orders of the installation's simulated plants unless there are some."""
    ledger = Ledger(settings.ledger_url)
    try:
        if _has_orders(ledger):
            return 0  # the plants need not be read
        plants = [plant for plant in PlantBook(settings.analyse.plants)() if plant.simulated]
        return fill_orders(ledger, plants, utc_from_epoch(time.time()))
    finally:
        ledger.close()


def fill_orders(ledger: Ledger, plants: Sequence[Plant], at: datetime) -> int:
    """Write orders, reports and calls unless there are orders; return how many orders.

    at: now; what is begun was begun in the hours before.
    """
    if _has_orders(ledger):
        return 0
    made = 0
    for plant in plants:
        routings = _some(plant)
        for number, routing in enumerate(routings, start=1):
            _one(ledger, plant, routing, number, at)
        if routings:
            _calls(ledger, plant, routings[0], at)
        made += len(routings)
    return made


def _has_orders(ledger: Ledger) -> bool:
    return ledger.production.page(ProductionFilter(), size=1)[1] > 0


def _some(plant: Plant) -> list[Routing]:
    """Return routings of products that are not alike, so that a board shows several lines."""
    return list(plant.routings.values())[::2][:_ORDERS]


def _one(ledger: Ledger, plant: Plant, routing: Routing, n: int, at: datetime) -> None:
    chance = random.Random(f"{plant.key} {n}")
    product = plant.products[routing.product]
    quantity = chance.choice((24, 40, 60, 96, 120))
    order = ProductionOrder(
        f"{_short(plant)}-{at:%y%m}{n:03d}", product.key, quantity, product.revision,
        product.title, product.title_zh, f"SIM-{chance.randrange(1000, 9999)}",
        due_at=at + timedelta(days=n), promised_at=at + timedelta(hours=_PROMISED_H[n - 1]),
        priority=chance.choice((3, 5, 5, 7)), simulated=plant.simulated, source="demonstration",
    )  # fmt: skip
    ledger.production.put([order], WHO)
    if n == _ORDERS:
        return  # one stays planned, for whoever wants to release it
    plan = plan_of(plant, routing, quantity)
    ledger.production.release(order.number, plan, WHO)
    if n <= _BEGUN:
        ledger.reports.take(list(_log(plant, order, plan, chance, at, n)), WHO)


def _short(plant: Plant) -> str:
    return plant.root.id


@dataclass
class _Pen:
    """Writes the reports of one order, each with an id that is the same on every machine."""

    order: ProductionOrder
    step: str
    person: str
    machine: str
    count: int = 0

    def write(
        self, at: datetime, kind: Kind, quantity: int = 0, reason: str = "",
        consumed: tuple[Lot, ...] = (), produced: tuple[Lot, ...] = (),
    ) -> Report:  # fmt: skip
        """Return the next report."""
        self.count += 1
        name = f"{self.order.number} {self.step} {self.machine} {self.count}"
        return Report(
            str(uuid.uuid5(_NAMESPACE, name)), self.order.number, self.step, kind, self.person,
            at, at, self.machine, quantity, reason, "", "demonstration", at, consumed=consumed,
            produced=produced, who=WHO.who,
        )  # fmt: skip


def _log(
    plant: Plant, order: ProductionOrder, plan: Sequence[PlannedOperation],
    chance: random.Random, at: datetime, n: int,
) -> Iterator[Report]:  # fmt: skip
    """Yield reports of the steps that are behind, and of the one that is under way."""
    done = len(plan) - 1 if n == 1 else max(1, len(plan) // (n + 1))
    begin = at - timedelta(hours=BEGUN_H)
    step_h = 8.0 / (done + 1)
    left = order.quantity
    for index, planned in enumerate(plan[: done + 1]):
        pen = _Pen(order, planned.step, _worker(plant, planned, chance), planned.stations[0]
                   if planned.stations else "")  # fmt: skip
        is_last = index == done
        start = begin + timedelta(hours=index * step_h)
        good = left if not is_last else left // 2
        left = yield from _step(pen, plant, order, chance, start, step_h, good, index, is_last)


def _step(
    pen: _Pen, plant: Plant, order: ProductionOrder, chance: random.Random, start: datetime,
    length_h: float, pieces: int, index: int, is_last: bool,
) -> Generator[Report, None, int]:  # fmt: skip
    """Yield the reports of one step; return how many good pieces it made."""
    scrap = 1 if chance.random() < 0.5 and pieces > 4 else 0
    good = pieces - scrap
    yield pen.write(start, Kind.SETUP)
    yield pen.write(start + timedelta(minutes=12), Kind.START)
    taps = [good // _TAPS] * (_TAPS - 1) + [good - good // _TAPS * (_TAPS - 1)]
    for tap, quantity in enumerate(taps, start=1):
        if quantity:
            lots = _lots(order, index, tap, quantity)
            minute = 12 + (length_h * 60 - 20) * tap / _TAPS
            yield pen.write(start + timedelta(minutes=minute), Kind.GOOD, quantity, "", *lots)
    if scrap:
        bad = [r.code for r in plant.reasons.values() if r.category is ReasonCategory.QUALITY]
        reason = chance.choice(bad) if bad else "other"
        yield pen.write(start + timedelta(hours=length_h / 2), Kind.SCRAP, scrap, reason)
    if not is_last:
        yield pen.write(start + timedelta(hours=length_h, minutes=-5), Kind.FINISH)
    return good


def _lots(
    order: ProductionOrder, index: int, tap: int, quantity: int
) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """Return what the first step takes in, and the lots that it makes of it."""
    if index:
        return (), ()
    made = Lot(f"hdl:{_PREFIX}/{order.number}-L{tap}", quantity)
    return (Lot(f"hdl:{_PREFIX}/{order.number}-RAW", quantity),), (made,)


def _worker(plant: Plant, planned: PlannedOperation, chance: random.Random) -> str:
    least = max(1, planned.skill_level)
    skill = planned.qualification
    able = [p.code for p in plant.people.values() if not skill or p.skills.get(skill, 0) >= least]
    return chance.choice(able) if able else "P000"


def _calls(ledger: Ledger, plant: Plant, routing: Routing, at: datetime) -> None:
    """Write calls of the last day, solved ones, and one that is open."""
    units = plant.machines_for(routing.operations[0]) or plant.units()
    stops = (ReasonCategory.UNPLANNED, ReasonCategory.QUALITY)
    codes = [r.code for r in plant.reasons.values() if r.category in stops and r.parent]
    kinds = ("machine", "material", "quality", "machine", "help")
    for n, (kind, unit) in enumerate(zip(kinds, islice(cycle(units), 5), strict=False)):
        is_open = n == 0
        raised_at = at - timedelta(minutes=4 if is_open else 90 * n)
        solved_at = None if is_open else raised_at + timedelta(minutes=9 + 5 * n)
        came_at = None if is_open else raised_at + timedelta(minutes=2 + n)
        ledger.andon.raise_call(AndonCall(
            str(uuid.uuid5(_NAMESPACE, f"{plant.key} call {n}")), unit.id, kind,
            next(iter(plant.people), "P000"), raised_at, unit.parent, stops_line=n == 3,
            state="raised" if is_open else "solved",
            rise_at=raised_at + timedelta(minutes=30) if is_open else None,
            acknowledged_by="" if is_open else WHO.who, acknowledged_at=came_at,
            resolved_by="" if is_open else WHO.who, resolved_at=solved_at,
            reason="" if is_open or not codes else codes[n % len(codes)],
            simulated=plant.simulated,
        ), WHO)  # fmt: skip
