"""The audit trail."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from millbrain.show.access import AdminCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.services import Use

router = APIRouter(tags=["audit"])


class Entry(BaseModel):
    """Who did what."""

    id: int
    at: datetime
    who: str
    from_where: str = Field(description="Network address.")
    what: str = Field(examples=["account.add"])
    object: str
    result: str


@router.get("/audit", summary="Who did what", response_model=Rows[Entry])
def audit(
    _: AdminCaller,
    use: Use,
    paging: Page,
    who: Annotated[str, Query(max_length=64)] = "",
    what: Annotated[str, Query(max_length=64)] = "",
    since: datetime | None = None,
) -> object:
    """Return the trail, newest first."""
    at = since.replace(tzinfo=UTC) if since and since.tzinfo is None else since
    rows, total = use.ledger.audit.page(who, what, at, paging.offset, paging.size)
    return paging.answer([asdict(r) for r in rows], total)
