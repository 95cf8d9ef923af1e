"""Where a record leads within the platform: the vehicle that it is or belongs to, its alarms."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

from millbrain.core.alarms import ANNOUNCED
from millbrain.core.errors import NotFoundError, StoreError
from millbrain.core.keys import parse
from millbrain.record.ledger import AlarmFilter
from millbrain.show.access import Caller
from millbrain.show.api.seen import find
from millbrain.show.services import Services

_VEHICLES_MAX: Final = 4
_TYPES: Final = ("VIN", "VEHICLE", "PART_OF", "INSTALLED_IN")


class VehicleLink(BaseModel):
    """A vehicle that a record is, or belongs to, as far as the caller may see it."""

    vin: str
    is_itself: bool = Field(description="The record is that of the vehicle.")
    plate: str
    model: str
    state: str = Field(description="driving, charging, parked, offline; empty = not seen yet.")
    soc_pct: float | None
    simulated: bool
    alarms: int = Field(description="Alarms that are announced now.")


def vehicles_of(told: Mapping[str, Any], caller: Caller, use: Services) -> list[VehicleLink]:
    """Return the vehicles that a resolved record leads to, itself first."""
    own = set(_vins([told["asked"], *told["aliases"]]))
    others = [vin for value in told["values"] for vin in _named(value) if vin not in own]
    found = []
    for vin in [*sorted(own), *dict.fromkeys(others)][:_VEHICLES_MAX]:
        try:
            latest = find(vin, caller, use).latest or {}
        except (NotFoundError, StoreError):
            continue  # not a vehicle that the caller may see, or nobody can say
        found.append(
            VehicleLink(
                vin=vin, is_itself=vin in own, plate=latest.get("plate") or "",
                model=latest.get("model") or "", state=latest.get("state") or "",
                soc_pct=latest.get("soc_pct"), simulated=bool(latest.get("simulated")),
                alarms=_alarms(vin, caller, use),
            )
        )  # fmt: skip
    return found


def _vins(keys: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (key["value"] for key in keys if key["scheme"] == "vin")


def _named(value: Mapping[str, Any]) -> Iterator[str]:
    text = value["data"]["value"] if value["type"].upper() in _TYPES else None
    if not isinstance(text, str):
        return
    try:
        key = parse(text if ":" in text or "/" in text else f"vin:{text}")
    except ValueError:
        return
    if key.scheme == "vin":
        yield key.value


def _alarms(vin: str, caller: Caller, use: Services) -> int:
    which = AlarmFilter(caller.operator, ANNOUNCED, (), "", "", vin, "", None, None)
    return use.ledger.alarms.page(which, 0, 1, "raised_at", False)[1]
