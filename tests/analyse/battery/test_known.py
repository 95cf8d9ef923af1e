"""What was found before meets what is found now."""

from dataclasses import replace

import numpy as np

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.known import changed, cooled, current, joined
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Finding, Severity
from tests.analyse.battery.made import FIRST_AT, Pack, days

RULES = Rules()
DAY = 86_400


def finding(since: int, until: int, kind: str = model.SELF_DISCHARGE, **more: object) -> Finding:
    return Finding(
        "LNEVTEST0N0000001", "battery", kind, 1, 40, since, until, Severity.SERVICE, -20.0, "mV",
        -15.0, 0.84, call_out=True, **more,
    )  # fmt: skip


def pack(count: int = 6) -> PackDays:
    return days(Pack(days=count).columns())


def test_a_finding_is_told_once_and_keeps_its_first_day() -> None:
    seen = pack()
    now = finding(5 * DAY, 9 * DAY)
    assert changed([], [now], seen, RULES) == [now]
    assert changed([now], [now], seen, RULES) == []
    later = finding(7 * DAY, 10 * DAY)  # the window has moved on
    assert changed([now], [later], seen, RULES) == [finding(5 * DAY, 10 * DAY)]


def test_what_is_gone_is_closed_once() -> None:
    seen, before = pack(), finding(5 * DAY, 9 * DAY)
    (closed,) = changed([before], [], seen, RULES)
    assert closed == replace(before, is_open=False)
    assert changed([closed], [], seen, RULES) == []


def test_too_few_days_close_nothing() -> None:
    assert changed([finding(5 * DAY, 9 * DAY)], [], pack(2), RULES) == []


def test_what_comes_back_after_it_was_closed_begins_anew_unless_it_reaches_back() -> None:
    seen, closed = pack(), finding(5 * DAY, 9 * DAY, is_open=False)
    again = finding(20 * DAY, 22 * DAY)
    assert changed([closed], [again], seen, RULES) == [again]
    reaching = finding(8 * DAY, 22 * DAY)
    assert changed([closed], [reaching], seen, RULES) == [finding(5 * DAY, 22 * DAY)]


def test_what_others_find_is_left_to_them() -> None:
    others = [finding(DAY, DAY, kind) for kind in (model.THERMAL, model.HEAT, model.STRATEGY)]
    elsewhere = replace(finding(DAY, DAY), pack_no=2)
    assert changed([*others[:2], elsewhere], [], pack(), RULES) == []


def test_a_thermal_event_cools_down_after_clear_days() -> None:
    seen = pack(6)
    hot = replace(finding(FIRST_AT, FIRST_AT + 60, model.THERMAL), pack_no=0, cell_no=0)
    assert cooled([hot], [seen.taken(np.arange(3))], RULES) == []  # two days after
    assert cooled([hot], [seen], RULES) == [replace(hot, is_open=False)]
    again = seen.flags.copy()
    again[4] = 1 << 23
    assert cooled([hot], [replace(seen, flags=again)], RULES) == []


def test_two_sights_of_an_event_are_one() -> None:
    first, second = (finding(at, at, model.THERMAL) for at in (100, 160))
    assert joined(None, first) is first
    assert joined(first, second) == joined(second, first) == finding(100, 160, model.THERMAL)
    assert joined(replace(first, is_open=False), second) is second


def test_of_a_swapped_pack_the_one_seen_last_counts() -> None:
    old, new = pack(3), days(Pack(days=6, cells=100).columns())
    assert current([old, new], RULES) == [new]
    assert current([old], RULES) == [old]
