"""Packs of more than 200 cells, which the 2016 edition sends in several frames.

The frames of one pack share vehicle, time and pack number; each tells the pack's total and the
number of its first cell. A half waits for the others; when all cells are there the rows become one
row with ``frame_count`` frames, and a half whose others never come is stored alone with the bit
`BLOCK_PARTIAL`, so that the others are no duplicates of it when they come after all.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.columnar import Decoded
from millbrain.core import limits
from millbrain.core.columns import Columns, Ragged
from millbrain.core.facts import BLOCK_CELLS, BLOCK_EXTREMES, BLOCK_PARTIAL, VEHICLE_REPORT

_SWAPPED: int = 0x0100  # terminals that send the start number 1 with its bytes swapped


@dataclass(slots=True)
class _Waiting:
    """Rows of one vehicle and instant; of each row's packs: number, announced total, start."""

    since: float
    rows: list[Columns] = field(default_factory=list)
    packs: list[list[tuple[int, int, int]]] = field(default_factory=list)

    def is_complete(self) -> bool:
        """Whether every announced cell of every pack is here."""
        totals: dict[int, int] = {}
        have: Counter[int] = Counter()
        for row, packs in zip(self.rows, self.packs, strict=True):
            counts = _list(row, "pack_cell_count")
            for (pack, total, _), count in zip(packs, counts, strict=True):
                totals[pack] = max(total, totals.get(pack, 0))
                have[pack] += int(count)
        return all(have[pack] >= total for pack, total in totals.items())


class Halves:
    """Rows that wait for the rest of their pack. Worker thread only."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[bytes, int], _Waiting] = OrderedDict()
        self._fresh: Counter[str] = Counter()

    def add(self, rows: Columns, decoded: Decoded, which: NDArray[np.intp]) -> None:
        """Take rows that carry only some cells of a pack."""
        numbers = rows.ragged("pack_no")
        for row in map(int, which):
            one = rows.take(np.array([row]))
            key = (bytes(one.array("vin")[0]), int(one.array("device_at")[0]))
            waiting = self._waiting.setdefault(key, _Waiting(time.monotonic()))
            span = slice(numbers.offsets[row], numbers.offsets[row + 1])
            totals, starts = decoded.pack_total.values[span], decoded.pack_start.values[span]
            packs = zip(numbers.values[span], totals, starts, strict=True)
            waiting.rows.append(one)
            waiting.packs.append([(int(p), int(t), _start(int(s))) for p, t, s in packs])
            self._fresh[one.array("link")[0].decode()] += 1

    def fresh(self) -> Mapping[str, int]:
        """Return and forget how many frames have come per link since the last call."""
        fresh, self._fresh = self._fresh, Counter()
        return fresh

    def ready(self, *, final: bool = False) -> Iterator[Columns]:
        """Yield rows whose packs are whole, and those that have waited long enough."""
        overdue = time.monotonic() - limits.SPLIT_PACK_WAIT_S_MAX
        over = len(self._waiting) - limits.SPLIT_PACKS_MAX
        for i, (key, waiting) in enumerate(list(self._waiting.items())):
            if len(waiting.rows) > 1 and waiting.is_complete():
                del self._waiting[key]
                yield _merged(waiting)
            elif final or waiting.since < overdue or i < over:
                del self._waiting[key]
                for row in waiting.rows:
                    row.values["blocks"] = row.array("blocks") | np.uint32(1 << BLOCK_PARTIAL)
                    yield row


def _start(number: int) -> int:
    return 1 if number == _SWAPPED else number


def _list(row: Columns, name: str) -> NDArray[Any]:
    column = row.ragged(name)
    return column.values[: column.offsets[-1]]


def _merged(waiting: _Waiting) -> Columns:
    """Join rows of one instant: cells in order, other columns from where they are."""
    first = waiting.rows[0]
    values, missing = dict(first.values), dict(first.missing)
    for row in waiting.rows[1:]:
        _fill(values, missing, row)
    masks = [int(r.array("blocks")[0]) for r in waiting.rows]
    values["blocks"] = np.array([np.bitwise_or.reduce(masks)], np.uint32)
    values["frame_count"] = np.array([len(waiting.rows)], np.uint8)
    values |= _joined_packs(waiting)
    values, missing = _with_extremes(values, missing)
    return Columns(1, values, missing)


def _fill(values: dict[str, Any], missing: dict[str, NDArray[np.bool_]], row: Columns) -> None:
    """Take over every value of `row` that is not there yet."""
    mask = int(row.array("blocks")[0])
    for column in VEHICLE_REPORT.columns:
        name = column.name
        if column.block in (-1, BLOCK_CELLS) or not mask >> column.block & 1:
            continue
        if name in row.values and not row.missing.get(name, np.zeros(1, np.bool_))[0]:
            values[name] = row.values[name]
            missing.pop(name, None)


def _joined_packs(waiting: _Waiting) -> dict[str, Any]:
    """Put the cells of all rows in order of pack number and cell number."""
    parts: list[tuple[int, int, NDArray[Any], float, float]] = []
    for row, packs in zip(waiting.rows, waiting.packs, strict=True):
        counts = _list(row, "pack_cell_count")
        cells = np.split(_list(row, "cells_mv"), np.cumsum(counts)[:-1])
        volts, amps = _list(row, "pack_voltage_v"), _list(row, "pack_current_a")
        for (pack, _, start), mv, v, a in zip(packs, cells, volts, amps, strict=True):
            parts.append((pack, start, mv, float(v), float(a)))
    parts.sort(key=lambda part: part[:2])
    numbers = sorted({pack for pack, *_ in parts})
    of_pack = {p: [part for part in parts if part[0] == p] for p in numbers}
    sizes = [sum(len(part[2]) for part in of_pack[p]) for p in numbers]
    return {
        "pack_no": _one(numbers, np.uint8),
        "pack_cell_count": _one(sizes, np.uint16),
        "cells_mv": _one(np.concatenate([part[2] for part in parts]), np.uint16),
        "pack_voltage_v": _one([of_pack[p][0][3] for p in numbers], np.float32),
        "pack_current_a": _one([of_pack[p][0][4] for p in numbers], np.float32),
    }


def _one(values: Any, dtype: Any) -> Ragged:
    array = np.asarray(values, dtype)
    return Ragged(np.array([0, len(array)], np.int32), array)


def _with_extremes(
    values: dict[str, Any], missing: dict[str, NDArray[np.bool_]]
) -> tuple[dict[str, Any], dict[str, NDArray[np.bool_]]]:
    """Compute the cell extremes anew where they were computed from one half only.

    A frame that carries the extremes block keeps what the vehicle said.
    """
    if int(values["blocks"][0]) >> BLOCK_EXTREMES & 1:
        return values, missing
    cells, counts = values["cells_mv"].values, values["pack_cell_count"].values
    packs = np.repeat(values["pack_no"].values, counts)
    numbers = np.concatenate([np.arange(1, n + 1) for n in counts])
    good = np.flatnonzero(cells < 0xFFFE)
    if not len(good):
        return values, missing
    for name, at in (("max", good[cells[good].argmax()]), ("min", good[cells[good].argmin()])):
        values[f"cell_{name}_mv"] = cells[at : at + 1]
        values[f"cell_{name}_no"] = numbers[at : at + 1].astype(np.uint16)
        values[f"cell_{name}_pack_no"] = packs[at : at + 1]
        for part in ("mv", "no", "pack_no"):
            missing.pop(f"cell_{name}_{part}", None)
    return values, missing
