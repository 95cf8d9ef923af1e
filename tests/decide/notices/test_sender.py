"""The sender over a real outbox and real receivers: at least once, with every repeat marked."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.work.notices import Notice, Sending
from millbrain.decide.notices.app import LEASE_S, Sender
from millbrain.decide.notices.channel import Message, Outcome
from millbrain.decide.notices.example import example
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.outbox import tell
from tests.decide.loops import ZONE, Clock
from tests.decide.receivers import http_receiver


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 20, 12, tzinfo=ZONE))


@pytest.fixture
def sender(ledger: Ledger, clock: Clock) -> Iterator[Sender]:
    made = Sender(ledger.outbox, ZONE, clock, values={"park_after": 2, "pause_s": 10})
    yield made
    made.stop()


def put(ledger: Ledger, clock: Clock, subject: str = "WO-2026-000001", **more: Any) -> None:
    content = {"number": subject, "thing": "V", "title": "Cell 82", "title_zh": "82 号单体"}
    values = {"topic": "order.raise", "app": "battery", "severity": 2, "content": content, **more}
    with ledger.database.write() as connection:
        tell(connection, Notice(subject=subject, **values), clock())


def turn(sender: Sender) -> None:
    sender.tick()
    sender.settle()


def test_what_waits_is_told_once(ledger: Ledger, clock: Clock, sender: Sender) -> None:
    with http_receiver() as receiver:
        ledger.outbox.add_target("desk", "webhook", receiver.url)
        for n in range(3):
            put(ledger, clock, f"WO-{n}")
        for _ in range(3):
            turn(sender)
        assert [g.json()["subject"] for g in receiver.got] == ["WO-0", "WO-1", "WO-2"]
    told, _ = ledger.outbox.page()
    assert {(d.state, d.attempt) for d in told} == {("delivered", 1)}


def test_a_refusal_is_tried_again_later_as_the_same_delivery(
    ledger: Ledger, clock: Clock, sender: Sender
) -> None:
    with http_receiver(status=500, answer=b"broken") as receiver:
        ledger.outbox.add_target("desk", "webhook", receiver.url)
        put(ledger, clock)
        turn(sender)
        (waiting,), _ = ledger.outbox.page()
        assert (waiting.state, waiting.error) == ("waiting", "answered 500: broken")
        assert waiting.next_at is not None
        assert 5 <= (waiting.next_at - clock()).total_seconds() <= 10
        turn(sender)
        assert len(receiver.got) == 1  # not before its time
        receiver.status = 204
        receiver.answer = b""
        clock.go(seconds=10)
        turn(sender)
        first, second = (g.json() for g in receiver.got)
        assert first["delivery"] == second["delivery"] == waiting.uid
        assert (first["attempt"], second["attempt"]) == (1, 2)
        assert second["title"].endswith("（第 2 次发送）")
    assert ledger.outbox.page()[0][0].state == "delivered"


def test_a_receiver_may_ask_for_patience(ledger: Ledger, clock: Clock, sender: Sender) -> None:
    with http_receiver(status=429, headers={"Retry-After": "120"}) as receiver:
        ledger.outbox.add_target("desk", "webhook", receiver.url)
        put(ledger, clock)
        turn(sender)
    (waiting,), _ = ledger.outbox.page()
    assert waiting.next_at == clock() + timedelta(seconds=120)


def test_a_sender_killed_between_sending_and_saying_so_repeats_with_a_mark(
    ledger: Ledger, clock: Clock, sender: Sender
) -> None:
    with http_receiver() as receiver:
        target = ledger.outbox.add_target("desk", "webhook", receiver.url)
        put(ledger, clock)
        (lost,) = ledger.outbox.claim(target, clock(), LEASE_S)  # sent, then killed
        turn(sender)
        assert receiver.got == []
        clock.go(seconds=LEASE_S)
        turn(sender)
        (got,) = receiver.got
        assert (got.json()["delivery"], got.json()["attempt"]) == (lost.delivery.uid, 2)


def test_a_target_that_does_not_answer_holds_up_nobody(
    ledger: Ledger, clock: Clock, sender: Sender
) -> None:
    with http_receiver(wait_s=30) as silent, http_receiver() as quick:
        ledger.outbox.add_target("silent", "webhook", silent.url)
        ledger.outbox.add_target("quick", "webhook", quick.url)
        put(ledger, clock)
        began = time.monotonic()
        sender.tick()
        assert quick.arrived.wait(5)
        assert silent.arrived.wait(5)
        sender.tick()  # the silent one is busy: not asked a second time
        assert time.monotonic() - began < 5
        assert len(silent.got) == 1
        silent.released.set()
        sender.settle()


def test_a_dead_target_is_parked_and_comes_back_by_itself(
    ledger: Ledger, clock: Clock, sender: Sender
) -> None:
    with http_receiver() as receiver:
        port_closed = "http://127.0.0.1:9/hook"
        made = ledger.outbox.add_target("desk", "webhook", port_closed)
        for n in range(3):
            put(ledger, clock, f"WO-{n}")
        for _ in range(2):
            turn(sender)
            clock.go(seconds=20)
        (parked,) = ledger.outbox.targets()
        assert (parked.state, parked.failures) == ("parked", 2)
        assert parked.error == "no answer: connection refused"
        ledger.outbox.change_target(made.id, address=receiver.url)
        turn(sender)
        assert receiver.got == []  # parked until its probe is due
        clock.go(seconds=900)
        for _ in range(2):
            turn(sender)
        assert len(receiver.got) == 3
        assert ledger.outbox.targets()[0].state == "active"


def test_quiet_hours_hold_back_all_but_danger(ledger: Ledger, clock: Clock, sender: Sender) -> None:
    with http_receiver() as receiver:
        quiet = {"quiet_from": clock_time(22), "quiet_to": clock_time(7)}
        ledger.outbox.add_target("desk", "webhook", receiver.url, **quiet)
        clock.at = datetime(2026, 11, 20, 23, tzinfo=ZONE)
        put(ledger, clock, "WO-1", severity=3)
        put(ledger, clock, "WO-2", severity=4)
        turn(sender)
        assert [g.json()["subject"] for g in receiver.got] == ["WO-2"]
        clock.at = datetime(2026, 11, 21, 7, tzinfo=ZONE)
        turn(sender)
        assert [g.json()["subject"] for g in receiver.got] == ["WO-2", "WO-1"]
        assert receiver.got[1].json()["attempt"] == 1  # it was held back, not tried


def test_a_minute_takes_so_many_and_the_rest_waits(
    ledger: Ledger, clock: Clock, sender: Sender
) -> None:
    with http_receiver() as receiver:
        ledger.outbox.add_target("desk", "webhook", receiver.url, rate_count=2)
        for n in range(5):
            put(ledger, clock, f"WO-{n}")
        counts = []
        for _ in range(3):
            turn(sender)
            counts.append(len(receiver.got))
            clock.go(seconds=61)
        assert counts == [2, 4, 5]


class Broken:
    """A channel with a fault."""

    def send(self, sending: Sending, message: Message) -> Outcome:
        raise RuntimeError("a fault")


def test_a_fault_of_a_channel_is_a_failed_try(
    ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.outbox.add_target("one", "webhook", "http://127.0.0.1:9/")
    ledger.outbox.add_target("two", "pigeon", "roof")
    put(ledger, clock)
    sender = Sender(ledger.outbox, ZONE, clock, channels={"webhook": Broken()})
    turn(sender)
    sender.stop()
    errors = {t.name: t.error for t in ledger.outbox.targets()}
    assert errors == {
        "one": "the channel failed: RuntimeError; its log says more",
        "two": "no channel 'pigeon' is known",
    }
    assert "the channel failed" in caplog.text


def test_what_is_set_is_checked(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(SettingsError, match="park_after"):
        Sender(ledger.outbox, ZONE, clock, values={"park_after": 0})


def test_the_example_shows_something() -> None:
    assert example()
