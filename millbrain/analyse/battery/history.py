"""The reports of some vehicles read once, for their days and for their charges.

A part is some days of all vehicles of a shard; the next parts are read while one is worked on. What
most vehicles do not need is left out: the number of the vehicle where there is one, lists of packs
where each has one pack, lists of probes where every report tells its extremes.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.inputs import AHEAD_S_MAX
from millbrain.core.columns import Column, Columns, concat
from millbrain.core.rooms import Facts
from millbrain.core.times import BEIJING_OFFSET_S

ROWS_A_PART: Final = 120_000  # reports read at once, about 30 MB
READERS: Final = 2  # answers under way at once, and as many waiting: the engine never idles
_DAY_S: Final = 86_400
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
class Part:
    """All reports of some days.

    low, high: first and last instant of those days [s since 1970 UTC]. batches: the reports, in
    order of time for each vehicle from one batch to the next.
    """

    low: int
    high: int
    batches: Sequence[Columns]

    @property
    def rows(self) -> int:
        """Count the reports."""
        return sum(b.rows for b in self.batches)

    def counted(self) -> Columns:
        """Return what charges and events are counted from, without cells."""
        return concat([_without_cells(b) for b in self.batches])


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


def parts(
    facts: Facts, vins: Sequence[str], days: range, rows: int, upto: int, lists: Lists
) -> Iterator[Part]:
    """Yield the reports of some vehicles in order of time.

    days: all of them, Beijing time [days since 1970]. rows: how many reports there are, about.
    upto: newest batch that counts.
    """
    count = min(max(1, -(-rows // ROWS_A_PART)), len(days))
    spans = [p for p in np.array_split(np.arange(days.start, days.stop), count) if len(p)]
    told = picked(vins, lists) | {"cells_mv": "cells_mv"}

    def read(span: Any) -> Part:
        low = max(int(span[0]) * _DAY_S - BEIJING_OFFSET_S, 0)
        high = int(span[-1] + 1) * _DAY_S - BEIJING_OFFSET_S - 1
        params = {"vins": list(vins), "upto": upto, "low": low, "high": high}
        return Part(low, high, _batches(_asked(facts, told, params), vins))

    with ThreadPoolExecutor(READERS, "read") as reader:
        coming = deque(reader.submit(read, span) for span in spans[: 2 * READERS])
        left = iter(spans[2 * READERS :])
        while coming:
            part = coming.popleft().result()
            coming.extend(reader.submit(read, span) for span in islice(left, 1))
            yield part


def _asked(facts: Facts, told: Mapping[str, str], params: Mapping[str, Any]) -> pa.Table:
    columns = ", ".join(f"{sql} AS {name}_" for name, sql in told.items())
    # One thread a query: several are under way, and the rows of a part of the table stay in order.
    return facts.query(
        f"SELECT {columns} FROM vehicle_report WHERE vin IN ({{vins:Array(String)}}) "
        "AND batch <= {upto:UInt64} AND device_at >= toDateTime({low:Int64}, 'UTC') "
        f"AND device_at <= toDateTime({{high:Int64}}, 'UTC') AND {ON_TIME} "
        f"{reading.PLAIN}, max_threads = 1",
        params,
    )


def _batches(answer: pa.Table, vins: Sequence[str]) -> list[Columns]:
    """Return an answer as it came, in pieces, where that keeps the order of time; else as one."""
    pieces = [pa.Table.from_batches([b]) for b in answer.to_batches()] or [answer]
    found = [named(reading.columns_of(p), vins) for p in pieces]
    if len(found) > 1 and not (len(vins) == 1 and _is_rising(found)):
        return [named(reading.columns_of(answer), vins)]
    return found


def named(columns: Columns, vins: Sequence[str]) -> Columns:
    """Return reports of the only vehicle with its number, which was not read."""
    if len(vins) > 1:
        return columns
    name = vins[0].encode("utf-8", "surrogateescape")
    vin = np.full(columns.rows, name, f"S{reading.VIN_BYTES}")
    return Columns(columns.rows, {"vin": vin, **columns.values}, columns.missing)


def _is_rising(batches: Sequence[Columns]) -> bool:
    """Whether no batch begins before the one in front of it ends."""
    ends = [(at.min(), at.max()) for at in (b.array("device_at") for b in batches) if len(at)]
    return all(before[1] <= after[0] for before, after in pairwise(ends))


def _without_cells(columns: Columns) -> Columns:
    cells = np.diff(columns.ragged("cells_mv").offsets).astype(np.uint32)
    values: dict[str, Column] = {n: columns.values[n] for n in _COUNTED if n in columns.values}
    return Columns(columns.rows, values | {"cells": cells})
