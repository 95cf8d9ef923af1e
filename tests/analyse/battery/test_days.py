"""From sums to days: against NumPy over the same reports, and against what was put in."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc.days import days_of, scores
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.runs import follow
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.calc.trends import beside, drift_per_day, medians
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


def test_what_a_day_knows_of_the_whole_pack() -> None:
    pack = Pack(days=1)
    rows = len(pack.day)
    high = np.where(np.arange(rows) % 2, 40, 36).astype(np.int16)
    found = pack.days(
        temp_max_degc=high, temp_min_degc=np.full(rows, 30, np.int16),
        insulation_kohm=np.where(np.arange(rows) % 2, 1_000, 60_000).astype(np.uint16),
    )  # fmt: skip
    assert found.temp_spread_degc[0] == 8  # half 10, half 6
    assert found.insulation_kohm[0] == 3_000  # half 1,000, half clipped at 5,000
    assert found.step_mv[0] == 1
    tens = pack.columns()
    cells = tens.ragged("cells_mv")
    tens.values["cells_mv"] = type(cells)(cells.offsets, cells.values // 10 * 10)
    assert days(tens).step_mv[0] == 10


def test_extremes_against_the_herd() -> None:
    mv = np.tile(np.array([[3_300], [3_400], [3_500]]), (10, 10))
    mv[:, 4] -= 20
    found = days(reports(mv))
    assert (found.full_mv[0, 4], found.empty_mv[0, 4]) == (-20, -20)
    assert found.full_mv[0, 3] == 0
    assert (found.highest_mv[0], found.lowest_mv[0]) == (3_500, 3_300)


def test_level_is_what_the_current_leaves() -> None:
    pack = Pack(days=1)
    pack.current_a += 40  # always discharged, hence always pulled down
    pack.cells_mv[:, 11] -= 0.8 * pack.current_a
    found = pack.days()
    assert found.deviation_mv[0, 11] < -15
    assert found.level_mv[0, 11] == pytest.approx(found.level_mv[0].mean(), abs=8)


def test_neighbours_by_hand() -> None:
    row = np.array([[0, 0, 0, 5, 9, 9, 9, 0.0]])
    assert beside(row, 3, 1)[0] == -4  # 5 above the left, 4 below the right
    assert beside(row, 4, 1)[0] == 0  # its own module is to the right
    assert beside(row, 7, -1)[0] == 9  # nothing to the right of the last
