"""The shop floor as events: pieces, set-ups, breakdowns, micro-stops, tools, shifts; seeded.

Time is simulated time [s since 1970]. Each machine has at most one event ahead; what changes is
kept as `Change` with its instant until somebody takes it. Reads no clock: `advance` is told.

    seek -> starved | set-up -> cycle -> (down, micro-stop ...) -> good, scrap or once more
                 ^------------------------- handed on or blocked <---------'
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.model import Node
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.states import MachineState as S
from millbrain.run.plant.gates import Gate, gates_of
from millbrain.run.plant.lines import (
    GAP_S,
    GAP_SHARE,
    SHORT_EVERY_S,
    SHORT_S,
    OpenOrder,
    OpenOrders,
    Stage,
    lines_of,
    works_of,
)
from millbrain.run.plant.machine import Lot, Machine, Skew, values

_MICRO: Final = ("M-JAM", "M-SENSOR", "M-CHIP", "M-DOOR")
_SCRAP: Final = {"inspection": ("Q-DIM", "Q-SURF", "Q-LEAK"), "assembly": ("Q-TORQUE", "Q-MAT"),
                 "testing": ("Q-TEST", "Q-LEAK"),
                 "heat-treatment": ("Q-HEAT", "Q-MAT")}  # fmt: skip
_SCRAP_ELSE: Final = ("Q-DIM", "Q-DIM", "Q-SURF", "Q-MAT")
_SECOND_RATIO: Final = 0.6  # time of a rework against a cycle


@dataclass(frozen=True, slots=True)
class Change:
    """A signal of a machine took a value at a simulated instant [s since 1970]."""

    at_s: float
    machine: int
    signal: str
    value: float | str


class Floor:
    """Some machines of a plant. units: which; empty = all that have data.

    orders: production orders that their lots may be.
    """

    def __init__(
        self, plant: Plant, start_s: float, seed: int = 1, units: Iterable[Node] = (),
        orders: Iterable[OpenOrder] = (),
    ) -> None:  # fmt: skip
        self.plant, self.now_s = plant, start_s
        self._random = Random(seed)
        chosen = list(units) or [u for u in plant.units() if u.digital]
        self.machines = [
            Machine(u, plant.classes[u.equipment_class], n, since_s=start_s)
            for n, u in enumerate(chosen)
        ]
        self.by_id = {m.unit.id: m for m in self.machines}
        self.lines = lines_of(plant, self.machines, self._random, OpenOrders(orders))
        self._line = {i: line for line in self.lines for i in line.place}
        self._works = [works_of(plant, m.unit) for m in self.machines]
        self.changes: list[Change] = []
        self._events: list[tuple[float, int, int, int, str]] = []
        self._number = 0
        self.gates = gates_of(plant, self.machines, start_s)
        self._begin(start_s)

    # What is asked of it -------------------------------------------------------------------------

    def advance(self, until_s: float) -> None:
        """Let everything happen until an instant [s since 1970]."""
        while self._events and self._events[0][0] <= until_s:
            at_s, _, index, version, what = heapq.heappop(self._events)
            self.now_s = at_s
            if index < 0:
                self._gate(self.gates[-index - 1], at_s)
            elif self.machines[index].version == version:
                self._happen(self.machines[index], at_s, what)
        self.now_s = until_s

    def take_changes(self) -> list[Change]:
        """Return what changed since the last call, in order of time."""
        found, self.changes = self.changes, []
        return found

    def settle(self) -> None:
        """Add up times and energies of all machines until now."""
        for machine in self.machines:
            machine.settle(self.now_s)

    def write(self, unit: str, signal: str, value: float | str) -> None:
        """Set a set-point of a machine, as a command over a protocol does.

        Raises
        ------
        NotFoundError
            There is no such machine.
        RefusedError
            The signal is no set-point, or the value is out of its range.
        """
        machine = self.by_id.get(unit)
        if machine is None:
            raise NotFoundError(f"no simulated machine {unit!r}")
        told = {s.name: s for s in machine.kind.signals if s.writable}.get(signal)
        if told is None:
            raise RefusedError(f"{unit}: {signal} is not a set-point")
        low, high = told.low, told.high
        if (isinstance(value, float) and low is not None and high is not None
                and not low <= value <= high):  # fmt: skip
            raise RefusedError(f"{unit}: {signal} is {value:g}, allowed is {low:g} to {high:g}")
        machine.set_points[signal] = value
        self._tell(machine, self.now_s, signal, value)

    def skew(self, unit: str, name: str, sigmas: float, drifts: bool = False) -> None:
        """Let a measured dimension jump or drift; 0 puts it right."""
        machine = self.by_id[unit]
        if sigmas:
            machine.skews[name] = Skew(sigmas, drifts, self.now_s)
        else:
            machine.skews.pop(name, None)

    def snapshot(self, machine: Machine) -> Mapping[str, float | str]:
        """Return the standard signals and set-points of a machine as of now."""
        machine.settle(self.now_s)
        return {**values(machine), **machine.set_points}

    # Beginning -----------------------------------------------------------------------------------

    def _begin(self, at_s: float) -> None:
        random = self._random
        for machine in self.machines:
            b = machine.kind.behaviour
            machine.tool_left = b.tool_life * random.uniform(0.1, 1.0)
            machine.fail_in_s = random.expovariate(1 / b.mtbf_s)
            machine.micro_in_s = self._until_micro(machine)
            machine.set_points = {
                s.name: "" if s.kind == "text" else 0.0 for s in machine.kind.signals if s.writable
            }
        for line in self.lines:
            line.source.next_short_s += at_s
            for stage in line.stages[:-1]:
                stage.buffer.extend(line.source.take(at_s) for _ in range(stage.room // 2))
        for number, gate in enumerate(self.gates):
            for machine in gate.machines:
                machine.closed = gate.closed(at_s)
            self._push(gate.next_edge(at_s), -number - 1, 0, "gate")
        for machine in self.machines:
            self._after(machine, at_s + random.uniform(0, 20.0), "seek")

    def _until_micro(self, machine: Machine) -> float:
        per_h = machine.kind.behaviour.micro_per_h
        return self._random.expovariate(per_h / 3600) if per_h else float("inf")

    # Events --------------------------------------------------------------------------------------

    def _push(self, at_s: float, index: int, version: int, what: str) -> None:
        self._number += 1
        heapq.heappush(self._events, (at_s, self._number, index, version, what))

    def _after(self, machine: Machine, at_s: float, what: str) -> None:
        machine.version += 1
        self._push(at_s, machine.index, machine.version, what)

    def _happen(self, machine: Machine, at_s: float, what: str) -> None:
        if what == "seek":
            self._seek(machine, at_s)
        elif what == "setup":
            self._set_up(machine, at_s)
        elif what == "tool":
            machine.tool_left = machine.kind.behaviour.tool_life
            self._begin_cycle(machine, at_s)
        elif what == "resume":
            self._run(machine, at_s)
        else:
            self._interrupted(machine, at_s, what)

    def _gate(self, gate: Gate, at_s: float) -> None:
        closed = gate.closed(at_s)
        for machine in gate.machines:
            machine.closed = closed
            if not machine.in_work and machine.held is None:
                self._after(machine, at_s, "seek")
        self._push(gate.next_edge(at_s), -self.gates.index(gate) - 1, 0, "gate")

    def _enter(self, machine: Machine, at_s: float, state: S, reason: str = "") -> None:
        before = machine.state, machine.reason
        if machine.enter(at_s, state, reason):
            if machine.state is not before[0]:
                self._tell(machine, at_s, "machine_state", float(state))
            if machine.reason != before[1]:
                self._tell(machine, at_s, "stop_reason", reason)

    def _tell(self, machine: Machine, at_s: float, signal: str, value: float | str) -> None:
        self.changes.append(Change(at_s, machine.index, signal, value))

    # The way of a piece --------------------------------------------------------------------------

    def _seek(self, machine: Machine, at_s: float) -> None:
        """Let a machine without a piece look for one."""
        if machine.closed:
            state = {"P-MAINT": S.MAINTENANCE, "P-OFF": S.OFFLINE}.get(machine.closed, S.IDLE)
            if state is S.OFFLINE and machine.index % 5 == 0:
                state = S.IDLE  # somebody forgot to switch it off
            self._enter(machine, at_s, state, machine.closed)
            return
        lot = self._feed(machine, at_s)
        if lot is None:
            return
        machine.started += 1
        work = self._works[machine.index].get(lot.product) or self._works[machine.index][""]
        changed = machine.work is not None and machine.lot is not None and (
            machine.lot.family != lot.family)  # fmt: skip
        first = machine.lot is None
        before = machine.lot.family if machine.lot else ""
        new_order = machine.lot is not lot
        machine.lot, machine.work = lot, work
        machine.in_work = 1
        if new_order:
            self._tell(machine, at_s, "order_operation", machine.order_operation)
        if first:
            self._load(machine, at_s)
        if changed:
            self._enter(machine, at_s, S.SETUP, "S-PRODUCT")
            needed = self.plant.setup_s(machine.kind.key, before, lot.family, work.setup_s)
            self._after(machine, at_s + needed * self._random.uniform(0.8, 1.4), "setup")
        else:
            self._begin_cycle(machine, at_s)

    def _feed(self, machine: Machine, at_s: float) -> Lot | None:
        """Take a piece from the buffer before a machine, or say why there is none."""
        line = self._line[machine.index]
        stage = line.before(machine)
        if stage is not None:
            if not stage.buffer:
                self._enter(machine, at_s, S.STARVED)
                return None
            lot = stage.buffer.popleft()
            self._relieve(stage, at_s)
            return lot
        source = line.source
        if at_s >= source.next_short_s:
            source.closed_until_s = at_s + self._random.expovariate(1 / SHORT_S)
            source.next_short_s = at_s + self._random.expovariate(1 / SHORT_EVERY_S)
        if line.is_zone and source.is_between() and self._random.random() < GAP_SHARE:
            self._enter(machine, at_s, S.IDLE, "P-NOORDER")
            self._after(machine, at_s + self._random.expovariate(1 / GAP_S), "seek")
            return None
        if at_s < source.closed_until_s:
            self._enter(machine, at_s, S.STARVED, "U-MAT-NONE")
            self._after(machine, source.closed_until_s, "seek")
            return None
        return source.take(at_s)

    def _relieve(self, stage: Stage, at_s: float) -> None:
        """Let a machine that was blocked behind a full buffer hand on its piece."""
        for machine in stage.machines:
            if machine.state is S.BLOCKED and machine.held is not None:
                stage.buffer.append(machine.held)
                machine.held = None
                self._after(machine, at_s, "seek")
                return

    def _set_up(self, machine: Machine, at_s: float) -> None:
        self._load(machine, at_s)
        self._begin_cycle(machine, at_s)

    def _load(self, machine: Machine, at_s: float) -> None:
        if machine.work is None:
            return
        machine.load(machine.work)
        for name, value in machine.set_points.items():
            self._tell(machine, at_s, name, value)

    def _begin_cycle(self, machine: Machine, at_s: float) -> None:
        life = machine.kind.behaviour.tool_life
        if life and machine.tool_left <= 0:
            self._enter(machine, at_s, S.SETUP, "S-TOOL")
            wait = machine.kind.behaviour.tool_change_s * self._random.uniform(0.7, 1.6)
            self._after(machine, at_s + wait, "tool")
            return
        assert machine.work is not None
        machine.left_s = machine.cycle_of(machine.work, self._random)
        machine.begun_s = at_s
        if machine.work.batch_max > 1 and not machine.is_second:
            more = round(machine.work.batch_max * self._random.uniform(0.7, 1.0)) - machine.in_work
            machine.in_work += more
            machine.started += more
        machine.ran_s = 0.0
        self._run(machine, at_s)

    def _run(self, machine: Machine, at_s: float) -> None:
        self._enter(machine, at_s, S.PRODUCING)
        step = min(machine.left_s, machine.fail_in_s, machine.micro_in_s)
        what = ("end" if step == machine.left_s else
                "fail" if step == machine.fail_in_s else "micro")  # fmt: skip
        machine.ran_s += step
        machine.left_s -= step
        machine.fail_in_s -= step
        machine.micro_in_s -= step
        self._after(machine, at_s + step, what)

    def _interrupted(self, machine: Machine, at_s: float, what: str) -> None:
        random, b = self._random, machine.kind.behaviour
        if what == "end":
            self._end(machine, at_s)
        elif what == "fail":
            reason = random.choice(machine.kind.reasons or ("U-MECH",))
            self._enter(machine, at_s, S.DOWN, reason)
            machine.fail_in_s = random.expovariate(1 / b.mtbf_s)
            repair = 60 + b.mttr_s * random.lognormvariate(-0.32, 0.8)
            self._after(machine, at_s + repair, "resume")
        else:
            self._enter(machine, at_s, S.DOWN, random.choice(_MICRO))
            machine.micro_in_s = self._until_micro(machine)
            self._after(machine, at_s + 5 + random.expovariate(1 / b.micro_s), "resume")

    def _end(self, machine: Machine, at_s: float) -> None:
        """Count the pieces that have just been made and hand the good ones on."""
        random, b, lot = self._random, machine.kind.behaviour, machine.lot
        assert lot is not None
        machine.tool_left -= 1
        machine.cycle_s = machine.ran_s / max(machine.in_work, 1)
        self._tell(machine, at_s, "cycle_s", round(machine.cycle_s, 2))
        is_out = False
        for one, value in machine.measure(at_s, random):
            self._tell(machine, at_s, one.name, round(value, 5))
            is_out |= not one.lower <= value <= one.upper
        pieces = machine.in_work
        if pieces == 1 and not machine.is_second and random.random() < b.rework_ratio:
            machine.rework += 1
            self._tell(machine, at_s, "rework_count", float(machine.rework))
            machine.is_second = True
            machine.left_s, machine.ran_s = machine.ran_s * _SECOND_RATIO, 0.0
            self._run(machine, at_s)
            return
        machine.is_second = False
        bad = sum(random.random() < b.scrap_ratio for _ in range(pieces))
        bad = max(bad, int(is_out))
        self._count(machine, at_s, pieces - bad, bad, is_out)
        machine.in_work = 0
        if pieces - bad > 0:
            self._hand_on(machine, at_s, lot, pieces - bad)
        else:
            self._seek(machine, at_s)

    def _count(self, machine: Machine, at_s: float, good: int, bad: int, is_out: bool) -> None:
        if good:
            machine.good += good
            self._tell(machine, at_s, "good_count", float(machine.good))
        if bad:
            known = _SCRAP.get(machine.kind.skill, _SCRAP_ELSE)
            machine.scrap_reason = "Q-DIM" if is_out else self._random.choice(known)
            machine.scrap += bad
            self._tell(machine, at_s, "scrap_reason", machine.scrap_reason)
            self._tell(machine, at_s, "scrap_count", float(machine.scrap))

    def _hand_on(self, machine: Machine, at_s: float, lot: Lot, pieces: int) -> None:
        line = self._line[machine.index]
        behind, own = line.behind(machine), line.own(machine)
        if behind is None:
            line.out[lot.product] = line.out.get(lot.product, 0) + pieces
            self._seek(machine, at_s)
            return
        if len(own.buffer) >= max(own.room, 1):
            machine.held = lot
            self._enter(machine, at_s, S.BLOCKED)
            return
        own.buffer.append(lot)
        for other in behind.machines:
            if other.state is S.STARVED and not other.closed:
                self._seek(other, at_s)
                break
        self._seek(machine, at_s)
