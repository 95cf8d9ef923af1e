"""What a deviation follows: missing charge, missing capacity, or a constant error of measurement.

A cell that lacks charge lies lower by that charge times the slope of the open-circuit curve:
little on the flat middle, much at the steep ends. A cell of lower capacity lacks more charge the
deeper the pack is discharged. A measurement that is off lies off by the same everywhere. Each of
the three says how the deviations of the ranges of SOC, and of the top of the charge, are to each
other; the one that misses them by least is the one that they follow.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.curve import Curve
from millbrain.analyse.battery.calc.trends import Floats, medians

CHARGE: Final = "charge"
DEPTH: Final = "depth"
ERROR: Final = "error"
CLEARLY: Final = 3.0  # deviance: 4.5 times as likely
BEYOND_DOUBT: Final = 12.0
FITS_MAX: Final = 3.0  # misfit a point that still counts as following
_NOISE_MV: Final = 2.5  # of a daily mean
_FAR: Final = 9.0
_RANGE_WEIGHT: Final = 3.0  # of a range of SOC, however many days have seen it
_TOP_NOISE: Final = 3.0  # one report a day: so much less than a mean
_SLOPE_ERROR: Final = 0.15  # of a slope that was learnt
_FLAT_ERROR: Final = 0.4
_TOP_ERROR: Final = 0.7


@dataclass(frozen=True, slots=True)
class Shape:
    """How one cell's deviation depends on SOC; NaN where the days cover too little of it.

    follows: `CHARGE`, `DEPTH`, `ERROR`, or empty where it cannot be told. is_charge: an error of
    measurement does not explain it, whichever of the others does. is_deep, is_constant:
    capacity, an error, beyond doubt. misfit, next_misfit: squared
    distance in standard deviations, of what it follows and of the next best. charge_pct: missing
    charge if it is charge [% SOC], negative = missing. capacity_pct: lacking capacity if it is
    capacity [%], positive = lacking. low_mv, high_mv: deviation below 30 % and above 70 % SOC.
    points: ranges that were seen.
    """

    follows: str
    is_charge: bool
    is_deep: bool
    is_constant: bool
    misfit: float
    next_misfit: float
    charge_pct: float
    capacity_pct: float
    low_mv: float
    high_mv: float
    points: int


@dataclass(frozen=True, slots=True)
class Points:
    """What was seen, shape (points,): deviation, slope there, its relative error, depth, weight."""

    off_mv: Floats
    slope_mv: Floats
    slope_error: Floats
    depth_pct: Floats
    weight: Floats


def shape_of(end_mv: Floats, full_mv: Floats, curve: Curve, on: NDArray[np.bool_]) -> Shape:
    """Return what one cell's deviation follows on the days `on`.

    end_mv: deviation by range of SOC [mV], shape (days, 3), NaN = not observed. full_mv: deviation
    of the day's highest voltage [mV], shape (days,). on: days that count, shape (days,).
    """
    points = _points(end_mv, full_mv, curve, on)
    low, _, high = medians(end_mv[on].T).tolist()
    if not points.off_mv.size:
        return Shape("", False, False, False, np.nan, np.nan, np.nan, np.nan, low, high, 0)
    models = {
        ERROR: (np.ones_like(points.slope_mv), np.zeros_like(points.slope_error)),
        CHARGE: (points.slope_mv, points.slope_error),
        DEPTH: (points.slope_mv * points.depth_pct / 100, points.slope_error),
    }
    size, misfit, deviance = {}, {}, {}
    for name, (per_one, relative) in models.items():
        size[name], misfit[name], deviance[name] = _fitted(points, per_one, relative)
    best, second, _ = sorted(deviance, key=deviance.__getitem__)
    is_clear = deviance[second] - deviance[best] >= CLEARLY
    return Shape(
        best if is_clear and misfit[best] <= FITS_MAX * points.weight.sum() else "",
        deviance[ERROR] - min(deviance[CHARGE], deviance[DEPTH]) >= CLEARLY,
        min(deviance[ERROR], deviance[CHARGE]) - deviance[DEPTH] >= BEYOND_DOUBT,
        min(deviance[CHARGE], deviance[DEPTH]) - deviance[ERROR] >= BEYOND_DOUBT,
        misfit[best], misfit[second], size[CHARGE], -size[DEPTH], low, high, points.off_mv.size,
    )  # fmt: skip


def _points(end_mv: Floats, full_mv: Floats, curve: Curve, on: NDArray[np.bool_]) -> Points:
    """Return a point for each range of each day; a range weighs no more for being seen often."""
    days = np.flatnonzero(on)
    top = np.where(curve.full_days, full_mv, np.nan)[days, None]
    off = np.concatenate([end_mv[days], top], axis=1)
    slope = np.concatenate([curve.slope_mv[days], np.full_like(top, curve.top_mv)], axis=1)
    depth = np.concatenate(
        [100 - curve.soc_pct[days], np.full_like(top, curve.top_depth_pct)], axis=1
    )
    seen = np.isfinite(off + slope + depth)
    weight = np.minimum(1.0, _RANGE_WEIGHT / np.maximum(seen.sum(axis=0), 1))
    weight[-1] /= _TOP_NOISE
    error = np.full(off.shape[1], _FLAT_ERROR if curve.is_flat else _SLOPE_ERROR)
    error[-1] = _TOP_ERROR if curve.is_flat else _SLOPE_ERROR
    return Points(off[seen], slope[seen], np.broadcast_to(error, off.shape)[seen], depth[seen],
                  np.broadcast_to(weight, off.shape)[seen])  # fmt: skip


def _fitted(points: Points, per_one: Floats, relative: Floats) -> tuple[float, float, float]:
    """Return size, misfit and deviance of the model ``off = size * per_one``.

    What a slope is wrong by is wrong in proportion: such points weigh less the larger they are. The
    deviance (-2 ln likelihood) charges for that tolerance. A day that is far off counts as three
    standard deviations and no more.
    """
    size, weight = 0.0, points.weight
    total = np.full_like(per_one, _NOISE_MV**2)
    for _ in range(6):
        pull = weight / total
        size = float((points.off_mv * per_one * pull).sum() / (per_one**2 * pull).sum())
        total = _NOISE_MV**2 + (relative * size * per_one) ** 2
        far = (points.off_mv - size * per_one) ** 2 / total
        weight = points.weight / np.maximum(far / _FAR, 1.0)
    chi = float((points.weight * np.minimum(far, _FAR)).sum())
    # A slope that is wrong is wrong for all days of its range: it is charged for once.
    tolerance = points.weight / _RANGE_WEIGHT * np.log(total / _NOISE_MV**2)
    return size, chi, chi + float(tolerance.sum())
