"""Simulated machines work under the installation's simulated orders, each once."""

from datetime import timedelta
from pathlib import Path

from millbrain.core.times import utc_from_epoch
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import ProductionFilter
from millbrain.run.plant import load_plant
from millbrain.run.plant.floor import Floor
from millbrain.run.plant.lines import BEGUN_H, OpenOrder
from millbrain.run.plant.process import open_orders
from millbrain.run.production.demo import fill_orders
from millbrain.run.settings import load

START_S = 1_790_000_400.0


def test_a_lot_is_an_order_of_its_product_once_and_from_its_instant_on() -> None:
    plant = load_plant("machining-works")
    line = plant.units("MW-L01")
    orders = [
        OpenOrder("O-1", "IG-21", 24, 0.0),
        OpenOrder("O-LATE", "IG-21", 24, START_S + 30 * 86_400),
        OpenOrder("O-OTHER", "FL-21", 24, 0.0),
    ]
    floor = Floor(plant, START_S, 3, line, orders)
    floor.advance(START_S + 2 * 86_400)
    told = [str(c.value) for c in floor.take_changes() if c.signal == "order_operation"]
    numbers = {text.rpartition("/")[0] for text in told}
    routing = plant.routing_of("IG-21")
    assert routing
    steps = {str(o.step) for o in routing.operations}
    assert {n for n in numbers if not n.startswith("SIM-")} == {"O-1"}
    assert {t.rpartition("/")[2] for t in told if t.startswith("O-1/")} <= steps
    assert any(n.startswith("SIM-IG-21-") for n in numbers), "afterwards lots go on by themselves"
    assert sum(t.startswith("O-1/") for t in told) <= len(floor.machines), "one lot a machine"


def test_it_is_the_demonstrations_released_orders(tmp_path: Path) -> None:
    settings = load(tmp_path, None)
    ledger = Ledger(settings.ledger_url)
    ledger.migrate()
    plant = load_plant("machining-works")
    fill_orders(ledger, [plant], utc_from_epoch(START_S))
    known = {o.number: o for o in ledger.production.page(ProductionFilter(), size=50)[0]}
    ledger.close()
    found = {o.number: o for o in open_orders(settings)}
    assert found.keys() == {n for n, o in known.items() if o.state in ("released", "started")}
    for number, order in found.items():
        entered_at = known[number].entered_at
        assert entered_at
        assert order.from_s == (entered_at - timedelta(hours=BEGUN_H)).timestamp()
        assert (order.product, order.quantity) == (known[number].product, known[number].quantity)
