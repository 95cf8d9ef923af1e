"""The overview of a city's vehicles."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from millbrain.show.access import ViewerCaller
from millbrain.show.services import Use

router = APIRouter(tags=["overview"])


class VehicleCounts(BaseModel):
    """Vehicles by state. connected = driving + charging + parked; known = connected + offline."""

    known: int
    connected: int = Field(description="Reported within the last ten minutes.")
    driving: int
    charging: int
    parked: int
    offline: int
    simulated: int


class OfflineCount(BaseModel):
    """Offline vehicles by how long they have been silent."""

    up_to_s: int | None = Field(description="Upper end of the bucket [s]; null = no end.")
    count: int


class SocCount(BaseModel):
    """Charges that began within the last day, by the state of charge at their start."""

    from_pct: int
    to_pct: int
    count: int


class AlarmCount(BaseModel):
    """Connected vehicles whose newest report carries this alarm level."""

    level: int
    count: int


class RegionCount(BaseModel):
    """Vehicles of a region; further keys are those of the region's declaration."""

    model_config = ConfigDict(extra="allow")
    code: str
    vehicles: int
    connected: int
    charging: int
    alarmed: int


class NewEvent(BaseModel):
    """A session event of the last day."""

    received_at: datetime
    vin: str
    event: str
    link: str
    plate: str
    model: str
    simulated: int


class Ledger(BaseModel):
    """Frames taken in and what became of them."""

    received: int
    stored: int
    duplicate: int
    rejected: int
    balanced: bool = Field(description="Whether received = stored + duplicate + rejected.")


class Overview(BaseModel):
    """The whole picture. What is counted by link is null for a caller with an organisation."""

    as_of: datetime
    vehicles: VehicleCounts
    offline: list[OfflineCount]
    charge_start_soc: list[SocCount]
    alarms: list[AlarmCount]
    regions: list[RegionCount]
    elsewhere: int = Field(description="Vehicles in none of the regions, or without a position.")
    events: list[NewEvent]
    rate_hz: float | None = Field(description="Frames taken in, mean of the last 10 s [1/s].")
    rate: list[tuple[datetime, float]] = Field(description="That rate over the last 10 min.")
    intake: Ledger | None
    links: int | None = Field(description="Links that brought frames today or yesterday.")


@router.get(
    "/overview", summary="Vehicles by state, region, alarm; newest events", response_model=Overview
)
def overview(caller: ViewerCaller, use: Use) -> object:
    """Return the picture of all vehicles the caller may see, at most a second old."""
    return use.overview.get(caller.operator)
