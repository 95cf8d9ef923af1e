"""End to end: one platform link over TCP, decoded, committed, merged and queryable.

    millbrain bench ingest [--json]
    python benchmarks/ingest.py [--seconds 30] [--json] [--no-pages]

A player in a process of its own sends 464-byte frames of 144 cells and 72 probes flat out, logs out
and waits for the answer, which comes after the commit of all that was sent. The rate is reports in
the warehouse over the time from the first byte to that answer. Player, engine and someone who
looks at the overview twice a second share the machine.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, Process, engine, show
from _pages import watching

REPORTS_HZ_GOAL: Final = 150_000
COMMIT_P99_MS_GOAL: Final = 1000
MEMORY_MIB_GOAL: Final = 3 * 1024
ENGINE_US_GOAL: Final = 10
PLAYER_US_GOAL: Final = 0.5
VEHICLES: Final = 100_000
SETTLE_S_MAX: Final = 60  # after the load, merges may go on for so long
THREADS_SHOWN: Final = 6


def main(
    *,
    as_json: bool = False,
    seconds: float = 30.0,
    vehicles: int = VEHICLES,
    pages: bool = True,
) -> None:
    """Run the benchmark, print its figures and fail where a report is missing or doubled.

    pages: somebody looks at the overview twice a second meanwhile.
    """
    with engine() as running, watching(running.data) if pages else nullcontext() as watcher:
        before = running.cpu_s_by_thread()
        played = _play(running.ports["gbt32960"], seconds, vehicles)
        seen = watcher.figures() if watcher else []
        at_logout_s = running.cpu_s()
        _check(running, played)
        _wait_idle(running)
        spent = running.cpu_s_by_thread() - before
        figures = _figures(running, played, sum(spent.values()), at_logout_s - before.total())
        shares = [
            Figure(f"engine.thread.{name.replace(' ', '_')}", _us(cpu_s, played), "us/report")
            for name, cpu_s in spent.most_common(THREADS_SHOWN)
        ]
    show([*shares, *seen, *figures], as_json=as_json)


def _play(port: int, seconds: float, vehicles: int) -> dict[str, Any]:
    options = ["--player", str(port), "--seconds", str(seconds), "--vehicles", str(vehicles)]
    done = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True)
    played: dict[str, Any] = json.loads(done.stdout)
    if not played["is_complete"]:
        raise RuntimeError(f"the logout was not answered with ok: {played}")
    return played


def _check(running: Process, played: dict[str, Any]) -> None:
    """Compare what was sent with the rows and with the ledger: no report missing, none doubled."""
    ((rows, different),) = running.query(
        "SELECT count(), uniqExact(vin, device_at) FROM vehicle_report"
    )
    sums = "sum(received), sum(stored), sum(duplicate), sum(rejected)"
    ((received, stored, duplicate, rejected),) = running.query(f"SELECT {sums} FROM intake")
    found = [int(x) for x in (rows, different, stored - 2, received - 2, duplicate, rejected)]
    sent = played["frames"]
    if found != [sent, sent, sent, sent, 0, 0]:  # the 2 are platform login and logout
        raise RuntimeError(
            f"{sent} reports were sent; rows, different, stored, received, duplicate, rejected are "
            f"{found}"
        )


def _wait_idle(running: Process) -> None:
    """Let the merges that the load has left end, so that their time is counted too."""
    until_s = time.monotonic() + SETTLE_S_MAX
    last_s = running.cpu_s()
    while time.monotonic() < until_s:
        time.sleep(2)
        now_s = running.cpu_s()
        if now_s - last_s < 0.2:
            return
        last_s = now_s


def _figures(
    running: Process, played: dict[str, Any], cpu_s: float, cpu_at_logout_s: float
) -> list[Figure]:
    waits = "toUnixTimestamp64Milli(committed_at) - toUnixTimestamp64Milli(first_received_at)"
    ((p50, p99, longest),) = running.query(
        f"SELECT quantileExact(0.5)(w), quantileExact(0.99)(w), max(w)"
        f" FROM (SELECT {waits} AS w FROM intake)"
    )
    ((merges, merged, inserted),) = running.query(
        "SELECT sumIf(value, event = 'Merge'), sumIf(value, event = 'MergedRows'),"
        " sumIf(value, event = 'InsertedRows') FROM system.events"
    )
    ((parts, disk_bytes),) = running.query(
        "SELECT count(), sum(bytes_on_disk) FROM system.parts"
        " WHERE active AND table = 'vehicle_report'"
    )
    frames = played["frames"]
    return [
        Figure("ingest.reports", frames, "count"),
        Figure("ingest.disk", float(disk_bytes) / frames, "bytes/report"),
        Figure("ingest.parts", float(parts), "count"),
        Figure("ingest.merges", float(merges), "count"),
        Figure("ingest.rewrites", float(merged) / max(1.0, float(inserted)), "rows/row"),
        Figure("player.cpu", _us(played["cpu_s"], played), "us/report", PLAYER_US_GOAL),
        Figure("engine.cpu_until_logout", _us(cpu_at_logout_s, played), "us/report"),
        Figure("engine.cpu", _us(cpu_s, played), "us/report", ENGINE_US_GOAL),
        Figure("engine.memory_max", running.memory_mib(), "MiB", MEMORY_MIB_GOAL),
        Figure("ingest.commit_p50", float(p50), "ms", COMMIT_P99_MS_GOAL),
        Figure("ingest.commit_max", float(longest), "ms", COMMIT_P99_MS_GOAL),
        Figure("ingest.commit_p99", float(p99), "ms", COMMIT_P99_MS_GOAL),
        Figure("ingest.rate", frames / played["seconds"], "reports/s", REPORTS_HZ_GOAL),
    ]


def _us(cpu_s: float, played: dict[str, Any]) -> float:
    return cpu_s / float(played["frames"]) * 1e6


def player(port: int, seconds: float, vehicles: int) -> None:
    """Send frames flat out and print what was sent as JSON. Runs in a process of its own."""
    from millbrain.connect.gbt32960.simulator.cohort import City
    from millbrain.connect.gbt32960.simulator.fleet import STANDARD_PLAN
    from millbrain.connect.gbt32960.simulator.stream import Habits, reporters_of
    from millbrain.run.play import FLAT_START_S, CityTempo, stream_city

    city = City(STANDARD_PLAN, vehicles, seed=1)
    start_s = time.time() - FLAT_START_S
    city.settle(start_s, steps=3)
    reporters = reporters_of(city, Habits(sleep=False, logins=False))
    for _ in reporters[0].report(start_s - 60, 10, Counter()):
        pass  # loads the kernels before the clock starts
    tempo = CityTempo(seconds=seconds, speed="flat")
    before_s = time.process_time()
    where = ("127.0.0.1", port, "sim-bench", "bench")
    summary = asyncio.run(stream_city(reporters, start_s, where, tempo, lambda _sent, _all: None))
    print(json.dumps({
        "frames": summary.frames, "seconds": summary.seconds, "is_complete": summary.is_complete,
        "reconnects": summary.reconnects, "cpu_s": time.process_time() - before_s,
    }))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--vehicles", type=int, default=VEHICLES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-pages", action="store_true")
    parser.add_argument("--player", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.player:
        player(asked.player, asked.seconds, asked.vehicles)
    else:
        main(as_json=asked.json, seconds=asked.seconds, vehicles=asked.vehicles,
             pages=not asked.no_pages)  # fmt: skip
