"""Traces and recalls over ten million events, asked of a real resolver over HTTP.

    python benchmarks/trace.py [--json] [--records EVENTS]

The store is made in the order of its keys (`_tracing`); how many bytes it takes is one of the
figures. Then a client on the other core asks, each product only once: the whole tree of a product
(21,863 things on eight levels) downwards; a recall of a lot that 1,000 parts are made of and of a
melt that a whole product is made of (21,846 things), eight levels upwards; a single part, upwards.
Every answer is a first page of 200 things with fields and places. p99 of so few questions is the
slowest of them.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _tracing
from _engine import Figure, show
from _serving import cpu_s, resolver

EVENTS: Final = 10_000_000
QUESTIONS: Final = 40
GOAL_MS: Final = 1_000
_BYTES_GOAL: Final = 500


def main(*, as_json: bool = False, records: int = EVENTS) -> None:
    """Run the benchmark and print its figures; records: events, rounded up to whole trees."""
    trees = -(-records // _tracing.EVENTS)
    with tempfile.TemporaryDirectory(prefix="millbrain-trace-") as place:
        folder = Path(place)
        size = _tracing.fill(folder, trees)
        events = trees * _tracing.EVENTS
        figures = [
            Figure("trace.events", events, "1"),
            Figure("trace.disk", size / events, "B/event", _BYTES_GOAL),
        ]
        with resolver(folder) as (pid, ports):
            figures += _asked(pid, ports["http"], trees)
    show(figures, as_json=as_json)


def _asked(pid: int, port: int, trees: int) -> list[Figure]:
    count = min(QUESTIONS, trees)
    chosen = [number * trees // count for number in range(count)]  # spread over the store
    last = _tracing.DEPTH - 1
    part = f"{_tracing.OWNER}/P{{:05}}-{last}-0000100"
    asked = {
        "recall_lot": [f"/recall?thing={_tracing.lot(t, 3)}" for t in chosen],
        "recall_melt": [f"/recall?thing={_tracing.melt(t)}" for t in chosen],
        "up": [f"/trace/uses/{part.format(t)}?at=ever" for t in chosen],
        "down": [f"/trace/parts/{_tracing.product(t)}" for t in chosen],
    }
    figures = []
    for name, paths in asked.items():
        before = cpu_s(pid)
        took = [_ask(port, path) for path in paths]
        spent = (cpu_s(pid) - before) / len(paths)
        slow_ms = sorted(ms for ms, _ in took)
        figures += [
            Figure(f"trace.{name}_things", took[0][1]["thing_count"], "1"),
            Figure(f"trace.{name}_cpu", 1_000 * spent, "cpu_ms", GOAL_MS),
            Figure(f"trace.{name}_p50", slow_ms[len(slow_ms) // 2], "ms", GOAL_MS),
            Figure(f"trace.{name}_p99", slow_ms[-1], "ms", GOAL_MS),
        ]
    return figures


def _ask(port: int, path: str) -> tuple[float, dict[str, int]]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    link.request("GET", path)
    answer = link.getresponse()
    raw = answer.read()
    took_ms = (time.perf_counter() - began) * 1_000
    told: dict[str, int] = json.loads(raw)
    if answer.status != 200 or told["level_count"] < _tracing.DEPTH - 1 or told["truncated_by"]:
        raise RuntimeError(f"{path}: {answer.status} {raw[:500]!r}")
    return took_ms, told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--records", type=int, default=EVENTS)
    given = parser.parse_args()
    main(as_json=given.json, records=given.records)
