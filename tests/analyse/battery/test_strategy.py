"""Events of control strategies by hand; the planted sequence before them is found, no other."""

from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.fleet.patterns import pattern
from millbrain.analyse.battery.fleet.strategy import at_of, events
from millbrain.analyse.battery.model import StrategyRules
from millbrain.analyse.battery.tables import BATTERY_EVENT
from millbrain.core.columns import Columns, concat
from millbrain.core.tables import arrow_batch
from tests.analyse.battery.made import FIRST_AT, VIN

RULES = StrategyRules()
CAPACITY = {VIN: 100.0}


def driven(count: int, step_s: int = 10, **columns: Any) -> Columns:
    """Return reports of a vehicle at 60 km/h, 20 A, 50 %, 25 degC."""
    values = {
        "vin": np.full(count, VIN),
        "device_at": (FIRST_AT + step_s * np.arange(count)).astype(np.uint32),
        "vehicle_state": np.ones(count, np.uint8),
        "charge_state": np.full(count, 3, np.uint8),
        "dcdc_state": np.ones(count, np.uint8),
        "gear_code": np.full(count, 14, np.uint8),
        "speed_kmh": np.full(count, 60, np.float32),
        "current_a": np.full(count, 20, np.float32),
        "soc_pct": np.full(count, 50, np.uint8),
        "temp_max_degc": np.full(count, 25, np.int16),
    }
    return Columns(count, values | {n: np.asarray(c, values[n].dtype) for n, c in columns.items()})


def told(columns: Columns) -> list[tuple[bytes, int, float]]:
    found = events(columns, RULES, CAPACITY, 0)
    arrow_batch(BATTERY_EVENT, found)
    names = zip(found.array("kind").tolist(), found.array("device_at").tolist(),
                found.array("value").tolist(), strict=True)  # fmt: skip
    return [(kind, at - FIRST_AT, value) for kind, at, value in names]


def test_a_jump_of_the_soc_is_an_event_and_a_fast_charge_is_not() -> None:
    assert told(driven(4, soc_pct=[50, 50, 42, 42])) == [(b"soc_jump", 10, -8.0)]
    # 60 s at 240 A of 100 Ah are 4 %: a change of 8 % leaves 4.
    fast = driven(2, 60, soc_pct=[50, 58], current_a=[-240, -240])
    assert told(fast) == []
    assert told(driven(2, 90, soc_pct=[50, 40])) == [], "too far apart to be a jump"


def test_dcdc_off_while_driving_counts_seconds_together() -> None:
    state = [1, 2, 2, 2, 1, 2, 1]
    assert told(driven(7, dcdc_state=state)) == [(b"dcdc_off", 10, 20.0)]
    assert told(driven(7, dcdc_state=state, speed_kmh=[0] * 7)) == []
    assert told(driven(3, 200, dcdc_state=[2, 2, 2])) == [], "nobody saw what was between"


def test_charging_hot_and_fast_needs_a_known_capacity() -> None:
    hot = driven(10, charge_state=[1] * 10, speed_kmh=[0] * 10, current_a=[-80] * 5 + [-90] * 5,
                 temp_max_degc=[45] + [52] * 9)  # fmt: skip
    assert told(hot) == [(b"hot_charge", 10, 90.0)]
    assert events(hot, RULES, {}, 0).rows == 0
    slow = Columns(10, hot.values | {"current_a": np.full(10, -70, np.float32)})
    assert told(slow) == []


def test_events_do_not_depend_on_order_and_repetition() -> None:
    made = driven(7, dcdc_state=[1, 2, 2, 2, 1, 2, 1], soc_pct=[50, 50, 50, 50, 50, 60, 60])
    mixed = concat([made, made]).take(np.random.default_rng(2).permutation(14))
    assert told(mixed) == told(made) != []


def test_empty_and_all_missing_batches_have_no_events() -> None:
    assert told(driven(0)) == []
    bare = Columns(2, {"vin": np.full(2, VIN), "device_at": np.arange(2, dtype=np.uint32)})
    assert told(bare) == []
    masks = {n: np.ones(4, np.bool_) for n in ("soc_pct", "speed_kmh", "current_a")}
    assert told(Columns(4, driven(4, dcdc_state=[2] * 4).values, masks)) == []


def test_the_state_before_is_kept() -> None:
    found = events(driven(3, soc_pct=[50, 40, 40]), RULES, CAPACITY, 9)
    assert found.array("soc_pct").tolist() == [50]
    assert found.array("current_a").tolist() == [20]
    assert found.array("temp_max_degc").tolist() == [25]
    assert found.array("as_of").tolist() == [9]


def fleet(vehicles: int, *, planted: bool, seed: int) -> Columns:
    """Vehicles that shift gears and change current; jumps of the SOC come after R at 30 to 39 %.

    Where nothing is planted the jumps come anywhere.
    """
    random = np.random.default_rng(seed)
    parts = []
    for number in range(vehicles):
        count = 2_000
        soc = np.linspace(95, 5, count)
        gear = np.where(random.random(count // 20) < 0.3, 13, 14).repeat(20)
        current = random.choice([5.0, 50.0, 150.0], count // 10).repeat(10)
        in_band = (soc >= 30) & (soc < 39)
        shifts = np.flatnonzero((gear[1:] == 13) & (gear[:-1] == 14) & in_band[1:]) + 1
        places = shifts[:1] if planted else random.integers(50, count - 50, 2)
        shown = soc.copy()
        for place in places:
            shown[place + 1 :] -= 7
        vin = np.full(count, b"LNEVTEST0N%07d" % number)
        made = driven(count, soc_pct=np.maximum(shown, 0), gear_code=gear, current_a=current)
        parts.append(Columns(count, made.values | {"vin": vin}))
    return concat(parts)


def test_the_sequence_before_the_events_is_found() -> None:
    made = fleet(20, planted=True, seed=4)
    vin, at = at_of(events(made, RULES, {}, 0), b"soc_jump")
    assert len(at) == 20
    found = pattern(made, vin, at, b"soc_jump", RULES)
    assert found is not None
    named = {(i.signal, i.value) for i in found.items}
    assert ("gear", "D to R") in named
    assert ("SOC", "30 to 39 %") in named
    assert found.share > 0.9 > 0.3 > found.share_others
    assert found.p_value < 1e-6
    assert [i.before_s for i in found.items] == sorted(
        (i.before_s for i in found.items), reverse=True
    )
    mixed = made.take(np.random.default_rng(1).permutation(made.rows))
    assert pattern(mixed, vin[::-1], at[::-1], b"soc_jump", RULES) == found


def test_no_sequence_is_found_where_there_is_none() -> None:
    rules, found = StrategyRules(pattern_share_min_ratio=0.2), 0
    for seed in range(12):
        made = fleet(8, planted=False, seed=seed)
        vin, at = at_of(events(made, RULES, {}, 0), b"soc_jump")
        found += pattern(made, vin, at, b"soc_jump", rules) is not None
    assert found == 0


def test_minutes_near_an_event_are_no_controls() -> None:
    gear = [14] * 27 + [13] * 3 + [14] * 30
    one = driven(60, gear_code=gear, soc_pct=[50] * 30 + [40] * 30)
    made = concat([Columns(60, one.values | {"vin": np.full(60, b"LNEVTEST0N%07d" % i)})
                   for i in range(20)])  # fmt: skip
    vin, at = at_of(events(made, RULES, {}, 0), b"soc_jump")
    assert len(at) == 20
    assert pattern(made, vin, at, b"soc_jump", RULES) is None


def test_what_defines_an_event_explains_nothing() -> None:
    state = np.ones(3_000)
    state[500:3_000:500] = 2
    state[501:3_000:500] = 2
    made = driven(3_000, dcdc_state=state)
    vin, at = at_of(events(made, RULES, {}, 0), b"dcdc_off")
    assert len(at) == 5
    found = pattern(made, vin, at, b"dcdc_off", StrategyRules(pattern_error_ratio=0.2))
    assert found is None


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_events_have_no_pattern(count: int) -> None:
    made = driven(500)
    at = FIRST_AT + 4_000 + np.arange(count)
    assert pattern(made, np.full(count, VIN), at, b"soc_jump", RULES) is None
