"""Charges counted by hand; capacity and its uncertainty on simulated charges of known truth."""

import time
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.calc.charges import charges, in_force
from millbrain.analyse.battery.model import ChargeRules
from millbrain.analyse.battery.tables import BATTERY_CHARGE
from millbrain.core.columns import Columns, Ragged, concat
from millbrain.core.tables import arrow_batch
from tests.analyse.battery.made import FIRST_AT, VIN

RULES = ChargeRules()


def rows(at: Any, current_a: Any, soc: Any, state: Any = 1, **more: Any) -> Columns:
    """Return reports without cells: seconds since the first, current, SOC, charging state."""
    at = np.asarray(at)
    full = {
        "vin": np.full(len(at), VIN),
        "device_at": (FIRST_AT + at).astype(np.uint32),
        "charge_state": np.broadcast_to(np.asarray(state, np.uint8), at.shape).copy(),
        "current_a": np.broadcast_to(np.asarray(current_a, np.float32), at.shape).copy(),
        "voltage_v": np.full(len(at), 360, np.float32),
        "soc_pct": np.broadcast_to(np.asarray(soc, np.uint8), at.shape).copy(),
        "temp_max_degc": np.full(len(at), 25, np.int16),
    }
    return Columns(len(at), full | more)


def told(columns: Columns, rules: ChargeRules = RULES) -> list[dict[str, Any]]:
    found = charges(columns, rules, 5)
    arrow_batch(BATTERY_CHARGE, found)
    names = found.values
    return [
        {n: None if n in found.missing and found.missing[n][i] else found.array(n)[i]
         for n in names}
        for i in range(found.rows)
    ]  # fmt: skip


def steady(amperes: float = 60.0, capacity_ah: float = 100.0, **more: Any) -> Columns:
    """One charge from 20 to 80 % at a constant current, 10 s apart, SOC cut to whole percent."""
    seconds = 0.6 * capacity_ah / amperes * 3_600
    at = np.arange(0, int(seconds) + 1, 10)
    soc = 20 + at * amperes / 3_600 / capacity_ah * 100
    return rows(at, -amperes, np.floor(soc + 1e-6), **more)


def test_a_charge_is_counted_by_trapezoids() -> None:
    # 0-60 s: (36 + 72) / 2 A, 60-120 s: 72 A: 0.9 + 1.2 Ah; 360 V: 0.756 kWh.
    (one,) = told(rows([0, 60, 120], [-36, -72, -72], [40, 41, 42]))
    assert one["charge_ah"] == pytest.approx(2.1)
    assert one["energy_kwh"] == pytest.approx(0.756)
    assert one["current_mean_a"] == pytest.approx(63)
    assert one["current_max_a"] == 72
    assert (one["soc_start_pct"], one["soc_end_pct"]) == (40, 42)
    assert (one["start_at"], one["end_at"]) == (FIRST_AT, FIRST_AT + 120)
    assert (one["report_count"], one["gap_max_s"]) == (3, 60)
    assert one["capacity_ah"] is None, "two percent tell no capacity"


def test_another_state_or_a_silence_ends_it_and_charged_belongs_to_it() -> None:
    at = [0, 60, 120, 180, 240, 300, 360, 420, 7_000, 7_060]
    state = [3, 1, 1, 4, 4, 3, 1, 1, 1, 1]
    found = told(rows(at, -36, 50, state))
    assert [(c["start_at"] - FIRST_AT, c["end_at"] - FIRST_AT) for c in found] == [
        (60, 180),  # one report of state 4 after the last of state 1
        (360, 420),
        (7_000, 7_060),
    ]


def test_reports_that_do_not_know_the_state_do_not_cut_a_charge() -> None:
    (one,) = told(rows([0, 60, 90, 120], -36, 50, [1, 1, 255, 1]))
    assert one["report_count"] == 3


def test_driving_while_charging_is_no_charge() -> None:
    assert told(rows([0, 10, 20], -36, 50, 2)) == []


def test_a_vehicle_that_reports_charging_as_positive_is_understood() -> None:
    (one,) = told(rows([0, 3_600], [36, 36], [10, 45], **{}), ChargeRules(charge_silence_s=7_200))
    assert one["charge_ah"] == pytest.approx(36)
    assert one["current_mean_a"] == pytest.approx(36)


def test_capacity_is_charge_over_steps_of_the_soc() -> None:
    (one,) = told(steady())
    assert one["capacity_ah"] == pytest.approx(100, rel=0.003)
    # From step 21 to step 80: 59 %. GUM: SOC 1 and 1 %, zero 0.3 A over 0.983 h, scale 0.5 %, the
    # step 0.1 A / sqrt 12 and two intervals of 10 s at 60 A, each / sqrt 12.
    charge_ah, hours, share = 59.0, 59 / 60, 0.59
    std_ah = np.sqrt((0.3 * hours) ** 2 + (0.1 / 12**0.5 * hours) ** 2
                     + (0.005 * charge_ah) ** 2 + 2 * (60 * 10 / 3_600) ** 2 / 12)  # fmt: skip
    std = np.sqrt(std_ah**2 + (100 * 0.01 * 2**0.5) ** 2) / share
    assert one["capacity_std_ah"] == pytest.approx(std, rel=0.01)
    assert one["temp_start_degc"] == 25


def test_half_of_a_step_s_interval_belongs_to_either_side() -> None:
    # A report a minute, 1 % each: 60 A for 20 reports, then 20 A. From the middle of the first
    # interval to the middle of the last: 1/2 + 18 + 40/60 + 19/3 + 1/6 Ah over 39 %.
    current = np.where(np.arange(41) < 20, -60, -20)
    (one,) = told(rows(60 * np.arange(41), current, 20 + np.arange(41)))
    assert one["capacity_ah"] == pytest.approx(25.6667 / 0.39, rel=1e-4)


def test_a_correction_of_the_soc_is_no_step() -> None:
    whole = steady()
    soc = whole.array("soc_pct") + np.where(np.arange(whole.rows) >= 5, 3, 0)
    (one,) = told(Columns(whole.rows, whole.values | {"soc_pct": soc.astype(np.uint8)}))
    assert one["capacity_ah"] == pytest.approx(100, rel=0.003)


def test_steps_within_gaps_tell_nothing() -> None:
    whole = steady(20)
    sparse = whole.take(np.arange(0, whole.rows, 13))  # 130 s apart: three steps in four reports
    (one,) = told(sparse)
    assert one["charge_ah"] == pytest.approx(60, rel=0.01)
    assert one["capacity_ah"] is None


def test_a_gap_makes_it_less_sure_not_wrong() -> None:
    whole = steady()
    cut = np.r_[np.arange(100), np.arange(160, whole.rows)]  # ten minutes are missing
    (full,), (gap,) = told(whole), told(whole.take(cut))
    assert gap["capacity_ah"] == pytest.approx(full["capacity_ah"], rel=1e-4)
    # 610 s at 60 A are 10.17 Ah, within 20 % either way: half-width 2.03 Ah, / sqrt 3.
    extra = np.sqrt(gap["capacity_std_ah"] ** 2 - full["capacity_std_ah"] ** 2)
    assert extra == pytest.approx(60 * 610 / 3_600 * 0.2 / 3**0.5 / 0.59, rel=0.01)
    assert gap["gap_max_s"] == 610


def test_reports_without_current_leave_a_gap() -> None:
    whole = steady()
    mask = np.zeros(whole.rows, np.bool_)
    mask[100:160] = True
    blind = Columns(whole.rows, whole.values, {"current_a": mask})
    (one,) = told(blind)
    assert one["gap_max_s"] == 610


def test_packs_are_counted_by_their_own_current_or_not_at_all() -> None:
    whole = steady()
    count = whole.rows

    def lists(values: Any, kind: Any) -> Ragged:
        each = np.tile(np.asarray(values, kind), count)
        return Ragged(np.arange(0, len(each) + 1, len(each) // count, dtype=np.int32), each)

    packs = {"cells_mv": lists([3_700] * 20, np.uint16), "pack_no": lists([1, 2], np.uint8),
             "pack_cell_count": lists([10, 10], np.uint16)}  # fmt: skip
    own = {"pack_current_a": lists([-40, -20], np.float32)}
    one, two = told(Columns(count, whole.values | packs | own))
    assert (one["pack_no"], two["pack_no"]) == (1, 2)
    assert one["capacity_ah"] == pytest.approx(200 / 3, rel=0.003)
    assert two["capacity_ah"] == pytest.approx(100 / 3, rel=0.003)
    assert told(Columns(count, whole.values | packs)) == []
    half = {"pack_current_a": lists([-40, np.nan], np.float32)}
    assert told(Columns(count, whole.values | packs | half)) == []


def test_order_and_repetition_change_nothing() -> None:
    whole = steady()
    other = Columns(whole.rows, whole.values | {"vin": np.full(whole.rows, b"LNEVTEST0N0000002")})
    both = concat([other, whole, whole])
    mixed = both.take(np.random.default_rng(3).permutation(both.rows))
    assert told(mixed) == told(concat([whole, other]))


def test_a_charge_that_late_reports_have_lengthened_counts_once() -> None:
    whole = steady()
    at = whole.array("device_at") + 86_400
    next_day = Columns(whole.rows, whole.values | {"device_at": at})
    early = charges(concat([whole.take(np.arange(60, whole.rows)), next_day]), RULES, 1)
    late = charges(concat([whole, next_day]), RULES, 2)
    both = in_force(concat([early, late]))
    assert both.array("start_at").tolist() == [FIRST_AT, FIRST_AT + 86_400]
    assert both.array("as_of").tolist() == [2, 2]
    assert in_force(concat([late, early])).array("as_of").tolist() == [2, 2]
    assert in_force(charges(rows([], [], []), RULES, 0)).rows == 0


def test_empty_and_all_missing_batches_have_no_charges() -> None:
    assert told(rows([], [], [])) == []
    nothing = {"vin": np.full(3, VIN), "device_at": np.arange(3, dtype=np.uint32)}
    assert told(Columns(3, nothing)) == []
    blind = rows([0, 10, 20], -36, 50)
    assert told(Columns(3, blind.values, {"current_a": np.ones(3, np.bool_)})) == []


def test_a_single_report_is_no_charge() -> None:
    assert told(rows([0, 10, 20], -36, 50, [3, 1, 3])) == []
    assert told(rows([0, 10], -36, 50, [3, 1])) == []


def test_stated_uncertainty_covers_the_truth() -> None:
    # Errors drawn as the rules say, new for each charge; the truth is 100 Ah each time.
    random = np.random.default_rng(11)
    parts = []
    for number in range(400):
        amperes = random.uniform(12, 60)
        at = np.arange(0, 0.55 * 100 / amperes * 3_600, 30).astype(np.int64)
        true_pct = 20 + at * amperes / 3_600
        tilt = random.normal(0, 2**0.5) * (true_pct - 20) / 55
        shown = true_pct + tilt + random.uniform(0, 1)
        current = amperes * (1 + random.normal(0, 0.005)) + random.normal(0, 0.3)
        part = rows(at, -np.round(current, 1), np.floor(shown))
        vin = np.full(part.rows, b"LNEVTEST0N%07d" % number)
        parts.append(Columns(part.rows, part.values | {"vin": vin}))
    found = charges(concat(parts), RULES, 0)
    assert found.rows == 400
    score = (found.array("capacity_ah") - 100) / found.array("capacity_std_ah")
    assert 0.92 <= np.mean(np.abs(score) <= 2) <= 0.98
    assert abs(np.mean(score)) < 0.15


def peaked(amperes: float, step_s: int, cells: int = 100, sigma_mv: float = 30.0) -> Columns:
    """A charge whose dQ/dV is a bell of 100 Ah around 3700 mV on a floor of 40 Ah/V."""
    mv = np.linspace(3_300, 4_100, 8_001)
    bell = 100 * np.exp(-(((mv - 3_700) / sigma_mv) ** 2) / 2) / (sigma_mv * (2 * np.pi) ** 0.5)
    ah = np.concatenate([[0], np.cumsum((bell[1:] + bell[:-1]) / 2 * 0.1)]) + 0.04 * (mv - 3_300)
    at = np.arange(0, int(ah[-1] / amperes * 3_600), step_s)
    voltage = np.interp(at * amperes / 3_600, ah, mv) * cells / 1_000
    count = len(at)
    cells_mv = Ragged(np.arange(0, count * cells + 1, cells, dtype=np.int32),
                      np.full(count * cells, 3_700, np.uint16))  # fmt: skip
    soc = np.floor(10 + 85 * at / max(at[-1], 1))
    return rows(at, -amperes, soc, cells_mv=cells_mv,
                voltage_v=(np.round(voltage * 10) / 10).astype(np.float32))  # fmt: skip


def test_peak_of_incremental_capacity_is_where_it_is() -> None:
    (one,) = told(peaked(20, 10))
    assert one["ic_peak_mv"] == pytest.approx(3_700, abs=1)
    # A bell of 30 mV smoothed by 6 mV is one of sqrt(936) mV: 100 Ah / (0.030594 V sqrt 2 pi) + 40.
    assert one["ic_peak_ahpv"] == pytest.approx(
        100 / (0.030594 * (2 * np.pi) ** 0.5) + 40, rel=0.01
    )


def test_the_tail_at_constant_voltage_is_no_peak() -> None:
    main = peaked(20, 10)
    count, at = 1_500, main.array("device_at")[-1] - FIRST_AT + 10
    tail = 20 * np.exp(-np.arange(count) * 10 / 4_500)  # 24 Ah at 4.1 V
    cells = Ragged(np.arange(0, count * 100 + 1, 100, dtype=np.int32),
                   np.full(count * 100, 4_100, np.uint16))  # fmt: skip
    end = rows(at + 10 * np.arange(count), -tail, 95, cells_mv=cells,
               voltage_v=np.full(count, 410, np.float32))  # fmt: skip
    (one,) = told(concat([main, end]))
    assert one["ic_peak_mv"] == pytest.approx(3_700, abs=1)


def test_peak_is_not_told_where_resolution_forbids() -> None:
    (fast,) = told(peaked(120, 10))
    assert fast["ic_peak_mv"] is None, "120 A are more than half of the capacity an hour"
    (coarse,) = told(peaked(20, 10, cells=10))
    assert coarse["ic_peak_mv"] is None, "0.1 V over 10 cells is 10 mV, wider than the kernel"
    (thin,) = told(peaked(20, 80))
    assert thin["ic_peak_mv"] is not None
    assert told(peaked(20, 80), ChargeRules(ic_reports_min=400))[0]["ic_peak_mv"] is None


def test_peak_at_the_end_of_what_was_seen_is_not_told() -> None:
    whole = peaked(20, 10)
    half = whole.take(np.flatnonzero(whole.array("voltage_v") >= 370.0))
    assert told(half, ChargeRules(charge_soc_min_pct=20))[0]["ic_peak_mv"] is None


@pytest.mark.slow
def test_a_vehicle_year_is_quick() -> None:
    one = peaked(20, 10)
    day = [Columns(one.rows, one.values | {"device_at": one.array("device_at") + 86_400 * d})
           for d in range(100)]  # fmt: skip
    year = concat(day)
    charges(one, RULES, 0)
    begin = time.process_time()
    found = charges(year, RULES, 0)
    assert found.rows == 100
    assert time.process_time() - begin < 10, f"{year.rows} reports"
