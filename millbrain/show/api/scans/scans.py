"""The scan: a part in, its values on the machine or the reason why not; and the list of scans."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from millbrain.core.errors import NotFoundError
from millbrain.core.scans.commands import RESULTS, Result
from millbrain.core.scans.recipes import CARRIED_OUT, LIFECYCLE, STATES, Asked, Scan, Scanner
from millbrain.show.access import OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.scans.answers import ScanAnswer, ScanAsked
from millbrain.show.errors import ErrorAnswer
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/scans", tags=["scans"])
_BUSY: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorAnswer, "description": "The station is busy with another scan."}
}


@router.post("", summary="Scan a part at a station", responses=_BUSY)
def scan(asked: ScanAsked, caller: OperatorCaller, use: Use) -> ScanAnswer:
    """Resolve the part, check, write its values to the station and read them back.

    Refused or failed is an answer too (200): `failed` and `result` say why. What is not known yet
    (`is_open`) is asked for by its id.
    """
    found = _scanner(use).scan(
        Asked(asked.id, asked.text, asked.station, caller.name, caller.operator)
    )
    return _answer(found)


@router.get("", summary="Search scans", response_model=Rows[ScanAnswer])
def scans(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    station: Annotated[str, Query(max_length=64)] = "",
    state: Annotated[Literal[("", *STATES)], Query(description="Empty = any.")] = "",  # type: ignore[valid-type]  # the states are data
    part: Annotated[str, Query(max_length=255, description="Key of the part.")] = "",
) -> object:
    """Return scans of the stations that the caller may see, newest first."""
    rows, total = use.ledger.scans.page(
        station, state, part, caller.operator, paging.offset, paging.size
    )
    return paging.answer([_answer(row) for row in rows], total)


@router.get("/{id}", summary="One scan")
def one(id: Annotated[str, Path(max_length=36)], caller: ViewerCaller, use: Use) -> ScanAnswer:
    """Return a scan as it stands now."""
    found = use.ledger.scans.get(id, caller.operator)
    if found is None:
        raise NotFoundError(f"no scan has the id {id!r}")
    return _answer(found)


def _scanner(use: Services) -> Scanner:
    if use.scanner is None:
        raise NotFoundError("this installation has no room for scans")
    return use.scanner


def _answer(found: Scan) -> ScanAnswer:
    titles = RESULTS[Result(found.result)] if found.result else ("", "")
    states = STATES[found.state]
    left = ("deadline", "place")
    told = {name: value for name, value in asdict(found).items() if name not in left}
    return ScanAnswer.model_validate(
        told | {
            "state_en": states[0], "state_zh": states[1], "result_en": titles[0],
            "result_zh": titles[1], "is_good": found.state in CARRIED_OUT,
            "is_open": found.state == LIFECYCLE.start,
        }
    )  # fmt: skip
