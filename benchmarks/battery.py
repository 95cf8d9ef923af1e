"""Battery: the streaming layer on one core, from `vehicle_report` columns to sums of the day.

    python benchmarks/battery.py [--json]

Reports of 100 cells, 2,000 vehicles, batches of one full commit (20,000 rows). The cells follow an
open-circuit curve with an imbalance of 5 mV and steps of 1 mV. Time is CPU time of the process,
the median of several rounds over different batches. `battery_judge` is one look at the 45 days of
one pack with a weak cell; a vehicle-year of 10 s reports is 365 of them and 3.15 million reports of
one vehicle, which is computed from the two, not run.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show

from millbrain.analyse.battery.calc.days import days_of
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.model import Rules
from millbrain.core.columns import Columns, Ragged

GOAL_US: Final = 2.0
ROWS: Final = 20_000
CELLS: Final = 100
VEHICLES: Final = 2_000
ROUNDS: Final = 15
YEAR_REPORTS: Final = 365 * 8_640
YEAR_GOAL_S: Final = 3.0
FIRST_AT: Final = 1_700_000_000


def batch(number: int) -> Columns:
    """Return one full commit of made reports."""
    random = np.random.default_rng(number)
    soc = random.integers(5, 100, ROWS).astype(np.uint8)
    cells = 3_300 + 8 * soc[:, None].astype(np.int64) + random.normal(0, 5, (ROWS, CELLS))
    offsets = np.arange(0, ROWS * CELLS + 1, CELLS, dtype=np.int32)
    return Columns(
        ROWS,
        {
            "vin": np.array([b"LNEVTEST0N%07d" % (i % VEHICLES) for i in range(ROWS)], "S17"),
            "device_at": (FIRST_AT + number * 10 + np.arange(ROWS) // VEHICLES).astype(np.uint32),
            "current_a": random.normal(20, 40, ROWS).astype(np.float32),
            "soc_pct": soc,
            "voltage_v": np.full(ROWS, 370, np.float32),
            "insulation_kohm": np.full(ROWS, 5_000, np.uint16),
            "alarm_level": np.zeros(ROWS, np.uint8),
            "alarm_flags": np.zeros(ROWS, np.uint32),
            "cells_mv": Ragged(offsets, np.rint(cells).astype(np.uint16).reshape(-1)),
            "temps_degc": _probes(random),
        },
    )


def _probes(random: np.random.Generator) -> Ragged:
    offsets = np.arange(0, ROWS * 32 + 1, 32, dtype=np.int32)
    return Ragged(offsets, random.integers(25, 30, ROWS * 32).astype(np.int16))


def main(*, as_json: bool = False) -> None:
    """Run the benchmark and print its figures."""
    batches = [batch(n) for n in range(4)]
    sums = Sums()
    started = time.perf_counter()
    sums.watch(pack_reports(batches[0]))
    warm_up_s = time.perf_counter() - started
    inputs = _median_us(lambda n: pack_reports(batches[n % 4]))
    ready = [pack_reports(b) for b in batches]
    kernel = _median_us(lambda n: sums.watch(ready[n % 4]))
    whole = _median_us(lambda n: sums.watch(pack_reports(batches[n % 4])))
    alone = [pack_reports(_of_one_vehicle(b)) for b in batches]
    one_us = _median_us(lambda n: sums.watch(alone[n % 4]))
    judge_ms = _judge_ms()
    show(
        [
            Figure("battery_warm_up", warm_up_s, "s"),
            Figure("battery_state", sums.state_bytes / len(sums), "B/slot", 3 * 2**30 / 800_000),
            Figure("battery_inputs", inputs, "cpu_us/report", GOAL_US),
            Figure("battery_watch", kernel, "cpu_us/report", GOAL_US),
            Figure("battery_judge", judge_ms, "cpu_ms/pack"),
            Figure(
                "battery_vehicle_year",
                YEAR_REPORTS * (one_us + inputs) / 1e6 + 365 * judge_ms / 1e3,
                "cpu_s computed",
                YEAR_GOAL_S,
            ),
            Figure("battery_streaming", whole, "cpu_us/report", GOAL_US),
        ],
        as_json=as_json,
    )


def _of_one_vehicle(columns: Columns) -> Columns:
    vin = np.full(columns.rows, columns.array("vin")[0])
    return Columns(columns.rows, columns.values | {"vin": vin})


def _judge_ms() -> float:
    """Return the median CPU time of judging 45 days of one pack [ms]."""
    sums = Sums()
    for number in range(45):
        columns = _of_one_vehicle(batch(number)).take(np.arange(200))
        cells = columns.ragged("cells_mv").values.reshape(-1, CELLS).copy()
        cells[:, 39] -= 40
        later = columns.array("device_at") + np.uint32(86_400 * number)
        columns.values["device_at"] = later
        columns.values["cells_mv"] = Ragged(columns.ragged("cells_mv").offsets, cells.reshape(-1))
        sums.watch(pack_reports(columns))
    spent = []
    (pack,) = days_of(sums.slots())
    for _ in range(ROUNDS):
        before = time.process_time()
        found = judge(pack, Rules())
        spent.append((time.process_time() - before) * 1e3)
    if [f.cell_no for f in found] != [40]:
        raise RuntimeError(f"the weak cell 40 was to be found, found was {found}")
    return statistics.median(spent)


def _median_us(work: Callable[[int], object]) -> float:
    """Return the median CPU time of a report [us]."""
    spent = []
    for n in range(ROUNDS):
        before = time.process_time()
        work(n)
        spent.append((time.process_time() - before) / ROWS * 1e6)
    return statistics.median(spent)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    main(as_json=options.parse_args().json)
