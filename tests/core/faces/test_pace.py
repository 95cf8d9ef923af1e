"""How many costly sums go through."""

from millbrain.core.faces.pace import Pace


def test_the_pace_of_costly_sums() -> None:
    pace = Pace(8)
    assert [pace.may(100.0) for _ in range(10)] == [True] * 8 + [False] * 2
    assert pace.may(100.125)
    assert not pace.may(100.125)
