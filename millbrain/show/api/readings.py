"""Readings of plant tags: newest values, curves, exports."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.plant.readings import READING
from millbrain.core.times import iso
from millbrain.core.units import Unit, unit_of
from millbrain.show.access import Caller, ViewerCaller
from millbrain.show.api.answers import Rows, model_of
from millbrain.show.api.paging import Page
from millbrain.show.export import export_response
from millbrain.show.queries import readings as queries
from millbrain.show.queries.rows import instant_now, now_ms
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/readings", tags=["readings"])

SIGNALS_MAX = 24
THINGS_SCOPED_MAX = 1_000  # things of one organisation whose values are listed together
Name = Annotated[str, Query(max_length=limits.READING_NAME_BYTES_MAX)]
LatestRow = model_of("ReadingLatestRow", queries.SHOWN)


class ReadingCurve(BaseModel):
    """One signal over time; all lists of numbers have one length, null values break the line."""

    signal: str = Field(examples=["spindle_speed_rpm"])
    unit: str = Field(description="By the suffix of its name, such as °C; may be empty.")
    quantity: str = Field(description="What it measures, by the same suffix; may be empty.")
    quantity_zh: str = Field(description="The same in Chinese.")
    t: list[int] = Field(description="Instants [ms since 1970 UTC], ascending.")
    min: list[float | None] = Field(description="Lowest value around that instant.")
    max: list[float | None] = Field(description="Highest value around that instant.")
    avg: list[float | None] = Field(description="Mean value around that instant.")
    count: list[int] = Field(description="Readings that the point stands for.")
    quality: list[int | None] = Field(description="Worst of their qualities: 192, 64, 0.")
    numbers: list[int] = Field(description="Readings among them that are a number.")
    texts: list[tuple[int, str]] = Field(description="When the text changed, and to what.")


class ReadingTrend(BaseModel):
    """Curves of one span."""

    thing: str
    curves: list[ReadingCurve]
    bucket_ms: int = Field(description="Width that one point stands for; 1 = every reading.")
    from_: datetime = Field(alias="from")
    to: datetime
    as_of: datetime


@router.get(
    "/latest",
    summary="Newest value of each signal; export them as CSV or XLSX",
    response_model=Rows[LatestRow],  # type: ignore[valid-type]  # columns are data
)
def latest(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    thing: Name = "",
    signals: Annotated[str, Query(max_length=2000, description="Names by comma.")] = "",
    q: Annotated[str, Query(max_length=64, description="Part of a thing or signal.")] = "",
    sort: Annotated[str, Query(max_length=64, description="A column.")] = "thing",
    order: Literal["asc", "desc"] = "asc",
    format: Literal["json", "csv", "xlsx"] = "json",
) -> object:
    """Return the newest values that the caller may see, some seconds old at most."""
    if sort not in queries.SORTS:
        raise NotFoundError(f"readings are not sorted by {sort!r}; by {', '.join(queries.SORTS)}")
    if thing and caller.operator:
        _see(thing, caller, use)
    mine = _things(caller, use) if caller.operator and not thing else None
    which = queries.Which(thing, _names(signals), q, mine)
    if format != "json":
        rows = queries.export_latest(use.warehouse, which)
        return export_response(rows, format, "readings_latest", queries.SHOWN)
    found, total = queries.latest(use.warehouse, which, sort, order, paging.offset, paging.size)
    if thing and not found:
        _see(thing, caller, use)
    # As it is: the columns are declared, and to check 200 rows again takes as long as to ask.
    return Response(orjson.dumps(paging.answer(found, total)), media_type="application/json")


@router.get(
    "",
    summary="Curves of a thing's signals; export the readings as CSV or XLSX",
    response_model=ReadingTrend,
)
def readings(
    caller: ViewerCaller,
    use: Use,
    thing: Name,
    signals: Annotated[
        str, Query(max_length=4000, description="Names by comma.", examples=["spindle_speed_rpm"])
    ],
    from_: Annotated[
        datetime | None,
        Query(alias="from", description="ISO 8601 or seconds since 1970; default: an hour before."),
    ] = None,
    to: Annotated[datetime | None, Query(description="The same; default: now.")] = None,
    points: Annotated[int, Query(ge=10, le=limits.TREND_POINTS_MAX)] = 1000,
    gap_s: Annotated[
        float, Query(ge=0, le=31_536_000, description="Pause that breaks the line; 0 = by itself.")
    ] = 0,
    format: Literal["json", "csv", "xlsx"] = "json",
) -> object:
    """Return lowest, highest and mean value per bucket; a gap in the data is a gap in the curve."""
    if caller.operator:
        _see(thing, caller, use)
    names = _names(signals)
    if not 1 <= len(names) <= SIGNALS_MAX:
        raise LimitError(f"1 to {SIGNALS_MAX} signals make a chart; {len(names)} were asked for")
    asked = queries.Asked(thing, names, *_span(from_, to))
    if format != "json":
        _see(thing, caller, use)
        rows = queries.export(use.warehouse, asked, limits.EXPORT_ROWS_MAX)
        return export_response(rows, format, "readings", queries.EXPORTED)
    curves, width_ms = queries.trend(use.warehouse, asked, points, round(gap_s * 1000))
    if not any(curve["t"] for curve in curves.values()):
        _see(thing, caller, use)
    worded = tuple(s for s in names if sum(curves[s]["numbers"]) < sum(curves[s]["count"]))
    texts = queries.changes(use.warehouse, replace(asked, signals=worded), points)
    drawn = [{"signal": s, "texts": texts.get(s, []), **_unit(s), **curves[s]} for s in names]
    return ReadingTrend.model_validate({
        "thing": thing, "curves": drawn, "bucket_ms": width_ms, "from": iso(asked.from_ms),
        "to": iso(asked.to_ms), "as_of": iso(now_ms()),
    })  # fmt: skip


def _unit(signal: str) -> dict[str, str]:
    known = unit_of(signal) or Unit("", "", "", "")
    return {
        "unit": known.symbol, "quantity": known.quantity, "quantity_zh": known.quantity_zh,
    }  # fmt: skip


def _see(thing: str, caller: Caller, use: Services) -> None:
    """Raise NotFoundError where the thing is unknown, or not of the caller's organisation.

    Callers who see everything are checked where nothing was found: what has readings is known.
    """
    registered = use.ledger.things.get(thing)
    if caller.operator:
        seen = registered is not None and registered.operator == caller.operator
    else:
        seen = registered is not None or queries.is_known(use.warehouse, thing)
    if not seen:
        raise NotFoundError(f"no thing {thing!r} is known")


def _things(caller: Caller, use: Services) -> tuple[str, ...]:
    rows, total = use.ledger.things.page(operator=caller.operator, size=THINGS_SCOPED_MAX)
    if total > THINGS_SCOPED_MAX:
        raise LimitError(
            f"{caller.operator} has {total} things; the values of {THINGS_SCOPED_MAX} are listed "
            "together at most, so ask for one thing"
        )
    return tuple(thing.id for thing in rows)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))


def _span(from_: datetime | None, to: datetime | None) -> tuple[int, int]:
    until = _aware(to or instant_now())
    since = _aware(from_) if from_ else until - timedelta(hours=1)
    longest = timedelta(days=READING.keep_days)
    if not timedelta() < until - since <= longest or since.year < 1971 or until.year > 2200:
        raise LimitError(
            f"a span has `from` before `to` and lasts at most {READING.keep_days} days"
        )
    return int(since.timestamp() * 1000), int(until.timestamp() * 1000)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
