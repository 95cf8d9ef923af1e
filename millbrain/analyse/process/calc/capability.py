"""Capability and performance of a process against its specification limits, with intervals."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

CONFIDENCE: Final = 0.95
NORMAL_POINTS_MIN: Final = 8  # fewer values say nothing of the form of a distribution
# Degrees of freedom that an estimate of sigma is worth, as a share of those of the pooled one.
MOVING_RANGE_SHARE: Final = 0.62  # Bissell 1990; AIAG SPC manual, 2nd ed., app. D
RANGE_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Index:
    """An index with its two-sided confidence interval; NaN = not known."""

    value: float
    low: float
    high: float


NONE: Final = Index(np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a sample says. cp, cpk: from the spread within subgroups; pp, ppk: from the whole.

    count: values. mean, spread, overall: in their unit. beyond_ppm: expected outside the limits if
    normal [parts per million], from the overall spread. normal_p: p-value of the Anderson-Darling
    test, NaN where too few values or all are alike.
    """

    count: int
    mean: float
    spread: float
    overall: float
    cp: Index
    cpk: Index
    pp: Index
    ppk: Index
    beyond_ppm: float
    outside_count: int
    normal_p: float

    @property
    def is_normal(self) -> bool | None:
        """Whether normality is not refused at 5 %; None = cannot be said."""
        return None if np.isnan(self.normal_p) else bool(self.normal_p >= 0.05)


def capability(
    values: ArrayLike, lower: float, upper: float, spread: float, freedom: float
) -> Capability:
    """Return the indices of a sample.

    Parameters
    ----------
    values
        Single values in order of making, shape (count,); NaN are left out.
    lower, upper
        Specification limits in the same unit; NaN or infinite = none on that side.
    spread
        Standard deviation within subgroups, as the control chart has it; NaN = not known.
    freedom
        Degrees of freedom that it is worth.

    References
    ----------
    Montgomery 8.3; Bissell (1990), How reliable is your capability index, Applied Statistics 39(3).
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    mean = float(x.mean()) if x.size else np.nan
    overall = float(x.std(ddof=1)) if x.size > 1 else np.nan
    cp, cpk = indices(mean, spread, lower, upper, x.size, freedom)
    pp, ppk = indices(mean, overall, lower, upper, x.size, x.size - 1)
    outside = int(((x < lower) | (x > upper)).sum())
    beyond = _beyond(mean, overall, lower, upper)
    return Capability(
        x.size, mean, spread, overall, cp, cpk, pp, ppk, beyond, outside, normality(x)
    )


def indices(
    mean: float, sigma: float, lower: float, upper: float, count: int, freedom: float
) -> tuple[Index, Index]:
    """Return the index of the spread (Cp, Pp, Cm) and of the nearer limit (Cpk, Ppk, Cmk).

    The first has the interval of the chi-square distribution, the second that of Bissell. Without
    two limits there is no first.
    """
    if not sigma > 0 or count < 2:
        return NONE, NONE
    sides = [d for d in ((upper - mean), (mean - lower)) if np.isfinite(d)]
    if not sides:
        return NONE, NONE
    nearer = min(sides) / (3.0 * sigma)
    z = float(ndtri(0.5 + CONFIDENCE / 2))
    error = z * np.sqrt(1.0 / (9.0 * count) + nearer * nearer / (2.0 * max(freedom, 1.0)))
    centred = Index(float(nearer), float(nearer - error), float(nearer + error))
    if len(sides) < 2:
        return NONE, centred
    wide = float((upper - lower) / (6.0 * sigma))
    tails = chi2.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], freedom) / freedom
    low, high = (float(wide * np.sqrt(t)) for t in tails)
    return Index(wide, low, high), centred


def machine(values: ArrayLike, lower: float, upper: float) -> tuple[Index, Index]:
    """Return Cm and Cmk of pieces made one after the other on one set-up, usually fifty."""
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if x.size < 2:
        return NONE, NONE
    sigma = float(x.std(ddof=1))
    return indices(float(x.mean()), sigma, lower, upper, x.size, x.size - 1)


def normality(values: NDArray[np.float64]) -> float:
    """Return the p-value of the Anderson-Darling test of normality, mean and sigma estimated.

    NaN where fewer than eight values are known or all are alike.

    References
    ----------
    D'Agostino and Stephens (1986), Goodness-of-Fit Techniques, table 4.9.
    """
    n = values.size
    if n < NORMAL_POINTS_MIN or not values.std() > 0:
        return float("nan")
    z = np.sort((values - values.mean()) / values.std(ddof=1))
    below = np.clip(ndtr(z), 1e-300, 1.0)
    above = np.clip(ndtr(-z[::-1]), 1e-300, 1.0)
    i = np.arange(1, n + 1)
    squared = -n - float(((2 * i - 1) * (np.log(below) + np.log(above))).mean())
    a = squared * (1.0 + 0.75 / n + 2.25 / n**2)
    if a < 0.2:
        return float(1.0 - np.exp(-13.436 + 101.14 * a - 223.73 * a * a))
    if a < 0.34:
        return float(1.0 - np.exp(-8.318 + 42.796 * a - 59.938 * a * a))
    if a < 0.6:
        return float(np.exp(0.9177 - 4.279 * a - 1.38 * a * a))
    return float(np.exp(min(1.2937 - 5.709 * a + 0.0186 * a * a, 0.0))) if a < 13 else 0.0


def _beyond(mean: float, sigma: float, lower: float, upper: float) -> float:
    if not sigma > 0:
        return float("nan")
    low = float(ndtr((lower - mean) / sigma)) if np.isfinite(lower) else 0.0
    high = float(ndtr((mean - upper) / sigma)) if np.isfinite(upper) else 0.0
    return 1e6 * (low + high)
