"""The hand of the alarms over a real ledger: transactions, ticks, what a card and a README owe."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from millbrain.core.alarms.rules import ANY, DECLARED, AlarmRule
from millbrain.core.errors import StoreError
from millbrain.core.findings import Finding, Severity
from millbrain.decide import alarms as room
from millbrain.decide.alarms import app
from millbrain.decide.alarms.example import example
from millbrain.record.ledger import AlarmFilter, Ledger
from millbrain.run.discovery import discover

AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
ANYTHING = AlarmFilter()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


def finding(number: int, kind: str = "connection", severity: int = 3) -> Finding:
    seen_s = int(AT.timestamp()) - 60
    return Finding(f"V{number}", "battery", kind, 1, 7, 0, seen_s, Severity(severity), 1, "", 1, 1)


def test_nothing_to_take_asks_the_store_for_nothing() -> None:
    class Refusing:
        def rules_in_force(self, declared: object) -> object:
            return declared

    app.Alarms(Refusing(), DECLARED, lambda: AT).take([])  # type: ignore[arg-type]


def test_a_failure_in_the_middle_leaves_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = app.Alarms(ledger.alarms, DECLARED, lambda: AT)
    real = app.calc.taken

    def failing(*given: object) -> object:
        if given[1].thing == "V3":  # type: ignore[attr-defined]
            raise StoreError("the disk went away")
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(app.calc, "taken", failing)
    with pytest.raises(StoreError):
        alarms.take([finding(n) for n in range(5)])
    assert ledger.alarms.page(ANYTHING) == ([], 0)
    monkeypatch.undo()
    alarms.take([finding(n) for n in range(5)])
    assert ledger.alarms.page(ANYTHING)[1] == 5


def test_more_due_alarms_than_one_transaction_holds_wait_for_the_next_tick(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TICK_ALARMS_MAX", 3)
    ledger.alarms.rules.put([AlarmRule(ANY, ANY, on_delay_s=30)], "li")
    now = [AT]
    alarms = app.Alarms(ledger.alarms, DECLARED, lambda: now[0])
    alarms.take([finding(n) for n in range(5)])
    now[0] += timedelta(seconds=31)
    seen = []
    for _ in range(2):
        alarms.tick()
        seen.append(ledger.alarms.page(AlarmFilter(states=("unacknowledged",)))[1])
    assert seen == [3, 5]


def test_suppression_is_settled_in_portions(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "TICK_THINGS_MAX", 2)
    alarms = app.Alarms(ledger.alarms, DECLARED, lambda: AT)
    alarms.take([finding(n) for n in range(5)])
    alarms.take([finding(n, "thermal", 4) for n in range(5)])
    thermal = [r.alarm.id for r in ledger.alarms.page(AlarmFilter(kind="thermal"))[0]]
    ledger.alarms.act(thermal, "take_out", "li", "drill")
    alarms.tick()
    assert ledger.alarms.page(AlarmFilter(states=("unacknowledged",)))[1] == 5


def test_a_quiet_tick_writes_nothing(ledger: Ledger) -> None:
    alarms = app.Alarms(ledger.alarms, DECLARED, lambda: AT)
    alarms.take([finding(1)])
    alarms.tick()
    alarms.tick()
    before = ledger.alarms.restless(0)[1]
    alarms.tick()
    assert ledger.alarms.restless(0)[1] == before


def test_the_room_is_found_and_says_what_it_does() -> None:
    assert room.ROOM in discover("decide")
    text = (Path(room.__file__).parent / "README.md").read_text("utf-8")
    headings = " ".join(re.findall(r"^## (.*)", text, re.M)).lower()
    assert all(h in headings for h in ("question", "method", "references", "arithmetic", "wrong"))


def test_the_example_shows_a_whole_life_and_a_second_one() -> None:
    assert [(step.action, step.target) for step in example()] == [
        ("announce", "unacknowledged"), ("acknowledge", "acknowledged"), ("return", "normal"),
        ("announce", "unacknowledged"),
    ]  # fmt: skip
