"""Effectiveness: the indicators of 1,000 machines over a month of 1-second states.

    millbrain bench effectiveness [--json]
    python benchmarks/effectiveness.py [--json]

A month of 1-second states of 1,000 machines is 2.6 billion samples, and a machine that changes
every two minutes has 21,600 runs in it: the runs are what is computed with, 21.6 million of them,
beside 43 million counted pieces and as many readings of energy. 200 machines are drawn, each is
taken five times. `effectiveness_month` is from runs, plan, pieces and energy to all indicators of
each machine, on two threads; `effectiveness_warehouse` the same question to `machine_hour` by the
query that the pages ask; `effectiveness_plain` a straightforward Python version of it, timed
on one machine and multiplied; `effectiveness_samples` how many 1-second samples a second become
runs. The ratio of the first two is the share of the goal of 2 s, of the third how much longer it
takes than `effectiveness_month`. Machines of the sample are checked against the plain version.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show

from millbrain.analyse.effectiveness import indicators
from millbrain.analyse.effectiveness.calc.hours import Told
from millbrain.analyse.effectiveness.calc.parts import (
    HOUR_MS,
    Energy,
    Parts,
    Pieces,
    Plan,
    parts_of,
)
from millbrain.analyse.effectiveness.calc.runs import Runs, Steps, runs_of
from millbrain.analyse.effectiveness.calc.sums import sums_each
from millbrain.analyse.effectiveness.model import Machine
from millbrain.analyse.effectiveness.pages.figures import INDICATORS
from millbrain.analyse.effectiveness.rows import hour_columns, machine_columns
from millbrain.analyse.effectiveness.tables import MACHINE, MACHINE_HOUR, TABLES
from millbrain.core.production.order_rows import PRODUCTION_ORDER
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables, open_embedded
from millbrain.show.queries import asked

GOAL_S: Final = 2.0
MACHINES: Final = 1_000
DRAWN: Final = 200
STORED: Final = 50  # machines whose hours are made; the others are copies of them
DAYS: Final = 30
MONTH_MS: Final = DAYS * 24 * HOUR_MS
RUN_S: Final = 120
EVERY_MS: Final = 60_000
CYCLE_MS: Final = 45_000.0
MICRO_MS: Final = 120_000
STATES: Final = (1, 2, 3, 4, 6, 7)
ROUNDS: Final = 3
SHIFT_MS: Final = 8 * HOUR_MS
BREAK_MS: Final = 1_800_000


@dataclass(frozen=True)
class Month:
    """A machine's month."""

    runs: Runs
    pieces: Pieces
    energy: Energy


def drawn(seed: int, low: int) -> Month:
    """Draw a month: states of whole seconds, two minutes on average, half of them producing."""
    random = np.random.default_rng(seed)
    length = 1_000 * (
        1 + random.exponential(RUN_S - 1, 2 * MONTH_MS // (RUN_S * 1_000)).astype(np.int64)
    )
    end = low + np.cumsum(length)
    count = int(np.searchsorted(end, low + MONTH_MS)) + 1
    end = np.minimum(end[:count], low + MONTH_MS)
    start = np.concatenate(([low], end[:-1]))
    state = np.where(np.arange(count) % 2 == 0, 1, random.choice(STATES[1:], count)).astype(
        np.uint8
    )
    reason = np.where(state == 1, 0, random.integers(0, 3, count)).astype(np.int32)
    runs = Runs(start, end, state, reason, end - start, np.ones(count, np.bool_))
    at = np.arange(low + EVERY_MS, low + MONTH_MS + 1, EVERY_MS)
    scrap = (random.random(len(at)) < 0.01).astype(np.float64)
    pieces = Pieces(at, 1 - scrap, scrap, np.zeros(len(at)))
    return Month(runs, pieces, Energy(at - EVERY_MS, at, random.uniform(0.05, 0.2, len(at))))


def plan_of(low: int) -> Plan:
    """Return three shifts a day, each with a break."""
    shifts = np.arange(low, low + MONTH_MS, SHIFT_MS)
    at = np.stack(
        (shifts, shifts + SHIFT_MS // 2, shifts + SHIFT_MS // 2 + BREAK_MS), axis=1
    ).ravel()
    number = np.repeat(np.arange(len(shifts)), 3)
    return Plan(at, (at // (24 * HOUR_MS)).astype(np.int32), (number % 3 + 1).astype(np.int32),
                np.tile([True, False, True], len(shifts)))  # fmt: skip


_JOBS: Final = Steps(np.zeros(0, np.int64), np.zeros(0, np.int32))


def parts(month: Month, plan: Plan, low: int, grain_ms: int = 2 * MONTH_MS) -> Parts:
    """Return the parts of a month."""
    return parts_of(month.runs, _JOBS, np.array([CYCLE_MS]), plan, month.pieces, month.energy,
                    low, low + MONTH_MS, MICRO_MS, grain_ms)  # fmt: skip


def whole(months: Sequence[Month], plan: Plan, low: int) -> dict[str, Any]:
    """Return the indicators of each machine."""
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda m: parts(m, plan, low), months, chunksize=8))
    return indicators.values(sums_each(told))


def plain(month: Month, plan: Plan, low: int) -> dict[str, float]:
    """Return OEE, availability and energy of a month, run by run, in plain Python."""
    spans = [(int(a), bool(b)) for a, b in zip(plan.at, plan.busy, strict=True)]
    edges = [a for a, _ in spans] + [low + MONTH_MS]
    busy_ms = producing_ms = good = made = 0.0
    energy = 0.0
    p = 0
    for start, end, state in zip(month.runs.start.tolist(), month.runs.end.tolist(),
                                 month.runs.state.tolist(), strict=True):  # fmt: skip
        while edges[p + 1] <= start:
            p += 1
        q, at = p, start
        while at < end:
            until = min(end, edges[q + 1])
            if spans[q][1]:
                busy_ms += until - at
                producing_ms += until - at if state == 1 else 0
            at, q = until, q + 1
    p = 0
    for at, came, bad in zip(month.pieces.at.tolist(), month.pieces.good.tolist(),
                             month.pieces.scrap.tolist(), strict=True):  # fmt: skip
        while edges[p + 1] < at:
            p += 1
        if spans[p][1]:
            good += came
            made += came + bad
    for kwh in month.energy.kwh.tolist():
        energy += kwh
    return {"oee": 100 * made * CYCLE_MS / busy_ms * good / made,
            "availability": 100 * producing_ms / busy_ms, "energy": energy}  # fmt: skip


def _name(number: int) -> str:
    return f"M{number}"


def filled(
    warehouse: Warehouse, months: Sequence[Month], plan: Plan, low: int,
    name_of: Callable[[int], str] = _name,
) -> None:  # fmt: skip
    """Store the hours of all machines, under names."""
    create_tables(warehouse, (PRODUCTION_ORDER, *TABLES))
    copies = MACHINES // STORED
    for k, month in enumerate(months[:STORED]):
        told = Told(parts(month, plan, low, HOUR_MS), _hourly(month.runs),
                    np.zeros(0, np.int32), ("", "A", "B"), ("",), 0, 0, 0)  # fmt: skip
        told = Told(told.parts, told.runs, np.zeros(len(told.runs), np.int32), told.reasons,
                    told.jobs, 0, 0, 0)  # fmt: skip
        rows = hour_columns([(name_of(k), told, ("", "A", "B", "C"))], low + MONTH_MS, low)
        batch = arrow_batch(MACHINE_HOUR, rows)
        month_of = rows.array("hour_at").astype("datetime64[ms]").astype("datetime64[M]")
        for one in np.unique(month_of):
            warehouse.insert(MACHINE_HOUR, batch.take(np.flatnonzero(month_of == one).tolist()))
    names = ", ".join(c.name for c in MACHINE_HOUR.columns if c.name != "machine")
    first = [name_of(k) for k in range(STORED)]
    for copy in range(1, copies):
        others = [name_of(STORED * copy + k) for k in range(STORED)]
        warehouse.execute(
            f"INSERT INTO machine_hour (machine, {names}) "
            f"SELECT transform(toString(machine), {first}, {others}), {names} FROM machine_hour "
            f"WHERE has({first}, toString(machine))"
        )
    machines = [Machine(name_of(k), cycle_s=CYCLE_MS / 1000) for k in range(MACHINES)]
    warehouse.insert(MACHINE, arrow_batch(MACHINE, machine_columns(machines, [], low)))


def _hourly(runs: Runs) -> Runs:
    """Return runs cut at whole hours, as the table has them."""
    cuts = np.unique(np.concatenate((runs.start, np.arange(runs.start[0], runs.end[-1], HOUR_MS))))
    place = np.searchsorted(runs.start, cuts, side="right") - 1
    end = np.append(cuts[1:], runs.end[-1])
    begins = runs.start[place] == cuts
    return Runs(cuts, end, runs.state[place], runs.reason[place], runs.whole_ms[place], begins)


def asked_s(warehouse: Warehouse) -> tuple[float, int, dict[str, float]]:
    """Return how long the query of the pages takes [s], its rows, and those of one machine."""
    values = {a.name: a.default for a in INDICATORS.arguments} | {"by": "machine", "days": 40}
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        rows, total, _ = asked.answer(warehouse, INDICATORS, values, "", asked.Slice(size=500))
        took.append(time.perf_counter() - began)
    first = next(row for row in rows if row["key"] == "M0")
    return statistics.median(took), total, first


def _sampled(low: int) -> float:
    """Return how many 1-second samples of states become runs in a second."""
    at = low + 1_000 * np.arange(24 * 3600, dtype=np.int64)
    states = Steps(at, ((at // 120_000) % 8).astype(np.int32))
    reasons = Steps(at[:0], np.zeros(0, np.int32))
    runs_of(at, states, reasons, low, low + 24 * HOUR_MS, 300_000, 0)
    began = time.perf_counter()
    for _ in range(20):
        runs_of(at, states, reasons, low, low + 24 * HOUR_MS, 300_000, 0)
    return 20 * len(at) / (time.perf_counter() - began)


def main(*, as_json: bool) -> None:
    """Measure and print."""
    low = (int(time.time() * 1000) - MONTH_MS) // HOUR_MS * HOUR_MS
    plan = plan_of(low)
    few = [drawn(seed, low) for seed in range(DRAWN)]
    months = few * (MACHINES // DRAWN)
    whole(few[:2], plan, low)  # compiled
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = whole(months, plan, low)
        took.append(time.perf_counter() - began)
    month_s = statistics.median(took)
    began = time.perf_counter()
    by_hand = plain(few[0], plan, low)
    plain_s = (time.perf_counter() - began) * MACHINES
    with tempfile.TemporaryDirectory() as folder:
        warehouse = open_embedded(Path(folder))
        filled(warehouse, few, plan, low)
        stored_s, rows, first = asked_s(warehouse)
        warehouse.close()
    for key in ("oee", "availability"):
        assert abs(float(found[key][0]) - by_hand[key]) < 1e-6, key
        assert abs(float(first[f"{key}_pct"]) - by_hand[key]) < 1e-6, key
    assert rows == MACHINES
    run_count = sum(len(m.runs) for m in months)
    show([
        Figure("effectiveness_runs", run_count, "runs"),
        Figure("effectiveness_month", month_s, "s", GOAL_S),
        Figure("effectiveness_warehouse", stored_s, "s", GOAL_S),
        Figure("effectiveness_plain", plain_s, "s", month_s),
        Figure("effectiveness_samples", _sampled(low), "samples/s"),
    ], as_json=as_json)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    main(as_json=parser.parse_args().json)
