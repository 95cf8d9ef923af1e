"""How the platform itself is doing, and what its data mean."""

import platform
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, Field

from millbrain import __version__
from millbrain.core.errors import StoreError
from millbrain.show.access import ViewerCaller, WholeCaller
from millbrain.show.queries import dictionary as dictionaries
from millbrain.show.queries import signals as known_signals
from millbrain.show.queries import system as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter(tags=["system"])

_Answer = TypeVar("_Answer")


class TableSize(BaseModel):
    """A warehouse table on disk."""

    name: str
    rows: int
    parts: int
    disk_bytes: int
    raw_bytes: int = Field(description="Size before compression.")


class Disk(BaseModel):
    """A disk of the warehouse."""

    name: str
    free_bytes: int
    total_bytes: int


class System(BaseModel):
    """Processes, stores, versions, settings. What did not answer is null or empty."""

    versions: dict[str, str]
    engine: dict[str, Any] | None = Field(description="The engine's own account; null = silent.")
    resolver: dict[str, Any] | None = Field(
        description="The resolver's own account; null = silent."
    )
    resolver_problem: str = Field(description="Why that is missing, else empty.")
    engine_problem: str = Field(description="Why the engine's account is missing, else empty.")
    warehouse_problem: str = Field(description="Why the warehouse's sizes are missing, else empty.")
    scans: dict[str, Any] | None = Field(
        description="Commands and events that wait, and what keeps them; null = none are made here."
    )
    tables: list[TableSize]
    disks: list[Disk]
    settings: dict[str, Any] = Field(description="Settings in force, without secrets.")
    as_of: datetime


@router.get("/system", summary="Processes, disk, versions, settings in force")
def system(caller: WholeCaller, use: Use) -> System:
    """Return how the platform is doing; a part that is down is named, not an error."""
    engine, engine_problem = _tried(use.engine.status)
    resolver, resolver_problem = _tried(lambda: use.identifiers.status(caller))
    tables, warehouse_problem = _tried(lambda: queries.tables(use.warehouse))
    disks, _problem = _tried(lambda: queries.disks(use.warehouse))
    version, _problem = _tried(lambda: queries.version(use.warehouse))
    return System(
        versions={
            "millbrain": __version__,
            "python": platform.python_version(),
            "clickhouse": version or "",
            "ledger": use.ledger.schema_version(),
        },
        engine=engine,
        engine_problem=engine_problem,
        resolver=resolver,
        resolver_problem=resolver_problem,
        warehouse_problem=warehouse_problem,
        scans=dict(use.scanner.status()) if use.scanner else None,
        tables=[TableSize(**t) for t in tables or ()],
        disks=[Disk(**d) for d in disks or ()],
        settings=dict(use.settings.in_force),
        as_of=instant_now(),
    )


def _tried(ask: Callable[[], _Answer]) -> tuple[_Answer | None, str]:
    try:
        return ask(), ""
    except (ConnectionError, StoreError) as e:
        return None, str(e)


class Code(BaseModel):
    """A value of a code list."""

    value: int
    name: str
    name_zh: str


class ColumnMeaning(BaseModel):
    """A column of a table."""

    name: str
    type: str = Field(description="ClickHouse type.")
    meaning: str
    meaning_zh: str
    unit: str
    quantity: str
    quantity_zh: str
    missing: bool = Field(description="Whether a row may have no value.")
    key: bool = Field(description="Whether it is part of the sorting key.")
    codes: list[Code]


class TableMeaning(BaseModel):
    """A table of the warehouse."""

    name: str
    meaning: str
    meaning_zh: str
    order_by: list[str]
    partition_by: str
    keep_days: int = Field(description="How long rows are kept; 0 = for ever.")
    columns: list[ColumnMeaning]


class SignalMeaning(BaseModel):
    """A signal that curves can show."""

    name: str
    title: str
    title_zh: str
    unit: str


class Dictionary(BaseModel):
    """What everything means."""

    tables: list[TableMeaning]
    signals: list[SignalMeaning]
    lists: list[str] = Field(description="Columns whose elements are signals: `cells_mv[17]`.")
    as_of: datetime


@router.get("/dictionary", summary="Tables, columns, units, code lists, signals")
def dictionary(_: ViewerCaller, use: Use) -> Dictionary:
    """Return the meaning of all data, from the declarations that the tables are made by."""
    return Dictionary(
        tables=[TableMeaning(**t) for t in dictionaries.dictionary(use.tables)],
        signals=[
            SignalMeaning(name=s.name, title=s.title, title_zh=s.title_zh, unit=s.unit)
            for s in known_signals.all_signals()
        ],
        lists=list(known_signals.lists()),
        as_of=instant_now(),
    )
