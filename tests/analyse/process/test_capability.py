"""Capability against published figures and by hand."""

import numpy as np
import pytest

from millbrain.analyse.process.calc.capability import (
    capability,
    indices,
    machine,
    normality,
)


def test_cp_interval_of_montgomery_example_8_4() -> None:
    # LSL 38, USL 62, n = 20, s = 1.75: Cp 2.29, 95 % interval 1.57 to 3.01.
    cp, _ = indices(50.0, 1.75, 38.0, 62.0, 20, 19)
    assert cp.value == pytest.approx(2.29, abs=5e-3)
    assert cp.low == pytest.approx(1.57, abs=1e-2)
    assert cp.high == pytest.approx(3.01, abs=1e-2)


def test_cpk_interval_by_hand_after_bissell() -> None:
    # Mean 16, sigma 1, upper limit 20: Cpk = 4/3; 1.96 sqrt(1/180 + (16/9)/38) = 0.4486.
    _, cpk = indices(16.0, 1.0, 10.0, 20.0, 20, 19)
    assert cpk.value == pytest.approx(4 / 3)
    assert cpk.high - cpk.value == pytest.approx(0.4486, abs=1e-3)
    assert cpk.value - cpk.low == pytest.approx(0.4486, abs=1e-3)


def test_nist_example_of_the_indices() -> None:
    # NIST/SEMATECH e-Handbook 6.1.6: USL 20, LSL 8, mean 16, sigma 2: Cp 1.0, Cpk 0.6667.
    cp, cpk = indices(16.0, 2.0, 8.0, 20.0, 50, 49)
    assert (cp.value, cpk.value) == pytest.approx((1.0, 0.6667), abs=5e-5)


def test_one_limit_has_no_cp() -> None:
    cp, cpk = indices(16.0, 2.0, np.nan, 22.0, 50, 49)
    assert np.isnan(cp.value)
    assert cpk.value == pytest.approx(1.0)


def test_machine_capability_is_that_of_pieces_in_a_row() -> None:
    values = [9.98, 10.0, 10.02]  # s = 0.02, mean 10
    cm, cmk = machine(values, 9.9, 10.12)
    assert cm.value == pytest.approx(0.22 / 0.12)
    assert cmk.value == pytest.approx(0.1 / 0.06)
    assert np.isnan(machine([1.0], 0, 2)[0].value)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    truth, hits = 1.2, 0
    for _ in range(400):
        values = random.normal(0.0, 1.0, 60)
        cp = capability(values, -3 * truth, 3 * truth, np.nan, 0).pp
        hits += cp.low <= truth <= cp.high
    assert 0.92 <= hits / 400 <= 0.98


def test_normality_refuses_what_is_not_normal_and_seldom_what_is() -> None:
    random = np.random.default_rng(9)
    refused = [normality(random.normal(5.0, 2.0, 60)) < 0.05 for _ in range(600)]
    assert 0.03 <= np.mean(refused) <= 0.075
    assert normality(random.exponential(1.0, 100)) < 1e-4
    assert np.isnan(normality(np.ones(50)))
    assert np.isnan(normality(np.arange(5.0)))


def test_anderson_darling_against_scipy() -> None:
    from scipy import stats

    values = np.random.default_rng(2).gamma(4.0, 1.0, 80)
    z = (values - values.mean()) / values.std(ddof=1)
    squared = stats.goodness_of_fit(
        stats.norm, z, statistic="ad", n_mc_samples=2_000,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert normality(values) == pytest.approx(float(squared.pvalue), abs=0.02)


def test_nothing_known_is_nothing_said() -> None:
    for values in ([], [np.nan] * 9, [3.0] * 9):
        found = capability(values, 0.0, 10.0, np.nan, 0)
        assert np.isnan(found.cp.value)
        assert np.isnan(found.ppk.value)
