"""What the fault tests judge with finds a loss, a double, a wrong and a strange value."""

import pytest

from tests.faults.judging import verdict

TOLD = {1: 10.0, 2: 20.0, 3: 30.0}
WHOLE = [(1, 10.0), (2, 20.0), (3, 30.0)]


def test_what_is_stored_once_is_good() -> None:
    assert verdict(WHOLE, TOLD).good
    assert verdict(WHOLE[1:], TOLD, accepted=frozenset((2, 3))).good
    assert verdict([*WHOLE, (9, 20.0)], TOLD, repeats=frozenset((9,))).good


@pytest.mark.parametrize(("stored", "what"), [
    (WHOLE[:2], "lost"), ([*WHOLE, (2, 20.0)], "doubled"), ([(1, 10.0), (2, 21.0), *WHOLE[2:]],
    "wrong"), ([*WHOLE, (4, 40.0)], "strange"),
])  # fmt: skip
def test_what_is_not_is_named(stored: list[tuple[int, float]], what: str) -> None:
    found = verdict(stored, TOLD)
    assert not found.good
    kinds = ("lost", "doubled", "wrong", "strange")
    assert [kind for kind in kinds if getattr(found, kind)] == [what]
