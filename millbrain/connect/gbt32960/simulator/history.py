"""Weeks of a simulated city's vehicles at once: coarse, reissued (03), dated as they happened.

The vehicles are those of the live city: same VINs, same cells, same faults. They drive, charge and
park by the same rules, seen every few minutes instead of every few seconds (every minute while
they charge), and fall silent while parked as terminals do. The odometer ends where the live
city's begins.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.simulator.cohort import (
    CHARGING,
    COHORT_VEHICLES_MAX,
    Cohort,
    Snapshot,
)
from millbrain.connect.gbt32960.simulator.fleet import Plan, shares
from millbrain.connect.gbt32960.simulator.grid import Grid, layouts_of, write_checks
from millbrain.connect.gbt32960.simulator.recorded import REISSUE
from millbrain.connect.gbt32960.simulator.weak import WeakCells, weak_serials

STEP_S: Final = 300.0
CHARGE_STEP_S: Final = 60.0  # while charging, so that what went in can be counted
_DAY_S: Final = 86_400.0
_SETTLE_STEPS: Final = 60
_EACH: Final = int(STEP_S / CHARGE_STEP_S)
_ROWS: Final = 2048  # reports written at once
_AT_COMMAND: Final = 2


class History:
    """The history of some vehicles of a city.

    vehicles: of the city, 1 to 800,000. chosen: how many of them have a history, by the models'
    shares, the first of each model, at most a cohort of each. until_s: when it ends [s since
    1970]. days: how long it is. since_s: instant from which the plan's `Weak.days` count back.
    """

    def __init__(
        self, plan: Plan, vehicles: int, seed: int, *, chosen: int, days: float, until_s: float,
        since_s: float,
    ) -> None:  # fmt: skip
        self.steps = int(days * _DAY_S / CHARGE_STEP_S)
        self._plan, self._until_s, self._since_s = plan, until_s, since_s
        self._weak = weak_serials(plan.models, plan.weak, vehicles)
        self._cohorts: list[Cohort] = []
        first, models = 0, plan.models
        counts, wanted = shares(models, vehicles), shares(models, chosen)
        for model, count, take in zip(models, counts, wanted, strict=True):
            size = min(
                count, COHORT_VEHICLES_MAX
            )  # cut as the city is, or they were other vehicles
            if min(take, size):
                cohort = Cohort(plan, model, np.arange(first, first + size), seed)
                cohort.keep(np.arange(min(take, size)))
                self._cohorts.append(cohort)
            first += count

    @property
    def vehicles(self) -> int:
        """How many vehicles have a history."""
        return sum(cohort.size for cohort in self._cohorts)

    def pieces(self) -> Iterator[tuple[bytes, int, float]]:
        """Yield (frames, how many, share of the whole that is done), oldest first by model."""
        done = 0
        for cohort in self._cohorts:
            reports = self._live(cohort)
            grids = [Grid(layout, _ROWS) for layout in layouts_of(cohort.model)]
            done += cohort.size
            for first in range(0, len(reports.vin), _ROWS):
                part = _rows(reports, slice(first, first + _ROWS))
                for grid in grids:
                    frames = grid.write(part)
                    frames[:, _AT_COMMAND] = REISSUE
                    write_checks(frames)
                    yield frames.tobytes(), len(frames), done / self.vehicles

    def _live(self, cohort: Cohort) -> Snapshot:
        """Live the whole time with one cohort and return every report of it."""
        weak = WeakCells(cohort.model, cohort.serials, self._weak, self._since_s)
        first_km = cohort.odometer_km.copy()
        begin_s = self._until_s - self.steps * CHARGE_STEP_S
        kept: list[Snapshot] = []
        whose: list[NDArray[np.intp]] = []
        for k in range(-_SETTLE_STEPS, self.steps):
            at_s = begin_s + k * CHARGE_STEP_S
            was_charging = cohort.phase == CHARGING
            snapshot = cohort.advance(at_s, CHARGE_STEP_S)
            # A terminal that parks reports once more, at rest, before it sleeps.
            reporting = snapshot.slept | was_charging | (cohort.phase == CHARGING)
            if k % _EACH == 0:
                reporting |= snapshot.awake
            who = np.flatnonzero(reporting)
            if k < 0 or not who.size:
                continue
            weak.apply(snapshot, at_s)
            kept.append(_rows(snapshot, who))
            whose.append(who)
        reports = _joined(kept)
        _turn_back(reports, np.concatenate(whose), first_km, cohort.odometer_km)
        return reports


def _turn_back(
    reports: Snapshot, whose: NDArray[np.intp], first_km: NDArray[np.float64],
    last_km: NDArray[np.float64],
) -> None:  # fmt: skip
    """Let the odometers end at `first_km`, where the live city begins.

    A vehicle that would have begun below zero counts its kilometres shorter.
    """
    ratio = np.minimum(1.0, first_km / np.maximum(last_km - first_km, 1e-3))
    column = reports.signal("odometer_km")
    column[:] = first_km[whose] - (last_km[whose] - column) * ratio[whose]


def _joined(parts: list[Snapshot]) -> Snapshot:
    return Snapshot(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in Snapshot.__slots__)
    )


def _rows(snapshot: Snapshot, rows: NDArray[np.intp] | slice) -> Snapshot:
    return Snapshot(*(getattr(snapshot, name)[rows] for name in Snapshot.__slots__))
