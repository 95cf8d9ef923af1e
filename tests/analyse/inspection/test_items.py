"""The items and limits as data: complete, cited, and refused where they contradict themselves."""

import math

import pytest

from millbrain.analyse.inspection.app import rules
from millbrain.analyse.inspection.example import example
from millbrain.analyse.inspection.model import catalogue
from millbrain.core.errors import SettingsError
from millbrain.core.life.inspections import HEAD, TESTS, Conclusion, Need, Status

RULES = rules()
ENTRY = """
edition = "E"
[[item]]
name = "temp_degc"
title = "T"
title_zh = "温度"
test = "charging"
need = "always"
in_standard = true
range = [0, 100]
"""


def test_the_published_figures_stand_as_published() -> None:
    """Press reports of 2024-09-26 on annex B, and GB 18384-2020."""
    found = {(x.item, x.chemistry): (x.low, x.high) for x in RULES.limits}
    free = math.inf
    assert found == {
        ("charge_duration_s", ""): (180, free),
        ("charge_start_pct", ""): (30, 90),
        ("charge_temp_degc", "lfp"): (-free, 65),
        ("charge_temp_degc", "ternary"): (-free, 60),
        ("socket_dc_insulation_kohm", ""): (0.1, free),
        ("bonding_mohm", ""): (-free, 100),
        ("discharge_duration_s", ""): (300, free),
        ("discharge_temp_degc", "lfp"): (-free, 65),
        ("discharge_temp_degc", "ternary"): (-free, 60),
        ("motor_temp_degc", ""): (-free, 175),
        ("controller_temp_degc", ""): (-free, 95),
        ("dcdc_temp_degc", ""): (-free, 95),
    }


def test_every_limit_is_cited_and_says_how_far_it_was_checked() -> None:
    for limit in RULES.limits:
        assert limit.status is Status.STANDARD
        assert limit.source.startswith(("GB/T 44500-2024", "GB 18384-2020"))
        assert limit.note, f"{limit.item}: was the text at hand?"


def test_charging_and_electrical_safety_are_required_the_rest_is_not() -> None:
    needs = {(i.test, i.need) for i in RULES.items}
    assert {test for test, need in needs if need is Need.ALWAYS} == {"charging", "electrical"}
    assert {test for test, need in needs if need is Need.COMMERCIAL} == {"vehicle"}
    assert {i.test for i in RULES.items} == TESTS.keys()


def test_no_heading_means_two_fields_of_a_record() -> None:
    fields = (*HEAD, *(i.field for i in RULES.items))
    spelled = [text for field in fields for text in field.spellings()]
    assert {text for text in spelled if spelled.count(text) > 1} == set()


def test_the_example_is_what_the_readme_says() -> None:
    found = example()
    assert found.conclusion is Conclusion.MAINTAIN
    assert "was 61 °C, at most 60 °C" in found.reasons[0][0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[item.limit]]\nhigh = 1\nsince = "2025-03-01"\nsource = "S"\nper = "x"', "no item"),
        ('[[item.limit]]\nhigh = 1\nsince = "2025-13-01"\nsource = "S"', "month"),
        ('[[item.limit]]\nlow = 2\nhigh = 1\nsince = "2025-03-01"\nsource = "S"', "low end below"),
        ('[[item.limit]]\nhigh = 1\nsince = "2025-03-01"\nsource = ""', "a source"),
        ('[[item.limit]]\nhigh = 1\nsince = "2025-03-01"\nsource = "S"\nchemistry = "nickel"',
         "no chemistry"),
        (ENTRY.partition("\n[[")[2].join(("[[", "")), "stands twice"),
        ("nonsense", "items of the inspection lane"),
    ],
)  # fmt: skip
def test_data_that_contradict_themselves_are_refused(more: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        catalogue(ENTRY + more)


def test_plain_data_are_read() -> None:
    found = catalogue(ENTRY)
    assert (found.edition, found.items[0].field.unit, found.limits) == ("E", "°C", ())
