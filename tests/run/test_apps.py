"""Apps in the engine: a fault in one stays there; parameters are checked."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from millbrain.core.errors import SettingsError, StoreError
from millbrain.core.findings import FINDING, Finding, Severity
from millbrain.core.rooms import App, Ground, Level
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.apps import Apps, Reporter, parameters_of
from millbrain.run.discovery import apps

BATTERY = next(card for card in apps() if card.key == "battery")
FOUND = Finding("V1", "battery", "thermal", 0, 0, 5, 9, Severity.DANGER, 1.0, "", 1.0, 0.9)


class Faulty:
    """An app that fails at everything."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def take(self, batch: int, tables: Mapping[str, Any]) -> None:
        raise RuntimeError("take")

    def status(self) -> Mapping[str, Any]:
        return {"position": 7}

    def stop(self) -> None:
        raise RuntimeError("stop")


def card(start: str) -> App:
    return App("faulty", "F", "故障", (), (), Level.SKETCH, start=start)


def test_a_fault_stays_in_the_app(caplog: pytest.LogCaptureFixture) -> None:
    running = Apps()
    ground = Ground(None, lambda: 0, print, {})  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        running.start(card(f"{__name__}:Faulty"), ground)
        running.start(card("millbrain.nowhere:start"), ground)
        for batch in range(3):
            running.take(batch, {})
        running.stop()
    assert running.status() == {"faulty": {"position": 7, "faults": 5}}
    assert len(caplog.records) == 1  # once a minute


def test_parameters_are_checked_against_the_card() -> None:
    assert parameters_of(BATTERY, {"days_min": 4}) == {"days_min": 4}
    with pytest.raises(SettingsError, match="no parameter"):
        parameters_of(BATTERY, {"day_min": 4})
    with pytest.raises(SettingsError, match="whole number"):
        parameters_of(BATTERY, {"days_min": 99})


def test_findings_reach_the_alarms_first_and_are_stored_as_versions(warehouse: Warehouse) -> None:
    create_tables(warehouse, [FINDING])
    taken: list[Finding] = []
    reporter = Reporter(warehouse, taken.extend)
    reporter.report([])
    reporter.report([FOUND])
    reporter.report([FOUND])
    assert taken == [FOUND, FOUND]
    sql = "SELECT count(), uniqExact(as_of) FROM finding"
    assert warehouse.query(sql).to_pylist()[0] == {"count()": 2, "uniqExact(as_of)": 2}
    assert warehouse.query("SELECT count() AS n FROM finding FINAL").to_pylist() == [{"n": 1}]


def test_what_the_alarms_refuse_is_not_stored(warehouse: Warehouse) -> None:
    create_tables(warehouse, [FINDING])

    def refuse(_: object) -> None:
        raise StoreError("locked")

    with pytest.raises(StoreError, match="locked"):
        Reporter(warehouse, refuse).report([FOUND])
    assert warehouse.query("SELECT count() AS n FROM finding").to_pylist() == [{"n": 0}]
