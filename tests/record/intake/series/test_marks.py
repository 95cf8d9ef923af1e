"""What the marks call new, against a plain set of everything stored."""

import random

import numpy as np
import pytest

from millbrain.record.intake.newness import DUPLICATE, LATE, NEW
from millbrain.record.intake.series.marks import Marks


def sift(marks: Marks, slot: int, *at: int) -> list[int]:
    verdict, _ = marks.sift(np.full(len(at), slot), np.array(at, np.int64))
    return [int(v) for v in verdict]


def test_newer_is_new_the_same_instant_is_a_duplicate_older_is_asked_for() -> None:
    assert sift(Marks(), 0, 5_000, 6_000, 6_000, 5_000) == [NEW, NEW, DUPLICATE, LATE]


def test_what_fills_an_outage_is_new_once() -> None:
    marks = Marks()
    assert sift(marks, 0, 1_000, 100_000) == [NEW, NEW]
    assert sift(marks, 0, 50_000, 50_000, 20_000, 99_999) == [NEW, LATE, NEW, NEW]


def test_history_before_the_first_reading_is_new() -> None:
    marks = Marks()
    assert sift(marks, 3, 1_000_000, 10, 20, 10) == [NEW, NEW, NEW, LATE]


def test_a_clock_that_ran_ahead_does_not_make_what_follows_late() -> None:
    marks = Marks()
    day = 86_400_000
    assert sift(marks, 0, 1_000, day, *range(2_000, 60_000, 1_000)) == [NEW] * 60


def test_after_a_restart_the_newest_instant_is_asked_for_and_the_gap_still_new() -> None:
    before, after = Marks(), Marks()
    sift(before, 0, 1_000, 2_000, 90_000)
    slots = np.array([0])
    newest, gaps = before.picture(slots)
    after.restore(slots, newest, gaps[:, 0], gaps[:, 1])
    assert sift(after, 0, 90_000, 45_000, 2_000, 91_000) == [LATE, NEW, LATE, NEW]


def test_rows_known_only_by_their_ends_close_the_gaps_that_they_may_lie_in() -> None:
    marks = Marks()
    slots = np.array([0])
    sift(marks, 0, 1_000, 90_000)
    marks.raise_to(slots, np.array([50_000]), np.array([95_000]))
    assert sift(marks, 0, 60_000, 95_000, 96_000) == [LATE, LATE, NEW]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_stored_is_called_new_and_nothing_new_a_duplicate(seed: int) -> None:
    dice = random.Random(seed)
    marks, stored = Marks(), {(slot, 0) for slot in range(3)}
    for _ in range(400):
        slot = dice.randrange(3)
        base = dice.choice([1_000, 50_000, 1_000_000])
        at = base + dice.randrange(40) * dice.choice([1, 700, 3_000])
        (verdict,) = sift(marks, slot, at)
        known = (slot, at) in stored
        assert verdict != (NEW if known else DUPLICATE)
        stored.add((slot, at))
        if dice.random() < 0.02:
            slots = np.arange(3)
            fresh = Marks()
            newest, gaps = marks.picture(slots)
            fresh.restore(slots, newest, gaps[:, 0], gaps[:, 1])
            marks = fresh
