"""The demonstration's cell over real processes: records, controllers, scans, events."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from millbrain.core.scans.recipes import Asked, Scan
from millbrain.record.ledger import Ledger
from millbrain.run import run_files
from millbrain.run.demo import fill_cell
from millbrain.run.scans import ResolverUplink, ScanKeeper
from millbrain.run.settings import Settings, load, prepare_data_folder
from tests.engines import Process

pytestmark = pytest.mark.slow
SHAFT = "88.999.1/SHAFT-0001"


@dataclass
class Cell:
    """The running processes and the keeper of scans."""

    settings: Settings
    resolver: Process
    ledger: Ledger
    keeper: ScanKeeper

    def scan(self, station: str, text: str = SHAFT, who: str = "admin") -> Scan:
        return self.keeper.scan(Asked(str(uuid.uuid4()), text, station, who))

    def settles(self, **wanted: Any) -> bool:
        """Wait until the keeper's status says so."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            status = self.keeper.status()
            if all(status[name] == value for name, value in wanted.items()):
                return True
            time.sleep(0.05)
        return False


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    settings = load(tmp_path, None)
    key = prepare_data_folder(settings)
    ledger = Ledger(settings.ledger_url)
    ledger.migrate()
    controllers = Process("controllers", tmp_path, ("--port", "0")).start()
    assert fill_cell(settings, controllers.ports["controllers"]) == 10
    assert fill_cell(settings, 1) == 0, "it is written once"
    resolver = Process("resolver", tmp_path, ("--port", "0", "--http-port", "0")).start()

    def ports(settings: Settings) -> dict[str, int] | None:
        found = run_files.read(settings.run_file("resolver"))
        return dict(found["ports"]) if found else None

    uplink = ResolverUplink(partial(ports, settings), key, "")
    keeper = ScanKeeper(ledger, uplink, settings.time_zone).start()
    try:
        yield Cell(settings, resolver, ledger, keeper)
    finally:
        keeper.stop()
        ledger.close()
        for process in (resolver, controllers):
            if process.process and process.process.poll() is None:
                process.stop()


def test_from_the_record_to_the_machine_to_the_event(cell: Cell) -> None:
    done = cell.scan("LATHE-1")
    assert (done.state, done.recipe, done.step) == ("written", "TURN-SHAFT-12-B", "20")
    assert {s["name"]: s["value"] for s in done.read_back}["finish_diameter"] == 31.982
    assert cell.settles(events_waiting=0, trouble="")
    told = cell.ledger.scans.get(done.id)
    assert told is not None
    assert told.state == "recorded"
    station = cell.ledger.recipes.station("LATHE-1")
    assert station is not None
    assert station.tool_life == 118
    wrong = {
        "88.999.1/SHAFT-0011": "step_order", "88.999.1/SHAFT-0013": "hold",
        "88.999.1/FLANGE-0001": "right_part", "88.999.1/SHAFT-9999": "part_known",
    }  # fmt: skip
    for text, check in wrong.items():
        assert check in {f["check"] for f in cell.scan("LATHE-1", text).failed}, text
    old = {f["check"] for f in cell.scan("LATHE-1", "88.999.1/SHAFT-0012").failed}
    assert old == {"revision", "lot", "in_date"}
    worn = cell.scan("LATHE-2", "88.999.1/SHAFT-0002", who="zhang")
    assert {f["check"] for f in worn.failed} == {"tool_life", "qualified"}


def test_a_cut_uplink_and_its_return(cell: Cell) -> None:
    assert cell.scan("LATHE-1").state == "written"
    assert cell.settles(events_waiting=0)
    cell.resolver.stop()
    cached = cell.scan("GRINDER-1")
    assert (cached.state, cached.is_cached) == ("written", True)
    assert cell.settles(
        events_waiting=1, trouble="the resolver of this installation is not running"
    )
    cell.resolver.start()
    assert cell.settles(events_waiting=0, trouble="")
