"""The hand of the effectiveness room: the engine starts it and shows it every batch."""

from collections.abc import Mapping
from typing import Any

from millbrain.analyse.effectiveness.follower import Follower
from millbrain.core.columns import Columns
from millbrain.core.findings import Verdict
from millbrain.core.rooms import Ground


class Effectiveness:
    """The running app; see `core.rooms.Watching`."""

    def __init__(self, ground: Ground) -> None:
        self._follower = Follower(ground)

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Look at a batch that is on its way to the disk."""
        self._follower.take(batch, tables)

    def verdict(self, finding_key: str, since: int) -> Verdict | None:
        """Return None: no repair is followed up here, findings end by themselves."""
        del finding_key, since
        return None

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        return self._follower.status()

    def stop(self) -> None:
        """End the thread."""
        self._follower.stop()


def start(ground: Ground) -> Effectiveness:
    """Start the app on its ground."""
    return Effectiveness(ground)
