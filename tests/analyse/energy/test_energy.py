"""Days of a meter by hand, and the app on a real warehouse with late readings."""

from collections.abc import Iterator

import numpy as np
import pytest

from millbrain.analyse.energy import model
from millbrain.analyse.energy.app import Energy
from millbrain.analyse.energy.calc import Intervals, day_of, days, power_factor
from millbrain.analyse.energy.tables import TABLES
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.plant.readings import READING
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables
from tests.analyse.energy.made_fleet import FIRST_MS, at, readings


def test_an_interval_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    ends = FIRST_MS + np.array([0, 1, 900_000, 86_400_000], np.int64)
    first = int(np.datetime64("2026-01-01", "D").astype(int))
    assert (day_of(ends, 8.0) - first).tolist() == [-1, 0, 0, 0]
    assert (day_of(ends, 9.0) - first).tolist() == [0, 0, 0, 1]


def test_a_day_by_hand() -> None:
    none = np.full(3, np.nan)
    energy = np.array([1.0, 4.0, np.nan])
    (day,) = days(
        Intervals(at(3), energy, np.array([3.0, 0, 0]), none, none, ["a", "b", "a"]), 8.0, 900
    )
    assert (day.energy_kwh, day.peak_kw, day.peak_at) == (5.0, 16.0, FIRST_MS + 1_800_000)
    assert (day.interval_count, day.loads_kwh, day.co2_t) == (3, {"a": 1.0, "b": 4.0}, 0.0)
    assert power_factor(4.0, 3.0) == 0.8
    assert np.isnan(power_factor(0.0, 0.0))


@pytest.fixture
def rig(warehouse: Warehouse) -> Iterator[tuple[Warehouse, Energy, list[int]]]:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    settled = [0]
    ground = Ground(
        facts=warehouse, settled=lambda: settled[0], report=lambda _: None,
        parameters={"look_s": 3600.0},
    )  # fmt: skip
    app = Energy(ground)
    while not app.steps.done:
        pass
    yield warehouse, app, settled
    app.stop()


def test_late_and_repeated_readings_make_the_same_day(
    rig: tuple[Warehouse, Energy, list[int]],
) -> None:
    store, app, settled = rig
    values = {model.ENERGY: [1.0] * 96, model.LAGGING: [0.75] * 96, model.CO2: [0.01] * 96}
    whole = readings("M", values, ["Light_Load"] * 96)
    early = whole.take(np.arange(0, whole.rows, 2))
    late = whole.take(np.arange(1, whole.rows, 2))
    late.values["batch"] = np.full(late.rows, 2, np.uint64)
    seen = []
    for number, rows in ((1, early), (2, late)):
        store.insert(READING, arrow_batch(READING, rows))
        settled[0] = number
        app.look()
        sql = (
            "SELECT toString(day) AS day, interval_count, energy_kwh, peak_kw, co2_t, load_kwh,"
            " reactive_lagging_kvarh FROM energy_day FINAL"
        )
        seen.append(store.query(sql).to_pylist())
    assert [row["interval_count"] for row in seen[0]] == [48]
    (day,) = seen[1]
    assert day["day"] == "2026-01-01"
    assert (day["interval_count"], day["energy_kwh"], day["peak_kw"]) == (96, 96.0, 4.0)
    assert day["co2_t"] == pytest.approx(0.96)
    assert (day["load_kwh"], day["reactive_lagging_kvarh"]) == ([96.0], 72.0)
    app.look()
    assert app.days == 2, "nothing new, nothing computed"
    assert not app.steps.failures, app.steps.last_error
