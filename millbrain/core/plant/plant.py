"""A plant: everything `core.plant.model` has words for, held together and asked by name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from millbrain.core.errors import NotFoundError
from millbrain.core.plant.calendar import MONDAY, Calendar, merge, without
from millbrain.core.plant.model import (
    Characteristic,
    EquipmentClass,
    Fixture,
    Level,
    Maintenance,
    MaterialLot,
    Node,
    Operation,
    Person,
    Product,
    ReasonNode,
    Routing,
    SetupTime,
    Skill,
    Team,
    Tool,
)


@dataclass(frozen=True)
class Plant:
    """A plant as data; every mapping is by code, in the order of the pack's files.

    simulated: machines and people are invented. about: where it comes from, for people.
    """

    key: str
    title: str
    title_zh: str
    zone: tzinfo
    nodes: Mapping[str, Node]
    classes: Mapping[str, EquipmentClass]
    calendars: Mapping[str, Calendar]
    simulated: bool = True
    about: str = ""
    about_zh: str = ""
    products: Mapping[str, Product] = field(default_factory=dict)
    routings: Mapping[str, Routing] = field(default_factory=dict)
    setups: tuple[SetupTime, ...] = ()
    skills: Mapping[str, Skill] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    people: Mapping[str, Person] = field(default_factory=dict)
    tools: Mapping[str, Tool] = field(default_factory=dict)
    fixtures: Mapping[str, Fixture] = field(default_factory=dict)
    reasons: Mapping[str, ReasonNode] = field(default_factory=dict)
    lots: tuple[MaterialLot, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()

    def node(self, node_id: str) -> Node:
        """Return a place; NotFoundError where there is none of that id."""
        found = self.nodes.get(node_id)
        if found is None:
            raise NotFoundError(f"plant {self.key} has no place {node_id!r}")
        return found

    @cached_property
    def root(self) -> Node:
        """The place that holds all others."""
        return next(n for n in self.nodes.values() if not n.parent)

    @cached_property
    def _held(self) -> Mapping[str, tuple[Node, ...]]:
        held: dict[str, list[Node]] = {n: [] for n in self.nodes}
        for node in self.nodes.values():
            if node.parent:
                held[node.parent].append(node)
        return {n: tuple(h) for n, h in held.items()}

    def children(self, node_id: str) -> tuple[Node, ...]:
        """Return the places right below a place."""
        return self._held[self.node(node_id).id]

    def below(self, node_id: str) -> Iterator[Node]:
        """Yield a place and everything under it, parents first."""
        yield self.node(node_id)
        for child in self._held[node_id]:
            yield from self.below(child.id)

    def units(self, node_id: str = "") -> list[Node]:
        """Return the units under a place, all of the plant where none is named."""
        wanted = self.below(node_id) if node_id else iter(self.nodes.values())
        return [n for n in wanted if n.level is Level.UNIT]

    def of_level(self, level: Level) -> list[Node]:
        """Return all places of a level."""
        return [n for n in self.nodes.values() if n.level is level]

    def path(self, node_id: str) -> tuple[Node, ...]:
        """Return the places from the root to a place, itself last."""
        node = self.node(node_id)
        above = self.path(node.parent) if node.parent else ()
        return (*above, node)

    def above(self, node_id: str, level: Level) -> Node | None:
        """Return the place of a level that holds a place (itself counts), None without one."""
        return next((n for n in self.path(node_id) if n.level is level), None)

    def equipment_class(self, node_id: str) -> EquipmentClass | None:
        """Return the class of a unit, None for other places."""
        return self.classes.get(self.node(node_id).equipment_class)

    def cycle_s(self, node_id: str) -> float:
        """Return the nameplate time of a piece on a unit [s], NaN for other places.

        The shortest standard time of what runs on it, else the time of its class. Loss of speed is
        told against it, so slower products count as one.
        """
        kind = self.equipment_class(node_id)
        if kind is None:
            return float("nan")
        times = [o.run_s / o.batch_max for _, o in self.operations_at(node_id) if o.run_s > 0]
        return min(times, default=kind.cycle_s) / self.node(node_id).speed_ratio

    def calendar_of(self, node_id: str) -> Calendar:
        """Return the calendar of a place: its own, else the one of the nearest place above."""
        named = [n.calendar for n in self.path(node_id) if n.calendar]
        return self.calendars[named[-1]]

    def calendar_of_person(self, code: str) -> Calendar:
        """Return when a person works: by a calendar of their own, else that of their team."""
        person = self.people[code]
        return self.calendars[person.calendar or self.teams[person.team].calendar]

    def busy(self, node_id: str, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """Return the planned busy time (PBT) of a place between two instants [ms since 1970 UTC].

        Shifts and overtime without breaks and planned maintenance; shape (n, 2), rising, apart.
        """
        spans = self.calendar_of(node_id).busy(start_ms, end_ms)
        return without(spans, self.maintained(node_id, start_ms, end_ms))

    def maintained(self, node_id: str, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """Return the planned maintenance of a place that touches a span of time, shape (n, 2)."""
        above = {n.id for n in self.path(node_id)}
        found = sorted(
            span
            for plan in self.maintenance
            if above & set(plan.nodes)
            for span in self._stops(plan, start_ms, end_ms)
        )
        return merge(np.array(found, np.int64).reshape(-1, 2))

    def _stops(self, plan: Maintenance, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        day = self._day(start_ms) - timedelta(days=1)
        while day <= self._day(end_ms):
            week = (day - MONDAY).days // 7
            if day.weekday() == plan.weekday and week % plan.every_weeks == plan.first_week:
                at = datetime.combine(day, time.fromisoformat(plan.start), self.zone)
                begin = round(at.timestamp() * 1000)
                end = begin + round(plan.length_s * 1000)
                if end > start_ms and begin < end_ms:
                    yield begin, end
            day += timedelta(days=1)

    def _day(self, at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(self.zone).date()

    def routing_of(self, product: str) -> Routing | None:
        """Return the first routing of a product, None for what is bought."""
        found = [r for r in self.routings.values() if r.product == product]
        return min(found, key=lambda r: r.rank) if found else None

    def machines_for(self, operation: Operation) -> list[Node]:
        """Return the units that an operation may run on, none where it is done outside."""
        if operation.machines:
            named = [u for m in operation.machines for u in self.units(m)]
            return [u for u in named if operation.equipment_class in ("", u.equipment_class)]
        if not operation.equipment_class:
            return []
        return [u for u in self.units() if u.equipment_class == operation.equipment_class]

    def skill_of(self, operation: Operation) -> str:
        """Return the skill that an operation takes, empty where it takes none."""
        kind = self.classes.get(operation.equipment_class)
        return operation.skill or (kind.skill if kind else "")

    def characteristics_of(self, unit: str) -> list[Characteristic]:
        """Return what may be measured at a unit, by the operations that may run there."""
        found: dict[str, Characteristic] = {}
        for operation in self.operations_at(unit):
            found |= {c.name: c for c in operation[1].characteristics}
        return list(found.values())

    def operations_at(self, unit: str) -> Sequence[tuple[Routing, Operation]]:
        """Return the operations that may run on a unit, with their routings."""
        return self._operations.get(unit, ())

    @cached_property
    def _operations(self) -> Mapping[str, Sequence[tuple[Routing, Operation]]]:
        found: dict[str, list[tuple[Routing, Operation]]] = {}
        for routing in self.routings.values():
            for operation in routing.operations:
                for unit in self.machines_for(operation):
                    found.setdefault(unit.id, []).append((routing, operation))
        return found

    def setup_s(self, equipment_class: str, before: str, after: str, usual_s: float = 0.0) -> float:
        """Return how long a class takes from one set-up family to another [s].

        The closest entry holds: both families, then one of them with `*`; without one it is the
        usual time of the operation, and without that the one of the class.
        """
        if before == after:
            return 0.0
        for pair in ((before, after), (before, "*"), ("*", after), ("*", "*")):
            for one in self.setups:
                if one.equipment_class == equipment_class and (one.before, one.after) == pair:
                    return one.setup_s
        return usual_s or self.classes[equipment_class].setup_s

    def reason_path(self, code: str) -> tuple[ReasonNode, ...]:
        """Return a reason and those above it, the topmost first; empty where it is not known."""
        reason = self.reasons.get(code)
        if reason is None:
            return ()
        return (*self.reason_path(reason.parent), reason)

    def qualified(self, skill: str, level: int = 1) -> Sequence[Person]:
        """Return the people who have a skill at a level or above."""
        return [p for p in self.people.values() if p.skills.get(skill, 0) >= level]
