"""Battery: what the streaming layer costs, a year of one vehicle recomputed, memory of a city.

    millbrain bench battery [--json]
    python benchmarks/battery.py [--json] [--days 365]

Reports of 100 cells that follow an open-circuit curve with an imbalance of 5 mV and steps of 1 mV.
Streaming is CPU time of the process in batches of one full commit (20,000 rows of 2,000 vehicles),
the median of several rounds over different batches; `battery_streaming` is all that the app does
with a batch: the look for thermal alarms, inputs, sums, heat. `battery_write` is a row of the state
made and inserted, `battery_look` one look at the 45 days of a healthy pack with reading them.
`battery_vehicle_year` is measured whole, on the clock: the reports of a vehicle every 10 s lie in
an engine of their own, are asked for over HTTP, summed up, written as days and judged day by day,
by one worker; charges, health and events are counted too. Its `_engine` and `_worker` are the CPU
time of the two processes, which tell more than the clock where other work goes on.
`battery_city_state` is the memory that 800,000 made packs of one day take.
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, Process, engine, show

from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.sudden import Heat
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.days_store import DaysStore
from millbrain.analyse.battery.follower import alarmed
from millbrain.analyse.battery.held import Held
from millbrain.analyse.battery.model import Rules
from millbrain.analyse.battery.rounds import changes
from millbrain.analyse.battery.tables import TABLES
from millbrain.core import limits
from millbrain.core.columns import Columns, Ragged
from millbrain.core.facts import SHARED_TABLES, VEHICLE_REPORT
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import create_tables, open_embedded, open_server
from millbrain.run.analyse import Tally, Wanted, backfill
from millbrain.run.settings import load, prepare_data_folder
from millbrain.run.web import engine_url

GOAL_US: Final = 2.0
ROWS: Final = 20_000
CELLS: Final = 100
PROBES: Final = 32
VEHICLES: Final = 2_000
ROUNDS: Final = 15
DAY_REPORTS: Final = 8_640
YEAR_DAYS: Final = 365
YEAR_GOAL_S: Final = 3.0
CITY: Final = 800_000
CITY_GOAL_MIB: Final = 3 * 1024
FIRST_AT: Final = 1_699_977_600  # midnight in Beijing
VIN: Final = b"LNEVTEST0N0000001"


def batch(number: int) -> Columns:
    """Return one full commit of made reports."""
    random = np.random.default_rng(number)
    soc = random.integers(5, 100, ROWS).astype(np.uint8)
    cells = 3_300 + 8 * soc[:, None].astype(np.int64) + random.normal(0, 5, (ROWS, CELLS))
    offsets = np.arange(0, ROWS * CELLS + 1, CELLS, dtype=np.int32)
    probes = Ragged(
        np.arange(0, ROWS * 32 + 1, 32, dtype=np.int32),
        random.integers(25, 30, ROWS * 32).astype(np.int16),
    )
    return Columns(
        ROWS,
        {
            "vin": _vins(np.arange(ROWS) % VEHICLES),
            "device_at": (FIRST_AT + number * 10 + np.arange(ROWS) // VEHICLES).astype(np.uint32),
            "current_a": random.normal(20, 40, ROWS).astype(np.float32),
            "soc_pct": soc,
            "voltage_v": np.full(ROWS, 370, np.float32),
            "insulation_kohm": np.full(ROWS, 5_000, np.uint16),
            "alarm_level": np.zeros(ROWS, np.uint8),
            "alarm_flags": np.zeros(ROWS, np.uint32),
            "temp_max_degc": np.full(ROWS, 29, np.int16),
            "temp_min_degc": np.full(ROWS, 25, np.int16),
            "cells_mv": Ragged(offsets, np.rint(cells).astype(np.uint16).reshape(-1)),
            "temps_degc": probes,
        },
    )


def _vins(numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "np.ndarray":
    return np.char.add(b"LNEVTEST0N", np.char.zfill(numbers.astype("S7"), 7)).astype("S17")


def day_of(number: int) -> Columns:
    """Return a day of one vehicle every 10 s: rest, a drive, rest, a drive, a charge, rest."""
    random = np.random.default_rng(number)
    hour = np.arange(DAY_REPORTS) / 360
    drives = ((hour >= 7) & (hour < 9)) | ((hour >= 17) & (hour < 19))
    charges = (hour >= 20) & (hour < 23)
    current = np.where(drives, random.normal(15, 30, DAY_REPORTS), np.where(charges, -20.0, 0.3))
    # 100 Ah: 30 % in a drive of two hours at 15 A, 60 % in a charge of three at 20 A.
    soc = np.interp(hour, [0, 7, 9, 17, 19, 20, 23, 24], [90, 90, 60, 60, 30, 30, 90, 90])
    each = np.random.default_rng(0).normal(0, 5, CELLS)
    level = 3_300 + 8 * soc - current + random.normal(0, 0.5, DAY_REPORTS)
    cells = level[:, None] + each + random.normal(0, 1, (DAY_REPORTS, CELLS))
    return Columns(
        DAY_REPORTS,
        {
            "vin": np.full(DAY_REPORTS, VIN),
            "link": np.full(DAY_REPORTS, b"bench"),
            "frame_count": np.ones(DAY_REPORTS, np.uint8),
            "vehicle_state": np.where(drives | charges, 1, 2).astype(np.uint8),
            "charge_state": np.where(charges, 1, 3).astype(np.uint8),
            "dcdc_state": np.ones(DAY_REPORTS, np.uint8),
            "speed_kmh": np.where(drives, 40, 0).astype(np.float32),
            "current_a": current.astype(np.float32),
            "soc_pct": soc.astype(np.uint8),
            "voltage_v": cells.sum(axis=1).astype(np.float32) / 1_000,
            "insulation_kohm": np.full(DAY_REPORTS, 5_000, np.uint16),
            "alarm_level": np.zeros(DAY_REPORTS, np.uint8),
            "temp_max_degc": (27 + drives).astype(np.int16),
            "temp_min_degc": np.full(DAY_REPORTS, 25, np.int16),
            "cells_mv": _lists(np.rint(cells).astype(np.uint16)),
            "temps_degc": _lists(random.integers(25, 28, (DAY_REPORTS, PROBES)).astype(np.int16)),
            "pack_no": _lists(np.ones((DAY_REPORTS, 1), np.uint8)),
            "pack_cell_count": _lists(np.full((DAY_REPORTS, 1), CELLS, np.uint16)),
            "pack_current_a": _lists(current.astype(np.float32)[:, None]),
        },
    )


def _lists(values: NDArray[Any]) -> Ragged:
    """Return rows as lists of one length."""
    rows, width = values.shape
    return Ragged(np.arange(rows + 1, dtype=np.int32) * np.int32(width), values.reshape(-1))


def main(*, as_json: bool = False, days: int = YEAR_DAYS) -> None:
    """Run the benchmark and print its figures."""
    figures = [*_stored(), *_city(), *_streamed()]
    figures[-1:-1] = _year(days)
    show(figures, as_json=as_json)


def _streamed() -> list[Figure]:
    batches = [batch(n) for n in range(4)]
    sums, heat, rules = Sums(), Heat(VEHICLES), Rules()
    ready = [pack_reports(b) for b in batches]

    def all_of(n: int) -> None:
        alarmed(batches[n % 4], rules)
        reports = pack_reports(batches[n % 4])
        sums.watch(reports)
        heat.watch(reports, rules)

    started = time.perf_counter()
    all_of(0)
    warm_up_s = time.perf_counter() - started
    return [
        Figure("battery_warm_up", warm_up_s, "s"),
        Figure("battery_urgent", _us(lambda n: alarmed(batches[n % 4], rules)), "cpu_us/report"),
        Figure("battery_inputs", _us(lambda n: pack_reports(batches[n % 4])), "cpu_us/report"),
        Figure("battery_sums", _us(lambda n: sums.watch(ready[n % 4])), "cpu_us/report"),
        Figure("battery_heat", _us(lambda n: heat.watch(ready[n % 4], rules)), "cpu_us/report"),
        Figure("battery_streaming", _us(all_of), "cpu_us/report", GOAL_US),
    ]


def _stored() -> list[Figure]:
    """Write 45 days of 2,000 packs, and look at 100 of them."""
    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        warehouse = open_embedded(Path(folder))
        create_tables(warehouse, (*SHARED_TABLES, *TABLES))
        store = DaysStore(warehouse)
        held = Held(warehouse, store, Rules(), 0, lambda _: None)
        columns, spent = batch(0), []
        for day in range(45):
            columns.values["device_at"] = columns.array("device_at") + np.uint32(86_400)
            for _ in range(2):  # 20 reports of each pack: what makes a day count
                held.add(pack_reports(columns), day + 1)
            (keys,) = held.slices()
            before = time.process_time()
            blocks, slots = held.gather(keys, day + 1)
            store.write(blocks, day + 1, store.next_as_of_ms())
            spent.append((time.process_time() - before) / VEHICLES * 1e6)
            held.let_go(slots, None)
        last = int(held.sums.keys_of(pack_reports(columns))["day"][0])
        vins = {v.decode(): last for v in _vins(np.arange(100)).tolist()}
        looks = []
        for _ in range(3):
            before = time.process_time()
            changes(warehouse, store, vins, Rules())
            looks.append((time.process_time() - before) / len(vins) * 1e3)
        warehouse.close()
    return [
        Figure("battery_write", statistics.median(spent), "cpu_us/pack"),
        Figure("battery_look", statistics.median(looks), "cpu_ms/pack"),
    ]


def _city() -> list[Figure]:
    gc.collect()
    before = _resident_mib()
    sums = Sums(cells=limits.BATTERY_CELLS_MAX)
    columns = batch(0)
    for start in range(0, CITY, ROWS):
        columns.values["vin"] = _vins(np.arange(start, start + ROWS))
        sums.watch(pack_reports(columns))
    taken = _resident_mib() - before
    told = sums.state_bytes / 2**20
    return [
        Figure("battery_city_told", told, "MiB", CITY_GOAL_MIB),
        Figure("battery_city_state", taken, "MiB", CITY_GOAL_MIB),
    ]


def _resident_mib() -> float:
    text = Path("/proc/self/status").read_text("ascii")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def _year(days: int) -> list[Figure]:
    """Return what recomputing one vehicle's days takes, the second or third time round."""
    with engine() as running:
        _store(running, days)
        settings = load(running.data)
        taken = []
        for _ in range(3):
            before = (running.cpu_s(), time.process_time())
            done = backfill(settings, Wanted("battery", workers=1), Console(quiet=True))
            _check(done, days)
            spent = (running.cpu_s() - before[0], time.process_time() - before[1])
            taken.append((done.seconds, *spent))
    name = "battery_vehicle_year" if days == YEAR_DAYS else f"battery_vehicle_{days}_days"
    clock_s, engine_s, worker_s = min(taken)
    return [
        Figure(f"{name}_engine", engine_s, "cpu_s"),
        Figure(f"{name}_worker", worker_s, "cpu_s"),
        Figure(name, clock_s, "s", YEAR_GOAL_S * days / YEAR_DAYS),
    ]


def _check(done: Tally, days: int) -> None:
    if (done.reports, done.days) != (days * DAY_REPORTS, days):
        raise RuntimeError(f"{days} days of {DAY_REPORTS} reports were stored, done was {done}")


def _store(running: Process, days: int) -> None:
    """Put a vehicle's reports into the engine's warehouse, as if they had been sent again today."""
    key = prepare_data_folder(load(running.data))
    warehouse = open_server(engine_url(load(running.data), key))
    arrived_ms = int(time.time() * 1000)
    made = [day_of(n) for n in range(4)]
    for day in range(days):
        at = FIRST_AT + day * 86_400 + 10 * np.arange(DAY_REPORTS)
        values = {
            "device_at": at.astype(np.uint32),
            "received_at": np.full(DAY_REPORTS, arrived_ms, np.int64),
        }
        part = Columns(DAY_REPORTS, made[day % 4].values | values)
        warehouse.insert(VEHICLE_REPORT, arrow_batch(VEHICLE_REPORT, part))
    warehouse.execute("OPTIMIZE TABLE vehicle_report FINAL")
    warehouse.close()


def _us(work: Callable[[int], object]) -> float:
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
    options.add_argument("--days", type=int, default=YEAR_DAYS, help="days of the one vehicle")
    asked = options.parse_args()
    main(as_json=asked.json, days=asked.days)
