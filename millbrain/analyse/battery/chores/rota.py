"""The slower work in turn, each chore within its share of the analysis thread's spare time.

None of them holds anything that is not on disk: each begins from its mark and from what it finds
in the tables, and repeating a step writes nothing twice.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from millbrain.analyse.battery.chores.charge_watch import ChargeWatch
from millbrain.analyse.battery.chores.fleet import FleetChore
from millbrain.analyse.battery.chores.heat import HeatChore
from millbrain.analyse.battery.chores.marks import Marks
from millbrain.analyse.battery.model import StreamRules, chosen
from millbrain.core.rooms import Ground

_log = logging.getLogger(__name__)

IDLE_S: Final = 1.0  # where a chore had nothing to do
PAUSE_S: Final = 60.0  # after a fault


class Chore(Protocol):
    """One sort of work that is done step by step."""

    def step(self) -> bool:
        """Do what is due; False where nothing is."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is."""
        ...


@dataclass(slots=True)
class _Turn:
    """When a chore may go on (monotonic), the time it took, its faults."""

    chore: Chore
    rests_until_s: float = 0.0
    spent_s: float = 0.0
    longest_s: float = 0.0
    failures: int = 0
    last_error: str = ""


class Rota:
    """The chores. Used by one thread.

    newest: newest batch on disk at the first start ever; earlier ones are for the backfill.
    """

    def __init__(self, ground: Ground, newest: int) -> None:
        self._share_ratio = chosen(StreamRules, ground.parameters).chore_share_ratio
        marks = Marks(ground.facts)
        self._began_s = time.monotonic()
        self._turns: dict[str, _Turn] = {
            "heat": _Turn(HeatChore(ground)),
            "charges": _Turn(ChargeWatch(ground, marks, newest)),
            "fleet": _Turn(FleetChore(ground, marks)),
        }

    def step(self) -> bool:
        """Do one step of one chore whose turn it is; False where there is none."""
        now_s = time.monotonic()
        return any(now_s >= turn.rests_until_s and self._do(turn) for turn in self._turns.values())

    def _do(self, turn: _Turn) -> bool:
        """Do a step; a fault in one chore keeps neither the others nor the stream."""
        began_s = time.monotonic()
        try:
            did = turn.chore.step()
        except Exception as error:
            turn.failures += 1
            turn.last_error = f"{type(error).__name__}: {error}"
            _log.exception("battery: a chore failed; it is tried again in %d s", PAUSE_S)
            turn.rests_until_s = began_s + PAUSE_S
            return False
        now_s = time.monotonic()
        spent_s = now_s - began_s
        turn.spent_s += spent_s
        turn.longest_s = max(turn.longest_s, spent_s)
        turn.rests_until_s = now_s + max(spent_s / self._share_ratio, 0 if did else IDLE_S)
        return did

    def status(self) -> Mapping[str, Any]:
        """Describe each chore, the share of the time that it took, its troubles."""
        lived_s = max(time.monotonic() - self._began_s, 1e-9)
        return {
            name: {
                **turn.chore.status(), "share_ratio": round(turn.spent_s / lived_s, 4),
                "longest_s": round(turn.longest_s, 3), "failures": turn.failures,
                "last_error": turn.last_error,
            }
            for name, turn in self._turns.items()
        }  # fmt: skip
