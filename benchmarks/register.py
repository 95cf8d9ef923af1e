"""Registering over the command line and over real sockets, on disk before it is acknowledged.

    python benchmarks/register.py [--json] [--records N]

First a file of JSON lines, two values each, goes through `millbrain handles load`; the rate counts
from start to end of the process, the rate per CPU second counts its user and system time. Then 32
clients create identifiers one by one over the binary protocol, each creation challenged and proved,
and over HTTP. Last a client registers batches of 2,000 rows over the REST interface of enterprise
nodes, each row held to a template of two fields. The server has one core and the clients another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _creating import RECORDS
from _engine import Figure, show
from _ranges import ranges
from _serving import HERE, cpu_s, millbrain, on_core, resolver

FILE_RECORDS: Final = 1_000_000
CLIENTS: Final = 32
SECONDS: Final = 5
LOAD_GOAL_HZ: Final = 100_000
CREATE_GOAL_HZ: Final = 3_000
BATCHES: Final = 50
BATCH_LINKS: Final = 2
BATCH_GOAL_HZ: Final = 20_000
BYTES_GOAL: Final = 60


def main(*, as_json: bool = False, records: int = FILE_RECORDS) -> None:
    """Run the benchmark and print its figures."""
    with tempfile.TemporaryDirectory(prefix="millbrain-register-") as place:
        folder = Path(place)
        figures = _loaded(folder, records)
        with resolver(folder) as (pid, ports):
            for kind, port in (("tcp", ports["handle"]), ("http", ports["http"])):
                figures += _created(kind, port, pid)
            figures += _batched(ports["http"], pid)
        figures += ranges(folder / "ranges")
        figures.append(figures.pop(0))
    show(figures, as_json=as_json)


def _loaded(folder: Path, records: int) -> list[Figure]:
    """Return rate, rate a CPU second and bytes a record of a file that is loaded."""
    path = folder / "parts.jsonl"
    _write(path, records)
    before, began = os.times(), time.perf_counter()
    millbrain("handles", "load", str(path), "--data", str(folder))
    took, after = time.perf_counter() - began, os.times()
    spent = sum(after[2:4]) - sum(before[2:4])
    disk = sum(f.stat().st_size for f in (folder / "identifiers").glob("*.[sl][so][tg]"))
    return [
        Figure("register.file", records / took, "1/s", LOAD_GOAL_HZ),
        Figure("register.file_per_cpu", records / spent, "1/cpu_s", LOAD_GOAL_HZ),
        Figure("register.disk", disk / records, "B/record", BYTES_GOAL),
    ]


def _write(path: Path, records: int) -> None:
    with path.open("w", encoding="ascii") as file:
        for record in RECORDS:
            file.write(json.dumps(record) + "\n")
        for number in range(records):
            serial = number * 2_654_435_761 % 10_000_000_000
            file.write(
                f'{{"handle":"88.608.8889/P{serial:010d}","values":[{{"index":1,"type":"URL",'
                f'"data":"https://id.example.cn/p/{serial:010d}","ttl":86400}},{{"index":2000,'
                f'"type":"MODEL","data":"NC250-{number % 977:05d}","ttl":86400}}]}}\n'
            )


def _created(kind: str, port: int, pid: int) -> list[Figure]:
    command = [sys.executable, str(HERE / "_creating.py"), kind, str(port), str(CLIENTS),
               str(SECONDS)]  # fmt: skip
    before = cpu_s(pid)
    done = subprocess.run(command, check=True, capture_output=True, preexec_fn=on_core(1))
    spent, found = cpu_s(pid) - before, json.loads(done.stdout)
    return [
        Figure(f"register.{kind}_per_cpu", found["count"] / spent, "1/cpu_s", CREATE_GOAL_HZ),
        Figure(f"register.{kind}", found["rate"], "1/s", CREATE_GOAL_HZ),
    ]


def _batched(port: int, pid: int) -> list[Figure]:
    """Return rate and rate a CPU second of rows that come in batches, all on disk when answered."""
    command = [sys.executable, str(HERE / "_batching.py"), str(port), str(BATCHES),
               str(BATCH_LINKS)]  # fmt: skip
    before = cpu_s(pid)
    done = subprocess.run(command, check=True, capture_output=True, preexec_fn=on_core(1))
    spent, found = cpu_s(pid) - before, json.loads(done.stdout)
    return [
        Figure("register.batch_per_cpu", found["count"] / spent, "1/cpu_s", BATCH_GOAL_HZ),
        Figure("register.batch", found["rate"], "1/s", BATCH_GOAL_HZ),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--records", type=int, default=FILE_RECORDS)
    given = parser.parse_args()
    main(as_json=given.json, records=given.records)
