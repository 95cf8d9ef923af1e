"""The hand of the battery room: the engine starts it and shows it every batch."""

from collections.abc import Mapping
from typing import Any

from millbrain.analyse.battery.follower import Follower
from millbrain.core.columns import Columns
from millbrain.core.findings import Verdict
from millbrain.core.rooms import Ground


class Battery:
    """The running app; see `core.rooms.Watching`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._follower = Follower(ground)

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Look at a batch that is on its way to the disk."""
        self._follower.take(batch, tables)

    def verdict(self, finding_key: str, since: int) -> Verdict | None:
        """Return what became of a finding since a repair (device time [s]), None = not known."""
        return None

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        return self._follower.status()

    def stop(self) -> None:
        """Write what was seen and end the threads."""
        self._follower.stop()


def start(ground: Ground) -> Battery:
    """Start the app on its ground."""
    return Battery(ground)
