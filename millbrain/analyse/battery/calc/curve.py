"""The pack's own curve, learnt from its days, and what a deviation means in charge.

A deviation in millivolts says nothing by itself: 15 mV are 2 % of charge on one part of the curve
and 10 % on another. The slope of the pack's median over SOC, pooled over all days of the window and
freed of the current, turns one into the other.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.days import PackDays, slope_of
from millbrain.analyse.battery.calc.trends import Floats

FLAT_MV_MAX: Final = 3_700.0  # no flat cell (LFP) is charged beyond
_FLAT_MEAN_MV_MAX: Final = 3_420.0  # at 20 % and more a ternary cell stands above
_FLAT_SOC_PCT_MIN: Final = 20.0
FLAT_FULL_MV: Final = 3_400.0  # a flat pack that was seen above has been charged full
FULL_NEAR_MV: Final = 25.0
FLAT_TOP_SLOPE_MV: Final = 25.0  # of a flat pack at its top, while charging; very roughly
_TELLS_MV_MIN: Final = 3.0  # slope below which a millivolt of noise is half a percent and more
_NEAR_PCT: Final = 7.0
_SOC_SQUARES_MIN: Final = 300.0  # weighted squares of SOC around a place before it tells a slope


@dataclass(frozen=True, slots=True)
class Curve:
    """What is known of the pack's curve.

    slope_mv: of the pack median where each range of each day lay [mV/%], shape (days, 3), NaN =
    cannot be told. soc_pct: SOC of the same. mohm: a cell's resistance including some diffusion,
    NaN. is_flat: a chemistry like LFP. full_days: days on which the pack was charged to the top
    that it is ever charged to, shape (days,); never for a flat pack that is not charged full.
    top_mv: slope there [mV/%]. top_depth_pct: 100 less SOC there [%].
    """

    slope_mv: Floats
    soc_pct: Floats
    mohm: float
    is_flat: bool
    full_days: NDArray[np.bool_]
    top_mv: float
    top_depth_pct: float


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a curve without its slopes, which are most of the work; see `Curve`."""

    mohm: float
    is_flat: bool
    full_days: NDArray[np.bool_]


def frame_of(days: PackDays) -> Frame:
    """Return chemistry, resistance and full days of a pack from all its days."""
    _, drop = slope_of(days.cross.sum(axis=(0, 1)))
    top = _highest(days)
    is_flat = top <= FLAT_MV_MAX and _is_low(days)
    is_full = days.highest_mv >= top - FULL_NEAR_MV
    if is_flat:
        is_full &= days.highest_mv >= FLAT_FULL_MV
    return Frame(float(drop) if drop > 0 else np.nan, is_flat, is_full)


def curve_of(days: PackDays) -> Curve:
    """Return the curve of a pack from all its days."""
    frame, slope = frame_of(days), _local(days, days.soc_pct)
    if frame.is_flat:
        top_mv, depth = FLAT_TOP_SLOPE_MV, 0.5
    else:
        top_mv, depth = _top(days, slope, _highest(days))
    return Curve(slope, days.soc_pct, frame.mohm, frame.is_flat, frame.full_days, top_mv, depth)


def _highest(days: PackDays) -> float:
    return float(np.max(days.highest_mv, initial=0))


def _is_low(days: PackDays) -> bool:
    """Whether the pack stands as low as only a flat chemistry does."""
    seen = days.mean_mv[days.soc_pct >= _FLAT_SOC_PCT_MIN]
    return bool(seen.size) and float(np.median(seen)) <= _FLAT_MEAN_MV_MAX


def _local(days: PackDays, at_pct: Floats) -> Floats:
    """Return the slope around each SOC [mV/%], pooled over the days, near ones counting most."""
    seen = np.flatnonzero(np.isfinite(days.soc_pct))
    asked = np.flatnonzero(np.isfinite(at_pct))
    apart = at_pct.reshape(-1, 1)[asked] - days.soc_pct.reshape(-1)[seen]
    near = np.exp(-0.5 * (apart / _NEAR_PCT) ** 2)
    pooled = near @ days.cross.reshape(-1, days.cross.shape[-1])[seen]
    slope, _ = slope_of(pooled)
    is_told = (pooled[:, 0] >= _SOC_SQUARES_MIN) & (slope > 0)
    result = np.full(at_pct.size, np.nan)
    result[asked] = np.where(is_told, slope, np.nan)
    return result.reshape(at_pct.shape)


def _top(days: PackDays, slope: Floats, top_mv: float) -> tuple[float, float]:
    """Return slope [mV/%] and depth [%] of the highest place that the pack was seen at."""
    if not np.isfinite(slope).any():
        return float("nan"), float("nan")
    place = np.unravel_index(np.argmax(np.where(np.isfinite(slope), days.soc_pct, -1)), slope.shape)
    above = (top_mv - float(days.mean_mv[place])) / float(slope[place])
    return float(slope[place]), float(np.clip(100 - days.soc_pct[place] - above, 0.0, 60.0))


def missing_pct(days: PackDays, curve: Curve) -> Floats:
    """Return the charge each cell has more than the herd [% SOC], shape (days, cells).

    Least squares over the ranges of SOC seen that day, weighted by slope squared; negative =
    missing, NaN = the pack was not where its curve tells anything.
    """
    known = np.isfinite(days.end_mv[:, :, 0]) & np.isfinite(curve.slope_mv)
    slope = np.where(known, curve.slope_mv, 0.0)
    power = (slope**2).sum(axis=1)
    off = np.where(known[:, :, None], days.end_mv, 0.0)
    pull = np.einsum("dbc,db->dc", off, slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        charge = pull / power[:, None]
    return np.where(power[:, None] >= _TELLS_MV_MIN**2, charge, np.nan)


def consistency(days: PackDays) -> Floats:
    """Return the consistency index of each day, 0 to 100, shape (days,), NaN = cannot be told.

    The share of the pack's charge that its cells can use together: in a series connection the
    fullest cell ends the charge and the emptiest ends the drive, so that the range of charge
    between them is lost to all. 100 less that range [% SOC].
    """
    return _index(missing_pct(days, curve_of(days)))


def consistency_by_day(days: PackDays) -> Floats:
    """Return the index of each day from that day's own slopes, shape (days,), NaN = not told.

    Depends on nothing but the day, which need not be of one pack: what is stored with a day is the
    same whatever is known of the days around it.
    """
    unknown = np.full(len(days.day), fill_value=False)
    own = Curve(days.slope_mv, days.soc_pct, np.nan, False, unknown, np.nan, np.nan)
    return _index(missing_pct(days, own))


def _index(missing: Floats) -> Floats:
    lost = np.max(missing, axis=1, initial=-np.inf) - np.min(missing, axis=1, initial=np.inf)
    return np.where(np.isfinite(lost), np.clip(100 - lost, 0, 100), np.nan)
