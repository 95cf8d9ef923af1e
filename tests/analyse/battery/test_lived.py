"""Days that come in bulk are lived through one by one."""

import pytest

from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.lived import lived
from millbrain.analyse.battery.model import THERMAL, Rules
from millbrain.core.findings import Finding, Severity
from millbrain.core.times import beijing_day
from tests.analyse.battery.made import FIRST_AT, VIN, Pack

RULES = Rules()
DAYS, ONSET = 80, 10


def weak(last: int) -> PackDays:
    """Return 80 days of a pack whose cell 40 lacks charge from day 10 to `last`."""
    pack = Pack(DAYS)
    lacking = 6.0 * ((pack.day >= ONSET) & (pack.day <= last))
    return pack.lack(39, lacking).days()


def test_a_finding_begins_on_its_day_however_late_the_days_arrive() -> None:
    days = weak(DAYS)
    (now,) = judge(days, RULES)
    (found,) = lived([days], [], None, int(days.day[0]), RULES)
    begins = FIRST_AT + ONSET * 86_400
    assert now.first_seen > begins + 20 * 86_400, "one look reaches back one window"
    assert begins - 86_400 < found.first_seen <= begins + 86_400
    assert (found.cell_no, found.is_open, found.kind) == (40, True, now.kind)


def test_what_came_and_went_is_told_as_closed() -> None:
    days = weak(30)
    (found,) = lived([days], [], None, int(days.day[0]), RULES)
    assert (found.cell_no, found.is_open) == (40, False)
    assert found.last_seen < FIRST_AT + 31 * 86_400


@pytest.mark.slow
def test_living_through_the_days_again_changes_nothing() -> None:
    days = weak(DAYS)
    found = lived([days], [], None, int(days.day[0]), RULES)
    assert lived([days], found, None, int(days.day[0]), RULES) == []
    assert lived([days], found, None, int(days.day[-1]), RULES) == []


def test_what_others_found_stays() -> None:
    days = weak(0)
    event = Finding(VIN.decode(), "battery", THERMAL, 0, 0, FIRST_AT, FIRST_AT, Severity.DANGER,
                    1, "", 1, 0.9)  # fmt: skip
    later = int(days.day[-1])
    assert lived([days], [event], None, later + 1, RULES) == []


def test_the_sentence_names_the_day_on_which_it_began() -> None:
    days = weak(DAYS)
    (found,) = lived([days], [], None, int(days.day[0]), RULES)
    begins = beijing_day(found.first_seen)
    assert f"since {begins}" in found.sentence
    assert f"自{begins}起" in found.sentence_zh
