"""The intake ledger, the links and the dead letters: of the whole platform, never of a scope."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from millbrain.show.access import WholeCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.queries import intake as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter(prefix="/intake", tags=["intake"])


class Day(BaseModel):
    """The ledger of one day of arrival (Beijing time) and one link."""

    day: str = Field(examples=["2026-11-22"])
    link: str = Field(examples=["city-01"])
    received: int
    stored: int
    duplicate: int
    rejected: int
    first_received_at: datetime | None
    committed_at: datetime | None


class CommitTimes(BaseModel):
    """From the arrival of a commit's oldest frame until it was on disk, over the last minute."""

    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


class Intake(BaseModel):
    """What came in and what became of it: received = stored + duplicate + rejected."""

    received: int = Field(examples=[247])
    stored: int = Field(examples=[247])
    duplicate: int
    rejected: int
    balanced: bool = Field(description="Whether the four agree.")
    rejected_by_reason: dict[str, int] = Field(examples=[{"checksum": 3}])
    noted_by_reason: dict[str, int] = Field(description="Notes on frames that were stored.")
    days: list[Day]
    rate_hz: float = Field(description="Frames taken in, mean of the last 10 s [1/s].")
    commit: CommitTimes = Field(description="Nulls where the engine does not answer.")
    engine: dict[str, Any] | None = Field(
        description="The intake's own account (queues, rates); null where it does not answer."
    )
    as_of: datetime


class Link(BaseModel):
    """An open link of a driver; keys differ a little by driver."""

    model_config = ConfigDict(extra="allow")
    room: str = Field("", examples=["gbt32960"])
    link: str = Field("", examples=["city-01"])


class Links(BaseModel):
    """The open links."""

    rows: list[Link]
    total: int
    as_of: datetime


class DeadLetter(BaseModel):
    """Bytes that could not become a fact."""

    received_at: datetime
    link: str
    reason: str = Field(examples=["checksum"])
    detail: str
    frame_count: int = Field(description="1 = a rejected frame, 0 = a note on a stored one.")
    size_bytes: int
    raw: str = Field(description="The bytes as hex, at most the first 4,096.")


@router.get("", summary="The intake ledger and its balance")
def intake(_: WholeCaller, use: Use) -> Intake:
    """Return totals, reasons, days and links, rate and commit times."""
    try:
        engine = use.engine.status().get("intake")
    except ConnectionError:
        engine = None
    rejected, noted = queries.reasons(use.warehouse)
    return Intake(
        **queries.totals(use.warehouse),
        rejected_by_reason=rejected,
        noted_by_reason=noted,
        days=[Day(**row) for row in queries.days(use.warehouse)],
        rate_hz=queries.rate_hz(use.warehouse),
        commit=_commit_times(engine),
        engine=engine,
        as_of=instant_now(),
    )


def _commit_times(engine: dict[str, Any] | None) -> CommitTimes:
    times = {name: (engine or {}).get(f"commit_{name}") for name in CommitTimes.model_fields}
    return CommitTimes(**times)


@router.get("/links", summary="Open links")
def links(_: WholeCaller, use: Use) -> Links:
    """Return the links that are open now; 503 where the engine does not answer."""
    rows = use.engine.links()
    return Links(rows=[Link(**row) for row in rows], total=len(rows), as_of=instant_now())


@router.get(
    "/dead-letters", summary="Refused bytes with their reason", response_model=Rows[DeadLetter]
)
def dead_letters(
    _: WholeCaller,
    use: Use,
    paging: Page,
    reason: Annotated[str, Query(max_length=64, description="Only this reason.")] = "",
    link: Annotated[str, Query(max_length=64, description="Only this link.")] = "",
) -> object:
    """Return dead letters, newest first."""
    rows, total = queries.dead_letters(use.warehouse, reason, link, paging.offset, paging.size)
    return paging.answer(rows, total)
