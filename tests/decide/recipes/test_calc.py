"""Which recipe is meant, and which check says no: by hand."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from millbrain.core.scans.checks import CHECKS, TESTS
from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Job, Part, Recipe, Station
from millbrain.decide.recipes import calc, example
from millbrain.decide.recipes.calc import Facts, Matched

PART = Part("hdl:88.100.1/S1", "SHAFT", "B", "L7", "2027-01-01")
STATION = Station("LATHE1", "Lathe 1", "车床1", "127.0.0.1:1", "T5", 40,
                  Job("WO7", "SHAFT", "B", ("L7", "L8")))  # fmt: skip
FACTS = Facts(PART, STATION, "wang", ("turning",), ("10",), date(2026, 11, 20))
VALUES = (Setting("speed", 1.0),)


def recipe(name: str, **more: Any) -> Recipe:
    return Recipe(name, **{"part_type": "SHAFT", "step": "20", "settings": VALUES, **more})


def named(*recipes: Recipe, facts: Facts = FACTS) -> str | tuple[str, ...]:
    matched = calc.match(recipes, facts)
    return matched.recipe.name if matched.recipe else matched.among


def test_the_most_particular_goes_first() -> None:
    general, for_revision = recipe("any"), recipe("rev", revision="B")
    for_both = recipe("both", revision="B", station="LATHE1")
    assert named(general) == "any"
    assert named(general, for_revision) == "rev"
    assert named(for_both, general, for_revision) == "both"
    assert named(general, recipe("c", revision="C"), recipe("x", station="LATHE2")) == "any"
    assert named(recipe("t", tool_set="T6")) == ()
    assert named(recipe("other", part_type="BOLT")) == ()


def test_two_that_name_different_things_are_ambiguous() -> None:
    by_tool, by_revision = recipe("by-tool", tool_set="T5"), recipe("by-rev", revision="B")
    assert named(by_tool, by_revision, recipe("any")) == ("by-rev", "by-tool")
    both = recipe("both", tool_set="T5", revision="B")
    assert named(by_tool, by_revision, both) == "both"
    failed = calc.judge(calc.match([by_tool, by_revision], FACTS), FACTS)
    assert [f.check for f in failed] == ["ambiguous"]
    assert "by-rev, by-tool" in failed[0].message
    assert "by-rev, by-tool" in failed[0].message_zh


def test_the_step_that_is_due_goes_first() -> None:
    rough, fine = recipe("rough", step="20", after="10"), recipe("fine", step="40", after="30")
    assert named(rough, fine) == "rough"
    assert named(rough, fine, facts=replace(FACTS, steps_done=("10", "20", "30"))) == "fine"
    early = replace(FACTS, steps_done=())
    failed = calc.judge(calc.match([fine], early), early)
    assert [f.check for f in failed] == ["step_order"]
    assert "30 must be carried out before 40" in failed[0].message


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        ({"part": replace(PART, part_type="BOLT")}, "right_part", "this is BOLT"),
        ({"part": replace(PART, revision="A")}, "revision", "this is A, B is wanted"),
        ({"part": replace(PART, lot="L9")}, "lot", "this is of L9, allowed are L7, L8"),
        ({"part": replace(PART, lot="")}, "lot", "this is of -"),
        ({"part": replace(PART, hold="crack")}, "hold", "blocked: crack"),
        ({"part": replace(PART, expires="2026-11-19")}, "in_date", "expired on 2026-11-19"),
        ({"steps_done": ()}, "step_order", "10 must be carried out"),
        ({"steps_done": ("10", "20")}, "not_twice", "20 was carried out"),
        ({"qualifications": ()}, "qualified", "wang lacks the qualification turning"),
        ({"station": replace(STATION, tool_life=1)}, "tool_life", "has 1 cycles left"),
    ],
)
def test_each_check_says_no(change: dict[str, Any], check: str, words: str) -> None:
    facts = replace(FACTS, **change)
    known = recipe("R", after="10", qualification="turning", tool_cycles=2)
    failed = {f.check: f for f in calc.judge(Matched(known), facts)}
    assert set(failed) == {check}
    assert words in failed[check].message
    assert failed[check].message_zh
    assert "{" not in failed[check].message + failed[check].message_zh


def test_what_is_not_demanded_is_not_checked() -> None:
    bare = replace(FACTS, station=replace(STATION, job=Job(), tool_life=None), steps_done=(),
                   part=Part("hdl:88.100.1/S1", "SHAFT"), qualifications=())  # fmt: skip
    assert calc.judge(Matched(recipe("R")), bare) == []
    assert calc.judge(Matched(recipe("R", after="10", qualification="turning")), FACTS) == []


def test_a_part_nobody_knows_is_told_so_and_nothing_else() -> None:
    unknown = replace(FACTS, part=Part("what ever"))
    assert [f.check for f in calc.judge(calc.match([], unknown), unknown)] == ["part_known"]
    lost = calc.judge(calc.match([], FACTS), FACTS)
    assert [f.check for f in lost] == ["recipe"]
    assert "no recipe" in lost[0].message


def test_every_check_is_declared_well() -> None:
    assert len({c.key for c in CHECKS}) == len(CHECKS)
    assert {c.test for c in CHECKS} <= set(TESTS)
    assert all(max(c.title_zh + c.message_zh) >= "\u4e00" for c in CHECKS)


def test_the_example_holds() -> None:
    assert example.example() == "TURN-B: spindle_speed 1800 1/min; then: step_order"
