"""Resolving over real sockets: this node over UDP, TCP and HTTP, Knot DNS beside it.

    python benchmarks/resolve.py [--json] [--records N] [--data FOLDER]

The server has one core and the client another. For each face: answers a second with 128 requests on
their way, the same for a CPU second of the server, then the latency at 70 % of that rate. 50,000 of
the records are asked for at random. Knot DNS, a name server in C, answers TXT records of the same
size from memory; it is the bound, and left out where it is not installed. `cold` asks over UDP for
a million different ones, more than are kept ready, so that nearly each is read from the store.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show
from _serving import HERE, cpu_s, millbrain, on_core, resolver, running

RECORDS: Final = 1_000_000
SECONDS: Final = 5.0
LOAD: Final = 0.7
GOALS: Final = {"udp": 60_000, "tcp": 60_000, "http": 12_000}
KNOT_RECORDS: Final = 200_000
SHARE_OF_KNOT: Final = 0.45
LATENCY_MS: Final = 2.0


def main(*, as_json: bool = False, records: int = RECORDS, data: Path | None = None) -> None:
    """Run the benchmark and print its figures."""
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (folder / "identifiers").exists():
            millbrain("handles", "generate", str(records), "--data", str(folder))
        figures = [Figure("resolve.records", records, "1")]
        disk = sum(f.stat().st_size for f in (folder / "identifiers").iterdir())
        figures.append(Figure("resolve.disk", disk / records, "B/record", 60))
        per_cpu = {}
        with resolver(folder) as (pid, ports):
            for kind, goal in GOALS.items():
                port = ports["http" if kind == "http" else "handle"]
                found, per_cpu[kind] = _measured(kind, port, records, pid, goal)
                figures += found
            figures += _measured("cold", ports["handle"], records, pid, 0)[0][1:]
        figures += _beside_knot(per_cpu["udp"])
    show(figures, as_json=as_json)


def _measured(
    kind: str, port: int, records: int, pid: int, goal: float
) -> tuple[list[Figure], float]:
    if kind != "cold":  # blocks that the first requests read from disk are no part of the rate
        _asked(kind, port, records, 1.0, 0)
    before = cpu_s(pid)
    flat = _asked(kind, port, records, SECONDS, 0)
    spent = cpu_s(pid) - before
    per_cpu = flat["answers"] / spent
    calm = _asked(kind, port, records, SECONDS, LOAD * flat["rate"])
    return [
        Figure(f"resolve.{kind}_p99", calm["p99_ms"], f"ms_at_{LOAD:.0%}", LATENCY_MS),
        Figure(f"resolve.{kind}_per_cpu", per_cpu, "1/cpu_s", goal),
        Figure(f"resolve.{kind}", flat["rate"], "1/s", goal),
    ], per_cpu


def _beside_knot(own: float) -> list[Figure]:
    if shutil.which("knotd") is None:
        print("Knot DNS is not installed: the bound in C is left out", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as folder, _knot(Path(folder)) as (pid, port):
        before = cpu_s(pid)
        flat = _asked("dns", port, KNOT_RECORDS, SECONDS, 0)
        knot = flat["answers"] / (cpu_s(pid) - before)
    return [
        Figure("resolve.knot_per_cpu", knot, "1/cpu_s"),
        Figure("resolve.udp_of_knot", own / knot, "x", SHARE_OF_KNOT),
    ]


def _asked(kind: str, port: int, records: int, seconds: float, rate: float) -> dict[str, float]:
    command = [sys.executable, str(HERE / "_asking.py"), kind, str(port), str(records),
               str(seconds), str(rate)]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, preexec_fn=on_core(1))
    found: dict[str, float] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def _knot(folder: Path) -> Iterator[tuple[int, int]]:
    zone = ["$ORIGIN example.cn.", "@ 3600 SOA ns.example.cn. a.example.cn. 1 1 1 1 1",
            "@ 3600 NS ns.example.cn.", "ns 3600 A 127.0.0.1"]  # fmt: skip
    zone += [f'p{n:09d} 3600 TXT "https://id.example.cn/p/{n:09d}" "NC250-{n % 977:05d}"'
             for n in range(KNOT_RECORDS)]  # fmt: skip
    (folder / "example.zone").write_text("\n".join(zone) + "\n", "ascii")
    port = 20_000 + os.getpid() % 20_000
    (folder / "knot.conf").write_text(
        f"server:\n  listen: 127.0.0.1@{port}\n  rundir: {folder}\n  udp-workers: 1\n"
        f"  tcp-workers: 1\n  background-workers: 1\ndatabase:\n  storage: {folder}\n"
        f"zone:\n  - domain: example.cn\n    storage: {folder}\n    file: example.zone\n",
        "ascii",
    )
    with running(["knotd", "-c", str(folder / "knot.conf")]) as child:
        time.sleep(4)
        yield child.pid, port


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    main(as_json=given.json, records=given.records, data=given.data)
