"""Reports of a simulated vehicle: columns of `vehicle_report` at any sampling step.

The life of the vehicle (`days.segments`) does not depend on the step: a coarse and a fine run are
the same vehicle seen less and more often.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.simulator import days as life
from millbrain.analyse.battery.simulator import wrongs
from millbrain.analyse.battery.simulator.curves import ocv_mv
from millbrain.analyse.battery.simulator.faults import HEALTHY, Fault
from millbrain.analyse.battery.simulator.vehicle import Vehicle
from millbrain.core.columns import Columns, Ragged

_SLOW_S: Final = 400  # time constant of diffusion
_SLOW_RATIO: Final = 0.6  # diffusion's share on top of the ohmic resistance
_IDLE_SHARE: Final = 0.15  # of a drive: traffic lights

Row = NDArray[np.float64]


@dataclass(slots=True)
class Moments:
    """The instants at which the vehicle reports, shape (rows,).

    at_s since the first midnight; soc_pct true, of the pack; current_a discharge positive; mean_a
    of the stretch, which diffusion follows; swing_a: what the current changes by while the cells
    are sampled.
    """

    day: NDArray[np.int64]
    at_s: Row
    doing: NDArray[np.int64]
    soc_pct: Row
    current_a: Row
    slow_a: Row
    swing_a: Row


def reports(vehicle: Vehicle, days: int, step_s: float = 30.0, fault: Fault = HEALTHY) -> Columns:
    """Return the reports of `days` days.

    step_s: seconds between two reports while the vehicle is awake; every stretch gives at least
    one. A coarse step keeps the shares of doing, SOC and current, and thins them out.
    """
    if step_s <= 0 or days < 1:
        raise ValueError(f"step_s {step_s:g} and days {days} are to be positive")
    random = np.random.default_rng([vehicle.seed, 3])
    moments = _moments(vehicle, life.segments(vehicle, days), step_s, random)
    cells = _cells_mv(vehicle, fault, days, moments, random)
    values = _columns(vehicle, moments, random)
    temps = wrongs.temperatures(vehicle, moments.day, moments.slow_a, random)
    values["temp_max_degc"], values["temp_min_degc"] = temps
    wrongs.glitch(vehicle, cells, values, random)
    if fault.kind:
        wrongs.spoil(vehicle, fault, days, moments.day, cells, values, random)
    rows, count = cells.shape
    offsets = np.arange(0, rows * count + 1, count, dtype=np.int32)
    values["cells_mv"] = Ragged(offsets, cells.reshape(-1))
    columns = Columns(rows, values)
    return wrongs.thermal_event(columns, fault) if fault.kind == model.THERMAL else columns


def _moments(vehicle: Vehicle, seg: life.Segments, step_s: float,
             random: np.random.Generator) -> Moments:  # fmt: skip
    counts = np.maximum(np.rint(seg.lasts_s / step_s), 1).astype(np.int64)
    i = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (nth + 0.5) / counts[i]
    doing = seg.doing[i]
    soc = seg.from_pct[i] + (seg.to_pct - seg.from_pct)[i] * share
    mean = (seg.from_pct - seg.to_pct) / seg.lasts_s * 36 * vehicle.capacity_ah
    lasted = share * seg.lasts_s[i]
    slow = mean[i] * (1 - np.exp(-lasted / _SLOW_S))
    # A pack that has just been driven or charged is not level yet: what was before fades.
    before = np.concatenate([[0.0], mean[:-1]])
    pause = seg.begin_s - np.concatenate([[-1e9], (seg.begin_s + seg.lasts_s)[:-1]])
    slow += (before * np.exp(-pause / _SLOW_S))[i] * np.exp(-lasted / _SLOW_S)
    rows, is_drive = len(i), doing == life.DRIVE
    drive = mean[i] + vehicle.capacity_ah * 0.35 * random.standard_normal(rows)
    drive /= 1 - _IDLE_SHARE
    idle = random.uniform(0.2, 3.5, rows)
    drive = np.where(random.random(rows) < _IDLE_SHARE, idle, drive)
    # Close to full a charger gives less.
    taper = np.clip((102 - soc) / 6, 0.15, 1.0)
    current = np.where(is_drive, drive, np.where(doing == life.CHARGE, mean[i] * taper, idle / 3))
    swing = np.where(is_drive, vehicle.capacity_ah * 0.25 * random.standard_normal(rows), 0.0)
    return Moments(seg.day[i], seg.begin_s[i] + lasted, doing, soc, current, slow, swing)


def _cells_mv(vehicle: Vehicle, fault: Fault, days: int, moments: Moments,
              random: np.random.Generator) -> NDArray[np.uint16]:  # fmt: skip
    """Return what the cells measure [mV], shape (rows, cells)."""
    day = moments.day
    missing = life.missing_pct(vehicle, fault, days).astype(np.float32)
    capacity = np.tile(vehicle.capacity.astype(np.float32), (days, 1))
    mohm = np.tile(vehicle.mohm.astype(np.float32), (days, 1))
    slow_mohm = mohm * np.float32(_SLOW_RATIO)
    wrongs.weaken(fault, days, capacity, mohm, slow_mohm)
    down = (100 - moments.soc_pct).astype(np.float32)[:, None]
    mv = ocv_mv(vehicle.chemistry, 100 + (missing[day] - down) / capacity[day])
    cold = np.exp(0.018 * (25 - vehicle.ambient_degc - vehicle.warmth_degc)).astype(np.float32)
    empty = (1 + np.clip((18 - moments.soc_pct) / 12, 0, 1.5)).astype(np.float32)[:, None]
    # Cells of a module are sampled a moment earlier or later than the others.
    seen_a = moments.current_a.astype(np.float32)[:, None] + moments.swing_a.astype(np.float32)[
        :, None
    ] * vehicle.lag.astype(np.float32)
    mv -= mohm[day] * cold * empty * seen_a
    mv -= slow_mohm[day] * cold * empty * moments.slow_a.astype(np.float32)[:, None]
    mv += vehicle.error_mv.astype(np.float32)
    mv += np.float32(vehicle.noise_mv) * random.standard_normal(mv.shape, dtype=np.float32)
    step = np.float32(vehicle.step_mv)
    return np.asarray((np.rint(np.clip(mv, 0, 65_000) / step) * step).astype(np.uint16))


def _columns(vehicle: Vehicle, moments: Moments, random: np.random.Generator) -> dict[str, Any]:
    rows = len(moments.day)
    wander = vehicle.soc_error_pct * np.sin(moments.at_s / 4e5 + vehicle.seed)
    told = (moments.soc_pct + wander) // vehicle.soc_step_pct * vehicle.soc_step_pct
    damp = random.lognormal(0, 0.25, rows)
    volts = life.pack_v(vehicle)
    return {
        "vin": np.full(rows, vehicle.vin),
        "device_at": (life.FIRST_AT + np.rint(moments.at_s)).astype(np.uint32),
        "current_a": np.rint(moments.current_a * 10).astype(np.float32) / np.float32(10),
        "soc_pct": np.clip(np.rint(told), 0, 100).astype(np.uint8),
        "voltage_v": np.full(rows, volts, np.float32),
        "insulation_kohm": np.clip(vehicle.insulation_kohm * damp, 0, 60_000).astype(np.uint16),
        "alarm_flags": np.zeros(rows, np.uint32),
        "alarm_level": np.zeros(rows, np.uint8),
    }
