import numpy as np
import pytest

from millbrain.core.columns import Columns, Ragged, concat
from millbrain.core.facts import VEHICLE_REPORT
from millbrain.core.tables import arrow_batch

LISTS = Ragged(np.array([0, 2, 2, 5], np.int32), np.array([1, 2, 3, 4, 5], np.uint16))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([2, 0, 1, 2], [[3, 4, 5], [1, 2], [], [3, 4, 5]]), ([], []), ([1], [[]])],
)
def test_takes_lists(rows: list[int], expected: list[list[int]]) -> None:
    taken = LISTS.take(np.array(rows, np.intp))
    assert taken.values.dtype == np.uint16
    assert taken.offsets.dtype == np.int32
    assert len(taken.offsets) == len(rows) + 1
    assert [v.tolist() for v in taken.lists()][: len(rows)] == expected


def test_takes_from_a_part_of_a_larger_buffer() -> None:
    tail = Ragged(np.array([0, 1], np.int32), np.arange(9, dtype=np.float64))
    assert tail.take(np.array([0, 0])).values.tolist() == [0.0, 0.0]


def test_joins_parts_that_carry_different_columns() -> None:
    first = Columns(
        2, {"vin": np.array([b"a", b"b"]), "soc_pct": np.array([1, 2], np.uint8)},
        {"soc_pct": np.array([True, False])},
    )  # fmt: skip
    second = Columns(
        1, {"vin": np.array([b"abc"]), "charge_state": np.array([1], np.uint8),
            "cells_mv": Ragged(np.array([0, 2], np.int32), np.array([7, 8], np.uint16))},
    )  # fmt: skip
    joined = concat([first, second], VEHICLE_REPORT)
    assert joined.rows == 3
    assert arrow_batch(VEHICLE_REPORT, joined).to_pylist() == [
        {"vin": b"a", "charge_state": 255, "soc_pct": None, "cells_mv": []},
        {"vin": b"b", "charge_state": 255, "soc_pct": 2, "cells_mv": []},
        {"vin": b"abc", "charge_state": 1, "soc_pct": None, "cells_mv": [7, 8]},
    ]


def test_different_columns_need_the_table() -> None:
    parts = [Columns(1, {"soc_pct": np.zeros(1)}), Columns(1, {"speed_kmh": np.zeros(1)})]
    with pytest.raises(KeyError, match=r"'speed_kmh' is absent|'soc_pct' is absent"):
        concat(parts)
