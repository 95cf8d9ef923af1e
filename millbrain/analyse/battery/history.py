"""The reports of some vehicles read once, for their days and for their charges.

Reports are taken as they come; a thread reads ahead of whoever works on them. What most vehicles do
not need is left out: the number of the vehicle where there is one, lists of packs
where each has one pack, lists of probes where every report tells its extremes.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from queue import Full, Queue
from typing import Any, Final

import numpy as np

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.inputs import AHEAD_S_MAX, PackReports
from millbrain.core.columns import Column, Columns
from millbrain.core.rooms import Facts
from millbrain.core.times import BEIJING_OFFSET_S

ROWS_A_SPAN: Final = 360_000  # reports of one query, and counted at once
BATCHES_AHEAD: Final = 16  # read and not yet worked on, about 2.5 MB each
_WAIT_S: Final = 0.1
_DAY_S: Final = 86_400
_AT_MAX: Final = 2**32 - 1  # of an instant in the table [s since 1970 UTC]
_ALWAYS: Final = (
    "device_at", "current_a", "soc_pct", "voltage_v", "insulation_kohm", "temp_max_degc",
    "temp_min_degc", "alarm_level", "alarm_flags", "charge_state", "dcdc_state", "speed_kmh",
)  # fmt: skip
_PACKS: Final = ("pack_cell_count", "pack_no", "pack_current_a")
_ONE_PACK: Final = "if(notEmpty(pack_current_a), pack_current_a[1], toFloat32(nan))"
_COUNTED: Final = (
    "vin", "device_at", "charge_state", "dcdc_state", "speed_kmh", "current_a", "voltage_v",
    "soc_pct", "temp_max_degc", "temp_min_degc", "temps_degc", *_PACKS,
)  # fmt: skip
ON_TIME: Final = (
    f"toUInt32(device_at) <= intDiv(toUnixTimestamp64Milli(received_at), 1000) + {AHEAD_S_MAX}"
)
# Whether a report must be read with its lists: probes without extremes; packs beyond a first one.
PROBES: Final = "((temp_max_degc IS NULL OR temp_min_degc IS NULL) AND notEmpty(temps_degc))"
PACKS: Final = (
    "(length(pack_no) != length(pack_cell_count) OR length(pack_current_a) != length(pack_no) OR "
    "length(pack_no) > 1 OR "
    "(notEmpty(pack_no) AND (pack_no[1] != 1 OR pack_cell_count[1] != length(cells_mv))))"
)


@dataclass(frozen=True, slots=True)
class Lists:
    """Which lists beside the cells must be read."""

    probes: bool
    packs: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Days of which all reports are seen: their first and last instant [s since 1970 UTC]."""

    low: int
    high: int


def picked(vins: Sequence[str], lists: Lists) -> dict[str, str]:
    """Return what is read of a report beside its cells: name -> SQL."""
    names = list(_ALWAYS)
    names += ["vin"] * (len(vins) > 1) + ["temps_degc"] * lists.probes
    found = {name: reading.PICKED[name] for name in names}
    packs = {n: reading.PICKED[n] for n in _PACKS} if lists.packs else {_PACKS[2]: _ONE_PACK}
    return found | packs


def counted(vins: Sequence[str], lists: Lists) -> dict[str, str]:
    """Return what charges and events are counted from: name -> SQL."""
    told = {name: sql for name, sql in picked(vins, lists).items() if name in _COUNTED}
    return told | {"cells": "toUInt32(length(cells_mv))"}


def spans(days: range, rows: int) -> list[Span]:
    """Divide days, Beijing time [days since 1970]. rows: how many reports there are, about."""
    count = min(max(1, -(-rows // ROWS_A_SPAN)), len(days))
    parts = [p for p in np.array_split(np.arange(days.start, days.stop), count) if len(p)]
    return [span(int(part[0]), int(part[-1])) for part in parts]


def span(first_day: int, last_day: int) -> Span:
    """Return the span of days from a first to a last one, Beijing time [days since 1970]."""
    low = first_day * _DAY_S - BEIJING_OFFSET_S
    high = (last_day + 1) * _DAY_S - BEIJING_OFFSET_S - 1
    return Span(min(max(low, 0), _AT_MAX), min(max(high, 0), _AT_MAX))


def batches(
    facts: Facts, vins: Sequence[str], wanted: Sequence[Span], upto: int, lists: Lists
) -> Iterator[Columns | Span]:
    """Yield the reports of some vehicles, some at a time, and each span after all of its reports.

    upto: newest batch that counts.
    """
    told = picked(vins, lists) | {"cells_mv": "cells_mv"}
    columns = ", ".join(f"{sql} AS {name}_" for name, sql in told.items())
    # One thread a query: rows of one part of the table stay in order, and another core is needed.
    sql = (
        f"SELECT {columns} FROM vehicle_report WHERE vin IN ({{vins:Array(String)}}) "
        "AND batch <= {upto:UInt64} AND device_at >= toDateTime({low:Int64}, 'UTC') "
        f"AND device_at <= toDateTime({{high:Int64}}, 'UTC') AND {ON_TIME} "
        f"{reading.PLAIN}, max_threads = 1"
    )

    def read() -> Iterator[Columns | Span]:
        for days in wanted:
            params: Mapping[str, Any] = {
                "vins": list(vins), "upto": upto, "low": days.low, "high": days.high
            }  # fmt: skip
            for batch in facts.batches(sql, params):
                yield named(reading.columns_of(batch), vins)
            yield days

    return _ahead(read())


def _ahead(pieces: Iterator[Columns | Span]) -> Iterator[Columns | Span]:
    """Yield what an iterator yields, which runs in a thread of its own, a little ahead."""
    queue: Queue[Columns | Span | BaseException | None] = Queue(BATCHES_AHEAD)
    is_left = threading.Event()

    def put(piece: Columns | Span | BaseException | None) -> None:
        while not is_left.is_set():
            try:
                queue.put(piece, timeout=_WAIT_S)
            except Full:
                continue
            break

    def run() -> None:
        try:
            for piece in pieces:
                put(piece)
                if is_left.is_set():
                    break
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=run, name="read", daemon=True)
    thread.start()
    try:
        while (piece := queue.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        is_left.set()
        thread.join()


def in_time(seen: Sequence[PackReports]) -> list[PackReports]:
    """Return reports, without cells, so that no batch begins before the one in front of it ends."""
    seen = [r for r in seen if len(r)]
    ends = [(r.device_at.min(), r.device_at.max()) for r in seen]
    if all(before[1] <= after[0] for before, after in pairwise(ends)):
        return list(seen)
    names = [f.name for f in fields(PackReports)]
    return [PackReports(*(np.concatenate([getattr(r, n) for r in seen]) for n in names))]


def light(reports: PackReports) -> PackReports:
    """Return reports without their cells."""
    none = np.zeros(len(reports), np.int64)
    return replace(reports, cells_mv=np.zeros(0, np.uint16), begins=none, counts=none)


def named(columns: Columns, vins: Sequence[str]) -> Columns:
    """Return reports of the only vehicle with its number, which was not read."""
    if len(vins) > 1:
        return columns
    name = vins[0].encode("utf-8", "surrogateescape")
    vin = np.full(columns.rows, name, f"S{reading.VIN_BYTES}")
    return Columns(columns.rows, {"vin": vin, **columns.values}, columns.missing)


def without_cells(columns: Columns) -> Columns:
    """Return what charges and events are counted from, as copies: an answer lies in one piece."""
    cells = np.diff(columns.ragged("cells_mv").offsets).astype(np.uint32)
    values: dict[str, Column] = {"cells": cells}
    for name in _COUNTED:
        if name in columns.values:
            column = columns.values[name]
            values[name] = column.copy() if isinstance(column, np.ndarray) else column
    return Columns(columns.rows, values)
