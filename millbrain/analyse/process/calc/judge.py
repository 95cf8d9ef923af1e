"""From the readings of a characteristic to its charts, its broken rules and its capability."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.process.calc import charts
from millbrain.analyse.process.calc.capability import (
    MOVING_RANGE_SHARE,
    RANGE_SHARE,
    Capability,
    capability,
)
from millbrain.analyse.process.calc.charts import Chart, Known
from millbrain.analyse.process.calc.rules import RULE_SETS, Marks, marks
from millbrain.core.plant.charted import OF_COUNTS, Charted, ChartKind

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of one characteristic, oldest first, all of shape (readings,).

    at_ms: device time [ms since 1970 UTC]. value: NaN = none. size: pieces looked at, NaN where
    the chart needs none or none came. place: how many readings stand before the first.
    """

    at_ms: NDArray[np.int64]
    value: Floats
    size: Floats
    place: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What is drawn and said. at_ms: last reading of each point, shape (points,).

    charts: one or two, all of the same points. marks: of each chart: rule -> points. capability:
    None for counts. place: complete points before the first.
    """

    at_ms: NDArray[np.int64]
    charts: tuple[Chart, ...]
    marks: tuple[Mapping[str, Marks], ...]
    capability: Capability | None
    place: int = 0
    singles: Floats = field(default_factory=lambda: np.zeros(0))


_GROUPED: Final = {ChartKind.XBAR_R: charts.xbar_r, ChartKind.XBAR_S: charts.xbar_s}


def judge(c: Charted, baseline: Readings, window: Readings) -> Judged:
    """Return charts, marks and capability of the newest readings.

    baseline: the first `c.baseline` points since `c.since`, from which the limits come where none
    are given. window: the newest readings; points begin where a subgroup begins.
    """
    known = known_of(c, baseline)
    points = grouped(c, window)
    made = _drawn(c, points, max(c.baseline - points.place, 0), known)
    rules = RULE_SETS[c.rules]
    return Judged(
        points.at_ms,
        made,
        tuple(marks(chart, rules) for chart in made),
        _capability(c, points),
        points.place,
        points.values.ravel(),
    )


@dataclass(frozen=True, slots=True)
class Points:
    """Complete subgroups. values: shape (points, subgroup). size: of the counts, shape (points,).

    at_ms: last reading of each. place: complete subgroups before the first.
    """

    at_ms: NDArray[np.int64]
    values: Floats
    size: Floats
    place: int


def grouped(c: Charted, readings: Readings) -> Points:
    """Cut readings into subgroups; those that lie across the begin or are not full are left out."""
    n = c.subgroup
    skip = -readings.place % n
    full = max(len(readings.value) - skip, 0) // n * n
    part = slice(skip, skip + full)
    return Points(
        readings.at_ms[part][n - 1 :: n],
        readings.value[part].reshape(-1, n),
        readings.size[part][n - 1 :: n],
        (readings.place + skip) // n,
    )


def known_of(c: Charted, baseline: Readings) -> Known:
    """Return centre and sigma that the limits are drawn from: given, or of phase I."""
    if np.isfinite(c.sigma):
        return Known(c.centre, c.sigma)
    points = grouped(c, baseline)
    if not len(points.at_ms):
        return charts.UNKNOWN
    chart = _drawn(c, points, c.baseline, charts.UNKNOWN)[0]
    centre = float(chart.centre[0])
    if c.chart is ChartKind.CUSUM:
        centre = float(np.nanmean(points.values))
    return Known(centre, chart.spread)


def _drawn(c: Charted, points: Points, first: int, known: Known) -> tuple[Chart, ...]:
    singles = points.values[:, -1] if points.values.size else np.zeros(0)
    size = np.where(points.size > 0, points.size, np.nan)
    match c.chart:
        case ChartKind.I_MR:
            return charts.i_mr(singles, first, known)
        case ChartKind.XBAR_R | ChartKind.XBAR_S:
            return _GROUPED[c.chart](points.values, first, known)
        case ChartKind.P:
            return (charts.p(singles, size, first, known),)
        case ChartKind.NP:
            return (charts.np_chart(singles, c.size, first, known),)
        case ChartKind.C:
            return (charts.c(singles, first, known),)
        case ChartKind.U:
            return (charts.u(singles, size, first, known),)
        case ChartKind.EWMA:
            return (charts.ewma(singles, first=first, known=known, target=c.target),)
        case ChartKind.CUSUM:
            return charts.cusum(singles, first=first, known=known, target=c.target)


def _capability(c: Charted, points: Points) -> Capability | None:
    """Return the capability of all values of the points; its spread is that of these points."""
    if c.chart in OF_COUNTS or not (np.isfinite(c.lower) or np.isfinite(c.upper)):
        return None
    if c.chart in _GROUPED:
        chart, _ = _GROUPED[c.chart](points.values)
        share = RANGE_SHARE if c.chart is ChartKind.XBAR_R else 1.0
        freedom = share * len(points.at_ms) * (c.subgroup - 1)
    else:
        chart, _ = charts.i_mr(points.values[:, -1] if points.values.size else np.zeros(0))
        freedom = MOVING_RANGE_SHARE * max(len(points.at_ms) - 1, 0)
    return capability(points.values.ravel(), c.lower, c.upper, chart.spread, freedom)
