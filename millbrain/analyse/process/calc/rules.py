"""Rules that tell a pattern from chance: Nelson's eight and Western Electric's four, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb, factorial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from millbrain.analyse.process.calc.charts import Chart

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Form(StrEnum):
    """What a rule looks for among `window` points."""

    BEYOND = "beyond"  # `needed` of them beyond `sigmas` on one side, the last one too
    WITHIN = "within"  # all of them within `sigmas`
    OUTSIDE = "outside"  # all of them outside `sigmas`, on both sides
    TREND = "trend"  # each above the one before, or each below
    ALTERNATING = "alternating"  # up and down in turn


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. key: stable word, the kind of a finding. title: what it says, in both languages."""

    key: str
    form: Form
    window: int
    needed: int
    sigmas: float
    title: str
    title_zh: str


_LIMIT: Final = ("one point beyond three sigma", "1点落在3σ控制限之外")
_TWO: Final = ("two of three points beyond two sigma on one side", "连续3点中有2点落在同侧2σ之外")
_FOUR: Final = ("four of five points beyond one sigma on one side", "连续5点中有4点落在同侧1σ之外")

# Nelson, L. S. (1984), Journal of Quality Technology 16(4), 237-239; GB/T 17989.2 lists the same.
NELSON: Final = (
    Rule("nelson_1", Form.BEYOND, 1, 1, 3.0, *_LIMIT),
    Rule("nelson_2", Form.BEYOND, 9, 9, 0.0, "nine points in a row on one side of the centre",
         "连续9点落在中心线同一侧"),
    Rule("nelson_3", Form.TREND, 6, 6, 0.0, "six points in a row rising or falling",
         "连续6点递增或递减"),
    Rule("nelson_4", Form.ALTERNATING, 14, 14, 0.0, "fourteen points in a row up and down in turn",
         "连续14点交替上下"),
    Rule("nelson_5", Form.BEYOND, 3, 2, 2.0, *_TWO),
    Rule("nelson_6", Form.BEYOND, 5, 4, 1.0, *_FOUR),
    Rule("nelson_7", Form.WITHIN, 15, 15, 1.0, "fifteen points in a row within one sigma",
         "连续15点落在1σ之内"),
    Rule("nelson_8", Form.OUTSIDE, 8, 8, 1.0,
         "eight points in a row outside one sigma, on both sides", "连续8点落在两侧1σ之外"),
)  # fmt: skip
# Western Electric Company (1956), Statistical Quality Control Handbook: the four zone rules.
WESTERN_ELECTRIC: Final = (
    Rule("we_1", Form.BEYOND, 1, 1, 3.0, *_LIMIT),
    Rule("we_2", Form.BEYOND, 3, 2, 2.0, *_TWO),
    Rule("we_3", Form.BEYOND, 5, 4, 1.0, *_FOUR),
    Rule("we_4", Form.BEYOND, 8, 8, 0.0, "eight points in a row on one side of the centre",
         "连续8点落在中心线同一侧"),
)  # fmt: skip
RULE_SETS: Final = {"nelson": NELSON, "western-electric": WESTERN_ELECTRIC}
RULES: Final = {rule.key: rule for rules in RULE_SETS.values() for rule in rules}


def marks(chart: Chart, rules: Sequence[Rule]) -> dict[str, Marks]:
    """Return rule -> points that complete its pattern, shape (points,).

    The rule of the limits looks at the chart's own limits, so it holds for skewed and widening ones
    too; the others look at zones of sigma and only where the chart's points bear it (`runs`).
    A point without a value belongs to no pattern and breaks a run.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (chart.value - chart.centre) / chart.sigma
    found = {}
    for rule in rules:
        if rule.form is Form.BEYOND and rule.window == 1:
            found[rule.key] = (chart.value > chart.upper) | (chart.value < chart.lower)
        elif chart.runs:
            found[rule.key] = zone_marks(z, rule)
    return found


def zone_marks(z: Floats, rule: Rule) -> Marks:
    """Return the points that complete a rule's pattern. z: distance from the centre in sigmas."""
    if rule.form is Form.BEYOND:
        return _beyond(z > rule.sigmas, rule) | _beyond(z < -rule.sigmas, rule)
    if rule.form is Form.WITHIN:
        return _all(np.abs(z) < rule.sigmas, rule.window)
    if rule.form is Form.OUTSIDE:
        both = _any(z > 0, rule.window) & _any(z < 0, rule.window)
        return _all(np.abs(z) > rule.sigmas, rule.window) & both
    steps = np.diff(z, prepend=np.nan)
    if rule.form is Form.TREND:
        return _all(steps > 0, rule.window - 1) | _all(steps < 0, rule.window - 1)
    turns = np.zeros(len(z), np.bool_)
    turns[1:] = steps[1:] * steps[:-1] < 0
    return _all(turns, rule.window - 2)


def involved(rule: Rule, mark: Marks) -> Marks:
    """Return every point that lies in the window of a marked one."""
    last = np.flatnonzero(mark)
    shown = np.zeros(len(mark), np.bool_)
    for back in range(rule.window):
        shown[np.maximum(last - back, 0)] = True
    return shown


def chance(rule: Rule) -> float:
    """Return how often a point completes the pattern though nothing is wrong, 0 to 1.

    For independent normal values whose centre and sigma are known.
    """
    tail = float(ndtr(-rule.sigmas))
    n = rule.window
    if rule.form is Form.BEYOND:  # the last point is one of the `needed`
        some = range(rule.needed - 1, n)
        return 2 * tail * sum(comb(n - 1, k) * tail**k * (1 - tail) ** (n - 1 - k) for k in some)
    if rule.form is Form.WITHIN:
        return (1 - 2 * tail) ** n
    if rule.form is Form.OUTSIDE:
        return (2 * tail) ** n - 2 * tail**n
    orders = 1 if rule.form is Form.TREND else _zigzags(n)
    return 2 * orders / factorial(n)


def _zigzags(n: int) -> int:
    """Return how many orders of n values go up and down in turn, beginning with up."""
    row = [1]
    for _ in range(n):
        total, following = 0, [0]
        for value in reversed(row):
            total += value
            following.append(total)
        row = following
    return row[-1]


def _counts(hits: Marks, window: int) -> NDArray[np.int64]:
    """Return how many of the last `window` points are hits, fewer at the begin."""
    total = np.concatenate(([0], np.cumsum(hits)))
    index = np.arange(1, len(hits) + 1)
    return np.asarray(total[index] - total[np.maximum(index - window, 0)], np.int64)


def _beyond(hits: Marks, rule: Rule) -> Marks:
    return np.asarray((_counts(hits, rule.window) >= rule.needed) & hits)


def _all(hits: Marks, window: int) -> Marks:
    return np.asarray(_counts(hits, window) == window)


def _any(hits: Marks, window: int) -> Marks:
    return np.asarray(_counts(hits, window) > 0)
