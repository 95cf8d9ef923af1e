"""Charts against printed tables and published examples."""

import numpy as np
import pytest

from millbrain.analyse.process.calc import charts
from millbrain.analyse.process.calc.constants import c4, c5, d2, d3

# Montgomery, Introduction to Statistical Quality Control, 6th ed., appendix VI.
PRINTED = {
    2: (1.128, 0.853, 0.7979), 3: (1.693, 0.888, 0.8862), 4: (2.059, 0.880, 0.9213),
    5: (2.326, 0.864, 0.9400), 6: (2.534, 0.848, 0.9515), 7: (2.704, 0.833, 0.9594),
    10: (3.078, 0.797, 0.9727), 15: (3.472, 0.756, 0.9823), 20: (3.735, 0.729, 0.9869),
    25: (3.931, 0.708, 0.9896),
}  # fmt: skip

# Table 7.1: nonconforming cans of orange juice concentrate, 30 samples of 50.
JUICE = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15,
         9, 12, 7, 13, 9, 6]  # fmt: skip
# Table 6.6: cost of processing loan applications, 20 weeks.
LOANS = [310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293, 306,
         301, 304]  # fmt: skip
# Table 9.1: twenty values of mean 10, then ten of mean 11; sigma 1.
SHIFT = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40,
         10.08, 9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38,
         11.62, 11.31, 10.52]  # fmt: skip
TEN_ONE = charts.Known(10.0, 1.0)
# Table 7.7: nonconformities of printed circuit boards, 26 samples of 100.
BOARDS = [21, 24, 16, 12, 15, 5, 28, 20, 31, 25, 20, 24, 16, 19, 10, 17, 13, 22, 18, 39, 30, 24, 16,
          19, 17, 15]  # fmt: skip


@pytest.mark.parametrize("n", PRINTED)
def test_constants_are_those_of_the_printed_tables(n: int) -> None:
    assert (round(d2(n), 3), round(d3(n), 3), round(c4(n), 4)) == PRINTED[n]


def test_factors_follow_from_the_constants() -> None:
    # The same appendix, n = 5: A2, A3, B4, D4 and D3 = B3 = 0.
    assert 3 / (d2(5) * np.sqrt(5)) == pytest.approx(0.577, abs=5e-4)
    assert 3 / (c4(5) * np.sqrt(5)) == pytest.approx(1.427, abs=5e-4)
    assert 1 + 3 * c5(5) / c4(5) == pytest.approx(2.089, abs=5e-4)
    assert 1 + 3 * d3(5) / d2(5) == pytest.approx(2.114, abs=1e-3)


def test_constants_against_the_exact_values_for_two_and_three() -> None:
    assert d2(2) == pytest.approx(2 / np.sqrt(np.pi), abs=1e-12)
    assert d2(3) == pytest.approx(3 / np.sqrt(np.pi), abs=1e-12)
    assert d3(2) == pytest.approx(np.sqrt(2 - 4 / np.pi), abs=1e-12)


def test_p_chart_of_the_orange_juice_cans() -> None:
    chart = charts.p(JUICE, 50)
    assert chart.centre[0] == pytest.approx(0.2313, abs=5e-5)
    assert chart.upper[0] == pytest.approx(0.4102, abs=1e-4)
    assert chart.lower[0] == pytest.approx(0.0524, abs=1e-4)
    assert np.flatnonzero(chart.value > chart.upper).tolist() == [14, 22]  # samples 15 and 23


def test_phase_one_alone_gives_the_limits() -> None:
    long = charts.p([*JUICE, 50, 50], 50, first=30)
    assert long.centre[-1] == pytest.approx(0.2313, abs=5e-5)
    assert long.phase_one == 30


def test_np_chart_is_the_p_chart_in_pieces() -> None:
    share, pieces = charts.p(JUICE, 50), charts.np_chart(JUICE, 50)
    for name in ("value", "centre", "lower", "upper"):
        np.testing.assert_allclose(getattr(pieces, name), 50 * getattr(share, name))


def test_individuals_of_the_loan_costs() -> None:
    single, ranges = charts.i_mr(LOANS)
    assert single.centre[0] == pytest.approx(300.5)
    assert ranges.centre[0] == pytest.approx(7.79, abs=5e-3)
    assert single.upper[0] == pytest.approx(321.22, abs=0.015)  # printed with d2 = 1.128
    assert single.lower[0] == pytest.approx(279.78, abs=0.015)
    assert ranges.upper[0] == pytest.approx(3.267 * 7.79, abs=0.02)
    assert ranges.lower[0] == 0
    assert np.isnan(ranges.value[0])


def test_individuals_of_the_flow_rates_of_nist() -> None:
    # NIST/SEMATECH e-Handbook 6.3.2.2: mean 50.81, MR-bar 1.8778, limits 55.8041 and 45.8159.
    flow = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    single, ranges = charts.i_mr(flow)
    assert single.centre[0] == pytest.approx(50.81)
    assert ranges.centre[0] == pytest.approx(1.8778, abs=5e-5)
    assert single.upper[0] == pytest.approx(55.8041, abs=2e-3)
    assert single.lower[0] == pytest.approx(45.8159, abs=2e-3)


def test_c_chart_of_the_circuit_boards() -> None:
    # Montgomery example 7.3: c-bar 19.85, limits 33.22 and 6.48, samples 6 and 20 beyond.
    chart = charts.c(BOARDS)
    assert chart.centre[0] == pytest.approx(19.85, abs=5e-3)
    assert chart.upper[0] == pytest.approx(33.21, abs=0.01)
    assert chart.lower[0] == pytest.approx(6.48, abs=0.01)
    assert np.flatnonzero((chart.value > chart.upper) | (chart.value < chart.lower)).tolist() == [
        5,
        19,
    ]


def test_u_chart_with_unequal_sizes_by_hand() -> None:
    # 14 in 10 rolls, 12 in 8, 20 in 13: u-bar = 46/31; limits u-bar +- 3 sqrt(u-bar / n).
    chart = charts.u([14, 12, 20], [10, 8, 13])
    assert chart.centre[0] == pytest.approx(46 / 31)
    assert chart.upper[1] == pytest.approx(46 / 31 + 3 * np.sqrt(46 / 31 / 8))
    assert chart.value.tolist() == pytest.approx([1.4, 1.5, 20 / 13])


def test_xbar_charts_by_hand() -> None:
    # Ranges 4, 2, 6 and means 3, 6, 6 of groups of three: R-bar 4, grand mean 5, d2(3) = 1.69257.
    groups = np.array([[1.0, 3.0, 5.0], [5.0, 6.0, 7.0], [3.0, 6.0, 9.0]])
    means, ranges = charts.xbar_r(groups)
    assert means.centre[0] == pytest.approx(5.0)
    assert means.upper[0] == pytest.approx(5.0 + 3 * (4 / 1.692569) / np.sqrt(3), abs=1e-5)
    assert ranges.centre[0] == pytest.approx(4.0)
    means, deviations = charts.xbar_s(groups)  # standard deviations 2, 1, 3
    assert deviations.centre[0] == pytest.approx(2.0)
    assert means.upper[0] == pytest.approx(5.0 + 1.954 * 2, abs=2e-3)  # A3(3) = 1.954


def test_a_missing_value_makes_a_smaller_subgroup() -> None:
    groups = np.array([[1.0, 3.0, 5.0], [5.0, np.nan, 7.0], [np.nan, np.nan, 4.0]])
    means, ranges = charts.xbar_r(groups)
    assert ranges.value[:2].tolist() == [4.0, 2.0]
    assert np.isnan(ranges.value[2])
    assert means.value.tolist() == pytest.approx([3.0, 6.0, 4.0])
    assert means.upper[1] - means.centre[1] == pytest.approx(3 * means.spread / np.sqrt(2))


def test_ewma_of_table_9_10() -> None:
    # Montgomery example 9.2: lambda 0.10, L 2.7; the last points and the steady limits.
    chart = charts.ewma(SHIFT, 0.1, 2.7, known=TEN_ONE)
    assert chart.value[:4].tolist() == pytest.approx([9.945, 9.7495, 9.7036, 9.8992], abs=5e-5)
    assert chart.value[-2:].tolist() == pytest.approx([10.6468, 10.6341], abs=5e-5)
    assert (round(chart.upper[0], 2), round(chart.upper[-1], 2)) == (10.27, 10.62)
    assert np.flatnonzero(chart.value > chart.upper).tolist() == [28, 29]


def test_cusum_of_table_9_2() -> None:
    # Montgomery example 9.1: K 0.5, H 5; signals at period 29 with C+ = 5.28.
    above, below = charts.cusum(SHIFT, known=TEN_ONE)
    assert above.value[[27, 28, 29]].tolist() == pytest.approx([4.47, 5.28, 5.30], abs=5e-3)
    assert below.value[:4].tolist() == pytest.approx([0.05, 1.56, 1.77, 0.0], abs=5e-3)
    assert np.flatnonzero(above.value > above.upper).tolist() == [28, 29]


@pytest.mark.parametrize("head_start", [0.0, 2.5])
def test_cusum_against_the_recursion(head_start: float) -> None:
    values = np.random.default_rng(3).normal(0.3, 1.0, 500)
    rules = charts.CusumRules(head_start=head_start)
    above, below = charts.cusum(values, rules, known=charts.Known(0.0, 1.0))
    high = low = head_start
    for i, x in enumerate(values):
        high, low = max(0.0, x - 0.5 + high), max(0.0, -x - 0.5 + low)
        assert above.value[i] == pytest.approx(high, abs=1e-9)
        assert below.value[i] == pytest.approx(low, abs=1e-9)


def test_nothing_and_nothing_but_missing_are_charts_too() -> None:
    for values in ([], [np.nan] * 3):
        for chart in (*charts.i_mr(values), charts.ewma(values), *charts.cusum(values)):
            assert len(chart.value) == len(values)
    assert len(charts.xbar_r(np.empty((0, 5)))[0].value) == 0
