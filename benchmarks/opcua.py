"""Values a second over OPC UA subscriptions, committed and queryable, beside a bare asyncua client.

    millbrain bench opcua [--seconds 10]
    python benchmarks/opcua.py [--seconds 10] [--nodes 2000] [--hz 60000]

One server changes its nodes at a fixed rate. First a bare asyncua client subscribes to all of them
and counts; then the room does, in an engine of its own, and counted is what its `reading` holds at
the end of the same span, committed with fsync. Both run beside the same server in the same run.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, Process, process, show
from _opcua_server import NAMESPACE, QUEUE

from millbrain.core.plant.tags import Connection, Tag
from millbrain.record.ledger import Ledger

SHARE_GOAL: Final = 0.8  # of what a bare client receives
START_S_MAX: Final = 60.0
_COUNTERPART: Final = str(Path(__file__).with_name("_opcua_server.py"))


def measure(seconds: float = 10.0, nodes: int = 2000, hz: float = 60_000.0) -> list[Figure]:
    """Return the rates of both, their cost a value, and their ratio."""
    with _server(nodes, hz) as url:
        bare_hz, bare_us = _bare(url, nodes, seconds)
        with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
            ours_hz, ours_us, memory_mib = _ours(Path(folder), url, nodes, seconds)
    return [
        Figure("opcua_offered_hz", hz, "1/s"),
        Figure("opcua_bare_cpu_us_per_value", bare_us, "us"),
        Figure("opcua_engine_cpu_us_per_value", ours_us, "us"),
        Figure("opcua_engine_memory_mib", memory_mib, "MiB"),
        Figure("opcua_bare_values_hz", bare_hz, "1/s"),
        Figure("opcua_values_hz", ours_hz, "1/s", SHARE_GOAL * bare_hz),
    ]


@contextmanager
def _server(nodes: int, hz: float) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    command = [sys.executable, _COUNTERPART, "serve", str(port), str(nodes), str(hz)]
    served = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert served.stdout is not None
        if served.stdout.readline() != b"serving\n":
            raise SystemExit("the server of the benchmark did not start")
        yield f"opc.tcp://127.0.0.1:{port}/bench"
    finally:
        served.kill()
        served.wait()
        if served.stdout:
            served.stdout.close()


def _bare(url: str, nodes: int, seconds: float) -> tuple[float, float]:
    command = [sys.executable, _COUNTERPART, "receive", url, str(nodes), str(seconds)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(told[0]), float(told[1])


def _ours(data: Path, url: str, nodes: int, seconds: float) -> tuple[float, float, float]:
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    options = {"publishing_ms": 100, "queue": QUEUE}
    ledger.tags.put_connection(Connection("bench", "opcua", endpoint=url, options=options))
    ledger.tags.put_tags([
        Tag("bench", f"nsu={NAMESPACE};s=n{n}", f"B{n // 50}", f"value_{n % 50}", period_ms=50)
        for n in range(nodes)
    ])  # fmt: skip
    ledger.close()
    started = ["--port", "0", "--clickhouse-port", "0", "--no-auth-peers"]
    with process("engine", data, started) as engine:
        until_s = time.monotonic() + START_S_MAX
        while _count(engine) < nodes:
            if time.monotonic() > until_s:
                raise SystemExit(f"{_count(engine)} of {nodes} nodes brought a value")
            time.sleep(0.1)
        time.sleep(1.0)
        before, began, spent = _count(engine), time.perf_counter(), engine.cpu_s()
        time.sleep(seconds)
        stored, took_s = _count(engine) - before, time.perf_counter() - began
        cpu_us = (engine.cpu_s() - spent) / max(stored, 1) * 1e6
        _balanced(engine)
        return stored / took_s, cpu_us, engine.memory_mib()


def _count(engine: Process) -> int:
    return int(engine.query("SELECT count() FROM reading")[0][0])


def _balanced(engine: Process) -> None:
    """Nothing received may be unaccounted for."""
    received, fates = engine.query("SELECT sum(received), sum(stored) + sum(duplicate) "
                                   "+ sum(rejected) FROM intake")[0]  # fmt: skip
    if int(received) != int(fates):
        raise SystemExit(f"{received} values were received, {fates} are accounted for")


def main(*, as_json: bool = False, seconds: float = 10.0, nodes: int = 2000,
         hz: float = 60_000.0) -> None:  # fmt: skip
    """Measure and print."""
    show(measure(seconds, nodes, hz), as_json=as_json)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--hz", type=float, default=60_000.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    main(as_json=asked.json, seconds=asked.seconds, nodes=asked.nodes, hz=asked.hz)
