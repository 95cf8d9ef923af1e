"""Incremental capacity: how much charge a cell takes per volt, and where that is highest.

The charge of every interval is laid on a fine grid of mean cell voltage (pack voltage by number of
cells) and smoothed with a Gaussian kernel. That is the derivative dQ/dV without dividing by small
differences: noise of the voltage widens a peak, and cannot make one. The kernel must be at least as
wide as the step in which the voltage is reported, 0.1 V by the number of cells; then the ripple of
the steps is below 1e-8 of the height. A Savitzky-Golay filter of the ratio was not taken, since on
steps of the voltage the ratio itself is undefined.

Dubarry, Truchot and Liaw 2012; Feng et al. 2013 (counting points by voltage).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.model import ChargeRules

Floats = NDArray[np.float64]

LOW_MV: Final = 1_500  # below any cell that may be charged
BINS: Final = 3_072  # 1 mV each; with the kernel's reach within the 4,096 points of the transform
_POINTS: Final = 4_096
_STEP_MV: Final = 100.0  # resolution of the pack voltage in GB/T 32960
_STEADY_RATIO: Final = 0.2  # current within that of its median: the tail at constant voltage is out
_EDGE_SIGMAS: Final = 2.0  # a peak nearer to the end of what was seen may be the end itself
_CHUNK: Final = 256  # charges at once: 8 MB of grid


@dataclass(frozen=True, slots=True)
class Peaks:
    """The main peak of each charge, NaN = resolution or range do not tell it; shape (charges,).

    at_mv: mean cell voltage. height_ahpv: charge of the pack per volt of a cell.
    """

    at_mv: Floats
    height_ahpv: Floats


def peaks(charge: NDArray[np.int64], cell_mv: Floats, added_ah: Floats, current_a: Floats,
          cells: NDArray[np.int64], used: NDArray[np.bool_], count: int,
          rules: ChargeRules) -> Peaks:  # fmt: skip
    """Return the main incremental-capacity peak of each of `count` charges.

    charge: index of the charge of each report, ascending; in order of time within. cell_mv: mean
    cell voltage. added_ah: charge since the report before. used: whether the interval before the
    report counts. A peak is told where the kernel is no narrower than the step of the voltage, at
    least `ic_reports_min` intervals lie within two standard deviations of the kernel around it,
    and it lies as far inside the range of voltage that was seen (5th to 95th part of the
    intervals).
    """
    found = Peaks(np.full(count, np.nan), np.full(count, np.nan))
    middle_mv = (np.r_[np.nan, cell_mv[:-1]][: len(cell_mv)] + cell_mv) / 2
    used = used & (middle_mv >= LOW_MV) & (middle_mv < LOW_MV + BINS - 1)
    used &= cells * rules.ic_sigma_mv >= _STEP_MV
    rows = np.flatnonzero(used)
    rows = rows[_steady(charge[rows], current_a[rows], count)]
    enough = np.bincount(charge[rows], minlength=count) >= rules.ic_reports_min
    wanted = np.flatnonzero(enough)
    rows = rows[enough[charge[rows]]]
    bounds = np.searchsorted(charge[rows], wanted)
    bounds = np.r_[bounds, len(rows)]
    for begin in range(0, len(wanted), _CHUNK):
        some = wanted[begin : begin + _CHUNK]
        part = rows[bounds[begin] : bounds[begin + len(some)]]
        local = np.searchsorted(some, charge[part])
        at, height = _highest(local, middle_mv[part], added_ah[part], len(some), rules)
        found.at_mv[some], found.height_ahpv[some] = at, height
    return found


def _steady(charge: NDArray[np.int64], current_a: Floats, count: int) -> NDArray[np.bool_]:
    """Whether the current is near the median of its charge."""
    order = np.lexsort((current_a, charge))
    size = np.bincount(charge, minlength=count)
    begin = np.cumsum(size) - size
    place = np.minimum(begin + size // 2, max(len(order) - 1, 0))
    median = current_a[order[place]] if len(order) else np.zeros(count)
    middle = median[charge]
    return np.asarray(np.abs(current_a - middle) <= _STEADY_RATIO * middle)


def _highest(charge: NDArray[Any], middle_mv: Floats, added_ah: Floats, count: int,
             rules: ChargeRules) -> tuple[Floats, Floats]:  # fmt: skip
    """Return place [mV] and height [Ah/V] of the peak of each charge, NaN where a rule forbids."""
    place = middle_mv - LOW_MV
    bin_ = place.astype(np.int64)
    part = place - bin_
    cell = charge * BINS + bin_
    size = count * BINS
    # Shared between the two nearest points by distance, so that the grid leaves no ripple.
    grid = np.zeros(size)
    np.add.at(grid, cell, added_ah * (1 - part))
    np.add.at(grid, cell + 1, added_ah * part)
    curve = _smoothed(grid.reshape(count, BINS), rules.ic_sigma_mv) * 1_000
    number = np.cumsum(np.bincount(cell, minlength=size).reshape(count, BINS), axis=1)
    top = np.argmax(curve, axis=1)
    every = np.arange(count)
    reach = round(_EDGE_SIGMAS * rules.ic_sigma_mv)
    low, high = np.maximum(top - reach, 1), np.minimum(top + reach, BINS - 2)
    total = number[:, -1]
    inside = (number[every, low] > 0.05 * total) & (number[every, high] < 0.95 * total)
    near = number[every, high] - number[every, low - 1]
    is_told = inside & (near >= rules.ic_reports_min)
    left, mid, right = (curve[every, np.clip(top + k, 0, BINS - 1)] for k in (-1, 0, 1))
    bend = left - 2 * mid + right
    shift = np.where(bend < 0, (left - right) / (2 * np.where(bend < 0, bend, 1)), 0)
    at = LOW_MV + top + shift
    return np.where(is_told, at, np.nan), np.where(
        is_told, mid - (left - right) * shift / 4, np.nan
    )


def _smoothed(grid: Floats, sigma_mv: float) -> Floats:
    """Return charge per mV, smoothed; the kernel is applied in the frequency domain."""
    frequency = np.fft.rfftfreq(_POINTS)
    kernel = np.exp(-2 * (np.pi * frequency * sigma_mv) ** 2)
    return np.fft.irfft(np.fft.rfft(grid, _POINTS, axis=1) * kernel, _POINTS, axis=1)[:, :BINS]
