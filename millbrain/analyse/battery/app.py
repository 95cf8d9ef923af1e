"""The hand of the battery room: the engine starts it and shows it every batch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from millbrain.analyse.battery.calc.known import current
from millbrain.analyse.battery.calc.verdict import verdict
from millbrain.analyse.battery.days_store import DaysStore
from millbrain.analyse.battery.follower import Follower
from millbrain.analyse.battery.held import today
from millbrain.analyse.battery.model import Rules, chosen
from millbrain.analyse.battery.rounds import packs_of
from millbrain.core.columns import Columns
from millbrain.core.findings import Verdict
from millbrain.core.rooms import Ground

BEFORE_DAYS: Final = 60  # days before a repair that are looked at: what the finding was


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
        thing, _, kind, pack, cell = finding_key.rsplit("|", 4)
        since_day = today(since) + 1  # the day of the repair itself is neither before nor after
        stored = DaysStore(self._ground.facts).around([thing], since_day - BEFORE_DAYS)
        rules = chosen(Rules, self._ground.parameters)
        packs = current(packs_of(stored).get(thing, []), rules)
        for days in packs:
            is_pack = days.pack_no == int(pack) or int(pack) == 0
            if is_pack and int(cell) <= days.deviation_mv.shape[1]:
                return replace(verdict(days, kind, int(cell), since_day, rules), key=finding_key)
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
