"""From Arrow answers to plain rows, and the few pieces of SQL that several subjects share."""

import math
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from millbrain.core.tables import Column
from millbrain.core.times import iso, isos, utc_from_epoch

Row = dict[str, Any]
_FIRST_DAY: Final = date(1970, 1, 1)
ONLINE_MS: Final = 10 * 60 * 1000  # a vehicle that reported within is connected


def now_ms() -> int:
    """Return the instant now [ms since 1970 UTC]."""
    return time.time_ns() // 1_000_000


def instant_now() -> datetime:
    """Return the instant now, aware UTC, to the millisecond."""
    return utc_from_epoch(now_ms() / 1000)


def rows_of(answer: pa.Table, columns: Iterable[Column] = ()) -> list[Row]:
    """Return an answer as dictionaries fit for JSON.

    Times become ISO 8601 texts, bytes become text, NaN and NULL become None. columns: declarations
    by which whole seconds and days are known as such.
    """
    kinds = {c.name: c.kind for c in columns}
    values = [
        _column(answer.column(i), kinds.get(name, "")) for i, name in enumerate(answer.column_names)
    ]
    return [dict(zip(answer.column_names, row, strict=True)) for row in zip(*values, strict=True)]


def _column(column: Any, kind: str) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ms":
        at_ms = column.cast(pa.int64()).fill_null(0).to_numpy()
        return [text if at else None for at, text in zip(at_ms, isos(at_ms), strict=True)]
    return _plain(_exact(column).to_pylist(), kind)


def _exact(column: Any) -> Any:
    """Return 4-byte floats as the shortest 8-byte ones: 42.3, not 42.29999924."""
    if column.type == pa.float32():
        return column.cast(pa.string()).cast(pa.float64())
    if column.type == pa.list_(pa.float32()):
        whole = column.combine_chunks()
        values = whole.values.cast(pa.string()).cast(pa.float64())
        return pa.chunked_array([pa.ListArray.from_arrays(whole.offsets, values)])
    return column


def _plain(values: list[Any], kind: str) -> list[Any]:
    first = next((v for v in values if v is not None), None)
    convert: Callable[[Any], Any] | None = None
    if kind == "at_s" and isinstance(first, int):
        convert = _from_seconds
    elif isinstance(first, datetime):
        convert = _from_datetime
    elif isinstance(first, date) or (kind == "day" and isinstance(first, int)):
        convert = _from_day
    elif isinstance(first, bytes):
        convert = _from_bytes
    elif isinstance(first, float):
        convert = _from_float
    elif isinstance(first, list):
        return [None if v is None else _plain(v, kind) for v in values]
    return values if convert is None else [None if v is None else convert(v) for v in values]


def _from_seconds(value: int) -> str | None:
    return iso(value * 1000) if value else None  # 0 = the column's default: never


def _from_day(value: date | int) -> str:
    day = value if isinstance(value, date) else _FIRST_DAY + timedelta(days=value)
    return day.isoformat()


def _from_datetime(value: datetime) -> str | None:
    return iso(value.timestamp() * 1000) if value.timestamp() else None


def _from_bytes(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _from_float(value: float) -> float | None:
    return value if math.isfinite(value) else None


def scope_sql(scope: str) -> str:
    """Return the condition that keeps a scoped caller to its vehicles; bind `scope` with it."""
    return "operator = {scope:String}" if scope else "1"


# The picture of `vehicle_latest` is seconds old; whether a vehicle is connected is asked now.
STATE_SQL: Final = (
    "multiIf(received_at < fromUnixTimestamp64Milli({now:Int64} - {online:Int64}, 'UTC'),"
    " 'offline', charge_state = 1, 'charging', vehicle_state = 1, 'driving', 'parked')"
)


def state_params() -> Row:
    """Return the values that `STATE_SQL` binds."""
    return {"now": now_ms(), "online": ONLINE_MS}
