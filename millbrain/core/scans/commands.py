"""Commands to a station: what is written to a controller, how it answers, what became of it.

A command is kept before it is sent and never changes. Whoever carries it out, once or again after
a crash, sends the same values under the same id; a controller that holds a later command is not
written to. The interface is for a controller of any protocol.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from millbrain.core.errors import MillbrainError

TOLERANCE: Final = 1e-9  # relative: a controller may keep a number in another form


class ControllerError(MillbrainError):
    """A controller was not reached, or refused; whether it took a write is not known."""


class NotTakenError(ControllerError):
    """A controller does not take these values, and would not if they were sent again."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter of a machine. unit: symbol as people write it, '' = none."""

    name: str
    value: float | str
    unit: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {"name": self.name, "value": self.value, "unit": self.unit}

    def is_like(self, other: "Setting") -> bool:
        """Whether a controller that holds `other` holds this."""
        if self.name != other.name or self.unit != other.unit:
            return False
        if isinstance(self.value, str) or isinstance(other.value, str):
            return self.value == other.value
        return abs(self.value - other.value) <= TOLERANCE * max(1.0, abs(self.value))


@dataclass(frozen=True, slots=True)
class Command:
    """What a station is told to hold.

    id: that of the scan it comes from. number: order of commands of the installation; a controller
    refuses one that is older than what it holds. deadline: after it nothing is written any more.
    asked_by: account.
    """

    id: str
    number: int
    station: str
    settings: tuple[Setting, ...]
    deadline: datetime
    asked_by: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "id": self.id, "number": self.number, "station": self.station,
            "settings": [s.as_json() for s in self.settings],
            "deadline": self.deadline.isoformat(), "asked_by": self.asked_by,
        }  # fmt: skip

    @property
    def digest(self) -> str:
        """SHA-256 of the station and its values: the same values, the same digest."""
        told = [self.station, [s.as_json() for s in self.settings]]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Held:
    """What a controller holds. id, number: of the last command that it took, '' and 0 = none."""

    id: str
    number: int
    settings: tuple[Setting, ...]

    def differences(self, command: Command) -> list[str]:
        """Return the names of the settings of a command that it does not hold as they were sent."""
        held = {s.name: s for s in self.settings}
        return [s.name for s in command.settings
                if s.name not in held or not s.is_like(held[s.name])]  # fmt: skip


class Result(StrEnum):
    """What became of a command."""

    DONE = "done"  # written and read back
    DIFFERENT = "different"  # what was read back is not what was written
    OVERTAKEN = "overtaken"  # the controller holds a later command; nothing was written
    UNREACHED = "unreached"  # nobody knows whether the controller took it
    LATE = "late"  # its deadline passed before it was written
    REFUSED = "refused"  # the machine or its connection does not take these values


RESULTS: Final[Mapping[str, tuple[str, str]]] = {
    Result.DONE: ("written and read back", "已写入并回读一致"),
    Result.DIFFERENT: ("read back differs", "回读不一致"),
    Result.OVERTAKEN: ("overtaken by a later command", "已被后续指令取代"),
    Result.UNREACHED: ("controller not reached", "控制器无响应"),
    Result.LATE: ("deadline passed", "已超过时限"),
    Result.REFUSED: ("refused by the machine", "设备拒绝写入"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command. read_back: what the controller said it holds, at the end."""

    result: Result
    read_back: tuple[Setting, ...] = ()
    write_count: int = 0
    detail: str = ""


class Controller(Protocol):
    """A controller, reached in whatever protocol. Both may block, for seconds at most."""

    def read(self, station: str) -> Held:
        """Return what the station holds.

        Raises
        ------
        ControllerError
            It was not reached.
        """
        ...

    def write(self, command: Command) -> None:
        """Hand a command to its station, whole.

        Raises
        ------
        NotTakenError
            It does not take the values.
        ControllerError
            It was not reached, did not answer, or refused.
        """
        ...
