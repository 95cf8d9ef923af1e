"""The table `battery_day`: the state of every pack and day on disk, and what it means.

A row is a version. Its `batch` says that it has every commit up to that one and none after, so
that whoever reads commits again knows for each row which of them it already has. `as_of` orders
versions and only ever grows, also where the clock was set back.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc import kernels as k
from millbrain.analyse.battery.calc.curve import consistency_by_day
from millbrain.analyse.battery.calc.days import stack
from millbrain.analyse.battery.calc.places import KEY, Keys
from millbrain.analyse.battery.calc.sums import Block
from millbrain.analyse.battery.tables import BATTERY_DAY, BATTERY_PROGRESS
from millbrain.core.columns import Columns, Ragged, concat
from millbrain.core.rooms import Facts
from millbrain.core.tables import Table, arrow_batch

ROWS_AT_ONCE_MAX: Final = 2_000  # of one insert or one look-up: about 10 MB
_TASK: Final = b"stream"
_KEYS: Final = (
    f"toFixedString(vin, {reading.VIN_BYTES}) AS vin_, pack_no AS pack_no_, "
    "toUInt16(day) AS day_, cell_count AS cell_count_"
)
_STATE: Final = (
    f"{_KEYS}, batch AS batch_, head AS head_, cell_sums AS cell_sums_, cell_loads AS cell_loads_, "
    "cell_tallies AS cell_tallies_, cell_bounds AS cell_bounds_"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of one number of cells, and for each the newest commit that is part of it."""

    block: Block
    batch: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the app is. batch: every row has all commits up to it. judged_ms: see the table."""

    batch: int
    judged_ms: int


class DaysStore:
    """Reads and writes `battery_day` and the app's progress. Used by one thread."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._as_of_ms: int | None = None  # not asked yet: whoever has an instant need not ask

    @property
    def newest_ms(self) -> int:
        """Youngest version that is known to be on disk [ms since 1970 UTC]."""
        if self._as_of_ms is None:
            self._as_of_ms = newest_ms(self._facts, (BATTERY_DAY, BATTERY_PROGRESS))
        return self._as_of_ms

    def next_as_of_ms(self) -> int:
        """Return the clock, or a millisecond after the last answer where that is later [ms]."""
        self._as_of_ms = max(int(time.time() * 1000), self.newest_ms + 1)
        return self._as_of_ms

    def progress(self) -> Progress | None:
        """Return how far the app is, None where it never ran here."""
        sql = (
            "SELECT batch, toUnixTimestamp64Milli(judged_at) AS judged_ms FROM battery_progress "
            "FINAL WHERE task = {task:String}"
        )
        rows = self._facts.query(sql, {"task": _TASK.decode()}).to_pylist()
        return Progress(rows[0]["batch"], rows[0]["judged_ms"]) if rows else None

    def write_progress(self, progress: Progress) -> None:
        """Store how far the app is; on disk when this returns."""
        columns = Columns(1, {
            "task": np.array([_TASK]),
            "batch": np.array([progress.batch], np.uint64),
            "judged_at": np.array([progress.judged_ms], np.int64),
            "as_of": np.array([self.next_as_of_ms()], np.int64),
        })  # fmt: skip
        self._facts.insert(BATTERY_PROGRESS, arrow_batch(BATTERY_PROGRESS, columns))

    def write(self, blocks: Sequence[Block], batch: int, as_of_ms: int) -> None:
        """Store versions that have all commits up to `batch`; days of one calendar month each."""
        whole = concat([day_columns(b, batch, as_of_ms) for b in blocks], BATTERY_DAY)
        months = _months(whole.array("day"))
        for month in np.unique(months):
            part = whole.take(np.flatnonzero(months == month))
            self._facts.insert(BATTERY_DAY, arrow_batch(BATTERY_DAY, part))

    def read(self, keys: Keys) -> list[Stored]:
        """Return the newest version of each key that is on disk."""
        found: list[Stored] = []
        for start in range(0, len(keys), ROWS_AT_ONCE_MAX):
            found += self._read(keys[start : start + ROWS_AT_ONCE_MAX])
        return found

    def _read(self, keys: Keys) -> list[Stored]:
        where = (
            "vin IN ({vins:Array(String)}) AND day >= toDate({low:UInt16}) "
            "AND day <= toDate({high:UInt16})"
        )
        params = {
            "vins": reading.texts(np.unique(keys["vin"])),
            "low": int(keys["day"].min()), "high": int(keys["day"].max()),
        }  # fmt: skip
        stored = self._query(f"{where}", params)
        wanted = np.sort(keys)
        return [kept for s in stored if len((kept := _only(s, wanted)).block)]

    def days_since(self, day: int) -> list[Stored]:
        """Return the newest version of every row from a day on: for a few vehicles or days."""
        return self._query("day >= toDate({low:UInt16})", {"low": day})

    def around(self, vins: Sequence[str], since_day: int) -> list[Stored]:
        """Return the newest version of every day of some vehicles from a day on."""
        where = "vin IN ({vins:Array(String)}) AND day >= toDate({low:UInt16})"
        return self._query(where, {"vins": list(vins), "low": max(since_day, 0)})

    def ahead(self, batch: int) -> tuple[Keys, NDArray[np.int64]]:
        """Return the keys whose row has commits after `batch`, and the newest of them."""
        order = ", ".join(BATTERY_DAY.order_by)
        sql = (
            f"SELECT {_KEYS}, argMax(batch, as_of) AS batch_ FROM battery_day WHERE ({order}) IN "
            f"(SELECT {order} FROM battery_day WHERE batch > {{batch:UInt64}}) "
            f"GROUP BY {order} HAVING batch_ > {{batch:UInt64}}"
        )
        found = reading.columns_of(self._facts.query(sql, {"batch": batch}))
        return _keys(found), found.array("batch").astype(np.int64)

    def written_after(self, as_of_ms: int) -> dict[str, int]:
        """Return vehicles of which later versions are on disk, and the first day among them.

        In the order in which they were written.
        """
        sql = (
            "SELECT vin, min(as_of) AS first, toUInt16(min(day)) AS day_ FROM battery_day "
            "WHERE as_of > fromUnixTimestamp64Milli({after:Int64}, 'UTC') "
            "GROUP BY vin ORDER BY first, vin"
        )
        rows = self._facts.query(sql, {"after": as_of_ms}).to_pylist()
        return {reading.text(row["vin"]): int(row["day_"]) for row in rows}

    def _query(self, where: str, params: dict[str, Any]) -> list[Stored]:
        answer = self._facts.query(f"SELECT {_STATE} FROM battery_day FINAL WHERE {where}", params)
        found = reading.columns_of(answer)
        sizes = np.diff(found.ragged("head").offsets)
        found = found.take(np.flatnonzero(sizes == k.HEAD))  # others are of another version
        counts = found.array("cell_count")
        return [_stored(found.take(np.flatnonzero(counts == c)), int(c)) for c in np.unique(counts)]


def newest_ms(facts: Facts, tables: Sequence[Table]) -> int:
    """Return the youngest version in some tables [ms since 1970 UTC], 0 where they are empty."""
    each = " UNION ALL ".join(f"SELECT max(as_of) AS at FROM {table.name}" for table in tables)
    answer = facts.query(f"SELECT toUnixTimestamp64Milli(max(at)) AS newest FROM ({each})")
    return int(answer.column(0)[0].as_py() or 0)


def _keys(found: Columns) -> Keys:
    keys = np.zeros(found.rows, KEY)
    keys["vin"], keys["pack_no"] = found.array("vin"), found.array("pack_no")
    keys["day"], keys["count"] = found.array("day"), found.array("cell_count")
    return keys


def _stored(found: Columns, count: int) -> Stored:
    rows = found.rows

    def shaped(name: str, *shape: int) -> NDArray[Any]:
        return found.ragged(name).values.reshape(rows, *shape)

    block = Block(
        _keys(found),
        shaped("head", k.HEAD),
        shaped("cell_sums", k.BINS + 1, count),
        shaped("cell_loads", count),
        shaped("cell_tallies", 3, count),
        shaped("cell_bounds", 2, count),
    )
    return Stored(block, found.array("batch").astype(np.int64))


def _only(stored: Stored, wanted: Keys) -> Stored:
    place = np.minimum(np.searchsorted(wanted, stored.block.keys), len(wanted) - 1)
    rows = np.flatnonzero(wanted[place] == stored.block.keys)
    return Stored(stored.block.take(rows), stored.batch[rows])


def _months(day: NDArray[Any]) -> NDArray[np.int64]:
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def day_columns(block: Block, batch: int, as_of_ms: int) -> Columns:
    """Return sums as rows of `battery_day`: the state, and what it means for a reader."""
    days, rows = stack(list(block.slots())), len(block)
    warm = days.temp_max_degc != k.TEMP_NONE
    index = consistency_by_day(days)
    values: dict[str, Any] = {
        "vin": block.keys["vin"],
        "pack_no": block.keys["pack_no"].astype(np.uint8),
        "day": block.keys["day"],
        "cell_count": block.keys["count"],
        "report_count": days.reports.astype(np.uint32),
        "first_at": days.first_at.astype(np.uint32),
        "last_at": days.last_at.astype(np.uint32),
        "spread_max_mv": days.spread_mv.astype(np.uint16),
        "temp_max_degc": np.where(warm, days.temp_max_degc, 0).astype(np.int16),
        "consistency_pct": np.nan_to_num(index).astype(np.float32),
        "alarm_level": days.level.astype(np.uint8),
        "alarm_flags": days.flags.astype(np.uint32),
        "deviation_mv": _ragged(days.deviation_mv.astype(np.float32)),
        "rest_mv": _ragged(days.rest_mv.astype(np.float32)),
        "excess_mohm": _ragged(days.excess_mohm.astype(np.float32)),
        "head": _ragged(block.heads),
        "cell_sums": _ragged(block.sums),
        "cell_loads": _ragged(block.load),
        "cell_tallies": _ragged(block.tallies),
        "cell_bounds": _ragged(block.bounds),
        "batch": np.full(rows, batch, np.uint64),
        "as_of": np.full(rows, as_of_ms, np.int64),
    }
    return Columns(rows, values, {"temp_max_degc": ~warm, "consistency_pct": np.isnan(index)})


def _ragged(values: NDArray[Any]) -> Ragged:
    width = int(np.prod(values.shape[1:]))
    offsets = np.arange(len(values) + 1, dtype=np.int32) * np.int32(width)
    return Ragged(offsets, np.ascontiguousarray(values).reshape(-1))
