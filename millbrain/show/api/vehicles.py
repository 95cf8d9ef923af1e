"""The list of vehicles: search, filter, sort, page, export."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from millbrain.core import limits
from millbrain.core.facts import VEHICLE_LATEST
from millbrain.show.access import ViewerCaller
from millbrain.show.api.answers import Rows, VehicleRow
from millbrain.show.api.paging import Page
from millbrain.show.export import export_response
from millbrain.show.queries import vehicles as queries
from millbrain.show.services import Use

router = APIRouter(prefix="/vehicles", tags=["vehicles"])

Text = Annotated[str, Query(max_length=128)]


class RegionChoice(BaseModel):
    """A region in which there are vehicles."""

    code: str
    name: str
    name_zh: str


class Choices(BaseModel):
    """What the filters may be set to, most frequent first."""

    models: list[str]
    operators: list[str]
    regions: list[RegionChoice]


def _filter(
    caller: ViewerCaller,
    q: Annotated[str, Query(max_length=64, description="Part of a VIN, plate or model.")] = "",
    state: Literal["", "driving", "charging", "parked", "offline", "online"] = "",
    model: Text = "",
    operator: Text = "",
    region: Annotated[str, Query(max_length=16, description="Region code.")] = "",
    alarm_level: Annotated[int | None, Query(ge=0, le=255)] = None,
) -> queries.Filter:
    return queries.Filter(q, state, model, operator, region, alarm_level, caller.operator)


Which = Annotated[queries.Filter, Depends(_filter)]


@router.get(
    "",
    summary="Search, filter, sort and page vehicles; export them as CSV or XLSX",
    response_model=Rows[VehicleRow],  # type: ignore[valid-type]  # columns are data
)
def vehicles(
    which: Which,
    use: Use,
    paging: Page,
    sort: Annotated[str, Query(max_length=64, description="A column, or `state`.")] = "vin",
    order: Literal["asc", "desc"] = "asc",
    format: Annotated[
        Literal["json", "csv", "xlsx"],
        Query(description="csv and xlsx hold every matching vehicle in order of VIN."),
    ] = "json",
) -> object:
    """Return the newest state of the vehicles that the caller may see."""
    if format != "json":
        chunks = queries.export(use.warehouse, which, limits.EXPORT_ROWS_MAX)
        return export_response(chunks, format, "vehicles", VEHICLE_LATEST.columns)
    rows, total, as_of = queries.page(use.warehouse, which, sort, order, paging.offset, paging.size)
    return paging.answer([use.settings.with_region(row) for row in rows], total, as_of)


@router.get("/choices", summary="Values that the filters may take")
def choices(caller: ViewerCaller, use: Use) -> Choices:
    """Return models, operators and regions that occur, most frequent first."""
    found = queries.choices(use.warehouse, caller.operator)
    regions = [use.settings.region(code) for code in found["region_code"]]
    return Choices(
        models=found["model"],
        operators=found["operator"],
        regions=[RegionChoice(**{k: r[k] for k in ("code", "name", "name_zh")}) for r in regions],
    )
