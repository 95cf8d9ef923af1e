"""Telling hours: readings of some machines in, rows of `machine_hour` out."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from millbrain.analyse.effectiveness.calc.hours import MARGIN_MS, Told, told
from millbrain.analyse.effectiveness.calc.parts import Plan
from millbrain.analyse.effectiveness.findings import Standing
from millbrain.analyse.effectiveness.model import STATE_RULES, Machine, Rules
from millbrain.analyse.effectiveness.plans import Plans, machines_of
from millbrain.analyse.effectiveness.store import Store
from millbrain.analyse.effectiveness.touching import Span
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.states import STATE_SIGNAL
from millbrain.core.rooms import Ground

REFRESH_S: Final = 30.0  # pause between two looks at plants and register
ROWS_AT_ONCE: Final = (200_000, 1_000_000)  # readings held at once, about
RULED: Final = frozenset(rule.signal for rule in STATE_RULES)
PORTIONS: Final = (8, 4_096)  # hours of machines told at once


class Teller:
    """Tells spans. machines: by thing. standing: how each stood when it was told last.

    is_all: whether the things that it is told of are all there are; other machines are gone then.
    """

    def __init__(self, ground: Ground, store: Store, rules: Rules, *, is_all: bool = True) -> None:
        self._is_all = is_all
        self._ground = ground
        self._store = store
        self._rules = rules
        self._plans = Plans()
        self._refresh_at = 0.0
        self._doubted: set[str] = set()
        self.machines: dict[str, Machine] = {}
        self.standing: dict[str, Standing] = {}
        self.portion = 64

    def refresh(self, things: Iterable[str]) -> None:
        """Look at plants and register; the table of machines follows them."""
        if time.monotonic() < self._refresh_at and self.machines.keys() >= set(things):
            return
        plants = self._ground.plants()
        if not self.machines and self._is_all:  # plants do not change while we run
            self._store.write_reasons(_reasons(plants))
        found = machines_of(plants, self._ground.things(), things)
        changed = [m for thing, m in found.items() if m != self.machines.get(thing)]
        gone = self._store.stored_machines() - found.keys() if self._is_all else set()
        if changed or gone:
            self._store.write_machines(changed, gone)
        self.machines = found
        self._refresh_at = time.monotonic() + REFRESH_S

    def tell(self, span: Span, known: Mapping[str, Iterable[str]], now: int) -> int:
        """Tell a span and return how many rows were written."""
        self.refresh(known)
        as_of_ms, before = self._store.next_as_of_ms(), self._store.rows
        names = {thing: needed(known.get(thing, ())) for thing in span.machines}
        heard = self._store.heard(names, span.low, span.high, now)
        rows, standing = [], {}
        for thing in span.machines:
            machine = self.machines[thing]
            plan, shifts = self._plans.of(machine, span.low, span.high)
            one = told(machine, heard[thing], plan, span.low, span.high, now, self._rules)
            rows.append((thing, one, shifts))
            if span.low <= now < span.high:
                standing[thing] = standing_of(one, plan, now)
            elif thing in self.standing and self.standing[thing].since < span.high:
                self._doubted.add(thing)  # an hour in which it stood so is told anew
        self._pace(self._store.rows - before)
        written = self._store.write(rows, now, as_of_ms)
        self._stand(standing, span.low - MARGIN_MS)
        self._store.write_now({t: self.standing[t] for t in standing}, now, as_of_ms)
        return written

    def _stand(self, found: Mapping[str, Standing], edge: int) -> None:
        """Keep how machines stand; what stood so at the edge of the looking began before [ms]."""
        early = [thing for thing, new in found.items() if new.since <= edge]
        asked = [t for t in early if t in self._doubted or t not in self.standing
                 or self.standing[t].state != found[t].state]  # fmt: skip
        begun = self._store.since(asked, edge) if asked else {}
        begun |= {t: (self.standing[t].state, self.standing[t].since)
                  for t in set(early) - set(asked)}  # fmt: skip
        for thing, new in found.items():
            state, since = begun.get(thing, (new.state, new.since))
            is_known = state == new.state and since < new.since
            self.standing[thing] = replace(new, since=since) if is_known else new
        self._doubted -= found.keys()

    def _pace(self, rows: int) -> None:
        few, many = ROWS_AT_ONCE
        low, high = PORTIONS
        if rows > many:
            self.portion = max(low, self.portion // 2)
        elif rows < few:
            self.portion = min(high, self.portion * 2)


def standing_of(one: Told, plan: Plan, now: int) -> Standing:
    """Return how a machine stands by what was told of it up to now."""
    is_told = len(one.runs) > 0
    reason = one.reasons[one.runs.reason[-1]] if is_told else ""
    job = one.jobs[one.run_job[-1]] if is_told else ""
    return Standing(one.state, one.since, one.heard, busy_at(plan, now), reason, job)


def _reasons(plants: Iterable[Plant]) -> set[tuple[str, ...]]:
    return {
        (plant.key, r.code, r.title, r.title_zh, str(r.category), r.parent)
        for plant in plants
        for r in plant.reasons.values()
    }


def busy_at(plan: Plan, at: int) -> bool:
    """Whether work is planned at an instant [ms since 1970 UTC]."""
    place = int(np.searchsorted(plan.at, at, side="right")) - 1
    return place >= 0 and bool(plan.busy[place])


def needed(known: Iterable[str]) -> list[str]:
    """Return the signals that are read of a machine: those of the rules only without a state."""
    names = set(known)
    return sorted(names - RULED if STATE_SIGNAL in names else names)
