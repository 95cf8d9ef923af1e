"""Trends and neighbours by hand."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc.trends import drift_error, drift_per_day, from_neighbours

NAN = np.nan


def test_a_cell_is_compared_with_three_on_either_side() -> None:
    # Two modules, 0 and 10, and a cell of the second that lies 2 below its own.
    cells = np.array([0.0, 0, 0, 0, 0, 10, 10, 8, 10, 10, 10])
    found = from_neighbours(cells)
    assert found[0] == found[1] == 0
    assert found[7] == -2  # beside 0, 10, 10 and 10, 10, 10
    assert found[4] == -4  # beside 0, 0, 0 and 10, 10, 8, whose middle is 4
    assert found[5] == 6


def test_missing_neighbours_are_passed_over_and_days_stay_apart() -> None:
    cells = np.array([[1.0, NAN, 1, 5, 1, 1, NAN], [0.0, 0, 0, 0, 0, 0, 0]])
    found = from_neighbours(cells)
    assert found.shape == cells.shape
    assert found[0, 3] == 4
    assert np.isnan(found[0, [1, 6]]).all()
    assert (found[1] == 0).all()


def test_the_error_of_a_drift_is_that_of_its_scatter() -> None:
    day = np.arange(30)
    random = np.random.default_rng(1)
    drifts, errors = [], []
    for _ in range(400):
        values = -0.1 * day + random.normal(0, 1, 30)
        drift = float(drift_per_day(day, values[:, None])[0])
        drifts.append(drift)
        errors.append(drift_error(day, values, drift))
    # Least squares would have 1 / sqrt(sum of squares of the days) = 0.0211.
    assert np.std(drifts) == pytest.approx(0.022, rel=0.15)
    assert np.median(errors) == pytest.approx(np.std(drifts), rel=0.25)
    assert drift_error(day[:2], np.zeros(2), 0.0) == np.inf
