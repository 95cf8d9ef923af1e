"""What a deviation follows, by hand: slopes 20, 5, 10 mV/% at 20, 50, 80 % SOC."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc.shape import shape_of

SLOPE = np.array([[20.0, 5.0, 10.0]])
SOC = np.array([[20.0, 50.0, 80.0]])
NONE = np.nan


@pytest.mark.parametrize(
    ("off", "follows"),
    [
        ([-40, -10, -20], "charge"),  # 2 % missing everywhere
        ([-32, -5, -4], "depth"),  # 0.02 % for each percent of depth: 80, 50, 20
        ([-25, -25, -25], "error"),
        ([30, 30, 30], "error"),
        ([NONE, -10, -20], "charge"),
        ([NONE, -15, -15], "error"),
        ([-60, -1, 2], "depth"),  # level and above when full
        ([NONE, NONE, -20], ""),
        ([NONE, NONE, NONE], ""),
        ([NONE, -10, -14.2], ""),  # as near to charge as to an error
    ],
    ids=str,
)
def test_patterns(off: list[float], follows: str) -> None:
    assert shape_of(np.array([off], np.float64), SLOPE, SOC).follows == follows


def test_missing_charge_is_the_deviation_over_the_slope() -> None:
    found = shape_of(np.array([[-40.0, -10.0, -20.0]]), SLOPE, SOC)
    assert found.charge_pct == pytest.approx(-2)
    assert found.scatter == pytest.approx(0, abs=1e-9)
    assert (found.low_mv, found.high_mv) == (-40, -20)


def test_days_that_tell_no_slope_do_not_count() -> None:
    off = np.array([[NONE, -10, -20], [NONE, -90, NONE], [NONE, NONE, NONE]])
    slope = np.array([[NONE, 5.0, 10.0], [NONE, NONE, NONE], [NONE, NONE, NONE]])
    assert shape_of(off, slope, np.repeat(SOC, 3, axis=0)).follows == "charge"
