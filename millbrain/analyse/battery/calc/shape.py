"""What a deviation follows: missing charge, missing capacity, or a constant error of measurement.

A cell that lacks charge lies lower by that charge times the slope of the open-circuit curve: little
on the flat middle, much at the steep ends. A measurement that is off lies off by the same
everywhere. So the deviation on the steepest range of SOC is set against that on the flattest: its
growth is the ratio of the slopes for charge, and 1 for an error. A cell of lower capacity lies with
the others when the pack is full and below them when it is nearly empty.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SLOPE_RATIO_MIN: Final = 1.5  # steepest to flattest range; less cannot tell charge from error
CHARGE_POWER: Final = 0.5  # nearer to the ratio of slopes than to 1, on a scale of ratios
ERROR_POWER: Final = 0.25


@dataclass(frozen=True, slots=True)
class Shape:
    """How one cell's deviation depends on SOC; NaN where the days cover too little of it.

    growth: deviation on the steepest range over that on the flattest. slope_ratio: the same of the
    pack's slopes. charge_pct: missing charge if it is charge [% SOC], negative = missing. low_mv,
    high_mv: median deviation below 30 % and above 70 % SOC.
    """

    growth: float
    slope_ratio: float
    charge_pct: float
    low_mv: float
    high_mv: float

    @property
    def is_charge(self) -> bool:
        """Whether the deviation grows with the slope of the curve, as missing charge does."""
        return self._tells and self.growth >= self.slope_ratio**CHARGE_POWER

    @property
    def is_error(self) -> bool:
        """Whether the deviation is the same everywhere, as an error of measurement is."""
        return self._tells and abs(self.growth) <= self.slope_ratio**ERROR_POWER

    @property
    def _tells(self) -> bool:
        return bool(self.slope_ratio >= SLOPE_RATIO_MIN)


def shape_of(end_mv: Floats, slope_mv: Floats) -> Shape:
    """Return what one cell's deviation follows.

    end_mv: deviation by range of SOC [mV], shape (days, 3), NaN = not observed. slope_mv: slope of
    the pack median [mV/%], same shape. Only days that tell the slope of a range count for growth: a
    day that stays within a few percent of SOC may stand anywhere on the curve.
    """
    known = np.isfinite(end_mv) & np.isfinite(slope_mv)
    off = _medians(np.where(known, end_mv, np.nan))
    slope = _medians(np.where(known, slope_mv, np.nan))
    ends = _medians(end_mv)
    seen = np.flatnonzero(np.isfinite(slope))
    if not seen.size:
        return Shape(np.nan, np.nan, np.nan, float(ends[0]), float(ends[2]))
    steep, flat = seen[np.argmax(slope[seen])], seen[np.argmin(slope[seen])]
    growth = off[steep] / off[flat] if abs(off[flat]) >= 1 else np.nan
    charge = float((off[seen] @ slope[seen]) / (slope[seen] @ slope[seen]))
    ratio = float(slope[steep] / slope[flat])
    return Shape(float(growth), ratio, charge, float(ends[0]), float(ends[2]))


def _medians(values: Floats) -> Floats:
    """Return the median of each range over the days that know it."""
    columns = [v[np.isfinite(v)] for v in values.T]
    return np.array([np.median(v) if v.size else np.nan for v in columns])
