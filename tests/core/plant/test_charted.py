"""Charted characteristics as data: what is read, what is refused, and with which words."""

import math

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.plant.charted import ChartKind, read_characteristics

GOOD = """
[[characteristic]]
thing = "M1"
signal = "bore_mm"
title = "Bore"
title_zh = "孔径"
chart = "xbar-r"
subgroup = 5
lower = 9.97
upper = 10.03
since = "2026-01-05T08:00:00+08:00"
"""


def test_a_declaration_is_read_with_its_defaults() -> None:
    (c,) = read_characteristics(GOOD, "here")
    assert (c.chart, c.subgroup, c.baseline, c.rules) == (ChartKind.XBAR_R, 5, 25, "nelson")
    assert c.since_ms == 1_767_571_200_000
    assert math.isnan(c.centre)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("upper = 10.03", "upper = 9", "not below"),
        ("subgroup = 5", "subgroup = 1", "2 to 25"),
        ("subgroup = 5", "", "2 to 25"),
        ('chart = "xbar-r"', 'chart = "p"', "no subgroups"),
        ('chart = "xbar-r"\nsubgroup = 5', 'chart = "p"', "size or size_signal"),
        ('chart = "xbar-r"', 'chart = "pie"', "pie"),
        ("+08:00", "", "zone"),
        ("lower = 9.97", "sigma = 1.0", "known together"),
        ('title = "Bore"', 'titel = "Bore"', "titel"),
        ("lower = 9.97", 'rules = "mine"', "mine"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(old: str, new: str, why: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError, match=why):
        read_characteristics(GOOD.replace(old, new), "here")


def test_two_of_one_thing_are_told_apart() -> None:
    with pytest.raises(SettingsError, match="twice"):
        read_characteristics(GOOD + GOOD, "here")
    with pytest.raises(SettingsError, match="twice"):
        read_characteristics(GOOD + GOOD.replace("bore_mm", "face_mm"), "here")
