"""State of health: small cases by hand, and simulated fade with known truth and coverage."""

from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.calc.health import health
from millbrain.analyse.battery.model import ChargeRules, HealthRules
from millbrain.analyse.battery.tables import BATTERY_HEALTH
from millbrain.core.columns import Columns, concat
from millbrain.core.tables import arrow_batch
from tests.analyse.battery.made import FIRST_AT, VIN

RULES = HealthRules()
COUNTING = ChargeRules()
EXACT = ChargeRules(
    soc_common_pct=0, current_offset_a=0, current_step_a=0, current_gain_ratio=0
)  # nothing is shared by all charges
STILL = HealthRules(health_fade_pct_per_year=0)


def charges(capacity_ah: Any, std_ah: Any = 2.0, every_s: int = 86_400, **more: Any) -> Columns:
    """Return one charge of an hour from 20 to 80 % after the other."""
    capacity = np.asarray(capacity_ah, np.float32)
    count = len(capacity)
    start = FIRST_AT + every_s * np.arange(count)
    values: dict[str, Any] = {
        "vin": np.full(count, VIN),
        "pack_no": np.ones(count, np.uint8),
        "start_at": start.astype(np.uint32),
        "end_at": (start + 3_600).astype(np.uint32),
        "soc_start_pct": np.full(count, 20, np.uint8),
        "soc_end_pct": np.full(count, 80, np.uint8),
        "charge_ah": (0.6 * capacity).astype(np.float32),
        "temp_start_degc": np.full(count, 25, np.int16),
        "capacity_ah": capacity,
        "capacity_std_ah": np.broadcast_to(np.float32(std_ah), capacity.shape).copy(),
        "ic_peak_ahpv": np.full(count, np.nan, np.float32),
        "report_count": np.full(count, 360, np.uint32),
        "as_of": np.zeros(count, np.int64),
    }
    return Columns(count, values | more)


def last(found: Columns, method: bytes = b"charge") -> dict[str, Any]:
    arrow_batch(BATTERY_HEALTH, found)
    row = np.flatnonzero(found.array("method") == method)[-1]
    return {
        n: None if n in found.missing and found.missing[n][row] else found.array(n)[row]
        for n in found.values
    }


def test_charges_weigh_by_inverse_variance() -> None:
    # 100 +- 1, 102 +- 2, 100 +- 1: (100 + 102/4 + 100) / 2.25 = 100.222, 1 / sqrt 2.25 = 0.667.
    made = charges([100, 102, 100], np.array([1, 2, 1]))
    one = last(health(made, STILL, EXACT, 0, {VIN: 110.0}))
    assert one["capacity_ah"] == pytest.approx(100.222, abs=1e-3)
    assert one["capacity_std_ah"] == pytest.approx(0.6667, abs=1e-3)
    assert one["soh_pct"] == pytest.approx(91.111, abs=1e-3)
    assert one["soh_std_pct"] == pytest.approx(0.606, abs=1e-3)
    assert (one["reference"], one["reference_ah"], one["charge_count"]) == (b"rated", 110, 3)


def test_a_charge_far_off_is_left_out() -> None:
    made = charges([100, 101, 99, 60, 100])
    one = last(health(made, STILL, EXACT, 0))
    assert one["capacity_ah"] == pytest.approx(100)
    assert one["charge_count"] == 4


def test_fade_within_the_window_is_allowed_for() -> None:
    # 0, 30, 60, 90 days old: 5 % a year over 45 days are 0.616 Ah, as a rectangle / sqrt 3.
    made = charges([100] * 4, every_s=30 * 86_400)
    one = last(health(made, RULES, EXACT, 0))
    fade = 5 * 45 / 365.25 / 3**0.5
    assert one["capacity_std_ah"] == pytest.approx(np.hypot(1, fade), rel=1e-4)


def test_charges_that_scatter_more_than_they_state_are_believed_less() -> None:
    # Mean 100, chi2 = 4 * 36 / 4 = 36 over 3 degrees: Birge ratio sqrt 12; 2 / sqrt 4 * 3.464.
    one = last(health(charges([94, 106, 94, 106]), STILL, EXACT, 0))
    assert one["capacity_std_ah"] == pytest.approx(12**0.5, rel=1e-4)


def test_what_all_charges_share_is_not_averaged_away() -> None:
    many = last(health(charges(np.full(20, 100), 2.2), STILL, COUNTING, 0))
    # 1 % of 60 % SOC, 0.3 A (and 0.029 A) in 1 h of 60 Ah, scale 0.5 %.
    share = np.sqrt((1 / 60) ** 2 + (np.hypot(0.3, 0.1 / 12**0.5) / 60) ** 2 + 0.005**2)
    random = np.sqrt(2.2**2 - (100 * share) ** 2) / 20**0.5
    assert many["capacity_std_ah"] == pytest.approx(np.hypot(100 * share, random), rel=1e-4)
    assert many["reference"] == b"first"
    assert many["soh_pct"] == pytest.approx(100)
    assert many["soh_std_pct"] < many["capacity_std_ah"], "what is shared cancels against itself"


def test_reference_is_named_and_missing_where_nothing_is_known() -> None:
    few = charges([100, 100, 100])
    none = last(health(few, RULES, COUNTING, 0))
    assert (none["soh_pct"], none["reference_ah"], none["reference"]) == (None, None, b"")
    rated = last(health(few, RULES, COUNTING, 0, {VIN: 125.0}))
    assert (rated["reference"], rated["soh_pct"]) == (b"rated", pytest.approx(80))


def test_cold_charges_and_too_few_tell_nothing() -> None:
    cold = charges([100] * 5, temp_start_degc=np.full(5, -5, np.int16))
    assert health(cold, RULES, COUNTING, 0).rows == 0
    assert health(charges([100, 100]), RULES, COUNTING, 0).rows == 0
    assert health(charges([]), RULES, COUNTING, 0).rows == 0


def test_old_charges_leave_the_window() -> None:
    made = charges([120, 120, 120, 100, 100, 100], every_s=50 * 86_400)
    one = last(health(made, HealthRules(health_window_days=110), EXACT, 0))
    assert one["capacity_ah"] == pytest.approx(100)


def test_one_row_per_day_whatever_the_order() -> None:
    made = charges(np.linspace(100, 98, 40), every_s=30_000)
    mixed = concat([made, made]).take(np.random.default_rng(1).permutation(80))
    one, other = (health(c, RULES, COUNTING, 7) for c in (made, mixed))
    assert one.values.keys() == other.values.keys()
    for name in one.values:
        assert np.array_equal(one.array(name), other.array(name)), name
    assert len(np.unique(one.array("day"))) == one.rows


def test_peaks_speak_beside_the_charges() -> None:
    heights = np.r_[np.full(60, 2_000.0), np.full(140, 1_800.0)].astype(np.float32)
    made = charges(np.full(200, 100), ic_peak_ahpv=heights)
    found = health(made, RULES, COUNTING, 0)
    one = last(found, b"ic")
    assert one["soh_pct"] == pytest.approx(90, abs=0.01)
    assert one["capacity_ah"] == pytest.approx(90, abs=0.01)
    assert (one["reference"], one["reference_ah"]) == (b"first", 100)
    assert last(found)["soh_pct"] == pytest.approx(100)


def faded(vehicles: int, seed: int, *, outliers: float) -> tuple[Columns, np.ndarray[Any, Any]]:
    """Two years of charges, one in three days, with 2.5 % fade a year and the stated errors."""
    random = np.random.default_rng(seed)
    count = 240
    day = 3 * np.arange(count)
    truth = 100 * (1 - 0.025 * day / 365.25)
    parts = []
    for number in range(vehicles):
        scale = 1 + random.normal(0, COUNTING.current_gain_ratio)
        zero_a = random.normal(0, np.hypot(COUNTING.current_offset_a, 0.1 / 12**0.5))
        soc = random.normal(0, COUNTING.soc_common_pct)
        rise = random.uniform(40, 80, count)
        hours = random.uniform(1, 6, count)
        ah = truth * rise / 100 * scale + zero_a * hours
        shown = rise + soc + random.normal(0, COUNTING.soc_random_pct, count)
        capacity = ah / shown * 100
        wild = random.random(count) < outliers
        capacity[wild] *= random.uniform(0.6, 1.3, wild.sum())
        std = capacity * np.sqrt(
            2 / rise**2 + (np.hypot(0.3, 0.1 / 12**0.5) * hours / ah) ** 2 + 0.005**2
        )
        begin = FIRST_AT + day * 86_400
        parts.append(charges(
            capacity, std.astype(np.float32), vin=np.full(count, b"LNEVTEST0N%07d" % number),
            start_at=begin.astype(np.uint32), charge_ah=ah.astype(np.float32),
            end_at=(begin + hours * 3_600).astype(np.uint32),
            soc_end_pct=np.round(20 + rise).astype(np.uint8),
        ))  # fmt: skip
    return concat(parts), truth


@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_stated_uncertainty_covers_simulated_fade(outliers: float) -> None:
    made, truth = faded(300, 5, outliers=outliers)
    rated = {b"LNEVTEST0N%07d" % i: 100.0 for i in range(300)}
    for rated_ah in (rated, {}):
        found = health(made, RULES, COUNTING, 0, rated_ah)
        vins, start = np.unique(found.array("vin"), return_index=True)
        ends = np.r_[start[1:], found.rows] - 1
        assert len(vins) == 300
        # The first months' own middle is some 45 days old: 0.3 % of fade are not seen by it.
        new = truth[-1] if rated_ah else 100 * truth[-1] / truth[:31].mean()
        score = (found.array("soh_pct")[ends] - new) / found.array("soh_std_pct")[ends]
        inside = np.mean(np.abs(score) <= 2)
        assert 0.92 <= inside <= 0.99, f"{inside:.3f} of the truths lie within two deviations"
        assert abs(np.mean(score)) < 0.5
