"""From sums to days: against NumPy over the same reports, and against what was put in."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc.days import days_of, scores
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.runs import follow
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.calc.trends import drift_per_day, medians
from tests.analyse.battery.made import Pack, days, reports


def test_deviation_of_a_day_as_numpy_averages_it() -> None:
    pack = Pack(days=2)
    found = pack.days()
    cells = np.rint(pack.cells_mv)
    off = np.clip(cells - np.median(cells, axis=1, keepdims=True), -250, 250)
    mad = np.median(np.abs(cells - np.median(cells, axis=1, keepdims=True)), axis=1)
    weight = np.clip(256 // mad**2, 1, 48)
    for day in range(2):
        on = pack.day == day
        mean = np.average(off[on], axis=0, weights=weight[on])
        # 4096 // (4 MAD)^2 is 256 // MAD^2 but for the rounding of quarters
        assert found.deviation_mv[day] == pytest.approx(mean - np.median(mean), abs=0.05)
        rest = on & (np.abs(pack.current_a) <= 5)
        mean = np.average(off[rest], axis=0, weights=weight[rest])
        assert found.rest_mv[day] == pytest.approx(mean - np.median(mean), abs=0.1)


def test_excess_resistance_is_what_was_put_in() -> None:
    pack = Pack(days=1)
    pack.cells_mv[:, 11] -= 0.8 * pack.current_a
    found = pack.days().excess_mohm[0]
    assert found[11] == pytest.approx(0.8, abs=0.03)
    assert np.abs(np.delete(found, 11)).max() < 0.03


def test_no_resistance_without_current() -> None:
    assert np.isnan(days(reports(np.full((50, 10), 3_300))).excess_mohm).all()
    pack = Pack(days=1)
    blind = pack.columns()
    blind.missing["current_a"] = np.ones(blind.rows, np.bool_)
    found = days(blind)
    assert np.isnan(found.excess_mohm).all()
    assert np.isnan(found.rest_mv).all()
    assert np.isfinite(found.deviation_mv).all()


def test_slopes_are_those_of_the_curve() -> None:
    pack = Pack(days=4)
    low, middle, high = np.nanmean(pack.days().slope_mv, axis=0)
    assert middle == pytest.approx(5.0, abs=2)
    assert high == pytest.approx(14.0, abs=3)
    assert low == pytest.approx(19.0, abs=4)


def test_a_cell_that_stands_still_is_stuck() -> None:
    pack = Pack(days=1)
    pack.cells_mv[:, 5] = 3_600
    assert np.flatnonzero(pack.days().is_stuck[0]).tolist() == [5]


def test_late_reports_change_the_day_they_belong_to() -> None:
    columns = Pack(days=3).columns()
    sums = Sums()
    second = columns.array("device_at") // 86_400 == columns.array("device_at")[300] // 86_400
    for part in (~second, second):
        sums.watch(pack_reports(columns.take(np.flatnonzero(part))))
    (late,) = days_of(sums.slots())
    assert np.array_equal(late.deviation_mv, days(columns).deviation_mv)
    assert late.day.tolist() == sorted(late.day.tolist())


def test_packs_and_sizes_are_told_apart() -> None:
    sums = Sums()
    sums.watch(pack_reports(reports(np.full((3, 10), 3_300))))
    later = reports(np.full((3, 12), 3_300))
    later.values["device_at"] = later.array("device_at") + np.uint32(86_400)
    sums.watch(pack_reports(later))
    assert [p.deviation_mv.shape for p in days_of(sums.slots())] == [(1, 10), (1, 12)]


def test_scores_by_hand() -> None:
    # deviations 0 0 1 -1 2 -2 30: median 0, absolute 0 0 1 1 2 2 30, median 1
    row = np.array([[0, 0, 1, -1, 2, -2, 30.0]])
    assert scores(row)[0, 6] == pytest.approx(30 / 1.4826)
    assert scores(np.zeros((1, 5))).tolist() == [[0.0] * 5]
    assert np.isnan(scores(np.full((1, 4), np.nan))).all()


def test_medians_as_numpy_takes_them() -> None:
    random = np.random.default_rng(4)
    for width in (1, 2, 7, 40):
        values = random.normal(0, 1, (20, width))
        values[random.random(values.shape) < 0.2] = np.nan
        values[:, 0] = 1.0
        assert np.array_equal(medians(values), np.nanmedian(values, axis=1))
    assert np.isnan(medians(np.full((2, 3), np.nan))).all()


def test_drift_by_hand() -> None:
    day = np.array([0, 1, 3, 4])
    off = np.array([[0, 5], [-1, np.nan], [-3, np.nan], [90, 5.0]])
    # slopes of the first cell: -1 -1 22.5 -1 30.3 93; median of six is (-1 + 22.5) / 2
    drift = drift_per_day(day, off)
    assert drift[0] == pytest.approx((-1 + 22.5) / 2)
    assert np.isnan(drift[1]), "two days are no drift"


def test_runs_open_late_and_close_late() -> None:
    hit = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0], bool)[:, None]
    clear = ~hit
    state = [follow(hit[:n], hit[:n], clear[:n], 3) for n in range(13)]
    assert [bool(s.is_open[0]) for s in state] == [False] * 6 + [True] * 6 + [False]
    assert (state[8].opened[0], state[8].last[0]) == (3, 5)
    assert (state[10].opened[0], state[10].last[0]) == (3, 8)


def test_a_weaker_day_keeps_an_open_run_alive() -> None:
    hit = np.array([1, 1, 1, 0, 0], bool)[:, None]
    stays = np.ones((5, 1), bool)
    found = follow(hit, stays, ~stays, 3)
    assert (found.last[0], found.hits[0]) == (4, 5)
    assert not follow(~hit, stays, ~stays, 3).is_open[0], "weak days alone open nothing"
