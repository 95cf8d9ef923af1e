"""From metered intervals to days. Pure: no clock, no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """Metered intervals of one meter, any order, all of shape (intervals,).

    at_ms: end of each [ms since 1970 UTC]. energy_kwh, lagging_kvarh, leading_kvarh, co2_t: of the
    interval, NaN = not told. load_type: name, "" = not told.
    """

    at_ms: NDArray[np.int64]
    energy_kwh: NDArray[np.float64]
    lagging_kvarh: NDArray[np.float64]
    leading_kvarh: NDArray[np.float64]
    co2_t: NDArray[np.float64]
    load_type: Sequence[str]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a meter; see table `energy_day`. day: days since 1970 in the meter's zone."""

    day: int
    interval_count: int
    energy_kwh: float
    peak_kw: float
    peak_at: int
    lagging_kvarh: float
    leading_kvarh: float
    co2_t: float
    loads_kwh: Mapping[str, float]


def day_of(at_ms: NDArray[np.int64], offset_h: float) -> NDArray[np.int64]:
    """Return the day that an interval belongs to by its end: midnight ends the day before."""
    return (at_ms - 1 + round(offset_h * 3_600_000)) // DAY_MS


def days(intervals: Intervals, offset_h: float, interval_s: float) -> list[Day]:
    """Return the days of a meter, oldest first. offset_h: of its zone. interval_s: their length."""
    day = day_of(intervals.at_ms, offset_h)
    return [_day(int(d), np.flatnonzero(day == d), intervals, interval_s) for d in np.unique(day)]


def _day(day: int, rows: NDArray[np.intp], all_of: Intervals, interval_s: float) -> Day:
    energy = all_of.energy_kwh[rows]
    known = np.where(np.isfinite(energy), energy, -np.inf)
    peak = int(np.argmax(known))
    loads: dict[str, float] = {}
    for row in rows.tolist():
        name = all_of.load_type[row]
        if name and np.isfinite(all_of.energy_kwh[row]):
            loads[name] = loads.get(name, 0.0) + float(all_of.energy_kwh[row])
    return Day(
        day, len(rows), float(np.nansum(energy)), float(known[peak] * 3600.0 / interval_s),
        int(all_of.at_ms[rows][peak]), float(np.nansum(all_of.lagging_kvarh[rows])),
        float(np.nansum(all_of.leading_kvarh[rows])), float(np.nansum(all_of.co2_t[rows])),
        dict(sorted(loads.items())),
    )  # fmt: skip


def power_factor(energy_kwh: float, reactive_kvarh: float) -> float:
    """Return the mean power factor of active and reactive energy [-], NaN where there is none."""
    apparent = float(np.hypot(energy_kwh, reactive_kvarh))
    return energy_kwh / apparent if apparent else float("nan")
