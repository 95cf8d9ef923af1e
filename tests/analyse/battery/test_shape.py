"""What a deviation follows, by hand: slopes 20, 5, 10 mV/% at 20, 50, 80 % SOC."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc.curve import Curve, consistency, curve_of, missing_pct
from millbrain.analyse.battery.calc.shape import Shape, shape_of
from tests.analyse.battery.made import Pack

NONE = np.nan


def shape(off: list[list[float]], slope: tuple[float, ...] = (20, 5, 10), **more: float) -> Shape:
    """Return the shape of days of deviations by range of SOC."""
    end = np.array(off, np.float64)
    days = len(end)
    top = more.get("top", NONE)
    curve = Curve(
        np.tile(np.array(slope, np.float64), (days, 1)), np.tile([20.0, 50.0, 80.0], (days, 1)),
        1.0, False, np.full(days, np.isfinite(top)), 10.0, 2.0,
    )  # fmt: skip
    return shape_of(end, np.full(days, top), curve, np.ones(days, np.bool_))


@pytest.mark.parametrize(
    ("off", "follows"),
    [
        ([-40, -10, -20], "charge"),  # 2 % missing everywhere
        ([-64, -10, -8], "depth"),  # 0.04 % for each percent of depth: 80, 50, 20
        ([-25, -25, -25], "error"),
        ([30, 30, 30], "error"),
        ([NONE, -10, -20], "charge"),
        ([NONE, NONE, -20], ""),
        ([NONE, NONE, NONE], ""),
    ],
    ids=str,
)
def test_patterns(off: list[float], follows: str) -> None:
    assert shape([off] * 6).follows == follows


def test_two_ranges_tell_charge_from_an_error() -> None:
    found = shape([[NONE, -15, -30]] * 6)
    assert found.is_charge
    assert found.charge_pct == pytest.approx(-3, abs=0.1)
    assert not shape([[NONE, -25, -25]] * 6).is_charge


def test_the_top_of_the_charge_tells_capacity_from_charge() -> None:
    assert shape([[-60, NONE, NONE]] * 6, top=0.0).follows == "depth"
    assert shape([[-60, NONE, NONE]] * 6, top=-30.0).follows == "charge"
    assert shape([[-60, NONE, NONE]] * 6).follows == ""


def test_sizes() -> None:
    found = shape([[-40.0, -10.0, -20.0]] * 6)
    assert found.charge_pct == pytest.approx(-2, abs=0.01)
    assert found.misfit == pytest.approx(0, abs=1e-6)
    assert (found.low_mv, found.high_mv) == (-40, -20)
    assert shape([[-64, -10, -8]] * 6).capacity_pct == pytest.approx(4, abs=0.1)


def test_one_wild_day_changes_little() -> None:
    days = [[-40.0, -10.0, -20.0]] * 9 + [[400.0, -10.0, -20.0]]
    assert shape(days).charge_pct == pytest.approx(-2, abs=0.2)


def test_missing_charge_of_a_made_pack_is_what_was_taken() -> None:
    pack = Pack(days=6).lack(39, 3.0)
    days = pack.days()
    missing = missing_pct(days, curve_of(days))
    assert missing[:, 39] == pytest.approx(-3.0, abs=0.5)
    assert np.abs(np.delete(missing, 39, axis=1)).max() < 1.5


def test_the_curve_is_freed_of_the_current() -> None:
    curve = curve_of(Pack(days=6).days())
    assert curve.mohm == pytest.approx(1.0, abs=0.05)
    assert np.median(curve.slope_mv[:, 1]) == pytest.approx(5.0, abs=0.3)
    assert not curve.is_flat


def test_consistency_is_what_all_cells_can_use() -> None:
    assert consistency(Pack(days=3).lack(39, 10.0).days()) == pytest.approx(89, abs=2.5)
    level = consistency(Pack(days=3).days())
    assert ((level > 96) & (level <= 100)).all()
    blind = Pack(days=2)
    blind.soc[:] = 50
    assert np.isnan(consistency(blind.days())).all(), "no slope is seen at one SOC"
