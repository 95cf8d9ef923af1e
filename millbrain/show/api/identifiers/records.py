"""A record with its past: versions, what held at an instant, who changed it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from millbrain.core.limits import IDENTIFIER_BYTES_MAX
from millbrain.show.access import ViewerCaller
from millbrain.show.api.identifiers.answers import RecordAnswer
from millbrain.show.api.identifiers.resolve import shown
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter()


@router.get("/record", summary="A record, its versions and its audit lines")
def record(
    caller: ViewerCaller,
    use: Use,
    handle: Annotated[str, Query(max_length=IDENTIFIER_BYTES_MAX, examples=["88.100.1/P7"])],
    at: Annotated[datetime | None, Query(description="Instant to show; default: now.")] = None,
) -> RecordAnswer:
    """Return a record as it is, or was at an instant, with everything that changed it."""
    told = use.identifiers.record(caller, handle, _ms(at))
    return RecordAnswer.model_validate(
        {
            **told, "asked": told, "at": at, "values": [shown(v) for v in told["values"]],
            "versions": _versions(told["versions"]), "as_of": instant_now(),
            "lines": [{**_line(line), "at": _at(line.get("at_ms"))} for line in told["lines"]],
        }
    )  # fmt: skip


def _versions(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the versions with the instant from which each held: the end of the one before."""
    since: datetime | None = None
    found = []
    for version in told:
        until = _at(version["until_ms"])
        values = version["values"]
        found.append({
            "since": since, "until": until, "was_there": version["was_there"],
            "values": None if values is None else [shown(v) for v in values],
        })  # fmt: skip
        since = until
    return found


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    plain = {"who": "", "face": "", "from": "", "verb": "", "indexes": [], "hash": ""}
    return plain | {k: v for k, v in line.items() if v is not None}


def _at(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)


def _ms(at: datetime | None) -> int | None:
    if at is None:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
