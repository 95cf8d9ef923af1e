"""Tails against sums of whole-number fractions and published examples."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from millbrain.analyse.battery.fleet.exact import (
    beta_share,
    binomial_limit,
    binomial_upper,
    false_discovery,
    fisher_upper,
)


def summed(k: int, n: int, p: Fraction) -> float:
    terms = (comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k))
    return float(1 - sum(terms))


@pytest.mark.parametrize(
    ("k", "n", "p"),
    [(1, 1, Fraction(1, 3)), (3, 10, Fraction(1, 10)), (10, 10, Fraction(1, 2)),
     (7, 200, Fraction(1, 100)), (150, 300, Fraction(2, 5)), (25, 4_000, Fraction(1, 500))],
)  # fmt: skip
def test_binomial_tail_is_the_sum_of_its_terms(k: int, n: int, p: Fraction) -> None:
    assert binomial_upper(k, n, float(p)) == pytest.approx(summed(k, n, p), rel=1e-10)


def test_binomial_tail_at_its_ends() -> None:
    assert binomial_upper([0, 5, 3], [4, 4, 4], [0.5, 0.5, 0.0]).tolist() == [1, 0, 0]
    assert binomial_upper(2, 2, 1.0) == 1.0


def test_published_binomial_table() -> None:
    # Cumulative binomial tables: n = 20, p = 0.05: P(X <= 3) = 0.9841.
    assert binomial_upper(4, 20, 0.05) == pytest.approx(1 - 0.9841, abs=5e-5)


def test_beta_is_symmetric_and_right_for_large_counts() -> None:
    assert beta_share(2.5, 3.5, 0.3) == pytest.approx(1 - beta_share(3.5, 2.5, 0.7), rel=1e-12)
    # Half of a symmetric one, whatever its size.
    assert beta_share(400_000.0, 400_000.0, 0.5) == pytest.approx(0.5, abs=1e-8)


def test_limit_is_where_the_tail_is() -> None:
    limit = binomial_limit(0.001, 1_000, 0.01)
    assert binomial_upper(limit, 1_000, 0.01) == pytest.approx(0.001, rel=1e-6)
    assert 21 < limit < 22, "P(X >= 21) = 0.0016, P(X >= 22) = 0.0007 by summing"
    assert summed(21, 1_000, Fraction(1, 100)) > 0.001 > summed(22, 1_000, Fraction(1, 100))
    assert binomial_limit(0.001, 1_000, 0.01, 4.0) > limit


def test_fisher_s_tea_and_a_table_by_hand() -> None:
    # Three of four cups right (Fisher 1935): (16 + 1) / 70.
    assert fisher_upper(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert fisher_upper(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert fisher_upper([0, 2], 4, [0, 2], 4).tolist() == pytest.approx([1.0, (36 + 16 + 1) / 70])


def test_false_discovery_of_benjamini_and_hochberg() -> None:
    # The example of the 1995 paper: 15 hypotheses, four are called at 0.05.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    mixed = np.random.default_rng(0).permutation(15)
    called = false_discovery(np.array(p)[mixed])[np.argsort(mixed)] <= 0.05
    assert called.tolist() == [True] * 4 + [False] * 11
    assert false_discovery([]).tolist() == []
