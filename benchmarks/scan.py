"""From a scan to values on a (simulated) machine that were read back, the part known already.

    python benchmarks/scan.py [--json] [--records SCANS]

The real hand of the recipes over a ledger on disk (SQLite, every transaction synced), 200 recipes,
and a simulated controller that is a process of its own on a socket. The resolver is cut: every part
comes from what is known here. `scan.p99` runs from the call to the answer, both on one machine, so
the network of a plant comes on top. `disk` is what one synced write of the same disk takes: two of
them are in each scan.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show

from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Asked, Part, Recipe, Station
from millbrain.core.times import utc_from_epoch
from millbrain.decide.recipes.app import Recipes
from millbrain.decide.recipes.controller import LineController
from millbrain.decide.recipes.stores import UplinkError
from millbrain.record.ledger import Ledger

SCANS: Final = 1_000
RECIPES: Final = 200
WARM: Final = 20
GOAL_MS: Final = 20
_SETTINGS: Final = tuple(Setting(f"p{n}", 100.0 + n, "mm") for n in range(10))


class CutUplink:
    """A resolver that is not there."""

    def part(self, key: str) -> Part | None:
        """Say that it is not there."""
        raise UplinkError(f"cut: {key}")

    def tell(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Say that it is not there."""
        raise UplinkError(f"cut: {len(events)} events")


def main(*, as_json: bool = False, records: int = SCANS) -> None:
    """Run the benchmark and print its figures."""
    with tempfile.TemporaryDirectory(prefix="millbrain-scan-") as place, _controller() as address:
        folder = Path(place)
        ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        ledger.migrate()
        controller = LineController(lambda _: address)
        try:
            figures = _measured(ledger, controller, records)
        finally:
            controller.close()
            ledger.close()
        figures.insert(0, Figure("scan.disk_p50", _synced_ms(folder), "ms"))
    show(figures, as_json=as_json)


def _measured(ledger: Ledger, controller: LineController, count: int) -> list[Figure]:
    room = Recipes(ledger.recipes, ledger.scans, controller, CutUplink(),
                   lambda: utc_from_epoch(time.time()), ZoneInfo("Asia/Shanghai"))  # fmt: skip
    _fill(ledger, count + WARM)
    took, began_cpu = [], 0.0
    for number in range(count + WARM):
        if number == WARM:
            began_cpu = time.process_time()
        began = time.perf_counter()
        asked = Asked(str(uuid.uuid4()), f"88.608.8889/P{number:07}", "LATHE1", "wang")
        done = room.scan(asked)
        took.append((time.perf_counter() - began) * 1_000)
        if done.state != "written" or not done.is_cached:
            raise RuntimeError(f"scan {number}: {done.state} {done.failed} {done.detail}")
    spent_ms = (time.process_time() - began_cpu) * 1_000 / count
    took = sorted(took[WARM:])
    return [
        Figure("scan.cpu", spent_ms, "cpu_ms"),
        Figure("scan.p50", took[len(took) // 2], "ms", GOAL_MS),
        Figure("scan.p99", took[int(len(took) * 0.99)], "ms", GOAL_MS),
    ]


def _fill(ledger: Ledger, count: int) -> None:
    types = [f"SHAFT-{n}" for n in range(RECIPES)]
    ledger.recipes.put_recipes([Recipe(f"R-{t}", t, "20", _SETTINGS) for t in types], "bench")
    ledger.recipes.put_station(Station("LATHE1", "Lathe 1", "1号车床", "", is_simulated=True))
    at = utc_from_epoch(time.time())
    ledger.recipes.put_parts(
        Part(f"hdl:88.608.8889/P{n:07}", types[n % RECIPES], "B", "L1", fetched_at=at)
        for n in range(count)
    )


def _synced_ms(folder: Path) -> float:
    took = []
    with (folder / "probe").open("wb") as probe:
        for _ in range(50):
            began = time.perf_counter()
            probe.write(bytes(4096))
            probe.flush()
            os.fsync(probe.fileno())
            took.append((time.perf_counter() - began) * 1_000)
    return sorted(took)[25]


@contextmanager
def _controller() -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "millbrain.decide.recipes.simulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().rpartition(" ")[2].strip()
        finally:
            child.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--records", type=int, default=SCANS)
    given = parser.parse_args()
    main(as_json=given.json, records=given.records)
