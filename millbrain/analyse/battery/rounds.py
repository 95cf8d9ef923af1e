"""Looking at packs whose days have changed, some at a time, within a share of a thread's time.

What is looked at is on disk, and what is left to look at follows from the disk: a version of
`battery_day` later than the mark in `battery_progress`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.calc.days import PackDays, days_of
from millbrain.analyse.battery.calc.lived import lived
from millbrain.analyse.battery.calc.sums import Slot
from millbrain.analyse.battery.days_store import DaysStore, Stored
from millbrain.analyse.battery.model import Rules
from millbrain.core import finding_rows
from millbrain.core.findings import Finding
from millbrain.core.rooms import Facts

VEHICLES_AT_ONCE: Final = 100  # about 0.2 s, for which new batches wait


@dataclass(frozen=True, slots=True)
class _Due:
    """A vehicle to look at: as_of of its oldest version not looked at, first day among them."""

    as_of_ms: int
    day: int


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
        self._due: dict[str, _Due] = {}
        self._mark_ms = 0
        self._rests_until = 0.0

    def restore(self, mark_ms: int) -> None:
        """Take up what is on disk and was not looked at."""
        self._mark_ms = mark_ms
        written = self._store.written_after(mark_ms)
        self._due |= {vin: _Due(mark_ms + 1, day) for vin, day in written.items()}

    def add(self, days: Mapping[str, int], as_of_ms: int) -> None:
        """Note vehicles of which versions were written, each with the first day among them."""
        for vin, day in days.items():
            due = self._due.get(vin)
            self._due[vin] = _Due(due.as_of_ms, min(due.day, day)) if due else _Due(as_of_ms, day)
        self._mark_ms = max(self._mark_ms, as_of_ms)

    @property
    def judged_ms(self) -> int:
        """Every version of `battery_day` up to that instant was looked at [ms]."""
        return next(iter(self._due.values())).as_of_ms - 1 if self._due else self._mark_ms

    @property
    def waiting(self) -> int:
        """Vehicles that are due."""
        return len(self._due)

    def step(self) -> bool:
        """Look at the next vehicles if the time allows; False where there was nothing to do."""
        now = time.monotonic()
        if not self._due or now < self._rests_until:
            return False
        some = {vin: due.day for vin, due in islice(self._due.items(), VEHICLES_AT_ONCE)}
        self.look(some)
        for vin in some:
            self._due.pop(vin, None)
        spent = time.monotonic() - now
        self._rests_until = now + spent / self._share_ratio
        return True

    def look(self, days: Mapping[str, int]) -> None:
        """Look at vehicles, each from its first new day on, and report what has changed."""
        found = changes(self._facts, self._store, days, self._rules)
        self.looks += len(days)
        self.findings += len(found)
        if found:
            self._report(found)


def changes(facts: Facts, store: DaysStore, days: Mapping[str, int], rules: Rules) -> list[Finding]:
    """Return the findings of vehicles that are new, different or gone.

    days: vehicle -> first day that is new or has changed [days since 1970, Beijing time].
    """
    known = finding_rows.known(facts, APP, list(days))
    found: list[Finding] = []
    for group in _alike(days, rules.window_days):
        first = min(days[vin] for vin in group)
        packs = packs_of(store.around(group, first - rules.window_days))
        for vin in group:
            found += lived(packs.get(vin, []), known.get(vin, []), None, days[vin], rules)
    return found


def _alike(days: Mapping[str, int], span_days: int) -> list[list[str]]:
    """Group vehicles whose first new days are near, so that none reads far more than it needs."""
    groups: dict[int, list[str]] = {}
    for vin, day in days.items():
        groups.setdefault(day // span_days, []).append(vin)
    return list(groups.values())


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
