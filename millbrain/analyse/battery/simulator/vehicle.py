"""One simulated vehicle: its pack, its habits and its nuisances, none of which is a fault."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.simulator.curves import LFP, NCM

Floats = NDArray[np.float64]
_RESOLUTIONS_MV: Final = (1, 1, 1, 1, 1, 2, 5, 10, 20)
_LACKING_PCT_MAX: Final = 4.5
_MODULE: Final = 12  # cells that share a sampling chip, a time of sampling, a place


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What stays the same over the months.

    Per cell, shape (cells,): capacity relative to nominal, charge missing at the start [% of
    nominal, negative], resistance [mOhm], error of its measurement [mV], natural loss [% a day],
    lag [-] of its module's sampling and warmth [degC] of its place. Habits: depth of a day [%],
    trips, SOC at which it is charged, SOC up to which, rate [C]. Nuisances: steps of cell
    voltages [mV] and of SOC [%], error of SOC [%], share of days without reports, a gap of some
    days, glitches per report, balancing [% a day].
    """

    seed: int
    chemistry: str
    capacity_ah: float
    capacity: Floats
    charge_pct: Floats
    mohm: Floats
    error_mv: Floats
    loss_pct_per_day: Floats
    lag: Floats
    warmth_degc: Floats
    depth_pct: float
    trips: int
    charge_below_pct: float
    charge_to_pct: float
    charge_c: float
    step_mv: int
    soc_step_pct: float
    soc_error_pct: float
    noise_mv: float
    absent_share: float
    gap: tuple[int, int]
    glitch_share: float
    balance_pct_per_day: float
    ambient_degc: float
    insulation_kohm: float

    @property
    def cells(self) -> int:
        """Number of cells in series."""
        return len(self.capacity)

    @property
    def vin(self) -> bytes:
        """An invented number."""
        return b"LSIMTEST0N%07d" % (self.seed % 10_000_000)


def drawn(seed: int, chemistry: str | None = None) -> Vehicle:
    """Draw a healthy vehicle; the same seed gives the same vehicle.

    Healthy is: no cell lacks more than 4 % of capacity, 2.5 % of charge or 4.5 % of both, or
    has 30 % more resistance than the median, whatever its module is.
    """
    random = np.random.default_rng([seed, 1])
    kind = chemistry or str(random.choice([NCM, LFP]))
    cells = int(random.choice([84, 88, 92, 96, 96, 100, 104, 108, 112, 120, 144, 192]))
    capacity_ah = float(random.uniform(45, 180))
    age = random.uniform(0, 1)  # older packs scatter more
    module = np.arange(cells) // _MODULE
    modules = int(module[-1]) + 1
    capacity = 1 + _tails(random, cells, 0.003 + 0.005 * age, 0.03)
    charge = _tails(random, cells, 0.15 + 0.35 * age, 1.8)
    mohm = 90 / capacity_ah * (1 + 0.3 * age) * (1 + _tails(random, cells, 0.02 + 0.03 * age, 0.2))
    error = random.normal(0, random.uniform(0.3, 1.5), cells)
    if random.random() < 0.12:  # a module of another age or another batch
        other = module == random.integers(modules)
        capacity[other] += random.normal(0, 0.03)
        charge[other] += random.normal(0, 1.5)
        mohm[other] *= random.uniform(0.8, 1.3)
    capacity = np.clip(capacity, *(np.median(capacity) + np.array([-0.04, 0.04])))
    mohm = np.clip(mohm, *(np.median(mohm) * np.array([0.7, 1.3])))
    charge = np.clip(charge, *(np.median(charge) + np.array([-2.5, 2.5])))
    # What is lacking at the empty end: charge and capacity together.
    lacking = (charge - np.median(charge)) + 100 * (capacity - np.median(capacity))
    charge += np.maximum(-_LACKING_PCT_MAX - lacking, 0)
    zones = np.abs(np.arange(cells) / cells - random.uniform(0, 1)) * random.uniform(0, 8)
    return Vehicle(
        seed=seed, chemistry=kind, capacity_ah=capacity_ah, capacity=capacity,
        charge_pct=charge - charge.max() * 0.5, mohm=mohm, error_mv=error,
        loss_pct_per_day=np.abs(random.normal(0.03, 0.003 + 0.003 * age, cells)),
        lag=(random.normal(0, random.uniform(0.02, 0.4), modules))[module],
        warmth_degc=zones.max() - zones,
        depth_pct=float(np.clip(random.lognormal(3.2, 0.5), 6, 80)),
        trips=int(random.integers(1, 5)),
        charge_below_pct=float(random.choice([25, 35, 50, 70, 90])),
        charge_to_pct=float(random.choice([100, 100, 100, 95, 90, 80])),
        charge_c=float(random.choice([0.12, 0.12, 0.2, 0.4, 0.8])),
        step_mv=int(random.choice(_RESOLUTIONS_MV)),
        soc_step_pct=float(random.choice([0.4, 0.5, 1.0, 1.0])),
        soc_error_pct=float(random.uniform(0.3, 2.5)),
        noise_mv=float(random.uniform(0.4, 2.0)),
        absent_share=float(random.choice([0.0, 0.03, 0.1, 0.3])),
        gap=(int(random.integers(0, 90)), int(random.choice([0, 0, 0, 4, 9, 20]))),
        glitch_share=float(random.choice([0, 0, 1e-4, 1e-3, 5e-3])),
        balance_pct_per_day=float(random.choice([0.0, 0.03, 0.08, 0.15])),
        ambient_degc=float(random.uniform(-8, 33)),
        insulation_kohm=float(np.exp(random.uniform(np.log(900), np.log(40_000)))),
    )  # fmt: skip


def _tails(random: np.random.Generator, count: int, scale: float, most: float) -> Floats:
    """Return deviations with longer tails than normal ones, none beyond `most`."""
    return np.clip(random.standard_t(6, count) * scale, -most, most)
