"""The alarms inside the engine: what the table of findings holds reaches them, whoever wrote it."""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millbrain.core.errors import StoreError
from millbrain.core.findings import FINDING, Finding, Severity, finding_columns
from millbrain.core.tables import arrow_batch
from millbrain.record.ledger import AlarmFilter, Ledger
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from millbrain.run import alarming
from millbrain.run.alarming import AlarmKeeper

AT_MS = 1_782_900_000_000
ANYTHING = AlarmFilter()


def finding(number: int, seen: int = 0, **fields: object) -> Finding:
    made = Finding(f"V{number}", "battery", "connection", 1, 7, 1, AT_MS // 1000 + seen,
                   Severity.STOP, -48.0, "mV", -15.0, 0.9, sentence_zh="松动")  # fmt: skip
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def store(warehouse: EmbeddedWarehouse, as_of_ms: int, *findings: Finding) -> None:
    warehouse.insert(FINDING, arrow_batch(FINDING, finding_columns(findings, as_of_ms)))


def states(ledger: Ledger) -> dict[str, str]:
    return {r.alarm.finding.thing: r.alarm.state for r in ledger.alarms.page(ANYTHING)[0]}


def wait(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def facts(warehouse: EmbeddedWarehouse) -> EmbeddedWarehouse:
    create_tables(warehouse, (FINDING,))
    return warehouse


def test_an_empty_table_is_no_trouble(ledger: Ledger, facts: EmbeddedWarehouse) -> None:
    keeper = AlarmKeeper(ledger, facts)
    keeper.catch_up()
    keeper.catch_up()
    assert states(ledger) == {}


def test_what_was_stored_before_the_start_is_taken(
    ledger: Ledger, facts: EmbeddedWarehouse
) -> None:
    store(facts, AT_MS, finding(1), finding(2), finding(3))
    store(facts, AT_MS + 1, finding(3, 5, is_open=False))
    AlarmKeeper(ledger, facts).catch_up()
    assert states(ledger) == {"V1": "unacknowledged", "V2": "unacknowledged"}
    assert ledger.alarms.page(AlarmFilter(thing="V1"))[0][0].alarm.finding == finding(1)


def test_what_closed_while_nobody_listened_ends_its_alarm(
    ledger: Ledger, facts: EmbeddedWarehouse
) -> None:
    store(facts, AT_MS, finding(1))
    AlarmKeeper(ledger, facts).catch_up()
    store(facts, AT_MS + 1, finding(1, 5, is_open=False))
    AlarmKeeper(ledger, facts).catch_up()
    assert states(ledger) == {"V1": "returned_unacknowledged"}


def test_what_another_process_writes_is_taken_at_the_next_look(
    ledger: Ledger, facts: EmbeddedWarehouse
) -> None:
    keeper = AlarmKeeper(ledger, facts)
    store(facts, AT_MS, finding(1))
    keeper.catch_up()
    late_ms = AT_MS - alarming.OVERLAP_MS // 2  # committed later than it was written
    store(facts, late_ms, finding(2))
    store(facts, AT_MS + 10, finding(1, 5, is_open=False), finding(3))
    keeper.catch_up()
    assert states(ledger) == {
        "V1": "returned_unacknowledged", "V2": "unacknowledged", "V3": "unacknowledged",
    }  # fmt: skip


def test_a_refusing_store_is_tried_again_said_once_and_shown(
    ledger: Ledger,
    facts: EmbeddedWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(alarming, "TICK_S", 0.01)
    monkeypatch.setattr(alarming, "CATCH_UP_S", 0.01)
    keeper = AlarmKeeper(ledger, facts)
    real, tries = keeper.catch_up, []

    def failing() -> None:
        tries.append(1)
        if len(tries) < 4:
            raise StoreError("no space left")
        real()

    monkeypatch.setattr(keeper, "catch_up", failing)
    store(facts, AT_MS, finding(1))
    with caplog.at_level(logging.INFO, "millbrain.run.alarming"):
        keeper.start()
        wait(lambda: states(ledger) == {"V1": "unacknowledged"})
        wait(lambda: keeper.status()["troubles"] == [])
        keeper.stop()
    assert [r.levelname for r in caplog.records] == ["ERROR", "INFO"]
    assert keeper.status() == {"is_alive": False, "troubles": []}
