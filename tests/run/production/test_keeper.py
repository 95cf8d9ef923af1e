"""Production over real processes: the demonstration's orders, their events at a real resolver."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
import urllib3

from millbrain.core import vouchers
from millbrain.core.production.reports import Fate, Kind, Lot, Report
from millbrain.core.times import utc_from_epoch
from millbrain.core.vouchers import Voucher
from millbrain.core.work.working_time import china
from millbrain.decide.production.model import ProductionRules
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker, ProductionFilter
from millbrain.run import run_files
from millbrain.run.demo import fill_cell
from millbrain.run.plant.load import PlantBook
from millbrain.run.production import ProductionKeeper
from millbrain.run.production.demo import fill_production
from millbrain.run.scans import ResolverUplink
from millbrain.run.settings import Settings, load, prepare_data_folder
from tests.engines import Process

pytestmark = pytest.mark.slow
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass
class Works:
    """The ledger, the keeper, and how to ask the resolver."""

    settings: Settings
    key: str
    ledger: Ledger
    keeper: ProductionKeeper

    def events(self, thing: str) -> list[dict[str, object]]:
        """Return the events that the resolver knows of a thing."""
        ports = _ports(self.settings)
        assert ports
        until_s = int(time.time()) + vouchers.LIFE_S
        proof = vouchers.write(Voucher("test", True, "", "", until_s), self.key)
        answer = urllib3.request(
            "GET", f"http://127.0.0.1:{ports['http']}/epcs/{thing}/events",
            headers={"Authorization": proof},
        )  # fmt: skip
        assert answer.status == 200, answer.data
        told = orjson.loads(answer.data)
        found: list[dict[str, object]] = told["epcisBody"]["queryResults"]["resultsBody"][
            "eventList"
        ]
        return found


def _ports(settings: Settings) -> dict[str, int] | None:
    found = run_files.read(settings.run_file("resolver"))
    return dict(found["ports"]) if found else None


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    settings = load(tmp_path, None)
    key = prepare_data_folder(settings)
    ledger = Ledger(settings.ledger_url)
    ledger.migrate()
    fill_cell(settings, 1)
    assert fill_production(settings) == 14
    assert fill_production(settings) == 0, "they are written once"
    resolver = Process("resolver", tmp_path, ("--port", "0", "--http-port", "0")).start()
    uplink = ResolverUplink(partial(_ports, settings), key, "")
    plants = PlantBook(settings.analyse.plants)
    keeper = ProductionKeeper(ledger, uplink, plants, china(ZONE), ProductionRules.of()).start()
    try:
        yield Works(settings, key, ledger, keeper)
    finally:
        keeper.stop()
        ledger.close()
        resolver.stop()


def test_the_demonstration_and_its_events(works: Works) -> None:
    orders, total = works.ledger.production.page(ProductionFilter(), size=50)
    assert total == 14
    assert all(order.simulated for order in orders)
    begun = [o for o in orders if o.state == "started"]
    assert len(begun) == 8
    operations = works.ledger.production.operations([o.number for o in begun])
    assert not [c for own in operations.values() for o in own for c in o.conflicts]
    order = begun[0]
    serial, bar = "hdl:88.999.1/TEST-S1", "hdl:88.999.1/TEST-BAR"
    at = utc_from_epoch(time.time())
    step = operations[order.number][-1].plan.step
    made = Report(
        "0b0e1d6c-8f53-4c1e-9d1b-6f7a5f0c2a11", order.number, step, Kind.GOOD, "P001", at, at,
        quantity=1, device_at=at, produced=(Lot(serial, 1, True),), consumed=(Lot(bar, 1),),
    )  # fmt: skip
    assert works.ledger.reports.take([made], Asker("test"))[0].fate is Fate.STORED
    until = time.monotonic() + 60
    while works.keeper.status()["events_waiting"] and time.monotonic() < until:
        time.sleep(0.1)
    status = works.keeper.status()
    assert (status["events_waiting"], status["events_refused"], status["trouble"]) == (0, 0, "")
    [event] = works.events("hdl:88.999.1%2FTEST-S1")
    assert (event["type"], event["eventID"]) == ("TransformationEvent", f"urn:uuid:{made.id}")


def test_every_open_order_has_a_projection(works: Works) -> None:
    until = time.monotonic() + 60
    numbers = [o.number for o in works.ledger.production.open_orders()]
    while works.keeper.status()["open_orders"] < len(numbers) and time.monotonic() < until:
        time.sleep(0.1)
    for number in numbers:
        found = works.keeper.projection(number)
        assert found
        assert found.end
        assert found.why_zh
        assert works.ledger.production.get(number).projected_at
