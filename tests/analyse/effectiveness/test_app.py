"""The running app: late, doubled and disordered readings, silence, a restart, findings."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.effectiveness import app, backfill, follower
from millbrain.analyse.effectiveness.calc.hours import told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.model import DOWN_LONG, SILENT, Machine, Rules
from millbrain.analyse.effectiveness.plans import Plans
from millbrain.analyse.effectiveness.store import Store, Touch
from millbrain.analyse.effectiveness.tables import TABLES
from millbrain.analyse.effectiveness.touching import touches_of
from millbrain.core.columns import Columns, Ragged
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.findings import Finding
from millbrain.core.plant.readings import READING
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables
from tests.analyse.effectiveness import slow

PARAMETERS = {"flush_s": 0.1, "gap_s": 60.0, "down_s": 60.0, "silent_s": 300.0}
WAIT_S = 20.0
Row = tuple[str, str, int, float, str]
QUERY = """
    SELECT machine, toUnixTimestamp64Milli(hour_at) AS hour, part_day, part_busy, part_state,
           part_job, part_reason, part_time_ms, part_starts_count, part_micro_count, part_micro_ms,
           part_good, part_scrap, part_rework, part_energy_kwh,
           run_ms, run_state, run_reason, run_job, run_begins
    FROM machine_hour FINAL WHERE hour_at < {until:DateTime64(3)} ORDER BY machine, hour_at"""


def columns(rows: Sequence[Row], batch: int) -> Columns:
    def texts(place: int) -> Any:
        found = np.empty(len(rows), object)
        found[:] = [str(r[place]).encode() for r in rows]
        return found

    value = np.array([r[3] for r in rows], np.float64)
    at = np.array([r[2] for r in rows], np.int64)
    link = np.empty(len(rows), object)
    link[:] = [b"test"] * len(rows)
    return Columns(len(rows), {
        "thing": texts(0), "signal": texts(1), "device_at": at, "received_at": at,
        "value": np.nan_to_num(value), "text": texts(4),
        "quality": np.full(len(rows), 192, np.uint8), "link": link,
        "batch": np.full(len(rows), batch, np.uint64), "frame_count": np.ones(len(rows), np.uint8),
    }, {"value": np.isnan(value)})  # fmt: skip


class Bench:
    """A warehouse, an intake's numbers, and the app on them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.settled = 0
        self.findings: list[Finding] = []
        self.app: app.Effectiveness | None = None
        create_tables(warehouse, (*SHARED_TABLES, *TABLES))

    def start(self) -> None:
        ground = Ground(
            self.warehouse, lambda: self.settled, self.findings.extend, PARAMETERS,
            newest=self.settled,
        )  # fmt: skip
        self.app = app.start(ground)

    def put(self, rows: Sequence[Row]) -> None:
        """Commit a batch and show it, as the intake does."""
        made = columns(rows, self.settled + 1)
        days = made.array("received_at") // 86_400_000
        for day in np.unique(days):
            part = made.take(np.flatnonzero(days == day))
            self.warehouse.insert(READING, arrow_batch(READING, part))
        if self.app:
            self.app.take(self.settled + 1, {"reading": made})
        self.settled += 1

    def wait(self) -> None:
        """Wait until all that came is told."""
        assert self.app
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            status = self.app.status()
            assert not status["failures"], status["last_error"]
            if not status["behind_batches"] and not status["behind_hours"]:
                return
            time.sleep(0.02)
        raise AssertionError(self.app.status())

    def wait_for(self, findings: int) -> None:
        """Wait until so many findings were told."""
        until = time.monotonic() + WAIT_S
        while len(self.findings) < findings and time.monotonic() < until:
            time.sleep(0.02)

    def stop(self) -> None:
        assert self.app
        self.app.stop()
        self.app = None

    def hours(self, until: int) -> list[dict[str, Any]]:
        return self.warehouse.query(QUERY, {"until": until / 1000}).to_pylist()


@pytest.fixture
def bench(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(follower, "COSTS_MIN", 0)  # a busy machine must not slow the test
    made = Bench(warehouse)
    yield made
    if made.app:
        made.stop()


def readings(thing: str, low: int, seconds: int, seed: int = 1) -> list[Row]:
    """Make readings at whole seconds with a silence, resets, reasons, orders and a night's gap."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    state, good, energy, reason = 1, 0, 0.0, ""
    for second in range(0, seconds, 10):
        at = low + 1000 * second
        if 5000 <= second < 5400:  # nothing is heard
            continue
        if random.random() < 0.05:
            state = int(random.choice([1, 1, 2, 3, 4, 7]))
            rows.append((thing, "machine_state", at, float(state), ""))
            reason = f"R{random.integers(3)}" if state == 4 else ""
            rows.append((thing, "stop_reason", at + 3000, float("nan"), reason))
        good = 0 if random.random() < 0.002 else good + (state == 1)
        energy += 0.01 * (1 + state)
        rows.append((thing, "good_count", at, float(good), ""))
        rows.append((thing, "energy_kwh", at, round(energy, 3), ""))
        if second % 3600 == 0:
            rows.append((thing, "order_operation", at, float("nan"), f"O{second // 3600}/10"))
    rows.insert(0, (thing, "machine_state", low, 1.0, ""))
    unique = {row[:3]: row for row in rows}
    return sorted(unique.values(), key=lambda r: r[2])


def begin() -> int:
    return (int(time.time() * 1000) // HOUR_MS - 4) * HOUR_MS


def test_late_and_disordered_readings_give_what_they_give_in_order(bench: Bench) -> None:
    low = begin()
    rows = readings("M1", low, 3 * 3600) + readings("M2", low, 3 * 3600, 2)
    bench.start()
    random = np.random.default_rng(7)
    shuffled = [rows[i] for i in random.permutation(len(rows))]
    for k in range(0, len(shuffled), len(shuffled) // 5 + 1):
        bench.put(shuffled[k : k + len(shuffled) // 5 + 1])
        bench.wait()
    bench.stop()
    disordered = bench.hours(low + 3 * HOUR_MS)
    assert len(disordered) == 6
    for shard in backfill.shards(bench.warehouse, lambda: 0, (), 0, 60_000, PARAMETERS):
        backfill.recompute(bench.warehouse, shard)
    assert bench.hours(low + 3 * HOUR_MS) == disordered, "told anew as a whole: the same to the bit"
    _compare_with_slow(disordered, rows, low)


def _compare_with_slow(hours: list[dict[str, Any]], rows: list[Row], low: int) -> None:
    mine = [r for r in rows if r[0] == "M1"]

    def told(signal: str) -> list[tuple[int, float]]:
        return [((r[2] - low) // 1000, r[3]) for r in mine if r[1] == signal]

    heard = sorted({(r[2] - low) // 1000 for r in mine})
    # Beyond what is compared the machine is silent: it is told so from the last thing heard on.
    states = slow.state_by_second(heard, told("machine_state"), 0, 3 * 3600 + 300, 60)
    found = slow.elements(states, lambda _: True, told("good_count"), [], [], told("energy_kwh"),
                          1.0, 120, (0, 3 * 3600))  # fmt: skip
    own = [h for h in hours if h["machine"] == "M1"]
    for state in range(8):
        parts = [p for h in own for p in zip(h["part_state"], h["part_time_ms"], strict=True)]
        time_ms = sum(spent for told_state, spent in parts if told_state == state)
        assert time_ms == 1000 * found[f"state {state}"], state
    assert sum(sum(h["part_good"]) for h in own) == found["GQ"]
    assert sum(sum(h["part_energy_kwh"]) for h in own) == pytest.approx(found["EN"])
    assert sum(sum(h["part_micro_ms"]) for h in own) == 1000 * found["MST"]


def test_after_a_restart_nothing_is_missing_and_nothing_doubled(bench: Bench) -> None:
    low = begin()
    rows = readings("M1", low, 3 * 3600)
    third = len(rows) // 3
    bench.start()
    bench.put(rows[:third])
    bench.wait()
    bench.stop()
    bench.put(rows[third : 2 * third])  # committed while the app was away
    bench.start()
    bench.put(rows[2 * third :])
    bench.wait()
    bench.stop()
    resumed = bench.hours(low + 3 * HOUR_MS)
    for shard in backfill.shards(bench.warehouse, lambda: 0, (), 0, 60_000, PARAMETERS):
        backfill.recompute(bench.warehouse, shard)
    assert bench.hours(low + 3 * HOUR_MS) == resumed
    assert sum(sum(h["part_time_ms"]) for h in resumed) == 3 * HOUR_MS


def test_a_machine_that_is_down_or_silent_is_told_and_ends(bench: Bench) -> None:
    now = int(time.time() * 1000)
    bench.start()
    bench.put([("M1", "machine_state", now - 120_000, 4.0, ""),
               ("M1", "machine_state", now - 90_000, 4.0, ""),
               ("M1", "machine_state", now - 1_000 - 40_000, 4.0, ""),
               ("M2", "machine_state", now - 400_000, 1.0, "")])  # fmt: skip
    bench.wait_for(2)
    kinds = {(f.thing, f.kind, f.is_open) for f in bench.findings}
    assert kinds == {("M1", DOWN_LONG, True), ("M2", SILENT, True)}
    again = int(time.time() * 1000)
    bench.put([("M1", "machine_state", again - 500, 1.0, ""),
               ("M2", "machine_state", again - 500, 1.0, "")])  # fmt: skip
    bench.wait_for(4)
    assert {(f.thing, f.kind) for f in bench.findings if not f.is_open} == {
        ("M1", DOWN_LONG), ("M2", SILENT),
    }  # fmt: skip


def test_other_signals_are_left_alone_and_clocks_far_ahead_are_named(bench: Bench) -> None:
    now = int(time.time() * 1000)
    bench.start()
    bench.put([("T1", "coolant_temp_degc", now, 20.0, ""),
               ("M1", "machine_state", now + 9 * HOUR_MS, 1.0, "")])  # fmt: skip
    bench.wait()
    assert bench.app
    assert bench.app.status()["clocks_ahead"] == ["M1"]
    assert bench.hours(now + 20 * HOUR_MS) == []


def test_texts_of_every_form_are_understood() -> None:
    made = columns([("M1", "good_count", 5, 1.0, ""), ("T1", "x_mm", 6, 1.0, ""),
                    ("M1", "good_count", 7, 2.0, "")], 1)  # fmt: skip
    expected = [Touch("M1", "good_count", 5, 7)]
    assert touches_of(made) == expected
    fixed: dict[str, Any] = {n: made.array(n).astype("S") for n in ("thing", "signal")}
    assert touches_of(Columns(made.rows, made.values | fixed)) == expected
    ragged: dict[str, Any] = {
        n: Ragged(
            np.cumsum([0, *map(len, made.array(n))]).astype(np.int32),
            np.frombuffer(b"".join(made.array(n)), np.uint8),
        )
        for n in ("thing", "signal")
    }
    assert touches_of(Columns(made.rows, made.values | ragged)) == expected


def test_since_when_a_machine_stands_so_outlives_a_restart_and_follows_late_readings(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARAMETERS, "gap_s", 900.0)  # a busy machine must not make it silent
    now = int(time.time() * 1000)
    low = now - 4 * HOUR_MS
    down = low + 600_000

    def since() -> tuple[int, int, str]:
        sql = "SELECT state, toUnixTimestamp64Milli(since_at) AS at, job FROM machine_now FINAL"
        [row] = bench.warehouse.query(sql).to_pylist()
        return row["state"], row["at"], row["job"]

    heard = [("M1", "good_count", at, 0.0, "") for at in range(low, now - 60_000, 10_000)]
    bench.start()
    bench.put([("M1", "machine_state", low, 1.0, ""), ("M1", "machine_state", down, 4.0, ""),
               ("M1", "order_operation", low, float("nan"), "O-1/10"), *heard])  # fmt: skip
    bench.wait()
    assert since() == (4, down, "O-1/10")
    bench.stop()
    bench.start()
    # What is known of a machine stands in `reading_latest`, which the intake writes; so it is told.
    bench.put([("M1", "machine_state", now - 40_000, 4.0, ""),
               ("M1", "order_operation", now - 40_000, float("nan"), "O-1/10")])  # fmt: skip
    bench.wait()
    assert since() == (4, down, "O-1/10"), "looked up in the hours that are told"
    again = now - 2 * HOUR_MS
    bench.put([("M1", "machine_state", again - 600_000, 1.0, ""),
               ("M1", "machine_state", again, 4.0, "")])  # fmt: skip
    bench.wait()
    bench.put([("M1", "good_count", now - 30_000, 0.0, "")])
    bench.wait()
    assert since() == (4, again, "O-1/10")


def test_a_machine_that_tells_all_the_time_needs_no_look_at_its_other_signals(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_790_000_400_000 // HOUR_MS * HOUR_MS + 1_800_000
    low = now // HOUR_MS * HOUR_MS
    rows: list[Row] = []
    for second in range(-2 * 3600, 1800, 5):
        at = low + 1000 * second
        rows.append(("M1", "machine_state", at, float(1 + (second // 600) % 2), ""))
        rows.append(("M1", "good_count", at, float(second // 60 + 200), ""))
        rows.append(("M2", "temperature_degc", at, 20.0, ""))
    rows += [("M2", "machine_state", low - 7_000_000, 1.0, ""),
             ("M2", "machine_state", low + 600_000, 4.0, "")]  # fmt: skip
    bench.put(rows)
    known = {"M1": ["machine_state", "good_count"], "M2": ["machine_state"]}
    asked: list[Sequence[str]] = []
    instants = Store._instants

    def counted(self: Store, things: Sequence[str], since: int, until: int, now: int) -> Any:
        asked.append(things)
        return instants(self, things, since, until, now)

    def runs() -> list[list[int]]:
        heard = Store(bench.warehouse).heard(known, low, low + HOUR_MS, now)
        found = []
        for thing in known:
            plan, _ = Plans().of(Machine(thing), low, low + HOUR_MS)
            one = told(Machine(thing), heard[thing], plan, low, low + HOUR_MS, now, Rules())
            found += [column.tolist() for column in (
                one.runs.start, one.runs.end, one.runs.state, one.parts.time_ms,
                one.parts.starts_count, np.array([one.since]),
            )]  # fmt: skip
        return found

    monkeypatch.setattr(Store, "_instants", counted)
    told_of = runs()
    assert asked == [["M2"]]
    monkeypatch.setattr("millbrain.analyse.effectiveness.store.HEARD_MS", 1)
    assert runs() == told_of
    assert asked[1] == ["M1", "M2"]
