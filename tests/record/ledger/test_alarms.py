"""Alarms in the ledger, on SQLite and PostgreSQL: findings in, lists, actions, counts, rules."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from millbrain.core.alarms import Alarm, AlarmChange, AlarmStep
from millbrain.core.alarms.rules import ANY, DECLARED, AlarmRule
from millbrain.core.errors import IllegalStepError, LimitError, NotFoundError
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import AlarmFilter, Ledger, Thing
from millbrain.record.ledger.models import now

ANYTHING = AlarmFilter()
EVERYTHING = AlarmFilter(states=("normal",))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = now().replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def alarms(ledger: Ledger, clock: Clock) -> Alarms:
    ledger.things.put([Thing("V1", plate="渝A1", operator="North"), Thing("V2", operator="South")])
    return Alarms(ledger.alarms, DECLARED, clock)


def finding(thing: str = "V1", seen: int = 1_000, **fields: object) -> Finding:
    made = Finding(thing, "battery", "connection", 1, 7, 10, seen, Severity.STOP, -48.25, "mV",
                   -15.0, 0.9, (Evidence("drift", "rest", -48.25, -15, "mV", 10, 900),),
                   "cell 7 is loose", "7 号单体松动")  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def only(ledger: Ledger, wanted: AlarmFilter = ANYTHING) -> Alarm:
    (listed,), total = ledger.alarms.page(wanted)
    assert total == 1
    return listed.alarm


def states(ledger: Ledger) -> list[tuple[str, str]]:
    return sorted((r.alarm.finding.kind, r.alarm.state) for r in ledger.alarms.page(ANYTHING)[0])


# From finding to alarm ----------------------------------------------------------------------------


def test_a_finding_is_kept_as_it_was_with_its_thing(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(), finding("unknown", value=float("nan"))])
    rows, total = ledger.alarms.page(ANYTHING)
    assert total == 2
    by_thing = {row.alarm.finding.thing: row for row in rows}
    assert by_thing["V1"].alarm.finding == finding()
    assert (by_thing["V1"].plate, by_thing["V1"].operator) == ("渝A1", "North")
    assert (by_thing["unknown"].plate, by_thing["unknown"].simulated) == ("", False)
    value = by_thing["unknown"].alarm.finding.value
    assert value != value


def test_again_and_again_is_once(ledger: Ledger, alarms: Alarms, clock: Clock) -> None:
    for _ in range(3):
        alarms.take([finding(), finding(), finding("V2")])
        clock.move(1)
        alarms.tick()
    assert ledger.alarms.page(ANYTHING)[1] == 2
    assert len(ledger.alarms.steps(only(ledger, AlarmFilter(thing="V1")).id)) == 1


def test_a_thousand_findings_in_one_transaction(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(f"V{n}", cell_no=n % 90 + 1) for n in range(1_000)])
    rows, total = ledger.alarms.page(ANYTHING, size=1_000)
    assert (len({r.alarm.id for r in rows}), total) == (1_000, 1_000)


def test_threads_that_take_the_same_findings_make_one_alarm_each(
    ledger: Ledger, alarms: Alarms
) -> None:
    given = [finding(f"V{n}") for n in range(20)]
    others = [Alarms(ledger.alarms, DECLARED, Clock()) for _ in range(3)]
    failed: list[Exception] = []

    def take(each: Alarms) -> None:
        try:
            for _ in range(3):
                each.take(given)
                each.tick()
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=take, args=(each,)) for each in (alarms, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ledger.alarms.page(ANYTHING)[1] == 20


def test_a_new_instance_after_the_end_and_the_history_of_both(
    ledger: Ledger, alarms: Alarms
) -> None:
    alarms.take([finding()])
    first = only(ledger).id
    alarms.take([finding(seen=1_100, is_open=False)])
    ledger.alarms.act([first], "acknowledge", "li")
    assert ledger.alarms.page(ANYTHING) == ([], 0)
    assert only(ledger, EVERYTHING).ended_at
    alarms.take([finding(), finding(seen=1_100)])  # re-delivered
    assert ledger.alarms.page(ANYTHING) == ([], 0)
    alarms.take([finding(seen=1_200)])
    second = only(ledger).id
    assert second != first
    assert [s.step.action for s in ledger.alarms.steps(second)] == [
        "announce", "acknowledge", "return", "announce",
    ]  # fmt: skip


def test_an_on_delay_of_an_operators_own_rule(ledger: Ledger, alarms: Alarms, clock: Clock) -> None:
    ledger.alarms.rules.put([AlarmRule("battery", "connection", on_delay_s=30)], "li")
    alarms.tick()
    alarms.take([finding()])
    assert only(ledger).state == "delayed"
    assert ledger.alarms.page(AlarmFilter(states=("unacknowledged",)))[1] == 0
    clock.move(30)
    assert ledger.alarms.is_due(clock.at)
    alarms.tick()
    assert only(ledger).state == "unacknowledged"
    assert not ledger.alarms.is_due(clock.at)


def test_a_thermal_event_hides_the_lesser_until_it_is_over(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(), finding("V2")])
    thermal = finding(kind="thermal", severity=Severity.DANGER, cell_no=0, seen=1_100)
    alarms.take([thermal])
    assert states(ledger) == [
        ("connection", "suppressed"), ("connection", "unacknowledged"),
        ("thermal", "unacknowledged"),
    ]  # fmt: skip
    alarms.take([finding(seen=1_150), replace(thermal, last_seen=1_200, is_open=False)])
    assert ("connection", "suppressed") not in states(ledger)


def test_a_shelved_thermal_event_hides_nothing_after_the_next_tick(
    ledger: Ledger, alarms: Alarms
) -> None:
    thermal = finding(kind="thermal", severity=Severity.DANGER, cell_no=0)
    alarms.take([thermal, finding()])
    assert ("connection", "suppressed") in states(ledger)
    which = only(ledger, AlarmFilter(kind="thermal")).id
    until = now() + timedelta(hours=1)
    ledger.alarms.act([which], "shelve", "li", "false alarm of the sensor", until)
    alarms.tick()
    assert states(ledger) == [("connection", "unacknowledged"), ("thermal", "shelved")]


def test_an_engine_that_starts_looks_at_all_that_stands(
    ledger: Ledger, alarms: Alarms, clock: Clock
) -> None:
    alarms.take([finding(kind="thermal", severity=Severity.DANGER, cell_no=0), finding()])
    which = only(ledger, AlarmFilter(kind="thermal")).id
    ledger.alarms.act([which], "take_out", "li", "fire brigade is there")
    Alarms(ledger.alarms, DECLARED, clock).tick()
    assert states(ledger) == [("connection", "unacknowledged"), ("thermal", "out_of_service")]


# What people do -----------------------------------------------------------------------------------


def test_each_alarm_of_a_bulk_action_is_judged_on_its_own(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(), finding("V2")])
    first, second = (r.alarm.id for r in ledger.alarms.page(ANYTHING)[0])
    ledger.alarms.act([first], "acknowledge", "li")
    done, again, unknown = ledger.alarms.act([second, first, 999], "acknowledge", "wang")
    assert (done.is_done, done.state, done.problem) == (True, "acknowledged", "")
    assert not again.is_done
    assert again.problem == (
        f"alarm {first} is 'acknowledged': 'acknowledge' is not possible;"
        " allowed now: shelve, take_out"
    )
    assert (unknown.is_done, unknown.problem) == (False, "no alarm has the id 999")
    (step, _) = ledger.alarms.steps(second)
    assert (step.step.who, step.step.action) == ("wang", "acknowledge")


def test_a_scope_acts_and_sees_within_its_organisation(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(), finding("V2"), finding("unregistered")])
    mine = only(ledger, AlarmFilter(operator="North"))
    foreign = only(ledger, AlarmFilter(operator="South"))
    assert (mine.finding.thing, foreign.finding.thing) == ("V1", "V2")
    results = ledger.alarms.act([mine.id, foreign.id], "acknowledge", "li", operator="North")
    assert [r.is_done for r in results] == [True, False]
    assert "no alarm has the id" in results[1].problem
    for refused in (
        lambda: ledger.alarms.get(foreign.id, "North"),
        lambda: ledger.alarms.comment(foreign.id, "li", "hello", "North"),
    ):
        with pytest.raises(NotFoundError):
            refused()
    assert ledger.alarms.steps(foreign.id, "North") == []
    day = timedelta(days=1)
    at = now()
    seen, total = ledger.alarms.history(AlarmFilter("North"), at - day, at + day)
    assert {s.thing for s in seen} == {"V1"}
    assert total == 2
    assert sum(ledger.alarms.counts.standing("North").values()) == 1
    assert ledger.alarms.counts.loads(at + timedelta(seconds=1), "North")[0].last == 1


def test_a_thing_that_changes_hands_takes_its_alarms_along(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding()])
    ledger.things.put([Thing("V1", operator="South")])
    assert ledger.alarms.page(AlarmFilter(operator="North"))[1] == 0
    assert ledger.alarms.page(AlarmFilter(operator="South"))[1] == 1


def test_a_shelf_has_a_reason_an_end_and_a_longest_time(
    ledger: Ledger, alarms: Alarms, clock: Clock
) -> None:
    alarms.take([finding()])
    which = only(ledger).id
    hour = timedelta(hours=1)
    with pytest.raises(LimitError, match="the reason to shelve has 1 to 1000 characters"):
        ledger.alarms.act([which], "shelve", "li", " ", clock.at + hour)
    with pytest.raises(LimitError, match="needs `until`"):
        ledger.alarms.act([which], "shelve", "li", "lane")
    ledger.alarms.rules.put([AlarmRule("battery", ANY, shelve_s_max=7200)], "li")
    for until in (clock.at - hour, clock.at + 3 * hour):
        (result,) = ledger.alarms.act([which], "shelve", "li", "lane", until)
        assert "ends within 7200 s from now" in result.problem
    (result,) = ledger.alarms.act([which], "shelve", "li", "lane", clock.at + hour)
    assert result.is_done
    assert only(ledger, AlarmFilter(states=("shelved",))).reason == "lane"
    clock.move(3601)
    alarms.tick()
    assert only(ledger).state == "unacknowledged"


@pytest.mark.parametrize(
    ("ids", "action", "words"),
    [([], "acknowledge", "1 to 1000"), (list(range(1_001)), "acknowledge", "1 to 1000"),
     ([1], "announce", "allowed are acknowledge, shelve"), ([1], "take_out", "the reason to")],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_as_a_whole(
    ledger: Ledger, ids: list[int], action: str, words: str
) -> None:
    with pytest.raises(LimitError, match=words):
        ledger.alarms.act(ids, action, "li")


def test_a_comment_joins_the_history_and_changes_nothing(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding()])
    which = only(ledger)
    ledger.alarms.comment(which.id, "li", "seen at the depot")
    assert only(ledger) == which
    (step, _) = ledger.alarms.steps(which.id)
    assert (step.step.action, step.step.reason, step.step.who) == (
        "comment", "seen at the depot", "li",
    )  # fmt: skip
    for text in ("", " " * 5, "x" * 1_001):
        with pytest.raises(LimitError):
            ledger.alarms.comment(which.id, "li", text)


def test_what_is_not_in_the_table_never_reaches_the_ledger(
    ledger: Ledger, alarms: Alarms, clock: Clock
) -> None:
    alarms.take([finding(), finding("V2")])
    first, second = (r.alarm for r in ledger.alarms.page(ANYTHING)[0])
    step = AlarmStep(clock.at, "acknowledge", "unacknowledged", "acknowledged")
    good = AlarmChange(first, replace(first, state="acknowledged"), (step,))
    bad = AlarmChange(second, replace(second, state="normal"))
    with pytest.raises(IllegalStepError), ledger.alarms.changing() as book:
        book.put([good, bad])
    assert {r.alarm.state for r in ledger.alarms.page(ANYTHING)[0]} == {"unacknowledged"}


# Lists and counts ---------------------------------------------------------------------------------


def test_filters_sorting_and_pages(ledger: Ledger, alarms: Alarms, clock: Clock) -> None:
    alarms.take([finding("V1", severity=Severity.WATCH)])
    clock.move(60)
    alarms.take([finding("V2", kind="resistance", severity=Severity.STOP, call_out=True)])
    alarms.take([finding("V3", severity=Severity.WATCH)])

    def things(wanted: AlarmFilter = ANYTHING, **how: object) -> list[str]:
        rows, _ = ledger.alarms.page(wanted, **how)  # type: ignore[arg-type]
        return [r.alarm.finding.thing for r in rows]

    assert things() == ["V2", "V3", "V1"]  # priority first, then the newest
    assert things(sort="thing", up=True) == ["V1", "V2", "V3"]
    assert things(offset=1, size=1) == ["V3"]
    assert things(AlarmFilter(priorities=(1,))) == ["V3", "V1"]
    assert things(AlarmFilter(kind="resistance")) == ["V2"]
    assert things(AlarmFilter(call_out=False)) == ["V3", "V1"]
    assert things(AlarmFilter(raised_before=clock.at)) == ["V1"]
    assert things(AlarmFilter(q="渝a")) == ["V1"]
    assert things(AlarmFilter(q="号单体")) == ["V2", "V3", "V1"]
    assert things(AlarmFilter(q="%")) == []


def test_call_outs_wait_for_an_order(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(), finding("V2", call_out=True), finding("V3", call_out=True)])
    assert [a.alarm.finding.thing for a in ledger.alarms.call_outs_without_order()] == ["V2", "V3"]
    shelved = only(ledger, AlarmFilter(thing="V3")).id
    ledger.alarms.act([shelved], "take_out", "li", "is at the lane already")
    alarms.take([finding("V2", seen=1_100, is_open=False, call_out=True)])
    ended = only(ledger, AlarmFilter(thing="V2")).id
    ledger.alarms.act([ended], "acknowledge", "li")
    assert [a.alarm.id for a in ledger.alarms.call_outs_without_order()] == [ended]


def test_more_than_ten_in_ten_minutes_is_a_flood(
    ledger: Ledger, alarms: Alarms, clock: Clock
) -> None:
    alarms.take([finding("V1", cell_no=n + 1) for n in range(10)])
    counts = ledger.alarms.counts
    overall, (north,) = counts.loads(clock.at)
    assert (overall.last, overall.is_flood, north.operator) == (10, False, "North")
    clock.move(60)
    alarms.take([finding("V2")])
    overall, (north, south) = counts.loads(clock.at)
    assert (overall.last, overall.is_flood, overall.average) == (11, True, 11 / 144)
    assert [(load.last, load.is_flood) for load in (north, south)] == [(10, False), (1, False)]
    assert counts.is_flood(clock.at)
    assert not counts.is_flood(clock.at, "South")
    clock.move(600)
    assert not counts.is_flood(clock.at)
    assert 10 <= counts.loads(clock.at)[0].highest <= 11  # the minute may fall into another span


def test_chattering_stale_and_contributors(ledger: Ledger, alarms: Alarms, clock: Clock) -> None:
    start = clock.at
    for turn in range(3):
        alarms.take([finding(seen=1_000 + 100 * turn)])
        clock.move(59)
        alarms.take([finding(seen=1_050 + 100 * turn, is_open=False)])
    alarms.take([finding("V2", kind="insulation")])
    clock.move(61)
    alarms.take([finding("V2", kind="insulation", seen=1_100, is_open=False)])
    counts = ledger.alarms.counts
    (found,) = counts.chattering(start, clock.at + timedelta(seconds=1))
    assert (found.thing, found.count, found.plate) == ("V1", 3, "渝A1")
    assert counts.chattering(start, clock.at, "South") == []
    top = counts.contributors(clock.at)
    assert [(t.kind, t.count, t.share) for t in top] == [
        ("connection", 3, 0.75), ("insulation", 1, 0.25),
    ]  # fmt: skip
    assert counts.stale(clock.at) == 0
    assert counts.stale(clock.at + timedelta(days=1)) == 2


def test_history_between_two_instants(ledger: Ledger, alarms: Alarms, clock: Clock) -> None:
    alarms.take([finding()])
    clock.move(100)
    alarms.take([finding(seen=1_100, is_open=False)])
    between = (clock.at - timedelta(seconds=50), clock.at + timedelta(seconds=1))
    steps, total = ledger.alarms.history(ANYTHING, *between)
    assert [(s.step.action, s.step.active_s) for s in steps] == [("return", 100.0)]
    assert total == 1
    earlier = (clock.at - timedelta(seconds=100), clock.at)
    assert ledger.alarms.history(ANYTHING, *earlier)[1] == 1
    assert ledger.alarms.history(ANYTHING, *earlier, actions=["return"])[1] == 0


def test_own_rules_are_kept_read_and_dropped(ledger: Ledger, alarms: Alarms) -> None:
    rule = AlarmRule("battery", "connection", (0, 1, 1, 2, 4), 5, 6, 7.5, 5, 3600)
    ledger.alarms.rules.put([replace(rule, on_delay_s=9), rule], "li")
    (own,) = ledger.alarms.rules.own()
    assert (own.rule, own.changed_by) == (rule, "li")
    assert ledger.alarms.rules.in_force().of("battery", "connection") == rule
    alarms.take([finding()])
    assert ledger.alarms.rules.delete("battery", "connection")
    assert not ledger.alarms.rules.delete("battery", "connection")


def test_a_changed_rule_reaches_what_stands_with_the_next_tick(
    ledger: Ledger, alarms: Alarms
) -> None:
    alarms.take([finding()])
    ledger.alarms.rules.put([AlarmRule("battery", ANY, (0, 1, 2, 1, 4))], "li")
    alarms.tick()
    assert only(ledger).priority == 1


def test_what_an_order_wrote_stays_when_the_alarm_changes(ledger: Ledger, alarms: Alarms) -> None:
    alarms.take([finding(call_out=True)])
    which = only(ledger).id
    with ledger.database.write() as c:
        c.exec_driver_sql(f"UPDATE alarm SET order_id = 42 WHERE id = {which}")
    alarms.take([finding(seen=1_100, call_out=True)])
    assert only(ledger).order_id == 42
    assert ledger.alarms.call_outs_without_order() == []
