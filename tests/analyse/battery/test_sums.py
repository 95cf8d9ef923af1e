"""The streaming layer against a case done by hand, a slow version, and what must not matter."""

import statistics

import numpy as np
import pytest

from millbrain.analyse.battery.calc import kernels as k
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.places import KEY, Places
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.core.columns import Columns, Ragged
from millbrain.core.errors import LimitError
from tests.analyse.battery.made import VIN, Pack, reports, same


def wild(rows: int = 400, cells: int = 23, seed: int = 3) -> Columns:
    """Return reports with everything in them: markers, zeros, spikes, wide and narrow herds."""
    random = np.random.default_rng(seed)
    middle = random.integers(3_000, 4_100, (rows, 1))
    width = random.choice([0.3, 2, 20, 400], (rows, 1))
    mv = np.clip(middle + random.normal(0, 1, (rows, cells)) * width, 0, 65_000)
    strange = random.random((rows, cells))
    mv = np.where(strange < 0.01, random.choice([0, 65_534, 65_535, 12_000], mv.shape), mv)
    mv[rows // 2] = 65_535
    return reports(
        mv,
        vin=random.choice(np.array([VIN, b"LNEVTEST0N0000002"]), rows),
        device_at=(1_700_000_000 + random.integers(0, 300_000, rows)).astype(np.uint32),
        current_a=np.where(
            random.random(rows) < 0.05, np.nan, random.normal(0, 30, rows)
        ).astype(np.float32),
        soc_pct=random.integers(0, 101, rows).astype(np.uint8),
        voltage_v=np.full(rows, 360, np.float32),
        insulation_kohm=random.choice([20, 3_000], rows).astype(np.uint16),
        alarm_flags=random.integers(0, 1 << 28, rows).astype(np.uint32),
        alarm_level=random.choice([0, 1, 2, 255], rows).astype(np.uint8),
    )  # fmt: skip


def watched(*batches: Columns) -> Sums:
    sums = Sums()
    for batch in batches:
        sums.watch(pack_reports(batch))
    return sums


def test_one_report_by_hand() -> None:
    # Sorted: 3296 3299 3299 3300 | 3301 3301 3302 3310; median 3300.5; deviations from it
    # 0.5 0.5 0.5 1.5 1.5 1.5 4.5 9.5, the two in the middle 1.5 and 1.5.
    mv = [[3_299, 3_301, 3_310, 3_300, 3_296, 3_302, 3_301, 3_299]]
    sums = Sums()
    shown = sums.watch(pack_reports(reports(mv, current_a=np.array([-3.0], np.float32))))
    assert shown.median_mv[0] == 3_300.5
    assert shown.mad_mv[0] == 1.5
    assert shown.spread_mv[0] == 14
    assert (shown.low_no[0], shown.high_no[0]) == (5, 3)
    assert shown.high_score[0] == pytest.approx(9.5 / (1.4826 * 1.5))
    (slot,) = sums.slots()
    # 4 MAD = 6, so the weight is 4096 // 36 = 113, cut to 48; 60 % is the middle range of SOC.
    weight = 48
    deviation_half_mv = np.array([-3, 1, 19, -1, -9, 3, 1, -3])
    assert slot.head[k.W : k.W + 3].tolist() == [0, weight, 0]
    assert slot.sums[1].tolist() == (weight * deviation_half_mv).tolist()
    assert slot.sums[3].tolist() == slot.sums[1].tolist(), "3 A is rest"
    assert slot.load.tolist() == (-30 * weight * deviation_half_mv).tolist()
    assert slot.tallies[2].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


def test_features_as_the_statistics_module_computes_them() -> None:
    batch = wild()
    shown = Sums().watch(pack_reports(batch))
    for i, cells in enumerate(batch.ragged("cells_mv").lists()):
        good = [int(v) for v in cells if 500 <= v <= 5_000]
        assert shown.lost[i] == len(cells) - len(good)
        if len(good) < 8:
            assert np.isnan(shown.median_mv[i])
            continue
        median = statistics.median(good)
        mad = statistics.median(abs(v - median) for v in good)
        assert shown.median_mv[i] == median
        assert shown.mad_mv[i] == mad
        assert shown.spread_mv[i] == max(good) - min(good)
        scale = max(1.4826 * mad, 1)
        assert shown.low_score[i] == pytest.approx((min(good) - median) / scale, rel=1e-5)
        assert shown.spikes[i] == sum(abs(v - median) > 300 for v in good)


def slow_sums(batch: Columns) -> dict[tuple[bytes, int], list[float]]:
    """Return per vehicle and day the weighted deviation of each cell, in half millivolts."""
    found: dict[tuple[bytes, int], list[float]] = {}
    for i, cells in enumerate(batch.ragged("cells_mv").lists()):
        good = [int(v) for v in cells if 500 <= v <= 5_000]
        day = (int(batch.array("device_at")[i]) + 8 * 3_600) // 86_400
        total = found.setdefault((bytes(batch.array("vin")[i]), day), [0.0] * len(cells))
        if len(good) < 8:
            continue
        median = statistics.median(good)
        mad4 = round(4 * statistics.median(abs(v - median) for v in good))
        weight = min(max(4_096 // max(mad4 * mad4, 1), 1), 48)
        off = [2 * (int(v) - median) for v in cells]
        pairs = (
            j for j in range(len(off) - 1)
            if off[j] * off[j + 1] < 0 and min(abs(off[j]), abs(off[j + 1])) >= 80
            and 4 * abs(off[j] + off[j + 1]) <= abs(off[j] - off[j + 1])
        )  # fmt: skip
        pair = next(pairs, -9)
        for j, v in enumerate(cells):
            if 500 <= v <= 5_000 and j not in (pair, pair + 1):
                total[j] += weight * max(-500, min(500, off[j]))
    return found


def test_sums_as_a_slow_version_adds_them() -> None:
    batch = wild()
    expected = slow_sums(batch)
    found = {(s.vin.encode(), s.day): s.sums[: k.BINS].sum(axis=0) for s in watched(batch).slots()}
    assert found.keys() == expected.keys()
    for key, sums in found.items():
        assert sums.tolist() == expected[key]


def test_a_batch_cut_in_two_equals_the_whole() -> None:
    batch = wild()
    order = np.random.default_rng(1).permutation(batch.rows)
    whole, parts = watched(batch), (batch.take(order[:150]), batch.take(order[150:]))
    assert same(whole, watched(*parts))
    merged, other = watched(parts[0]), watched(parts[1])
    merged.merge(other)
    assert same(whole, merged)
    empty = Sums()
    empty.merge(whole)
    assert same(whole, empty)


def test_row_order_and_repetition_change_nothing() -> None:
    batch = wild()
    shuffled = batch.take(np.random.default_rng(2).permutation(batch.rows))
    assert same(watched(batch), watched(shuffled))
    assert same(watched(batch), watched(batch))


def test_inputs_are_left_as_they_are() -> None:
    batch = wild()
    for column in batch.values.values():
        for array in (column.offsets, column.values) if isinstance(column, Ragged) else (column,):
            array.flags.writeable = False
    watched(batch)


def test_empty_batch() -> None:
    empty = wild().take(np.zeros(0, np.intp))
    sums = Sums()
    shown = sums.watch(pack_reports(empty))
    assert len(shown.median_mv) == 0
    assert len(sums) == 0
    assert list(sums.slots()) == []


def test_batch_in_which_everything_is_missing() -> None:
    batch = reports(
        np.full((5, 96), 65_535),
        current_a=np.full(5, np.nan, np.float32),
        soc_pct=np.full(5, 255, np.uint8),
    )
    sums = Sums()
    shown = sums.watch(pack_reports(batch))
    assert np.isnan(shown.median_mv).all()
    assert (shown.lost == 96).all()
    (slot,) = sums.slots()
    assert (slot.sums == 0).all()
    assert (slot.tallies[0] == 5).all()


def test_reports_of_another_size_are_told_apart_in_any_order() -> None:
    ten, twelve = reports(np.full((3, 10), 3_300)), reports(np.full((2, 12), 3_300))
    sums = watched(ten, twelve)
    assert [(len(s.load), s.head[k.REPORTS]) for s in sums.slots()] == [(10, 3), (12, 2)]
    assert same(sums, watched(twelve, ten))


def test_a_frame_of_too_many_cells_is_left_out_and_counted() -> None:
    sums = watched(reports(np.full((2, 2_049), 3_300)), reports(np.full((1, 2_048), 3_300)))
    assert sums.oversized == 2
    assert len(sums) == 1


def test_states_of_other_settings_are_not_added() -> None:
    with pytest.raises(ValueError, match="rest_a"):
        Sums(rest_a=5).merge(Sums(rest_a=6))


def test_tallies_stay_at_their_largest() -> None:
    counts = np.array([65_534], np.uint16)
    for _ in range(3):
        k.bump(counts, 0)
    assert counts[0] == 65_535


def test_a_day_of_seconds_stays_within_its_bits() -> None:
    mv = np.full((1_000, 10), 3_300)
    mv[:, 3] = 2_000
    sums = watched(reports(mv))
    (slot,) = sums.slots()
    assert int(slot.sums[1, 3]) == -1_000 * 48 * 500
    assert 86_400 * 48 * 500 < 2**31


def test_state_is_small() -> None:
    pack = Pack(days=3, cells=100)
    sums = watched(pack.columns())
    assert sums.state_bytes == 3 * (100 * 34 + 384 + 41) + 256  # sums, head, key; table of keys
    assert 800_000 * (100 * 34 + 384 + 41) + 4 * 4 * (1 << 20) < 3 * 2**30


def test_what_is_let_go_is_not_there_and_its_room_is_used_again() -> None:
    whole = watched(Pack(days=4, cells=100).columns())
    held = whole.cells_held
    (block,) = whole.blocks(whole.live()[1:3])
    whole.evict(whole.live()[1:3])
    assert len(whole) == 2
    assert (whole.find(block.keys) == -1).all()
    whole.add(block)
    assert whole.cells_held == held
    assert same(whole, watched(Pack(days=4, cells=100).columns()))


def test_no_room_is_said_and_nothing_is_added() -> None:
    sums = Sums(cells_max=250)
    with pytest.raises(LimitError, match="250"):
        sums.watch(pack_reports(Pack(days=3, cells=100).columns()))
    assert all(s.head[k.REPORTS] == 0 for s in sums.slots())


def test_places_are_found_however_many_there_are() -> None:
    places, random = Places(), np.random.default_rng(5)
    keys = np.zeros(3_000, KEY)
    keys["vin"] = [b"V%d" % n for n in random.permutation(3_000)]
    one_by_one = [places.add(keys[i : i + 1]) for i in range(40)]
    slots = np.concatenate([*one_by_one, places.add(keys[40:])])
    assert (places.find(keys) == slots).all()
    places.remove(slots[::2])
    assert (places.find(keys[::2]) == -1).all()
    assert (places.find(keys[1::2]) == slots[1::2]).all()
    assert places.add(keys[:1]) in slots[::2]
