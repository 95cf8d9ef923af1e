"""What every route works with, made once per application and found through the request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from millbrain.core.errors import NotFoundError
from millbrain.core.life.inspections import LaneRules
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.secrets import NoSecrets, Secrets
from millbrain.core.production.desk import ProductionDesk
from millbrain.core.production.pay import PayDesk
from millbrain.core.production.shift_report import ShiftDesk
from millbrain.core.rooms import App
from millbrain.core.scans.recipes import Scanner
from millbrain.core.tables import Table
from millbrain.core.tagging.rules import TagRules
from millbrain.core.work.working_time import WorkingCalendar, china
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.show.engine_client import EngineClient
from millbrain.show.errors import ResolverDownError
from millbrain.show.queries.overview import OverviewBoard
from millbrain.show.resolver_client import ResolverClient


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the web process needs to know of the installation.

    secure: it is reached over TLS, so cookies say so. regions: each with code, name, name_zh
    and what the tile map needs. in_force: settings for display, without secrets. apps: cards of the
    rooms that find something, with the names of what they find. calendar: when people work.
    clean_days: after which a work order closes [d], None = not known here. tag_rules: the rooms
    that have connections and tags, and what these may look like. secrets: where the passwords of
    connections are kept. plants: those that are known.
    """

    time_zone: str = "Asia/Shanghai"
    secure: bool = False
    regions: Sequence[Mapping[str, Any]] = ()
    in_force: Mapping[str, Any] = field(default_factory=dict)
    apps: Sequence[App] = ()
    calendar: WorkingCalendar = field(default_factory=lambda: china(ZoneInfo("Asia/Shanghai")))
    clean_days: int | None = None
    tag_rules: TagRules = field(default_factory=TagRules)
    secrets: Secrets = field(default_factory=NoSecrets)
    plants: Callable[[], Sequence[Plant]] = tuple

    def region(self, code: str) -> Mapping[str, Any]:
        """Return a region by its code; an unknown one is named by its code."""
        known = next((r for r in self.regions if r["code"] == code), None)
        return known or {"code": code, "name": code, "name_zh": code}

    def with_region(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a vehicle's row with the names of its region, empty where it is in none."""
        region = self.region(row["region_code"] or "")
        return row | {"region": region["name"], "region_zh": region["name_zh"]}


@dataclass(frozen=True, slots=True)
class Services:
    """The stores, the other processes and the settings.

    lane: None where no room judges inspections. resolver: None where the installation has none.
    scanner: None where no room turns scans into commands. production: None where no room keeps
    production.
    """

    ledger: Ledger
    warehouse: Warehouse
    engine: EngineClient
    settings: WebSettings
    tables: Sequence[Table]
    overview: OverviewBoard
    lane: LaneRules | None = None
    resolver: ResolverClient | None = None
    scanner: Scanner | None = None
    production: ProductionDesk | None = None
    pay: PayDesk | None = None
    shift_desk: ShiftDesk | None = None

    @property
    def shifts(self) -> ShiftDesk:
        """The shift reports; NotFoundError where the installation writes none."""
        if self.shift_desk is None:
            raise NotFoundError("this installation writes no shift reports")
        return self.shift_desk

    @property
    def pay_desk(self) -> PayDesk:
        """The room of pay; NotFoundError where the installation has none."""
        if self.pay is None:
            raise NotFoundError("this installation reckons no pay")
        return self.pay

    @property
    def identifiers(self) -> ResolverClient:
        """The resolver; ResolverDownError where the installation has none."""
        if self.resolver is None:
            raise ResolverDownError("this installation runs no resolver")
        return self.resolver

    @property
    def desk(self) -> ProductionDesk:
        """The room of production; NotFoundError where the installation has none."""
        if self.production is None:
            raise NotFoundError("this installation keeps no production")
        return self.production


def services_of(request: Request) -> Services:
    """Return the services of the application that answers the request."""
    services: Services = request.app.state.services
    return services


Use = Annotated[Services, Depends(services_of)]
