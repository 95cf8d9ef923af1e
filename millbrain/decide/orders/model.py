"""The rules of work orders: how long each step may take, and when a repair counts as proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from millbrain.core.findings import Severity
from millbrain.decide.orders import ROOM

# state -> the parameter that says how long it may last; what waits for data has days instead
STEP_HOURS: Final = {
    "raised": "dispatch_h",
    "rejected": "dispatch_h",
    "reopened": "accept_h",
    "dispatched": "accept_h",
    "accepted": "start_h",
    "in_progress": "repair_h",
}


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What an operator set, by the names of the room's parameters (`ROOM.parameters`)."""

    values: Mapping[str, float]

    @classmethod
    def of(cls, given: Mapping[str, float] | None = None) -> Self:
        """Return the rules with defaults for what is not given.

        Raises
        ------
        SettingsError
            A parameter is unknown or out of its range.
        """
        return cls(ROOM.chosen(given or {}))

    def step_s(self, state: str, severity: int) -> float:
        """Return how long a step may last [s]: of working time, or of clock time for danger."""
        name = STEP_HOURS[state]
        return 3600 * self.values[f"danger_{name}" if severity >= Severity.DANGER else name]

    def rise_s(self, severity: int) -> float:
        """Return the time between two escalations [s], of the same kind of time."""
        return 3600 * self.values["danger_rise_h" if severity >= Severity.DANGER else "rise_h"]

    @property
    def clean_days(self) -> int:
        """Clean days after which an order is closed."""
        return int(self.values["clean_days"])
