"""The identifiers of a vehicle: its own record and those of its packs, in one answer."""

import re
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from millbrain.core.errors import MillbrainError
from millbrain.show.access import Caller, ViewerCaller
from millbrain.show.api.identifiers.answers import KeyAnswer, ValueAnswer
from millbrain.show.api.identifiers.resolve import shown
from millbrain.show.api.seen import Vehicle
from millbrain.show.errors import ResolverDownError
from millbrain.show.services import Services, Use

router = APIRouter()
_PACKS_MAX: Final = 4
_PACK: Final = re.compile("pack", re.IGNORECASE)


class RecordOfVehicle(BaseModel):
    """A record of a vehicle or of one of its packs."""

    kind: str = Field(description="vehicle or pack.")
    handle: str
    asked: KeyAnswer
    values: list[ValueAnswer]


class VehicleIdentifiers(BaseModel):
    """Records that stand for a vehicle and its packs; problem: why there are none, else empty."""

    vin: str
    records: list[RecordOfVehicle]
    problem: str


@router.get("/vehicles/{vin}", summary="Records of a vehicle and its packs")
def of_vehicle(found: Vehicle, caller: ViewerCaller, use: Use) -> VehicleIdentifiers:
    """Return the records; where the resolver is silent, the answer says so and is empty."""
    try:
        records = _records(found.vin, caller, use)
    except (ResolverDownError, MillbrainError) as error:
        return VehicleIdentifiers(vin=found.vin, records=[], problem=str(error))
    return VehicleIdentifiers.model_validate({"vin": found.vin, "records": records, "problem": ""})


def _records(vin: str, caller: Caller, use: Services) -> list[dict[str, Any]]:
    own = _record("vehicle", use.identifiers.resolve(caller, f"vin:{vin}"))
    if own is None:
        return []
    packs = [v["refers"] for v in own["values"] if v["refers"] and _PACK.search(v["type"])]
    found = [_record("pack", use.identifiers.resolve(caller, p)) for p in packs[:_PACKS_MAX]]
    return [own, *(pack for pack in found if pack is not None)]


def _record(kind: str, told: dict[str, Any]) -> dict[str, Any] | None:
    if told["state"] != "found":
        return None
    values = [shown(v) for v in told["values"]]
    return {"kind": kind, "handle": told["handle"], "asked": told["asked"], "values": values}
