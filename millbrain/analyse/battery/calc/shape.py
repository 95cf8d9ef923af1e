"""What a deviation follows: missing charge, missing capacity, or a constant error of measurement.

A cell that lacks charge lies lower by that charge times the slope of the open-circuit curve:
little on the flat middle, much at the steep ends. A cell of lower capacity lacks more charge the
deeper the pack is discharged. A measurement that is off lies off by the same everywhere. Each of
the three says how the deviations of the ranges of SOC are to each other; the one around which they
scatter least, on a scale of ratios, is the one that they follow.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from millbrain.analyse.battery.calc.trends import Floats, medians

CHARGE: Final = "charge"
DEPTH: Final = "depth"
ERROR: Final = "error"
CLEARLY_LN: Final = 0.1  # the best must scatter by 10 % less than the next
_FLOOR_MV: Final = 1.0  # a daily mean is known no better


@dataclass(frozen=True, slots=True)
class Shape:
    """How one cell's deviation depends on SOC; NaN where the days cover too little of it.

    follows: `CHARGE`, `DEPTH`, `ERROR`, or empty where it cannot be told. scatter, next_scatter:
    standard deviation of the logarithm of seen over expected, of what it follows and of the next
    best. charge_pct: missing charge if it is charge [% SOC], negative = missing. low_mv, high_mv:
    median deviation below 30 % and above 70 % SOC.
    """

    follows: str
    scatter: float
    next_scatter: float
    charge_pct: float
    low_mv: float
    high_mv: float


def shape_of(end_mv: Floats, slope_mv: Floats, soc_pct: Floats) -> Shape:
    """Return what one cell's deviation follows.

    end_mv: deviation by range of SOC [mV], shape (days, 3), NaN = not observed. slope_mv: slope of
    the pack median [mV/%], soc_pct: mean SOC, same shape. Only days that tell the slope of a range
    count: a day that stays within a few percent of SOC may stand anywhere on the curve.
    """
    known = np.isfinite(end_mv) & np.isfinite(slope_mv)
    off, slope, soc = (
        medians(np.where(known, values, np.nan).T) for values in (end_mv, slope_mv, soc_pct)
    )
    low, _, high = medians(end_mv.T).tolist()
    seen = np.flatnonzero(np.isfinite(slope))
    if not seen.size:
        return Shape("", np.nan, np.nan, np.nan, low, high)
    charge = float((off[seen] @ slope[seen]) / (slope[seen] @ slope[seen]))
    slope, depth = slope[seen], 100 - soc[seen]
    models = {ERROR: np.ones_like(slope), CHARGE: slope, DEPTH: slope * depth}
    return Shape(*_best(off[seen], models), charge, low, high)


def _best(off_mv: Floats, models: dict[str, Floats]) -> tuple[str, float, float]:
    """Return the model that scatters least, its scatter and the next one's."""
    side = np.sign(off_mv[np.argmax(np.abs(off_mv))])
    seen = np.log(np.maximum(side * off_mv, _FLOOR_MV))  # nil or to the other side counts as 1 mV
    scatter = {name: float(np.std(seen - np.log(model))) for name, model in models.items()}
    best, second, _ = sorted(scatter, key=scatter.__getitem__)
    is_clear = scatter[second] - scatter[best] >= CLEARLY_LN / 2  # of two, std is half the distance
    return best if is_clear else "", scatter[best], scatter[second]
