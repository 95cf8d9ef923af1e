"""The web process: pages and JSON API, without state of its own."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Mapping
from functools import partial
from zoneinfo import ZoneInfo

import uvicorn

import millbrain
from millbrain.analyse.inspection.app import rules
from millbrain.core.errors import SettingsError
from millbrain.decide.orders.model import OrderRules
from millbrain.decide.pay.app import Pay
from millbrain.decide.production.model import ProductionRules
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import open_server
from millbrain.run import logs, run_files
from millbrain.run.discovery import apps, room_pages
from millbrain.run.engine_http import INTERNAL_USER
from millbrain.run.ordering import calendar_of
from millbrain.run.packs import read_regions
from millbrain.run.plant.load import PlantBook
from millbrain.run.production import OrderMirror, ProductionKeeper
from millbrain.run.report.keeper import ShiftReports
from millbrain.run.scans import ResolverUplink, ScanKeeper
from millbrain.run.serving import run_loop
from millbrain.run.settings import LOOPBACK, Settings, prepare_data_folder
from millbrain.run.tags.rules import tag_rules
from millbrain.run.tags.secrets import SecretFiles
from millbrain.show.app import WebSettings, create_app
from millbrain.show.engine_client import EngineClient
from millbrain.show.resolver_client import ResolverClient

log = logging.getLogger(__name__)

ENGINE_WAIT_S = 60  # how long the web process waits for a starting engine to name its port


def engine_url(settings: Settings, key: str, *, wait_s: float = 0.0) -> str:
    """Return the URL of the running engine's HTTP port.

    Raises
    ------
    SettingsError
        No engine runs on this data folder within `wait_s`.
    """
    until = time.monotonic() + wait_s
    while True:
        found = run_files.read(settings.run_file("engine"))
        if found:
            port = found["ports"]["clickhouse"]
            host = settings.clickhouse.host if settings.clickhouse.host != "0.0.0.0" else LOOPBACK
            return f"http://{INTERNAL_USER}:{key}@{host}:{port}/millbrain"
        if time.monotonic() >= until:
            raise SettingsError(
                f"no engine is running on {settings.data}; start one with `millbrain engine`"
            )
        time.sleep(0.1)


def main(settings: Settings) -> None:
    """Serve pages and API until told to stop (SIGTERM or Ctrl-C)."""
    key = prepare_data_folder(settings)
    logs.to_file(settings.data / "log", "web")
    with logs.fatal(log):
        url = engine_url(settings, key, wait_s=ENGINE_WAIT_S)
        run_loop(_serve(settings, key, url))


async def _serve(settings: Settings, key: str, url: str) -> None:
    ledger = await asyncio.to_thread(_open_ledger, settings)
    warehouse = await asyncio.to_thread(open_server, settings.clickhouse.url or url)
    ports = partial(_ports, settings)
    uplink = ResolverUplink(ports, key, settings.decide.prefix)
    engine = EngineClient(url, key)
    scans = ScanKeeper(ledger, uplink, settings.time_zone, lambda: engine).start()
    rules_of_production = ProductionRules.of(settings.decide.production)
    plants = PlantBook(settings.analyse.plants)
    production = ProductionKeeper(
        ledger, uplink, plants, calendar_of(settings), rules_of_production,
    ).start()  # fmt: skip
    orders = OrderMirror(ledger.production, warehouse, plants).start()
    shifts = ShiftReports(warehouse, ledger, plants, settings.data, settings.time_zone).start()
    app = create_app(
        ledger=ledger,
        warehouse=warehouse,
        pages=room_pages(),
        settings=_web_settings(settings),
        engine=engine,
        lane=rules(),
        resolver=ResolverClient(ports, key),
        scanner=scans,
        desk=production,
        shifts=shifts,
        pay=Pay(ledger.pay, ledger.pay, ZoneInfo(settings.time_zone)),
    )
    listener = socket.create_server((settings.web.host, settings.web.port), backlog=1024)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.web.tls_certificate,
        ssl_keyfile=settings.web.tls_key,
    )
    server = uvicorn.Server(config)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, server.handle_exit)
    port = listener.getsockname()[1]
    run_files.write(settings.run_file("web"), {"web": port}, version=millbrain.__version__)
    print(f"web ready: {{'web': {port}}}", flush=True)
    try:
        await server.serve(sockets=[listener])
    finally:
        settings.run_file("web").unlink(missing_ok=True)
        await asyncio.to_thread(production.stop)
        await asyncio.to_thread(orders.stop)
        await asyncio.to_thread(scans.stop)
        await asyncio.to_thread(shifts.stop)
        warehouse.close()
        ledger.close()


def _web_settings(settings: Settings) -> WebSettings:
    return WebSettings(
        time_zone=settings.time_zone,
        secure=settings.web.tls_key is not None,
        regions=read_regions(settings.demo.pack),
        in_force=settings.model_dump(mode="json", exclude={"ledger": {"url"}}),
        apps=apps(),
        calendar=calendar_of(settings),
        clean_days=OrderRules.of(settings.decide.orders).clean_days,
        tag_rules=tag_rules(),
        secrets=SecretFiles(settings.data),
        plants=PlantBook(settings.analyse.plants),
    )


def _ports(settings: Settings) -> Mapping[str, int] | None:
    """Return the ports of the running resolver, which may be another one from now to then."""
    found = run_files.read(settings.run_file("resolver"))
    return found["ports"] if found else None


def _open_ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    ledger.migrate()
    password = ledger.accounts.first_run()
    if password:
        print(f"account admin, admin password: {password}  (shown only this once)", flush=True)
    return ledger
