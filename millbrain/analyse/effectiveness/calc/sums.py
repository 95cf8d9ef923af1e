"""Parts to elements, and planned time to losses: sums first, ratios last."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.parts import MEASURES, Parts
from millbrain.analyse.effectiveness.indicators import ELEMENTS, HOUR_MS
from millbrain.core.plant.states import MachineState

GOOD: Final = "good"  # time that the good pieces take at nameplate
QUALITY: Final = "quality"  # the same of scrap and rework
SPEED: Final = "speed"  # producing for longer than the pieces take at nameplate
MICRO: Final = "micro"  # stops shorter than the limit
_STATES: Final = len(MachineState)
_CELLS: Final = (  # state and planned time of each cell
    np.repeat(np.arange(_STATES), 2).astype(np.uint8), np.tile([0, 1], _STATES).astype(np.uint8)
)  # fmt: skip


def sums_of(parts: Sequence[Parts]) -> dict[str, float]:
    """Return every element of some parts: times in hours, pieces, energy in kWh."""
    return {key: float(each.sum()) for key, each in sums_each(parts).items()}


def sums_each(parts: Sequence[Parts]) -> dict[str, NDArray[np.float64]]:
    """Return every element of each batch of parts, shape (batches,)."""
    # Elements tell parts apart by state and planned time only: so few sums are made first.
    batch = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    state, busy = (_joined(parts, name).astype(np.int64) for name in ("state", "busy"))
    cell = (batch * _STATES + state) * 2 + busy
    size = len(parts) * _STATES * 2
    few = {n: np.bincount(cell, _joined(parts, n), size) for n in MEASURES}
    cells = SimpleNamespace(**few)
    cell_state, cell_busy = (np.tile(a, len(parts)) for a in _CELLS)
    found = {}
    for element in ELEMENTS:
        chosen = element.select(cell_state, cell_busy)
        sums = np.where(chosen, element.measure(cells), 0.0).reshape(len(parts), -1).sum(axis=1)
        found[element.key] = sums / HOUR_MS if element.unit == "h" else sums
    return found


def _joined(parts: Sequence[Parts], name: str) -> NDArray[Any]:
    empty: list[NDArray[Any]] = [np.zeros(0)]
    return np.concatenate([getattr(each, name) for each in parts] or empty)


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
