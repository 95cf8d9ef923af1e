"""The judgement of an inspection: every way it can end, by hand."""

import math
from typing import Any

import pytest

from millbrain.analyse.inspection.calc import judge, limit_of
from millbrain.core.forms import FormField
from millbrain.core.life.inspections import Conclusion, Item, Limit, Need, Opinion, Status

HOT = Item(FormField("temp_degc", "number", "Temperature", "温度"), "charging", Need.ALWAYS,
           is_condition=False, in_standard=True)  # fmt: skip
SPREAD = Item(FormField("spread_mv", "number", "Spread", "压差"), "charging", Need.ALWAYS,
              is_condition=False, in_standard=True)  # fmt: skip
LONG = Item(FormField("time_s", "number", "Duration", "时间"), "charging", Need.ALWAYS,
            is_condition=True, in_standard=True)  # fmt: skip
TIGHT = Item(FormField("leak_kohm", "number", "Insulation", "绝缘"), "electrical", Need.COMMERCIAL,
             is_condition=False, in_standard=True)  # fmt: skip
VOLT = Item(FormField("high_v", "number", "Voltage", "电压"), "electrical", Need.OPTIONAL,
            is_condition=True, in_standard=False)  # fmt: skip
ITEMS = (HOT, SPREAD, LONG, TIGHT, VOLT)
STANDARD = (
    Limit("temp_degc", Status.STANDARD, "S", "2025-03-01", high=60, chemistry="ternary"),
    Limit("temp_degc", Status.STANDARD, "S", "2025-03-01", high=65, chemistry="lfp"),
    Limit("time_s", Status.STANDARD, "S", "2025-03-01", low=180),
    Limit("leak_kohm", Status.STANDARD, "E", "2025-03-01", low=0.1, per="high_v"),
)
GOOD = {"temp_degc": 60.0, "spread_mv": 30.0, "time_s": 180.0}
TERNARY = {"chemistry": "ternary", "day": "2026-03-02"}


def opinion(values: dict[str, float], about: dict[str, Any], *more: Limit) -> Opinion:
    return judge(ITEMS, (*STANDARD, *more), values, about, "edition")


def states(found: Opinion) -> dict[str, str]:
    return {j.item: j.state for j in found.items}


def test_on_the_limit_is_within_and_the_share_that_was_judged_is_told() -> None:
    found = opinion(GOOD, TERNARY)
    assert found.conclusion is Conclusion.NORMAL
    assert states(found) == {"temp_degc": "inside", "spread_mv": "unjudged", "time_s": "inside",
                             "leak_kohm": "absent", "high_v": "absent"}  # fmt: skip
    assert [en for en, _ in found.reasons] == [
        "Spread: not judged, no limit is set", "1 of 2 required items were judged",
    ]  # fmt: skip


def test_beyond_the_limit_advises_maintenance_and_names_figures_and_source() -> None:
    found = opinion(GOOD | {"temp_degc": 60.1}, TERNARY)
    assert found.conclusion is Conclusion.MAINTAIN
    assert found.reasons[0] == (
        "Temperature: was 60.1 °C, at most 60 °C is allowed (S)",
        "温度：实测60.1 °C，应不大于60 °C（S）",
    )


def test_the_limit_is_that_of_the_chemistry() -> None:
    hot = GOOD | {"temp_degc": 62.0}
    assert opinion(hot, TERNARY).conclusion is Conclusion.MAINTAIN
    assert opinion(hot, TERNARY | {"chemistry": "lfp"}).conclusion is Conclusion.NORMAL
    unknown = opinion(hot, {"day": "2026-03-02"})
    assert states(unknown)["temp_degc"] == "unjudged"
    assert unknown.conclusion is Conclusion.NONE, "no required item of the test was judged"


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_required_item_that_is_missing_leaves_no_conclusion(value: float | None) -> None:
    values = {k: v for k, v in GOOD.items() if k != "spread_mv"}
    if value is not None:
        values["spread_mv"] = value
    found = opinion(values, TERNARY)
    assert found.conclusion is Conclusion.NONE
    assert found.reasons[0][0] == "Spread: required, was not measured"


def test_beyond_a_limit_outweighs_what_is_missing() -> None:
    assert opinion({"temp_degc": 99.0}, TERNARY).conclusion is Conclusion.MAINTAIN


def test_a_condition_that_was_not_met_makes_the_test_invalid_not_the_vehicle_bad() -> None:
    found = opinion(GOOD | {"time_s": 179.0}, TERNARY)
    assert found.conclusion is Conclusion.NONE
    assert "Duration: was 179 s, at least 180 s is allowed" in found.reasons[0][0]
    assert "the test is not valid" in found.reasons[0][0]


def test_commercial_vehicles_owe_more_items() -> None:
    found = opinion(GOOD, TERNARY | {"is_commercial": True})
    assert found.conclusion is Conclusion.NONE
    assert states(found)["leak_kohm"] == "missing"


def test_a_limit_per_volt_is_multiplied_or_not_judged_at_all() -> None:
    commercial = TERNARY | {"is_commercial": True}
    measured = GOOD | {"leak_kohm": 39.9, "high_v": 400.0}
    low = opinion(measured, commercial)
    assert low.conclusion is Conclusion.MAINTAIN
    assert "was 39.9 kΩ, at least 40 kΩ is allowed" in low.reasons[0][0]
    assert opinion(measured | {"leak_kohm": 40.0}, commercial).conclusion is Conclusion.NORMAL
    unknown = opinion(GOOD | {"leak_kohm": 40.0}, commercial)
    assert states(unknown)["leak_kohm"] == "unjudged"


def test_a_limit_holds_from_its_day_on() -> None:
    found = opinion(GOOD, TERNARY | {"day": "2025-02-28"})
    assert states(found)["temp_degc"] == "unjudged"
    assert found.conclusion is Conclusion.NONE


def test_settings_go_first_then_the_model_then_the_newest() -> None:
    def own(high: float, since: str, model: str = "") -> Limit:
        return Limit("temp_degc", Status.SETTING, "maker", since, high=high, model=model)

    settings = (own(50, "2026-01-01"), own(45, "2026-02-01"), own(55, "2026-01-01", "EV-1"))
    about = TERNARY | {"model": "EV-2"}
    for limits, expected in ((settings, 45.0), (settings[:1], 50.0), ((), 60.0)):
        found = limit_of("temp_degc", (*STANDARD, *limits), about)
        assert found
        assert found.high == expected
    mine = limit_of("temp_degc", (*STANDARD, *settings), about | {"model": "EV-1"})
    assert mine
    assert mine.high == 55.0


def test_nothing_measured_and_an_order_of_items_that_does_not_matter() -> None:
    assert opinion({}, TERNARY).conclusion is Conclusion.NONE
    turned = judge(ITEMS[::-1], STANDARD[::-1], GOOD, TERNARY, "edition")
    assert states(turned) == states(opinion(GOOD, TERNARY))
