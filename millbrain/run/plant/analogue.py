"""Process values of simulated machines, all machines at once: speeds, loads, heat, vibration.

What they show follows the state of the machine and its wear; chance lies on top. Every figure is
invented and only plausible for its kind of machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.plant.states import MachineState
from millbrain.run.plant.machine import Machine

Values = NDArray[np.float64]
_WARN_S: Final = 7200.0  # vibration grows in the last hours before a breakdown of the spindle


@dataclass(frozen=True, slots=True)
class Seen:
    """State of the machines that have a signal, as columns. wear: of the tool, 0 new to 1."""

    works: Values
    power_kw: Values
    wear: Values
    fail_in_s: Values
    speed: Values
    heat: Values
    torque: Values
    noise: Values
    at_s: float


def _speed(seen: Seen) -> Values:
    return seen.works * seen.speed * (1 + 0.002 * seen.noise)


def _load(seen: Seen) -> Values:
    return 2.5 + seen.works * (42 + 26 * seen.wear + 4 * seen.noise)


def _vibration(seen: Seen) -> Values:
    near = np.clip(1 - seen.fail_in_s / _WARN_S, 0, 1)
    rise = 0.9 + 1.3 * seen.wear + 2.6 * near + 0.12 * seen.noise
    felt: Values = np.maximum(0.12 + seen.works * rise, 0.02)
    return felt


def _coolant(seen: Seen) -> Values:
    daily = float(np.sin(2 * np.pi * seen.at_s / 86_400))
    return 22 + 2.5 * daily + 4 * seen.works + 0.2 * seen.noise


_FORMULAS: Final[dict[str, Callable[[Seen], Values]]] = {
    "power_kw": lambda s: np.maximum(s.power_kw * (1 + 0.04 * s.noise), 0),
    "spindle_speed_rpm": _speed,
    "spindle_load_pct": _load,
    "vibration_mmps": _vibration,
    "tool_life_pct": lambda s: 100 * (1 - s.wear),
    "coolant_temp_degc": _coolant,
    "chamber_temp_degc": lambda s: s.heat + 2.5 * s.noise,
    "carbon_pct": lambda s: 0.85 + 0.02 * s.noise,
    "leak_pressure_kpa": lambda s: s.works * (250 + 1.5 * s.noise),
    "torque_nm": lambda s: s.works * s.torque * (1 + 0.012 * s.noise),
    "angle_deg": lambda s: s.works * (90 + 2.2 * s.noise),
    "engine_speed_rpm": lambda s: s.works * (1500 + 12 * s.noise),
    "oil_pressure_kpa": lambda s: s.works * (320 + 4 * s.noise),
    "bead_width_mm": lambda s: s.works * (3.0 + 0.08 * s.noise),
}


class Analogue:
    """The process values of some machines; `seed` makes chance repeatable."""

    def __init__(self, machines: Sequence[Machine], seed: int) -> None:
        self._machines = machines
        self._random = np.random.default_rng(seed)
        self._having = {
            name: [m for m in machines if any(s.name == name for s in m.kind.signals)]
            for name in _FORMULAS
        }

    def values(self, at_s: float) -> dict[str, tuple[list[int], Values]]:
        """Return signal -> indices of the machines that have it, and its values now."""
        return {
            name: (
                [m.index for m in having],
                np.round(_FORMULAS[name](self._seen(having, at_s)), 3),
            )
            for name, having in self._having.items()
            if having
        }

    def _seen(self, machines: Sequence[Machine], at_s: float) -> Seen:
        def of(read: Callable[[Machine], float]) -> Values:
            return np.array([read(m) for m in machines], np.float64)

        return Seen(
            of(lambda m: float(m.state is MachineState.PRODUCING)),
            of(lambda m: m.power_kw()),
            of(lambda m: min(max(1 - m.tool_left / max(m.kind.behaviour.tool_life, 1), 0), 1)),
            of(lambda m: m.fail_in_s),
            of(lambda m: _number(m, "speed_set_rpm")),
            of(lambda m: _number(m, "temp_set_degc")),
            of(lambda m: _number(m, "torque_set_nm")),
            self._random.standard_normal(len(machines)),
            at_s,
        )


def _number(machine: Machine, name: str) -> float:
    value = machine.set_points.get(name, 0.0)
    return value if isinstance(value, float) else 0.0
