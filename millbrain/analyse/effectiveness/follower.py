"""The thread of the room: what came, which hours it touches, those hours told anew.

    intake -> take -> touches -> hours to tell -> their readings -> calc -> machine_hour

An hour is always told as a whole, from all readings that are on disk, so that late, doubled and
disordered data give what they would have given in order. Nothing that decides is held in memory:
`effectiveness_progress` says up to which commit every hour is complete, and what came after it is
looked up when the engine starts again.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from millbrain.analyse.effectiveness.model import chosen
from millbrain.analyse.effectiveness.store import Store, Touch
from millbrain.analyse.effectiveness.telling import Teller
from millbrain.analyse.effectiveness.touching import HOURS_AT_ONCE_MAX, Touched, touches_of
from millbrain.analyse.effectiveness.watching import Watch
from millbrain.core.columns import Columns
from millbrain.core.rooms import Ground
from millbrain.hands.steps import Steps

READING: Final = "reading"
PORTIONS_AT_ONCE: Final = 4  # told between two looks at what came
COSTS_MIN: Final = 4  # telling takes at most a fifth of the time ...
WAIT_S_MAX: Final = 60.0  # ... but hours never wait longer than this
TICK_S: Final = 60.0  # pause between two looks at machines that bring nothing


class Follower:
    """Follows the intake. All but `take`, `status` and `stop` happens on its own thread."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._rules = chosen(ground.parameters)
        self._lock = threading.Lock()
        self._came: deque[tuple[int, Sequence[Touch]]] = deque()
        self._offered = ground.newest
        self.hours = 0
        self.told_ms = 0
        self._store = Store(ground.facts)
        self._flushed = self._store.progress()
        self._touched = Touched(self._store, self._rules)
        self._teller = Teller(ground, self._store, self._rules)
        self._watch = Watch(ground, self._rules)
        self._is_open = False
        self._tick_at = 0.0
        self.steps = Steps("effectiveness", self._step)
        self.steps.start()

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Note which machines and hours a batch touches."""
        columns = tables.get(READING)
        touches = touches_of(columns) if columns is not None and columns.rows else ()
        with self._lock:
            self._offered = max(self._offered, batch)
            if touches:
                self._came.append((batch, touches))

    def _open(self) -> None:
        """Begin from what is on disk."""
        newest = self._ground.newest
        if self._flushed is None:  # readings of before are for the backfill
            self._flushed = newest
            self._store.write_progress(newest)
        self._touched.open(self._now())
        if self._flushed < newest:
            self._touched.add(self._store.touched(self._flushed, newest), self._now())
        self._watch.open()
        self._flushed = max(self._flushed, newest)
        self._is_open = True

    def _step(self) -> float:
        """Do what is due and return the pause after it [s]."""
        began = time.monotonic()
        if not self._is_open:
            self._open()
        if began >= self._tick_at:
            self._touched.tick(self._now())
            self._tick_at = began + TICK_S
        self._tell()
        spent_s = time.monotonic() - began
        # Behind, half of the time is given to catching up.
        wait_s, costs = (0.0, 1) if self._touched.due else (self._rules.flush_s, COSTS_MIN)
        return max(wait_s, min(costs * spent_s, WAIT_S_MAX))

    def _tell(self) -> None:
        """Tell what is touched, the newest hours first; progress once nothing is left."""
        upto = self._settled()
        now = self._now()
        self._touched.add(self._taken(upto), now)
        self._touched.ripen(now)
        # At first it is not known how much one portion may hold; it grows with each span.
        most = min(HOURS_AT_ONCE_MAX, PORTIONS_AT_ONCE * self._teller.portion)
        for span in self._touched.next(most, self._teller.portion):
            if self.steps.stopping.is_set():
                return
            self.hours += self._teller.tell(span, self._touched.known, now)
            self._touched.done(span)
        self._watch.look(self._teller, now)
        if not self._touched.behind and upto > (self._flushed or 0):
            self._store.write_progress(upto)
            self._flushed = upto
        self.told_ms = now

    def _settled(self) -> int:
        """Return the newest batch that was offered and is on disk with all before it."""
        with self._lock:
            offered = self._offered
        return min(offered, self._ground.settled())

    def _taken(self, upto: int) -> list[Touch]:
        found: list[Touch] = []
        with self._lock:
            while self._came and self._came[0][0] <= upto:
                found += self._came.popleft()[1]
        return found

    @staticmethod
    def _now() -> int:
        return int(time.time() * 1000)

    def stop(self) -> None:
        """End the thread; what was not told is looked up at the next start."""
        self.steps.stop()

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        return {
            "behind_batches": self._offered - (self._flushed or 0),
            "behind_hours": self._touched.behind,
            "machines": len(self._touched.known),
            "hours": self.hours,
            "told_at": self.told_ms / 1000,
            **self.steps.status(),
            "clocks_ahead": sorted(self._touched.ahead)[:20],
        }
