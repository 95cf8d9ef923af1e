"""Records of a simulated inspection lane, so that a fresh demonstration has something to show.

Written once, for every so manyth vehicle of the city and the weak ones, with benches, dates and
curves of a formula. Every record says that it is simulated, in its bench, its inspector and its
note; its curve is not what the vehicle itself reported that day. They are judged by the same rules
as records of real benches.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from millbrain.analyse.inspection.app import rules
from millbrain.core.times import BEIJING
from millbrain.record.ledger import Ledger, NewInspection, Thing
from millbrain.run.demo.things import Car, cars
from millbrain.run.settings import Settings
from millbrain.show.lane import curve_of, inspection, settings_of

BENCH: Final = "SIM-1"
SAID: Final = "simulated by a formula, not from the vehicle's reports 仿真数据，与车辆上报无关"
_RECORDS_MAX: Final = 60
_EVERY: Final = 8  # vehicles
_WEAK_EVERY: Final = 3
_A_DAY: Final = 3
_STEP_S: Final = 30
_HOT_EVERY, _LEAKY_EVERY, _LOOSE_EVERY = 9, 11, 13  # records beyond a limit, each by its own
_FULL_MV: Final = {"LFP": 3_600.0, "NCM": 4_200.0}
_LOW_MV: Final = {"LFP": 3_290.0, "NCM": 3_640.0}
_COMMERCIAL: Final = frozenset(("taxi", "bus", "freight"))


def fill_lane(settings: Settings) -> int:
    """Write the lane's records unless there are some of its bench; return how many."""
    until = datetime.fromtimestamp(time.time(), tz=UTC)
    ledger = Ledger(settings.ledger_url)
    try:
        if ledger.inspections.page(q=f"{BENCH}-")[1]:
            return 0
        limits = settings_of(ledger.inspections.limits())
        judge = rules()
        made: list[NewInspection] = []
        for number, car in enumerate(_tested(settings, until), 1):
            values, curve = record(car, number, until)
            thing = Thing(id=car.vin, plate=car.plate, model=car.model.name, operator=car.operator)
            made.append(inspection(values, curve_of(curve), thing, judge, limits))
        return ledger.inspections.put(made, "demonstration").added
    finally:
        ledger.close()


def _tested(settings: Settings, until: datetime) -> Iterator[Car]:
    found = 0
    for car in cars(settings.demo.pack, settings.demo.vehicles, until):
        if car.serial % (_WEAK_EVERY if car.weak else _EVERY) == 0 and found < _RECORDS_MAX:
            found += 1
            yield car


def record(car: Car, number: int, until: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the bench measured of a vehicle by field name, and the curve of its charge.

    number: of the record, from 1. until: the newest record is of the working day before.
    """
    random = np.random.default_rng([car.serial, number])
    day = until.astimezone(BEIJING).date() - timedelta(days=1 + number // _A_DAY)
    tested = datetime(day.year, day.month, day.day, 9, tzinfo=BEIJING)
    tested += timedelta(minutes=100 * (number % _A_DAY) + int(random.integers(20)))
    curve = _curve(car, number, random)
    volts = car.model.cells * _FULL_MV[car.model.chemistry] / 1_000
    spread = [high - low for high, low in zip(curve["cell_max_mv"], curve["cell_min_mv"],
                                              strict=True)]  # fmt: skip
    values = {
        "bench": BENCH, "record_no": f"{BENCH}-{number:04d}", "vin": car.vin,
        "tested_at": tested.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "chemistry": "lfp" if car.model.chemistry == "LFP" else "ternary",
        "is_commercial": car.model.use in _COMMERCIAL, "inspector": "simulated 仿真", "note": SAID,
        "charge_duration_s": curve["t_s"][-1], "charge_start_pct": curve["soc_pct"][0],
        "charge_temp_degc": max(curve["temp_max_degc"]),
        "charge_cell_max_mv": max(curve["cell_max_mv"]), "charge_cell_spread_mv": max(spread),
        "working_voltage_v": round(volts, 1),
        "socket_dc_insulation_kohm": round(
            volts * (0.06 if number % _LEAKY_EVERY == 0 else random.uniform(2, 20)), 1
        ),
        "bonding_mohm": round(
            131.0 if number % _LOOSE_EVERY == 0 else float(random.uniform(5, 40)), 1
        ),
        "fault_code_count": 0,
    }  # fmt: skip
    if values["is_commercial"]:
        values |= {
            "discharge_duration_s": 320.0, "discharge_temp_degc": values["charge_temp_degc"] - 3,
            "discharge_cell_min_mv": min(curve["cell_min_mv"]) - 40,
            "discharge_cell_spread_mv": round(max(spread) * 1.1),
        }  # fmt: skip
    return values, curve


def _curve(car: Car, number: int, random: np.random.Generator) -> dict[str, Any]:
    """Return the curve of a charge: time, voltage, current, SOC, cells, temperatures."""
    t_s = np.arange(0, int(random.integers(15, 26)) * 60 + 1, _STEP_S)
    begin, rise = int(random.integers(32, 60)), 0.015 * t_s
    soc = np.minimum(begin + rise, 100)
    low, full = _LOW_MV[car.model.chemistry], _FULL_MV[car.model.chemistry]
    middle = low + (full - low) * 0.8 * soc / 100
    apart = float(random.uniform(8, 30)) + (40 if car.weak and car.weak.cell else 0)
    hottest = 64.0 if number % _HOT_EVERY == 0 else float(random.uniform(33, 46))
    warm = 24 + (hottest - 24) * t_s / t_s[-1]
    return {
        "t_s": t_s.tolist(),
        "voltage_v": np.round(middle * car.model.cells / 1_000, 1).tolist(),
        "current_a": np.full(len(t_s), round(-0.5 * car.model.capacity_ah, 1)).tolist(),
        "soc_pct": np.round(soc, 1).tolist(),
        "cell_max_mv": np.round(middle + apart * 0.4).tolist(),
        "cell_min_mv": np.round(middle - apart * 0.6).tolist(),
        "temp_max_degc": np.round(warm).tolist(),
        "temp_min_degc": np.round(warm - random.uniform(1, 4)).tolist(),
    }
