"""The loop over a real ledger: alarm, order, repair, verdict, closed; and what goes wrong."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from millbrain.core.findings import Severity, Verdict
from millbrain.decide.orders.example import example
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.models import now
from tests.decide.loops import NORTH, VINS, Loop, finding


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    yield Loop(ledger)
    ledger.close()


def history(loop: Loop, number: str) -> list[str]:
    return [s.action for s in loop.ledger.orders.history(loop.ledger.orders.get(number).id)]


def test_the_whole_loop(loop: Loop) -> None:
    found = finding()
    loop.alarms.take([found])
    loop.settle()
    (order,) = loop.all()
    assert (order.state, order.assignee, order.severity) == ("dispatched", NORTH, 3)
    assert order.due_at is not None
    assert order.number.startswith("WO-20")
    done = loop.repair(order.number)
    assert (done.state, done.clean_days) == ("done", None)
    loop.settle()
    assert loop.all()[0].state == "done"  # nothing is known of the vehicle yet
    loop.verdicts[found.key] = (1, 1)
    loop.settle()
    assert (loop.all()[0].state, loop.all()[0].clean_days) == ("verified", 1)
    loop.verdicts[found.key] = (6, 6)
    loop.settle()
    assert (loop.all()[0].state, loop.all()[0].clean_days) == ("verified", 6)
    loop.verdicts[found.key] = (7, 7)
    loop.settle()
    (closed,) = loop.all()
    assert (closed.state, closed.due_at, closed.rise_at) == ("closed", None, None)
    assert history(loop, order.number) == [
        "raise", "dispatch", "accept", "start", "repair", "done", "pass", "settle",
    ]  # fmt: skip


def test_a_second_look_changes_nothing(loop: Loop) -> None:
    loop.alarms.take([finding(), finding(VINS[1], severity=Severity.SERVICE)])
    loop.settle()
    before = loop.all()
    for _ in range(5):
        loop.restart()
        loop.alarms.take([finding(), finding(VINS[1], severity=Severity.SERVICE)])
        loop.settle()
    assert loop.all() == before


def test_what_does_not_call_for_anybody_gets_no_order(loop: Loop) -> None:
    loop.alarms.take([finding(call_out=False)])
    loop.settle()
    assert loop.all() == []


def test_the_alarm_names_its_order(loop: Loop) -> None:
    loop.alarms.take([finding()])
    loop.settle()
    (order,) = loop.all()
    assert loop.ledger.alarms.call_outs_without_order() == []
    assert loop.ledger.alarms.get(1).alarm.order_id == order.id


def test_findings_of_one_vehicle_are_one_visit(loop: Loop) -> None:
    loop.alarms.take([finding(cell=3), finding(cell=82), finding(VINS[2], cell=5)])
    loop.settle()
    orders = loop.all()
    assert [(o.thing, [f.cell_no for f in o.findings]) for o in orders] == [
        (VINS[0], [3, 82]), (VINS[2], [5]),
    ]  # fmt: skip


def test_a_graver_finding_shortens_the_deadline(loop: Loop) -> None:
    loop.alarms.take([finding(cell=3, severity=Severity.SERVICE)])
    loop.settle()
    (calm,) = loop.all()
    assert calm.state == "raised"
    loop.alarms.take([finding(cell=0, kind="thermal", severity=Severity.DANGER)])
    loop.settle()
    (order,) = loop.all()
    assert (order.severity, order.state, order.number) == (4, "dispatched", calm.number)
    assert order.due_at == order.state_at + timedelta(hours=1)


def test_an_order_follows_an_alarm_that_gets_graver(loop: Loop) -> None:
    calm = finding(severity=Severity.SERVICE)
    loop.alarms.take([calm])
    loop.settle()
    (before,) = loop.all()
    later = calm.last_seen + 30
    loop.alarms.take([replace(calm, severity=Severity.DANGER, last_seen=later, sentence="Hot.")])
    loop.settle()
    (after,) = loop.all()
    assert (before.severity, after.severity, after.title) == (2, 4, "Hot.")
    assert [f.severity for f in after.findings] == [4]
    assert history(loop, after.number) == ["raise", "gather", "dispatch"]
    loop.settle()
    assert len(history(loop, after.number)) == 3


def test_a_late_step_rises_level_by_level_and_a_step_calms_it(loop: Loop) -> None:
    loop.alarms.take([finding(severity=Severity.DANGER)])
    loop.settle()
    (order,) = loop.all()
    levels = []
    for _ in range(4):
        loop.clock.go(hours=1, seconds=1)
        loop.settle()
        levels.append(loop.all()[0].level)
    assert levels == [1, 2, 2, 2]
    assert history(loop, order.number)[2:] == ["escalate", "escalate"]
    assert loop.step(order.number, "accept", NORTH).level == 0


def test_a_clock_that_was_set_back_raises_nothing_twice(loop: Loop) -> None:
    loop.alarms.take([finding(severity=Severity.DANGER)])
    loop.settle()
    loop.clock.go(hours=1, seconds=1)
    loop.settle()
    (before,) = loop.all()
    loop.clock.go(days=-30)
    loop.settle()
    (after,) = loop.all()
    assert (after.level, after.state, after.number) == (1, before.state, before.number)


def test_a_finding_that_the_data_show_again_reopens_the_order(loop: Loop) -> None:
    found = finding()
    loop.alarms.take([found])
    loop.settle()
    (order,) = loop.all()
    loop.repair(order.number)
    loop.verdicts[found.key] = (3, 0)
    loop.settle()
    (again,) = loop.all()
    assert (again.state, again.assignee) == ("reopened", NORTH)
    step = loop.ledger.orders.history(again.id)[-1]
    assert (step.action, step.who, step.detail["sentence"]) == ("return", "", "In line again.")
    loop.verdicts.clear()
    assert loop.step(order.number, "accept", NORTH).state == "accepted"


def test_an_alarm_that_comes_back_after_closing_reopens_the_order(loop: Loop) -> None:
    found = finding()
    loop.alarms.take([found])
    loop.settle()
    (order,) = loop.all()
    loop.repair(order.number)
    loop.verdicts[found.key] = (7, 7)
    loop.settle()
    loop.settle()
    assert loop.all()[0].state == "closed"
    at = int(now().timestamp()) + 100
    loop.alarms.take([replace(found, last_seen=at, is_open=False)])
    for action in ("acknowledge", "reset"):
        loop.ledger.alarms.act([1], action, "wang")
    loop.clock.go(minutes=10)
    loop.alarms.tick()
    loop.alarms.take([replace(found, first_seen=at + 200, last_seen=at + 300)])
    loop.alarms.tick()
    loop.settle()
    (again,) = loop.all()
    assert (again.number, again.state) == (order.number, "reopened")


def test_one_app_that_fails_to_judge_holds_up_nobody(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = finding(), finding(VINS[2], app="weld")
    loop.alarms.take([first, second])
    loop.settle()
    numbers = {o.thing: o.number for o in loop.all()}
    loop.repair(numbers[VINS[0]])
    loop.repair(numbers[VINS[2]], "South Fleet")
    loop.verdicts[first.key] = (1, 1)
    judge = loop.orders._verdicts

    def fails(app: str, key: str, since: int) -> Verdict | None:
        if app == "weld":
            raise RuntimeError("no data")
        return judge(app, key, since)

    loop.orders._verdicts = fails
    loop.settle()
    states = {o.thing: o.state for o in loop.all()}
    assert states == {VINS[0]: "verified", VINS[2]: "done"}
    assert "gave no verdict" in caplog.text


def test_what_was_judged_stays_while_the_app_starts_again(loop: Loop) -> None:
    found = finding()
    loop.alarms.take([found])
    loop.settle()
    (order,) = loop.all()
    loop.repair(order.number)
    loop.verdicts[found.key] = (3, 3)
    loop.settle()
    loop.verdicts.clear()
    loop.restart()
    loop.settle()
    assert loop.all()[0].clean_days == 3


def test_a_person_verifies_and_closes_where_no_data_ever_come(loop: Loop) -> None:
    loop.alarms.take([finding()])
    loop.settle()
    (order,) = loop.all()
    loop.repair(order.number)
    loop.clock.go(days=30, hours=1)
    loop.settle()
    assert loop.all()[0].level == 1  # nobody has judged it within 30 days: the centre is told
    assert loop.step(order.number, "verify", reason="scrapped").state == "verified"
    assert loop.step(order.number, "close", reason="scrapped").state == "closed"


def test_the_example_shows_something() -> None:
    assert example()
