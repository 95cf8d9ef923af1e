"""Recomputing days and findings from the reports in the warehouse, with the same `calc`.

A shard is some vehicles. It reads their reports part by part, sums them up, writes the days,
counts charges, health and events of control, then walks over the days in order as they were lived
through and writes what is found. The same reports give the same rows, however often and wherever
that is done, beside a running engine too: a version of the engine's that is younger than the start
of the backfill stays in force.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.calc.inputs import on_time, pack_reports
from millbrain.analyse.battery.calc.lived import lived
from millbrain.analyse.battery.calc.sudden import Heat
from millbrain.analyse.battery.calc.sums import Block, Sums
from millbrain.analyse.battery.chores.counting import book_of, count, rated_of
from millbrain.analyse.battery.chores.marks import Marks
from millbrain.analyse.battery.chores.windows import Window
from millbrain.analyse.battery.days_store import ROWS_AT_ONCE_MAX, DaysStore
from millbrain.analyse.battery.model import Rules, chosen
from millbrain.analyse.battery.rounds import packs_of
from millbrain.core import finding_rows
from millbrain.core.columns import Columns
from millbrain.core.findings import FINDING, Finding, finding_columns
from millbrain.core.rooms import Facts
from millbrain.core.tables import arrow_batch
from millbrain.core.times import BEIJING_OFFSET_S

ROWS_A_PART: Final = 100_000  # reports read at once, about 25 MB
READERS: Final = 2  # answers under way at once, and as many waiting: the engine never idles
ROWS_COUNTED: Final = 250_000  # reports without their cells
ROWS_A_SHARD: Final = 3_000_000
VEHICLES_A_SHARD: Final = 100
COUNTED_AT_ONCE: Final = 20  # vehicles of one query that names them, each with its times
_UNTOLD: Final = "((temp_max_degc IS NULL OR temp_min_degc IS NULL) AND notEmpty(temps_degc))"
_DAY: Final = f"intDiv(toInt64(toUInt32(device_at)) + {BEIJING_OFFSET_S}, 86400)"


@dataclass(frozen=True, slots=True)
class Shard:
    """Vehicles to recompute, and how.

    since_day, until_day: first and last day, Beijing time [days since 1970]. rows: reports of them,
    about. upto: newest batch that counts. as_of_ms: instant of the versions that are written [ms
    since 1970 UTC]. parameters: what the operator set, by name. rated_ah: vehicle -> rated capacity
    [Ah] of those whose register says it. probes: whether there are reports that tell their probes
    and not the highest and lowest.
    """

    vins: tuple[str, ...]
    since_day: int
    until_day: int
    rows: int
    upto: int
    as_of_ms: int
    parameters: Mapping[str, float]
    rated_ah: Mapping[str, float]
    probes: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a shard: reports read, days written, versions of findings written."""

    vehicles: int
    reports: int
    days: int
    findings: int


def shards(
    facts: Facts, settled: Callable[[], int], vins: Sequence[str], since_day: int, until_day: int,
    parameters: Mapping[str, float], things: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Shard]:  # fmt: skip
    """Divide the work.

    Parameters
    ----------
    facts
        The warehouse.
    settled
        Returns the newest batch that is on disk with all before it.
    vins
        Empty = every vehicle that has reports on those days.
    since_day, until_day
        First and last day, Beijing time [days since 1970].
    parameters
        What the operator set, by name.
    things
        What the register says: vehicle -> attribute -> value.
    """
    # In this order: what an engine writes from here on is younger, and it may have later batches.
    as_of_ms = max(Marks(facts).next_ms(), DaysStore(facts).newest_ms)
    rated_ah = rated_of(things or {})
    upto = settled()
    answer = facts.query(
        f"SELECT vin, count() AS rows, min({_DAY}) AS first, max({_DAY}) AS last, "
        f"max({_UNTOLD}) AS probes FROM vehicle_report "
        "WHERE (empty({vins:Array(String)}) OR vin IN ({vins:Array(String)})) "
        f"AND batch <= {{upto:UInt64}} AND {_DAY} BETWEEN {{since:Int64}} AND {{until:Int64}} "
        "GROUP BY vin ORDER BY vin",
        {"vins": list(vins), "upto": upto, "since": since_day, "until": until_day},
    )
    return [
        Shard(
            vins=(own := tuple(reading.text(row["vin"]) for row in part)),
            since_day=min(row["first"] for row in part), until_day=max(row["last"] for row in part),
            rows=sum(row["rows"] for row in part), upto=upto, as_of_ms=as_of_ms,
            parameters=parameters, rated_ah={v: rated_ah[v] for v in own if v in rated_ah},
            probes=any(row["probes"] for row in part),
        )
        for part in _parted(answer.to_pylist())
    ]  # fmt: skip


def _parted(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Divide vehicles so that no part has many of them or of their reports."""
    part: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        if part and (len(part) == VEHICLES_A_SHARD or size + row["rows"] > ROWS_A_SHARD):
            yield part
            part, size = [], 0
        part.append(row)
        size += row["rows"]
    if part:
        yield part


def recompute(facts: Facts, shard: Shard) -> Done:
    """Recompute the days and findings of a shard and write what differs from what is there."""
    rules = chosen(Rules, shard.parameters)
    with ThreadPoolExecutor(1, "count") as counter:  # it waits for the engine most of its time
        counted = counter.submit(_count, facts, shard)
        sums, thermal, reports = _summed(facts, shard, rules)
        store = DaysStore(facts)
        for block in _cut(sums.blocks(sums.live())):
            store.write([block], shard.upto, shard.as_of_ms)
        counted.result()
    found = _walk(facts, store, shard, thermal, rules)
    if found:
        as_of_ms = max(shard.as_of_ms, finding_rows.newest_ms(facts) + 1)
        facts.insert(FINDING, arrow_batch(FINDING, finding_columns(found, as_of_ms)))
    return Done(len(shard.vins), reports, len(sums), len(found))


def _summed(facts: Facts, shard: Shard, rules: Rules) -> tuple[Sums, list[Finding], int]:
    """Return the sums of all days, the thermal events in order, and how many reports were read."""
    sums, heat = Sums(rules.rest_a, rules.leak_ohm_per_v), Heat()
    thermal: list[Finding] = []
    reports = 0
    for columns in _parts(facts, shard):
        good = on_time(columns)
        batch = pack_reports(columns if good.all() else columns.take(np.flatnonzero(good)))
        sums.watch(batch)
        thermal += heat.watch(batch, rules)
        reports += columns.rows
    return sums, thermal, reports


def _parts(facts: Facts, shard: Shard) -> Iterator[Columns]:
    """Yield the reports of a shard in parts of some days, in order; the next are read meanwhile."""
    days = np.arange(shard.since_day, shard.until_day + 1)
    count = max(1, -(-shard.rows // ROWS_A_PART))
    spans = [part for part in np.array_split(days, min(count, len(days))) if len(part)]
    with ThreadPoolExecutor(READERS, "read") as reader:

        def read(span: NDArray[np.int64]) -> Columns:
            return reading.of_days(facts, shard.vins, span, shard.upto, probes=shard.probes)

        coming = deque(reader.submit(read, span) for span in spans[: 2 * READERS])
        left = iter(spans[2 * READERS :])
        while coming:
            columns = coming.popleft().result()
            coming.extend(reader.submit(read, span) for span in islice(left, 1))
            if columns.rows:
                yield columns


def _count(facts: Facts, shard: Shard) -> None:
    """Count charges, health and events again, some days at a time."""
    book = book_of(shard.parameters, shard.rated_ah)
    days = np.arange(shard.since_day, shard.until_day + 2) * 86_400 - BEIJING_OFFSET_S
    for span in np.array_split(days[:-1], min(len(days) - 1, 1 + shard.rows // ROWS_COUNTED)):
        low, high = max(int(span[0]), 0), int(span[-1]) + 86_399
        for vins in _few(shard.vins):
            windows = [Window(vin, low, high) for vin in vins]
            count(facts, windows, shard.upto, book, shard.as_of_ms)


def _few(vins: Sequence[str]) -> list[Sequence[str]]:
    return [vins[i : i + COUNTED_AT_ONCE] for i in range(0, len(vins), COUNTED_AT_ONCE)]


def _cut(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        for start in range(0, len(block), ROWS_AT_ONCE_MAX):
            yield block.take(np.arange(start, min(start + ROWS_AT_ONCE_MAX, len(block))))


def _walk(
    facts: Facts, store: DaysStore, shard: Shard,
    thermal: Sequence[Finding], rules: Rules,
) -> list[Finding]:  # fmt: skip
    """Return what must be written so that the table holds what the days say."""
    packs = packs_of(store.around(shard.vins, shard.since_day - rules.window_days))
    stored = finding_rows.known(facts, APP, shard.vins)
    found: list[Finding] = []
    for vin in shard.vins:
        own = stored.get(vin, [])
        events = [f for f in thermal if f.thing == vin]
        found += lived(packs.get(vin, []), own, events, shard.since_day, rules)
    return found
