"""From `vehicle_report` to pack reports."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc import inputs
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.core.columns import Columns, Ragged


def ragged(kind: str, *lists: list[float]) -> Ragged:
    offsets = np.cumsum([0, *(len(x) for x in lists)]).astype(np.int32)
    return Ragged(offsets, np.array([v for x in lists for v in x], kind))


def two_packs() -> Columns:
    return Columns(3, {
        "vin": np.array([b"A", b"B", b"C"]),
        "device_at": np.array([57_599, 57_600, 60_000], np.uint32),  # 57600 is Beijing midnight
        "current_a": np.array([10, 20, 30], np.float32),
        "cells_mv": ragged("u2", [1, 2, 3], [], [4, 5]),
        "pack_cell_count": ragged("u2", [2, 1], [], [2]),
        "pack_no": ragged("u1", [1, 2], [], [7]),
        "pack_current_a": ragged("f4", [4, np.nan], [], [6]),
        "temps_degc": ragged("i2", [20, 215, 31, 214], [], [215]),
    }, missing={"current_a": np.array([False, False, True])})  # fmt: skip


def test_packs_of_a_vehicle_are_reports_of_their_own() -> None:
    found = pack_reports(two_packs())
    assert found.vin.tolist() == [b"A", b"A", b"B", b"C"]
    assert found.pack_no.tolist() == [1, 2, 1, 7]
    assert found.current_da.tolist() == [40, 100, 200, 60], (
        "a pack without its own takes the vehicle's"
    )
    cells = [
        found.cells_mv[b : b + n].tolist()
        for b, n in zip(found.begins, found.counts, strict=True)
    ]  # fmt: skip
    assert cells == [[1, 2], [3], [], [4, 5]]


def test_days_are_those_of_beijing() -> None:
    columns = Columns(2, {
        "vin": np.array([b"A", b"A"]), "device_at": np.array([57_599, 57_600], np.uint32),
        "cells_mv": ragged("u2", [1], [1]),
    })  # fmt: skip
    assert pack_reports(columns).day.tolist() == [0, 1]


def test_markers_are_no_temperatures() -> None:
    found = pack_reports(two_packs())
    assert found.temp_max_degc.tolist() == [31, 31, *[inputs.TEMP_NONE] * 2]
    assert found.temp_min_degc.tolist() == [20, 20, *[inputs.TEMP_NONE] * 2]


@pytest.mark.parametrize("wrong", [[3, 1], [1], [0, 0]])
def test_packs_that_do_not_add_up_count_as_one(wrong: list[float]) -> None:
    columns = two_packs()
    columns.values["pack_cell_count"] = ragged("u2", wrong, [], [2])
    found = pack_reports(columns)
    assert found.counts.tolist() == [3, 0, 2]
    assert found.pack_no.tolist()[:2] == [1, 1]


def test_absent_columns_are_not_reported() -> None:
    columns = Columns(1, {
        "vin": np.array([b"A"]), "device_at": np.array([5], np.uint32),
        "cells_mv": ragged("u2", [3_300]),
    })  # fmt: skip
    found = pack_reports(columns)
    assert found.current_da[0] == inputs.CURRENT_NONE
    assert found.soc_pct[0] == inputs.SOC_NONE
    assert found.level[0] == inputs.LEVEL_NONE
    assert found.flags[0] == 0


def test_a_row_without_cells_keeps_its_alarms() -> None:
    columns = Columns(1, {
        "vin": np.array([b"A"]), "device_at": np.array([5], np.uint32),
        "alarm_flags": np.array([1 << 23], np.uint32),
    })  # fmt: skip
    found = pack_reports(columns)
    assert found.flags.tolist() == [1 << 23]
    assert found.counts.tolist() == [0]
