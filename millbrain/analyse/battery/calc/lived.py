"""Living through the days of a vehicle one after the other, as if each had been the newest.

Days may come in bulk: reissued after an outage, played from a recording, recomputed. What would
have been found on each of them is found all the same, so that a finding begins on its day and one
that came and went is told as closed, however late its days arrived.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.known import changed, cooled, current, joined
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Finding
from millbrain.core.times import BEIJING_OFFSET_S

_OF_OTHERS: Final = frozenset({model.STRATEGY, model.HEAT})


def lived(
    packs: Sequence[PackDays],
    stored: Sequence[Finding],
    thermal: Sequence[Finding] | None,
    since_day: int,
    rules: Rules,
) -> list[Finding]:
    """Live through the days from `since_day` on; return the findings that differ from those stored.

    Parameters
    ----------
    packs
        All days of the vehicle's packs, from a window before `since_day` on.
    stored
        Newest versions of what was told of the vehicle.
    thermal
        Thermal events of those days, found report by report; None = they are among those stored.
    since_day
        First day that is new or has changed, Beijing time [days since 1970].
    rules
        The limits.
    """
    since = since_day * 86_400 - BEIJING_OFFSET_S
    kept = _OF_OTHERS | ({model.THERMAL} if thermal is None else set())
    known = {f.key: f for f in stored if f.first_seen < since or f.kind in kept}
    days = np.unique(np.concatenate([np.zeros(0, np.int64), *(p.day for p in packs)]))
    for day in days[days >= since_day].tolist():
        for event in thermal or ():
            if (event.last_seen + BEIJING_OFFSET_S) // 86_400 == day:
                known[event.key] = joined(known.get(event.key), event)
        seen = [
            p.taken(np.flatnonzero((p.day <= day) & (p.day > day - rules.window_days)))
            for p in packs
        ]
        seen = [p for p in seen if len(p.day)]
        news: list[Finding] = []
        for pack in current(seen, rules):
            if pack.day[-1] == day:
                news += changed(known.values(), judge(pack, rules), pack, rules)
        known |= {f.key: f for f in [*news, *cooled(known.values(), seen, rules)]}
    before = {f.key: f for f in stored}
    fresh = [f for f in known.values() if f != before.get(f.key)]
    gone = [
        replace(f, is_open=False)
        for f in stored
        if f.is_open and f.first_seen >= since and f.key not in known
    ]
    return fresh + gone
