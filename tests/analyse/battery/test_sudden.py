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
    (found,) = watch(heated([40, 41, 47, 60]))  # 7 degC in 20 s are 21 degC a minute
    assert found.value == pytest.approx(21)
    assert found.kind == "thermal"


@pytest.mark.parametrize(
    "degrees",
    [
        [40, 41, 41, 42, 43, 43],  # 6 degC a minute needs 45 degC as well
        [20, 30, 40, 44],  # out of the cold, into the sun of a probe's glitch
        [60, 60, 60],
        [60, 50, 46],
        [40, 41, 90, 41, 42],  # a probe that errs for one report
        [40, 41, 90],  # not confirmed yet
        [47, 48, 48, 48, 49, 49, 50],  # charged fast on a hot day
        [46, 48, 48, 48],  # two probes rounded
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


def fleet(random: np.random.Generator, rows: int, vehicles: int) -> Columns:
    """Return reports of many vehicles, in any order, some at the same instant."""
    degrees = random.choice([30, 40, 46, 52, 60, 75], rows).astype(np.int16)
    names = np.array([b"LNEVTEST0N%07d" % i for i in random.integers(0, vehicles, rows)], "S17")
    return reports(
        np.full((rows, 8), 3_300), vin=names, temp_max_degc=degrees, temp_min_degc=degrees,
        device_at=(FIRST_AT + random.integers(0, 3_000, rows)).astype(np.uint32),
        soc_pct=random.choice([40, 41, 44, 60, 255], rows).astype(np.uint8),
    )  # fmt: skip


def slow_rises(columns: Columns) -> dict[str, tuple[int, int, float]]:
    """Return the first confirmed rise of each vehicle, written plainly."""
    found: dict[str, tuple[int, int, float]] = {}
    names = columns.array("vin")
    for name in np.unique(names):
        on = names == name
        at, degc = columns.array("device_at")[on], columns.array("temp_max_degc")[on]
        held: tuple[int, int] | None = None
        waiting: tuple[int, int, int, int] | None = None
        for t, now in sorted(zip(at.tolist(), degc.tolist(), strict=True)):
            if waiting and t > waiting[1]:
                if now >= waiting[3] - 2:
                    rise = (waiting[3] - waiting[2]) * 60 / (waiting[1] - waiting[0])
                    found.setdefault(bytes(name).decode(), (waiting[0], waiting[1], rise))
                waiting = None
            if held and 10 <= t - held[0] <= 300 and now >= 45 and not waiting:
                rise = (now - held[1]) * 60 / (t - held[0])
                waiting = (held[0], t, held[1], now) if rise >= 6 and now - held[1] >= 3 else None
            if held is None or t - held[0] >= 30:
                held = (t, now)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_rises_as_a_plain_loop_finds_them(seed: int) -> None:
    columns = fleet(np.random.default_rng(seed), 3_000, 300)
    batch = pack_reports(columns)
    found = Heat(vehicles=2).watch(batch, RULES)
    told = {f.thing: (f.first_seen, f.last_seen, f.value) for f in found}
    assert told == {k: pytest.approx(v) for k, v in slow_rises(columns).items()}
    assert len(told) > 50


def test_many_batches_are_as_one() -> None:
    columns = fleet(np.random.default_rng(9), 4_000, 50)
    columns = columns.take(np.lexsort((columns.array("temp_max_degc"), columns.array("device_at"))))
    cut = np.flatnonzero(np.diff(columns.array("device_at").astype(np.int64), prepend=0))
    whole, parts = Heat(), Heat(vehicles=2)
    one = whole.watch(pack_reports(columns), RULES)
    jumps = []
    found: dict[str, Finding] = {}
    for rows in np.split(np.arange(columns.rows), cut[1:][::97]):
        for f in parts.watch(pack_reports(columns.take(rows)), RULES):
            found.setdefault(f.thing, f)
        jumps += parts.jumps
    assert found == {f.thing: f for f in one}
    assert jumps == whole.jumps
    assert len(parts) == 50


def test_jumps_of_soc() -> None:
    heat = Heat()
    soc = np.array([60, 61, 54, 255, 50, 49], np.uint8)
    heat.watch(pack_reports(heated([25] * 6, soc_pct=soc)), RULES)
    (jump,) = heat.jumps  # 54 to 50 is not enough
    assert (jump.vin, jump.before_pct, jump.after_pct) == (VIN.decode(), 61, 54)
    assert (jump.since, jump.at) == (FIRST_AT + 10, FIRST_AT + 20)
    later = heated([25], soc_pct=np.array([90], np.uint8),
                   device_at=np.array([FIRST_AT + 111], np.uint32))  # fmt: skip
    heat.watch(pack_reports(later), RULES)
    assert heat.jumps == [], "61 s later it may have been charged"


def test_more_than_there_is_room_for_is_counted() -> None:
    soc = np.where(np.arange(3_000) % 2, 90, 20).astype(np.uint8)
    heat = Heat()
    heat.watch(pack_reports(heated([25] * 3_000, soc_pct=soc)), RULES)
    assert len(heat.jumps) == 2_048
    assert heat.left_out == 2_999 - 2_048


def test_state_is_small() -> None:
    assert Heat()._held.itemsize == 24
