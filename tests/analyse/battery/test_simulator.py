"""The simulated fleet does what it says: seeded, within its steps, faults as large as told."""

import numpy as np
import pytest

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.curve import curve_of, missing_pct
from millbrain.analyse.battery.simulator import days as life
from millbrain.analyse.battery.simulator import faults, vehicle
from millbrain.analyse.battery.simulator.curves import LFP, NCM, ocv_mv
from millbrain.analyse.battery.simulator.faults import Fault
from millbrain.analyse.battery.simulator.reports import reports
from tests.analyse.battery.made import days as days_of

CALM = next(v for v in map(vehicle.drawn, range(99)) if v.charge_to_pct == 100 and v.step_mv == 1)


def test_the_same_seed_is_the_same_vehicle() -> None:
    one, other = (reports(vehicle.drawn(5), 4, 120) for _ in range(2))
    for name in one.values:
        if name != "cells_mv":
            assert np.array_equal(one.array(name), other.array(name)), name
    assert np.array_equal(one.ragged("cells_mv").values, other.ragged("cells_mv").values)


def test_a_fleet_differs() -> None:
    fleet = [vehicle.drawn(s) for s in range(60)]
    assert {v.chemistry for v in fleet} == {NCM, LFP}
    assert min(v.cells for v in fleet) < 90 < 140 < max(v.cells for v in fleet)
    assert {v.step_mv for v in fleet} >= {1, 10}


def test_curves_rise_and_lfp_is_flat() -> None:
    soc = np.arange(0, 101, dtype=np.float32)
    for chemistry in (NCM, LFP):
        assert (np.diff(ocv_mv(chemistry, soc)) >= 0).all()
    assert np.ptp(ocv_mv(LFP, np.array([40, 90], np.float32))) < 60
    assert np.ptp(ocv_mv(NCM, np.array([40, 90], np.float32))) > 400


def test_healthy_is_what_it_says() -> None:
    for seed in range(80):
        car = vehicle.drawn(seed)
        assert (np.abs(car.capacity - np.median(car.capacity)) <= 0.04 + 1e-9).all()
        assert (np.abs(car.charge_pct - np.median(car.charge_pct)) <= 2.5 + 0.2).all()
        both = car.charge_pct + 100 * car.capacity
        assert (both - np.median(car.charge_pct) - 100 * np.median(car.capacity)).min() > -4.7
        assert (car.mohm <= 1.3 * np.median(car.mohm) + 1e-9).all()


def test_steps_and_times() -> None:
    for seed in range(30):
        car = vehicle.drawn(seed)
        made = reports(car, 6, 200)
        cells = made.ragged("cells_mv").values
        plausible = cells[(cells > 1_000) & (cells < 4_990)]
        assert (plausible % car.step_mv == 0).all()
        assert (np.diff(made.array("device_at").astype(np.int64)) >= 0).all()
        assert made.array("soc_pct").max() <= 100 or car.glitch_share > 0


def test_finer_sampling_is_the_same_life() -> None:
    coarse, fine = (reports(CALM, 10, step) for step in (300.0, 30.0))
    assert fine.rows > 5 * coarse.rows
    for made in (coarse, fine):
        known = made.array("soc_pct")
        assert made.array("device_at")[0] // 86_400 == coarse.array("device_at")[0] // 86_400
        assert known.max() >= 97
    spread = [np.abs(days_of(made).deviation_mv).mean() for made in (coarse, fine)]
    assert spread[0] == pytest.approx(spread[1], rel=0.4)


def test_a_leak_takes_what_it_says() -> None:
    quiet = vehicle.drawn(CALM.seed)
    leak = Fault(model.SELF_DISCHARGE, 7, 0, 50.0)
    with_leak, without = (life.missing_pct(quiet, f, 2)[0, 7] for f in (leak, faults.HEALTHY))
    # 50 mA for a day are 1.2 Ah
    assert without - with_leak == pytest.approx(120 / quiet.capacity_ah, abs=0.2)


def test_capacity_and_resistance_as_put_in() -> None:
    car = next(v for v in map(vehicle.drawn, range(200, 900))
               if v.chemistry == NCM and v.step_mv == 1 and v.depth_pct > 40
               and v.charge_to_pct == 100 and v.absent_share == 0)  # fmt: skip
    weak = days_of(reports(car, 20, 60, Fault(model.CAPACITY, 9, 0, 12.0)))
    well = days_of(reports(car, 20, 60))
    lacking = [np.nanmedian(missing_pct(d, curve_of(d))[:, 9]) for d in (weak, well)]
    assert lacking[0] < lacking[1] - 1.5
    stiff = days_of(reports(car, 20, 60, Fault(model.RESISTANCE, 9, 0, 1.0)))
    more = np.nanmedian(stiff.excess_mohm[:, 9]) - np.nanmedian(well.excess_mohm[:, 9])
    assert 0.8 < more < 2.2  # at 25 degC 1 mOhm, more when cold or nearly empty


def test_every_kind_is_drawn_and_has_a_critical_state() -> None:
    random = np.random.default_rng(3)
    for kind, (words, _) in faults.CRITICAL.items():
        fault = faults.drawn(kind, 96, 100.0, random)
        assert fault.kind == kind
        assert words
        assert fault.course(200)[-1] >= fault.severity
    assert np.isnan(life.critical_day(CALM, faults.HEALTHY, 90))
    grown = Fault(model.CAPACITY, 3, 10, 10.0, 0.5)
    assert life.critical_day(CALM, grown, 90) == 30  # 20 % after 20 days


def test_a_thermal_event_ends_the_record() -> None:
    made = reports(CALM, 20, 300, Fault(model.THERMAL, 3, 12, 30.0, 0.0, "own alarm"))
    degrees = made.array("temp_max_degc")
    assert degrees[-1] > 100
    assert made.array("alarm_flags")[-1] == 1 << 23
    assert np.diff(made.array("device_at")[-20:]).tolist() == [10] * 19


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="to be positive"):
        reports(CALM, 0)
