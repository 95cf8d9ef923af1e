"""Whether the parts of a plant agree: every name that is used is declared, every figure is sane."""

import re
from collections.abc import Collection, Iterator
from typing import Final

from millbrain.core.plant.entries import Troubles
from millbrain.core.plant.model import HOLDERS, Level, Node, Operation, Routing
from millbrain.core.plant.plant import Plant

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LISTED_MAX: Final = 8


def check(plant: Plant, troubles: Troubles) -> None:
    """Tell everything in which a plant contradicts itself; the rest only of a tree that holds."""
    for part in (_places, _equipment, _products, _routings, _people, _reasons, _upkeep):
        for where, sentence in part(plant):
            troubles.add(where, sentence)
        if part is _places and troubles.sentences:
            return


def _listed(names: Collection[str]) -> str:
    shown = list(names)[:_LISTED_MAX]
    return ", ".join(shown) + (" ..." if len(names) > len(shown) else "") or "none"


def _unknown(what: str, name: str, known: Collection[str]) -> Iterator[str]:
    if name and name not in known:
        yield f"{what} {name!r} is not known; there are {_listed(known)}"


def _places(plant: Plant) -> Iterator[tuple[str, str]]:
    roots = [n.id for n in plant.nodes.values() if not n.parent]
    if len(roots) != 1:
        yield "plant.toml", f"one place has no parent, found {_listed(roots)}"
    for node in plant.nodes.values():
        where = f"plant.toml, place {node.id!r}"
        if not _ID.fullmatch(node.id):
            yield where, "an id is up to 64 letters, digits, '.', '_' and '-'"
        if not node.title or not node.title_zh:
            yield where, "a title in English and in Chinese is needed"
        for said in _held_right(plant, node):
            yield where, said
        for said in _unknown("calendar", node.calendar, plant.calendars):
            yield where, said
        for said in _unknown("equipment_class", node.equipment_class, plant.classes):
            yield where, said
        if node.level is Level.UNIT and not node.equipment_class:
            yield where, "a unit needs an equipment_class"
    for root in roots:
        if not plant.nodes[root].calendar:
            yield f"plant.toml, place {root!r}", "the root needs a calendar; all others inherit it"


def _held_right(plant: Plant, node: Node) -> Iterator[str]:
    if not node.parent:
        return
    holder = plant.nodes.get(node.parent)
    if holder is None:
        yield f"parent {node.parent!r} is not known"
    elif holder.level not in HOLDERS[node.level]:
        allowed = " or ".join(HOLDERS[node.level]) or "nothing"
        yield f"level {node.level} stands in level {holder.level}; allowed is {allowed}"
    if not 0.05 <= node.speed_ratio <= 20:
        yield f"speed_ratio is {node.speed_ratio:g}, allowed is 0.05 to 20"
    if node.buffer_count < 0:
        yield f"buffer_count is {node.buffer_count}, allowed is 0 and more"


def _equipment(plant: Plant) -> Iterator[tuple[str, str]]:
    for kind in plant.classes.values():
        where = f"equipment.toml, class {kind.key!r}"
        if kind.cycle_s <= 0:
            yield where, f"cycle_s is {kind.cycle_s:g}, allowed is more than 0"
        for said in _unknown("skill", kind.skill, plant.skills):
            yield where, said
        names = [s.name for s in kind.signals]
        if len(set(names)) < len(names):
            yield where, f"a signal stands twice among {_listed(names)}"
        for code in kind.reasons:
            for said in _unknown("reason", code, plant.reasons):
                yield where, said
    for setup in plant.setups:
        for said in _unknown("equipment_class", setup.equipment_class, plant.classes):
            yield "equipment.toml, setup", said
    for tool in plant.tools.values():
        for said in _unknown("equipment_class", tool.equipment_class, plant.classes):
            yield f"equipment.toml, tool {tool.key!r}", said


def _products(plant: Plant) -> Iterator[tuple[str, str]]:
    made = {r.product for r in plant.routings.values()}
    for product in plant.products.values():
        where = f"products.toml, product {product.key!r}"
        for line in product.bom:
            for name in (line.product, *line.substitutes):
                for said in _unknown("product of the BOM", name, plant.products):
                    yield where, said
            if line.quantity <= 0:
                yield where, f"quantity of {line.product} is {line.quantity:g}, allowed is > 0"
        if not product.bought and product.key not in made:
            yield where, "it is made here but has no routing; say bought = true or add one"
    for key in _circular(plant):
        yield f"products.toml, product {key!r}", "it is a part of itself"
    for lot in plant.lots:
        for said in _unknown("product", lot.product, plant.products):
            yield f"products.toml, lot {lot.lot!r}", said


def _circular(plant: Plant) -> Iterator[str]:
    done: set[str] = set()

    def walk(key: str, path: tuple[str, ...]) -> bool:
        if key in path:
            return True
        if key in done or key not in plant.products:
            return False
        found = any(walk(b.product, (*path, key)) for b in plant.products[key].bom)
        done.add(key)
        return found

    for key in plant.products:
        if walk(key, ()):
            yield key


def _routings(plant: Plant) -> Iterator[tuple[str, str]]:
    for routing in plant.routings.values():
        where = f"routings.toml, routing {routing.key!r}"
        for said in _unknown("product", routing.product, plant.products):
            yield where, said
        steps = [o.step for o in routing.operations]
        if steps != sorted(set(steps)) or not steps:
            yield where, f"steps rise and stand once, found {steps}"
        for operation in routing.operations:
            for said in _operation(plant, routing, operation):
                yield f"{where}, step {operation.step}", said


def _operation(plant: Plant, routing: Routing, one: Operation) -> Iterator[str]:
    yield from _unknown("equipment_class", one.equipment_class, plant.classes)
    yield from _unknown("skill", one.skill, plant.skills)
    yield from _unknown("tool", one.tool, plant.tools)
    yield from _unknown("fixture", one.fixture, plant.fixtures)
    for machine in one.machines:
        yield from _unknown("machine", machine, plant.nodes)
    known = {o.step for o in routing.operations}
    for step in one.after:
        if step not in known or step >= one.step:
            yield f"it comes after step {step}; allowed are earlier steps of the routing"
    if one.lag_max_s is not None and one.lag_max_s < one.lag_min_s:
        yield f"lag_max_s {one.lag_max_s:g} is less than lag_min_s {one.lag_min_s:g}"
    if one.run_s < 0 or one.setup_s < 0:
        yield "run_s and setup_s are 0 and more"
    for c in one.characteristics:
        if not c.lower < c.upper:
            yield f"{c.name}: lower {c.lower:g} is not below upper {c.upper:g}"
    if one.subcontract:
        return
    if all(m in plant.nodes for m in one.machines) and not plant.machines_for(one):
        yield "no unit can do it; name an equipment_class or machines that exist"


def _people(plant: Plant) -> Iterator[tuple[str, str]]:
    for team in plant.teams.values():
        for said in (*_unknown("calendar", team.calendar, plant.calendars),
                     *_unknown("node", team.node, plant.nodes)):  # fmt: skip
            yield f"people.toml, team {team.key!r}", said
    for person in plant.people.values():
        where = f"people.toml, person {person.code!r}"
        for said in _unknown("team", person.team, plant.teams):
            yield where, said
        for said in _unknown("calendar", person.calendar, plant.calendars):
            yield where, said
        for skill in person.skills:
            for said in _unknown("skill", skill, plant.skills):
                yield where, said


def _reasons(plant: Plant) -> Iterator[tuple[str, str]]:
    for reason in plant.reasons.values():
        where = f"reasons.toml, reason {reason.code!r}"
        for said in _unknown("parent", reason.parent, plant.reasons):
            yield where, said
        seen, above = {reason.code}, reason.parent
        while above in plant.reasons:
            if above in seen:
                yield where, "it stands above itself"
                break
            seen.add(above)
            above = plant.reasons[above].parent


def _upkeep(plant: Plant) -> Iterator[tuple[str, str]]:
    for plan in plant.maintenance:
        where = f"equipment.toml, maintenance of {_listed(plan.nodes)}"
        for node in plan.nodes:
            for said in _unknown("place", node, plant.nodes):
                yield where, said
        for said in _unknown("reason", plan.reason, plant.reasons):
            yield where, said
        if not 0 <= plan.weekday <= 6 or plan.length_s <= 0 or plan.every_weeks < 1:
            yield where, "weekday is 0 to 6, length_s more than 0, every_weeks 1 and more"
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", plan.start):
            yield where, f"start is {plan.start!r}, allowed is a time of day as 22:00"
