"""Looking at packs whose days have changed, some at a time, within a share of a thread's time.

What is looked at is on disk, and what is left to look at follows from the disk: a version of
`battery_day` later than the mark in `battery_progress`.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.calc.days import PackDays, days_of
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.known import changed, cooled, current
from millbrain.analyse.battery.calc.sums import Slot
from millbrain.analyse.battery.days_store import DaysStore, Stored
from millbrain.analyse.battery.model import Rules
from millbrain.core import finding_rows
from millbrain.core.findings import Finding
from millbrain.core.rooms import Facts

VEHICLES_AT_ONCE: Final = 100  # about 0.2 s, for which new batches wait


class Rounds:
    """The vehicles that are due, and the looks at them.

    Parameters
    ----------
    facts, store
        Where days and findings are read.
    report
        `Ground.report`.
    share_ratio
        Of the time that goes by, so much may be spent.
    """

    def __init__(
        self, facts: Facts, store: DaysStore, rules: Rules,
        report: Callable[[Sequence[Finding]], None], share_ratio: float,
    ) -> None:  # fmt: skip
        self.looks = self.findings = 0
        self._facts, self._store, self._rules = facts, store, rules
        self._report, self._share_ratio = report, share_ratio
        self._due: dict[str, int] = {}  # vehicle -> as_of of its oldest version not looked at
        self._mark_ms = 0
        self._rests_until = 0.0

    def restore(self, mark_ms: int) -> None:
        """Take up what is on disk and was not looked at."""
        self._mark_ms = mark_ms
        self._due |= dict.fromkeys(self._store.written_after(mark_ms), mark_ms + 1)

    def add(self, vins: Sequence[str], as_of_ms: int) -> None:
        """Note vehicles of which a version was written."""
        for vin in vins:
            self._due.setdefault(vin, as_of_ms)
        self._mark_ms = max(self._mark_ms, as_of_ms)

    @property
    def judged_ms(self) -> int:
        """Every version of `battery_day` up to that instant was looked at [ms]."""
        return next(iter(self._due.values())) - 1 if self._due else self._mark_ms

    @property
    def waiting(self) -> int:
        """Vehicles that are due."""
        return len(self._due)

    def step(self) -> bool:
        """Look at the next vehicles if the time allows; False where there was nothing to do."""
        now = time.monotonic()
        if not self._due or now < self._rests_until:
            return False
        vins = list(self._due)[:VEHICLES_AT_ONCE]
        self.look(vins)
        for vin in vins:
            self._due.pop(vin, None)
        spent = time.monotonic() - now
        self._rests_until = now + spent / self._share_ratio
        return True

    def look(self, vins: Sequence[str]) -> None:
        """Look at vehicles and report what has changed about them."""
        found = changes(self._facts, self._store, vins, self._rules)
        self.looks += len(vins)
        self.findings += len(found)
        if found:
            self._report(found)


def changes(facts: Facts, store: DaysStore, vins: Sequence[str], rules: Rules) -> list[Finding]:
    """Return the findings of vehicles that are new, different or gone."""
    packs = packs_of(store.window(vins, rules.window_days))
    known = finding_rows.known(facts, APP, vins)
    found: list[Finding] = []
    for vin in vins:
        before, own = known.get(vin, []), packs.get(vin, [])
        for days in current(own, rules):
            found += changed(before, judge(days, rules), days, rules)
        found += cooled(before, own, rules)
    return found


def packs_of(stored: Sequence[Stored]) -> dict[str, list[PackDays]]:
    """Return the days of each vehicle's packs."""
    slots: list[Slot] = []
    for part in stored:
        order = part.block.keys.argsort(order=("vin", "pack_no", "day"))
        slots += part.block.take(order).slots()
    packs: dict[str, list[PackDays]] = {}
    for days in days_of(slots):
        packs.setdefault(days.vin, []).append(days)
    return packs
