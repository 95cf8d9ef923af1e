"""Vehicles of a simulated city with one thing wrong for weeks, live and in their history alike.

Unlike `faults`, which happen to a share of the fleet from the first frame on, these are declared
one by one in the plan, begin at an instant and grow. The same function changes what is reported
live and what is sent as history, so that a weak cell is the same cell before and after.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.simulator.cohort import OCV_MV, SIGNALS, Snapshot
from millbrain.connect.gbt32960.simulator.fleet import Model, Weak, shares

_DAY_S: Final = 86_400.0
_SOC: Final = SIGNALS.index("soc_pct")
_AMPS: Final = SIGNALS.index("pack_current_a")
_CHARGING: Final = SIGNALS.index("charge_state")
_INSULATION: Final = SIGNALS.index("insulation_kohm")
_OCV_PCT: Final = np.arange(0.0, 101.0, 10.0)
_JUMPS_PCT: Final = 56.0  # where a faulty strategy corrects its SOC while charging ...
_FADES_PCT: Final = 24.0  # ... and over how many percent it takes that back
_JOLTED: Final = 0.6  # spread of a loose connection's resistance from day to day, logarithmic
_CELL_MV_MAX: Final = 60_000


def weak_serials(models: Sequence[Model], weak: Sequence[Weak], vehicles: int) -> dict[int, Weak]:
    """Return who of a city of so many vehicles is weak, by serial number.

    What names a vehicle that so small a city does not have is left out.
    """
    counts = shares(models, vehicles)
    firsts = dict(zip((m.letter for m in models), np.cumsum([0, *counts]).tolist(), strict=False))
    sizes = dict(zip((m.letter for m in models), counts, strict=True))
    return {
        firsts[w.model] + w.vehicle + i: replace(w, days=w.days - i * w.days_apart)
        for w in weak
        for i in range(min(w.vehicles, sizes[w.model] - w.vehicle))
    }


class WeakCells:
    """What is wrong with the vehicles of one cohort.

    since_s: instant [s since 1970] from which `Weak.days` count back.
    """

    def __init__(
        self, model: Model, serials: NDArray[np.int64], weak: Mapping[int, Weak], since_s: float
    ) -> None:
        self._model = model
        self._since_s = since_s
        self._ocv_mv = np.array(OCV_MV[model.chemistry], np.float64)
        self._rows = [(k, weak[s]) for k, s in enumerate(serials.tolist()) if s in weak]

    def apply(self, snapshot: Snapshot, at_s: float) -> None:
        """Change the snapshot in place to what the vehicles would report at that instant."""
        for row, weak in self._rows:
            days = (at_s - self._since_s) / _DAY_S + weak.days
            if days < 0:
                continue
            severity = min(weak.severity + weak.growth_per_day * days, weak.severity_max)
            signals = snapshot.signals[row]
            if weak.kind == "insulation":
                signals[_INSULATION] *= 10.0**-severity
                continue
            if weak.kind == "soc-jump":
                signals[_SOC] += _jumped(float(signals[_SOC]), severity, signals[_CHARGING] == 1)
                continue
            off_mv = self._off_mv(weak, severity, float(signals[_SOC]), float(signals[_AMPS]), days)
            cell = (weak.pack - 1) * self._model.cells + weak.cell - 1
            self._add(snapshot.cells_mv[row], cell, off_mv)
            if weak.kind == "sensor":  # the wire between two cells: one reads high, the next low
                self._add(snapshot.cells_mv[row], cell + 1, -off_mv)

    def _off_mv(self, weak: Weak, severity: float, soc: float, amps: float, days: float) -> float:
        """Return by how much the cell stands above the others."""
        if weak.kind == "sensor":
            return severity
        if weak.kind == "resistance":
            return -severity * amps
        if weak.kind == "connection":  # changes with every jolt; a day is as fine as it is seen
            jolt = np.random.default_rng([weak.cell, int(days)]).normal(0, _JOLTED)
            return float(-severity * amps * np.exp(jolt))
        own = soc - severity  # self-discharge: the charge that the cell lacks
        if weak.kind == "capacity":
            own = 100 - (100 - soc) / (1 - severity / 100)
        here, there = np.interp((own, soc), _OCV_PCT, self._ocv_mv)
        return float(here - there)

    def _add(self, cells: NDArray[np.uint16], cell: int, off_mv: float) -> None:
        step = self._model.cell_step_mv
        moved = int(cells[cell]) + round(off_mv / step) * step
        cells[cell] = min(max(moved, 0), _CELL_MV_MAX)


def _jumped(soc_pct: float, severity_pct: float, is_charging: bool) -> float:
    """Return by how much the reported SOC is too high."""
    beyond = soc_pct - _JUMPS_PCT
    if not is_charging or not 0 <= beyond < _FADES_PCT:
        return 0.0
    return severity_pct * (1 - beyond / _FADES_PCT)
