"""The answers of the API as types: what OpenAPI shows is what leaves the server."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from millbrain.core.facts import VEHICLE_LATEST, VEHICLE_REPORT
from millbrain.core.tables import Column

_KINDS: Final[Mapping[str, Any]] = {
    "f32": float, "f64": float, "text": str, "name": str, "blob": str, "day": str,
    "at_s": datetime, "at_ms": datetime,
}  # fmt: skip

RowT = TypeVar("RowT")


class Rows(BaseModel, Generic[RowT]):
    """One page of a list."""

    rows: list[RowT]
    total: int = Field(description="Rows that match, over all pages.", examples=[2000])
    page: int = Field(description="Number of this page, from 1.", examples=[1])
    size: int = Field(description="Rows of a full page.", examples=[50])
    as_of: datetime = Field(description="Instant that the rows describe.")


class Done(BaseModel):
    """The change was made."""

    done: bool = True


def model_of(name: str, columns: Iterable[Column], **more: Any) -> type[BaseModel]:
    """Return the type of a row of declared columns, with the dictionary's words and codes."""
    fields: dict[str, Any] = {}
    for column in columns:
        kind: Any = _KINDS.get(column.kind, int)
        kind = list[kind | None] if column.many else kind | None
        unit = f" [{column.unit.symbol}]" if column.unit and column.unit.symbol else ""
        codes = "".join(f" {value} = {en}." for value, (en, _) in column.codes.items())
        words = f"{column.meaning}{unit}. {column.meaning_zh}.{codes}"
        fields[column.name] = (kind, Field(None, description=words))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **more, **fields)


_STATE: Final = (
    str,
    Field(description="driving, charging, parked, or offline: silent for over ten minutes."),
)
_REGION: Final = (str, Field(description="Name of the region, empty = none.", examples=["Yubei"]))
VehicleRow: Final = model_of(
    "VehicleRow", VEHICLE_LATEST.columns, state=_STATE, region=_REGION, region_zh=_REGION
)
ReportRow: Final = model_of(
    "ReportRow",
    (c for c in VEHICLE_REPORT.columns),
    cell_spread_mv=(int | None, Field(None, description="Highest minus lowest cell voltage [mV].")),
    temp_spread_degc=(int | None, Field(None, description="Highest minus lowest probe [°C].")),
)
