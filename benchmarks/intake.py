"""What one report costs between the decoder and the disk, step by step, in CPU microseconds.

    python benchmarks/intake.py [--rows 20000] [--batches 12] [--vehicles 100000]

Reports are as wide as a 464-byte frame: 144 cells and 72 probes that vary as real ones do, 42 other
values. Each line is ``name value unit ratio``; the ratio is the share of the target of 1 us for the
intake's own steps, and of 10 us for the engine's.
"""

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from millbrain.core import facts
from millbrain.core.columns import Columns, Delivery, Ragged
from millbrain.core.tables import arrow_batch
from millbrain.record.intake.balance import Ledger
from millbrain.record.intake.batches import batches
from millbrain.record.intake.dedupe import VIN_BYTES_MAX, Duplicates, Rows
from millbrain.record.intake.identity import TextIndex
from millbrain.record.intake.latest import Live
from millbrain.record.intake.pipeline import Intake
from millbrain.record.warehouse import Warehouse, open_embedded
from millbrain.record.warehouse.tables import create_tables

CELLS, PROBES = 144, 72
OWN_US_TARGET, ENGINE_US_TARGET = 1.0, 10.0
LINK = b"city-01"
ALL_BLOCKS = 0b1_1111_0011


class Fleet:
    """Makes reports of so many vehicles in turn, every 10 s of device time, seeded."""

    def __init__(self, vehicles: int) -> None:
        self._random = np.random.default_rng(32960)
        numbered = np.char.zfill(np.arange(vehicles).astype("S13"), 13)
        order = self._random.permutation(vehicles)
        self._vins = np.char.add(b"LMB1", numbered).astype("S17")[order]
        self._next = 0

    def reports(self, rows: int) -> Columns:
        """The next so many reports."""
        vehicles = len(self._vins)
        turn = self._next + np.arange(rows)
        self._next += rows
        now_s = int(time.time())
        scalars = {
            c.name: self._scalar(c.kind, rows)
            for c in facts.VEHICLE_REPORT.columns
            if not c.many and c.kind in ("u8", "u16", "i16", "f32", "u32", "u64", "f64")
            and c.block not in (facts.BLOCK_ENGINE, facts.BLOCK_FUEL_CELL)
        }  # fmt: skip
        level = self._random.integers(3300, 3900, (rows, 1))
        cells = (level + self._random.integers(-8, 8, (rows, CELLS))).astype(np.uint16)
        warmth = self._random.integers(10, 30, (rows, 1))
        probes = (warmth + self._random.integers(0, 4, (rows, PROBES))).astype(np.int16)
        values = scalars | {
            "vin": self._vins[turn % vehicles],
            "device_at": (now_s - 86_400 + 10 * (turn // vehicles)).astype(np.uint32),
            "received_at": np.full(rows, now_s * 1000, np.int64),
            "link": np.full(rows, LINK),
            "frame_count": np.ones(rows, np.uint8),
            "blocks": np.full(rows, ALL_BLOCKS, np.uint32),
            "longitude_deg": self._random.uniform(106, 107, rows),
            "latitude_deg": self._random.uniform(29, 30, rows),
            "cells_mv": _lists(cells),
            "temps_degc": _lists(probes),
        }
        values.pop("batch")
        missing = {"soc_pct": self._random.random(rows) < 0.01}
        return Columns(rows, values, missing)

    def _scalar(self, kind: str, rows: int) -> np.ndarray:
        types = {"u8": np.uint8, "u16": np.uint16, "i16": np.int16, "f32": np.float32,
                 "u32": np.uint32, "u64": np.uint64, "f64": np.float64}  # fmt: skip
        return self._random.integers(0, 4 if kind == "u8" else 4000, rows).astype(types[kind])


def _lists(grid: np.ndarray) -> Ragged:
    rows, width = grid.shape
    return Ragged(np.arange(rows + 1, dtype=np.int32) * width, grid.ravel())


def delivered(columns: Columns, parts: int = 5) -> list[Delivery]:
    """The rows as the few deliveries in which a driver hands them on."""
    cuts = np.array_split(np.arange(columns.rows), parts)
    return [
        Delivery({LINK.decode(): len(c)}, {facts.VEHICLE_REPORT.name: columns.take(c)})
        for c in cuts
    ]


class Stopwatch:
    """CPU time by name."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}

    def run(self, name: str, call: Callable[..., Any], *given: object) -> Any:
        """Return what `call(*given)` returns, adding its CPU time of all threads to `name`."""
        start_s = time.process_time()
        result = call(*given)
        self.spent_s[name] = self.spent_s.get(name, 0.0) + time.process_time() - start_s
        return result


def measure_steps(warehouse: Warehouse, fleet: Fleet, rows: int, count: int) -> dict[str, float]:
    """CPU time of each step [us per report]; the first batch warms up and is not counted."""
    index, ledger = TextIndex(VIN_BYTES_MAX, 4_000_000), Ledger()
    live = Live(index)
    table = facts.VEHICLE_REPORT

    def ask(what: str, call: Callable[[], object]) -> object:
        raise AssertionError(f"{what}: no row of this benchmark is late")

    duplicates = Duplicates(table, "blocks", warehouse, index, ask, restored=True)
    watch = Stopwatch()
    for number in range(1, count + 2):
        if number == 2:
            watch = Stopwatch()
        parts = delivered(fleet.reports(rows))
        batch = watch.run("join", batches, parts)[0]
        batch.number = number
        columns = batch.tables[table.name]
        slots = watch.run("index", index.slots, columns.values["vin"])
        identities = Rows(columns.values["vin"], slots, columns.values["device_at"],
                          columns.values["blocks"])  # fmt: skip
        twice = watch.run("dedupe", duplicates.check, identities, number, number - 4)
        watch.run("ledger", ledger.enter, batch, {table.name: twice})
        watch.run("latest", live.reports, slots, columns)
        numbered = {**columns.values, "batch": np.full(rows, number, np.uint64)}
        whole = Columns(rows, numbered, columns.missing)
        arrow = watch.run("arrow", arrow_batch, table, whole)
        watch.run("insert", warehouse.insert, table, arrow)
    watch.run("merges", warehouse.execute, f"OPTIMIZE TABLE {table.name} FINAL")
    return {name: spent_s / count / rows * 1e6 for name, spent_s in watch.spent_s.items()}


def measure_whole(warehouse: Warehouse, fleet: Fleet, rows: int, count: int) -> dict[str, float]:
    """The running intake: reports a second on disk, and CPU time of everything [us per report]."""
    ready = [d for _ in range(count) for d in delivered(fleet.reports(rows))]
    intake = Intake(warehouse)
    intake.start()
    start_s, cpu_s = time.perf_counter(), time.process_time()
    for delivery in ready:
        intake.put(delivery)
    intake.stop()
    spent_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    return {"rate": count * rows / spent_s, "cpu": cpu_s / count / rows * 1e6}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--vehicles", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warehouse = open_embedded(pathlib.Path(folder))
        create_tables(warehouse, facts.SHARED_TABLES)
        fleet = Fleet(chosen.vehicles)
        steps = measure_steps(warehouse, fleet, chosen.rows, chosen.batches)
        warehouse.execute(f"TRUNCATE TABLE {facts.VEHICLE_REPORT.name}")
        whole = measure_whole(warehouse, fleet, chosen.rows, chosen.batches)
        warehouse.close()
    engine = {"insert", "merges"}
    for name, us in steps.items():
        target_us = ENGINE_US_TARGET if name in engine else OWN_US_TARGET
        print(f"intake_{name} {us:.3f} us/report {us / target_us:.2f}")
    own_us = sum(us for name, us in steps.items() if name not in engine)
    print(f"intake_own {own_us:.3f} us/report {own_us / OWN_US_TARGET:.2f}")
    print(f"intake_all_cpu {whole['cpu']:.2f} us/report {whole['cpu'] / ENGINE_US_TARGET:.2f}")
    print(f"intake_rate {whole['rate']:.0f} reports/s {whole['rate'] / 150_000:.2f}")


if __name__ == "__main__":
    main()
