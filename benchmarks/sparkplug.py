"""Values a second over Sparkplug: edge node, Mosquitto, engine, committed and queryable.

    python benchmarks/sparkplug.py [seconds]

One edge node tells messages of 100 metrics through a real broker; counted is what the engine's
`reading` holds in the end, over the time from the first message to the last row being queryable.
All processes share the machine.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _broker import broker, telling
from _engine import Figure, Process, process, show

from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger

GOAL_HZ: Final = 60_000.0
DEVICES: Final = 20
METRICS: Final = 100
WAIT_S_MAX: Final = 120.0
_TICK_HZ: Final = os.sysconf("SC_CLK_TCK")


def measure(seconds: float = 10.0, hz: float = 80_000.0) -> list[Figure]:
    """Tell `hz` values a second for so long and return what came through."""
    messages = int(seconds * hz / METRICS)
    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        data = Path(folder)
        with broker(data) as (port, broker_id):
            endpoint = f"mqtt://127.0.0.1:{port}"
            ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
            ledger.migrate()
            ledger.tags.put_connection(Connection("line", "sparkplug", endpoint=endpoint))
            ledger.close()
            options = ["--port", "0", "--clickhouse-port", "0", "--no-auth-peers"]
            with process("engine", data, options) as engine:
                told = multiprocessing.get_context("spawn").Event()
                teller = telling(port, DEVICES, METRICS, messages, hz / METRICS, told)
                wanted = DEVICES * METRICS
                _wait(engine, wanted)
                spent = engine.cpu_s(), _cpu_s(broker_id), _cpu_s(teller.pid or 0)
                began = time.perf_counter()
                told.set()
                _wait(engine, wanted + messages * METRICS)
                took_s = time.perf_counter() - began
                values = messages * METRICS
                figures = [
                    Figure("tags.sparkplug.engine_cpu_per_value",
                           (engine.cpu_s() - spent[0]) / values * 1e6, "us"),
                    Figure("tags.sparkplug.broker_cpu_per_value",
                           (_cpu_s(broker_id) - spent[1]) / values * 1e6, "us"),
                    Figure("tags.sparkplug.engine_memory_max", engine.memory_mib(), "MiB", 2048),
                    Figure("tags.sparkplug.values_told", values, "count"),
                    Figure("tags.sparkplug.values_hz", values / took_s, "1/s", GOAL_HZ),
                ]  # fmt: skip
                teller.join(30)
    return figures


def _wait(engine: Process, wanted: int) -> None:
    """Wait until so many readings can be queried."""
    until_s = time.monotonic() + WAIT_S_MAX
    found = -1
    while time.monotonic() < until_s:
        found = int(engine.query("SELECT count() FROM reading")[0][0])
        if found >= wanted:
            return
        time.sleep(0.1)
    raise SystemExit(f"{found} of {wanted} values were stored after {WAIT_S_MAX:g} s")


def _cpu_s(pid: int) -> float:
    text = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(text[11]) + int(text[12])) / _TICK_HZ


def main(*, as_json: bool = False, seconds: float = 10.0) -> None:
    """Measure and print."""
    show(measure(seconds), as_json=as_json)


if __name__ == "__main__":
    main(seconds=float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
