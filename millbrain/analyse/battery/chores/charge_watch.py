"""The chore that counts charges: what is due, some vehicles at a time, the mark in the table."""

import time
from collections.abc import Mapping
from typing import Any, Final

from millbrain.analyse.battery.chores.counting import Counted, book_of, count, rated_of
from millbrain.analyse.battery.chores.due import Due
from millbrain.analyse.battery.chores.marks import CHARGES, Mark, Marks
from millbrain.analyse.battery.model import StreamRules, chosen
from millbrain.core.rooms import Ground

VEHICLES_AT_ONCE: Final = 20
ROWS_AT_ONCE: Final = 50_000  # about 0.3 s, for which new batches wait
SCAN_S: Final = 10.0  # between two looks for what is new
RENEW_S: Final = 60.0  # until the register is read again, then twice as long, up to an hour
RENEW_S_MAX: Final = 3_600.0
MARK_S: Final = 30.0  # what was looked at since the mark is looked at again after a crash


class ChargeWatch:
    """Counts the charges, health and events of vehicles that are due.

    newest: newest batch on disk at the first start ever; earlier ones are for the backfill.
    """

    def __init__(self, ground: Ground, marks: Marks, newest: int) -> None:
        self._ground, self._marks = ground, marks
        mark = marks.read(CHARGES)
        if mark is None:
            mark = Mark(newest, 0)
            marks.write(CHARGES, mark)
        rules = chosen(StreamRules, ground.parameters)
        rated = rated_of(ground.things())
        self._book = book_of(ground.parameters, rated)
        silence_s = float(self._book.charge.charge_silence_s)
        self._due = Due(ground.facts, mark.batch, rules.charge_wait_s, silence_s)
        self._mark, self._marked_s = mark.batch, time.monotonic()
        self._scan_at_s = 0.0
        self._renew_s = RENEW_S
        self._renew_at_s = time.monotonic() + RENEW_S
        self.looks = 0
        self.written = Counted(0, 0, 0)

    def step(self) -> bool:
        """Look at the next vehicles; False where nothing is due."""
        now_s = time.monotonic()
        if now_s >= self._renew_at_s:
            self._renew()
        if not self._due.ready and now_s >= self._scan_at_s:
            self._due.scan(self._ground.settled())
            self._scan_at_s = now_s + SCAN_S
        windows = self._due.next(VEHICLES_AT_ONCE, ROWS_AT_ONCE)
        if windows:
            self.written += count(
                self._ground.facts, windows, self._due.upto, self._book, self._marks.next_ms()
            )
            self.looks += len(windows)
            self._due.done(windows)
        if self._due.mark > self._mark and now_s - self._marked_s >= MARK_S:
            self._mark, self._marked_s = self._due.mark, now_s
            self._marks.write(CHARGES, Mark(self._mark, 0))
        return bool(windows)

    def _renew(self) -> None:
        """Read the register again: vehicles are entered after the start, too."""
        self._book = book_of(self._ground.parameters, rated_of(self._ground.things()))
        self._renew_s = min(2 * self._renew_s, RENEW_S_MAX)
        self._renew_at_s = time.monotonic() + self._renew_s

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is."""
        return {"waiting": len(self._due), "ready": self._due.ready, "looks": self.looks,
                "mark": self._due.mark, "charges": self.written.charges,
                "health": self.written.health, "events": self.written.events}  # fmt: skip
