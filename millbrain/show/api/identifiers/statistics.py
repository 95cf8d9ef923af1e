"""What was answered and registered, by day, prefix, node and answer; reports of nodes below."""

import csv
import io
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core.limits import PREFIX_TEXT_MAX
from millbrain.core.nodes.reports import KINDS
from millbrain.show.access import AdminCaller, ViewerCaller
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter()
_BY: Final = ("day", "prefix", "kind", "code", "node")
Text = Annotated[str, Query(max_length=PREFIX_TEXT_MAX)]


class Count(BaseModel):
    """A sum; of what was told apart, each has its value."""

    model_config = ConfigDict(extra="ignore")
    day: date | None = None
    prefix: str | None = Field(default=None, description="Empty = prefixes that are not known.")
    kind: str | None = Field(default=None, description="resolved, registered or removed.")
    code: int | None = Field(default=None, description="Of an answer, as in the Handle protocol.")
    node: str | None = Field(default=None, description="Who counted it; empty = this node.")
    count: int


class Statistics(BaseModel):
    """Sums over a span of days."""

    from_: date = Field(alias="from")
    to: date
    rows: list[Count]
    kinds: dict[str, tuple[str, str]] = Field(description="Kinds, English and Chinese.")
    as_of: datetime


class Reports(BaseModel):
    """What is still to be told the node above, and who below has told what."""

    outbox: dict[str, Any]
    senders: list[dict[str, Any]]


@router.get(
    "/statistics", summary="Resolved and registered by day, prefix and node",
    response_model=Statistics,
)  # fmt: skip
def statistics(
    caller: ViewerCaller, use: Use,
    since: Annotated[date | None, Query(alias="from")] = None,
    to: date | None = None,
    by: Annotated[str, Query(max_length=64, description="day, prefix, kind, code, node.")] = "day",
    prefix: Text = "", node: Text = "",
    kind: Annotated[Literal[("", *KINDS)], Query()] = "",  # type: ignore[valid-type]  # data
    format: Literal["json", "csv"] = "json",
) -> object:  # fmt: skip
    """Return counts; of the whole node to its administrators, of a prefix to who may read it."""
    asked = {"from": since, "to": to, "prefix": prefix, "node": node, "kind": kind}
    told = orjson.loads(
        use.identifiers.face(caller, "GET", "/api/v1/node/statistics", by=by, **asked).content
    )
    if format == "csv":
        return _csv(told["rows"], [name for name in by.split(",") if name in _BY])
    return told | {"kinds": KINDS, "as_of": instant_now()}


@router.get("/reports", summary="Reports to the node above and from those below")
def reports(caller: AdminCaller, use: Use) -> Reports:
    """Return how far the reports have come."""
    told = orjson.loads(use.identifiers.face(caller, "GET", "/api/v1/node/reports").content)
    return Reports.model_validate(told)


def _csv(rows: list[dict[str, Any]], names: list[str]) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*names, "count"], extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    headers = {"Content-Disposition": 'attachment; filename="identifier-statistics.csv"'}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv", headers=headers)
