"""Recomputing days and findings from the reports in the warehouse, with the same `calc`.

A shard is some vehicles. It reads their reports once, part by part, sums them up and counts charges
and events of control, writes all that, then walks over the days in order as they were lived through
and writes what is found. The same reports give the same rows, however often and wherever
that is done, beside a running engine too: a version of the engine's that is younger than the start
of the backfill stays in force.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import history, reading
from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.calc.inputs import PackReports, pack_reports
from millbrain.analyse.battery.calc.lived import lived
from millbrain.analyse.battery.calc.sudden import Heat
from millbrain.analyse.battery.calc.sums import Block, Sums
from millbrain.analyse.battery.chores.counting import book_of, rated_of
from millbrain.analyse.battery.chores.marks import Marks
from millbrain.analyse.battery.chores.recount import Recount
from millbrain.analyse.battery.days_store import ROWS_AT_ONCE_MAX, DaysStore
from millbrain.analyse.battery.model import Rules, chosen
from millbrain.analyse.battery.rounds import packs_of
from millbrain.core import finding_rows
from millbrain.core.columns import Columns
from millbrain.core.findings import FINDING, Finding, finding_columns
from millbrain.core.rooms import Facts
from millbrain.core.tables import arrow_batch
from millbrain.core.times import BEIJING_OFFSET_S

ROWS_A_SHARD: Final = 3_000_000
VEHICLES_A_SHARD: Final = 100
_NEVER: Final = np.array("9999-01", "datetime64[M]")
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Shard:
    """Vehicles to recompute, and how.

    since_day, until_day: first and last day, Beijing time [days since 1970]. rows: reports of them,
    about. upto: newest batch that counts. as_of_ms: instant of the versions that are written [ms
    since 1970 UTC]. parameters: what the operator set, by name. rated_ah: vehicle -> rated capacity
    [Ah] of those whose register says it. lists: those that must be read.
    """

    vins: tuple[str, ...]
    since_day: int
    until_day: int
    rows: int
    upto: int
    as_of_ms: int
    parameters: Mapping[str, float]
    rated_ah: Mapping[str, float]
    lists: history.Lists


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
    span = history.span(since_day, until_day)
    answer = facts.query(
        "SELECT vin, count() AS rows, toUInt32(min(device_at)) AS first, "
        "toUInt32(max(device_at)) AS last, "
        f"max({history.PROBES}) AS probes, max({history.PACKS}) AS packs FROM vehicle_report "
        "WHERE (empty({vins:Array(String)}) OR vin IN ({vins:Array(String)})) "
        "AND batch <= {upto:UInt64} AND device_at >= toDateTime({low:Int64}, 'UTC') "
        "AND device_at <= toDateTime({high:Int64}, 'UTC') "
        "GROUP BY vin ORDER BY vin SETTINGS optimize_aggregation_in_order = 1",
        {"vins": list(vins), "upto": upto, "low": span.low, "high": span.high},
    )
    return [
        Shard(
            vins=(own := tuple(reading.text(row["vin"]) for row in part)),
            since_day=min(_day_of(row["first"]) for row in part),
            until_day=max(_day_of(row["last"]) for row in part),
            rows=sum(row["rows"] for row in part), upto=upto, as_of_ms=as_of_ms,
            parameters=parameters, rated_ah={v: rated_ah[v] for v in own if v in rated_ah},
            lists=history.Lists(*(any(row[n] for row in part) for n in ("probes", "packs"))),
        )
        for part in _parted(answer.to_pylist())
    ]  # fmt: skip


def _day_of(at_s: int) -> int:
    """Return the day, Beijing time [days since 1970], of an instant [s since 1970 UTC]."""
    return (at_s + BEIJING_OFFSET_S) // _DAY_S


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
    recount = Recount(
        facts, shard.vins, shard.upto, shard.lists, book_of(shard.parameters, shard.rated_ah),
        shard.as_of_ms,
    )  # fmt: skip
    store, sums = DaysStore(facts), Sums(rules.rest_a, rules.leak_ohm_per_v)
    days = _Days(sums)
    with ThreadPoolExecutor(1, "count") as counter, ThreadPoolExecutor(1, "write") as writer:
        counting: list[Future[None]] = []
        writing: list[Future[None]] = []

        def write(blocks: Sequence[Block]) -> None:
            for block in blocks:
                store.write([block], shard.upto, shard.as_of_ms)

        def seen(span: history.Span, rows: list[Columns]) -> None:
            counting.append(counter.submit(recount.add, span.low, span.high, rows))
            writing.append(writer.submit(write, days.whole_before(_month_of(span.high + 1))))

        thermal, reports = _summed(facts, shard, rules, sums, seen)
        counting.append(counter.submit(recount.finish))
        writing.append(writer.submit(write, days.whole_before(_NEVER)))
        for done in writing:
            done.result()
        found = _walk(facts, store, shard, thermal, rules)  # while the last charges are counted
        for done in counting:
            done.result()
    if found:
        as_of_ms = max(shard.as_of_ms, finding_rows.newest_ms(facts) + 1)
        facts.insert(FINDING, arrow_batch(FINDING, finding_columns(found, as_of_ms)))
    return Done(len(shard.vins), reports, len(sums), len(found))


class _Days:
    """Which days of the sums are still to be written."""

    def __init__(self, sums: Sums) -> None:
        self._sums = sums
        self._written = np.zeros(0, np.int64)

    def whole_before(self, month: NDArray[np.datetime64]) -> list[Block]:
        """Return the days before a month, Beijing time, that were not returned yet, as copies."""
        left = np.setdiff1d(self._sums.live(), self._written)
        months = self._sums.keys(left)["day"].astype("datetime64[D]").astype("datetime64[M]")
        now = left[months < month]
        self._written = np.concatenate((self._written, now))
        return list(_cut(self._sums.blocks(now)))


def _month_of(at_s: int) -> NDArray[np.datetime64]:
    """Return the month, Beijing time, of an instant [s since 1970 UTC]."""
    return np.array(at_s + BEIJING_OFFSET_S, "datetime64[s]").astype("datetime64[M]")


def _summed(
    facts: Facts, shard: Shard, rules: Rules, sums: Sums,
    seen: Callable[[history.Span, list[Columns]], None],
) -> tuple[list[Finding], int]:  # fmt: skip
    """Sum all days up; return the thermal events in order, and how many reports were read.

    seen: is shown every span of days and its reports, without their cells; the days of a span are
    whole then, since a report belongs to the day of its device time.
    """
    heat = Heat()
    thermal: list[Finding] = []
    light: list[PackReports] = []
    rows: list[Columns] = []
    count = 0
    spans = history.spans(range(shard.since_day, shard.until_day + 1), shard.rows)
    for step in history.batches(facts, shard.vins, spans, shard.upto, shard.lists):
        if isinstance(step, Columns):
            reports = pack_reports(step)
            sums.watch(reports)
            light.append(history.light(reports))
            rows.append(history.without_cells(step))
            count += step.rows
            continue
        for batch in history.in_time(light):
            thermal += heat.watch(batch, rules)
        seen(step, rows)
        light, rows = [], []
    return thermal, count


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
