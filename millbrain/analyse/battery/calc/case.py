"""One case: what speaks against one cell, or against a whole pack, and the finding made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.runs import Runs
from millbrain.analyse.battery.calc.trends import Floats
from millbrain.analyse.battery.calc.words import sentence
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.times import beijing_day

APP: Final = "battery"
NO_WORDS: Final[Mapping[str, object]] = MappingProxyType({})
_NEWEST_DAYS: Final = 7  # a figure says how it stands now, not how it began


@dataclass(slots=True)
class Case:
    """What speaks against one cell: index from 0, the days looked at and its run in them."""

    cell: int
    runs: Runs
    days: PackDays
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, name: str, family: str, value: float, threshold: float, unit: str) -> None:
        """Add a piece of evidence, seen as long as the case is open; what is NaN is none."""
        if not np.isfinite(value):
            return
        self.evidence.append(
            Evidence(name, family, float(value), float(threshold), unit, self.since, self.until)
        )

    @property
    def since(self) -> int:
        """Device time of the first report of the run [s since 1970 UTC]."""
        return int(self.days.first_at[self.runs.opened[self.cell]])

    @property
    def until(self) -> int:
        """Device time of the last report of the run [s since 1970 UTC]."""
        return int(self.days.last_at[self.runs.last[self.cell]])

    @property
    def run(self) -> slice:
        """The days from the opening one to the last that counted, the newest seven of them."""
        return self.newest(_NEWEST_DAYS)

    @property
    def seen(self) -> int:
        """How many days have counted since it opened."""
        return int(self.runs.hits[self.cell])

    def newest(self, count: int) -> slice:
        """Return at most the newest `count` days of the run."""
        end = int(self.runs.last[self.cell]) + 1
        return slice(max(int(self.runs.opened[self.cell]), end - count), end)


def median(values: Floats) -> float:
    """Return the median of what is known, NaN where nothing is."""
    known = np.sort(values[np.isfinite(values)])  # `np.median` takes ten times as long for a few
    half = len(known) // 2
    if not half:
        return float(known[0]) if len(known) else float("nan")
    return float(known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2)


def finding(case: Case, rules: Rules, kind: str, value: float, unit: str, threshold: float, *,
            whole: bool = False, words: Mapping[str, object] = NO_WORDS) -> Finding:  # fmt: skip
    """Return the finding of a case; a call-out where enough families of evidence agree."""
    families = len({e.family for e in case.evidence})
    is_call = families >= rules.families_min and kind != model.DEVIATION
    english, chinese = sentence(
        kind, cell=case.cell + 1, pack=case.days.pack_no, mv=abs(value), mohm=value,
        since=beijing_day(case.since),
        **words,
    )  # fmt: skip
    return Finding(
        thing=case.days.vin, app=APP, kind=kind, pack_no=case.days.pack_no,
        cell_no=0 if whole else case.cell + 1, first_seen=case.since, last_seen=case.until,
        severity=Severity.SERVICE if is_call else Severity.WATCH, value=float(value), unit=unit,
        threshold=float(threshold), confidence=round(1 - 0.4**families, 3),
        evidence=tuple(case.evidence), sentence=english, sentence_zh=chinese, call_out=is_call,
    )  # fmt: skip
