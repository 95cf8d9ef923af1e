"""Indicators and losses by product, of orders that are entered before, late or never; reasons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.effectiveness.calc.hours import Heard, Signal, told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.model import Machine, Rules
from millbrain.analyse.effectiveness.pages import figures, states
from millbrain.analyse.effectiveness.plans import Plans
from millbrain.analyse.effectiveness.rows import hour_columns, machine_columns, reason_columns
from millbrain.analyse.effectiveness.store import Store
from millbrain.analyse.effectiveness.tables import MACHINE, MACHINE_HOUR, STOP_REASON, TABLES
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.pages import Query
from millbrain.core.plant.plant import Plant
from millbrain.core.production.orders import ProductionOrder
from millbrain.core.tables import arrow_batch
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.plant import load_plant
from millbrain.run.production import OrderMirror
from millbrain.show.queries import asked

ASKER = Asker("test")
LOW = 1_790_000_400_000 // HOUR_MS * HOUR_MS
DAY = "2026-09-21"  # Beijing time of that hour
JOBS = ("A-1/10", "B/7/20", "NOBODY/10")  # of 15 min each, after 15 min without one
GOOD = (3, 5, 7, 11)  # pieces of each quarter


def machine(plant: Plant) -> Machine:
    """Return a machine of the plant, planned for all its time."""
    return Machine("MW-L01-M01", cycle_s=30.0, plant=plant)


def store_hour(warehouse: Warehouse, plant: Plant) -> None:
    """Store an hour of a machine: producing, the last ten minutes down; a job every quarter."""
    at = LOW + 10_000 * np.arange(361)
    quality = np.full(361, 192, np.uint8)
    minute = (at - LOW) / 60_000
    state = np.where(minute < 50, 1.0, 4.0)
    good = np.floor(np.interp(minute, (0, 15, 30, 45, 49), np.cumsum((0, *GOOD))))
    none = np.full(3, np.nan)
    signals = {
        "machine_state": Signal(at, state, (), quality),
        "good_count": Signal(at, good, (), quality),
        "order_operation": Signal(LOW + 900_000 * np.arange(1, 4), none, JOBS, quality[:3]),
        "stop_reason": Signal(at[300:301], none[:1], ("U-CTRL",), quality[:1]),
    }
    made = machine(plant)
    plan, shifts = Plans().of(Machine("", cycle_s=30.0), LOW, LOW + HOUR_MS)
    end = LOW + HOUR_MS
    one = told(made, Heard(at, signals), plan, LOW, end, end, Rules())
    hours = hour_columns([(made.thing, one, shifts)], end, end)
    warehouse.insert(MACHINE_HOUR, arrow_batch(MACHINE_HOUR, hours))
    warehouse.insert(MACHINE, arrow_batch(MACHINE, machine_columns([made], [], end)))


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant("machining-works")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def stored(warehouse: Warehouse, plant: Plant) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    store_hour(warehouse, plant)
    return warehouse


def ask(warehouse: Warehouse, query: Query, **given: Any) -> list[dict[str, Any]]:
    values = {a.name: a.default for a in query.arguments} | {"since": DAY, "until": DAY} | given
    values = {name: values[name] for name in (a.name for a in query.arguments)}
    return asked.answer(warehouse, query, values, "", asked.Slice(size=100))[0]


def products(warehouse: Warehouse, **given: Any) -> dict[str, tuple[str, str, float]]:
    rows = ask(warehouse, figures.INDICATORS, by="product", **given)
    return {r["key"]: (r["title"], r["title_zh"], r["gq_count"]) for r in rows}


def test_by_product_nothing_is_dropped_and_a_late_order_names_its_product(
    stored: Warehouse, ledger: Ledger, plant: Plant
) -> None:
    nobody = ("product not known", "产品未知", 23.0)
    none = ("no order told", "无订单信息", 3.0)
    assert products(stored) == {"": none, "?": nobody}
    mirror = OrderMirror(ledger.production, stored, lambda: (plant,))
    ledger.production.put([ProductionOrder("A-1", "IG-21", 10)], ASKER)
    assert mirror.look() == 1
    ledger.production.put([ProductionOrder("B/7", "XX", 10, title="Own", title_zh="自制")], ASKER)
    assert mirror.look() == 1
    assert mirror.look() == 0, "nothing changed"
    assert products(stored) == {
        "": none, "?": (*nobody[:2], 11.0), "IG-21": ("Input gear 21", "输入齿轮21", 5.0),
        "XX": ("Own", "自制", 7.0),
    }  # fmt: skip
    [whole] = ask(stored, figures.INDICATORS, by="all")
    parts = ask(stored, figures.INDICATORS, by="product")
    assert sum(p["pbt_h"] for p in parts) == pytest.approx(whole["pbt_h"])
    assert products(stored, product="XX").keys() == {"XX"}
    assert products(stored, product="?").keys() == {"?"}
    orders = {r["key"]: r["title"] for r in ask(stored, figures.INDICATORS, by="order")}
    assert orders == {"": "no order told", "A-1": "Input gear 21", "B/7": "Own", "NOBODY": ""}


def test_losses_of_a_product_add_up_to_its_planned_time(
    stored: Warehouse, ledger: Ledger, plant: Plant
) -> None:
    ledger.production.put([ProductionOrder("A-1", "IG-21", 10)], ASKER)
    OrderMirror(ledger.production, stored, lambda: (plant,)).look()
    losses = ask(stored, figures.LOSSES, product="IG-21")
    assert sum(r["time_ms"] for r in losses) == 900_000
    assert {r["loss"]: r["time_ms"] for r in losses} == {"good": 150_000, "speed": 750_000}
    rest = ask(stored, figures.LOSSES, product="?")
    assert sum(r["time_ms"] for r in rest) == 1_800_000
    stops = {"since_ms": LOW, "until_ms": LOW + HOUR_MS, "state": 4}
    assert len(ask(stored, states.STOPS, **stops, product="?")) == 1
    assert not ask(stored, states.STOPS, **stops, product="IG-21")


def test_an_order_that_is_changed_or_of_another_ledger_is_written_again(
    stored: Warehouse, ledger: Ledger, plant: Plant
) -> None:
    ledger.production.put([ProductionOrder("A-1", "IG-21", 10)], ASKER)
    OrderMirror(ledger.production, stored, lambda: (plant,)).look()
    ledger.production.put([ProductionOrder("A-1", "IG-24", 10)], ASKER)
    again = OrderMirror(ledger.production, stored, lambda: (plant,))
    assert (again.look(), OrderMirror(ledger.production, stored, tuple).look()) == (1, 0)
    assert products(stored)["IG-24"][2] == 5.0
    assert "IG-21" not in products(stored)
    assert stored.query("SELECT count() FROM production_order FINAL").column(0)[0].as_py() == 1


def test_reasons_have_the_names_of_the_machines_plant(stored: Warehouse, plant: Plant) -> None:
    def down() -> tuple[str, str, str]:
        [row] = [r for r in ask(stored, figures.LOSSES) if r["loss"] == "down"]
        return row["reason"], row["reason_title"], row["reason_title_zh"]

    assert down() == ("U-CTRL", "", ""), "a code without a name stays a code"
    other = [("other-plant", "U-CTRL", "Foreign", "外厂", "unplanned", "")]
    stored.insert(STOP_REASON, arrow_batch(STOP_REASON, reason_columns(other, [], LOW)))
    assert down() == ("U-CTRL", "", "")
    known: set[tuple[str, ...]] = {
        (plant.key, r.code, r.title, r.title_zh, str(r.category), r.parent)
        for r in plant.reasons.values()
    }
    store = Store(stored)
    store.write_reasons(known)
    assert store.reasons() == known, "what no plant has any more is void"
    assert down() == ("U-CTRL", "Controller", "控制系统")
    [stop] = ask(stored, states.STOPS, since_ms=LOW, until_ms=LOW + HOUR_MS, state=4)
    assert (stop["reason"], stop["reason_title_zh"]) == ("U-CTRL", "控制系统")
