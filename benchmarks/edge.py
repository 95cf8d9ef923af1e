"""How fast an edge drains an outage into its centre, beside live data. All on this machine.

    python benchmarks/edge.py [minutes of outage]

2,000 tags at 1 Hz fill the buffer for so long (simulated values with steps of 0.01); then the
centre is there, live data go on at 2,000 values/s, and the backlog drains. Told are the rate, the
latency of live pushes meanwhile, what a buffered value costs on disk and in CPU, and what a
four-day outage would take at that rate.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, Process, process, show

from millbrain.core import limits
from millbrain.core.columns import Columns, Delivery
from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from millbrain.run.edge.buffer import Bounds, Buffer
from millbrain.run.edge.centre import Centre
from millbrain.run.edge.forwarding import Forwarder
from millbrain.run.edge.packing import Rows
from millbrain.run.edge.sink import EdgeSink
from millbrain.run.tags.secrets import SecretFiles

TAGS: Final = 2_000
FOUR_DAYS: Final = 4 * 86_400 * TAGS
GOAL_HZ: Final = FOUR_DAYS / 1_800  # within half an hour
_TICK_S: Final = 0.25
_BLOCK_S: Final = limits.EDGE_BLOCK_ROWS // TAGS


def fill(buffer: Buffer, seconds: int, now_ms: int) -> None:
    """Put an outage into the buffer, in joined blocks as the edge makes them."""
    noise = np.random.default_rng(3)
    names = [(f"MW-{n // 20:03d}", f"signal_{n % 20}") for n in range(TAGS)]
    series = np.array(buffer.series(names), np.int32)
    level = noise.normal(50, 20, TAGS)
    for begin in range(0, seconds, _BLOCK_S):
        many = min(_BLOCK_S, seconds - begin)
        at = now_ms - (seconds - begin - np.arange(many)) * 1000
        value = np.round(level[:, None] + noise.normal(0, 0.3, (TAGS, many)), 2)
        rows = TAGS * many
        buffer.write([(0, Rows(
            np.repeat(series, many), np.tile(at, TAGS), value.ravel(),
            np.full(rows, 192, np.uint8),
        ))])  # fmt: skip


def live(sink: EdgeSink, stop: threading.Event) -> None:
    """Deliver 2,000 values a second, a quarter of the tags each quarter second."""
    things = np.array([f"MW-{n // 20:03d}".encode() for n in range(TAGS)])
    signals = np.array([f"signal_{n % 20}".encode() for n in range(TAGS)])
    part = TAGS // 4
    for turn in range(1 << 30):
        if stop.wait(_TICK_S):
            return
        own = slice(turn % 4 * part, (turn % 4 + 1) * part)
        now = np.full(part, time.time_ns() // 1_000_000)
        values: dict[str, Any] = {
            "thing": things[own], "signal": signals[own], "device_at": now, "received_at": now,
            "value": np.full(part, 50.0), "quality": np.full(part, 192, np.uint8),
            "link": np.full(part, b"line"), "frame_count": np.ones(part, np.uint8),
        }  # fmt: skip
        sink.put(Delivery({"line": part}, {"reading": Columns(part, values)}))


def measure(minutes: float = 60.0) -> list[Figure]:
    """Fill, drain and return the figures."""
    seconds = int(minutes * 60)
    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        data, edge = Path(folder) / "centre", Path(folder) / "edge"
        data.mkdir()
        ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
        ledger.migrate()
        ledger.tags.put_connection(Connection("works", "http", endpoint="/push/works"))
        ledger.close()
        SecretFiles(data).put("works", "token", "t")
        buffer = Buffer(edge / "buffer.sqlite", Bounds(64 << 30, 10 * 86_400))
        spent = time.process_time()
        fill(buffer, seconds, time.time_ns() // 1_000_000)
        filled_us = (time.process_time() - spent) / (seconds * TAGS) * 1e6
        value_bytes = buffer.status()["bytes"] / (seconds * TAGS)
        options = ["--port", "0", "--clickhouse-port", "0", "--no-auth-peers"]
        with process("engine", data, options) as engine:
            url = f"http://127.0.0.1:{engine.ports['http']}/push/works"
            figures = _drain(buffer, Centre(url, "t"), engine, seconds * TAGS)
        buffer.close()
    return [
        Figure("buffered_bytes_per_value", value_bytes, "B"),
        Figure("packing_cpu_us_per_value", filled_us, "us"),
        *figures,
    ]


def _drain(buffer: Buffer, centre: Centre, engine: Process, waiting: int) -> list[Figure]:
    sink = EdgeSink(buffer)
    forwarder = Forwarder(buffer, centre, "bench", share=0.95)
    stop = threading.Event()
    feeding = threading.Thread(target=live, args=(sink, stop))
    sink.start()
    time.sleep(6)  # what was filled is older than the live lane's horizon
    ages = []
    feeding.start()
    spent, ours = engine.cpu_s(), time.process_time()
    forwarder.start()
    began = time.perf_counter()
    while forwarder.sent["backlog"] < waiting:
        time.sleep(0.2)
        ages.append(forwarder.live_age_s)
    took_s = time.perf_counter() - began
    spent, ours = engine.cpu_s() - spent, time.process_time() - ours
    stop.set()
    feeding.join()
    sink.stop()
    forwarder.stop()
    rate_hz = forwarder.sent["backlog"] / took_s
    stored = int(engine.query("SELECT count() FROM reading")[0][0])
    held = buffer.status()  # every row that was accepted is another reading
    twice = stored - (held["accepted"] - held["rows_waiting"])
    return [
        Figure("engine_cpu_us_per_value", spent / waiting * 1e6, "us"),
        Figure("edge_cpu_us_per_value", ours / waiting * 1e6, "us"),
        Figure("engine_memory_mib", engine.memory_mib(), "MiB"),
        Figure("live_push_age_p95", float(np.percentile(ages, 95)), "s"),
        Figure("values_stored", stored, "count"),
        Figure("values_stored_twice", twice, "count"),
        Figure("four_days_take_min", FOUR_DAYS / rate_hz / 60, "min"),
        Figure("drain_values_hz", rate_hz, "1/s", GOAL_HZ),
    ]  # fmt: skip


def main(*, as_json: bool = False, minutes: float = 60.0) -> None:
    """Measure and print."""
    show(measure(minutes), as_json=as_json)


if __name__ == "__main__":
    main(minutes=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
