"""How far each chore is, in the table `battery_progress`; instants of versions only grow."""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from millbrain.analyse.battery.days_store import newest_ms
from millbrain.analyse.battery.tables import (
    BATTERY_CHARGE,
    BATTERY_EVENT,
    BATTERY_HEALTH,
    BATTERY_PROGRESS,
    FLEET_SUSPICION,
)
from millbrain.core.columns import Columns
from millbrain.core.rooms import Facts
from millbrain.core.tables import arrow_batch

CHARGES: Final = "charges"
FLEET: Final = "fleet"
_TABLES: Final = (
    BATTERY_CHARGE, BATTERY_HEALTH, BATTERY_EVENT, FLEET_SUSPICION, BATTERY_PROGRESS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """batch: newest batch that is in everything the chore wrote. at_ms: when it last ran."""

    batch: int
    at_ms: int


class Marks:
    """Reads and writes the marks. Used by one thread."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._as_of_ms = newest_ms(facts, _TABLES)

    def next_ms(self) -> int:
        """Return the clock, or a millisecond after the last answer where that is later [ms]."""
        self._as_of_ms = max(int(time.time() * 1000), self._as_of_ms + 1)
        return self._as_of_ms

    def read(self, task: str) -> Mark | None:
        """Return how far a chore is, None where it never ran here."""
        sql = (
            "SELECT batch, toUnixTimestamp64Milli(judged_at) AS at_ms FROM battery_progress FINAL "
            "WHERE task = {task:String}"
        )
        rows = self._facts.query(sql, {"task": task}).to_pylist()
        return Mark(rows[0]["batch"], rows[0]["at_ms"]) if rows else None

    def write(self, task: str, mark: Mark) -> None:
        """Store how far a chore is; on disk when this returns."""
        columns = Columns(1, {
            "task": np.array([task.encode()]),
            "batch": np.array([mark.batch], np.uint64),
            "judged_at": np.array([mark.at_ms], np.int64),
            "as_of": np.array([self.next_ms()], np.int64),
        })  # fmt: skip
        self._facts.insert(BATTERY_PROGRESS, arrow_batch(BATTERY_PROGRESS, columns))
