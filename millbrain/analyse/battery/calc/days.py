"""What the sums of a day mean: deviation, score, slope and resistance of every cell.

Scores are deviations in units of 1.4826 MAD of the day's herd (a standard deviation that outliers
do not move, Iglewicz and Hoaglin 1993), at least 1 mV, so that a herd of equal numbers does not
make a millivolt look large.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

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
    those at rest, over the others. end_mv: by range of SOC, shape (days, 3, cells). excess_mohm:
    resistance above the herd's. slope_mv: pack median per percent of SOC, shape (days, 3).
    soc_pct: mean SOC in each range. lost, sense, lowest: share of the reports. is_stuck: the cell
    did not move while the herd did. flags, level, leaky, temp_max_degc: of the day.
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
    end_mv: Floats
    excess_mohm: Floats
    slope_mv: Floats
    soc_pct: Floats
    lost: Floats
    sense: Floats
    lowest: Floats
    is_stuck: NDArray[np.bool_]
    flags: NDArray[np.int64]
    level: NDArray[np.int64]
    leaky: NDArray[np.int64]
    temp_max_degc: NDArray[np.int64]
    spread_mv: NDArray[np.int64]

    def taken(self, days: NDArray[np.intp]) -> "PackDays":
        """Return the given days, in that order."""
        cut = {n: getattr(self, n)[days] for n in self.__slots__ if n not in ("vin", "pack_no")}
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
    return [_stack(list(days)) for _, days in grouped]


def _stack(slots: Sequence[Slot]) -> PackDays:
    heads = np.stack([s.head for s in slots])
    sums = np.stack([s.sums for s in slots]).astype(np.float64)
    tallies = np.stack([s.tallies for s in slots]).astype(np.float64)
    bounds = np.stack([s.bounds for s in slots]).astype(np.int64)
    load = np.stack([s.load for s in slots]).astype(np.float64)
    weight = heads[:, k.W : k.W + k.BINS].astype(np.float64)
    rest_weight = heads[:, k.W_REST].astype(np.float64)
    whole = sums[:, : k.BINS].sum(axis=1)
    reports = np.maximum(heads[:, k.REPORTS], 1)[:, None]
    slope, soc = _slopes(heads, weight)
    return PackDays(
        vin=slots[0].vin,
        pack_no=slots[0].pack_no,
        day=np.array([s.day for s in slots], np.int64),
        reports=heads[:, k.REPORTS],
        first_at=heads[:, k.FIRST],
        last_at=heads[:, k.LAST],
        deviation_mv=_mean(whole, weight.sum(axis=1)),
        rest_mv=_mean(sums[:, k.BINS], rest_weight),
        loaded_mv=_mean(whole - sums[:, k.BINS], weight.sum(axis=1) - rest_weight),
        end_mv=_ends(sums[:, : k.BINS], weight),
        excess_mohm=_excess_mohm(heads, whole, load, weight.sum(axis=1)),
        slope_mv=slope,
        soc_pct=soc,
        lost=tallies[:, 0] / reports,
        sense=tallies[:, 1] / reports,
        lowest=tallies[:, 2] / reports,
        is_stuck=_stuck(heads, bounds),
        flags=heads[:, k.FLAGS],
        level=heads[:, k.LEVEL],
        leaky=heads[:, k.LEAKY],
        temp_max_degc=heads[:, k.TEMP_MAX],
        spread_mv=heads[:, k.SPREAD_MAX],
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


def _slopes(heads: NDArray[np.int64], weight: Floats) -> tuple[Floats, Floats]:
    """Return slope of the pack median [mV/%] and mean SOC [%] of each range."""
    wm, ws, wms, wss = (
        heads[:, c : c + k.BINS].astype(np.float64) for c in (k.WM, k.WS, k.WMS, k.WSS)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        soc = ws / weight
        spread = wss / weight - soc**2
        slope = (wms / weight - wm / weight * soc) / spread / 2
    is_known = (weight >= _BIN_REPORT_SHARE_MIN) & (spread >= _SOC_SPREAD_PCT_MIN**2)
    return np.where(is_known & (slope > 0), slope, np.nan), soc


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


def _stuck(heads: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
    moved = (heads[:, k.M2_MAX] - heads[:, k.M2_MIN]) / 2 >= _STUCK_HERD_MV_MIN
    span = bounds[:, 1] - bounds[:, 0]
    return np.asarray(moved[:, None] & (span >= 0) & (span <= _STUCK_CELL_MV_MAX))
