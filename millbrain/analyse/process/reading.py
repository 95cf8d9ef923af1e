"""Readings of a characteristic out of the warehouse, and its declaration as rows.

The page asks the same questions through its queries, so both see the same points.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from millbrain.analyse.process.calc.judge import Judged, Readings
from millbrain.analyse.process.tables import SPC_CHARACTERISTIC
from millbrain.core.columns import Columns
from millbrain.core.plant.charted import Charted, ChartKind
from millbrain.core.rooms import Facts

# A bad reading is no measurement; a value that is not there is no point.
KNOWN: Final = (
    "thing = {thing:String} AND signal = {signal:String}"
    " AND device_at >= fromUnixTimestamp64Milli({since:Int64}) AND quality > 0"
    " AND isNotNull(value)"
)
_ROWS: Final = (
    "SELECT toUnixTimestamp64Milli(r.device_at) AS at, r.value AS value, s.value AS size"
    f" FROM (SELECT device_at, value FROM reading WHERE {KNOWN} ORDER BY device_at %s"
    " LIMIT {rows:UInt32}) AS r"
    " LEFT JOIN (SELECT device_at, any(value) AS value FROM reading"
    " WHERE thing = {thing:String} AND signal = {size_signal:String} GROUP BY device_at) AS s"
    " ON s.device_at = r.device_at ORDER BY at"
)
_COUNT: Final = f"SELECT count() FROM reading WHERE {KNOWN}"


def given(c: Charted) -> dict[str, Any]:
    """Return the values that the questions about a characteristic take."""
    return {
        "thing": c.thing, "signal": c.signal, "since": c.since_ms, "size_signal": c.size_signal,
    }  # fmt: skip


def of(facts: Facts, c: Charted, points: int) -> tuple[Readings, Readings]:
    """Return the readings of phase I and the newest ones, of about so many points."""
    params = given(c)
    count = int(facts.query(_COUNT, params).column(0)[0].as_py())
    rows = points * c.subgroup
    return (
        _read(facts, c, "ASC", params | {"rows": c.baseline * c.subgroup}, 0),
        _read(facts, c, "DESC", params | {"rows": rows}, max(count - rows, 0)),
    )


def _read(facts: Facts, c: Charted, order: str, params: Mapping[str, Any], place: int) -> Readings:
    found = facts.query(_ROWS % order, params)
    at, value, size = (found.column(n).to_pylist() for n in ("at", "value", "size"))
    return readings_of(c, at, value, size, place)


def readings_of(
    c: Charted, at: Sequence[Any], value: Sequence[Any], size: Sequence[Any], place: int
) -> Readings:
    """Return readings from lists: instants [ms], values and sizes of which None is missing."""
    sizes = _floats(size) if c.size_signal else np.full(len(at), float(c.size or math.nan))
    return Readings(np.array(at, np.int64), _floats(value), sizes, place)


def _floats(values: Sequence[Any]) -> Any:
    return np.array([math.nan if v is None else v for v in values], np.float64)


def rows(
    states: Sequence[tuple[Charted, Judged | None, Sequence[str], bool]], as_of_ms: int
) -> Columns:
    """Return characteristics with how they stand as rows of `spc_characteristic`.

    states: characteristic, what was judged (None = no longer declared), broken rules, void.
    """
    made = [_row(c, judged, hits, is_void, as_of_ms) for c, judged, hits, is_void in states]
    return columns_of(made)


def columns_of(made: Sequence[Mapping[str, Any]]) -> Columns:
    """Return rows of `spc_characteristic` as columns."""
    values: dict[str, Any] = {}
    missing = {}
    for column in SPC_CHARACTERISTIC.columns:
        cells = [row[column.name] for row in made]
        if column.missing:
            missing[column.name] = np.array([not math.isfinite(c) for c in cells], np.bool_)
            cells = [c if math.isfinite(c) else 0 for c in cells]
        values[column.name] = np.array(cells, _DTYPES.get(column.kind, object))
    return Columns(len(made), values, missing)


_DTYPES: Final[Mapping[str, Any]] = {
    "u8": np.uint8, "u32": np.uint32, "u64": np.uint64, "f64": np.float64, "at_ms": np.int64,
}  # fmt: skip


def _row(
    c: Charted, judged: Judged | None, hits: Sequence[str], is_void: bool, as_of_ms: int
) -> dict[str, Any]:
    capability = judged.capability if judged else None
    index = capability.cpk if capability else None
    texts = ("thing", "signal", "title", "title_zh", "operator", "chart", "rules", "unit",
             "size_signal")  # fmt: skip
    plain = ("number", "lower", "upper", "target", "subgroup", "size", "baseline", "cpk_min")
    at_ms = judged.at_ms if judged else np.zeros(0)
    return {
        **{name: str(getattr(c, name)).encode() for name in texts},
        **{name: getattr(c, name) for name in plain},
        "since": c.since_ms,
        "given_centre": c.centre,
        "given_sigma": c.sigma,
        "points": judged.place + len(at_ms) if judged else 0,
        "last_at": int(at_ms[-1]) if len(at_ms) else math.nan,
        "hits": ",".join(hits).encode(),
        "cpk": index.value if index else math.nan,
        "cpk_low": index.low if index else math.nan,
        "cpk_high": index.high if index else math.nan,
        "as_of": as_of_ms,
        "is_void": int(is_void),
    }


def characteristic_of(row: Mapping[str, Any]) -> Charted:
    """Return a row of `spc_characteristic` as the characteristic that was declared."""

    def number(name: str) -> float:
        return math.nan if row[name] is None else float(row[name])

    return Charted(
        thing=row["thing"], signal=row["signal"], title=row["title"], title_zh=row["title_zh"],
        chart=ChartKind(row["chart"]), number=row["number"], unit=row["unit"],
        lower=number("lower"), upper=number("upper"), target=number("target"),
        subgroup=row["subgroup"], size=row["size"], size_signal=row["size_signal"],
        baseline=row["baseline"], centre=number("given_centre"), sigma=number("given_sigma"),
        cpk_min=row["cpk_min"], rules=row["rules"], operator=row["operator"],
    )  # fmt: skip
