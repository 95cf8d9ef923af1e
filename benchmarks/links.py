"""Five thousand vehicle links at once: how long they take to log in, and what they cost.

    millbrain bench links [--json]        python benchmarks/links.py [--links 5000] [--seconds 10]

Every terminal connects, logs in, reports every ten seconds, and logs out; all are connected at the
same time for the whole of `seconds`.
"""

import argparse
import asyncio
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from _engine import Figure, Process, engine, show

from millbrain.connect.gbt32960.simulator.clients import FLAG_OK, VehicleLink
from millbrain.connect.gbt32960.simulator.cohort import City
from millbrain.connect.gbt32960.simulator.fleet import STANDARD_PLAN
from millbrain.connect.gbt32960.simulator.stream import Habits, Reporter, reporters_of

LINKS_GOAL: Final = 5000
LOGIN_P99_MS_GOAL: Final = 5000
PERIOD_S: Final = 10.0
AT_ONCE: Final = 500  # connections being opened at the same time
FRAME_BYTES: Final = 464


def main(*, as_json: bool = False, links: int = LINKS_GOAL, seconds: float = 10.0) -> None:
    """Run the benchmark and print its figures."""
    _allow_files(2 * links + 1000)
    with engine() as running:
        figures = asyncio.run(_run(running, links, seconds))
    show(figures, as_json=as_json)


def _allow_files(wanted: int) -> None:
    """Raise the number of open files to what the links need; the engine inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


async def _run(running: Process, count: int, seconds: float) -> list[Figure]:
    reporters = reporters_of(City(STANDARD_PLAN, count), Habits(sleep=False, logins=False))
    vins = [row.tobytes().decode() for r in reporters for row in r.cohort.vin]
    port = running.ports["gbt32960"]
    links = [VehicleLink("127.0.0.1", port, edition=2016, id=vin) for vin in vins]
    gate = asyncio.Semaphore(AT_ONCE)
    began_s = time.monotonic()
    waits_ms = await asyncio.gather(*(_log_in(link, gate) for link in links))
    opened_s = time.monotonic() - began_s
    rounds = max(round(seconds / PERIOD_S), 1)
    for _ in range(rounds):
        await _report_all(reporters, links)
    ((stored,),) = running.query(
        "SELECT uniqExact(vin) FROM link_event WHERE event = 'vehicle_login'"
    )
    flags = await asyncio.gather(*(link.logout() for link in links))
    await asyncio.gather(*(link.close() for link in links))
    ((rows,),) = running.query("SELECT count() FROM vehicle_report")
    if list(flags).count(FLAG_OK) != count or int(rows) != count * rounds:
        raise RuntimeError(f"of {count} links {list(flags).count(FLAG_OK)} logged out, {rows} rows")
    return [
        Figure("links.open", opened_s, "s"),
        Figure("links.login_p99", float(np.quantile(waits_ms, 0.99)), "ms", LOGIN_P99_MS_GOAL),
        Figure("engine.memory_max", running.memory_mib(), "MiB", 3 * 1024),
        Figure("links.connected", float(stored), "count", LINKS_GOAL),
    ]


async def _log_in(link: VehicleLink, gate: asyncio.Semaphore) -> float:
    """Connect and log in; return how long the answer took [ms]."""
    async with gate:
        await link.open()
        asked_s = time.monotonic()
        flag = await link.login()
    if flag != FLAG_OK:
        raise RuntimeError(f"login of {link.id} was answered with {flag:#04x}")
    return (time.monotonic() - asked_s) * 1e3


async def _report_all(reporters: list[Reporter], links: list[VehicleLink]) -> None:
    """Send one report over every link, spread over the period."""
    began_s, at = time.monotonic(), 0
    for k, reporter in enumerate(reporters):
        for piece in reporter.report(time.time(), PERIOD_S, Counter()):
            raw = bytes(piece)
            for start in range(0, len(raw), FRAME_BYTES):
                await links[at].send(raw[start : start + FRAME_BYTES])
                at += 1
        due_s = began_s + PERIOD_S * (k + 1) / len(reporters)
        await asyncio.sleep(max(due_s - time.monotonic(), 0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--links", type=int, default=LINKS_GOAL)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    main(as_json=asked.json, links=asked.links, seconds=asked.seconds)
