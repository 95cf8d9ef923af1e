"""Stations that parts are scanned at, and who is qualified for what."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path

from millbrain.core.errors import LimitError
from millbrain.core.scans.recipes import Job, Station
from millbrain.show.access import AdminCaller, ViewerCaller
from millbrain.show.api.answers import Done
from millbrain.show.api.scans.answers import (
    QualificationAnswer,
    QualificationFields,
    StationAnswer,
    StationFields,
)
from millbrain.show.errors import ApiError
from millbrain.show.services import Use

router = APIRouter(tags=["scans"])
_Name = Annotated[str, Path(pattern=r"^[!-.0-~]{1,64}$")]


@router.get("/stations", summary="Stations")
def stations(caller: ViewerCaller, use: Use) -> list[StationAnswer]:
    """Return the stations that the caller may see; addresses of controllers to administrators."""
    found = use.ledger.recipes.stations(caller.operator)
    return [_answer(s, is_shown=caller.role == "admin") for s in found]


@router.put("/stations/{name}", summary="Set a station")
def put_station(name: _Name, fields: StationFields, caller: AdminCaller, use: Use) -> StationAnswer:
    """Keep a station in place of the one of its name: address, tools, what it works on."""
    known = use.ledger.recipes.station(name)
    if caller.operator and caller.operator not in (known.operator if known else fields.operator,):
        raise ApiError(403, "refused", f"{name} is not of {caller.operator}")
    told = fields.model_dump() | {"job": Job(**_job(fields))}
    if caller.operator:
        told["operator"] = caller.operator
    station = Station(name=name, **told)
    use.ledger.recipes.put_station(station)
    said = f"{station.address} {station.tool_set} {station.job.part_type}"
    use.ledger.audit.add(caller.name, caller.address, "station.set", name, said)
    return _answer(station, is_shown=True)


@router.get("/qualifications", summary="Who is qualified for what")
def qualifications(caller: AdminCaller, use: Use) -> list[QualificationAnswer]:
    """Return every qualification with its last day."""
    return [QualificationAnswer(account=a, qualification=q, until=u)
            for a, q, u in use.ledger.recipes.qualifications()]  # fmt: skip


@router.put("/qualifications/{account}/{qualification}", summary="Set a qualification")
def put_qualification(
    account: _Name, qualification: _Name, fields: QualificationFields, caller: AdminCaller, use: Use
) -> Done:
    """Say until when an account has a qualification; null takes it away."""
    if caller.operator:
        raise ApiError(403, "refused", f"this is not divided; you see {caller.operator} only")
    try:
        until = date.fromisoformat(fields.until).isoformat() if fields.until else ""
    except ValueError as e:
        raise LimitError(f"until {fields.until!r}: {e}") from e
    use.ledger.recipes.put_qualification(account, qualification, until)
    use.ledger.audit.add(caller.name, caller.address, "qualification.set", account,
                         f"{qualification} until {until or 'now'}")  # fmt: skip
    return Done()


def _job(fields: StationFields) -> dict[str, Any]:
    return fields.job.model_dump() | {"lots": tuple(fields.job.lots)}


def _answer(station: Station, *, is_shown: bool) -> StationAnswer:
    told = asdict(station) | {"address": station.address if is_shown else ""}
    return StationAnswer.model_validate(told | {"job": asdict(station.job)})
