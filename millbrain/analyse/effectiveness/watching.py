"""Findings told when they begin, when they change with a shift, and when they end."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from millbrain.analyse.effectiveness import indicators
from millbrain.analyse.effectiveness.findings import BY_SHIFT, LIVE, ShiftSums, by_shift, live
from millbrain.analyse.effectiveness.model import APP, Rules
from millbrain.analyse.effectiveness.parts_sql import PARTS, SUMS
from millbrain.analyse.effectiveness.store import text
from millbrain.analyse.effectiveness.telling import Teller
from millbrain.core import finding_rows
from millbrain.core.findings import Finding
from millbrain.core.rooms import Ground

SHIFTS_PERIOD_S: Final = 300.0  # pause between two looks at whole shifts
SETTLED_MS: Final = 600_000  # a shift counts once it has been over for so long
DAYS_BACK: Final = 21


class Watch:
    """Tells findings. One thread at a time."""

    def __init__(self, ground: Ground, rules: Rules) -> None:
        self._ground = ground
        self._rules = rules
        self._open: dict[tuple[str, str], Finding] = {}
        self._shifts_at = 0.0

    def open(self) -> None:
        """Learn which findings are open."""
        self._open = {(f.thing, f.kind): f
                      for f in finding_rows.still_open(self._ground.facts, APP)}  # fmt: skip

    def look(self, teller: Teller, now: int) -> None:
        """Report what began or ended since the last look."""
        found: list[Finding] = []
        for thing, standing in teller.standing.items():
            machine = teller.machines.get(thing)
            if machine is not None:
                holds = {f.kind: f for f in live(machine, standing, now // 1000, self._rules)}
                found += self._changes(thing, LIVE, holds, now)
        if time.monotonic() >= self._shifts_at:
            for thing, shifts in self._shifts(now).items():
                machine = teller.machines.get(thing)
                if machine is not None:
                    holds = {f.kind: f for f in by_shift(machine, shifts, self._rules)}
                    found += self._changes(thing, BY_SHIFT, holds, now)
            self._shifts_at = time.monotonic() + SHIFTS_PERIOD_S
        if found:
            self._ground.report(found)
            for finding in found:
                if finding.is_open:
                    self._open[finding.thing, finding.kind] = finding
                else:
                    self._open.pop((finding.thing, finding.kind), None)

    def _changes(
        self, thing: str, kinds: Sequence[str], holds: dict[str, Finding], now: int
    ) -> list[Finding]:
        found = []
        for kind in kinds:
            old, new = self._open.get((thing, kind)), holds.get(kind)
            if new is not None and (old is None or kind in BY_SHIFT):
                new = replace(new, first_seen=min(new.first_seen, old.first_seen)) if old else new
                if new != old:
                    found.append(new)
            elif old is not None and new is None:
                last = max(old.last_seen, now // 1000) if kind in LIVE else old.last_seen
                found.append(replace(old, is_open=False, last_seen=last))
        return found

    def _shifts(self, now: int) -> dict[str, list[ShiftSums]]:
        """Return the whole shifts of every machine, oldest first."""
        rows = self._ground.facts.query(_SHIFTS, {"now": now - SETTLED_MS, "days": DAYS_BACK})
        found: dict[str, list[ShiftSums]] = {}
        for row in rows.to_pylist():
            sums = {e.key: float(row[e.key]) for e in indicators.ELEMENTS}
            found.setdefault(text(row["machine"]), []).append(ShiftSums(
                str(row["day"]), text(row["shift"]), int(row["first"]), int(row["last"]), sums,
            ))  # fmt: skip
        return found


_SHIFTS: Final = f"""
    SELECT toString(machine) AS machine, part_day AS day, toString(part_shift) AS shift,
           toUnixTimestamp64Milli(min(hour_at)) DIV 1000 AS first,
           toUnixTimestamp64Milli(max(until_at)) DIV 1000 AS last,
           {SUMS}
    FROM ({PARTS}
          WHERE hour_at >= fromUnixTimestamp64Milli({{now:Int64}}, 'UTC')
                           - toIntervalDay({{days:UInt16}}))
    GROUP BY machine, day, shift
    HAVING last * 1000 < {{now:Int64}}
    ORDER BY machine, first"""
