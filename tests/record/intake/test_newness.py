"""The marks may call a row late that is new, but never call a stored row new."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.record.intake.newness import DUPLICATE, LATE, NEW, Newness


def sift(marks: Newness, rows: list[tuple[int, int, int]]) -> list[int]:
    grid = np.array(rows, np.int64).reshape(-1, 3)
    at, kind = grid[:, 1].astype(np.uint32), grid[:, 2].astype(np.uint32)
    return marks.sift(grid[:, 0].copy(), at, kind)[0].tolist()


def test_newer_is_new_same_again_is_duplicate_older_is_late() -> None:
    marks = Newness()
    assert sift(marks, [(0, 1000, 1)]) == [NEW]
    assert sift(marks, [(0, 1010, 1), (0, 1010, 1), (0, 1000, 1)]) == [NEW, DUPLICATE, LATE]


def test_halves_of_one_second_are_both_new() -> None:
    marks = Newness()
    assert sift(marks, [(0, 1000, 1), (0, 1000, 2), (0, 1000, 1), (0, 1000, 2)]) == [
        NEW, NEW, DUPLICATE, DUPLICATE,
    ]  # fmt: skip


def test_more_kinds_than_remembered_are_late() -> None:
    marks = Newness()
    verdict = sift(marks, [(0, 1000, kind) for kind in range(6)] + [(0, 1000, 0)])
    assert verdict == [NEW, NEW, NEW, NEW, LATE, LATE, LATE]


def test_a_reissue_fills_the_hole_of_an_outage_in_either_direction() -> None:
    for step in (1, -1):
        marks = Newness()
        sift(marks, [(0, 1000, 1), (0, 1010, 1), (0, 4610, 1)])
        outage = [(0, at, 1) for at in range(1020, 4610, 10)][::step]
        assert sift(marks, outage) == [NEW] * len(outage)
        assert sift(marks, outage[:5]) == [LATE] * 5


def test_a_reissue_that_begins_in_the_middle_is_new_throughout() -> None:
    marks = Newness()
    sift(marks, [(0, 1000, 1), (0, 4600, 1)])
    assert set(sift(marks, [(0, at, 1) for at in range(3400, 4600, 10)])) == {NEW}
    assert set(sift(marks, [(0, at, 1) for at in range(1010, 3400, 10)])) == {NEW}


def test_a_clock_that_jumped_ahead_does_not_make_all_rows_late() -> None:
    marks = Newness()
    sift(marks, [(0, 1000, 1), (0, 2_000_000_000, 1)])
    assert set(sift(marks, [(0, at, 1) for at in range(1010, 9000, 10)])) == {NEW}


def test_things_without_a_slot_are_always_late() -> None:
    assert sift(Newness(), [(-5, 1000, 1), (-5, 1000, 1)]) == [LATE, LATE]


def test_restored_marks_know_the_instant_but_not_its_kinds() -> None:
    marks = Newness()
    marks.restore(np.array([3], np.int64), np.array([1000], np.uint32))
    assert marks.unknown(np.array([2, 3])).tolist() == [True, False]
    assert sift(marks, [(3, 1000, 1), (3, 999, 1), (3, 1001, 1)]) == [LATE, LATE, NEW]
    assert marks.newest(5000)[:4].tolist() == [0, 0, 0, 1001]


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 400), st.integers(0, 5)), min_size=1, max_size=120
)


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_never_calls_a_stored_row_new_nor_a_new_row_a_duplicate(
    rows: list[tuple[int, int, int]],
) -> None:
    seen: set[tuple[int, int, int]] = set()
    for row, verdict in zip(rows, sift(Newness(), rows), strict=True):
        if verdict == NEW:
            assert row not in seen
        if verdict == DUPLICATE:
            assert row in seen
        seen.add(row)
