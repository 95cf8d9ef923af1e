"""The running app on a real warehouse: what it tells, when, and after a restart."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from millbrain.analyse.limits.app import Limits
from millbrain.core.columns import Columns
from millbrain.core.findings import FINDING, Finding, Severity, finding_columns
from millbrain.core.plant.readings import GOOD, READING
from millbrain.core.plant.signal_limits import SignalLimits
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables

HOT = SignalLimits("PUMP-1", "bearing_degc", high=80, high_high=95, deadband=5, number=1)


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (READING, FINDING))
    return warehouse


class House:
    """What stands around the app: the newest batch, the limits in force, what was told."""

    def __init__(self, warehouse: Warehouse, *limits: SignalLimits, batch: int = 0) -> None:
        self.warehouse, self.limits, self.batch = warehouse, limits, batch
        self.told: list[Finding] = []
        self.now_ms = int(time.time() * 1000)
        self.app = Limits(
            Ground(warehouse, lambda: self.batch, self.report, {"look_s": 60},
                   limits=lambda: self.limits)
        )  # fmt: skip
        while not self.app.steps.done + self.app.steps.failures:  # tests look themselves
            time.sleep(0.005)

    def report(self, findings: Sequence[Finding]) -> None:
        assert len({f.key for f in findings}) == len(findings), "two versions at once"
        self.told += findings
        if findings:
            columns = finding_columns(findings, self.now_ms + len(self.told))
            self.warehouse.insert(FINDING, arrow_batch(FINDING, columns))

    def come(self, *values: float, start_s: int = 0, is_shown: bool = True) -> None:
        """Let readings be committed, one a second."""
        self.batch += 1
        count = len(values)
        at = self.now_ms + 1000 * (start_s + np.arange(count))
        rows = Columns(count, {
            "thing": np.full(count, b"PUMP-1"), "signal": np.full(count, b"bearing_degc"),
            "device_at": at, "received_at": at, "value": np.array(values),
            "text": np.full(count, b""), "quality": np.full(count, GOOD, np.uint8),
            "link": np.full(count, b"test"), "batch": np.full(count, self.batch, np.uint64),
            "frame_count": np.ones(count, np.uint8),
        })  # fmt: skip
        self.warehouse.insert(READING, arrow_batch(READING, rows))
        if is_shown:
            self.app.take(self.batch, {"reading": rows})
        self.app.look()

    def said(self) -> list[tuple[str, float, int, bool]]:
        said = [(f.kind, f.value, int(f.severity), f.is_open) for f in self.told]
        self.told.clear()
        return said


def test_a_finding_opens_grows_graver_and_closes(store: Warehouse) -> None:
    house = House(store, HOT)
    house.come(60, 82)
    assert house.said() == [("high", 82, Severity.WATCH, True)]
    house.come(97, start_s=2)
    assert house.said() == [("high", 97, Severity.STOP, True)]
    house.come(60, start_s=3)
    assert house.said() == [("high", 97, Severity.STOP, False)]
    assert house.app.status()["open"] == 0
    house.app.stop()


def test_a_short_crossing_is_told_too(store: Warehouse) -> None:
    house = House(store, HOT)
    house.come(60)
    house.come(82, 97, 60, start_s=1)
    assert house.said() == [
        ("high", 97, Severity.STOP, True),
        ("high", 97, Severity.STOP, False),
    ]
    house.app.stop()


def test_the_sentence_says_what_is_beyond_what(store: Warehouse) -> None:
    house = House(store, HOT)
    house.come(82)
    (found,) = house.told
    assert found.sentence == "bearing_degc is 82 °C, above its high limit 80 °C"
    assert found.sentence_zh == "bearing_degc为82 °C，超过上限80 °C"
    assert (found.thing, found.threshold, found.unit) == ("PUMP-1", 80, "°C")
    house.app.stop()


def test_after_a_restart_it_goes_on_and_repeats_nothing(store: Warehouse) -> None:
    house = House(store, HOT)
    house.come(60, 82)
    house.app.stop()
    again = House(store, HOT, batch=house.batch)
    assert again.said() == []
    again.come(60, start_s=2)
    assert again.said() == [("high", 82, Severity.WATCH, False)]
    again.app.stop()


def test_what_came_while_it_was_down_is_judged(store: Warehouse) -> None:
    house = House(store, HOT)
    house.app.stop()
    house.come(60, 99, is_shown=False)
    again = House(store, HOT, batch=house.batch)
    assert again.said() == [("high", 99, Severity.STOP, True)]
    again.app.stop()


def test_a_limit_that_is_taken_away_closes_its_finding(store: Warehouse) -> None:
    house = House(store, HOT)
    house.come(82)
    house.said()
    house.limits = ()
    house.app.look()
    assert house.said() == [("high", 82, Severity.WATCH, False)]
    house.app.stop()


def test_batches_that_were_let_go_are_read_from_the_store(
    store: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.core.limits.LIMIT_ROWS_QUEUED_MAX", 1)
    house = House(store, HOT)
    house.come(60, 82)
    assert house.said() == [("high", 82, Severity.WATCH, True)]
    assert house.app.status()["missed_batches"] == 1
    house.app.stop()
