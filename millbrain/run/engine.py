"""The engine process: connect and record, and the ClickHouse port.

One event loop owns the sockets; decoding, intake and commits run in threads of their own, so that a
slow disk slows the senders and never the answers to queries.
"""

import asyncio
import importlib
import logging
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn

import millbrain
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.rooms import App, Driver, Ground, Running, Wiring
from millbrain.core.tables import Table
from millbrain.record import retention
from millbrain.record.intake import Intake
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse, create_tables, open_embedded, open_server
from millbrain.run import logs, run_files
from millbrain.run.alarming import AlarmKeeper
from millbrain.run.apps import Apps, Reporter, parameters_of
from millbrain.run.discovery import apps, drivers
from millbrain.run.engine_http import engine_app
from millbrain.run.ordering import OrderKeeper
from millbrain.run.packs import regions_of
from millbrain.run.plant.charted import ChartedBook
from millbrain.run.plant.load import PlantBook
from millbrain.run.serving import InnerServer, run_loop
from millbrain.run.settings import LOOPBACK, Settings, prepare_data_folder
from millbrain.run.tags.followed import FollowedLimits
from millbrain.run.tags.secrets import SecretFiles

log = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 3600  # pause between two looks for rows past their keeping time
THINGS_REFRESH_S: Final = 5  # pause between two looks for changed plates, models, operators


@dataclass(slots=True)
class Engine:
    """What a running engine consists of."""

    settings: Settings
    warehouse: Warehouse
    ledger: Ledger
    intake: Intake
    rooms: dict[str, Running]
    apps: Apps
    alarms: AlarmKeeper
    orders: OrderKeeper
    started_at: float

    def status(self) -> dict[str, Any]:
        """Describe the engine for the pages: versions, rates, queues, latency, memory."""
        usage = Path("/proc/self/status").read_text("ascii")
        memory = {k: int(v.split()[0]) for k, v in _lines(usage) if k in ("VmRSS", "VmHWM")}
        return {
            "version": millbrain.__version__,
            "started_at": self.started_at,
            "as_of": time.time(),
            "memory_bytes": memory["VmRSS"] * 1024,
            "memory_max_bytes": memory["VmHWM"] * 1024,
            "warehouse": self.settings.clickhouse.url.rpartition("@")[2] or "embedded",
            "intake": self.intake.status(),
            "links": {key: len(room.links()) for key, room in self.rooms.items()},
            "apps": self.apps.status(),
            "alarms": self.alarms.status(),
            "orders": self.orders.status(),
            "rooms": {key: {"port": room.port} for key, room in self.rooms.items()},
        }


def _lines(text: str) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in text.splitlines())
    return [(key, value.strip()) for key, _, value in pairs]


def main(settings: Settings) -> None:
    """Run the engine until it is told to stop (SIGTERM or Ctrl-C)."""
    key = prepare_data_folder(settings)
    logs.to_file(settings.data / "log", "engine")
    with logs.fatal(log):
        run_loop(_serve(settings, key))


async def _serve(settings: Settings, key: str) -> None:
    engine = await asyncio.to_thread(_open, settings)
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    try:
        for card in drivers():
            await _start_room(engine, card)
        server, listener = _http_server(engine, key)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        ports = {name: room.port for name, room in engine.rooms.items()}
        ports["clickhouse"] = listener.getsockname()[1]
        run_files.write(settings.run_file("engine"), ports, version=millbrain.__version__)
        log.info("engine ready after %.2f s, ports %s", time.time() - engine.started_at, ports)
        print(f"engine ready: {ports}", flush=True)
        keeping = asyncio.create_task(_housekeeping(engine))
        await stop.wait()
        keeping.cancel()
        server.should_exit = True
        await serving
    finally:
        await _close(engine)


def _open(settings: Settings) -> Engine:
    """Open the stores and restore the live state. Slow, so it runs in a thread."""
    started_at = time.time()
    url = settings.clickhouse.url
    warehouse = open_server(url) if url else open_embedded(settings.data / "warehouse")
    create_tables(warehouse, tables(), settings.clickhouse.form)
    ledger = Ledger(settings.ledger_url)
    ledger.migrate()
    intake = Intake(
        warehouse,
        regions=regions_of(settings.demo.pack),
        raw_frames_hz=settings.intake.raw_frames_hz,
    )
    intake.start()
    intake.register(ledger.things.columns())
    alarms = AlarmKeeper(ledger, warehouse)
    running = Apps()
    orders = OrderKeeper(ledger, settings, running.running)
    engine = Engine(settings, warehouse, ledger, intake, {}, running, alarms, orders, started_at)
    alarms.start()
    _start_apps(engine)
    orders.start()
    return engine


def tables() -> tuple[Table, ...]:
    """Return every table that the platform writes: the shared ones and those of the apps."""
    return (*SHARED_TABLES, *(table for card in apps() for table in card.tables))


def _start_apps(engine: Engine) -> None:
    reporter = Reporter(engine.warehouse, engine.alarms.take)
    for card in apps():
        if card.start and getattr(engine.settings.analyse, card.key):
            engine.apps.start(card, _ground(engine, card, reporter))
    engine.intake.show_to(engine.apps.take)


def _ground(engine: Engine, card: App, reporter: Reporter) -> Ground:
    return Ground(
        facts=engine.warehouse.aside(),
        settled=lambda: engine.intake.settled,
        report=reporter.report,
        parameters=parameters_of(card, engine.settings.analyse.rules.get(card.key, {})),
        newest=engine.intake.newest,
        things=partial(_attributes, engine.ledger),
        characteristics=ChartedBook(
            engine.settings.data, PlantBook(engine.settings.analyse.plants)
        ),
        plants=PlantBook(engine.settings.analyse.plants),
        limits=FollowedLimits(engine.ledger.signal_limits),
    )


def _attributes(ledger: Ledger) -> dict[str, Mapping[str, Any]]:
    """Return what the register says of vehicles and machines, which the apps look at."""
    return ledger.things.attributes("vehicle") | ledger.things.attributes("machine")


async def _start_room(engine: Engine, card: Driver) -> None:
    section = getattr(engine.settings, card.key)
    if not section.enabled:
        return
    module, _, name = card.start.partition(":")
    start = getattr(importlib.import_module(module), name)
    engine.rooms[card.key] = await start(section, _wiring(engine, card.key))


def _wiring(engine: Engine, room: str) -> Wiring:
    data = engine.settings.data
    return Wiring(
        engine.intake,
        engine.ledger.peers,
        engine.ledger.tags,
        SecretFiles(data),
        data / "rooms" / room,
        engine.ledger.things.operators_of,
        engine.ledger.audit.add_once,
    )


def _http_server(engine: Engine, key: str) -> tuple[uvicorn.Server, socket.socket]:
    section = engine.settings.clickhouse
    listener = socket.create_server((section.host, section.port), backlog=1024)
    config = uvicorn.Config(
        engine_app(engine, key, anonymous=section.anonymous_read and section.host == LOOPBACK),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,
    )
    return InnerServer(config), listener


async def _housekeeping(engine: Engine) -> None:
    """Drop rows past their keeping time and pick up changed registrations, for ever."""
    swept_at = revision = 0.0
    while True:
        now = time.time()
        try:
            if now - swept_at > HOUSEKEEPING_S:
                swept_at = now
                await asyncio.to_thread(retention.sweep, engine.warehouse, tables())
            fresh = await asyncio.to_thread(engine.ledger.things.revision)
            if fresh != revision:
                revision = fresh
                engine.intake.register(await asyncio.to_thread(engine.ledger.things.columns))
        except Exception:
            log.exception("housekeeping failed, tried again in %d s", THINGS_REFRESH_S)
        await asyncio.sleep(THINGS_REFRESH_S)


async def _close(engine: Engine) -> None:
    for room in engine.rooms.values():
        await room.stop()
    await asyncio.to_thread(engine.intake.stop)
    await asyncio.to_thread(engine.orders.stop)
    await asyncio.to_thread(engine.apps.stop)
    await asyncio.to_thread(engine.alarms.stop)
    engine.ledger.close()
    await asyncio.to_thread(engine.warehouse.close)
    engine.settings.run_file("engine").unlink(missing_ok=True)
    log.info("engine stopped")
