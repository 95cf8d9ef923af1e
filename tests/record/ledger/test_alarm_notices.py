"""Notices of alarms: written with the alarm, to whom it concerns, and no flood of them."""

from dataclasses import replace

import pytest

from millbrain.core import limits
from millbrain.core.alarms.rules import DECLARED
from millbrain.core.errors import LimitError
from millbrain.core.findings import Severity
from millbrain.core.work.notices import Delivery
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import Ledger, Thing
from millbrain.record.ledger.alarm_notices import PRIORITY_TOLD
from millbrain.record.ledger.models import now
from tests.record.ledger.test_alarms import finding


@pytest.fixture
def alarms(ledger: Ledger) -> Alarms:
    ledger.things.put([Thing("V1", operator="North"), Thing("V2", operator="South")])
    for name, operator in (("centre", ""), ("north", "North")):
        ledger.outbox.add_target(name, "webhook", "http://127.0.0.1:9/", operator=operator)
    ledger.outbox.add_target("orders", "webhook", "http://127.0.0.1:9/", topics=["order.*"])
    return Alarms(ledger.alarms, DECLARED, now)


def told(ledger: Ledger, name: str) -> list[Delivery]:
    (target,) = (t for t in ledger.outbox.targets() if t.name == name)
    return [s.delivery for s in ledger.outbox.claim(target, now(), 60, most=1_000)]


def test_an_announced_alarm_is_told_once(ledger: Ledger, alarms: Alarms) -> None:
    assert DECLARED.of("battery", "connection").priority(Severity.STOP) >= PRIORITY_TOLD
    alarms.take([finding("V1"), finding("V2")])
    alarms.take([finding("V1"), finding("V2")])
    assert len(told(ledger, "centre")) == 2
    (one,) = told(ledger, "north")
    assert (one.topic, one.app, one.severity) == ("alarm.announce", "battery", Severity.STOP)
    assert one.content["thing"] == "V1"
    assert one.content["sentence_zh"] == "7 号单体松动"
    assert told(ledger, "orders") == []


def test_what_can_wait_is_not_told_until_it_gets_worse(ledger: Ledger, alarms: Alarms) -> None:
    watched = finding("V1", severity=Severity.WATCH)
    alarms.take([watched])
    assert told(ledger, "centre") == []
    alarms.take([replace(watched, severity=Severity.DANGER, last_seen=2_000)])
    (one,) = told(ledger, "centre")
    assert (one.topic, one.severity) == ("alarm.worsen", Severity.DANGER)


def test_a_flood_is_counted(ledger: Ledger, alarms: Alarms) -> None:
    most = limits.ALARM_NOTICES_MAX
    many = [finding("V1", cell_no=n) for n in range(1, most + 4)]
    many[-1] = replace(many[-1], severity=Severity.DANGER)
    many += [finding("V2", cell_no=n) for n in range(2)]
    ledger.outbox.change_target(1, rate_count=1_000)
    alarms.take(many)
    topics = [d.topic for d in told(ledger, "centre")]
    assert (topics.count("alarm.announce"), topics.count("alarm.flood")) == (most, 2)


def test_a_write_that_fails_tells_nobody(
    ledger: Ledger, alarms: Alarms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise LimitError("the disk is full")

    monkeypatch.setattr("millbrain.record.ledger.alarm_notices.tell", fail)
    with pytest.raises(LimitError):
        alarms.take([finding("V1")])
    assert told(ledger, "centre") == []
    monkeypatch.undo()
    alarms.take([finding("V1")])
    assert len(told(ledger, "centre")) == 1
