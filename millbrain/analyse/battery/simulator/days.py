"""The life of a simulated vehicle: what it does each day, and how the charge of its cells moves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.simulator.faults import CRITICAL, Fault
from millbrain.analyse.battery.simulator.vehicle import Vehicle

Floats = NDArray[np.float64]
REST: Final = 0
DRIVE: Final = 1
CHARGE: Final = 2
FIRST_AT: Final = 1_700_006_400 - 8 * 3_600  # midnight in Beijing
_DAY_S: Final = 86_400
_PCT_PER_C_S: Final = 100 / 3_600


@dataclass(frozen=True, slots=True)
class Segments:
    """Stretches of one doing, shape (segments,), in order of time.

    begin_s: since the first midnight. from_pct, to_pct: true SOC of the pack. doing: `REST` (only
    while the terminal is awake), `DRIVE`, `CHARGE`.
    """

    day: NDArray[np.int64]
    begin_s: Floats
    lasts_s: Floats
    from_pct: Floats
    to_pct: Floats
    doing: NDArray[np.int64]


def segments(vehicle: Vehicle, days: int) -> Segments:
    """Return what the vehicle does; days without reports are left out."""
    random = np.random.default_rng([vehicle.seed, 2])
    soc = vehicle.charge_to_pct
    rows: list[tuple[float, ...]] = []
    for day in range(days):
        first, count = vehicle.gap
        is_absent = random.random() < vehicle.absent_share or first <= day < first + count
        made: list[tuple[float, ...]] = []
        soc = _one_day(vehicle, day, soc, random, made)
        rows += [] if is_absent else made
    table = np.array(rows, np.float64).reshape(-1, 6)
    on, begin, lasts, from_pct, to_pct, doing = table.T
    return Segments(on.astype(np.int64), begin, lasts, from_pct, to_pct, doing.astype(np.int64))


def _one_day(vehicle: Vehicle, day: int, soc: float, random: np.random.Generator,
             rows: list[tuple[float, ...]]) -> float:  # fmt: skip
    clock = day * _DAY_S + random.uniform(6.5, 9) * 3_600
    depth = vehicle.depth_pct * random.lognormal(0, 0.35) / vehicle.trips
    for _ in range(vehicle.trips):
        rate = random.uniform(0.15, 0.45)  # mean current of a trip [C]
        down = min(depth * random.lognormal(0, 0.3), soc - 7)
        if down > 1:
            wake = random.uniform(30, 240)
            rows.append((day, clock, wake, soc, soc, REST))
            lasts = down / rate / _PCT_PER_C_S
            rows.append((day, clock + wake, lasts, soc, soc - down, DRIVE))
            soc -= down
            clock += wake + lasts + random.uniform(600, 5_000)
    if soc < vehicle.charge_below_pct and soc < vehicle.charge_to_pct - 3:
        to = vehicle.charge_to_pct
        lasts = (to - soc) / vehicle.charge_c / _PCT_PER_C_S
        rows.append((day, clock, lasts, soc, to, CHARGE))
        rows.append((day, clock + lasts, random.uniform(60, 1_200), to, to, REST))
        soc = to
    return soc


def missing_pct(vehicle: Vehicle, fault: Fault, days: int) -> Floats:
    """Return the charge that each cell lacks on each day [% of nominal], shape (days, cells).

    Passive balancing takes charge from cells that stand above the lowest while the pack is charged
    high; in words of what is missing, the lowest catches up with the others.
    """
    charge = vehicle.charge_pct.copy()
    loss = np.tile(vehicle.loss_pct_per_day, (days, 1))
    if fault.kind == model.SELF_DISCHARGE:
        leak_ma = fault.course(days)
        loss[:, fault.cell] += leak_ma * 24 / 1_000 / vehicle.capacity_ah * 100
    is_balanced = vehicle.charge_to_pct >= 95
    result = np.empty((days, vehicle.cells))
    for day in range(days):
        charge -= loss[day]
        if is_balanced:
            above = charge - charge.min()
            charge -= np.minimum(np.where(above > 0.4, above - 0.4, 0), vehicle.balance_pct_per_day)
        charge -= np.median(charge)  # the BMS counts the pack by its middle
        result[day] = charge
    return result


def critical_day(vehicle: Vehicle, fault: Fault, days: int) -> float:
    """Return the first day on which the fault is critical, NaN where it never is in `days`."""
    if not fault.kind:
        return float("nan")
    limit = CRITICAL[fault.kind][1]
    if fault.kind == model.SELF_DISCHARGE:
        course = -missing_pct(vehicle, fault, days)[:, fault.cell]
    elif fault.kind == model.RESISTANCE:
        course = fault.course(days) * vehicle.capacity_ah
    elif fault.kind == model.INSULATION:
        fallen = 10 ** (-fault.severity * np.maximum(np.arange(days) - fault.onset_day, 0))
        course = -vehicle.insulation_kohm * fallen * 1_000 / pack_v(vehicle)
        limit = -limit
    elif fault.kind == model.THERMAL:
        return float(fault.onset_day)
    else:
        course = fault.course(days)
    found = np.flatnonzero(course >= limit)
    return float(found[0]) if found.size else float("nan")


def pack_v(vehicle: Vehicle) -> float:
    """Return the nominal voltage of the pack [V]."""
    return vehicle.cells * (3.65 if vehicle.chemistry == "ncm" else 3.25)
