"""What was found before and what is found now: one finding, told once, kept, and closed once.

A look at a pack says what is open today. Here it meets what was told of the pack before: a finding
keeps its first day although the window has moved on, and one whose evidence has gone is closed.
Late reports, clocks that jump and looks at the same days again lead to the same key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.sudden import THERMAL_BIT, THERMAL_LEVEL
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Finding
from millbrain.core.times import BEIJING_OFFSET_S, beijing_day

# Found otherwise than by looking at the days of a pack; they are closed by others.
_ELSEWHERE: Final = frozenset({model.THERMAL, model.STRATEGY, model.HEAT})


def told(days: PackDays, rules: Rules) -> bool:
    """Whether there are enough days in the window for a fault that is not found to be gone."""
    recent = days.day > days.day[-1] - rules.window_days
    return int(np.count_nonzero(recent & (days.reports >= rules.reports_min))) >= rules.days_min


def current(packs: Sequence[PackDays], rules: Rules) -> list[PackDays]:
    """Return of each pack number the days of the pack that is in the vehicle now.

    Where the number of cells changed (a swap), that is the one observed last.
    """
    newest: dict[int, tuple[int, int, PackDays]] = {}
    for days in packs:
        seen = days.day[days.reports >= rules.reports_min]
        rank = (int(seen[-1]) if len(seen) else -1, int(days.day[-1]), days)
        if days.pack_no not in newest or rank[:2] > newest[days.pack_no][:2]:
            newest[days.pack_no] = rank
    return [days for _, _, days in newest.values()]


def changed(known: Iterable[Finding], found: Sequence[Finding], days: PackDays,
            rules: Rules) -> list[Finding]:  # fmt: skip
    """Return the findings of a pack that are new, different, or gone.

    known: newest versions of what was told of the vehicle. found: what is open in `days`.
    """
    before = {f.key: f for f in known if f.pack_no == days.pack_no and f.kind not in _ELSEWHERE}
    now = {f.key: _kept(before.get(f.key), f) for f in found}
    gone = [
        replace(f, is_open=False)
        for f in before.values()
        if f.is_open and f.key not in now and told(days, rules)
    ]
    return [f for f in now.values() if f != before.get(f.key)] + gone


def _kept(before: Finding | None, now: Finding) -> Finding:
    """Keep the first day of a finding that never closed, or whose evidence reaches back to it."""
    if before is None or not (before.is_open or now.first_seen <= before.last_seen):
        return now
    first_seen = min(before.first_seen, now.first_seen)
    told, meant = beijing_day(now.first_seen), beijing_day(first_seen)
    return replace(
        now,
        first_seen=first_seen,
        sentence=now.sentence.replace(told, meant),
        sentence_zh=now.sentence_zh.replace(told, meant),
    )


def cooled(known: Iterable[Finding], packs: Sequence[PackDays], rules: Rules) -> list[Finding]:
    """Return thermal findings as closed, after `days_min` observed days without such an alarm."""
    gone = []
    for finding in known:
        if finding.kind != model.THERMAL or not finding.is_open:
            continue
        since = (finding.last_seen + BEIJING_OFFSET_S) // 86_400
        clear = {
            int(day)
            for days in packs
            for day in days.day[(days.day > since) & (days.reports >= rules.reports_min)]
        }
        hot = {
            int(day)
            for days in packs
            for day in days.day[(days.flags & THERMAL_BIT != 0) | (days.level == THERMAL_LEVEL)]
        }
        if len(clear - hot) >= rules.days_min and not any(day > since for day in hot):
            gone.append(replace(finding, is_open=False))
    return gone


def joined(before: Finding | None, now: Finding) -> Finding:
    """Return two sights of one thermal event as one: its first and last time, its newest words."""
    if before is None or not before.is_open:
        return now
    newest = now if now.last_seen >= before.last_seen else before
    return replace(newest, first_seen=min(before.first_seen, now.first_seen))
