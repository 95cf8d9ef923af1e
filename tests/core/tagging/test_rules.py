"""What connections and tags may look like."""

import dataclasses

import pytest

from millbrain.core.plant.tags import Tag
from millbrain.core.tagging.rules import tag_wrongs, twice

GOOD = Tag("line-3", "r:1", "MW-L03-M07", "spindle_speed_rpm")


def test_a_good_tag_has_nothing_wrong() -> None:
    assert tag_wrongs(GOOD) == []
    assert tag_wrongs(dataclasses.replace(GOOD, thing="主轴-7", scale=-0.5, period_ms=50)) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("thing", ""), ("thing", "M 7"), ("thing", "轴" * 22), ("thing", "M\u20287"),
        ("signal", ""), ("signal", "Speed"), ("signal", "speed__rpm"), ("signal", "7_rpm"),
        ("scale", 0.0), ("scale", float("nan")), ("offset", float("inf")), ("deadband", -1.0),
        ("period_ms", 49), ("period_ms", 86_400_001), ("title", "x" * 129), ("unit", "a\nb"),
        ("address", ""), ("address", "x" * 501),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named_alone(field: str, value: object) -> None:
    wrong = tag_wrongs(dataclasses.replace(GOOD, **{field: value}))  # type: ignore[arg-type]
    assert [w.field for w in wrong] == [field]
    assert "is allowed" in str(wrong[0])


def test_two_tags_of_one_signal_are_named() -> None:
    other = dataclasses.replace(GOOD, address="r:2")
    far = dataclasses.replace(GOOD, address="r:3", thing="MW-L03-M08")
    assert [w.address for w in twice([GOOD, other, far])] == ["r:2"]
    assert twice([GOOD, GOOD]) == []  # the same tag again is no second one
