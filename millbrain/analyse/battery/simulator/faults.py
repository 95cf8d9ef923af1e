"""What may be wrong with a simulated vehicle, and from when on it would be dangerous.

Every fault has an onset and grows from there. `critical` is a physical state, the same for every
vehicle; the days between a call-out and the first critical day are the lead time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model

Floats = NDArray[np.float64]

# What one of severity 1 is, and what is critical.
CRITICAL: Final[Mapping[str, tuple[str, float]]] = {
    model.SELF_DISCHARGE: ("charge that the cell lacks [%]", 10.0),
    model.CAPACITY: ("capacity that the cell lacks [%]", 20.0),
    model.RESISTANCE: ("excess resistance times capacity [mOhm Ah], 2C makes 4 W/Ah", 100.0),
    model.CONNECTION: ("excess resistance [mOhm]: 20 W at 100 A", 2.0),
    model.SENSOR: ("none: a measurement heats nothing", np.inf),
    model.INSULATION: ("insulation [Ohm/V]: 30 mA through whoever touches both", 33.0),
    model.THERMAL: ("hottest probe [degC]", 80.0),
    model.STRATEGY: ("none: counted, not simulated as physics", np.inf),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one vehicle.

    kind: of `model.KINDS`. cell: index from 0. onset_day: first day. severity, growth_per_day: in
    the kind's own unit: leak [mA]; lacking capacity [%]; excess resistance [mOhm] for resistance
    and connection; offset [mV] or share of the reports for sensor; decades a day for insulation;
    rise [degC/min] for thermal; events a day for strategy. how: variant of a sensor fault (mirror,
    stuck, lost, offset) or of a strategy fault (kind of event).
    """

    kind: str
    cell: int
    onset_day: int
    severity: float
    growth_per_day: float = 0.0
    how: str = ""

    def course(self, days: int) -> Floats:
        """Return the severity on each day, 0 before the onset, shape (days,)."""
        since = np.arange(days) - self.onset_day
        return np.where(since >= 0, self.severity + self.growth_per_day * np.maximum(since, 0), 0.0)


HEALTHY: Final = Fault("", 0, 1 << 30, 0.0)


def drawn(kind: str, cells: int, capacity_ah: float, random: np.random.Generator) -> Fault:
    """Draw a fault, from mild to severe; onset from the 12th to the 30th day, capacity before."""
    cell, onset = int(random.integers(cells - 1)), int(random.integers(12, 30))

    def between(low: float, high: float) -> float:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))

    relative = 100 / capacity_ah  # small cells have more resistance, and a leak empties them sooner
    if kind == model.SELF_DISCHARGE:
        # 0.15 to 1.2 % of the capacity a day: a soft internal short circuit.
        return Fault(kind, cell, onset, between(0.15, 1.2) / 100 * capacity_ah * 1_000 / 24,
                     between(0.01, 0.3) * capacity_ah / 100)  # fmt: skip
    if kind == model.CAPACITY:
        # No cell loses so much overnight: it has been low since before the record begins.
        return Fault(kind, cell, 0, between(6, 12), between(0.02, 0.1))
    if kind == model.RESISTANCE:
        return Fault(kind, cell, onset, between(0.5, 1.2) * relative,
                     between(0.002, 0.01) * relative)  # fmt: skip
    if kind == model.CONNECTION:
        return Fault(kind, cell, onset, between(0.4, 1.5) * relative,
                     between(0.005, 0.04) * relative)  # fmt: skip
    if kind == model.SENSOR:
        how = str(random.choice(["mirror", "stuck", "lost", "offset"]))
        severity = {"mirror": between(50, 250), "stuck": 1.0, "lost": between(0.25, 1.0),
                    "offset": between(22, 80) * random.choice([-1, 1])}[how]  # fmt: skip
        return Fault(kind, cell, onset, float(severity), 0.0, how)
    if kind == model.INSULATION:
        return Fault(kind, 0, onset, between(0.02, 0.1), 0.0)
    if kind == model.THERMAL:
        return Fault(kind, cell, onset, between(8, 60), 0.0,
                     "own alarm" if random.random() < 0.6 else "rise only")  # fmt: skip
    how = str(random.choice(["soc_jump", "dcdc_off_driving", "hot_charge"]))
    return Fault(model.STRATEGY, 0, onset, between(0.7, 4), 0.0, how)
