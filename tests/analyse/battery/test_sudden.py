"""Thermal events: at once, on one piece of evidence, each vehicle once."""

from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.sudden import Heat
from millbrain.analyse.battery.model import Rules
from millbrain.core.columns import Columns
from millbrain.core.findings import Finding, Severity
from tests.analyse.battery.made import FIRST_AT, VIN, reports

RULES = Rules()


def heated(degrees: list[int], **columns: Any) -> Columns:
    mv = np.full((len(degrees), 10), 3_300)
    return reports(mv, temp_max_degc=np.array(degrees, np.int16),
                   temp_min_degc=np.array(degrees, np.int16), **columns)  # fmt: skip


def watch(*batches: Columns) -> list[Finding]:
    heat = Heat()
    return [f for batch in batches for f in heat.watch(pack_reports(batch), RULES)]


@pytest.mark.parametrize(
    "columns",
    [
        {"alarm_flags": np.array([0, 1 << 23, 1 << 23], np.uint32)},
        {"alarm_level": np.array([0, 4, 4], np.uint8)},
    ],
    ids=["bit 23", "level 4"],
)
def test_the_own_alarm_is_enough(columns: dict[str, Any]) -> None:
    (found,) = watch(heated([25, 25, 25], **columns))
    assert (found.thing, found.kind, found.call_out) == (VIN.decode(), "thermal", True)
    assert found.severity is Severity.DANGER
    assert (found.first_seen, found.last_seen) == (FIRST_AT + 10, FIRST_AT + 20)


def test_a_fast_rise_is_enough() -> None:
    (found,) = watch(heated([40, 41, 47, 60]))  # 6 degC in 10 s are 36 degC a minute
    assert found.value == pytest.approx(36)
    assert found.kind == "thermal"


@pytest.mark.parametrize(
    "degrees",
    [
        [40, 41, 41, 42, 43, 43],  # 6 degC a minute needs 45 degC as well
        [20, 30, 40, 44],  # out of the cold, into the sun of a probe's glitch
        [60, 60, 60],
        [60, 50, 46],
    ],
)
def test_slow_cool_or_falling_is_nothing(degrees: list[int]) -> None:
    assert watch(heated(degrees)) == []


def test_a_batch_cut_in_time_equals_the_whole_and_row_order_is_irrelevant() -> None:
    batch = heated([40, 41, 47, 60])
    whole = watch(batch)
    assert watch(batch.take(np.arange(2)), batch.take(np.arange(2, 4)))[0] == whole[0]
    assert watch(batch.take(np.array([3, 1, 0, 2]))) == whole


def test_markers_and_empty_batches_are_nothing() -> None:
    missing = heated([40, 90])
    for name in ("temp_max_degc", "temp_min_degc"):
        missing.missing[name] = np.ones(2, np.bool_)
    assert watch(missing, missing.take(np.zeros(0, np.intp))) == []


def test_levels_that_are_markers_are_nothing() -> None:
    assert watch(heated([25, 25], alarm_level=np.array([254, 255], np.uint8))) == []
