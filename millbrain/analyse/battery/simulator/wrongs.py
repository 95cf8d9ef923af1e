"""What goes wrong in a simulated vehicle: nuisances that are no fault, and faults."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc import whole
from millbrain.analyse.battery.simulator import days as life
from millbrain.analyse.battery.simulator.faults import Fault
from millbrain.analyse.battery.simulator.vehicle import Vehicle
from millbrain.core.columns import Columns, concat

INVALID_MV: Final = 65_535
_IMPOSSIBLE_MV: Final = (0, 0, 65_534, 65_535, 4_999, 1_000)
_THERMAL_BIT: Final = 1 << 23
_INSULATION_BIT: Final = 1 << 11
_RARE_PER_DAY: Final = 0.02
_EVENT_S: Final = 300
_EVENT_STEP_S: Final = 10

F32 = NDArray[np.float32]


def weaken(fault: Fault, days: int, capacity: F32, mohm: F32, slow_mohm: F32) -> None:
    """Put a fault into capacity and resistance, shape (days, cells), in place.

    An aged cell resists as a whole, diffusion included; a connection is ohmic and changes with
    every jolt.
    """
    course = fault.course(days).astype(np.float32)
    if fault.kind == model.CAPACITY:
        capacity[:, fault.cell] *= 1 - course / 100
        mohm[:, fault.cell] *= 1 + course / 100
    elif fault.kind == model.RESISTANCE:
        mohm[:, fault.cell] += course
        slow_mohm[:, fault.cell] += course * 0.4
    elif fault.kind == model.CONNECTION:
        random = np.random.default_rng([fault.cell, fault.onset_day, 5])
        mohm[:, fault.cell] += course * random.lognormal(0, 0.6, days).astype(np.float32)


def temperatures(vehicle: Vehicle, day: NDArray[np.int64],
                 slow_a: NDArray[np.float64], random: np.random.Generator,
                 ) -> tuple[NDArray[np.int16], NDArray[np.int16]]:  # fmt: skip
    """Return the highest and lowest probe [degC]; a probe errs once in ten thousand reports."""
    daily = random.normal(0, 3, int(day.max(initial=0)) + 1)[day]
    heat = 2 + 6 * np.minimum(np.abs(slow_a) / vehicle.capacity_ah, 1.2)  # a pack warms slowly
    high = vehicle.ambient_degc + daily + heat + vehicle.warmth_degc.max()
    low = high - vehicle.warmth_degc.max() - np.abs(random.normal(0, 0.7, len(day))) - 0.5
    wrong = random.random(len(day)) < 1e-4
    high = np.where(wrong, random.uniform(60, 120, len(day)), high)
    return np.rint(high).astype(np.int16), np.rint(low).astype(np.int16)


def glitch(vehicle: Vehicle, cells: NDArray[np.uint16], values: dict[str, Any],
           random: np.random.Generator) -> None:  # fmt: skip
    """Spoil single values of a healthy vehicle: impossible voltages, SOC off for one report."""
    rows, count = cells.shape
    for _ in range(int(random.poisson(vehicle.glitch_share * rows))):
        at, cell = int(random.integers(rows)), int(random.integers(count))
        wide = int(random.choice([1, 1, 1, 2, 8]))
        cells[at, cell : cell + wide] = int(random.choice(_IMPOSSIBLE_MV))
    for _ in range(int(random.poisson(vehicle.glitch_share * rows / 10))):
        values["soc_pct"][int(random.integers(rows))] = int(random.choice([0, 255]))


def spoil(vehicle: Vehicle, fault: Fault, days: int, day: NDArray[np.int64],
          cells: NDArray[np.uint16], values: dict[str, Any],
          random: np.random.Generator) -> None:  # fmt: skip
    """Put a fault of measurement or insulation into the reports, in place."""
    since = day >= fault.onset_day
    if fault.kind == model.INSULATION:
        fallen = 10.0 ** (-fault.severity * np.maximum(day - fault.onset_day, 0))
        kohm = np.maximum(values["insulation_kohm"] * fallen, 1)
        values["insulation_kohm"] = kohm.astype(np.uint16)
        leaky = kohm * 1_000 / life.pack_v(vehicle) < 100
        says = fault.cell == 0 and vehicle.seed % 10 < 6  # not every car tells
        values["alarm_flags"][leaky & says] |= np.uint32(_INSULATION_BIT)
    if fault.kind == model.SENSOR:
        _mismeasure(vehicle, fault, since, cells, random)


def _mismeasure(vehicle: Vehicle, fault: Fault, since: NDArray[np.bool_],
                cells: NDArray[np.uint16], random: np.random.Generator) -> None:  # fmt: skip
    rows, k = np.flatnonzero(since), fault.cell
    if not rows.size:
        return
    if fault.how == "mirror":  # most of the time the wire has no contact
        bad = rows[random.random(len(rows)) < 0.8]
        shift = np.rint(fault.severity * random.lognormal(0, 0.2, len(bad)))
        cells[bad, k] = cells[bad, k] + shift
        cells[bad, k + 1] = cells[bad, k + 1] - shift
    elif fault.how == "stuck":
        cells[rows, k] = cells[rows[0], k]
    elif fault.how == "lost":
        bad = rows[random.random(len(rows)) < fault.severity]
        cells[bad, k] = random.choice([0, INVALID_MV], len(bad))
    else:
        step = vehicle.step_mv
        shifted = cells[rows, k].astype(np.float64) + fault.severity
        cells[rows, k] = (np.rint(shifted / step) * step).astype(np.uint16)


def thermal_event(columns: Columns, fault: Fault) -> Columns:
    """Return the reports up to the event and its first five minutes, one every ten seconds."""
    begins = life.FIRST_AT + fault.onset_day * 86_400
    on = np.flatnonzero(columns.array("device_at") >= begins)
    last = int(on[0]) if on.size else columns.rows - 1
    event = columns.take(np.full(_EVENT_S // _EVENT_STEP_S, last, np.intp))
    seconds = _EVENT_STEP_S * np.arange(1, event.rows + 1)
    event.values["device_at"] = event.array("device_at") + seconds.astype(np.uint32)
    rise = fault.severity * seconds / 60
    hot = np.minimum(event.array("temp_max_degc") + rise, 180)
    event.values["temp_max_degc"] = np.rint(hot).astype(np.int16)
    if fault.how == "own alarm":
        event.values["alarm_flags"] = np.where(hot >= 70, _THERMAL_BIT, 0).astype(np.uint32)
    return concat([columns.take(np.arange(last + 1)), event])


def events(vehicle: Vehicle, fault: Fault, days: int, first_day: int) -> whole.DayCounts:
    """Return the events of control (kind -> day -> count); healthy vehicles have few."""
    random = np.random.default_rng([vehicle.seed, 6])
    result = {}
    for kind in whole.EVENTS:
        rate = np.full(days, _RARE_PER_DAY)
        if fault.kind == model.STRATEGY and fault.how == kind:
            rate += fault.course(days)
        daily = random.poisson(rate)
        result[kind] = {first_day + d: int(daily[d]) for d in np.flatnonzero(daily).tolist()}
    return result
