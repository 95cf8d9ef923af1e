"""Runs the simulated machines of a plant behind their real servers until told to stop.

The plant's clock runs `speed_ratio` times as fast as ours and starts at now; an event of it is told
with the instant at which it happens by our clock, so device times are never in the future and
follow one another as the events do. At 60 a shift passes in minutes: counters grow 60 times as
fast, while times that a machine measures itself (`cycle_s`) stay those of the plant.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from millbrain.core.plant.plant import Plant
from millbrain.core.plant.tags import Connection
from millbrain.run.plant.analogue import Analogue
from millbrain.run.plant.floor import Change, Floor
from millbrain.run.plant.history import Past, PlantHistory, live_through
from millbrain.run.plant.lines import OpenOrder
from millbrain.run.plant.modbus_server import ModbusServer
from millbrain.run.plant.opcua_server import OpcUaServer
from millbrain.run.plant.points import Ports, Server, connection_of
from millbrain.run.plant.serving import Fault, Setting, Speaking, Told, Value, free_from
from millbrain.run.plant.sparkplug_node import OwnBroker, SparkplugNode, listens

log = logging.getLogger(__name__)

TICK_S: Final = 0.5
WARM_S: Final = 2 * 3600.0  # of the plant, before it is shown: buffers and tools are as in a shift
SLOW_S: Final = 5.0  # how often values that change slowly are told
_SLOW: Final = ("energy_kwh", "coolant_temp_degc", "tool_life_pct")
DROP_AFTER_S: Final = 10.0
_SPEAKERS: Final[Mapping[str, Callable[[Setting, str, int], Speaking]]] = {
    "opcua": OpcUaServer, "modbus": ModbusServer, "sparkplug": SparkplugNode,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. servers: those that run. speed_ratio: seconds of the plant in ours.

    orders: production orders that lots may be.
    """

    plant: Plant
    servers: Sequence[Server]
    ports: Ports
    speed_ratio: float = 1.0
    seed: int = 1
    faults: Sequence[Fault] = ()
    orders: Sequence[OpenOrder] = ()


@dataclass(slots=True)
class Running:
    """A server that runs, or why it does not. port: as bound."""

    server: Server
    connection: Connection
    port: int = 0
    speaking: Speaking | None = None
    why: str = ""


@dataclass(slots=True)
class Clock:
    """The plant's clock against ours, both [s since 1970]."""

    speed_ratio: float
    begun_s: float = field(default_factory=time.time)

    def plant_s(self, wall_s: float) -> float:
        """Return the plant's time at an instant of ours."""
        return self.begun_s + (wall_s - self.begun_s) * self.speed_ratio

    def wall_ms(self, plant_s: float) -> int:
        """Return our instant [ms] at a time of the plant."""
        return round((self.begun_s + (plant_s - self.begun_s) / self.speed_ratio) * 1000)


class Simulation:
    """The floor of a plan and its servers."""

    def __init__(self, plan: Plan, history: PlantHistory | None = None) -> None:
        self.plan = plan
        self.clock = Clock(plan.speed_ratio)
        self.past: Past | None = None
        self._history = history
        begin_s = history.begin_s if history else self.clock.begun_s
        units = [u for s in plan.servers for u in s.units]
        self.floor = Floor(plan.plant, begin_s - WARM_S, plan.seed, units, plan.orders)
        self.running: list[Running] = []
        self._analogue = Analogue(self.floor.machines, plan.seed)
        self._broker: OwnBroker | None = None
        self._slow_s = 0.0
        self._of_unit: dict[str, Running] = {}

    async def start(self, tell: Callable[[Running], None] = lambda running: None) -> None:
        """Warm the floor up, through its past if it has one, and start what can be started.

        tell: hears of each server as soon as it runs, or why it does not.
        """
        await asyncio.to_thread(self._warm)
        plan, ports = self.plan, self.plan.ports
        mqtt_port, why = await asyncio.to_thread(self._find_broker)
        next_port = {"opcua": ports.opcua, "modbus": ports.modbus}
        for server in plan.servers:
            room = server.served.room
            port = mqtt_port if room == "sparkplug" else next_port[room]
            if room != "sparkplug" and port:
                port = free_from(ports.host, port)
                next_port[room] = port + 1
            one = await self._started(server, port, why if room == "sparkplug" else "")
            self.running.append(one)
            self._of_unit |= {u.id: one for u in server.units}
            tell(one)

    async def run(self, stopping: asyncio.Event) -> None:
        """Let time pass until told to stop."""
        drops = [asyncio.create_task(self._drop(f)) for f in self.plan.faults if f.kind == "drop"]
        while not stopping.is_set():
            begun = time.monotonic()
            await self.tick()
            left = TICK_S - (time.monotonic() - begun)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), max(left, 0.01))
        for task in drops:
            task.cancel()

    async def tick(self) -> None:
        """Let everything happen until now and tell it."""
        wall_s = time.time()
        self.floor.advance(self.clock.plant_s(wall_s))
        told = [self._told(c) for c in self.floor.take_changes()]
        told += self._readings(wall_s)
        shares: dict[str, list[Told]] = {}
        for one in told:
            shares.setdefault(self._of_unit[one.unit].connection.key, []).append(one)
        for running in self.running:
            if running.speaking is not None and running.connection.key in shares:
                await running.speaking.tell(shares[running.connection.key])

    async def stop(self) -> None:
        """Stop all servers, and the broker where it is ours."""
        for running in self.running:
            if running.speaking is not None:
                await running.speaking.stop()
        if self._broker is not None:
            await asyncio.to_thread(self._broker.stop)

    def _warm(self) -> None:
        if self._history is not None:
            self.floor.advance(self._history.begin_s)
            self.floor.take_changes()
            self.past = live_through(self.floor, self._analogue, self._history.since_s)
        self.floor.advance(self.clock.begun_s)
        self.floor.take_changes()
        for fault in self.plan.faults:
            unit, _, name = fault.target.partition(".")
            if fault.kind in ("shift", "drift"):
                self.floor.skew(unit, name, fault.amount, drifts=fault.kind == "drift")

    def _find_broker(self) -> tuple[int, str]:
        ports = self.plan.ports
        if not any(s.served.room == "sparkplug" for s in self.plan.servers):
            return 0, ""
        if ports.mqtt and listens(ports.host, ports.mqtt):
            return ports.mqtt, ""
        broker = OwnBroker(ports.host, ports.mqtt)
        if broker.start():
            self._broker = broker
            return broker.port, ""
        broker.stop()
        return ports.mqtt, (
            f"no MQTT broker listens on {ports.host}:{ports.mqtt} and Mosquitto is not installed "
            "(Debian: apt-get install mosquitto); its machines are left out"
        )

    async def _started(self, server: Server, port: int, why: str) -> Running:
        plan, host = self.plan, self.plan.ports.host
        faults = {f.kind: f for f in plan.faults if f.target == server.served.key}
        setting = Setting(
            server, plan.plant, self._first(server), self.floor.write,
            round(faults["clock"].amount * 1000) if "clock" in faults else 0, "nodes" in faults,
        )  # fmt: skip
        speaking = _SPEAKERS[server.served.room](setting, host, port)
        if not why:
            try:
                await speaking.start()
            except OSError as error:
                why = f"port {port} on {host} cannot be opened: {error.strerror or error}"
        connection = connection_of(server.served, speaking.port, host, plan.plant)
        return Running(server, connection, speaking.port, None if why else speaking, why)

    def _first(self, server: Server) -> dict[str, dict[str, Value]]:
        floor = self.floor
        return {u.id: dict(floor.snapshot(floor.by_id[u.id])) for u in server.units}

    def _told(self, change: Change) -> Told:
        unit = self.floor.machines[change.machine].unit.id
        return Told(unit, change.signal, change.value, self.clock.wall_ms(change.at_s))

    def _readings(self, wall_s: float) -> list[Told]:
        """Return process values, of those that change slowly only every few seconds."""
        at_ms = round(wall_s * 1000)
        is_slow = wall_s - self._slow_s >= SLOW_S
        machines, found = self.floor.machines, []
        for name, (numbers, values) in self._analogue.values(self.floor.now_s).items():
            if is_slow or name not in _SLOW:
                found += [
                    Told(machines[n].unit.id, name, value, at_ms)
                    for n, value in zip(numbers, values.tolist(), strict=True)
                ]
        if is_slow:
            self._slow_s = wall_s
            self.floor.settle()
            found += [
                Told(m.unit.id, "energy_kwh", round(m.energy_kwh, 3), at_ms) for m in machines
            ]
        return found

    async def _drop(self, fault: Fault) -> None:
        """Let a server go away and come back."""
        await asyncio.sleep(DROP_AFTER_S)
        for number, one in enumerate(self.running):
            if one.connection.key == fault.target and one.speaking is not None:
                speaking, one.speaking = one.speaking, None
                await speaking.stop()
                await asyncio.sleep(fault.amount)
                fresh = await self._started(one.server, one.port, "")
                self.running[number] = fresh
                self._of_unit |= {u.id: fresh for u in one.server.units}


def sentence(running: Running) -> str:
    """Return one line about a server for people."""
    served = running.server.served
    what = f"{served.key}: {len(running.server.units)} simulated machines"
    return f"{what}: {running.why}" if running.why else f"{what} on {running.connection.endpoint}"
