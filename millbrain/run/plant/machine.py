"""One simulated machine: its state, counters, energy, tool, and the piece in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from millbrain.core.plant.model import Characteristic, EquipmentClass, Node, Operation
from millbrain.core.plant.states import MachineState

HOUR_S: Final = 3600.0
STATES: Final = len(MachineState)


@dataclass(frozen=True, slots=True)
class Lot:
    """Pieces of one product that go through together. order: number of the order."""

    order: str
    product: str
    family: str
    size: int


@dataclass(frozen=True, slots=True)
class Work:
    """What a machine does with a product: the operation, None for equipment without a routing."""

    step: int
    run_s: float
    setup_s: float
    batch_max: int
    operation: Operation | None


@dataclass(slots=True)
class Skew:
    """A fault of a measured dimension on request. sigmas: how far; per hour where it drifts."""

    sigmas: float
    drifts: bool
    since_s: float

    def offset(self, at_s: float, sigma: float) -> float:
        """Return how far the process lies beside its middle at an instant, in the unit of sigma."""
        reach = (at_s - self.since_s) / HOUR_S if self.drifts else 1.0
        return self.sigmas * sigma * max(reach, 0.0)


@dataclass(slots=True)
class Machine:
    """A machine that runs. seconds: time in each state; started: pieces that it took up.

    fail_in_s, micro_in_s: working time until the next failure and the next short stop. version:
    number of its next event; events of older numbers are void.
    """

    unit: Node
    kind: EquipmentClass
    index: int
    state: MachineState = MachineState.IDLE
    reason: str = ""
    since_s: float = 0.0
    seconds: list[float] = field(default_factory=lambda: [0.0] * STATES)
    good: int = 0
    scrap: int = 0
    rework: int = 0
    started: int = 0
    energy_kwh: float = 0.0
    cycle_s: float = 0.0
    scrap_reason: str = ""
    lot: Lot | None = None
    work: Work | None = None
    held: Lot | None = None
    in_work: int = 0
    is_second: bool = False
    left_s: float = 0.0
    ran_s: float = 0.0
    begun_s: float = 0.0
    tool_left: float = 0.0
    fail_in_s: float = 0.0
    micro_in_s: float = 0.0
    measured: int = 0
    closed: str = ""
    version: int = 0
    set_points: dict[str, float | str] = field(default_factory=dict)
    skews: dict[str, Skew] = field(default_factory=dict)

    @property
    def order_operation(self) -> str:
        """The order and step under way, as the machine's controller shows it."""
        return f"{self.lot.order}/{self.work.step}" if self.lot and self.work else ""

    def power_kw(self, state: MachineState | None = None) -> float:
        """Return the electric power in a state, the present one where none is named."""
        b, state = self.kind.behaviour, self.state if state is None else state
        if state is MachineState.PRODUCING:
            return b.producing_kw
        if state in (MachineState.SETUP, MachineState.MAINTENANCE):
            return b.setup_kw
        return b.off_kw if state is MachineState.OFFLINE else b.idle_kw

    def enter(self, at_s: float, state: MachineState, reason: str = "") -> bool:
        """Go into a state; return whether state or reason changed."""
        self.settle(at_s)
        changed = (state, reason) != (self.state, self.reason)
        self.state, self.reason = state, reason
        return changed

    def settle(self, at_s: float) -> None:
        """Add up time and energy until an instant."""
        past_s = at_s - self.since_s
        if past_s > 0:
            self.seconds[self.state] += past_s
            self.energy_kwh += self.power_kw() * past_s / HOUR_S
            self.since_s = at_s

    def cycle_of(self, work: Work, random: Random) -> float:
        """Return how long the next piece takes [s], by standard time, feed and chance."""
        pace = 1.0
        feed = self.set_points.get("feed_set_mmpmin")
        told = work.operation.settings.get("feed_set_mmpmin") if work.operation else None
        if told and isinstance(feed, float) and feed > 0:
            pace = min(max(told / feed, 0.5), 2.0)
        spread = max(random.gauss(1.02, self.kind.behaviour.spread_ratio), 0.9)
        return work.run_s / self.unit.speed_ratio * pace * spread

    def load(self, work: Work) -> None:
        """Take over the set-points of an operation, as a change of product does."""
        if work.operation is not None:
            self.set_points |= work.operation.settings
            if "program_set" in self.set_points:
                self.set_points["program_set"] = work.operation.program

    def measure(self, at_s: float, random: Random) -> list[tuple[Characteristic, float]]:
        """Return what is measured of the piece that has just been made, mostly nothing."""
        operation = self.work.operation if self.work else None
        if operation is None:
            return []
        number, found = self.measured, []
        self.measured += 1
        for one in operation.characteristics:
            if number % max(one.every, one.sample) < one.sample:
                skew = self.skews.get(one.name)
                offset = skew.offset(at_s, one.sigma) if skew else 0.0
                found.append((one, one.nominal + offset + random.gauss(0.0, one.sigma)))
        return found


def values(machine: Machine) -> Mapping[str, float | str]:
    """Return the standard signals of a machine; settle it first."""
    return {
        "machine_state": float(machine.state), "stop_reason": machine.reason,
        "good_count": float(machine.good), "scrap_count": float(machine.scrap),
        "rework_count": float(machine.rework), "energy_kwh": round(machine.energy_kwh, 3),
        "cycle_s": round(machine.cycle_s, 2), "order_operation": machine.order_operation,
        "scrap_reason": machine.scrap_reason,
    }  # fmt: skip
