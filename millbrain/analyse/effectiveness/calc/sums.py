"""Parts to elements, and planned time to losses: sums first, ratios last."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from millbrain.analyse.effectiveness.calc.parts import Parts
from millbrain.analyse.effectiveness.indicators import ELEMENTS, HOUR_MS

GOOD: Final = "good"  # time that the good pieces take at nameplate
QUALITY: Final = "quality"  # the same of scrap and rework
SPEED: Final = "speed"  # producing for longer than the pieces take at nameplate
MICRO: Final = "micro"  # stops shorter than the limit


def sums_of(parts: Sequence[Parts]) -> dict[str, float]:
    """Return every element of some parts: times in hours, pieces, energy in kWh."""
    found = {}
    for element in ELEMENTS:
        total = 0.0
        for part in parts:
            total += float(element.measure(part)[element.select(part.state, part.busy)].sum())
        found[element.key] = total / HOUR_MS if element.unit == "h" else total
    return found


def losses_of(parts: Sequence[Parts]) -> dict[tuple[str, int], float]:
    """Return what became of planned busy time [ms] by (loss, code of reason); they add up to it.

    The losses are the names above, or a state as `state 4` with its reason. Producing faster than
    the nameplate makes a speed loss below 0. NaN where a nameplate is not known.
    """
    found: dict[tuple[str, int], float] = {}

    def add(loss: str, reason: int, time_ms: float) -> None:
        found[loss, reason] = found.get((loss, reason), 0.0) + time_ms

    for part in parts:
        for k in np.flatnonzero(part.busy):
            ideal, good = float(part.ideal_ms[k]), float(part.ideal_good_ms[k])
            add(GOOD, 0, good)
            add(QUALITY, 0, ideal - good)
            add(SPEED, 0, -ideal)
            if part.state[k] == 1:
                add(SPEED, 0, float(part.time_ms[k]))
            else:
                rest = int(part.time_ms[k] - part.micro_ms[k])
                add(MICRO, int(part.reason[k]), int(part.micro_ms[k]))
                add(f"state {part.state[k]}", int(part.reason[k]), rest)
    return {key: time_ms for key, time_ms in found.items() if time_ms or np.isnan(time_ms)}
