"""What the sums of a day mean: deviation, score, slope and resistance of every cell.

Scores are deviations in units of 1.4826 MAD of the day's herd (a standard deviation that outliers
do not move, Iglewicz and Hoaglin 1993), at least 1 mV, so that a herd of equal numbers does not
make a millivolt look large.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc import kernels as k
from millbrain.analyse.battery.calc.sums import Slot
from millbrain.analyse.battery.calc.trends import Floats, medians

NORMAL: Final = 1.4826  # MAD of a normal distribution to its standard deviation
_BIN_REPORT_SHARE_MIN: Final = 5  # reports' worth of weight in a range of SOC before it counts
_CURRENT_SPREAD_A_MIN: Final = 8.0  # standard deviation of the current: less tells no resistance
_SOC_SPREAD_PCT_MIN: Final = 1.5
_BLIND_SHARE_MAX: Final = 0.05
_STUCK_HERD_MV_MIN: Final = 100.0  # the herd moved by that ...
_STUCK_CELL_MV_MAX: Final = 2  # ... and the cell did not


@dataclass(frozen=True, slots=True)
class PackDays:
    """The days of one pack in order; shape (days,) or (days, cells), NaN = cannot be told.

    day: days since 1970, Beijing time. reports: of the day. first_at, last_at: device time [s].
    deviation_mv, rest_mv, loaded_mv: mean deviation from the pack median over all reports, over
    those at rest, over the others. level_mv: deviation_mv less what follows the current, end_mv:
    the same by range of SOC, shape (days, 3, cells). full_mv, empty_mv: highest and lowest voltage
    of the day against the herd's. excess_mohm: resistance above the herd's. slope_mv: pack median
    per percent of SOC, mean_mv and soc_pct: its mean and mean SOC, shape (days, 3). cross: centred
    sums for pooling slopes (`curve.curve_of`), shape (days, 3, 5). highest_mv, lowest_mv: of the
    pack median. lost, sense, lowest: share of the reports. is_stuck: the cell did not move while
    the herd did. flags, level, leaky, temp_max_degc: of the day. temp_spread_degc,
    insulation_kohm (clipped at 5 MOhm): means of the day. step_mv: the step in which cells are
    told.
    """

    vin: str
    pack_no: int
    day: NDArray[np.int64]
    reports: NDArray[np.int64]
    first_at: NDArray[np.int64]
    last_at: NDArray[np.int64]
    deviation_mv: Floats
    rest_mv: Floats
    loaded_mv: Floats
    level_mv: Floats
    end_mv: Floats
    full_mv: Floats
    empty_mv: Floats
    excess_mohm: Floats
    slope_mv: Floats
    mean_mv: Floats
    soc_pct: Floats
    cross: Floats
    highest_mv: Floats
    lowest_mv: Floats
    lost: Floats
    sense: Floats
    lowest: Floats
    is_stuck: NDArray[np.bool_]
    flags: NDArray[np.int64]
    level: NDArray[np.int64]
    leaky: NDArray[np.int64]
    temp_max_degc: NDArray[np.int64]
    spread_mv: NDArray[np.int64]
    temp_spread_degc: Floats
    insulation_kohm: Floats
    step_mv: NDArray[np.int64]

    def taken(self, days: NDArray[np.intp]) -> "PackDays":
        """Return the given days, in that order; views where they lie side by side."""
        part: slice | NDArray[np.intp] = days
        if len(days) and days[-1] - days[0] == len(days) - 1 and (np.diff(days) == 1).all():
            part = slice(int(days[0]), int(days[-1]) + 1)
        cut = {n: getattr(self, n)[part] for n in self.__slots__ if n not in ("vin", "pack_no")}
        return PackDays(self.vin, self.pack_no, **cut)


def scores(deviation_mv: Floats, floor_mv: float = 1.0) -> Floats:
    """Return deviations in standard deviations by MAD of each row, shape kept, NaN kept."""
    off = deviation_mv - medians(deviation_mv)[..., None]
    scale = NORMAL * medians(np.abs(off))[..., None]
    return np.asarray(off / np.maximum(scale, floor_mv))


def days_of(slots: Iterable[Slot]) -> list[PackDays]:
    """Return the days of each pack; slots sorted by vehicle, pack and day (`Sums.slots`).

    Where a pack changed its number of cells (a swap), its days are told apart.
    """
    grouped = groupby(slots, key=lambda s: (s.vin, s.pack_no, int(s.head[k.COUNT])))
    return [stack(list(days)) for _, days in grouped]


def stack(slots: Sequence[Slot]) -> PackDays:
    """Return what slots of one number of cells mean; vehicle and pack are those of the first."""
    heads = np.stack([s.head for s in slots])
    sums = np.stack([s.sums for s in slots]).astype(np.float64)
    tallies = np.stack([s.tallies for s in slots]).astype(np.float64)
    bounds = np.stack([s.bounds for s in slots]).astype(np.int64)
    load = np.stack([s.load for s in slots]).astype(np.float64)
    weight = heads[:, k.W : k.W + k.BINS].astype(np.float64)
    rest_weight = heads[:, k.W_REST].astype(np.float64)
    whole = sums[:, : k.BINS].sum(axis=1)
    reports = np.maximum(heads[:, k.REPORTS], 1)[:, None]
    excess = _excess_mohm(heads, whole, load, weight.sum(axis=1))
    flow = np.nan_to_num(excess)  # what is not known to follow the current is left where it is
    mean_a = _ratio(heads[:, k.WI], weight.sum(axis=1)) / 10
    mean, soc, cross = _cross(heads, weight)
    full, empty = _extremes(bounds)
    deviation = _mean(whole, weight.sum(axis=1))
    return PackDays(
        vin=slots[0].vin,
        pack_no=slots[0].pack_no,
        day=np.array([s.day for s in slots], np.int64),
        reports=heads[:, k.REPORTS],
        first_at=heads[:, k.FIRST],
        last_at=heads[:, k.LAST],
        deviation_mv=deviation,
        rest_mv=_mean(sums[:, k.BINS], rest_weight),
        loaded_mv=_mean(whole - sums[:, k.BINS], weight.sum(axis=1) - rest_weight),
        level_mv=deviation + flow * mean_a[:, None],
        end_mv=_ends(sums[:, : k.BINS], weight)
        + flow[:, None, :] * (_ratio(heads[:, k.BI : k.BI + k.BINS], weight) / 10)[:, :, None],
        full_mv=full,
        empty_mv=empty,
        excess_mohm=excess,
        slope_mv=_slopes(cross, weight),
        mean_mv=mean,
        soc_pct=soc,
        cross=cross,
        highest_mv=heads[:, k.M2_MAX] / 2,
        lowest_mv=heads[:, k.M2_MIN] / 2,
        lost=tallies[:, 0] / reports,
        sense=tallies[:, 1] / reports,
        lowest=tallies[:, 2] / reports,
        is_stuck=_stuck(heads, bounds),
        flags=heads[:, k.FLAGS],
        level=heads[:, k.LEVEL],
        leaky=heads[:, k.LEAKY],
        temp_max_degc=heads[:, k.TEMP_MAX],
        spread_mv=heads[:, k.SPREAD_MAX],
        temp_spread_degc=_ratio(heads[:, k.WARM_SPREAD], heads[:, k.WARM_REPORTS]),
        insulation_kohm=_ratio(heads[:, k.ISOLATED], heads[:, k.ISOLATED_REPORTS]),
        step_mv=_steps(bounds),
    )


def _mean(sums: Floats, weight: Floats) -> Floats:
    """Return mean deviations [mV] around the herd's middle; the sums are in half millivolts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(weight[:, None] > 0, sums / weight[:, None] / 2, np.nan)
    return np.asarray(mean - np.median(mean, axis=1, keepdims=True))


def _ends(sums: Floats, weight: Floats) -> Floats:
    parts = [
        _mean(sums[:, b], np.where(weight[:, b] >= _BIN_REPORT_SHARE_MIN, weight[:, b], 0))
        for b in range(k.BINS)
    ]
    return np.stack(parts, axis=1)


def _cross(heads: NDArray[np.int64], weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean of the pack median [mV], mean SOC [%] and centred sums of each range and day.

    The sums, shape (days, 3, 5), are weight times SOC x SOC, SOC x A, A x A, SOC x mV, A x mV,
    around the day's own means: what differs from day to day (warmth) does not bend a slope.
    """
    wm, ws, wms, wss, wi, wii, wmi, wis = (
        heads[:, c : c + k.BINS].astype(np.float64)
        for c in (k.WM, k.WS, k.WMS, k.WSS, k.BI, k.BII, k.BMI, k.BIS)
    )
    mean, soc, flow = (_ratio(part, weight) for part in (wm / 2, ws, wi / 10))
    parts = (
        wss - weight * soc * soc,
        wis / 10 - weight * soc * flow,
        wii / 100 - weight * flow * flow,
        wms / 2 - weight * soc * mean,
        wmi / 20 - weight * flow * mean,
    )
    cross = np.stack(parts, axis=-1)
    return mean, soc, np.where((weight > 0)[..., None], cross, 0.0)


def slope_of(cross: Floats) -> tuple[Floats, Floats]:
    """Return slope over SOC [mV/%] and resistance [mOhm] of centred sums, shape (..., 5).

    Least squares over SOC and current together (Frisch and Waugh 1933): what the pack's resistance
    does while it is charged or driven is not taken for its curve. NaN where SOC does not vary.
    """
    ss, si, ii, sm, im = (cross[..., j] for j in range(5))
    ii = ii + 1e-9
    own = ss - si * si / ii
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(own > 0.05 * ss, (sm - si * im / ii) / own, sm / ss)
        drop = -(im - slope * si) / ii
    return slope, drop


def _slopes(cross: Floats, weight: Floats) -> Floats:
    """Return slope of the pack median [mV/%] of each range on each day, NaN = cannot be told."""
    slope, _ = slope_of(cross)
    spread = _ratio(cross[..., 0], weight)
    is_known = (weight >= _BIN_REPORT_SHARE_MIN) & (spread >= _SOC_SPREAD_PCT_MIN**2)
    return np.where(is_known & (slope > 0), slope, np.nan)


def _ratio(sums: NDArray[Any], weight: NDArray[Any]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(weight > 0, sums / weight, np.nan))


def _extremes(bounds: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return highest and lowest voltage of each cell against the herd's, NaN = never plausible."""
    is_seen = bounds[:, 1] >= bounds[:, 0]
    high, low = (np.where(is_seen, bounds[:, j], np.nan) for j in (1, 0))
    return high - medians(high)[:, None], low - medians(low)[:, None]


def _excess_mohm(heads: NDArray[np.int64], whole: Floats, load: Floats, weight: Floats) -> Floats:
    """Return the regression of deviation on current [mOhm], turned so that worse is positive.

    deviation = a - r * current with discharge positive: a larger resistance pulls the cell down
    under discharge and up under charge.
    """
    wi, wii = heads[:, k.WI].astype(np.float64), heads[:, k.WII].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = wii / weight - (wi / weight) ** 2
        joint = load / weight[:, None] - whole / weight[:, None] * (wi / weight)[:, None]
        excess = -5 * joint / spread[:, None]  # half mV per 0.1 A to mOhm
        is_blind = heads[:, k.W_BLIND] / weight > _BLIND_SHARE_MAX
    is_known = (spread >= (10 * _CURRENT_SPREAD_A_MIN) ** 2) & ~is_blind
    return np.where(is_known[:, None], excess - np.median(excess, axis=1, keepdims=True), np.nan)


def _steps(bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest step that all highest and lowest voltages of a day are made of [mV]."""
    seen = np.where((bounds[:, 1] >= bounds[:, 0])[:, None], bounds, 0)
    return np.asarray(np.maximum(np.gcd.reduce(seen.reshape(len(bounds), -1), axis=1), 1))


def _stuck(heads: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
    moved = (heads[:, k.M2_MAX] - heads[:, k.M2_MIN]) / 2 >= _STUCK_HERD_MV_MIN
    span = bounds[:, 1] - bounds[:, 0]
    return np.asarray(moved[:, None] & (span >= 0) & (span <= _STUCK_CELL_MV_MAX))
