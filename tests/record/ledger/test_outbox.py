"""The outbox on SQLite and PostgreSQL: who is told, once claimed never twice, attempts counted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.work.notices import Notice, Target
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.models import now
from millbrain.record.ledger.outbox import tell

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
NORTH = "North Fleet"
LEASE_S = 60.0


def target(ledger: Ledger, name: str = "desk", **more: Any) -> Target:
    return ledger.outbox.add_target(name, "webhook", "http://127.0.0.1:9/", **more)


def put(ledger: Ledger, count: int = 1, at: datetime = NOW, **more: Any) -> int:
    values = {"topic": "order.raise", "subject": "WO-1", "app": "battery", "severity": 2, **more}
    with ledger.database.write() as connection:
        return sum(tell(connection, Notice(**values), at) for _ in range(count))


def test_who_subscribes_is_told(ledger: Ledger) -> None:
    target(ledger, "all")
    target(ledger, "north", operator=NORTH)
    target(ledger, "battery", apps=["battery"], topics=["order.*"])
    target(ledger, "weld", apps=["weld"])
    target(ledger, "alarms", topics=["alarm.*"])
    target(ledger, "steps", topics=["order.raise", "order.done"])
    target(ledger, "grave", severity_min=3)
    target(ledger, "late", level_min=1)
    target(ledger, "off", state="off")
    assert put(ledger) == 3  # all, battery, steps
    assert put(ledger, organisations=(NORTH,)) == 4  # and north
    assert put(ledger, severity=4, level=2) == 5  # and grave, late
    assert put(ledger, topic="order.accept") == 2  # all, battery
    assert put(ledger, topic="ordering.accept", app="") == 1  # all


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_ends(ledger: Ledger) -> None:
    made = target(ledger, rate_count=100)
    put(ledger, 10)
    with ThreadPoolExecutor(5) as pool:
        claims = pool.map(lambda _: ledger.outbox.claim(made, NOW, LEASE_S, most=4), range(5))
        uids = [s.delivery.uid for claim in claims for s in claim]
    assert len(uids) == len(set(uids)) == 10
    assert ledger.outbox.claim(made, NOW, LEASE_S) == []
    again = ledger.outbox.claim(made, NOW + timedelta(seconds=LEASE_S), LEASE_S)
    assert {s.delivery.uid for s in again} == set(uids)  # nobody said what became of them
    assert {s.delivery.attempt for s in again} == {2}


def test_the_gravest_goes_first_and_quiet_hours_let_only_danger_by(ledger: Ledger) -> None:
    made = target(ledger)
    put(ledger, subject="first")
    put(ledger, subject="danger", severity=4)
    (urgent,) = ledger.outbox.claim(made, NOW, LEASE_S, urgent_from=4)
    assert urgent.delivery.subject == "danger"
    (rest,) = ledger.outbox.claim(made, NOW, LEASE_S)
    assert rest.delivery.subject == "first"


@pytest.mark.parametrize(
    ("at", "is_quiet"), [("21:59", False), ("22:00", True), ("06:59", True), ("07:00", False)]
)
def test_quiet_hours_go_over_midnight(ledger: Ledger, at: str, is_quiet: bool) -> None:
    night = target(ledger, quiet_from=time(22), quiet_to=time(7))
    assert night.is_quiet(time.fromisoformat(at)) is is_quiet
    assert target(ledger, "day").is_quiet(time.fromisoformat(at)) is False


def test_the_rate_of_a_target_is_kept(ledger: Ledger) -> None:
    made = target(ledger, rate_count=3)
    put(ledger, 5)
    assert len(ledger.outbox.claim(made, NOW, LEASE_S)) == 3
    assert ledger.outbox.claim(made, NOW + timedelta(seconds=59), 1) == []
    assert len(ledger.outbox.claim(made, NOW + timedelta(seconds=61), LEASE_S)) == 3


def test_a_dead_target_is_parked_probed_and_taken_up_again(ledger: Ledger) -> None:
    made = target(ledger)
    put(ledger, 3)
    at = NOW
    for _ in range(2):
        (sending,) = ledger.outbox.claim(made, at, LEASE_S, most=1)
        ledger.outbox.failed(sending.delivery, at, "no answer", 1, park_after=2, probe_s=900)
        at += timedelta(seconds=2)
    (parked,) = ledger.outbox.targets()
    assert (parked.state, parked.failures, parked.error) == ("parked", 2, "no answer")
    assert ledger.outbox.due_targets(at) == []
    assert ledger.outbox.waiting() == {made.id: 3}
    probe_at = at + timedelta(seconds=900)
    (due,) = ledger.outbox.due_targets(probe_at)
    (probe,) = ledger.outbox.claim(due, probe_at, LEASE_S)  # one, though three wait
    ledger.outbox.failed(probe.delivery, probe_at, "still", 1, park_after=2, probe_s=900)
    (still,) = ledger.outbox.targets()
    assert still.parked_at == parked.parked_at
    assert ledger.outbox.due_targets(probe_at + timedelta(seconds=899)) == []
    (probe,) = ledger.outbox.claim(still, probe_at + timedelta(seconds=900), LEASE_S)
    ledger.outbox.told(probe.delivery, probe_at + timedelta(seconds=901))
    (active,) = ledger.outbox.due_targets(probe_at + timedelta(seconds=902))
    assert (active.state, active.failures, active.error, active.parked_at) == (
        "active",
        0,
        "",
        None,
    )
    assert len(ledger.outbox.claim(active, probe_at + timedelta(seconds=902), LEASE_S)) == 2


def test_a_person_takes_a_parked_target_up_again(ledger: Ledger) -> None:
    made = target(ledger)
    put(ledger, 2)
    (sending,) = ledger.outbox.claim(made, NOW, LEASE_S, most=1)
    ledger.outbox.failed(sending.delivery, NOW, "no", 3600, park_after=1, probe_s=900)
    revived = ledger.outbox.change_target(made.id, state="active")
    assert (revived.state, revived.failures) == ("active", 0)
    later = now() + timedelta(seconds=1)
    assert len(ledger.outbox.claim(revived, later, LEASE_S)) == 2


def test_what_nobody_takes_is_given_up_and_shown_so(ledger: Ledger) -> None:
    target(ledger)
    put(ledger, at=NOW)
    late = NOW + timedelta(days=limits.DELIVERY_DAYS_MAX, seconds=1)
    put(ledger, at=late)
    assert ledger.outbox.sweep(late) == 1
    (given_up,), total = ledger.outbox.page(state="expired")
    assert (total, given_up.next_at) == (1, None)
    assert ledger.outbox.sweep(NOW + timedelta(days=limits.DELIVERIES_KEPT_DAYS + 31)) == 1
    assert ledger.outbox.page()[1] == 1


def test_targets_are_few_and_have_their_own_names(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TARGETS_MAX", 2)
    first = target(ledger, "one")
    with pytest.raises(LimitError, match="named 'one' already"):
        target(ledger, "one")
    target(ledger, "two")
    with pytest.raises(LimitError, match="there are 2 targets"):
        target(ledger, "three")
    with pytest.raises(LimitError, match="that name already"):
        ledger.outbox.change_target(first.id, name="two")
    assert ledger.outbox.change_target(first.id, name="uno").name == "uno"
    put(ledger)
    ledger.outbox.delete_target(first.id)
    assert ledger.outbox.page()[1] == 1  # its own delivery went with it
    for act in (ledger.outbox.delete_target, ledger.outbox.change_target):
        with pytest.raises(NotFoundError):
            act(first.id)
    with pytest.raises(NotFoundError):
        ledger.outbox.test(first.id, "wang")


def test_the_secret_is_handed_to_the_sender_only(ledger: Ledger) -> None:
    made = target(ledger, secret="open sesame")
    assert "sesame" not in repr(made)
    ledger.outbox.test(made.id, "wang")
    at = now()
    (sending,) = ledger.outbox.claim(made, at, LEASE_S)
    assert sending.secret == "open sesame"
    assert "sesame" not in repr(sending)
