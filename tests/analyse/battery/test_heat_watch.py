"""The heat watch: rules by hand, persistence and release, and 800,000 rows in time."""

import re
import time
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.fleet.heat_rules import EVERY_RULE, HEAT_RULES
from millbrain.analyse.battery.fleet.heat_watch import HeatWatch
from millbrain.analyse.battery.model import KINDS, HeatRules
from millbrain.core.columns import Columns
from millbrain.core.findings import Finding, Severity
from tests.analyse.battery.made import FIRST_AT

RULES = HeatRules()
COOL: dict[str, tuple[Any, Any]] = {
    "charge_state": (3, np.uint8), "current_a": (0, np.float32), "soc_pct": (60, np.uint8),
    "voltage_v": (350, np.float32), "insulation_kohm": (5_000, np.uint16),
    "temp_max_degc": (30, np.int16), "temp_min_degc": (28, np.int16),
    "cell_max_mv": (3_700, np.uint16), "cell_min_mv": (3_690, np.uint16),
    "alarm_flags": (0, np.uint32),
}  # fmt: skip


def picture(at: int, *vehicles: dict[str, Any]) -> Columns:
    """Return rows of `vehicle_latest`: cool vehicles at rest but for what is said of each."""
    count = len(vehicles)
    values: dict[str, Any] = {
        name: np.array([v.get(name, usual) for v in vehicles], kind)
        for name, (usual, kind) in COOL.items()
    }
    values["vin"] = np.array([v.get("vin", b"V%016d" % i) for i, v in enumerate(vehicles)], "S17")
    values["device_at"] = np.array([v.get("device_at", at) for v in vehicles], np.uint32)
    values["region_code"] = np.array([v.get("region", b"R1") for v in vehicles], object)
    values["model"] = np.array([v.get("model", b"M1") for v in vehicles], object)
    return Columns(count, values)


def looked(*vehicle: dict[str, Any], looks: int = 3, rules: HeatRules = RULES) -> list[Finding]:
    """Return what a new watch says of one vehicle after some looks, ten seconds apart."""
    watch, found = HeatWatch(rules), []
    for look in range(looks):
        at = FIRST_AT + 10 * look
        found += watch.look(picture(at, *vehicle), at)
    return found


@pytest.mark.parametrize(
    ("vehicle", "rule", "severity"),
    [
        ({"charge_state": 1, "current_a": -60, "temp_max_degc": 50}, "hot_charging", 2),
        ({"charge_state": 3, "current_a": 60, "temp_max_degc": 55}, "hot_driving", 1),
        ({"temp_max_degc": 45, "temp_min_degc": 40}, "hot_resting", 1),
        ({"temp_max_degc": 42, "temp_min_degc": 40, "soc_pct": 95}, "hot_full", 1),
        ({"temp_max_degc": 40, "temp_min_degc": 28}, "uneven", 2),
        ({"temp_max_degc": 40, "temp_min_degc": 38, "insulation_kohm": 175}, "hot_insulation", 2),
        ({"temp_max_degc": 40, "temp_min_degc": 38, "cell_max_mv": 3_790}, "hot_cells", 1),
        ({"alarm_flags": 0b10}, "own_alarm", 2),
    ],
)
def test_each_rule_holds_at_its_limit(vehicle: dict[str, Any], rule: str, severity: int) -> None:
    (one,) = looked(vehicle)
    assert [e.name for e in one.evidence] == [rule]
    assert (one.kind, one.severity, one.is_open, one.call_out) == ("heat", severity, True, False)
    assert (one.first_seen, one.last_seen) == (FIRST_AT, FIRST_AT + 20)
    for text in (one.sentence, one.sentence_zh):
        assert "2023-11-15 08:00" in text
        assert "{" not in text


@pytest.mark.parametrize(
    "vehicle",
    [
        {},
        {"charge_state": 1, "current_a": -60, "temp_max_degc": 49},
        {"charge_state": 3, "current_a": 60, "temp_max_degc": 54},
        {"temp_max_degc": 44, "temp_min_degc": 40, "soc_pct": 94},
        {"temp_max_degc": 39, "temp_min_degc": 28},
        {"temp_max_degc": 39, "temp_min_degc": 38, "insulation_kohm": 100, "cell_max_mv": 3_900},
        {"temp_max_degc": 215, "temp_min_degc": 214},
        {"alarm_flags": 0b100},
    ],
)
def test_no_rule_holds_below_its_limit(vehicle: dict[str, Any]) -> None:
    assert looked(vehicle) == []


def test_a_finding_needs_several_newer_reports() -> None:
    hot = {"temp_max_degc": 50, "temp_min_degc": 48}
    assert looked(hot, looks=2) == []
    assert looked(hot | {"device_at": FIRST_AT}, looks=9) == [], "the same report again and again"
    late = HeatWatch(RULES)
    for at in range(FIRST_AT, FIRST_AT + 60, 10):
        assert late.look(picture(at, hot | {"device_at": at - 901}), at) == [], "too long ago"
    watch = HeatWatch(RULES)
    for look, degc in enumerate([50, 50, 30, 50, 50]):
        at = FIRST_AT + 10 * look
        assert watch.look(picture(at, hot | {"temp_max_degc": degc, "temp_min_degc": 29 if degc < 40
                                             else 48}), at) == []  # fmt: skip


def test_two_independent_reasons_make_a_call_out() -> None:
    (one,) = looked({"temp_max_degc": 48, "temp_min_degc": 30, "insulation_kohm": 100})
    assert [e.name for e in one.evidence] == ["uneven", "hot_insulation", "hot_resting"]
    assert (one.call_out, one.severity, one.value) == (True, Severity.SERVICE, 18)
    (probe,) = looked({"temp_max_degc": 48, "temp_min_degc": 30})
    assert len(probe.evidence) == 2
    assert not probe.call_out, "both rest on the same probe"
    (weak,) = looked({"temp_max_degc": 48, "temp_min_degc": 46, "cell_max_mv": 3_800})
    assert not weak.call_out, "two reasons to watch are no reason to call"


def test_it_is_told_once_then_closed_after_clear_looks() -> None:
    watch, told = HeatWatch(RULES), []
    for look in range(20):
        at = FIRST_AT + 10 * look
        vehicle = {"temp_max_degc": 50, "temp_min_degc": 48} if look < 8 else {}
        told += [(look, f.is_open) for f in watch.look(picture(at, vehicle), at)]
        assert watch.look(picture(at, vehicle), at) == [], "the same picture says nothing new"
    assert told == [(2, True), (13, False)], "open on the third look, closed on the sixth clear one"
    assert watch.summary() == {"region_code": {}, "model": {}, "rule": {}}


def seen(*looks: dict[str, Any]) -> list[tuple[int, bool]]:
    """Return on which look a vehicle was told of, and whether it opened."""
    watch, told = HeatWatch(RULES), []
    for number, vehicle in enumerate(looks):
        at = FIRST_AT + 10 * number
        told += [(number, f.is_open) for f in watch.look(picture(at, vehicle), at)]
    return told


def test_looks_count_in_a_row_for_each_rule_and_for_release() -> None:
    hot, other, cool = {"temp_max_degc": 50, "temp_min_degc": 48}, {"alarm_flags": 1}, {}
    assert seen(hot, hot, other, hot, hot) == []
    assert seen(hot, hot, other, hot, hot, hot) == [(5, True)]
    assert seen(*[hot] * 3, *[cool] * 5, hot, *[cool] * 5) == [(2, True)]
    assert seen(*[hot] * 3, *[cool] * 5, hot, *[cool] * 6) == [(2, True), (14, False)]


def test_an_open_finding_is_told_again_with_new_reasons_and_after_ten_minutes() -> None:
    watch, told = HeatWatch(RULES), []
    for look in range(80):
        at = FIRST_AT + 10 * look
        low = 48 if look < 5 else 30
        found = watch.look(picture(at, {"temp_max_degc": 50, "temp_min_degc": low}), at)
        told += [(look, len(f.evidence)) for f in found]
    assert told == [(2, 1), (7, 2), (67, 2)]


def test_after_a_restart_it_goes_on_where_it_was() -> None:
    (one,) = looked({"temp_max_degc": 48, "temp_min_degc": 30})
    watch, told = HeatWatch(RULES), []
    watch.restore([one])
    for look in range(3, 12):
        at = FIRST_AT + 10 * look
        told += [f for f in watch.look(picture(at, {}), at)]
    (closed,) = told
    assert (closed.key, closed.is_open, closed.first_seen) == (one.key, False, one.first_seen)
    assert {e.name for e in closed.evidence} == {e.name for e in one.evidence}


def test_order_of_the_rows_changes_nothing() -> None:
    random = np.random.default_rng(8)
    cars = [{"vin": b"V%016d" % i, "temp_max_degc": int(t), "temp_min_degc": 30}
            for i, t in enumerate(random.integers(25, 60, 50))]  # fmt: skip
    sorted_, mixed = HeatWatch(RULES), HeatWatch(RULES)
    for look in range(14):
        at = FIRST_AT + 10 * look
        now = [c if look < 5 else {"vin": c["vin"]} for c in cars]
        one = sorted_.look(picture(at, *now), at)
        two = mixed.look(picture(at, *(now[i] for i in random.permutation(50))), at)
        assert sorted(one, key=lambda f: f.key) == sorted(two, key=lambda f: f.key)


def test_counts_by_region_model_and_rule() -> None:
    watch = HeatWatch(RULES)
    for look in range(3):
        at = FIRST_AT + 10 * look
        hot = {"temp_max_degc": 50, "temp_min_degc": 48}
        watch.look(picture(at, hot, hot | {"region": b"R2"}, {}), at)
    assert watch.summary() == {"region_code": {"R1": 1, "R2": 1}, "model": {"M1": 2},
                               "rule": {"hot_resting": 2}}  # fmt: skip


def test_empty_and_all_missing_pictures_find_nothing() -> None:
    watch = HeatWatch(RULES)
    assert watch.look(picture(FIRST_AT), FIRST_AT) == []
    bare = Columns(2, {"vin": np.array([b"A", b"B"]), "device_at": np.full(2, FIRST_AT)})
    assert watch.look(bare, FIRST_AT) == []
    hot = picture(FIRST_AT, {"temp_max_degc": 90, "temp_min_degc": 20})
    masked = Columns(1, hot.values, {n: np.ones(1, np.bool_)
                                     for n in ("temp_max_degc", "temp_min_degc")})  # fmt: skip
    assert looked() == []
    assert HeatWatch(HeatRules(hot_looks_min=1)).look(masked, FIRST_AT) == []
    assert len(HeatWatch(HeatRules(hot_looks_min=1)).look(hot, FIRST_AT)) == 1


def test_rules_are_well_declared() -> None:
    assert KINDS["heat"] == ("heat watch", "高温看护")
    assert len({r.key for r in EVERY_RULE}) == len(EVERY_RULE)
    for rule in HEAT_RULES:
        assert all(hasattr(RULES, limit.parameter) for limit in rule.limits)
        assert rule.words.count("{") == rule.words_zh.count("{") == 2
    assert all(re.search("[一-鿿]", r.title_zh) for r in EVERY_RULE)


@pytest.mark.slow
def test_a_whole_city_is_looked_at_at_once() -> None:
    count = 800_000
    random = np.random.default_rng(12)
    values = {n: np.full(count, usual, kind) for n, (usual, kind) in COOL.items()}
    values |= {
        "vin": np.array([b"LNEVTEST0N%07d" % i for i in range(count)]),
        "device_at": np.full(count, FIRST_AT, np.uint32),
        "region_code": np.full(count, b"500000", "S6"),
        "model": np.full(count, b"M", "S4"),
    }
    hot = random.random(count) < 0.005
    values["temp_max_degc"][hot] = 50
    watch = HeatWatch(RULES)
    for look in range(4):
        latest = Columns(count, values | {"device_at": values["device_at"] + 10 * look})
        begin = time.process_time()
        found = watch.look(latest, FIRST_AT + 10 * look)
        assert time.process_time() - begin < 20, "it grows faster than the city"
        assert len(found) == (hot.sum() if look == 2 else 0)
