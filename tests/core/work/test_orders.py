"""The order's life cycle: the whole table, and who may take which step."""

import pytest

from millbrain.core.errors import IllegalStepError, LimitError
from millbrain.core.work.orders import (
    ACTIONS,
    ENDED,
    LEVEL_MAX,
    LIFECYCLE,
    STATES,
    checked_fields,
    may,
)

CAN_RISE = {"can_rise": True}
# What every state allows, by hand; comment is possible everywhere.
TABLE = {
    "raised": "dispatch attach gather escalate",
    "dispatched": "dispatch accept reject attach gather escalate",
    "accepted": "start inspect reject attach gather escalate",
    "in_progress": "inspect repair done reject attach gather escalate",
    "done": "verify reopen attach escalate pass return",
    "verified": "close reopen attach escalate settle return",
    "closed": "reopen return",
    "rejected": "dispatch close attach gather escalate",
    "reopened": "dispatch accept reject attach gather escalate",
}


@pytest.mark.parametrize("state", STATES)
def test_what_each_state_allows(state: str) -> None:
    allowed = set(LIFECYCLE.allowed(state, CAN_RISE))
    assert allowed == {*TABLE[state].split(), "comment"}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS)
def test_everything_else_is_refused_and_names_what_is_possible(state: str, action: str) -> None:
    if action in LIFECYCLE.allowed(state, CAN_RISE):
        assert LIFECYCLE.after(state, action, CAN_RISE) in STATES
        return
    with pytest.raises(IllegalStepError) as refused:
        LIFECYCLE.after(state, action, CAN_RISE)
    assert all(name in str(refused.value) for name in LIFECYCLE.allowed(state, CAN_RISE))


def test_the_straight_way_and_the_ways_back() -> None:
    state = "raised"
    for action, target in (
        ("dispatch", "dispatched"), ("reject", "rejected"), ("dispatch", "dispatched"),
        ("accept", "accepted"), ("start", "in_progress"), ("repair", "in_progress"),
        ("done", "done"), ("return", "reopened"), ("accept", "accepted"), ("start", "in_progress"),
        ("done", "done"), ("pass", "verified"), ("settle", "closed"), ("return", "reopened"),
    ):  # fmt: skip
        state = LIFECYCLE.after(state, action)
        assert state == target


def test_an_order_at_the_highest_level_rises_no_further() -> None:
    assert LEVEL_MAX == 2
    with pytest.raises(IllegalStepError):
        LIFECYCLE.after("raised", "escalate", {"can_rise": False})


def test_no_state_but_the_ended_ones_is_a_dead_end_for_people() -> None:
    for state in set(STATES) - ENDED:
        moves = [
            a for a in LIFECYCLE.allowed(state, CAN_RISE)
            if ACTIONS[a].role and LIFECYCLE.after(state, a) != state
        ]  # fmt: skip
        assert moves, state


@pytest.mark.parametrize("action", ACTIONS)
def test_who_may(action: str) -> None:
    by_platform = action in ("gather", "escalate", "pass", "settle", "return")
    assert may(action, is_centre=True, is_in_charge=False) is not by_platform
    own = action in ("accept", "start", "inspect", "repair", "done", "reject")
    everybody = action in ("comment", "attach")
    assert may(action, is_centre=False, is_in_charge=True) is (own or everybody)
    assert may(action, is_centre=False, is_in_charge=False) is everybody


def test_what_comes_with_a_step_is_checked() -> None:
    assert checked_fields("reject", {"reason": "not ours", "note": "", "repairs": []}) == {
        "reason": "not ours"
    }
    with pytest.raises(LimitError, match="'repair' needs repairs"):
        checked_fields("repair", {"repairs": []})
    with pytest.raises(LimitError, match="reason has 2001 characters"):
        checked_fields("reject", {"reason": "x" * 2001})
