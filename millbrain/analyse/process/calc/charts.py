"""Control charts: points, centre line, limits. Shewhart's, then EWMA and CUSUM.

Every function takes the points of both phases and how many of the first are phase I: these alone
give the centre and sigma, unless both are known from before.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from millbrain.analyse.process.calc.constants import c4, c5, d2, d3

Floats = NDArray[np.float64]
LIMIT_SIGMAS: Final = 3.0
ALL: Final = 1 << 30  # phase I is every point


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. All arrays have the shape of `value`, shape (points,).

    value: what is drawn. centre, sigma: of each point, in the unit of `value`; sigma is that of the
    drawn value, not of a single part. lower, upper: control limits. spread: standard deviation of a
    single value within subgroups, NaN where the chart knows none. phase_one: points that the limits
    were computed from. runs: whether rules about runs and zones hold (they do not for ranges,
    deviations, EWMA and CUSUM, whose points are skewed or depend on each other).
    """

    name: str
    value: Floats
    centre: Floats
    sigma: Floats
    lower: Floats
    upper: Floats
    spread: float
    phase_one: int
    runs: bool


@dataclass(frozen=True, slots=True)
class Known:
    """Centre and sigma of single values known from before; NaN = from phase I."""

    centre: float = float("nan")
    sigma: float = float("nan")

    @property
    def is_given(self) -> bool:
        """Whether there is no phase I."""
        return bool(np.isfinite(self.centre) and np.isfinite(self.sigma))


UNKNOWN: Final = Known()


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float64)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _chart(
    name: str, value: Floats, centre: Any, sigma: Any, spread: float, first: int,
    *, runs: bool, floor: float = -np.inf, ceiling: float = np.inf,
) -> Chart:  # fmt: skip
    """Return a chart with three-sigma limits, cut at what the value can be."""
    middle = np.broadcast_to(_floats(centre), value.shape).copy()
    width = np.broadcast_to(_floats(sigma), value.shape).copy()
    lower = np.maximum(middle - LIMIT_SIGMAS * width, floor)
    upper = np.minimum(middle + LIMIT_SIGMAS * width, ceiling)
    return Chart(name, value, middle, width, lower, upper, spread, min(first, len(value)), runs)


def moving_ranges(values: ArrayLike) -> Floats:
    """Return |x[i] - x[i - 1]|, NaN for the first."""
    x = _floats(values)
    return np.abs(np.diff(x, prepend=np.nan))


def i_mr(values: ArrayLike, first: int = ALL, known: Known = UNKNOWN) -> tuple[Chart, Chart]:
    """Return the chart of individuals and the one of moving ranges of two.

    values: shape (points,). first: points of phase I.

    References
    ----------
    Montgomery, Introduction to Statistical Quality Control, 6.4: sigma = MR-bar / d2(2).
    """
    x = _floats(values)
    ranges = moving_ranges(x)
    sigma = known.sigma if known.is_given else _mean(ranges[1:first]) / d2(2)
    centre = known.centre if known.is_given else _mean(x[:first])
    return (
        _chart("i", x, centre, sigma, sigma, first, runs=True),
        _chart("mr", ranges, sigma * d2(2), sigma * d3(2), sigma, first, runs=False, floor=0.0),
    )


def _sizes(groups: Floats) -> NDArray[np.int64]:
    return np.asarray(np.isfinite(groups).sum(axis=1), np.int64)


def _factors(sizes: NDArray[np.int64], factor: Any) -> Floats:
    """Return the factor of each point's size, NaN where fewer than two values are known."""
    table = {int(n): factor(int(n)) if n >= 2 else np.nan for n in np.unique(sizes)}
    return np.array([table[int(n)] for n in sizes], np.float64)


def _grouped_means(groups: Floats) -> Floats:
    sizes = _sizes(groups)
    sums = np.where(np.isfinite(groups), groups, 0.0).sum(axis=1)
    return np.asarray(sums / np.where(sizes > 0, sizes, np.nan), np.float64)


def _grand_mean(groups: Floats, first: int) -> float:
    return _mean(groups[:first].ravel())


def xbar_r(groups: ArrayLike, first: int = ALL, known: Known = UNKNOWN) -> tuple[Chart, Chart]:
    """Return the chart of subgroup means and the one of subgroup ranges.

    groups: shape (points, values), NaN = missing value. Sizes may differ: sigma is the mean of
    R / d2(n), which is R-bar / d2 where they do not.
    """
    x = _floats(groups)
    sizes = _sizes(x)
    filled = np.where(np.isfinite(x), x, -np.inf).max(axis=1, initial=-np.inf)
    least = np.where(np.isfinite(x), x, np.inf).min(axis=1, initial=np.inf)
    ranges = np.where(sizes >= 2, filled - np.where(sizes >= 2, least, 0.0), np.nan)
    sigma = known.sigma if known.is_given else _mean((ranges / _factors(sizes, d2))[:first])
    mean, width = _factors(sizes, d2) * sigma, _factors(sizes, d3) * sigma
    return (
        _means_chart(x, sizes, sigma, first, known),
        _chart("r", ranges, mean, width, sigma, first, runs=False, floor=0.0),
    )


def xbar_s(groups: ArrayLike, first: int = ALL, known: Known = UNKNOWN) -> tuple[Chart, Chart]:
    """Return the chart of subgroup means and the one of subgroup standard deviations.

    groups: shape (points, values), NaN = missing value.
    """
    x = _floats(groups)
    sizes = _sizes(x)
    apart = np.where(np.isfinite(x), x - _grouped_means(x)[:, None], 0.0)
    squares = (apart * apart).sum(axis=1)
    deviations = np.sqrt(
        np.divide(squares, sizes - 1, out=np.full(len(x), np.nan), where=sizes >= 2)
    )
    sigma = known.sigma if known.is_given else _mean((deviations / _factors(sizes, c4))[:first])
    mean, width = _factors(sizes, c4) * sigma, _factors(sizes, c5) * sigma
    return (
        _means_chart(x, sizes, sigma, first, known),
        _chart("s", deviations, mean, width, sigma, first, runs=False, floor=0.0),
    )


def _means_chart(
    groups: Floats, sizes: NDArray[np.int64], sigma: float, first: int, known: Known
) -> Chart:
    centre = known.centre if known.is_given else _grand_mean(groups, first)
    width = sigma / np.sqrt(np.where(sizes > 0, sizes, np.nan))
    return _chart("xbar", _grouped_means(groups), centre, width, sigma, first, runs=True)


def _pooled(counts: Floats, sizes: Floats, first: int) -> float:
    total = float(np.nansum(sizes[:first]))
    return float(np.nansum(counts[:first])) / total if total else float("nan")


def p(counts: ArrayLike, sizes: ArrayLike, first: int = ALL, known: Known = UNKNOWN) -> Chart:
    """Return the chart of the nonconforming share [-]. counts, sizes: shape (points,)."""
    d, n = _floats(counts), np.broadcast_to(_floats(sizes), np.shape(counts))
    share = known.centre if np.isfinite(known.centre) else _pooled(d, n, first)
    width = np.sqrt(share * (1.0 - share) / n)
    return _chart("p", d / n, share, width, np.nan, first, runs=True, floor=0.0, ceiling=1.0)


def np_chart(counts: ArrayLike, size: int, first: int = ALL, known: Known = UNKNOWN) -> Chart:
    """Return the chart of nonconforming pieces among `size` each time."""
    d = _floats(counts)
    share = known.centre / size if np.isfinite(known.centre) else _mean(d[:first]) / size
    width = np.sqrt(size * share * (1.0 - share))
    return _chart("np", d, size * share, width, np.nan, first, runs=True, floor=0.0, ceiling=size)


def c(counts: ArrayLike, first: int = ALL, known: Known = UNKNOWN) -> Chart:
    """Return the chart of nonconformities of equal units. counts: shape (points,)."""
    d = _floats(counts)
    mean = known.centre if np.isfinite(known.centre) else _mean(d[:first])
    return _chart("c", d, mean, np.sqrt(mean), np.nan, first, runs=True, floor=0.0)


def u(counts: ArrayLike, sizes: ArrayLike, first: int = ALL, known: Known = UNKNOWN) -> Chart:
    """Return the chart of nonconformities per unit. counts, sizes: shape (points,)."""
    d, n = _floats(counts), np.broadcast_to(_floats(sizes), np.shape(counts))
    mean = known.centre if np.isfinite(known.centre) else _pooled(d, n, first)
    return _chart("u", d / n, mean, np.sqrt(mean / n), np.nan, first, runs=True, floor=0.0)


def _phase_one(values: Floats, first: int, known: Known, target: float) -> tuple[float, float]:
    """Return centre and sigma of single values; a target goes before their mean."""
    singles, _ = i_mr(values, first, known)
    centre = float(singles.centre[0]) if len(values) else np.nan
    return (target if np.isfinite(target) else centre), singles.spread


def ewma(
    values: ArrayLike, weight: float = 0.2, width: float = LIMIT_SIGMAS, first: int = ALL,
    known: Known = UNKNOWN, target: float = np.nan,
) -> Chart:  # fmt: skip
    """Return the exponentially weighted moving average with its exact, widening limits.

    weight: lambda, above 0 up to 1. width: L, in sigmas of the average. target: centre, NaN = the
    mean of phase I.

    References
    ----------
    Montgomery, Introduction to Statistical Quality Control, 9.2, eq. 9.22 and 9.25.
    """
    x = _floats(values)
    centre, sigma = _phase_one(x, first, known, target)
    average, last = np.empty_like(x), centre
    for i, value in enumerate(x.tolist()):
        last += weight * (value - last) if value == value else 0.0
        average[i] = last
    order = np.arange(1, len(x) + 1)
    shrink = np.sqrt(weight / (2.0 - weight) * (1.0 - (1.0 - weight) ** (2 * order)))
    made = _chart("ewma", average, centre, sigma * shrink, sigma, first, runs=False)
    apart = width * made.sigma
    return replace(made, lower=made.centre - apart, upper=made.centre + apart)


@dataclass(frozen=True, slots=True)
class CusumRules:
    """slack: K, decision: H, head_start: first value (fast initial response), all in sigmas."""

    slack: float = 0.5
    decision: float = 5.0
    head_start: float = 0.0


def cusum(
    values: ArrayLike, rules: CusumRules = CusumRules(), first: int = ALL, known: Known = UNKNOWN,
    target: float = np.nan,
) -> tuple[Chart, Chart]:  # fmt: skip
    """Return the one-sided cumulative sums above and below the target, both as values from 0.

    References
    ----------
    Montgomery, Introduction to Statistical Quality Control, 9.1, eq. 9.2 and 9.3.
    """
    x = _floats(values)
    centre, sigma = _phase_one(x, first, known, target)
    charts = []
    for name, sign in (("cusum+", 1.0), ("cusum-", -1.0)):
        steps = np.where(np.isfinite(x), sign * (x - centre) - rules.slack * sigma, 0.0)
        walk = np.cumsum(steps) + rules.head_start * sigma
        value = walk - np.minimum(np.minimum.accumulate(walk), 0.0) if len(x) else walk
        made = _chart(name, value, 0.0, sigma, sigma, first, runs=False, floor=0.0)
        charts.append(replace(made, upper=np.full(len(x), rules.decision * sigma)))
    return charts[0], charts[1]
