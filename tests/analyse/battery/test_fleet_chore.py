"""The fleet and the heat watch as chores, on a real warehouse with a made fleet."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.chores import rota
from millbrain.analyse.battery.chores.fleet import FleetChore
from millbrain.analyse.battery.chores.heat import HeatChore
from millbrain.analyse.battery.chores.marks import Marks
from millbrain.analyse.battery.tables import BATTERY_DAY, BATTERY_EVENT, TABLES
from millbrain.core.columns import Columns
from millbrain.core.facts import LINK_EVENT, SHARED_TABLES, VEHICLE_LATEST
from millbrain.core.finding_rows import known, still_open
from millbrain.core.findings import Finding
from millbrain.core.rooms import Ground
from millbrain.core.tables import Table, arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.apps import Reporter
from tests.analyse.battery.test_chores import MIDNIGHT, charge, put

NOW_S = int(time.time())
FLEET = 240  # 60 of each of four models
THINGS = {f"V{i:04d}": {"software": "7.1" if i % 8 == 3 else "7.0"} for i in range(FLEET)}


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    return warehouse


def insert(store: Warehouse, table: Table, values: dict[str, Any]) -> None:
    columns = Columns(len(next(iter(values.values()))), values)
    store.insert(table, arrow_batch(table, columns))


def fleet(store: Warehouse, days: int = 20) -> None:
    """Store vehicles of four models, and the days on which they were seen."""
    vins = np.array([f"V{i:04d}".encode() for i in range(FLEET)])
    models = np.array([f"M{i % 4}".encode() for i in range(FLEET)])
    insert(store, VEHICLE_LATEST, {"vin": vins, "model": models})
    for day in range(days):
        at = np.full(FLEET, MIDNIGHT + day * 86_400, np.uint32)
        insert(store, BATTERY_DAY, {
            "vin": vins, "pack_no": np.ones(FLEET, np.uint8),
            "day": np.full(FLEET, (MIDNIGHT + 8 * 3_600) // 86_400 + day, np.uint16),
            "cell_count": np.full(FLEET, 96, np.uint16), "first_at": at, "last_at": at + 600,
        })  # fmt: skip


def jumps(store: Warehouse, vehicles: Sequence[int]) -> None:
    """Store an event for each of some vehicles."""
    count = len(vehicles)
    insert(store, BATTERY_EVENT, {
        "vin": np.array([f"V{i:04d}".encode() for i in vehicles]),
        "device_at": (MIDNIGHT + 86_400 + 600 * np.arange(count)).astype(np.uint32),
        "kind": np.full(count, b"soc_jump"), "value": np.full(count, 7, np.float32),
        "as_of": np.full(count, 1, np.int64),
    })  # fmt: skip


def ground(store: Warehouse, taken: list[Finding] | None = None, **parameters: float) -> Ground:
    take = [].extend if taken is None else taken.extend
    return Ground(store, lambda: 99, Reporter(store, take).report, parameters, 0,
                  lambda: THINGS)  # fmt: skip


def chore(store: Warehouse) -> FleetChore:
    return FleetChore(ground(store), Marks(store))


def suspected(store: Warehouse) -> list[tuple[str, str, str, int, int]]:
    rows = store.query(
        "SELECT toString(grouped_by) AS a, toString(group) AS b, toString(what) AS c, cases, "
        "is_open FROM fleet_suspicion FINAL ORDER BY a, b"
    ).to_pylist()
    texts = [[v.decode() if isinstance(v, bytes) else v for v in row.values()] for row in rows]
    return [(str(a), str(b), str(c), int(n), int(o)) for a, b, c, n, o in texts]


def test_a_group_opens_stays_without_a_new_version_and_closes(store: Warehouse) -> None:
    fleet(store)
    jumps(store, range(2, 42, 4))  # ten of model M2
    chore(store).look()
    assert suspected(store) == [("model", "M2", "event:soc_jump", 10, 1)]
    chore(store).look()
    versions = store.query("SELECT count() AS n FROM fleet_suspicion").to_pylist()
    assert versions == [{"n": 1}], "nothing has changed"
    jumps(store, range(FLEET))  # now everybody has it: what stood out is no longer beyond
    chore(store).look()
    assert suspected(store) == [("model", "M2", "event:soc_jump", 60, 0)]


def test_a_group_that_no_longer_exists_is_closed(store: Warehouse) -> None:
    fleet(store)
    jumps(store, range(2, 42, 4))
    chore(store).look()
    store.execute("TRUNCATE TABLE battery_event")
    chore(store).look()
    assert suspected(store) == [("model", "M2", "event:soc_jump", 10, 0)]


def test_software_of_the_register_and_pack_codes_of_logins_make_groups(store: Warehouse) -> None:
    fleet(store)
    same = "001PE0A" + "0" * 17  # GB/T 34014: maker 001, pack, type E, specification 0A
    other = "002PE0B" + "0" * 17
    codes = [f'{{"codes": ["{same if i % 8 == 3 else other}"]}}' for i in range(FLEET)]
    insert(store, LINK_EVENT, {
        "vin": np.array([f"V{i:04d}".encode() for i in range(FLEET)]),
        "received_at": np.full(FLEET, NOW_S * 1_000, np.int64),
        "event": np.full(FLEET, b"vehicle_login"),
        "detail": np.array([c.encode() for c in codes], object),
    })  # fmt: skip
    jumps(store, range(3, 123, 8))  # fifteen with software 7.1, which half of model M3 has
    chore(store).look()
    assert [(a, b) for a, b, _, _, is_open in suspected(store) if is_open] == [
        ("model", "M3"), ("pack_code", "001PE0A"), ("software", "7.1"),
    ]  # fmt: skip


def test_what_comes_before_the_events_makes_it_a_matter_of_strategy(store: Warehouse) -> None:
    fleet(store)
    for number, i in enumerate(range(2, 42, 4)):
        start = MIDNIGHT + 86_400 + 600 * number - 3_000  # at the event 50 minutes of it are over
        columns = charge(start, minutes=100, low=20)
        columns.values["vin"] = np.full(columns.rows, f"V{i:04d}".encode())
        put(store, columns, 1)
    jumps(store, range(2, 42, 4))
    chore(store).look()
    (row,) = store.query("SELECT toString(cause) AS cause, toString(pattern) AS pattern FROM "
                         "fleet_suspicion FINAL").to_pylist()  # fmt: skip
    assert str(row["cause"]).strip("b'") == "strategy"
    assert "50 to 59 %" in str(row["pattern"]), "20 % and 40 A into 100 Ah for 50 minutes"


def latest(store: Warehouse, degc: int, at: int, vin: bytes = b"HOT") -> None:
    store.execute("TRUNCATE TABLE vehicle_latest")
    insert(store, VEHICLE_LATEST, {
        "vin": np.array([vin]), "device_at": np.array([at], np.uint32),
        "report_count": np.array([1], np.uint64), "charge_state": np.array([1], np.uint8),
        "temp_max_degc": np.array([degc], np.int16), "temp_min_degc": np.array([degc], np.int16),
        "current_a": np.array([-50], np.float32), "model": np.array([b"M1"]),
    })  # fmt: skip


def step(heat: HeatChore) -> None:
    heat._at_s = 0.0
    assert heat.step()


def test_a_hot_vehicle_is_told_after_a_restart_it_is_the_same_and_silence_ends_it(
    store: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW_S)
    taken: list[Finding] = []
    heat = HeatChore(ground(store, taken))
    for k in range(3):
        latest(store, 52, NOW_S - 30 + 10 * k)
        step(heat)
    (found,) = taken
    assert (found.thing, found.kind, found.is_open) == ("HOT", "heat", True)
    assert (found.value, found.threshold) == (52, 50)
    heat = HeatChore(ground(store, taken))  # as after a kill
    latest(store, 52, NOW_S)
    step(heat)
    assert len(taken) == 1, "it is open, and not told twice"
    monkeypatch.setattr(time, "time", lambda: NOW_S + 90_000)
    store.execute("TRUNCATE TABLE vehicle_latest")
    step(heat)
    assert [f.is_open for f in taken] == [True, False]
    assert "not reported for 25 h" in taken[-1].sentence
    assert not still_open(store, "battery")
    assert known(store, "battery", ["HOT"])["HOT"] == [replace(taken[-1])]


def test_a_fault_in_one_chore_keeps_the_others_going(store: Warehouse) -> None:
    fleet(store, days=1)
    with_rules = ground(store, heat_s=1, fleet_s=1)
    work = rota.Rota(with_rules, 0)
    broken = work._turns["heat"].chore
    broken.step = lambda: 1 / 0  # type: ignore[method-assign,assignment]  # the fault
    work._turns["fleet"].chore._at_s = 0.0  # type: ignore[attr-defined]
    for _ in range(5):
        work.step()
    status = work.status()
    assert status["heat"]["failures"] == 1
    assert "ZeroDivisionError" in status["heat"]["last_error"]
    assert status["fleet"]["looks"] == 1
