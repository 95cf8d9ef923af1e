"""`millbrain plant simulate`: the process that runs the simulated machines of a pack."""

import asyncio
import json
import logging
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

import millbrain
from millbrain.core.errors import SettingsError
from millbrain.core.plant.plant import Plant
from millbrain.core.production.orders import RUNNABLE
from millbrain.record.ledger import Ledger
from millbrain.run import logs, run_files
from millbrain.run.packs import FOLDER
from millbrain.run.plant.history import KEY, PlantHistory, close_connection, open_connection
from millbrain.run.plant.lines import BEGUN_H, OpenOrder
from millbrain.run.plant.points import Ports, Server, read_servers, tags_of
from millbrain.run.plant.register import register_places, register_servers
from millbrain.run.plant.serving import read_fault
from millbrain.run.plant.simulate import Plan, Running, Simulation, sentence
from millbrain.run.settings import LOOPBACK, Settings, prepare_data_folder
from millbrain.run.tags.secrets import SecretFiles
from millbrain.show.tag_sheet import sheet_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a pack is simulated, and how.

    only: servers or places; empty = all, or those that are quick. seconds: how long, 0 = until
    told to stop. tags: folder into which tag list and connections are written, None = nowhere.
    history_days: days before the first start that are told at once, in an installation only.
    """

    pack: str
    ports: Ports
    speed_ratio: float = 1.0
    seed: int = 1
    only: Sequence[str] = ()
    quick: bool = False
    faults: Sequence[str] = ()
    seconds: float = 0.0
    tags: Path | None = None
    history_days: float = 0.0
    folder: Path = FOLDER


def plan_of(wanted: Wanted) -> Plan:
    """Return what is to be simulated.

    Raises
    ------
    SettingsError
        The pack, a server, a place or a fault is not known, or nothing is left to run.
    """
    plant, servers = read_servers(wanted.pack, wanted.folder)
    faults = [read_fault(text, plant, servers) for text in wanted.faults]
    known = {s.served.key for s in servers} | plant.nodes.keys()
    for name in wanted.only:
        if name not in known:
            raise SettingsError(f"--only {name}: neither a server nor a place of {plant.key}")
    chosen = [s for s in servers if not wanted.quick or s.served.quick]
    if wanted.only:
        chosen = [cut for s in servers if (cut := _cut(plant, s, wanted.only)).units]
    if not chosen:
        raise SettingsError(f"nothing of {plant.key} is left to simulate")
    return Plan(plant, chosen, wanted.ports, wanted.speed_ratio, wanted.seed, faults)


def _cut(plant: Plant, server: Server, names: Sequence[str]) -> Server:
    """Return what of a server is named: all of it, or the machines under named places."""
    if server.served.key in names:
        return server
    held = {n.id for name in names if name in plant.nodes for n in plant.below(name)}
    return Server(server.served, tuple(u for u in server.units if u.id in held))


def main(wanted: Wanted, out: Console, settings: Settings | None = None) -> None:
    """Run until told to stop (SIGTERM or Ctrl-C).

    settings: of an installation in whose ledger places and connections are registered, None = none.
    """
    plan = plan_of(wanted)
    if settings is None:
        uvloop.run(_run(plan, wanted, out, None))
        return
    prepare_data_folder(settings)
    logs.to_file(settings.data / "log", "plant")
    with logs.fatal(log):
        try:
            uvloop.run(_run(plan, wanted, out, settings))
        finally:
            settings.run_file("plant").unlink(missing_ok=True)


async def _run(plan: Plan, wanted: Wanted, out: Console, settings: Settings | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if wanted.seconds:
        loop.call_later(wanted.seconds, stopping.set)
    history = _history_of(plan, wanted, settings)
    if settings is not None:
        plan = replace(plan, orders=await asyncio.to_thread(open_orders, settings))
    simulation = Simulation(plan, history)
    telling: asyncio.Future[None] | None = None
    try:
        await simulation.start(lambda one: _say(one, out))
        if settings is None:
            _show(simulation, out)
        if wanted.tags is not None:
            await asyncio.to_thread(write_tags, simulation, wanted.tags)
            out.print(f"tag list and connections written to {wanted.tags}", highlight=False)
        if settings is not None:
            await asyncio.to_thread(_register, simulation, settings)
        if history is not None and settings is not None:
            telling = asyncio.ensure_future(asyncio.to_thread(_tell_past, simulation, settings,
                                                              history))  # fmt: skip
        await simulation.run(stopping)
    finally:
        await simulation.stop()
        if telling is not None:
            telling.cancel()


def open_orders(settings: Settings) -> list[OpenOrder]:
    """Return the simulated orders of the installation that may be worked on, the oldest first.

    Those of people are left alone: a simulated machine makes nothing for them.
    """
    ledger = Ledger(settings.ledger_url)
    try:
        ledger.migrate()
        orders = [o for o in ledger.production.open_orders() if o.simulated and o.state in RUNNABLE]
    finally:
        ledger.close()
    return [
        OpenOrder(o.number, o.product, o.quantity, o.entered_at.timestamp() - BEGUN_H * 3600)
        for o in sorted(orders, key=lambda o: o.number)
        if o.entered_at is not None
    ]


def _history_of(plan: Plan, wanted: Wanted, settings: Settings | None) -> PlantHistory | None:
    """Return the history that is still to be told, None where there is none."""
    if settings is None or wanted.history_days <= 0:
        return None
    marker = settings.data / "plant_history.json"
    found = PlantHistory(marker, plan.plant.key, wanted.history_days, time.time())
    return None if found.is_complete else found


def _tell_past(simulation: Simulation, settings: Settings, history: PlantHistory) -> None:
    """Push what the machines did before they were first started."""
    engine = run_files.read(settings.run_file("engine"))
    port = engine["ports"].get("http") if engine else None
    if not port or simulation.past is None:
        log.warning("no engine with an HTTP port runs; the history is pushed at the next start")
        return
    ledger = Ledger(settings.ledger_url)
    try:
        token = open_connection(ledger, SecretFiles(settings.data))
        url = f"http://{LOOPBACK}:{port}/push/{KEY}"
        history.push(simulation.past, url, token, lambda said: print(said, flush=True))
        simulation.past = None
        if history.is_complete:
            close_connection(ledger)
    finally:
        ledger.close()


def _say(running: Running, out: Console) -> None:
    out.print(sentence(running), highlight=False, soft_wrap=True, markup=False)


def _show(simulation: Simulation, out: Console) -> None:
    plan = simulation.plan
    table = Table(title=f"{plan.plant.title} {plan.plant.title_zh}")
    for heading in ("server", "protocol", "address", "machines", "signals"):
        table.add_column(heading, overflow="fold")
    for one in simulation.running:
        served = one.server.served
        tags = len(tags_of(one.server, plan.plant))
        where = one.connection.endpoint if not one.why else f"left out: {one.why}"
        table.add_row(served.key, served.room, where, str(len(one.server.units)), str(tags))
    out.print(table)
    out.print(
        f"Everything is simulated (仿真数据). Speed {plan.speed_ratio:g}: in a second of ours "
        f"{plan.speed_ratio:g} s pass in the plant; device times are ours. Stop with Ctrl-C.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def write_tags(simulation: Simulation, folder: Path) -> None:
    """Write `tags.xlsx` and `connections.toml` that connect the servers."""
    folder.mkdir(parents=True, exist_ok=True)
    plant = simulation.plan.plant
    tags = [t for one in simulation.running for t in tags_of(one.server, plant)]
    with (folder / "tags.xlsx").open("wb") as written:
        for part in sheet_of(tags, "xlsx"):
            written.write(part)
    lines = []
    for one in simulation.running:
        c = one.connection
        lines.append("[[connection]]")
        told = {"key": c.key, "room": c.room, "title": c.title, "endpoint": c.endpoint}
        lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in told.items()]
        options = ", ".join(f"{k} = {json.dumps(v)}" for k, v in c.options.items())
        lines += [f"options = {{ {options} }}", ""]
    (folder / "connections.toml").write_text("\n".join(lines), "utf-8")


def _register(simulation: Simulation, settings: Settings) -> None:
    running: list[Running] = [r for r in simulation.running if r.speaking is not None]
    plant = simulation.plan.plant
    ledger = Ledger(settings.ledger_url)
    try:
        ledger.migrate()
        register_places(ledger, plant)
        register_servers(ledger, plant, [(r.server, r.connection) for r in running])
    finally:
        ledger.close()
    ports = {r.connection.key: r.port for r in running}
    run_files.write(settings.run_file("plant"), ports, version=millbrain.__version__)
    print(f"plant ready: {ports}", flush=True)
