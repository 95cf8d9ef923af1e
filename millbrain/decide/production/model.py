"""The rules of production: when a call is escalated, how often completion is projected."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from millbrain.core.production.andon import LEVEL_MAX
from millbrain.decide.production import ROOM


@dataclass(frozen=True, slots=True)
class ProductionRules:
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

    def rise_at(self, at: datetime, *, state: str, stops_line: bool, level: int) -> datetime | None:
        """Return when a call in a state is escalated next, None where nobody is above."""
        if level >= LEVEL_MAX or state == "solved":
            return None
        name = "resolve_min" if state == "acknowledged" else "acknowledge_min"
        minutes = self.values["stop_min" if stops_line and state == "raised" else name]
        return at + timedelta(minutes=minutes)

    @property
    def project_s(self) -> float:
        """Pause between two projections [s]."""
        return self.values["project_s"]
