"""Readings of plant tags: newest values of things, curves of signals, rows for an export.

A curve keeps lowest, highest and mean value of each bucket, so that no spike is lost, and the worst
quality. The line breaks where a signal was silent for much longer than usual and where it said that
it has no value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import Any, Final

import pyarrow as pa

from millbrain.core import limits
from millbrain.core.plant.readings import READING, READING_LATEST
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of

SHOWN: Final = tuple(
    c for c in READING_LATEST.columns
    if c.name not in ("device_at_max", "gap_from", "gap_to", "batch")
)  # fmt: skip
EXPORTED: Final = tuple(c for c in READING.columns if c.name not in ("batch", "frame_count"))
SORTS: Final = {c.name: c.name for c in SHOWN}
EXPORT_CHUNK_ROWS: Final = 100_000
GAP_FACTOR: Final = 5  # a pause so many times the usual one is a gap
_SHOWN: Final = ", ".join(c.name for c in SHOWN)
_AT: Final = "toUnixTimestamp64Milli(device_at)"
# A device clock may run ahead of the arrival by a day at most, which spares the days before.
_IN_SPAN: Final = (
    "thing = {thing:String} AND signal IN ({signals:Array(String)}) "
    "AND device_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') "
    "AND device_at <= fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') "
    "AND received_at >= fromUnixTimestamp64Milli({received_ms:Int64}, 'UTC')"
)

Curve = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Which:
    """Which series. Empty texts filter nothing. things: those that the caller may see, None = all.

    q: part of a thing's or signal's name.
    """

    thing: str = ""
    signals: tuple[str, ...] = ()
    q: str = ""
    things: tuple[str, ...] | None = None

    def sql(self) -> str:
        """Return the condition."""
        parts = []
        if self.thing:
            parts.append("thing = {thing:String}")
        if self.signals:
            parts.append("signal IN ({signals:Array(String)})")
        if self.q:
            parts.append("(positionCaseInsensitiveUTF8(thing, {q:String}) > 0"
                         " OR positionCaseInsensitiveUTF8(signal, {q:String}) > 0)")  # fmt: skip
        if self.things is not None:
            parts.append("thing IN ({things:Array(String)})")
        return " AND ".join(parts) or "1"

    def params(self) -> Row:
        """Return the values that the condition binds."""
        things = list(self.things or ())
        return {"thing": self.thing, "signals": list(self.signals), "q": self.q, "things": things}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which readings: signals of a thing between two device times [ms], both ends included."""

    thing: str
    signals: tuple[str, ...]
    from_ms: int
    to_ms: int

    def params(self) -> Row:
        """Return the values that `_IN_SPAN` binds."""
        return {
            "thing": self.thing, "signals": list(self.signals), "from_ms": self.from_ms,
            "to_ms": self.to_ms, "received_ms": self.from_ms - limits.READING_AHEAD_MS_MAX,
        }  # fmt: skip


def is_known(warehouse: Warehouse, thing: str) -> bool:
    """Whether a thing has ever sent a reading that is shown."""
    sql = "SELECT 1 AS n FROM reading_latest WHERE thing = {thing:String} LIMIT 1"
    return warehouse.query(sql, {"thing": thing}).num_rows > 0


def latest(
    warehouse: Warehouse, which: Which, sort: str, order: str, offset: int, size: int
) -> tuple[list[Row], int]:
    """Return one page of newest values and how many there are."""
    where, direction = which.sql(), "DESC" if order == "desc" else "ASC"
    page = (f"SELECT {_SHOWN}, count() OVER () AS rows_total FROM reading_latest FINAL "
            f"WHERE {where} ORDER BY {SORTS[sort]} {direction} NULLS LAST, thing, signal "
            "LIMIT {size:UInt32} OFFSET {offset:UInt32}")  # fmt: skip
    params = which.params() | {"size": size, "offset": offset}
    rows = rows_of(warehouse.query(page, params), SHOWN)
    totals = [row.pop("rows_total") for row in rows]
    if totals or not offset:
        return rows, max(totals, default=0)
    count = f"SELECT count() AS n FROM reading_latest FINAL WHERE {where}"
    return rows, rows_of(warehouse.query(count, which.params()))[0]["n"]


def export_latest(warehouse: Warehouse, which: Which) -> Iterator[pa.Table]:
    """Yield all newest values by thing and signal."""
    sql = (f"SELECT {_SHOWN} FROM reading_latest FINAL WHERE {which.sql()} ORDER BY thing, signal "
           f"LIMIT {limits.EXPORT_ROWS_MAX}")  # fmt: skip
    yield warehouse.query(sql, which.params())


def export(warehouse: Warehouse, asked: Asked, rows_max: int) -> Iterator[pa.Table]:
    """Yield the readings themselves by signal and device time, some at a time."""
    names = ", ".join(c.name for c in EXPORTED)
    after: tuple[str, int] = ("", 0)
    left = rows_max
    while left > 0:
        size = min(left, EXPORT_CHUNK_ROWS)
        sql = (f"SELECT {names} FROM reading WHERE {_IN_SPAN} "
               "AND (signal, device_at) > ({signal:String}, "
               "fromUnixTimestamp64Milli({at:Int64}, 'UTC')) "
               "ORDER BY signal, device_at LIMIT {size:UInt32}")  # fmt: skip
        params = asked.params() | {"signal": after[0], "at": after[1], "size": size}
        chunk = warehouse.query(sql, params)
        if chunk.num_rows:
            yield chunk
            last = chunk.column("device_at")[-1].cast(pa.timestamp("ms", "UTC")).value
            after = (_text(chunk.column("signal")[-1].as_py()), int(last or 0))
        left -= chunk.num_rows
        if chunk.num_rows < size:
            return


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def trend(
    warehouse: Warehouse, asked: Asked, points: int, gap_ms: int = 0
) -> tuple[dict[str, Curve], int]:
    """Return a curve per signal, and the width of a bucket [ms].

    Parameters
    ----------
    warehouse, asked
        What of which thing.
    points
        How many buckets at most; where the signals have no more readings than so many each, taken
        together, each reading is a point of its own at its own instant.
    gap_ms
        A longer pause breaks the line [ms]; 0 = `GAP_FACTOR` times the usual one.

    Returns
    -------
    dict, int
        Signal -> `t` [ms since 1970], `min`, `max`, `avg`, `count`, `quality` (the worst) and
        `numbers` (readings that are one), of one length; None among the values breaks the line.
    """
    rows = _reduced(warehouse, asked, points)
    width_ms = rows[0]["width"] if rows else 1
    found = {s: _curve(list(mine), gap_ms) for s, mine in _by_signal(rows)}
    return {s: found.get(s) or _curve([], gap_ms) for s in asked.signals}, width_ms


def _by_signal(rows: Sequence[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    return groupby(rows, lambda r: r["signal"])


def _reduced(warehouse: Warehouse, asked: Asked, points: int) -> list[Row]:
    # Counting stops as soon as there are too many to be shown one by one.
    sql = f"""
        WITH (SELECT count() FROM (SELECT 1 FROM reading WHERE {_IN_SPAN}
                                   LIMIT {{few:UInt64}} + 1)) AS counted,
             if(counted <= {{few:UInt64}}, toInt64(1), {{width:Int64}}) AS step
        SELECT signal, intDiv(t - {{from_ms:Int64}}, step) AS bucket, min(t) AS first,
               max(t) AS last, count() AS count, count(value) AS n, min(value) AS low,
               max(value) AS high, avg(value) AS mean, min(quality) AS quality, any(step) AS width
        FROM (SELECT signal, {_AT} AS t, value, quality FROM reading WHERE {_IN_SPAN})
        GROUP BY signal, bucket ORDER BY signal, bucket"""
    width_ms = -(-(asked.to_ms - asked.from_ms + 1) // points)
    more = {"few": points * len(asked.signals), "width": width_ms}
    return rows_of(warehouse.query(sql, asked.params() | more))


def _curve(rows: Sequence[Row], gap_ms: int) -> Curve:
    curve: Curve = {n: [] for n in ("t", "min", "max", "avg", "count", "quality", "numbers")}
    longest_ms = gap_ms or _usual_pause_ms(rows) * GAP_FACTOR
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and row["first"] - before["last"] > longest_ms:
            _add(curve, (row["first"] + before["last"]) // 2, {}, 0)
        _add(curve, (row["first"] + row["last"]) // 2, row, row["count"])
    return curve


def _usual_pause_ms(rows: Sequence[Row]) -> float:
    """Return the median pause; within a bucket only its mean pause is known."""
    outer = [b["first"] - a["last"] for a, b in pairwise(rows)]
    inner = [(r["last"] - r["first"]) / (r["count"] - 1) for r in rows if r["count"] > 1]
    return float(median([p for p in (*outer, *inner) if p > 0] or [1.0]))


def _add(curve: Curve, at_ms: int, row: Row, count: int) -> None:
    has_value = bool(row.get("n"))
    curve["t"].append(at_ms)
    for name, key in (("min", "low"), ("max", "high"), ("avg", "mean")):
        curve[name].append(row[key] if has_value else None)
    curve["count"].append(count)
    curve["quality"].append(row.get("quality"))
    curve["numbers"].append(row.get("n", 0))


def changes(warehouse: Warehouse, asked: Asked, points: int) -> dict[str, list[tuple[int, str]]]:
    """Return when the texts of signals changed: signal -> (instant [ms], text), newest `points`."""
    if not asked.signals:
        return {}
    sql = f"""
        SELECT signal, t, text FROM (
            SELECT signal, {_AT} AS t, text,
                   lagInFrame(text, 1, '') OVER (PARTITION BY signal ORDER BY device_at) AS before
            FROM reading WHERE {_IN_SPAN} AND text != '')
        WHERE text != before ORDER BY signal, t DESC LIMIT {{points:UInt32}} BY signal"""
    rows = rows_of(warehouse.query(sql, asked.params() | {"points": points}))
    found: dict[str, list[tuple[int, str]]] = {s: [] for s in asked.signals}
    for row in reversed(rows):
        found[row["signal"]].append((row["t"], row["text"]))
    return found
