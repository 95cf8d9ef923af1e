"""When simulated machines may work: shifts, breaks and maintenance of the plant's calendars."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from millbrain.core.plant.plant import Plant
from millbrain.run.plant.machine import Machine

_AHEAD_S: Final = 14 * 86_400.0
_BREAK_S_MAX: Final = 2 * 3600.0  # a longer pause is no break: machines are switched off


@dataclass(slots=True)
class Gate:
    """Machines that work at the same times. edges: from when what holds: "" = work, or a reason."""

    plant: Plant
    machines: list[Machine] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def closed(self, at_s: float) -> str:
        """Return why nobody works at an instant [s since 1970], empty where they do."""
        if not self.edges or at_s >= self.edges[-1]:
            self._look_ahead(at_s)
        return self.reasons[bisect_right(self.edges, at_s) - 1]

    def next_edge(self, at_s: float) -> float:
        """Return the next instant [s since 1970] at which that changes, or is looked up again."""
        self.closed(at_s)
        return self.edges[bisect_right(self.edges, at_s)]

    def _look_ahead(self, at_s: float) -> None:
        start, end = round((at_s - 86_400) * 1000), round((at_s + _AHEAD_S) * 1000)
        unit = self.machines[0].unit.id
        work = (self.plant.busy(unit, start, end) / 1000).tolist()
        stops = (self.plant.maintained(unit, start, end) / 1000).tolist()
        self.edges, self.reasons = [start / 1000], [""]
        edge = start / 1000
        for begin, finish in work:
            self._pause(edge, begin, stops)
            self._add(begin, "")
            edge = finish
        self._pause(edge, end / 1000, stops)
        self._add(end / 1000, self.reasons[-1])

    def _pause(self, begin: float, end: float, stops: Sequence[Sequence[float]]) -> None:
        if end <= begin:
            return
        for stop_begin, stop_end in stops:
            first, last = max(begin, stop_begin), min(end, stop_end)
            if first < last:
                self._off(begin, first)
                self._add(first, "P-MAINT")
                begin = last
        self._off(begin, end)

    def _off(self, begin: float, end: float) -> None:
        if end > begin:
            self._add(begin, "P-BREAK" if end - begin <= _BREAK_S_MAX else "P-OFF")

    def _add(self, at_s: float, reason: str) -> None:
        if at_s == self.edges[-1]:
            self.reasons[-1] = reason
        else:
            self.edges.append(at_s)
            self.reasons.append(reason)


def gates_of(plant: Plant, machines: Sequence[Machine], at_s: float) -> list[Gate]:
    """Return the gates of some machines: one for each calendar with the same maintenance."""
    found: dict[tuple[str, ...], Gate] = {}
    for machine in machines:
        above = {n.id for n in plant.path(machine.unit.id)}
        plans = [str(n) for n, m in enumerate(plant.maintenance) if above & set(m.nodes)]
        key = (plant.calendar_of(machine.unit.id).key, *plans)
        found.setdefault(key, Gate(plant)).machines.append(machine)
    for gate in found.values():
        gate.closed(at_s)
    return list(found.values())
