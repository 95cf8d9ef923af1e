"""What each simulated machine has to say, where a server says it, and the tags that fetch it.

`connections.toml` of a pack says which machines speak which protocol; from it follow the servers
with their ports, the address of every signal, and the tag list that connects them by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from millbrain.core.errors import SettingsError
from millbrain.core.plant.entries import Troubles, read_all
from millbrain.core.plant.model import Node, Signal
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.tags import Connection, Tag, TagKind
from millbrain.run.packs import FOLDER
from millbrain.run.plant.load import load_plant, pack_folder, read

OPCUA_PORT: Final = 4840
MODBUS_PORT: Final = 5020
MQTT_PORT: Final = 1883
ROOMS: Final = ("opcua", "modbus", "sparkplug")
TEXT_REGISTERS: Final = 16  # registers of a text: 32 characters
_TYPES: Final = {"machine_state": "u16", "energy_kwh": "f64"}  # in registers; others are f32
_T: Final = TagKind.TEXT
STANDARD: Final = (
    Signal("machine_state", "State", "设备状态"),
    Signal("stop_reason", "Reason of stop", "停机原因", _T),
    Signal("good_count", "Good pieces", "合格数"),
    Signal("scrap_count", "Scrap", "报废数"),
    Signal("scrap_reason", "Reason of scrap", "报废原因", _T),
    Signal("rework_count", "Reworked pieces", "返工数"),
    Signal("energy_kwh", "Energy", "电能", unit="kWh", period_ms=5000),
    Signal("cycle_s", "Time of the last piece", "节拍", unit="s"),
    Signal("order_operation", "Order and step", "订单工序", _T),
)


@dataclass(frozen=True, slots=True)
class Served:
    """One simulated server of a pack. quick: it is small, and the demonstration starts it."""

    key: str
    room: str
    title: str
    title_zh: str
    nodes: tuple[str, ...]
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """First port of each protocol; servers count up from it. 0 takes any free one."""

    host: str = "127.0.0.1"
    opcua: int = OPCUA_PORT
    modbus: int = MODBUS_PORT
    mqtt: int = MQTT_PORT


@dataclass(frozen=True)
class Server:
    """A server with the machines it speaks for."""

    served: Served
    units: tuple[Node, ...]


def read_servers(pack: str, folder: Path = FOLDER) -> tuple[Plant, list[Server]]:
    """Return the plant of a pack and its simulated servers with their machines.

    Raises
    ------
    SettingsError
        An entry is wrong, or a machine with data stands in none or in two of them.
    """
    plant = load_plant(pack, folder)
    told = read(pack_folder(pack, folder) / "connections.toml") or {}
    troubles = Troubles()
    found = list(read_all(Served, told.get("server", []), "connections.toml, server", troubles))
    servers = [Server(s, _units(plant, s, troubles)) for s in found]
    for sentence in _uncovered(plant, servers):
        troubles.add("connections.toml", sentence)
    if troubles.sentences:
        raise SettingsError(f"pack {pack}: " + "; ".join(troubles.sentences))
    return plant, servers


def _units(plant: Plant, served: Served, troubles: Troubles) -> tuple[Node, ...]:
    where = f"connections.toml, server {served.key!r}"
    if served.room not in ROOMS:
        troubles.add(where, f"room is {served.room!r}, allowed is one of {', '.join(ROOMS)}")
    for name in served.nodes:
        if name not in plant.nodes:
            troubles.add(where, f"place {name!r} is not known")
    known = [n for n in served.nodes if n in plant.nodes]
    return tuple(u for n in known for u in plant.units(n) if u.digital)


def _uncovered(plant: Plant, servers: Sequence[Server]) -> Iterator[str]:
    count: dict[str, int] = {}
    for server in servers:
        for unit in server.units:
            count[unit.id] = count.get(unit.id, 0) + 1
    for unit in plant.units():
        if unit.digital and count.get(unit.id, 0) != 1:
            yield f"{unit.id} stands in {count.get(unit.id, 0)} servers, allowed is exactly one"


def signals_of(plant: Plant, unit: Node) -> list[Signal]:
    """Return every signal of a machine: the standard ones, its class's, what is measured there."""
    kind = plant.classes[unit.equipment_class]
    measured = [
        Signal(c.name, c.title, c.title_zh, unit=c.unit, low=c.lower, high=c.upper)
        for c in plant.characteristics_of(unit.id)
    ]
    return [*STANDARD, *kind.signals, *measured]


def layout(signal: Signal) -> tuple[str, int]:
    """Return the type of a signal in registers and how many it takes."""
    if signal.kind is TagKind.TEXT:
        return "text", TEXT_REGISTERS
    kind = "u32" if signal.name.endswith("_count") else _TYPES.get(signal.name, "f32")
    return kind, {"u16": 1, "f64": 4}.get(kind, 2)


def registers_of(signals: Sequence[Signal]) -> dict[str, int]:
    """Return the first register of each signal of a station: one after another from 0."""
    first, found = 0, {}
    for signal in signals:
        found[signal.name] = first
        first += layout(signal)[1]
    return found


def namespace(plant: Plant) -> str:
    """Return the namespace of the simulated OPC UA nodes of a plant."""
    return f"urn:millbrain:simulated:{plant.key}"


def connection_of(served: Served, port: int, host: str, plant: Plant) -> Connection:
    """Return the connection that reaches a server."""
    options: dict[str, Any] = {}
    endpoint = f"{host}:{port}"
    if served.room == "opcua":
        endpoint = f"opc.tcp://{host}:{port}/{served.key}"
    elif served.room == "sparkplug":
        endpoint = f"mqtt://{host}:{port}"
        options = {"groups": served.key}
    title = f"{served.title} {served.title_zh} (simulated 仿真)"
    return Connection(served.key, served.room, title, endpoint, options)


def tags_of(server: Server, plant: Plant) -> list[Tag]:
    """Return the tags that bring every signal of a server's machines."""
    found = []
    for station, unit in enumerate(server.units, 1):
        signals = signals_of(plant, unit)
        registers = registers_of(signals)
        for signal in signals:
            address = _address(server.served, station, unit, signal, registers, plant)
            found.append(Tag(
                server.served.key, address, unit.id, signal.name, signal.kind, signal.unit,
                period_ms=signal.period_ms, writable=signal.writable,
                title=f"{unit.title}: {signal.title}",
                title_zh=f"{unit.title_zh} {signal.title_zh}",
            ))  # fmt: skip
    return found


def _address(
    served: Served, station: int, unit: Node, signal: Signal, registers: Mapping[str, int],
    plant: Plant,
) -> str:  # fmt: skip
    if served.room == "opcua":
        return f"nsu={namespace(plant)};s={unit.id}.{signal.name}"
    if served.room == "sparkplug":
        return f"{served.key}/{plant.key}/{unit.id}:{signal.name}"
    kind, length = layout(signal)
    more = f":{length}" if kind == "text" else ""
    return f"{station}/holding:{registers[signal.name]}:{kind}{more}"
