"""`millbrain plant`: simulate the machines of a pack, and check a pack."""

from pathlib import Path
from typing import Annotated

import typer

from millbrain.core.errors import SettingsError
from millbrain.run.cli.options import Config, Data, PortOption, out
from millbrain.run.settings import LOOPBACK, load

Pack = Annotated[
    str, typer.Argument(help="Folder under packs/, such as machining-works, or a path to one.")
]
Speed = Annotated[
    float, typer.Option(min=0.1, max=3600, help="Seconds that pass in the plant in one of ours.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(help="A server or a place such as MW-L01; may be repeated. Default: all."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Only the small servers of the pack.")]
Fault = Annotated[
    list[str] | None,
    typer.Option(
        help="KIND=TARGET[:AMOUNT]; may be repeated. Of a server [s]: drop, clock, nodes; of a "
        "dimension such as MW-L01-M08.bore_mm [sigma]: shift, drift."
    ),
]
Tags = Annotated[
    Path | None,
    typer.Option(help="Folder to write tags.xlsx and connections.toml into."),
]
Register = Annotated[
    bool,
    typer.Option(
        "--register", help="Register machines and connections in the data folder's ledger."
    ),
]
HistoryDays = Annotated[
    float,
    typer.Option(min=0, max=90, help="With --register: days before the first start, told once."),
]
Seconds = Annotated[float, typer.Option(min=0, help="How long; 0 = until stopped.")]


def simulate(
    pack: Pack, data: Data = None, config: Config = None, speed: Speed = 1.0, only: Only = None,
    quick: Quick = False, opcua_port: PortOption = None, modbus_port: PortOption = None,
    mqtt_port: PortOption = None, host: Annotated[str, typer.Option(help="Address.")] = LOOPBACK,
    seed: Annotated[int, typer.Option(min=0, help="Of chance.")] = 1, fault: Fault = None,
    tags: Tags = None, register: Register = False, seconds: Seconds = 0.0,
    history_days: HistoryDays = 0.0,
) -> None:  # fmt: skip
    """Start the simulated machines of a plant behind OPC UA, Modbus and Sparkplug servers.

    Example: `millbrain plant simulate machining-works --speed 10`
    """
    from millbrain.run.plant.points import MODBUS_PORT, MQTT_PORT, OPCUA_PORT, Ports
    from millbrain.run.plant.process import Wanted, main

    ports = Ports(
        host,
        OPCUA_PORT if opcua_port is None else opcua_port,
        MODBUS_PORT if modbus_port is None else modbus_port,
        MQTT_PORT if mqtt_port is None else mqtt_port,
    )
    settings = load(data, config) if register else None
    wanted = Wanted(
        pack, ports, speed, seed, only or (), quick, fault or (), seconds, tags, history_days
    )
    main(wanted, out, settings)


def check(pack: Pack) -> None:
    """Read a plant's pack and say what is in it, or everything that is wrong with it.

    Example: `millbrain plant check packs/machining-works`
    """
    from millbrain.run.plant.points import read_servers

    plant, servers = read_servers(pack)
    made = sum(not p.bought for p in plant.products.values())
    out.print(
        f"{plant.title}: {len(plant.units())} machines in {len(plant.nodes)} places, "
        f"{made} products that are made, {len(plant.routings)} routings, "
        f"{len(plant.people)} people, {len(plant.reasons)} reasons, {len(servers)} servers",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if not plant.simulated and servers:
        raise SettingsError(f"{plant.key} is not simulated but has simulated servers")
