"""`create_app`: the web application, pages and JSON API over ledger, warehouse and engine."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from millbrain import __version__
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.life.inspections import LaneRules
from millbrain.core.pages import RoomPage
from millbrain.core.production.desk import ProductionDesk
from millbrain.core.production.pay import PayDesk
from millbrain.core.production.shift_report import ShiftDesk
from millbrain.core.scans.recipes import Scanner
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.show import errors
from millbrain.show.access import Access, page_viewer
from millbrain.show.api import (
    accounts,
    alarm_rules,
    alarms,
    audit,
    identifiers,
    intake,
    me,
    notices,
    orders,
    overview,
    peers,
    plant,
    production,
    readings,
    rooms,
    system,
    things,
    vehicle,
    vehicles,
)
from millbrain.show.api.life import inspections, record, replay
from millbrain.show.api.scans import recipes, scans, stations
from millbrain.show.api.tags import commands as machine_commands
from millbrain.show.api.tags import connections, tags
from millbrain.show.api.tags import limits as signal_limits
from millbrain.show.engine_client import EngineClient
from millbrain.show.exchange import routes as b2mml
from millbrain.show.pages import mount_pages
from millbrain.show.queries.overview import OverviewBoard
from millbrain.show.resolver_client import ResolverClient
from millbrain.show.services import Services, WebSettings
from millbrain.show.shield import Shield

__all__ = ["WebSettings", "create_app"]

_DESCRIPTION = (
    "Everything the pages show, for programs. Log in with a session cookie (POST /login),"
    " `Authorization: Bearer TOKEN`, or HTTP Basic. Instants are ISO 8601 in UTC; a name ends in"
    " its unit; null means that there is no value. Errors have one shape, whatever failed."
)
_ROUTERS = (me, overview, vehicles, vehicle, intake, system, things, accounts, peers, audit, alarms,
            alarm_rules, orders, notices, inspections, record, replay, readings,
            production, plant, identifiers, recipes, stations, scans, connections, tags,
            signal_limits, machine_commands, b2mml)  # fmt: skip


def create_app(
    ledger: Ledger,
    warehouse: Warehouse,
    pages: Sequence[RoomPage],
    settings: WebSettings,
    engine: EngineClient,
    lane: LaneRules | None = None,
    resolver: ResolverClient | None = None,
    scanner: Scanner | None = None,
    desk: ProductionDesk | None = None,
    pay: PayDesk | None = None,
    shifts: ShiftDesk | None = None,
) -> FastAPI:
    """Return the web application.

    Parameters
    ----------
    ledger, warehouse, engine
        Open stores and the engine's client; the caller closes them.
    pages
        Pages that rooms bring, in the order of the navigation.
    settings
        What the web process needs to know of the installation.
    lane
        The room that judges inspections, None = the lane is not available.
    resolver
        Asks the resolver; None = the installation runs none.
    scanner
        The room that turns scans into commands, None = nothing is scanned here.
    desk
        The room that keeps production, None = nothing is made here.
    pay
        The room that reckons pay, None = it is reckoned elsewhere.
    shifts
        Makes and keeps shift reports, None = nobody does.
    """
    app = FastAPI(
        title="Millbrain",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both viewers load their scripts from the internet
        redoc_url=None,
    )
    board = OverviewBoard(warehouse, settings.regions)
    app.state.access = Access(ledger, is_secure=settings.secure)
    app.state.services = Services(
        ledger,
        warehouse,
        engine,
        settings,
        SHARED_TABLES,
        board,
        lane,
        resolver,
        scanner,
        desk,
        pay,
        shifts,
    )
    api = APIRouter(prefix="/api/v1", responses=errors.RESPONSES)
    for module in _ROUTERS:
        api.include_router(module.router)
    api.include_router(rooms.router_of(pages))
    app.include_router(api)
    mount_pages(app, page_viewer, pages, settings.time_zone, settings.regions)
    errors.install(app)
    app.add_middleware(Shield, is_secure=settings.secure)
    return app
