"""The transition table: what fits, what is refused with which words, what cannot be declared."""

import pytest

from millbrain.core.errors import IllegalStepError
from millbrain.core.lifecycle import Action, Lifecycle, Step

DOOR = Lifecycle(
    "door",
    {"open": ("open", "开"), "shut": ("shut", "关"), "gone": ("gone", "拆除")},
    {"shut": Action("shut", "关门"), "open": Action("open", "开门"), "remove": Action("go", "拆")},
    (
        Step("shut", ("open",), "shut"),
        Step("open", ("shut",), "open", when="!is_locked"),
        Step("remove", ("*",), "gone", when="is_empty"),
    ),
    start="shut",
    final=frozenset({"gone"}),
)


def test_a_step_leads_on_where_its_condition_holds() -> None:
    assert DOOR.after("open", "shut", {"is_empty": False}) == "shut"
    assert DOOR.after("shut", "open", {"is_locked": False, "is_empty": False}) == "open"
    assert DOOR.after("open", "remove", {"is_empty": True}) == "gone"


def test_a_refusal_names_what_is_allowed() -> None:
    with pytest.raises(IllegalStepError, match="door is 'shut': 'open' is not possible; allowed "
                       "now: remove"):  # fmt: skip
        DOOR.after("shut", "open", {"is_locked": True, "is_empty": True})
    with pytest.raises(IllegalStepError, match="allowed now: nothing, it has ended"):
        DOOR.after("shut", "paint", {"is_locked": True, "is_empty": False})


def test_a_table_that_names_the_undeclared_is_refused() -> None:
    with pytest.raises(ValueError, match="names state 'ajar'"):
        Lifecycle("door", DOOR.states, DOOR.actions, (Step("shut", ("ajar",), "shut"),), "shut")
    with pytest.raises(ValueError, match="no action 'paint'"):
        Lifecycle("door", DOOR.states, DOOR.actions, (Step("paint", ("open",), "shut"),), "shut")
