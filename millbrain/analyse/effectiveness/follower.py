"""The thread of the room: what came, which hours it touches, those hours told anew.

    intake -> take -> touches -> hours to tell -> their readings -> calc -> machine_hour

An hour is always told as a whole, from all readings that are on disk, so that late, doubled and
disordered data give what they would have given in order. Nothing that decides is held in memory:
`effectiveness_progress` says up to which commit every hour is complete, and what came after it is
looked up when the engine starts again.
"""

import logging
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

_log = logging.getLogger(__name__)

READING: Final = "reading"
COSTS_MIN: Final = 4  # telling takes at most a fifth of the time ...
WAIT_S_MAX: Final = 60.0  # ... but hours never wait longer than this
TICK_S: Final = 60.0  # pause between two looks at machines that bring nothing
PAUSE_S_MIN: Final = 1.0  # after a failure, doubled from one to the next ...
PAUSE_S_MAX: Final = 60.0  # ... up to this
STOP_S_MAX: Final = 10.0


class Follower:
    """Follows the intake. All but `take`, `status` and `stop` happens on its own thread."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._rules = chosen(ground.parameters)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._came: deque[tuple[int, Sequence[Touch]]] = deque()
        self._offered = ground.newest
        self.failures = self.hours = 0
        self.last_error = ""
        self.told_ms = 0
        self._store = Store(ground.facts)
        self._flushed = self._store.progress()
        self._touched = Touched(self._store, self._rules)
        self._teller = Teller(ground, self._store, self._rules)
        self._watch = Watch(ground, self._rules)
        self._is_open = False
        self._thread = threading.Thread(target=self._run, name="effectiveness", daemon=True)
        self._thread.start()

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

    def _run(self) -> None:
        pause_s, tick_at = PAUSE_S_MIN, 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if not self._is_open:
                    self._open()
                if began >= tick_at:
                    self._touched.tick(self._now())
                    tick_at = began + TICK_S
                self._step()
                pause_s = PAUSE_S_MIN
            except Exception as error:
                self.failures += 1
                self.last_error = f"{type(error).__name__}: {error}"
                _log.exception("effectiveness: a step failed; its hours are told again")
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, PAUSE_S_MAX)
            spent_s = time.monotonic() - began
            # Behind, half of the time is given to catching up.
            wait_s, costs = (0.0, 1) if self._touched.behind else (self._rules.flush_s, COSTS_MIN)
            self._stopping.wait(max(wait_s, min(costs * spent_s, WAIT_S_MAX)))

    def _step(self) -> None:
        """Tell what is touched, the newest hours first; progress once nothing is left."""
        upto = self._settled()
        now = self._now()
        self._touched.add(self._taken(upto), now)
        for span in self._touched.next(HOURS_AT_ONCE_MAX, self._teller.portion):
            if self._stopping.is_set():
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
        self._stopping.set()
        self._thread.join(STOP_S_MAX)

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        return {
            "is_alive": self._thread.is_alive(),
            "behind_batches": self._offered - (self._flushed or 0),
            "behind_hours": self._touched.behind,
            "machines": len(self._touched.known),
            "hours": self.hours,
            "told_at": self.told_ms / 1000,
            "failures": self.failures,
            "last_error": self.last_error,
            "clocks_ahead": sorted(self._touched.ahead)[:20],
        }
