"""A machine over one planned hour: from its readings to OEE and its losses, in 30 lines."""

import numpy as np

from millbrain.analyse.effectiveness import indicators
from millbrain.analyse.effectiveness.calc.hours import Heard, Signal, told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.calc.sums import sums_of
from millbrain.analyse.effectiveness.model import Machine, Rules
from millbrain.analyse.effectiveness.plans import Plans

START: int = 1_700_000_000_000 // HOUR_MS * HOUR_MS


def example() -> dict[str, float]:
    """Return the indicators: 45 min producing, 10 min down, 5 min set-up; 80 good, 10 scrap."""
    minutes = START + 60_000 * np.arange(61)
    state = np.select([np.arange(61) < 45, np.arange(61) < 55], [1, 4], 3).astype(np.float64)
    good = np.minimum(np.arange(61) * 2, 80).astype(np.float64)
    scrap = np.clip(np.arange(61) - 35, 0, 10).astype(np.float64)
    quality = np.full(61, 192, np.uint8)
    signals = {
        name: Signal(minutes, values, (), quality)
        for name, values in (("machine_state", state), ("good_count", good), ("scrap_count", scrap))
    }
    machine, end = Machine("LATHE-1", cycle_s=27.0), START + HOUR_MS
    plan, _ = Plans().of(machine, START, end)
    hour = told(machine, Heard(minutes, signals), plan, START, end, end, Rules())
    return {key: float(value) for key, value in indicators.values(sums_of([hour.parts])).items()}


if __name__ == "__main__":
    for key, value in example().items():
        print(f"{indicators.BY_KEY[key].title}: {value:.1f} {indicators.BY_KEY[key].unit}")
