"""Parts to elements, and planned time to losses: sums first, ratios last."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.measures import MEASURES, Parts
from millbrain.analyse.effectiveness.indicators import ELEMENTS, HOUR_MS
from millbrain.core.plant.states import MachineState

GOOD: Final = "good"  # time that the good pieces take at nameplate
QUALITY: Final = "quality"  # the same of scrap and rework
SPEED: Final = "speed"  # producing for longer than the pieces take at nameplate
PRODUCING: Final = "producing"  # producing, where no nameplate is known that would divide it
MICRO: Final = "micro"  # stops shorter than the limit
# By the code of the state; producing is divided into those above.
LOSS_OF_STATE: Final = (
    "unknown", "", "idle", "setup", "down", "maintenance", "blocked", "starved",
)  # fmt: skip
_DIVIDED: Final = (
    "time_ms", "micro_ms", "starts_count", "micro_count", "ideal_ms", "ideal_good_ms"
)  # fmt: skip
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


@dataclass(slots=True)
class Lost:
    """What a loss took: time [ms], NaN nowhere, and how many stops began."""

    time_ms: float = 0.0
    stop_count: int = 0


def losses_of(parts: Sequence[Parts]) -> dict[tuple[str, int], Lost]:
    """Return what became of planned busy time by (loss, code of reason); it adds up to it.

    The losses are the names above. Producing faster than the nameplate makes a speed loss below 0.
    """
    found: dict[tuple[str, int], Lost] = defaultdict(Lost)
    for part in parts:
        for sums in _by_state(part):
            for loss, reason, time_ms, stop_count in _divided(*sums):
                lost = found[loss, reason]
                lost.time_ms += time_ms
                lost.stop_count += round(stop_count)
    return {key: lost for key, lost in found.items() if lost.time_ms or lost.stop_count}


def _by_state(parts: Parts) -> Iterator[tuple[Any, ...]]:
    """Yield state, reason and what is divided, summed over planned time."""
    rows = parts.busy > 0
    keys, place = np.unique(
        np.stack((parts.state[rows], parts.reason[rows])), axis=1, return_inverse=True
    )
    sums = [np.bincount(place.ravel(), getattr(parts, n)[rows], keys.shape[1]) for n in _DIVIDED]
    yield from zip(*keys.tolist(), *(each.tolist() for each in sums), strict=True)


def _divided(
    state: int, reason: int, time_ms: float, micro_ms: float, starts: float, micros: float,
    ideal_ms: float, good_ms: float,
) -> Iterator[tuple[str, int, float, float]]:  # fmt: skip
    """Yield what the time of one state became: loss, reason, time [ms], stops."""
    producing_ms = time_ms if state == MachineState.PRODUCING else 0
    if isfinite(ideal_ms):
        yield GOOD, 0, good_ms, 0
        yield QUALITY, 0, ideal_ms - good_ms, 0
        yield SPEED, 0, producing_ms - ideal_ms, 0
    else:
        yield PRODUCING, 0, producing_ms, 0
    yield MICRO, reason, micro_ms, micros
    if state != MachineState.PRODUCING:
        yield LOSS_OF_STATE[state], reason, time_ms - micro_ms, starts - micros
