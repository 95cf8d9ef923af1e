"""The packs are whole, and a pack with a mistake is refused in a sentence that finds it."""

import tomllib
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.core.plant.model import Level
from millbrain.core.plant.pack import FILES, assemble
from millbrain.core.plant.plant import Plant
from millbrain.run.packs import FOLDER
from millbrain.run.plant import load_plant

Files = dict[str, Any]
PACKS = ("machining-works", "engine-plant")


@pytest.fixture(scope="module")
def works() -> Plant:
    return load_plant("machining-works")


@pytest.fixture(scope="module")
def raw() -> Files:
    return {f: tomllib.loads((FOLDER / PACKS[0] / f).read_text("utf-8")) for f in FILES}


@pytest.mark.parametrize("pack", PACKS)
def test_packs_say_that_they_are_simulated_and_are_bilingual(pack: str) -> None:
    plant = load_plant(pack)
    assert plant.simulated
    assert "simulated" in plant.title
    assert "仿真" in plant.title_zh
    for one in (*plant.nodes.values(), *plant.products.values(), *plant.reasons.values(),
                *plant.people.values(), *plant.classes.values()):  # fmt: skip
        assert one.title
        assert any("\u4e00" <= c <= "\u9fff" for c in one.title_zh), one
    assert all(len(n.encode()) <= 64 for n in plant.nodes)


def test_the_works_has_its_sixteen_lines_and_seven_zones(works: Plant) -> None:
    assert len(works.of_level(Level.LINE)) == 16
    assert len(works.of_level(Level.CELL)) == 7
    assert len(works.units()) == 140
    assert len(works.units("MW-L01")) == 8
    assert [u.stage for u in works.units("MW-L01")] == [1, 1, 2, 2, 3, 4, 4, 5]


def test_every_machine_of_the_works_has_an_operation(works: Plant) -> None:
    assert [u.id for u in works.units() if not works.operations_at(u.id)] == []


def test_alternatives_and_ranks(works: Plant) -> None:
    routing = works.routing_of("SP-01")
    assert routing
    assert (routing.key, routing.rank) == ("R-SP-01", 1)
    step = works.routings["R-IG-21"].operation(10)
    assert step
    assert [u.id for u in works.machines_for(step)] == ["MW-L01-M01", "MW-L01-M02"]
    assert works.skill_of(step) == "turning"
    assert works.routings["R-IG-24"].operations[0].run_s == round(112 * 1.12, 1)
    assert works.routing_of("B-BAR") is None


def test_nameplate_times(works: Plant) -> None:
    assert works.cycle_s("MW-L01-M03") == 116  # hobbing of the faster of two gears
    assert works.cycle_s("MW-L04-M03") == pytest.approx(132 / 1.05)  # the pack says it is faster
    assert works.cycle_s("MW-Z5-M01") == 14400 / 240  # a piece of a full furnace
    assert works.cycle_s("MW-L01") != works.cycle_s("MW-L01")  # a line has none: NaN


def test_setup_times_take_the_closest_entry(works: Plant) -> None:
    assert works.setup_s("furnace", "carb-12", "carb-08") == 5400
    assert works.setup_s("furnace", "carb-12", "spare") == works.classes["furnace"].setup_s
    assert works.setup_s("furnace", "carb-12", "spare", usual_s=120) == 120
    assert works.setup_s("furnace", "carb-12", "carb-08", usual_s=120) == 5400
    assert works.setup_s("furnace", "carb-12", "carb-12") == 0


def test_planned_maintenance_is_no_planned_busy_time(works: Plant) -> None:
    day = works.calendar_of("MW-L01").bounds
    lengths = []
    for saturday in ("2026-08-22", "2026-08-29"):
        begin, end = day(date.fromisoformat(saturday))
        busy = works.busy("MW-L01-M01", begin, end)
        lengths.append(int((busy[:, 1] - busy[:, 0]).sum()) / 60_000)
    # 21 h a day; the two hours from 18:00 of every second Saturday are maintenance
    assert sorted(lengths) == [21 * 60 - 120, 21 * 60]


def test_unknown_names_are_said(works: Plant) -> None:
    with pytest.raises(NotFoundError, match="no place 'MW-X'"):
        works.node("MW-X")
    with pytest.raises(SettingsError, match=r"'mars' was not found; .* engine-plant, machining"):
        load_plant("mars")


def drop_reasons(files: Files) -> None:
    del files["reasons.toml"]


def change(file: str, name: str, at: int, **values: Any) -> Callable[[Files], None]:
    def do(files: Files) -> None:
        files[file][name][at].update(values)

    return do


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (drop_reasons, "reasons.toml: is missing; a plant has plant.toml"),
        (change("plant.toml", "node", 2, level="shed"), "level is 'shed', allowed is one"),
        (change("plant.toml", "node", 2, parent="MW-L01"), "level area stands in level line;"),
        (change("plant.toml", "node", 2, colour="red"), "'MW-A1'.*'colour' is not known; allowed"),
        (change("plant.toml", "node", 2, calendar="lunar"), "calendar 'lunar' is not known; there"),
        (change("plant.toml", "units", 0, equipment_class="oven"), "class 'oven' is not known"),
        (change("plant.toml", "units", 0, count="two"), "count is 'two', allowed is a whole"),
        (change("products.toml", "product", 0, bom=[{"product": "IG-21", "quantity": 1.0}]),
         "product 'IG-21': it is a part of itself"),
        (change("products.toml", "product", 2, bought=False), "'B-IG': it is made here but has no"),
        (change("routings.toml", "routing", 0, place="MW-Z6"), "'R-IG-21', step 10: no unit can"),
        (change("routings.toml", "routing", 0, run_ratio=[1.0]), "one number for each product"),
        (change("calendar.toml", "shift", 0, start="8 am"), "start is '8 am', allowed is a time"),
        (change("calendar.toml", "calendar", 0, weeks=[{"mon": ["X"]}]), "shift 'X' is not known"),
        (change("calendar.toml", "calendar", 0, country="xx"), "country is 'xx', allowed is 'cn'"),
        (change("people.toml", "people", 0, skills={"juggling": 4}), "skill 'juggling' is not"),
        (change("people.toml", "team", 0, calendar="moon"), "team 'A1-A': calendar 'moon' is not"),
        (change("reasons.toml", "reason", 0, parent="P"), "reason 'P': it stands above itself"),
        (change("equipment.toml", "class", 0, cycle_s=0), "cycle_s is 0, allowed is more than 0"),
        (change("equipment.toml", "class", 1, sets=["x"]), "set 'x' is not known; there are power"),
        (change("equipment.toml", "maintenance", 0, weekday=7), "weekday is 0 to 6"),
    ],
)  # fmt: skip
def test_mistakes_are_found(raw: Files, spoil: Callable[[Files], None], says: str) -> None:
    files = deepcopy(raw)
    spoil(files)
    with pytest.raises(SettingsError, match=says):
        assemble(files)


def test_two_mistakes_are_said_at_once(raw: Files) -> None:
    files = deepcopy(raw)
    change("plant.toml", "node", 2, level="shed")(files)
    change("calendar.toml", "shift", 0, start="8 am")(files)
    with pytest.raises(SettingsError, match=r"level is 'shed'.*start is '8 am'"):
        assemble(files)
