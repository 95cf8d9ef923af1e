"""A small machining cell for tests: ledger, simulated controller, a resolver that can be cut."""

import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from millbrain.core.errors import RefusedError
from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Asked, Job, Part, Recipe, Scan, Station
from millbrain.core.times import utc_from_epoch
from millbrain.decide.recipes.app import Recipes
from millbrain.decide.recipes.controller import LineController
from millbrain.decide.recipes.simulator import Simulator
from millbrain.decide.recipes.stores import UplinkError
from millbrain.record.ledger import Ledger

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SPEED, FEED = Setting("spindle_speed", 1800.0, "1/min"), Setting("feed", 0.12, "mm")
TURN = Recipe("TURN-A", "SHAFT", "20", (SPEED, FEED), revision="B", station="LATHE1",
              after="10", qualification="turning", tool_cycles=2, program="O2001")  # fmt: skip
CUT = Recipe("CUT-A", "SHAFT", "10", (Setting("length", 212.5, "mm"),), station="SAW1")
GRIND = Recipe("GRIND-A", "SHAFT", "30", (Setting("speed", 32.0, "m/s"),), station="GRIND1",
               after="20")  # fmt: skip
GOOD = Part("hdl:88.100.1/S1", "SHAFT", "B", "L7", "2027-01-01", fetched_at=NOW)


@dataclass
class Resolver:
    """What a resolver would say; `is_cut` makes it unreachable, `refused` an event not taken."""

    parts: dict[str, Part] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    is_cut: bool = False
    refused: str = ""
    asked: int = 0

    def part(self, key: str) -> Part | None:
        self.asked += 1
        if self.is_cut:
            raise UplinkError("the resolver does not answer")
        return self.parts.get(key)

    def tell(self, events: Sequence[Mapping[str, Any]]) -> None:
        if self.is_cut:
            raise UplinkError("the resolver does not answer")
        ids = [str(event["eventID"]) for event in events]
        if self.refused in ids:
            raise RefusedError("not taken")
        self.told += ids


class Cell:
    """Three stations on one simulated controller, and everything between a scan and them."""

    def __init__(self, folder: Path, address: str = "") -> None:
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        self.ledger.migrate()
        self.simulator = None if address else Simulator().start()
        self.address = address or (self.simulator.address if self.simulator else "")
        self.resolver = Resolver({GOOD.key: GOOD})
        self.at = NOW
        book = self.ledger.recipes
        if not book.recipes():
            book.put_recipes([TURN, CUT, GRIND], "admin")
            for name in ("SAW1", "LATHE1", "GRIND1"):
                book.put_station(Station(name, name, name, self.address, is_simulated=True))
            book.put_qualification("wang", "turning", "2026-12-31")
        self.controller = LineController(lambda _: self.address, wait_s=0.5)
        self.recipes = Recipes(
            self.ledger.recipes, self.ledger.scans, self.controller, self.resolver,
            lambda: self.at, ZoneInfo("Asia/Shanghai"),
        )  # fmt: skip

    def scan(self, station: str, text: str = "88.100.1/S1", who: str = "wang",
             scan_id: str = "") -> Scan:  # fmt: skip
        return self.recipes.scan(Asked(scan_id or str(uuid.uuid4()), text, station, who))

    def change(self, station: str, **more: Any) -> None:
        known = self.ledger.recipes.station(station)
        assert known is not None
        values = {n: getattr(known, n) for n in ("name", "title", "title_zh", "address", "tool_set",
                                                 "tool_life", "job")}  # fmt: skip
        self.ledger.recipes.put_station(Station(**values | more))

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def held(self, station: str) -> dict[str, Any]:
        assert self.simulator is not None
        return {s["name"]: s["value"] for s in self.simulator.held[station]["settings"]}

    def close(self) -> None:
        self.controller.close()
        if self.simulator:
            self.simulator.stop()
        self.ledger.close()


def job(**more: Any) -> Job:
    """Return a job of a station."""
    return Job(**more)


def victim(folder: str, address: str, scan_id: str) -> None:
    """Scan once, for a process that is killed meanwhile."""
    cell = Cell(Path(folder), address)
    print("ready", flush=True)
    cell.at = utc_from_epoch(time.time())
    cell.recipes.scan(Asked(scan_id, "88.100.1/S1", "SAW1", "wang"))
    print("done", flush=True)


if __name__ == "__main__":
    victim(*sys.argv[1:])
