"""The app on a real warehouse: readings in, findings and states out, late and repeated ones too."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.process.app import Process
from millbrain.analyse.process.pages.charts import CHARACTERISTIC, CHART, READINGS
from millbrain.analyse.process.tables import TABLES
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.findings import Finding
from millbrain.core.plant.charted import Charted, ChartKind
from millbrain.core.plant.readings import READING
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.apps import Reporter
from millbrain.show.queries import asked
from tests.analyse.process.made_fleet import readings

NOW_MS = 1_767_225_600_000
BORE = Charted("MW-L03-M07", "bore_mm", "Bore", "孔径", unit="mm", lower=9.97, upper=10.03)


class Rig:
    """The app over a warehouse, looked by hand instead of by its clock."""

    def __init__(self, store: Warehouse, *declared: Charted) -> None:
        self.store, self.declared = store, list(declared)
        self.taken: list[Finding] = []
        self.settled = 0
        self.up()

    def up(self) -> None:
        ground = Ground(
            facts=self.store,
            settled=lambda: self.settled,
            report=Reporter(self.store, self.taken.extend).report,
            parameters={"look_s": 3600.0},
            characteristics=lambda: tuple(self.declared),
        )
        self.app = Process(ground)
        while not self.app.steps.done and not self.app.steps.failures:
            pass
        assert not self.app.steps.failures, self.app.steps.last_error

    def put(self, values: Any, last_ms: int = NOW_MS, signal: str = "bore_mm") -> None:
        self.settled += 1
        made = readings("MW-L03-M07", signal, values, last_ms, self.settled)
        self.store.insert(READING, arrow_batch(READING, made))

    def states(self) -> list[dict[str, Any]]:
        sql = "SELECT signal, points, hits, cpk FROM spc_characteristic FINAL ORDER BY signal"
        return self.store.query(sql).to_pylist()

    def open(self) -> list[str]:
        sql = "SELECT toString(kind) AS kind FROM finding FINAL WHERE is_open = 1 ORDER BY kind"
        return [row["kind"] for row in self.store.query(sql).to_pylist()]


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    return warehouse


@pytest.fixture
def rig(store: Warehouse) -> Iterator[Rig]:
    made = Rig(store, BORE)
    yield made
    made.app.stop()


def quiet(count: int, seed: int = 1) -> Any:
    """Return values that break no rule: a fixed uneven walk around the middle."""
    steps = np.array([0.9, -1.4, 0.3, -0.6, 1.3, 0.5, -0.8, -0.2, 1.2, -1.1, -0.4, 0.7])
    return 10.0 + 0.005 * np.resize(steps, count)


def test_a_point_beyond_the_limit_is_told_with_its_rule_and_closed_in_time(rig: Rig) -> None:
    rig.put(quiet(40))
    rig.app.look()
    assert rig.open() == []
    rig.put([10.05], NOW_MS + 60_000)
    rig.app.look()
    assert rig.open() == ["nelson_1"]
    (finding,) = rig.taken
    assert "nelson_1" in finding.sentence
    assert "point 41" in finding.sentence
    assert finding.value == 10.05
    assert finding.last_seen == NOW_MS // 1000 + 60
    rig.put(quiet(27), NOW_MS + 28 * 60_000)  # the moving range after it was beyond, too
    rig.app.look()
    assert rig.open() == []
    assert [f.is_open for f in rig.taken] == [True, False]


def test_the_same_readings_again_say_nothing_new(rig: Rig) -> None:
    rig.put([*quiet(40), 10.05])
    rig.app.look()
    told = len(rig.taken)
    rig.app.stop()
    rig.up()  # a restart looks at everything again
    rig.app.look()
    assert len(rig.taken) == told
    assert rig.open() == ["nelson_1"]


def test_late_readings_of_phase_one_move_the_limits(rig: Rig) -> None:
    rig.put(10.0 + 0.001 * np.resize([1, -1, 0.5, -0.5], 40))
    rig.app.look()
    rig.put([10.006], NOW_MS + 60_000)
    rig.app.look()
    assert "nelson_1" in rig.open()
    wild = 10.0 + 0.01 * np.resize([1, -1], 60)
    rig.put(wild, NOW_MS - 3_600_000)  # an hour before: now these are phase I
    rig.app.look()
    assert "nelson_1" not in rig.open()


def test_capability_is_told_only_where_it_is_sure(rig: Rig) -> None:
    rig.put(10.0 + 8 * (quiet(60) - 10.0))
    rig.app.look()
    assert "capability" in rig.open()
    (state,) = rig.states()
    assert state["cpk"] < 1.33


def test_what_is_declared_no_more_leaves(rig: Rig) -> None:
    rig.put([*quiet(40), 10.05])
    rig.app.look()
    assert rig.states()
    rig.declared.clear()
    rig.app.look()
    assert rig.states() == []
    assert rig.open() == []


def test_the_page_draws_what_the_app_judged(rig: Rig) -> None:
    grouped = Charted(
        "MW-L03-M07", "face_mm", "Face", "端面", ChartKind.XBAR_R, 2, subgroup=5, baseline=10,
        lower=4.9, upper=5.1,
    )  # fmt: skip
    rig.declared.append(grouped)
    values = 5.0 + 0.01 * np.random.default_rng(8).normal(0, 1, 203)
    values[195:200] += 0.05
    rig.put(values, signal="face_mm")
    rig.app.look()
    assert "nelson_1" in rig.open()
    given = {"thing": "MW-L03-M07", "signal": "face_mm"}
    answers = {
        "characteristic": asked.answer(rig.store, CHARACTERISTIC, given, "", asked.Slice())[0],
        "characteristic_readings": asked.table(rig.store, READINGS, given | {"newest": 99}, ""),
    }
    view = json.loads(CHART.make(answers, "en"))
    means = view["charts"][0]
    # 203 readings are 40 full subgroups; the newest 99 begin within the 21st, so at the 22nd.
    assert view["place"] == 21
    assert len(means["value"]) == 19
    assert means["value"][-1] == pytest.approx(values[195:200].mean())
    assert means["marks"]["nelson_1"] == [18]
    expected = values[:50].reshape(10, 5)
    limit = expected.mean() + 0.577 * np.ptp(expected, axis=1).mean()
    assert means["upper"][0] == pytest.approx(limit, abs=1e-4)
    assert view["at_ms"][-1] == NOW_MS - 3 * 60_000
    assert datetime.fromtimestamp(view["at_ms"][-1] / 1000, UTC).year == 2025
