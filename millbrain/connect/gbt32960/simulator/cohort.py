"""Vehicles of one model moved through time: driving, charging, parking, and what their cells show.

Pure: seeded, no clock, no bytes. The physics is a handful of scalar functions that numba folds into
one loop over the cohort; a vehicle costs some tenths of a microsecond a step. Voltages follow an
open-circuit curve per chemistry, minus current times resistance; each cell adds a static imbalance,
a resistance of its own (its deviation grows with load) and noise. Current follows from the power
balance of mass, drag, a flat road and auxiliaries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, expm1, pi, sin, sqrt
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.connect.gbt32960.simulator.fleet import (
    VEHICLES_MAX,
    Model,
    Plan,
    Use,
    register,
    shares,
    vins,
)
from millbrain.core.columns import Columns
from millbrain.core.times import BEIJING_OFFSET_S

PARKED: Final = 0
DRIVING: Final = 1
CHARGING: Final = 2
FULL: Final = 3  # plugged in, charging done
COHORT_VEHICLES_MAX: Final = 2048
SLEEP_AFTER_S: Final = 120.0  # a parked vehicle reports for so long, then its terminal logs out
_DAY_S: Final = 86_400
_PATTERNS: Final = 1024  # different cell patterns ...
_PATTERN_WIDTH: Final = 1024  # ... and each is read from any of its first 512 places
_NOISE_LENGTH: Final = 1 << 16
# Open-circuit voltage [mV] at 0, 10, ... 100 % state of charge: the usual published shapes.
OCV_MV: Final[Mapping[str, tuple[int, ...]]] = {
    "LFP": (2900, 3195, 3235, 3262, 3283, 3290, 3296, 3318, 3327, 3332, 3385),
    "NCM": (3300, 3455, 3545, 3605, 3645, 3690, 3775, 3870, 3965, 4065, 4180),
}
_STATE: Final = np.dtype(
    [(name, "f8") for name in (
        "seat_lon", "seat_lat", "reach_km", "x_km", "y_km", "heading", "odometer_km", "soc",
        "plug_soc", "full_soc", "speed_kmh", "cruise_kmh", "charger_kw", "current_a", "power_kw",
        "still_s", "insulation_kohm", "ohm_ratio", "microclimate_degc", "temp_degc", "mean_mv",
        "drop_mv", "phase", "pattern", "place")]
)  # fmt: skip
SIGNALS: Final = (
    "vehicle_state", "charge_state", "speed_kmh", "odometer_km", "voltage_v", "current_a",
    "pack_current_a", "soc_pct", "dcdc_state", "gear_code", "insulation_kohm", "accelerator_pct",
    "brake_pct", "longitude_deg", "latitude_deg", "alarm_level", "alarm_flags", "motor_state",
    "motor_speed_rpm", "motor_torque_nm", "motor_degc", "motor_controller_degc", "motor_current_a",
)  # fmt: skip
"""Columns of `Snapshot.signals`, each in the unit that its name ends in."""


@dataclass(slots=True)
class Snapshot:
    """What the vehicles of one cohort report at one moment.

    vin: uint8 (n, 17). device_s: seconds since 1970, int64 (n,). signals: float64
    (n, len(SIGNALS)). cells_mv: uint16 (n, packs * cells), pack by pack; temps_degc: int16
    (n, packs * probes). awake, woke, slept: bool (n,): the terminal reports, has just logged in,
    has just logged out.
    """

    vin: NDArray[np.uint8]
    device_s: NDArray[np.int64]
    signals: NDArray[np.float64]
    cells_mv: NDArray[np.uint16]
    temps_degc: NDArray[np.int16]
    awake: NDArray[np.bool_]
    woke: NDArray[np.bool_]
    slept: NDArray[np.bool_]

    def signal(self, name: str) -> NDArray[np.float64]:
        """Return one signal of every vehicle, a view of shape (n,)."""
        return self.signals[:, SIGNALS.index(name)]


class Cohort:
    """Vehicles of one model, moved together.

    serials: int64 (n,), the last six digits of their VINs.
    """

    def __init__(self, plan: Plan, model: Model, serials: NDArray[np.int64], seed: int) -> None:
        self.model = model
        self.use = plan.uses[model.use]
        self.serials = serials
        self.size = len(serials)
        self.vin = vins(model.letter, serials)
        self._rng = np.random.Generator(np.random.SFC64([seed, int(serials[0])]))
        self._lag_s = self._rng.integers(0, 10, self.size)
        self._tables = _tables(seed)
        self._ocv_mv = np.array(OCV_MV[model.chemistry], np.float64)
        self._state = _first_state(plan, self.use, self.size, self._rng)
        self._begun = False

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Go on with these vehicles only; they stay who they are, cells and habits included."""
        self.serials, self.vin = self.serials[rows], self.vin[rows]
        self._lag_s, self._state = self._lag_s[rows], self._state[rows].copy()
        self.size = len(rows)

    @property
    def odometer_km(self) -> NDArray[np.float64]:
        """Odometer of each vehicle, shape (n,)."""
        return np.asarray(self._state["odometer_km"])

    @property
    def phase(self) -> NDArray[np.float64]:
        """PARKED, DRIVING, CHARGING or FULL of each vehicle."""
        return np.asarray(self._state["phase"])

    def advance(self, at_s: float, step_s: float) -> Snapshot:
        """Move every vehicle on by `step_s` to the instant `at_s` and return what they report.

        at_s: seconds since 1970. step_s: 0.5 to 3600 s; more than a minute only to settle a fleet.
        """
        if not self._begun:
            self._begin(at_s)
        n, model, state = self.size, self.model, self._state
        was_awake = state["still_s"] < SLEEP_AFTER_S
        draws = self._rng.random((n, 3), np.float32)
        noise = self._rng.standard_normal(n, np.float32)
        signals = np.empty((n, len(SIGNALS)))
        _step(state, signals, draws, noise, self._chances(at_s, step_s), self._ocv_mv,
              _figures(model, self.use), step_s, _ambient_degc(at_s))  # fmt: skip
        noise_at = (draws[:, 2] * np.float32(_NOISE_LENGTH - 1)).astype(np.int64)
        cells = np.empty((n, model.cells * model.packs), np.uint16)
        temps = np.empty((n, model.probes * model.packs), np.int16)
        _fill_cells(cells, state, noise_at, self._tables, model.cell_step_mv)
        _fill_temps(temps, state, noise_at, self._tables, model.capacity_ah * model.packs)
        awake = state["still_s"] < SLEEP_AFTER_S
        return Snapshot(self.vin, np.int64(at_s) - self._lag_s, signals, cells, temps, awake,
                        awake & ~was_awake, was_awake & ~awake)  # fmt: skip

    def _begin(self, at_s: float) -> None:
        """Spread the phases as they are at that hour, instead of a city that wakes all at once."""
        state, use = self._state, self.use
        draw = self._rng.random((self.size, 3))
        driving = draw[:, 0] < _hourly(use.driving, at_s)
        charging = ~driving & (draw[:, 0] > 0.95)
        state["phase"] = np.where(driving, DRIVING, np.where(charging, CHARGING, PARKED))
        state["still_s"] = np.where(driving | charging, 0, 1e6)
        state["cruise_kmh"] = use.cruise_kmh * (0.7 + 0.6 * draw[:, 1])
        fast = self.model.fast_kw * (0.45 + 0.55 * draw[:, 1])
        state["charger_kw"] = np.where(draw[:, 2] < use.fast_share, fast, self.model.slow_kw)
        state["soc"] = np.where(charging, state["plug_soc"] + 30 * draw[:, 2], state["soc"])
        state["temp_degc"] = _ambient_degc(at_s) + state["microclimate_degc"] + 3
        self._begun = True

    def _chances(self, at_s: float, step_s: float) -> tuple[float, float, float, float]:
        """Chances in this step to stop, start, plug in and leave the charger."""
        share = min(max(_hourly(self.use.driving, at_s), 1e-4), 0.97)
        start_s = self.use.trip_s * (1 - share) / share
        means_s = (self.use.trip_s, start_s, self.use.plug_wait_s, 1500.0)
        stop, start, plug, leave = (-expm1(-step_s / mean_s) for mean_s in means_s)
        return stop, start, plug, leave


class City:
    """A fleet as cohorts in a mixed, fixed order.

    vehicles: 1 to 800,000. The same plan, number and seed give the same vehicles and the same days.
    """

    def __init__(self, plan: Plan, vehicles: int, seed: int = 1) -> None:
        if not 1 <= vehicles <= VEHICLES_MAX:
            raise ValueError(f"a city has 1 to {VEHICLES_MAX} vehicles; {vehicles} were asked for")
        cohorts: list[Cohort] = []
        first = 0
        for model, count in zip(plan.models, shares(plan.models, vehicles), strict=True):
            for start in range(first, first + count, COHORT_VEHICLES_MAX):
                end = min(start + COHORT_VEHICLES_MAX, first + count)
                cohorts.append(Cohort(plan, model, np.arange(start, end), seed))
            first += count
        order = np.random.Generator(np.random.SFC64(seed)).permutation(len(cohorts))
        self.cohorts = [cohorts[i] for i in order]

    def settle(self, at_s: float, steps: int = 18, step_s: float = 600.0) -> None:
        """Live the hours before `at_s`, so that charges and temperatures are a usual day's."""
        for cohort in self.cohorts:
            for k in range(steps):
                cohort.advance(at_s - (steps - k) * step_s, step_s)

    def things(self) -> Iterator[Columns]:
        """Yield the register of the fleet, a batch a cohort."""
        return (register(c.model, c.serials) for c in self.cohorts)


def _first_state(plan: Plan, use: Use, n: int, rng: np.random.Generator) -> NDArray[Any]:
    """Draw what stays with a vehicle: its district, habits, age, and the pattern of its cells."""
    state = np.zeros(n, _STATE)
    weights = np.array([r[3] for r in plan.regions])
    seats = np.array([(r[1], r[2]) for r in plan.regions])
    home = seats[rng.choice(len(weights), n, p=weights / weights.sum())]
    state["seat_lon"], state["seat_lat"] = home[:, 0], home[:, 1]
    state["reach_km"] = rng.uniform(3, 9, n)
    state["x_km"] = rng.normal(0, 2.5, n).clip(-6, 6)
    state["y_km"] = rng.normal(0, 2.5, n).clip(-6, 6)
    state["heading"] = rng.uniform(0, 2 * pi, n)
    state["odometer_km"] = rng.gamma(2.0, 22_000.0, n)
    state["soc"] = rng.uniform(30, 95, n)
    state["plug_soc"] = rng.normal(use.plug_soc, 12, n).clip(8, 80)
    state["full_soc"] = rng.normal(use.full_soc, 5, n).clip(80, 99.5)
    state["insulation_kohm"] = rng.integers(1500, 20_000, n)
    state["ohm_ratio"] = rng.normal(1.15, 0.12, n).clip(0.95, 1.6)
    state["microclimate_degc"] = rng.normal(0, 1.5, n)
    state["pattern"] = rng.integers(0, _PATTERNS, n)
    state["place"] = rng.integers(0, 512, n)
    return state


def _figures(model: Model, use: Use) -> tuple[float, ...]:
    """Return the model's figures in the order that the kernels read them."""
    return (
        model.mass_kg, model.drag_m2, model.motor_kw, model.capacity_ah * model.packs,
        model.cell_mohm / model.packs, float(model.cells), float(model.packs), model.fast_kw,
        model.slow_kw, use.fast_share, use.cruise_kmh,
    )  # fmt: skip


def _hourly(shares: Sequence[float], at_s: float) -> float:
    hour = (at_s + BEIJING_OFFSET_S) % _DAY_S / 3600
    low = int(hour) % 24
    return shares[low] + (shares[(low + 1) % 24] - shares[low]) * (hour - int(hour))


def _ambient_degc(at_s: float) -> float:
    """Outdoor temperature of a basin city: mean 18, warmest in late July and at 15 h."""
    year = cos(2 * pi * (at_s / _DAY_S - 205) / 365.2425)
    day = cos(2 * pi * ((at_s + BEIJING_OFFSET_S) / _DAY_S - 15 / 24))
    return 18 + 11 * year + 4 * day


@lru_cache(maxsize=8)
def _tables(seed: int) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
    """Draw static imbalance [1/8 mV], resistance share [1/1024] and noise [1/8 mV] once a seed.

    A vehicle reads them from a row and a place of its own, so 800,000 vehicles need 2 MB.
    """
    rng = np.random.Generator(np.random.SFC64([seed, 99]))
    shape = (_PATTERNS, _PATTERN_WIDTH)
    return (
        rng.normal(0, 26, shape).clip(-120, 120).astype(np.int8),
        rng.normal(0, 42, shape).clip(-120, 120).astype(np.int8),
        rng.normal(0, 6, _NOISE_LENGTH + _PATTERN_WIDTH).clip(-40, 40).astype(np.int8),
    )


# Kernels ----------------------------------------------------------------------------------------
@njit(cache=True, nogil=True)
def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@njit(cache=True, nogil=True)
def _change_phase(
    s: Any, draw: Any, noise: float, chances: Any, figures: Any, step_s: float
) -> None:
    """Start and end trips and charges; the chances make the share on the road follow the hour."""
    stop, start, plug, leave = chances
    fast_kw, slow_kw, fast_share, cruise_kmh = figures[7:]
    if s.phase == DRIVING:
        if draw[0] < stop or s.soc < 7:
            s.phase = PARKED
    elif s.phase == CHARGING:
        if s.soc >= s.full_soc:
            s.phase = FULL
    elif draw[0] < start and s.soc > 15:
        s.phase = DRIVING
        s.cruise_kmh = _clip(cruise_kmh + 9 * noise, 10.0, 95.0)
    elif s.phase == FULL:
        if draw[1] < leave:
            s.phase = PARKED
    elif s.soc < s.plug_soc and draw[1] < plug:
        s.phase = CHARGING
        fast = draw[2] < fast_share
        s.charger_kw = fast_kw * (0.45 + 0.55 * draw[0]) if fast else slow_kw
    s.still_s = s.still_s + step_s if s.phase == PARKED else 0.0


@njit(cache=True, nogil=True)
def _drive(s: Any, noise: float, figures: Any, step_s: float, keep: float, spread: float) -> None:
    """Let speed wander about the trip's mean (40 s memory, with stops), move, weigh the power."""
    mass_kg, drag_m2, motor_kw = figures[0], figures[1], figures[2]
    before = s.speed_kmh
    speed = s.cruise_kmh + (before - s.cruise_kmh) * keep + s.cruise_kmh * spread * noise
    s.speed_kmh = _clip(speed, 0.0, 118.0)
    metres_s = s.speed_kmh / 3.6
    gain = _clip((s.speed_kmh - before) / 3.6 / max(step_s, 3.0), -1.8, 1.8)
    newton = mass_kg * (9.81 * 0.0085 + gain) + 0.6 * drag_m2 * metres_s * metres_s
    kw = newton * metres_s * 1e-3
    kw = _clip(kw * 1.12 if kw > 0 else kw * 0.6, -0.3 * motor_kw, motor_kw)
    s.power_kw = kw + 0.4 + mass_kg / 9000
    distance_km = s.speed_kmh * step_s / 3600
    s.odometer_km = min(s.odometer_km + distance_km, 999_999.0)
    s.heading += noise * 0.25 * min(sqrt(step_s / 10), 3.0)
    dx, dy = cos(s.heading) * distance_km, sin(s.heading) * distance_km
    is_far = s.x_km * s.x_km + s.y_km * s.y_km > s.reach_km * s.reach_km
    if is_far and s.x_km * dx + s.y_km * dy > 0:
        dx, dy, s.heading = -dx, -dy, s.heading + pi
    s.x_km += _clip(dx, -s.reach_km, s.reach_km)
    s.y_km += _clip(dy, -s.reach_km, s.reach_km)


@njit(cache=True, nogil=True)
def _flow(s: Any, figures: Any, ocv_mv: Any, step_s: float, ambient: float, follow: float) -> None:
    """Solve U*I - R*I^2 = P for the current, count the charge, and let the pack warm up."""
    full_ah, cell_mohm, cells = figures[3], figures[4], figures[5]
    watts = s.power_kw * 1e3
    if s.phase == CHARGING:
        watts = -1e3 * s.charger_kw * _clip((103 - s.soc) * 0.05, 0.08, 1.0)
    low = min(int(s.soc * 0.1), 9)
    open_mv = ocv_mv[low] + (ocv_mv[low + 1] - ocv_mv[low]) * (s.soc * 0.1 - low)
    volts = open_mv * cells * 1e-3
    ohm = s.ohm_ratio * cell_mohm * cells * 1e-3
    root = sqrt(max(volts * volts - 4 * ohm * watts, 0.25 * volts * volts))
    limit = min(full_ah * 3.0, 950.0)
    s.current_a = _clip((volts - root) / (2 * ohm), -limit, limit)
    s.soc = _clip(s.soc - s.current_a * step_s / (full_ah * 36), 1.0, 100.0)
    s.drop_mv = s.current_a * s.ohm_ratio * cell_mohm
    s.mean_mv = open_mv - s.drop_mv
    rate = s.current_a / full_ah
    aim = ambient + s.microclimate_degc + 2 + 14 * min(rate * rate, 1.5)
    s.temp_degc += (aim + 4 * (s.phase != PARKED) - s.temp_degc) * follow


@njit(cache=True, nogil=True)
def _report(s: Any, row: Any, figures: Any) -> None:
    """Write the signals in the order of SIGNALS."""
    motor_kw, cells, packs = figures[2], figures[5], figures[6]
    driving, kw = s.phase == DRIVING, s.power_kw
    rpm = s.speed_kmh * 95
    row[0] = 1 if driving else 2
    row[1] = 1 if s.phase == CHARGING else (4 if s.phase == FULL else 3)
    row[2], row[3] = s.speed_kmh, s.odometer_km
    row[4], row[5], row[6] = s.mean_mv * cells * 1e-3, s.current_a, s.current_a / packs
    row[7] = s.soc
    row[8] = 2 if s.phase == PARKED else 1
    row[9] = (0x1E if kw < 0 else 0x2E) if driving else 0x0F
    row[10] = s.insulation_kohm
    row[11] = _clip(kw * 100 / motor_kw, 0.0, 100.0) if driving else 0.0
    row[12] = 101.0 if driving and kw < -2 else 0.0
    row[13] = s.seat_lon + s.x_km / (111.32 * cos(s.seat_lat * (pi / 180)))
    row[14] = s.seat_lat + s.y_km / 110.57
    low = s.soc < 10
    row[15], row[16] = (1.0, 16.0) if low else (0.0, 0.0)  # bit 4: state of charge low
    row[17] = (2 if kw < 0 else 1) if driving else 3
    row[18] = rpm
    row[19] = _clip(9549 * kw / max(rpm, 300.0), -1900.0, 1900.0) if driving else 0.0
    row[20] = s.temp_degc + (12 + abs(kw) * 0.1 if driving else 0.0)
    row[21] = s.temp_degc + (8 + abs(kw) * 0.06 if driving else 0.0)
    row[22] = s.current_a if driving else 0.0


@njit(cache=True, nogil=True)
def _step(
    state: Any, signals: Any, draws: Any, noise: Any, chances: Any, ocv_mv: Any, figures: Any,
    step_s: float, ambient_degc: float,
) -> None:  # fmt: skip
    """Move each vehicle on by one step and write what it reports."""
    keep = np.exp(-step_s / 40.0)
    spread = 0.62 * sqrt(1 - keep * keep)
    follow = -expm1(-step_s / 7200.0)
    for i in range(len(state)):
        s = state[i]
        _change_phase(s, draws[i], noise[i], chances, figures, step_s)
        if s.phase == DRIVING:
            _drive(s, noise[i], figures, step_s, keep, spread)
        else:
            s.speed_kmh = s.power_kw = 0.0
        _flow(s, figures, ocv_mv, step_s, ambient_degc, follow)
        _report(s, signals[i], figures)


@njit(cache=True, nogil=True)
def _fill_cells(cells: Any, state: Any, noise_at: Any, tables: Any, step_mv: int) -> None:
    """Write every cell [mV]: mean + static + its resistance's share of the drop + noise."""
    static, resistance, hiss = tables
    for i in range(len(cells)):
        s, at = state[i], noise_at[i]
        row, start = int(s.pattern), int(s.place)
        mean = np.int32(s.mean_mv * 8 + 4)
        drop = np.int32(s.drop_mv * 8)
        own, ohmic, noise, line = static[row, start:], resistance[row, start:], hiss[at:], cells[i]
        for j in range(len(line)):
            value = mean + np.int32(own[j]) + np.int32(noise[j])
            value -= (np.int32(ohmic[j]) * drop) >> np.int32(10)
            line[j] = value >> np.int32(3)
        if step_mv > 1:
            for j in range(len(line)):
                line[j] = (line[j] + step_mv // 2) // step_mv * step_mv


@njit(cache=True, nogil=True)
def _fill_temps(temps: Any, state: Any, noise_at: Any, tables: Any, full_ah: float) -> None:
    """Write every probe [degC]: mean plus its place in the pack, wider under load."""
    static, _, hiss = tables
    for i in range(len(temps)):
        s, at = state[i], noise_at[i]
        row, start = (int(s.pattern) + 1) % static.shape[0], int(s.place)
        mean = np.int32(s.temp_degc * 64 + 32)
        wide = np.int32(64 + 64 * min(abs(s.current_a) / full_ah, 1.5))
        own, noise, line = static[row, start:], hiss[at:], temps[i]
        for j in range(len(line)):
            spread = (np.int32(own[j]) * wide) >> np.int32(6)
            line[j] = (mean + spread + np.int32(noise[j])) >> np.int32(6)
