"""The alarm's transition table against the state diagram of ISA-18.2, row by row, by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from millbrain.core.alarms import (
    ISA_LETTERS,
    LIFECYCLE,
    NORMAL,
    STATES,
    Alarm,
    AlarmChange,
    AlarmStep,
    stepped,
)
from millbrain.core.errors import IllegalStepError
from millbrain.core.findings import Finding, Severity

AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
ACTIVE = {"is_active": True, "is_latched": False, "is_suppressed": False, "is_acknowledged": False}
GONE = ACTIVE | {"is_active": False}
LATCHED = GONE | {"is_latched": True}
UNSEEN = ACTIVE | {"is_suppressed": True}

# state, action, conditions -> state. Letters of the diagram: A normal, B unacknowledged, C
# acknowledged, D returned unacknowledged, E and F latched, G shelved, H suppressed, I out of
# service.
DIAGRAM = [
    ("delayed", "announce", ACTIVE, "B"),
    ("delayed", "announce", UNSEEN, "H"),
    ("delayed", "drop", GONE, "A"),
    ("unacknowledged", "acknowledge", ACTIVE, "C"),
    ("unacknowledged", "return", GONE, "D"),
    ("unacknowledged", "return", LATCHED, "E"),
    ("acknowledged", "return", GONE, "A"),
    ("acknowledged", "return", LATCHED, "F"),
    ("acknowledged", "worsen", ACTIVE, "B"),
    ("returned_unacknowledged", "acknowledge", GONE, "A"),
    ("returned_unacknowledged", "recur", ACTIVE, "B"),
    ("latched_unacknowledged", "acknowledge", LATCHED, "F"),
    ("latched_unacknowledged", "recur", ACTIVE, "B"),
    ("latched_acknowledged", "reset", LATCHED, "A"),
    ("latched_acknowledged", "recur", ACTIVE, "B"),
    ("unacknowledged", "shelve", ACTIVE, "G"),
    ("returned_unacknowledged", "shelve", GONE, "G"),
    ("shelved", "unshelve", ACTIVE, "B"),
    ("shelved", "unshelve", GONE, "A"),
    ("shelved", "unshelve", LATCHED, "E"),
    ("shelved", "expire", ACTIVE, "B"),
    ("shelved", "expire", UNSEEN, "H"),
    ("acknowledged", "suppress", ACTIVE, "H"),
    ("suppressed", "release", ACTIVE, "B"),
    ("suppressed", "release", ACTIVE | {"is_acknowledged": True}, "C"),
    ("suppressed", "release", GONE, "A"),
    ("suppressed", "return", GONE, "A"),
    ("acknowledged", "take_out", ACTIVE, "I"),
    ("shelved", "take_out", ACTIVE, "I"),
    ("out_of_service", "put_back", ACTIVE, "B"),
    ("out_of_service", "put_back", GONE, "A"),
    ("out_of_service", "put_back", LATCHED, "E"),
]  # fmt: skip
REFUSED = [
    ("delayed", "acknowledge"), ("delayed", "shelve"), ("acknowledged", "acknowledge"),
    ("unacknowledged", "reset"), ("latched_unacknowledged", "reset"), ("shelved", "acknowledge"),
    ("shelved", "return"), ("suppressed", "acknowledge"), ("suppressed", "shelve"),
    ("out_of_service", "shelve"), ("out_of_service", "return"), ("normal", "acknowledge"),
    ("normal", "recur"),
]  # fmt: skip


def finding(severity: Severity = Severity.STOP) -> Finding:
    return Finding("V1", "battery", "connection", 1, 7, 10, 20, severity, -48.0, "mV", -15.0, 0.9)


def alarm(state: str = "delayed", **fields: object) -> Alarm:
    return Alarm(1, finding(), state, 3, AT, AT, 20, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("state", "action", "conditions", "letter"), DIAGRAM)
def test_a_step_leads_where_the_diagram_says(
    state: str, action: str, conditions: dict[str, bool], letter: str
) -> None:
    assert ISA_LETTERS[LIFECYCLE.after(state, action, conditions)] == letter


@pytest.mark.parametrize(("state", "action"), REFUSED)
@pytest.mark.parametrize("conditions", [ACTIVE, GONE, LATCHED, UNSEEN])
def test_what_the_diagram_lacks_is_refused(
    state: str, action: str, conditions: dict[str, bool]
) -> None:
    with pytest.raises(IllegalStepError, match="allowed now"):
        LIFECYCLE.after(state, action, conditions)


def test_every_state_can_be_reached_and_left() -> None:
    targets = {s.target for s in LIFECYCLE.steps}
    sources = {source for s in LIFECYCLE.steps for source in s.sources}
    assert targets | {LIFECYCLE.start} == set(STATES) == set(ISA_LETTERS)
    assert sources == set(STATES) - {NORMAL}


def test_people_may_do_six_things_and_the_platform_the_rest() -> None:
    people = [name for name, action in LIFECYCLE.actions.items() if action.role]
    assert people == ["acknowledge", "shelve", "unshelve", "reset", "take_out", "put_back"]
    assert {LIFECYCLE.actions[name].role for name in people} == {"operator"}
    assert LIFECYCLE.actions["shelve"].needs == ("reason", "until")


def test_a_step_leaves_its_traces() -> None:
    raised, step = stepped(alarm(is_active=True), "announce", AT)
    assert (raised.state, raised.raised_at, step.who) == ("unacknowledged", AT, "")
    known, step = stepped(raised, "acknowledge", AT + timedelta(seconds=5), "li")
    assert (known.is_acknowledged, known.acknowledged_by, step.who) == (True, "li", "li")
    shelved, _ = stepped(known, "shelve", AT, "li", "lane on Monday", AT + timedelta(hours=4))
    assert (shelved.until, shelved.reason) == (AT + timedelta(hours=4), "lane on Monday")
    back, _ = stepped(shelved, "unshelve", AT, "li")
    assert (back.until, back.reason, back.is_acknowledged) == (None, "", False)


def test_the_end_says_how_long_it_held() -> None:
    raised, _ = stepped(alarm(is_active=True), "announce", AT)
    gone = Alarm(**{n: getattr(raised, n) for n in Alarm.__slots__} | {"is_active": False})
    returned, step = stepped(gone, "return", AT + timedelta(seconds=42))
    assert step.active_s == 42.0
    ended, _ = stepped(returned, "acknowledge", AT + timedelta(seconds=50))
    assert (ended.state, ended.ended_at) == (NORMAL, AT + timedelta(seconds=50))


def test_only_what_people_may_do_is_offered() -> None:
    assert alarm("unacknowledged", is_active=True).allowed == ("acknowledge", "shelve", "take_out")
    assert alarm("suppressed", is_active=True, is_suppressed=True).allowed == ("take_out",)
    assert alarm("normal").allowed == ()


@pytest.mark.parametrize(
    "steps",
    [
        (AlarmStep(AT, "acknowledge", "delayed", "acknowledged"),),  # no such step
        (AlarmStep(AT, "announce", "shelved", "unacknowledged"),),  # not where it is
        (),  # it is elsewhere afterwards
    ],
)
def test_a_change_that_does_not_follow_the_table_is_refused(steps: tuple[AlarmStep, ...]) -> None:
    with pytest.raises(IllegalStepError, match="nothing was changed"):
        AlarmChange(None, alarm("acknowledged"), steps).check()
