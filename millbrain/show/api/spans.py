"""The span of device time that curves, tracks and frames are asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Query

from millbrain.core.errors import LimitError
from millbrain.core.times import iso
from millbrain.show.api.seen import Vehicle
from millbrain.show.queries.rows import instant_now

DAYS_MAX = 400  # vehicle_report keeps no more
_DAY_S = 86_400
_LAST_S = (1 << 32) - 1  # what a DateTime can hold


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Both ends included [s since 1970 UTC]."""

    from_s: int
    to_s: int

    def answer(self) -> dict[str, Any]:
        """Return the span as answers carry it."""
        return {"from": iso(self.from_s * 1000), "to": iso(self.to_s * 1000)}


def _span(
    found: Vehicle,
    from_: Annotated[
        datetime | None,
        Query(alias="from", description="ISO 8601 or seconds since 1970; default: a day earlier."),
    ] = None,
    to: Annotated[
        datetime | None, Query(description="The same; default: the vehicle's newest report.")
    ] = None,
) -> TimeSpan:
    newest = found.latest["device_at"] if found.latest else None
    default = datetime.fromisoformat(newest) if newest else instant_now()
    to_s = _seconds(to or default)
    from_s = _seconds(from_) if from_ else to_s - _DAY_S
    if not 0 <= from_s < to_s <= _LAST_S or to_s - from_s > DAYS_MAX * _DAY_S:
        raise LimitError(f"a span has `from` before `to` and lasts at most {DAYS_MAX} days")
    return TimeSpan(from_s, to_s)


def _seconds(at: datetime) -> int:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return int(aware.timestamp())


Span = Annotated[TimeSpan, Depends(_span)]
