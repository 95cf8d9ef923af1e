"""Rules against hand-made patterns, against a slow reading of their words, and by chance."""

import itertools

import numpy as np
import pytest

from millbrain.analyse.process.calc import charts
from millbrain.analyse.process.calc.rules import (
    NELSON,
    RULES,
    WESTERN_ELECTRIC,
    Form,
    Rule,
    chance,
    involved,
    marks,
    zone_marks,
)

Z = np.asarray
PATTERNS = {
    # points in sigmas, and the indices (from 0) that complete the pattern
    "nelson_2": ([-0.1] + [0.5] * 9 + [0.2], [9, 10]),
    "nelson_3": ([0.0, -1, -0.5, 0, 0.5, 1, 1.5, 1.4], [6]),
    "nelson_4": ([0.2, -0.2] * 7, [13]),
    "nelson_5": ([2.1, 0.1, 2.2, 1.0, 2.3], [2, 4]),
    "nelson_6": ([1.1, 1.2, 0.0, 1.3, 1.4, 0.0], [4]),
    "nelson_7": ([1.5] + [0.5, -0.5] * 8, [15, 16]),
    "nelson_8": ([1.5, -1.5] * 4, [7]),
    "we_2": ([-2.1, -2.2], [1]),
    "we_3": ([-1.1, -1.2, -1.3, 0.0, -1.4], [4]),
    "we_4": ([0.0] + [-0.3] * 8, [8]),
}


@pytest.mark.parametrize("key", PATTERNS)
def test_hand_made_patterns(key: str) -> None:
    z, expected = PATTERNS[key]
    assert np.flatnonzero(zone_marks(Z(z), RULES[key])).tolist() == expected


def test_what_looks_alike_is_no_pattern() -> None:
    nelson = {rule.key: rule for rule in NELSON}
    assert not zone_marks(Z([1.5] * 8), nelson["nelson_8"]).any(), "all on one side"
    assert not zone_marks(Z([0, 1, 2, 3, 3, 4, 5]), nelson["nelson_3"]).any(), "a tie breaks it"
    assert not zone_marks(Z([2.1, -2.2, 2.3, 0]), nelson["nelson_5"])[1], "on two sides"
    assert not zone_marks(Z([0.5] * 8 + [0.0] + [0.5] * 8), nelson["nelson_2"]).any(), "centre"
    assert not zone_marks(Z([0.5] * 8 + [np.nan] + [0.5] * 8), nelson["nelson_2"]).any()
    assert not zone_marks(Z([2.1, 2.2, 0.0])[1:], nelson["nelson_5"]).any()


def _slow(z: list[float], rule: Rule) -> list[int]:
    """Read the words of a rule point by point."""
    found = []
    for last in range(rule.window - 1, len(z)):
        window = z[last - rule.window + 1 : last + 1]
        steps = [b - a for a, b in itertools.pairwise(window)]
        match rule.form:
            case Form.BEYOND:
                hit = any(
                    sum(s * x > rule.sigmas for x in window) >= rule.needed
                    and s * window[-1] > rule.sigmas
                    for s in (1, -1)
                )
            case Form.WITHIN:
                hit = all(abs(x) < rule.sigmas for x in window)
            case Form.OUTSIDE:
                hit = all(abs(x) > rule.sigmas for x in window)
                hit = hit and min(window) < 0 < max(window)
            case Form.TREND:
                hit = all(s > 0 for s in steps) or all(s < 0 for s in steps)
            case Form.ALTERNATING:
                hit = all(a * b < 0 for a, b in itertools.pairwise(steps))
        if hit:
            found.append(last)
    return found


@pytest.mark.parametrize("rule", [*NELSON, *WESTERN_ELECTRIC], ids=lambda r: r.key)
def test_against_a_slow_reading_of_the_words(rule: Rule) -> None:
    random = np.random.default_rng(11)
    pieces = [
        random.normal(0, 1, 3_000), random.normal(1, 1, 500), random.normal(0, 0.4, 300),
        1.6 * np.sign(random.normal(0, 1, 400)) + random.normal(0, 0.3, 400),
        np.tile([0.5, -0.5], 60) + random.normal(0, 0.2, 120), np.linspace(-2, 2, 40),
    ]  # fmt: skip
    z = np.concatenate(pieces)
    expected = _slow(z.tolist(), rule)
    # A short window at the begin may be complete already: k of n need no n points.
    short = [i for i in np.flatnonzero(zone_marks(z, rule)).tolist() if i >= rule.window - 1]
    assert expected, "the made values never complete the pattern"
    assert short == expected


@pytest.mark.parametrize("rule", [*NELSON, *WESTERN_ELECTRIC], ids=lambda r: r.key)
def test_chance_is_what_happens_by_chance(rule: Rule) -> None:
    z = np.random.default_rng(7).normal(0, 1, 400_000)
    assert zone_marks(z, rule).mean() == pytest.approx(chance(rule), rel=0.12, abs=3e-5)


def test_rules_of_the_loan_costs_chart() -> None:
    # Montgomery, fig. 6.20: twenty more weeks; the mean has risen by about 1.5 sigma from week 21.
    first = [310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293,
             306, 301, 304]  # fmt: skip
    more = [305, 282, 305, 296, 314, 295, 287, 301, 298, 311, 310, 292, 305, 299, 314, 318, 324,
            318, 330, 333]  # fmt: skip
    single, _ = charts.i_mr([*first, *more], 20)
    found = marks(single, NELSON)
    # Upper limit 321.22: the 37th, 39th and 40th weeks are beyond it.
    assert np.flatnonzero(found["nelson_1"]).tolist() == [36, 38, 39]
    assert not any(mark[:20].any() for mark in found.values()), "phase I is in control"


def test_involved_shows_the_whole_pattern() -> None:
    rule = RULES["nelson_3"]
    mark = zone_marks(Z([0.0, -1, -0.5, 0, 0.5, 1, 1.5, 1.4]), rule)
    assert np.flatnonzero(involved(rule, mark)).tolist() == [1, 2, 3, 4, 5, 6]


def test_charts_of_ranges_have_only_the_rule_of_the_limits() -> None:
    _, ranges = charts.i_mr(np.random.default_rng(1).normal(0, 1, 50))
    assert set(marks(ranges, NELSON)) == {"nelson_1"}
