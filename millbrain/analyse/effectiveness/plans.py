"""Machines out of plants and the register of things, and their planned time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from millbrain.analyse.effectiveness.calc.parts import Plan
from millbrain.analyse.effectiveness.model import STATE_RULES, Attributes, Machine
from millbrain.core.plant.calendar import DAY_MS
from millbrain.core.plant.model import Level, Node
from millbrain.core.plant.plant import Plant
from millbrain.core.times import BEIJING_OFFSET_S

EPOCH: Final = date(1970, 1, 1)
PLANS_KEPT: Final = 4096


def machines_of(
    plants: Iterable[Plant], attributes: Attributes, things: Iterable[str]
) -> dict[str, Machine]:
    """Return every machine by its thing: the units of the plants, and things that no plant knows.

    attributes: what the register says of things; `cycle_s`, `operator` and the limits of states
    override the plant's. things: those of which a standard signal was read.
    """
    found: dict[str, Machine] = {}
    known = set(things)
    for plant in plants:
        units = plant.units()
        if not known.isdisjoint(u.id for u in units):  # others are only drawings so far
            for place, unit in enumerate(units):
                found[unit.id] = _of_plant(plant, unit, place, attributes.get(unit.id, {}))
    for thing in sorted(known - found.keys()):
        told = attributes.get(thing, {})
        found[thing] = Machine(
            thing, title=str(told.get("title") or thing),
            title_zh=str(told.get("title_zh") or thing),
            cycle_s=_number(told, "cycle_s"), gap_s=_gap(told),
            operator=str(told.get("operator") or ""),
            is_simulated=bool(told.get("simulated")), lows=_lows(told),
        )  # fmt: skip
    return found


def _of_plant(plant: Plant, unit: Node, place: int, told: Mapping[str, Any]) -> Machine:
    area = plant.above(unit.id, Level.AREA)
    line = plant.above(unit.id, Level.LINE) or plant.above(unit.id, Level.CELL) or area
    cycle_s = _number(told, "cycle_s")
    is_output, takt_s = _output(plant, unit)
    return Machine(
        unit.id, title=unit.title or unit.id, title_zh=unit.title_zh or unit.title or unit.id,
        plant=plant, place=place, equipment_class=unit.equipment_class,
        line=line.id if line else "", line_title=line.title if line else "",
        line_title_zh=line.title_zh if line else "",
        area=area.id if area else "", area_title=area.title if area else "",
        area_title_zh=area.title_zh if area else "",
        cycle_s=cycle_s if np.isfinite(cycle_s) else plant.cycle_s(unit.id),
        is_output=is_output, takt_s=takt_s, gap_s=_gap(told),
        operator=str(told.get("operator") or ""), is_digital=unit.digital,
        is_simulated=plant.simulated, lows=_lows(told),
    )  # fmt: skip


def _output(plant: Plant, unit: Node) -> tuple[bool, float]:
    """Return whether a unit's pieces are those of its line, and the line's time between two."""
    line = plant.above(unit.id, Level.LINE)
    if line is None:
        return True, float("nan")
    stages: dict[int, float] = {}  # stage -> pieces a second of its parallel units
    for each in plant.units(line.id):
        stages[each.stage] = stages.get(each.stage, 0.0) + 1 / plant.cycle_s(each.id)
    return unit.stage == max(stages), 1 / min(stages.values())


def _gap(told: Mapping[str, Any]) -> float:
    gap_s = _number(told, "gap_s")
    return gap_s if gap_s > 0 else 0.0


def _number(told: Mapping[str, Any], name: str) -> float:
    try:
        return float(told[name])
    except (KeyError, TypeError, ValueError):
        return float("nan")


def _lows(told: Mapping[str, Any]) -> dict[str, float]:
    named = {r.signal: _number(told, r.attribute) for r in STATE_RULES if r.attribute}
    return {signal: low for signal, low in named.items() if np.isfinite(low)}


Planned = tuple[Plan, Sequence[str]]


class Plans:
    """Planned time of machines, kept for those that share a calendar and planned stops."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], Planned] = {}

    def of(self, machine: Machine, low: int, high: int) -> Planned:
        """Return the planned time between two instants, and the texts of its shifts.

        A machine that no plant knows is planned for all its time, in days of Beijing time.
        """
        plant = machine.plant
        if plant is None:
            return _always(low, high), ("",)
        above = {n.id for n in plant.path(machine.thing)}
        stops = tuple(n for n, p in enumerate(plant.maintenance) if above & set(p.nodes))
        key = (id(plant), plant.calendar_of(machine.thing).key, stops, low, high)
        if key not in self._kept:
            if len(self._kept) >= PLANS_KEPT:
                self._kept.clear()
            self._kept[key] = _planned(plant, machine.thing, low, high)
        return self._kept[key]


def _planned(plant: Plant, node: str, low: int, high: int) -> Planned:
    calendar = plant.calendar_of(node)
    busy = plant.busy(node, low, high)
    shifts = calendar.shifts_between(low, high)
    texts = ["", *dict.fromkeys(s.shift.key for s in shifts)]
    first, last = (calendar.plant_day(at) for at in (low, high))
    days = [calendar.begins(EPOCH + timedelta(n)) for n in range(
        (first - EPOCH).days, (last - EPOCH).days + 1)]  # fmt: skip
    edges = np.unique(np.concatenate((
        [low], np.array(days, np.int64), busy.ravel(),
        np.array([(s.start_ms, s.end_ms) for s in shifts], np.int64).ravel(),
    )).astype(np.int64))  # fmt: skip
    edges = edges[(edges >= low) & (edges < high)]
    day, shift = np.zeros(len(edges), np.int32), np.zeros(len(edges), np.int32)
    for k, at in enumerate(edges.tolist()):
        within = calendar.shift_of(at)
        day[k] = ((within.day if within else calendar.plant_day(at)) - EPOCH).days
        if within is not None:
            if within.shift.key not in texts:  # overtime counts to a shift that was not worked
                texts.append(within.shift.key)
            shift[k] = texts.index(within.shift.key)
    place = np.searchsorted(busy[:, 0], edges, side="right") - 1
    is_busy = (place >= 0) & (edges < busy[np.maximum(place, 0), 1]) if len(busy) else place > 0
    return Plan(edges, day, shift, is_busy), texts


def _always(low: int, high: int) -> Plan:
    offset = BEIJING_OFFSET_S * 1000
    first, last = (low + offset) // DAY_MS, (high + offset) // DAY_MS
    day = np.arange(first, last + 1)
    return Plan(day * DAY_MS - offset, day.astype(np.int32), np.zeros(len(day), np.int32),
                np.ones(len(day), np.bool_))  # fmt: skip
