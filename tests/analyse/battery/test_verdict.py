"""Before and after a repair, on packs in which the fault ends on a known day."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc.verdict import verdict
from millbrain.analyse.battery.model import Rules
from tests.analyse.battery.made import FIRST_AT, Pack

RULES = Rules()
FIRST_DAY = (FIRST_AT + 8 * 3_600) // 86_400


def test_a_repaired_cell_is_clean_every_day() -> None:
    pack = Pack(days=14)
    days = pack.lack(39, np.where(pack.day < 7, 5.0, 0.0)).days()
    found = verdict(days, "self-discharge", 40, FIRST_DAY + 7, RULES)
    assert (found.days_observed, found.days_clean, found.is_clean) == (7, 7, True)
    assert found.before < -30
    assert abs(found.after) < 8
    assert found.unit == "mV"
    assert found.key == "LNEVTEST0N0000001|battery|self-discharge|1|40"
    assert found.since == (FIRST_DAY + 7) * 86_400 - 8 * 3_600
    assert "in line again" in found.sentence
    assert "已恢复正常" in found.sentence_zh


def test_a_cell_that_is_no_better_is_not() -> None:
    days = Pack(days=10).lack(39, 5.0).days()
    found = verdict(days, "capacity", 40, FIRST_DAY + 5, RULES)
    assert (found.days_observed, found.days_clean, found.is_clean) == (5, 0, False)
    assert "not in line" in found.sentence


def test_a_fault_that_comes_back_starts_the_count_anew() -> None:
    pack = Pack(days=14)
    faulty = (pack.day < 6) | (pack.day == 9)
    found = verdict(pack.lack(39, np.where(faulty, 5.0, 0.0)).days(), "self-discharge", 40,
                    FIRST_DAY + 6, RULES)  # fmt: skip
    assert (found.days_observed, found.days_clean) == (8, 4)
    assert not found.is_clean


def test_before_is_how_it_stood_and_not_how_it_came_there() -> None:
    pack = Pack(days=16)
    lacking = np.where(pack.day < 12, np.maximum(pack.day - 6, 0) * 1.5, 0.0)
    found = verdict(pack.lack(39, lacking).days(), "self-discharge", 40, FIRST_DAY + 12, RULES)
    assert found.is_clean
    assert found.before < -25, "half of the days before it were good"


def test_a_connection_that_was_tightened() -> None:
    pack = Pack(days=10)
    pack.cells_mv[:, 11] -= np.where(pack.day < 5, 0.9, 0.0) * pack.current_a
    found = verdict(pack.days(), "connection", 12, FIRST_DAY + 5, RULES)
    assert found.is_clean
    assert found.before == pytest.approx(0.9, abs=0.05)
    assert found.after == pytest.approx(0.0, abs=0.05)


def test_a_sense_wire_that_was_mended() -> None:
    pack = Pack(days=8)
    off = np.where(pack.day < 4, 90, 0)
    pack.cells_mv[:, 30] += off
    pack.cells_mv[:, 31] -= off
    found = verdict(pack.days(), "sensor", 31, FIRST_DAY + 4, RULES)
    assert found.is_clean
    assert found.before == 1


def test_insulation_and_control() -> None:
    pack = Pack(days=6)
    low = np.where(pack.day < 3, 20, 3_000).astype(np.uint16)
    days = pack.days(insulation_kohm=low, voltage_v=np.full(len(low), 350, np.float32))
    assert verdict(days, "insulation", 0, FIRST_DAY + 3, RULES).is_clean
    counts = {"soc_jump": {FIRST_DAY + 1: 3, FIRST_DAY + 4: 1}}
    found = verdict(days, "strategy", 0, FIRST_DAY + 3, RULES, counts)
    assert (found.days_observed, found.days_clean) == (3, 1)


def test_nothing_observed_is_not_clean() -> None:
    days = Pack(days=4).days()
    found = verdict(days, "capacity", 3, FIRST_DAY + 9, RULES)
    assert (found.days_observed, found.is_clean) == (0, False)
    assert np.isnan(found.after)


@pytest.mark.parametrize(("kind", "cell"), [("capacity", 0), ("capacity", 97), ("rust", 3)])
def test_what_is_no_cell_is_refused(kind: str, cell: int) -> None:
    with pytest.raises(ValueError, match="are allowed"):
        verdict(Pack(days=3).days(), kind, cell, FIRST_DAY, RULES)
