"""Reports made for tests: columns of `vehicle_report` with cells as wanted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.days import PackDays, days_of
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.core.columns import Columns, Ragged

FIRST_AT = 1_700_006_400  # 2023-11-15 08:00 in Beijing
VIN = b"LNEVTEST0N0000001"


def reports(cells_mv: Any, **columns: Any) -> Columns:
    """Return one report per row of `cells_mv`, ten seconds apart, at rest at 60 %."""
    cells = np.asarray(cells_mv)
    rows, count = cells.shape
    values = {
        "vin": np.full(rows, VIN),
        "device_at": (FIRST_AT + 10 * np.arange(rows)).astype(np.uint32),
        "current_a": np.zeros(rows, np.float32),
        "soc_pct": np.full(rows, 60, np.uint8),
        "cells_mv": Ragged(
            np.arange(0, rows * count + 1, max(count, 1), dtype=np.int32)[: rows + 1],
            np.rint(cells).astype(np.uint16).reshape(-1),
        ),
    }
    return Columns(rows, values | columns)


class Pack:
    """A pack of cells driven down and charged up day after day, as columns. Seeded.

    Each day holds 240 reports: discharge from 95 to 15 % under changing current with rests, then a
    charge. `offset_mv(day)` per cell, `charge_pct`, `depth_pct` (lower capacity) and `mohm` bend
    single cells.
    """

    def __init__(self, days: int, cells: int = 96, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        step = np.tile(np.arange(240), days)
        self.day = np.repeat(np.arange(days), 240)
        self.cells = cells
        self.soc = np.where(step < 180, 95 - 80 * step / 180, 15 + 80 * (step - 180) / 60)
        driving = np.where(random.random(len(step)) < 0.3, 0.0, random.normal(30, 40, len(step)))
        self.current_a = np.where(step < 180, driving, -60.0)
        self.at = FIRST_AT + self.day * 86_400 + step * 60
        self.cells_mv = self.curve(self.soc)[:, None] + random.normal(0, 3, cells)
        self.cells_mv = self.cells_mv - 1.0 * self.current_a[:, None]  # 1 mOhm each
        self.cells_mv += random.normal(0, 1.5, self.cells_mv.shape)

    @staticmethod
    def curve(soc: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an open-circuit curve [mV]: steep, flat, steep."""
        x = soc / 100
        return 3_300 + 500 * x + 350 * np.clip(0.3 - x, 0, 1) * -4 + 900 * np.clip(x - 0.7, 0, 1)

    def lack(self, cell: int, charge_pct: Any, depth: float = 0.0) -> "Pack":
        """Take charge from a cell, and `depth` of every percent that the pack is discharged."""
        lacking = charge_pct + depth * (100 - self.soc)
        self.cells_mv[:, cell] += self.curve(self.soc - lacking) - self.curve(self.soc)
        return self

    def columns(self, **more: Any) -> Columns:
        return reports(
            self.cells_mv,
            device_at=self.at.astype(np.uint32),
            current_a=self.current_a.astype(np.float32),
            soc_pct=np.rint(self.soc).astype(np.uint8),
            **more,
        )

    def days(self, **more: Any) -> PackDays:
        return days(self.columns(**more))


def days(columns: Columns) -> PackDays:
    """Return the days of the only pack in the columns."""
    sums = Sums()
    sums.watch(pack_reports(columns))
    (found,) = days_of(sums.slots())
    return found


def same(one: Sums, other: Sums) -> bool:
    """Whether two states hold the same slots with the same bits."""
    pairs = list(zip(one.slots(), other.slots(), strict=True))
    return all(
        (a.vin, a.pack_no, a.day) == (b.vin, b.pack_no, b.day)
        and np.array_equal(a.head[1:], b.head[1:])  # the place in memory may differ
        and np.array_equal(a.sums, b.sums)
        and np.array_equal(a.load, b.load)
        and np.array_equal(a.tallies, b.tallies)
        and np.array_equal(a.bounds, b.bounds)
        for a, b in pairs
    )
