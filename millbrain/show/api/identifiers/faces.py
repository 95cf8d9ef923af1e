"""What other faces of the resolver answer, passed on as they say it: trace, recall, labels.

Their routes stand in the READMEs of `millbrain/identify`; who asks is the caller, so an answer has
what the caller may read and no more.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core.limits import (
    IDENTIFIER_BYTES_MAX,
    PAGE_ROWS_MAX,
    TRACE_LEVELS_MAX,
    TRACE_THINGS_MAX,
)
from millbrain.show.access import ViewerCaller
from millbrain.show.resolver_client import FaceAnswer
from millbrain.show.services import Use

router = APIRouter()
_STARTS_MAX: Final = 50
_LABELS_ASKED_MAX: Final = 2_000
Thing = Annotated[str, Query(max_length=IDENTIFIER_BYTES_MAX)]
Rows = Annotated[int, Query(ge=1, le=PAGE_ROWS_MAX)]
After = Annotated[int, Query(ge=-1, le=TRACE_THINGS_MAX, description="Number of the last thing.")]


@router.get("/trace/{way}", summary="What a thing was made of, or what it went into")
def trace(
    way: Literal["parts", "uses"], caller: ViewerCaller, use: Use, thing: Thing,
    at: Annotated[str, Query(max_length=40, description="Instant, or `ever`; empty = now.")] = "",
    levels: Annotated[int, Query(ge=1, le=TRACE_LEVELS_MAX)] = 8,
    rows: Rows = 200, after: After = -1,
    format: Literal["json", "csv"] = "json",
) -> Response:  # fmt: skip
    """Walk the genealogy of a thing; things come level by level, with the edges to them."""
    more = {"format": format} if format == "csv" else {"perPage": rows, "after": _from(after)}
    return _passed(use.identifiers.face(
        caller, "GET", f"/trace/{way}/{quote(thing, safe='')}", at=at, levels=levels, **more
    ))  # fmt: skip


@router.get("/recall", summary="Everything that a lot, a serial or a station affects")
def recall(
    caller: ViewerCaller, use: Use,
    thing: Annotated[list[str] | None, Query(max_length=_STARTS_MAX)] = None,
    station: Thing = "",
    since: Annotated[datetime | None, Query(alias="from")] = None,
    before: datetime | None = None,
    rows: Rows = 200, after: After = -1,
    format: Literal["json", "csv"] = "json",
) -> Response:  # fmt: skip
    """List what is or was affected, each thing with the span in which it was."""
    span = {"from": _utc(since), "before": _utc(before)}
    more = {"format": format} if format == "csv" else {"perPage": rows, "after": _from(after)}
    return _passed(use.identifiers.face(
        caller, "GET", "/recall", thing=thing or None, station=station, **span, **more
    ))  # fmt: skip


class Serials(BaseModel):
    """Identifiers of a pattern; #### is the serial with leading zeros."""

    model_config = ConfigDict(extra="forbid")
    pattern: str = Field(max_length=IDENTIFIER_BYTES_MAX, examples=["88.100.1/P####"])
    from_: int = Field(alias="from", ge=0)
    to: int = Field(ge=0)


class LabelOrder(BaseModel):
    """A print: which identifiers, in which design, on what stock, as which file."""

    model_config = ConfigDict(extra="forbid")
    identifiers: list[str] = Field(default=[], max_length=_LABELS_ASKED_MAX)
    range: Serials | None = None
    design: str | dict[str, Any]
    stock: str | dict[str, Any]
    format: Literal["pdf", "svg", "zpl"] = "pdf"
    dpi: int | None = None
    page: int | None = Field(default=None, ge=1)
    skip: int | None = Field(default=None, ge=0)
    host: str | None = Field(default=None, max_length=200)


@router.get("/labels", summary="Designs, stocks and formats that labels can be printed in")
def labels(caller: ViewerCaller, use: Use) -> Response:
    """Return everything to choose from, with titles in two languages."""
    return _passed(use.identifiers.face(caller, "GET", "/labels"))


@router.post("/labels/sheets", summary="Print labels; each is read back before it is given")
def sheets(order: LabelOrder, caller: ViewerCaller, use: Use) -> Response:
    """Return a PDF, an SVG page or ZPL."""
    body = order.model_dump(by_alias=True, exclude_none=True)
    if order.range is not None:
        del body["identifiers"]
    return _passed(use.identifiers.face(caller, "POST", "/labels/sheets", body))


def _passed(answer: FaceAnswer) -> Response:
    media = answer.media or "application/json"
    return Response(answer.content, media_type=media, headers=dict(answer.told))


def _from(after: int) -> int | None:
    return after if after >= 0 else None


def _utc(at: datetime | None) -> str | None:
    if at is None:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
