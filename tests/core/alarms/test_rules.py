"""Rules of the alarms: which one holds, what a number may be, what hides what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from millbrain.core.alarms import Alarm
from millbrain.core.alarms.rules import ANY, DECLARED, AlarmRule, AlarmRules
from millbrain.core.errors import LimitError
from millbrain.core.findings import Finding, Severity

AT = datetime(2026, 7, 1, tzinfo=UTC)


def alarm(kind: str, severity: Severity, cell_no: int = 0, thing: str = "V1") -> Alarm:
    finding = Finding(thing, "battery", kind, 1, cell_no, 1, 2, severity, 1, "", 1, 1)
    return Alarm(1, finding, "unacknowledged", 1, AT, AT, 2, is_active=True)


def test_the_closest_rule_holds_and_an_own_one_before_the_declared() -> None:
    rules = AlarmRules({(ANY, ANY): AlarmRule(), ("a", "x"): AlarmRule("a", "x", on_delay_s=1)})
    assert rules.of("a", "x").on_delay_s == 1
    assert rules.of("a", "y") == AlarmRule()
    own = rules.with_own([AlarmRule("a", ANY, on_delay_s=2), AlarmRule(ANY, ANY, on_delay_s=3)])
    assert [own.of(*key).on_delay_s for key in (("a", "x"), ("a", "y"), ("b", "x"))] == [1, 2, 3]
    assert own.with_own([AlarmRule("a", "x", on_delay_s=4)]).of("a", "x").on_delay_s == 4


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("on_delay_s", -1, "on_delay_s is -1; 0 to 86400 is allowed"),
        ("off_delay_s", 86_401, "off_delay_s is 86401"),
        ("deadband_pct", 100.5, "deadband_pct is 100.5; 0 to 100"),
        ("latch_severity", 0, "latch_severity is 0; 1 to 5"),
        ("shelve_s_max", 604_801, "shelve_s_max is 604801; 60 to 604800"),
        ("priorities", (0, 1, 2, 3, 5), "priority of danger is 5; 0 to 4"),
        ("priorities", (0, 1), "a priority for each of 5 severities"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(
    field: str, value: object, words: str
) -> None:
    with pytest.raises(LimitError, match=words):
        replace(AlarmRule(), **{field: value})  # type: ignore[arg-type]


def test_a_thermal_event_hides_what_is_lesser_of_its_own_vehicle() -> None:
    thermal = alarm("thermal", Severity.DANGER)
    lesser, other = alarm("connection", Severity.STOP, 7), alarm("insulation", Severity.STOP)
    grave = alarm("strategy", Severity.DANGER)
    assert DECLARED.hidden([thermal, lesser, other, grave]) == {
        lesser.finding.key, other.finding.key,
    }  # fmt: skip
    elsewhere = alarm("connection", Severity.STOP, 7, "V2")
    assert DECLARED.hidden([thermal, elsewhere]) == set()


def test_a_faulty_measurement_hides_the_deviation_of_its_cell_only() -> None:
    sensor = alarm("sensor", Severity.WATCH, 7)
    same, neighbour = alarm("connection", Severity.STOP, 7), alarm("connection", Severity.STOP, 8)
    assert DECLARED.hidden([sensor, same, neighbour]) == {same.finding.key}


@pytest.mark.parametrize("state", ["shelved", "suppressed", "out_of_service"])
def test_what_nobody_sees_hides_nothing(state: str) -> None:
    thermal = replace(alarm("thermal", Severity.DANGER), state=state)
    assert DECLARED.hidden([thermal, alarm("connection", Severity.STOP)]) == set()


def test_what_has_returned_hides_nothing() -> None:
    thermal = replace(alarm("thermal", Severity.DANGER), is_active=False)
    assert DECLARED.hidden([thermal, alarm("connection", Severity.STOP)]) == set()
