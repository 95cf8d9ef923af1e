"""A trial: a simulated vehicle from its reports to the first call-out, day by day as in service."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.days import days_of
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.sudden import Heat
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.model import Rules
from millbrain.analyse.battery.simulator import wrongs
from millbrain.analyse.battery.simulator.days import FIRST_AT, critical_day
from millbrain.analyse.battery.simulator.faults import HEALTHY, Fault
from millbrain.analyse.battery.simulator.reports import reports
from millbrain.analyse.battery.simulator.vehicle import Vehicle
from millbrain.core.findings import Finding
from millbrain.core.times import BEIJING_OFFSET_S

FIRST_DAY: Final = (FIRST_AT + BEIJING_OFFSET_S) // 86_400


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one vehicle.

    calls: the first call-out of each kind and cell with the day on which it was made, in order.
    watched: kinds and cells that were found but not called. critical_day: first day on which the
    fault is critical, NaN = never in the time. observed: days with reports enough to count. All
    days from 0.
    """

    vehicle: Vehicle
    fault: Fault
    calls: tuple[tuple[int, Finding], ...]
    watched: tuple[tuple[str, int], ...]
    critical_day: float
    observed: int

    @property
    def hits(self) -> list[tuple[int, Finding]]:
        """The call-outs that name the faulty part from its onset on, whatever the kind."""
        cells = {self.fault.cell + 1}
        if self.fault.how == "mirror":
            cells.add(self.fault.cell + 2)
        if self.fault.kind in WHOLE:
            cells = {0}
        return [
            (day, f)
            for day, f in self.calls
            if self.fault.kind and f.cell_no in cells and day >= self.fault.onset_day
        ]

    @property
    def false(self) -> list[tuple[int, Finding]]:
        """The call-outs that name anything else."""
        hits = {id(f) for _, f in self.hits}
        return [call for call in self.calls if id(call[1]) not in hits]


WHOLE: Final = (model.INSULATION, model.THERMAL, model.STRATEGY)


def trial(vehicle: Vehicle, days: int, step_s: float, rules: Rules, fault: Fault = HEALTHY,
          every: int = 1) -> Trial:  # fmt: skip
    """Run one vehicle.

    every: judge on each `every`-th day only. A case stays open for at least `days_min` days, so
    that no call-out is passed over where `every` is no more than that.
    """
    columns = reports(vehicle, days, step_s, fault)
    batch = pack_reports(columns)
    sums = Sums(rules.rest_a, rules.leak_ohm_per_v)
    sums.watch(batch)
    calls: dict[tuple[str, int], tuple[int, Finding]] = {}
    watched: set[tuple[str, int]] = set()
    for found in Heat().watch(batch, rules):
        day = (found.last_seen + BEIJING_OFFSET_S) // 86_400 - FIRST_DAY
        calls.setdefault((found.kind, found.cell_no), (day, found))
    observed, counts = 0, wrongs.events(vehicle, fault, days, FIRST_DAY)
    for pack in days_of(sums.slots()):
        observed += int(np.count_nonzero(pack.reports >= rules.reports_min))
        for count in range(rules.days_min, len(pack.day) + 1, every):
            for found in judge(pack.taken(np.arange(count)), rules, None, counts):
                key = found.kind, found.cell_no
                if found.call_out:
                    calls.setdefault(key, (int(pack.day[count - 1] - FIRST_DAY), found))
                else:
                    watched.add(key)
    ordered = tuple(sorted(calls.values(), key=lambda c: c[0]))
    return Trial(vehicle, fault, ordered, tuple(sorted(watched - calls.keys())),
                 critical_day(vehicle, fault, days), observed)  # fmt: skip
