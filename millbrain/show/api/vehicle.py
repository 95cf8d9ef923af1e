"""One vehicle: newest values, curves, track, raw frames, events, commands."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.times import iso
from millbrain.show.access import OperatorCaller
from millbrain.show.api.answers import ReportRow, Rows, VehicleRow
from millbrain.show.api.paging import Page
from millbrain.show.api.seen import Vehicle, find
from millbrain.show.api.spans import Span
from millbrain.show.api.things import ThingAnswer
from millbrain.show.commanding import carry_out
from millbrain.show.queries import signals as known_signals
from millbrain.show.queries import track as tracks
from millbrain.show.queries import trend as trends
from millbrain.show.queries import vehicle as queries
from millbrain.show.queries.rows import Row, instant_now, now_ms
from millbrain.show.services import Use

router = APIRouter(prefix="/vehicles/{vin}", tags=["vehicle"])
ROOM = "gbt32960"
SIGNALS_MAX = 12


class LastDay(BaseModel):
    """What the vehicle did within the last 24 hours of its clock."""

    reports: int
    distance_km: float | None = Field(description="Difference of the odometer.")


class VehicleNow(BaseModel):
    """Everything that is known of a vehicle now; parts are null where there is nothing."""

    vin: str
    latest: VehicleRow | None = Field(description="The live row.")  # type: ignore[valid-type]  # columns are data
    thing: ThingAnswer | None = Field(description="What the register says.")
    report: ReportRow | None = Field(  # type: ignore[valid-type]  # columns are data
        description="Newest report; each block from the newest frame that carried it."
    )
    block_at: dict[int, datetime] = Field(
        description="Bit of `blocks` -> device time of the frame its values come from."
    )
    last_day: LastDay
    as_of: datetime


@router.get("", summary="A vehicle's newest values, every cell and probe included")
def vehicle(found: Vehicle, use: Use) -> VehicleNow:
    """Return the live row, the register's entry, and the newest report in full."""
    latest = found.latest
    near_ms = _ms(latest["received_at"]) if latest else None
    report = queries.report(use.warehouse, found.vin, near_ms)
    block_at = report.pop("block_at") if report else {}
    thing = use.ledger.things.get(found.vin)
    return VehicleNow(
        vin=found.vin,
        latest=VehicleRow(**latest) if latest else None,
        thing=ThingAnswer(**asdict(thing)) if thing else None,
        report=ReportRow(**report) if report else None,
        block_at=block_at,
        last_day=LastDay(**queries.day(use.warehouse, found.vin)),
        as_of=instant_now(),
    )


def _ms(text: str | None) -> int | None:
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else None


class Curve(BaseModel):
    """One signal over time; all lists have one length, null values break the line."""

    name: str = Field(examples=["soc_pct"])
    title: str
    title_zh: str
    unit: str = Field(examples=["%"])
    t: list[int] = Field(description="Instants [ms since 1970 UTC], ascending.")
    min: list[float | None] = Field(description="Lowest value around that instant.")
    max: list[float | None] = Field(description="Highest value around that instant.")
    avg: list[float | None] = Field(description="Mean value around that instant.")


class Trend(BaseModel):
    """Curves of one span."""

    signals: list[Curve]
    bucket_s: int = Field(description="Seconds that one point stands for; 1 = every report.")
    from_: datetime = Field(alias="from")
    to: datetime
    as_of: datetime


@router.get("/trend", summary="Curves of signals, reduced without losing extremes")
def trend(
    found: Vehicle,
    use: Use,
    span: Span,
    signals: Annotated[
        str,
        Query(
            max_length=1000,
            description="Names by comma; `cells_mv[17]` is one cell.",
            examples=["soc_pct,cell_spread_mv,cells_mv[17]"],
        ),
    ],
    points: Annotated[int, Query(ge=10, le=limits.TREND_POINTS_MAX)] = 1000,
) -> Trend:
    """Return lowest, highest and mean value per bucket; a gap in the data is a gap in the curve."""
    names = list(dict.fromkeys(n.strip() for n in signals.split(",") if n.strip()))
    if not 1 <= len(names) <= SIGNALS_MAX:
        raise LimitError(f"1 to {SIGNALS_MAX} signals make a chart; {len(names)} were asked for")
    wanted = [known_signals.signal(name) for name in names]
    curves, width_s = trends.trend(use.warehouse, found.vin, wanted, span.from_s, span.to_s, points)
    described = [
        Curve(name=s.name, title=s.title, title_zh=s.title_zh, unit=s.unit, **curve)
        for s, curve in zip(wanted, curves, strict=True)
    ]
    return Trend.model_validate(
        {"signals": described, "bucket_s": width_s, **span.answer(), "as_of": iso(now_ms())}
    )


class Track(BaseModel):
    """Where the vehicle has been."""

    points: list[tuple[int, float, float, float | None] | None] = Field(
        description="[ms since 1970 UTC, longitude, latitude, speed km/h]; null breaks the line."
    )
    from_: datetime = Field(alias="from")
    to: datetime
    as_of: datetime


@router.get("/track", summary="Positions over a span")
def track(found: Vehicle, use: Use, span: Span) -> Track:
    """Return valid positions, reduced by time and distance."""
    points = tracks.track(use.warehouse, found.vin, span.from_s, span.to_s)
    return Track.model_validate({"points": points, **span.answer(), "as_of": iso(now_ms())})


class Frame(BaseModel):
    """A frame as it arrived."""

    device_at: datetime
    received_at: datetime
    link: str
    size_bytes: int
    raw: str = Field(description="The frame as hex.", examples=["232302fe4c44"])


@router.get("/frames", summary="Raw frames", response_model=Rows[Frame])
def frames(
    found: Vehicle,
    use: Use,
    span: Span,
    size: Annotated[int, Query(ge=1, le=limits.PAGE_ROWS_MAX)] = 50,
) -> Row:
    """Return the newest raw frames of a span; they are kept for three days."""
    rows = queries.frames(use.warehouse, found.vin, span.from_s, span.to_s, size)
    return {"rows": rows, "total": len(rows), "page": 1, "size": size, "as_of": iso(now_ms())}


class Event(BaseModel):
    """A login, logout, heartbeat or answer."""

    device_at: datetime | None
    received_at: datetime
    link: str
    edition: int
    command: int
    event: str = Field(examples=["vehicle_login"])
    flag: int
    answer: int
    serial: int | None
    detail: str = Field(description="The decoded data unit as JSON.")


@router.get("/events", summary="Session events", response_model=Rows[Event])
def events(found: Vehicle, use: Use, paging: Page) -> Row:
    """Return logins, logouts and answers, newest first."""
    rows, total = queries.events(use.warehouse, found.vin, paging.offset, paging.size)
    return paging.answer(rows, total)


class CommandAnswer(BaseModel):
    """A command and what became of it."""

    id: int
    thing: str
    order: dict[str, Any]
    asked_by: str
    sent_at: datetime
    answered_at: datetime | None
    answer: dict[str, Any] | None
    state: str = Field(description="sent, answered or failed.")
    detail: str


class Order(BaseModel):
    """An order to a vehicle (GB/T 32960.3 clause 7: query, set, control)."""

    model_config = ConfigDict(extra="forbid")
    command: Literal["query", "set", "control"] = Field(examples=["query"])
    ids: list[int] | None = Field(None, description="query: parameters to read.", examples=[[1, 2]])
    values: dict[str, Any] | None = Field(None, description="set: parameter -> value.")
    id: int | None = Field(None, description="control: what to do.")
    params: dict[str, Any] | None = Field(None, description="control: its parameters.")
    edition: Literal[2016, 2025] | None = Field(None, description="Default: as it reports.")


@router.get("/commands", summary="Commands sent to it", response_model=Rows[CommandAnswer])
def commands(found: Vehicle, use: Use, paging: Page) -> Row:
    """Return commands to the vehicle, newest first."""
    rows, total = use.ledger.commands.page(found.vin, paging.offset, paging.size)
    return paging.answer([asdict(r) for r in rows], total)


@router.post("/commands", summary="Send a command and wait for its answer")
def send(
    vin: Annotated[str, Path(max_length=64)], order: Order, caller: OperatorCaller, use: Use
) -> CommandAnswer:
    """Send a command; 404 where the vehicle has no open link, 504 where it does not answer."""
    found = find(vin, caller, use)
    text = _order(order, found.latest)
    done = carry_out(use, caller, ROOM, found.vin, text, order.command)
    return CommandAnswer(**asdict(done))


def _order(order: Order, latest: Row | None) -> dict[str, Any]:
    """Return the order as the driver takes it; edition and link as the vehicle last reported."""
    known = {"edition": latest["edition"], "link": latest["link"]} if latest else {}
    return known | order.model_dump(exclude_none=True)
