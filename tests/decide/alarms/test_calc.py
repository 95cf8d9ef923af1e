"""What a finding, time and a graver alarm make of an alarm: worked out by hand, without a store."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.alarms import Alarm, stepped
from millbrain.core.alarms.rules import AlarmRule
from millbrain.core.findings import Finding, Severity
from millbrain.decide.alarms.calc import is_newer, newest_versions, passed, rejudged, taken

AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
NOW_S = int(AT.timestamp())
YEAR_2099_S = 4_070_908_800
PLAIN = AlarmRule()


def finding(seen: int = -60, severity: int = Severity.STOP, **fields: object) -> Finding:
    """A loose connection, last seen `seen` seconds from now."""
    made = Finding("V1", "battery", "connection", 1, 7, 0, max(0, NOW_S + seen), Severity(severity),
                   -48.0, "mV", -15.0, 0.9)  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def after(
    alarm: Alarm | None, *versions: Finding, rule: AlarmRule = PLAIN, at: datetime = AT
) -> Alarm:
    """The alarm once these versions were taken."""
    for version in versions:
        change = taken(alarm, version, rule, at)
        if change:
            change.check()
            alarm = change.after
    assert alarm is not None
    return alarm


def by(alarm: Alarm, action: str) -> Alarm:
    return stepped(alarm, action, AT, "li")[0]


def tick(alarm: Alarm, seconds: float, rule: AlarmRule = PLAIN) -> Alarm:
    change = passed(alarm, rule, AT + timedelta(seconds=seconds))
    if change is None:
        return alarm
    change.check()
    return change.after


# One version after another ------------------------------------------------------------------------


def test_an_open_finding_is_announced_at_once() -> None:
    alarm = after(None, finding())
    assert (alarm.state, alarm.priority, alarm.is_active) == ("unacknowledged", 3, True)
    assert (alarm.raised_at, alarm.seen_s) == (AT, NOW_S - 60)


@pytest.mark.parametrize(
    "version", [finding(is_open=False), finding(severity=Severity.NOTE)], ids=["closed", "note"]
)
def test_what_asks_for_nothing_begins_nothing(version: Finding) -> None:
    assert taken(None, version, PLAIN, AT) is None


def test_the_same_again_and_anything_older_changes_nothing() -> None:
    alarm = after(None, finding(-60))
    for version in (finding(-60), finding(-61), finding(-604_800, Severity.DANGER)):
        assert taken(alarm, version, PLAIN, AT) is None


def test_it_returns_with_the_finding_and_ends_with_the_acknowledgement() -> None:
    returned = after(None, finding(-60), finding(-60, is_open=False))
    assert (returned.state, returned.is_active) == ("returned_unacknowledged", False)
    assert by(returned, "acknowledge").state == "normal"
    known = by(after(None, finding(-60)), "acknowledge")
    assert after(known, finding(-50, is_open=False)).state == "normal"


def test_after_the_end_an_old_version_begins_nothing_and_a_new_one_a_new_instance() -> None:
    ended = by(after(None, finding(-60), finding(-50, is_open=False)), "acknowledge")
    for version in (finding(-60), finding(-50), finding(-50, is_open=False)):
        assert taken(ended, version, PLAIN, AT) is None
    change = taken(ended, finding(-40), PLAIN, AT)
    assert change
    assert (change.before, change.after.id, change.after.state) == (None, 0, "unacknowledged")


def test_what_comes_back_before_the_acknowledgement_is_the_same_instance() -> None:
    again = after(None, finding(-60), finding(-50, is_open=False), finding(-40))
    assert (again.state, again.finding.last_seen) == ("unacknowledged", NOW_S - 40)


def test_only_what_gets_worse_is_announced_again() -> None:
    known = by(after(None, finding(-60, Severity.SERVICE)), "acknowledge")
    assert after(known, finding(-50, Severity.SERVICE)).state == "acknowledged"
    assert after(known, finding(-50, Severity.WATCH)).priority == 1
    worse = after(known, finding(-50, Severity.STOP))
    assert (worse.state, worse.priority, worse.acknowledged_by) == ("unacknowledged", 3, "")


def test_danger_stays_until_it_is_acknowledged_and_reset() -> None:
    alarm = after(None, finding(-60, Severity.DANGER), finding(-50, Severity.DANGER, is_open=False))
    assert alarm.state == "latched_unacknowledged"
    alarm = by(alarm, "acknowledge")
    assert alarm.state == "latched_acknowledged"
    assert by(alarm, "reset").state == "normal"


def test_a_danger_that_eased_before_it_ended_is_latched_all_the_same() -> None:
    eased = after(None, finding(-60, Severity.DANGER), finding(-50, Severity.STOP),
                  finding(-40, Severity.STOP, is_open=False))  # fmt: skip
    assert eased.state == "latched_unacknowledged"


# Order of versions --------------------------------------------------------------------------------


def test_of_one_instant_the_closing_goes_before_the_graver_before_the_milder() -> None:
    alarm = after(None, finding(-60))
    assert is_newer(alarm, finding(-60, Severity.DANGER), NOW_S)
    assert is_newer(alarm, finding(-60, call_out=True), NOW_S)
    assert is_newer(alarm, finding(-60, is_open=False), NOW_S)
    assert not is_newer(alarm, finding(-60, Severity.WATCH), NOW_S)
    closed = after(alarm, finding(-60, is_open=False))
    assert not is_newer(closed, finding(-60, Severity.DANGER), NOW_S)


def test_several_versions_in_one_call_are_as_good_as_the_newest() -> None:
    other = replace(finding(), cell_no=8)
    given = [finding(-60), other, finding(-40, is_open=False), finding(-50)]
    assert newest_versions(given) == [finding(-40, is_open=False), other]


def test_a_clock_that_jumped_ahead_does_not_silence_the_device() -> None:
    jumped = finding(last_seen=YEAR_2099_S)
    alarm = after(None, jumped)
    assert (alarm.seen_s, alarm.ahead_s) == (NOW_S, YEAR_2099_S)
    later = AT + timedelta(minutes=10)
    assert taken(alarm, jumped, PLAIN, later) is None
    closed = after(alarm, finding(300, is_open=False), at=later)
    assert closed.state == "returned_unacknowledged"
    again = after(closed, finding(550), at=later)
    assert again.state == "unacknowledged"
    assert taken(again, jumped, PLAIN, later) is None
    assert (
        after(again, replace(jumped, is_open=False, last_seen=YEAR_2099_S + 1)).is_active is False
    )


def test_a_clock_a_little_ahead_orders_as_it_says() -> None:
    closed = after(None, finding(200), finding(200, is_open=False))
    assert closed.seen_s == NOW_S + 200
    for at in (AT, AT + timedelta(hours=1)):
        assert taken(closed, finding(200), PLAIN, at) is None
        assert taken(closed, finding(100), PLAIN, at) is None


@given(
    st.lists(
        st.builds(
            lambda seen, severity, is_open, call_out: finding(
                seen, severity, is_open=is_open, call_out=call_out
            ),
            st.integers(-100, -90), st.integers(0, 4), st.booleans(), st.booleans(),
        ),
        min_size=1, max_size=8,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=150)
def test_any_delivery_of_the_same_versions_ends_at_the_same_condition(
    versions: Sequence[Finding], random: object
) -> None:
    """Repeats and re-delivery in any order leave the newest version, and nothing doubled."""
    newest = max(versions, key=lambda f: (f.last_seen, not f.is_open, f.severity, f.call_out))
    shuffled = [*versions, *versions]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    alarm: Alarm | None = None
    for version in [*shuffled, newest]:
        change = taken(alarm, version, PLAIN, AT)
        if change:
            change.check()
            alarm = change.after
    if alarm is None:
        assert not any(v.is_open and v.severity for v in versions)
    else:
        wanted = newest.is_open and newest.severity > Severity.NOTE
        assert alarm.is_active == wanted
        assert alarm.finding == newest


# Delays, deadband, time ---------------------------------------------------------------------------


def test_an_on_delay_hides_what_does_not_last() -> None:
    rule = AlarmRule(on_delay_s=30)
    waiting = after(None, finding(-60), rule=rule)
    assert (waiting.state, waiting.raised_at) == ("delayed", None)
    assert tick(waiting, 29, rule).state == "delayed"
    assert tick(waiting, 30, rule).state == "unacknowledged"
    assert after(waiting, finding(-59, is_open=False), rule=rule).state == "normal"


def test_an_on_delay_runs_from_the_first_version_not_from_the_last() -> None:
    rule = AlarmRule(on_delay_s=30)
    waiting = after(None, finding(-60), rule=rule)
    waiting = after(waiting, finding(-40), rule=rule, at=AT + timedelta(seconds=20))
    assert waiting.due_at == AT + timedelta(seconds=30)


def test_an_off_delay_calms_what_comes_back() -> None:
    rule = AlarmRule(off_delay_s=30)
    leaving = after(None, finding(-60), finding(-50, is_open=False), rule=rule)
    assert (leaving.state, leaving.due_at) == ("unacknowledged", AT + timedelta(seconds=30))
    stayed = after(leaving, finding(-40), rule=rule)
    assert (stayed.state, stayed.due_at) == ("unacknowledged", None)
    assert tick(leaving, 30, rule).state == "returned_unacknowledged"


def test_a_condition_that_comes_back_within_its_delay_outlives_the_acknowledgement() -> None:
    rule = AlarmRule(on_delay_s=30)
    alarm = tick(after(None, finding(-60), rule=rule), 30, rule)
    alarm = after(alarm, finding(-50, is_open=False), finding(-40), rule=rule)
    ended = by(alarm, "acknowledge")
    assert (ended.state, ended.is_present) == ("normal", True)
    change = passed(ended, rule, AT + timedelta(seconds=60))
    assert change
    assert (change.before, change.after.id, change.after.state) == (None, 0, "unacknowledged")


@pytest.mark.parametrize(
    ("value", "threshold", "is_announced"),
    [(-16.4, -15.0, False), (-16.5, -15.0, True), (110.0, 100.0, True), (109.9, 100.0, False),
     (math.nan, 100.0, True), (1.0, 0.0, True)],
)  # fmt: skip
def test_a_deadband_asks_for_ten_per_cent_beyond_the_limit(
    value: float, threshold: float, is_announced: bool
) -> None:
    rule = AlarmRule(deadband_pct=10)
    version = finding(value=value, threshold=threshold)
    assert (taken(None, version, rule, AT) is not None) == is_announced


def test_once_announced_the_deadband_keeps_it() -> None:
    rule = AlarmRule(deadband_pct=10)
    alarm = after(None, finding(-60, value=-20.0), finding(-50, value=-15.1), rule=rule)
    assert alarm.state == "unacknowledged"


def test_a_shelf_ends_by_itself_and_what_lies_beneath_decides() -> None:
    shelved, _ = stepped(after(None, finding(-60)), "shelve", AT, "li", "lane",
                         AT + timedelta(hours=1))  # fmt: skip
    assert tick(shelved, 3599).state == "shelved"
    assert tick(shelved, 3600).state == "unacknowledged"
    returned = after(shelved, finding(-50, is_open=False))
    assert (returned.state, returned.is_active) == ("shelved", False)
    assert tick(returned, 3600).state == "normal"


def test_a_shelf_of_a_danger_ends_latched() -> None:
    shelved, _ = stepped(after(None, finding(-60, Severity.DANGER)), "shelve", AT, "li", "lane",
                         AT + timedelta(hours=1))  # fmt: skip
    returned = after(shelved, finding(-50, Severity.DANGER, is_open=False))
    assert tick(returned, 3600).state == "latched_unacknowledged"


def test_our_own_clock_set_back_lets_no_delay_and_no_shelf_last_for_years() -> None:
    rule = AlarmRule(on_delay_s=30)
    waiting = after(None, finding(-60), rule=rule)
    assert tick(waiting, -400 * 86_400, rule).state == "unacknowledged"
    shelved, _ = stepped(after(None, finding(-60)), "shelve", AT, "li", "x", AT + timedelta(days=1))
    assert tick(shelved, -400 * 86_400).state == "unacknowledged"


def test_a_changed_rule_holds_for_what_stands() -> None:
    alarm = after(None, finding(-60))
    change = rejudged(alarm, AlarmRule(priorities=(0, 1, 2, 1, 4)), AT)
    assert change
    assert (change.after.priority, change.after.state) == (1, "unacknowledged")
    change = rejudged(alarm, AlarmRule(priorities=(0, 1, 2, 0, 4)), AT)
    assert change
    assert change.after.state == "returned_unacknowledged"
