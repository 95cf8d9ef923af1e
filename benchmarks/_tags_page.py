"""The part of `tags` that opens machine pages while readings come at the rate of the goal.

A plant of 1,000 machines with 200 signals each at 1 Hz is pushed as Arrow; the month before stands
in `machine_hour` already. A page is what its module asks for: the shell, then the day with the
state, the newest readings, the tags, the curve of 8 hours and the failures of a month, over six
connections.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import _tags_http as http
import effectiveness
from _engine import Figure, process
from _pages import watching

MACHINES: Final = 1_000
SIGNALS: Final = 200
TREND: Final = "power_kw,spindle_speed_rpm,spindle_load_pct"  # the page draws the first there is
SECONDS_MIN: Final = 30.0
MONTH_MS: Final = effectiveness.MONTH_MS


def name_of(number: int) -> str:
    """Return the name of a machine; the senders push under these names."""
    each = MACHINES // http.SENDERS
    return f"paced{number // each}-M{number % each:04d}"


def asked(number: int) -> Sequence[Sequence[str]]:
    """Return what the page of a machine asks for."""
    machine = name_of(number * 37 % MACHINES)
    room = "/api/v1/rooms/effectiveness"
    own = urlencode({"machine": machine})
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 8 * 3600))
    curve = urlencode({"thing": machine, "signals": TREND, "from": since, "points": 400})
    return [
        [f"/plant/machine/{machine}"],
        [
            f"{room}/machine_day?{own}",
            f"/api/v1/readings/latest?{urlencode({'thing': machine, 'size': 200})}",
            f"/api/v1/tags?{urlencode({'thing': machine, 'size': 500})}",
            f"/api/v1/readings?{curve}",
            f"{room}/machine_failures?{own}",
        ],
    ]


def figures(seconds: float) -> list[Figure]:
    """Run the plant and open its pages; return the figures."""
    seconds = max(seconds, SECONDS_MIN)
    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        data = Path(folder)
        http.connect_all(data, [f"paced-{n}" for n in range(http.SENDERS)])
        _remember(data)
        options = ["--port", "0", "--clickhouse-port", "0", "--no-auth-peers"]
        with process("engine", data, options) as running:
            sender = subprocess.Popen([
                sys.executable, http.__file__, "--send", "paced", "--port",
                str(running.ports["http"]), "--seconds", str(seconds),
            ], stdout=subprocess.PIPE)  # fmt: skip
            assert sender.stdout
            sender.stdout.readline()  # until it begins
            with watching(data, {"machine.page": asked}) as watcher:
                status = sender.wait()
            if status:
                raise RuntimeError("the senders failed")
            ((rows, span_ms),) = running.query(
                "SELECT count(), toUnixTimestamp64Milli(max(received_at)) - "
                "toUnixTimestamp64Milli(min(received_at)) FROM reading"
            )
            memory = running.memory_mib()
    opened = watcher.taken_ms["machine.page"]
    for path, ms in sorted(watcher.slowest_ms.items(), key=lambda each: -each[1])[:9]:
        print(f"# slowest {ms:.0f} ms {path}", file=sys.stderr)
    return [
        Figure("tags.pages.rate", int(rows) / (int(span_ms) / 1000), "values/s", http.RATE_HZ_GOAL),
        Figure("tags.pages.engine_memory_max", memory, "MiB", http.MEMORY_MIB_GOAL),
        Figure("tags.pages.opened", len(opened), "pages"),
        *(Figure(f"tags.{f.name}", f.value, f.unit, f.goal) for f in watcher.figures()),
    ]


def _remember(data: Path) -> None:
    """Store the month before, in a process of its own: an engine has one folder in a process."""
    subprocess.run([sys.executable, __file__, str(data)], check=True)


def remember(data: Path) -> None:
    """Store the month before of all machines."""
    from millbrain.record.warehouse import open_embedded

    low = (int(time.time() * 1000) - MONTH_MS) // effectiveness.HOUR_MS * effectiveness.HOUR_MS
    few = [effectiveness.drawn(seed, low) for seed in range(effectiveness.STORED)]
    warehouse = open_embedded(data / "warehouse")
    effectiveness.filled(warehouse, few, effectiveness.plan_of(low), low, name_of)
    warehouse.close()


if __name__ == "__main__":
    remember(Path(sys.argv[1]))
