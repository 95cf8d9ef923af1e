"""Packs of more than 200 cells, which the 2016 edition sends in several frames.

The frames of one pack share vehicle, time and pack number; each tells the pack's total and the
number of its first cell. A part waits for the others; when all cells are there the rows become one
row with as many frames as came, and a part whose others never come is stored alone with the bit
`BLOCK_PARTIAL`, so that the others are no duplicates of it when they come after all.

Parts are joined as columns, thousands at a time: rows are sorted by vehicle and time, their packs
by number and first cell, and the joined cell list is then one gather. A fleet where every second
vehicle has such a pack costs little more than one without.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.columnar import Decoded
from millbrain.core import limits
from millbrain.core.columns import Columns, Ragged, concat
from millbrain.core.facts import BLOCK_CELLS, BLOCK_PARTIAL, VEHICLE_REPORT

SWAPPED_ONE: Final = 0x0100  # what terminals with swapped bytes send for the start number 1
CELL_MARKED_MV: Final = 0xFFFE  # from here on a cell value is a marker
_SINGLE: Final = ("frame_count", "blocks")  # columns that a joined row has of its own

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Rows that carry some cells of a pack, with total and first number of each pack."""

    rows: Columns
    total: Ragged
    start: Ragged
    since: NDArray[np.float64]

    def take(self, rows: Rows) -> "_Parts":
        return _Parts(
            self.rows.take(rows), self.total.take(rows), self.start.take(rows), self.since[rows]
        )


class Halves:
    """Rows that wait for the rest of their pack. Worker thread only."""

    def __init__(self) -> None:
        self._waiting: list[_Parts] = []
        self._fresh: Counter[str] = Counter()

    def add(self, rows: Columns, decoded: Decoded, which: Rows) -> None:
        """Take rows that carry only some cells of a pack."""
        start = decoded.pack_start.take(which)
        start.values[start.values == SWAPPED_ONE] = 1
        since = np.full(len(which), time.monotonic())
        parts = _Parts(rows.take(which), decoded.pack_total.take(which), start, since)
        self._waiting.append(parts)
        names, counts = np.unique(parts.rows.array("link"), return_counts=True)
        for name, count in zip(names, counts, strict=True):
            self._fresh[name.decode()] += int(count)

    def fresh(self) -> Mapping[str, int]:
        """Return and forget how many frames have come per link since the last call."""
        fresh, self._fresh = self._fresh, Counter()
        return fresh

    def ready(self, *, final: bool = False) -> list[Columns]:
        """Return rows whose packs are whole, and those that have waited long enough."""
        if not self._waiting:
            return []
        parts, group = _sorted(_joined(self._waiting))
        whole = _is_whole(parts, group)[group]
        done: list[Columns] = []
        if whole.any():
            done.append(_merged(*_regroup(parts, group, np.flatnonzero(whole))))
        over = parts.since < time.monotonic() - limits.SPLIT_PACK_WAIT_S_MAX
        if final or np.count_nonzero(~whole) > limits.SPLIT_PACKS_MAX:
            over[:] = True
        alone = np.flatnonzero(over & ~whole)
        if len(alone):
            done.append(_partial(parts.rows.take(alone)))
        rest = np.flatnonzero(~over & ~whole)
        self._waiting = [parts.take(rest)] if len(rest) else []
        return done


def _joined(waiting: list[_Parts]) -> _Parts:
    if len(waiting) == 1:
        return waiting[0]
    return _Parts(
        concat([p.rows for p in waiting], VEHICLE_REPORT),
        _append([p.total for p in waiting]),
        _append([p.start for p in waiting]),
        np.concatenate([p.since for p in waiting]),
    )


def _append(lists: list[Ragged]) -> Ragged:
    sizes = np.concatenate([np.diff(r.offsets) for r in lists])
    return Ragged(_offsets(sizes), np.concatenate([r.values[: r.offsets[-1]] for r in lists]))


def _offsets(sizes: NDArray[Any]) -> NDArray[np.int32]:
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _sorted(parts: _Parts) -> tuple[_Parts, Rows]:
    """Sort by vehicle and time; return the rows and the number of each row's group."""
    vin, at = parts.rows.array("vin"), parts.rows.array("device_at")
    parts = parts.take(np.lexsort((at, vin)))
    vin, at = parts.rows.array("vin"), parts.rows.array("device_at")
    fresh = np.ones(len(vin), np.bool_)
    fresh[1:] = (vin[1:] != vin[:-1]) | (at[1:] != at[:-1])
    return parts, np.cumsum(fresh) - 1


def _regroup(parts: _Parts, group: Rows, rows: Rows) -> tuple[_Parts, Rows]:
    """Keep some rows and number their groups from 0 without gaps."""
    return parts.take(rows), np.unique(group[rows], return_inverse=True)[1]


def _packs(parts: _Parts, group: Rows) -> tuple[Rows, Rows, NDArray[Any], NDArray[Any]]:
    """Return of every piece of a pack, in order of group, pack number and first cell.

    Order of the pieces as they stand in the rows, number of each piece's pack over all groups,
    group of each such pack, and first piece of each.
    """
    owner = np.repeat(group, np.diff(parts.start.offsets))
    number = parts.rows.ragged("pack_no").values
    order = np.lexsort((parts.start.values, number, owner))
    owner, number = owner[order], number[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (owner[1:] != owner[:-1]) | (number[1:] != number[:-1])
    return order, np.cumsum(fresh) - 1, owner[fresh], np.flatnonzero(fresh)


def _is_whole(parts: _Parts, group: Rows) -> NDArray[np.bool_]:
    """Whether each group has every announced cell of every pack."""
    order, pack, owner, first = _packs(parts, group)
    cells = parts.rows.ragged("pack_cell_count").values[order].astype(np.int64)
    have = np.bincount(pack, cells, len(owner))
    announced = np.maximum.reduceat(parts.total.values[order], first)
    whole = np.ones(int(group[-1]) + 1, np.bool_)
    np.logical_and.at(whole, owner, have >= announced)
    return whole


def _merged(parts: _Parts, group: Rows) -> Columns:
    """Join the rows of each group; every group is whole."""
    groups = int(group[-1]) + 1
    first = np.searchsorted(group, np.arange(groups))
    rows, blocks = parts.rows, parts.rows.array("blocks")
    values: dict[str, Any] = {}
    missing: dict[str, NDArray[np.bool_]] = {}
    sources = {block: _source(blocks, first, block) for block in range(BLOCK_PARTIAL)}
    for column in VEHICLE_REPORT.columns:
        name = column.name
        if name not in rows.values or column.block == BLOCK_CELLS or name in _SINGLE:
            continue
        source = sources.get(column.block, first)
        part = rows.values[name]
        values[name] = part.take(source) if isinstance(part, Ragged) else part[source]
        if name in rows.missing:
            missing[name] = rows.missing[name][source]
    values["link"], values["received_at"] = (rows.array(n)[first] for n in ("link", "received_at"))
    values["blocks"] = np.bitwise_or.reduceat(blocks, first)
    values["frame_count"] = np.bincount(group, minlength=groups).astype(np.uint8)
    values |= _cells(parts, group, groups)
    joined = Columns(groups, values, missing)
    _compute_extremes(joined)
    return joined


def _source(blocks: NDArray[Any], first: Rows, block: int) -> Rows:
    """Return the first row of each group that carries `block`, its first row where none does."""
    rows = np.arange(len(blocks))
    without = (blocks >> np.uint32(block)) & 1 == 0
    found = np.minimum.reduceat(np.where(without, len(blocks), rows), first)
    return np.where(found == len(blocks), first, found)


def _cells(parts: _Parts, group: Rows, groups: int) -> dict[str, Ragged]:
    """Return the columns of the cell block: pieces in order of pack and first cell."""
    order, pack, owner, first = _packs(parts, group)
    count = parts.rows.ragged("pack_cell_count")
    pieces = Ragged(_offsets(count.values), parts.rows.ragged("cells_mv").values).take(order)
    per_pack = np.bincount(pack, count.values[order], len(owner)).astype(np.uint16)
    packs = _offsets(np.bincount(owner, minlength=groups))
    cells = _offsets(np.bincount(owner, per_pack, groups).astype(np.int64))

    def of_first(name: str) -> Ragged:
        return Ragged(packs, parts.rows.ragged(name).values[order][first])

    return {
        "cells_mv": Ragged(cells, pieces.values),
        "pack_cell_count": Ragged(packs, per_pack),
        **{name: of_first(name) for name in ("pack_no", "pack_voltage_v", "pack_current_a")},
    }


def _compute_extremes(rows: Columns) -> None:
    """Compute the cell extremes anew from all cells, since each part may know only its own.

    What the vehicle itself said of them goes with the parts: it cannot be told from what was
    computed of a part, and for a whole list of cells the two agree.
    """
    cells, counts = rows.ragged("cells_mv"), rows.ragged("pack_cell_count")
    number = np.arange(cells.offsets[-1]) - np.repeat(_offsets(counts.values)[:-1], counts.values)
    pack = np.repeat(rows.ragged("pack_no").values, counts.values)
    good = cells.values < CELL_MARKED_MV
    for name, pick, blank in (("max", np.argmax, -1), ("min", np.argmin, 1 << 20)):
        value = np.where(good, cells.values.astype(np.int32), blank)
        bounds = zip(cells.offsets[:-1], cells.offsets[1:], strict=True)
        at = [s + int(pick(value[s:e])) for s, e in bounds]
        at_cell = np.array(at, np.intp)
        use = good[at_cell]
        found = {"mv": cells.values[at_cell], "no": number[at_cell] + 1, "pack_no": pack[at_cell]}
        for part, new in found.items():
            _put(rows, f"cell_{name}_{part}", use, new)


def _put(rows: Columns, name: str, use: NDArray[np.bool_], new: NDArray[Any]) -> None:
    dtype = np.uint8 if name.endswith("pack_no") else np.uint16
    if name not in rows.values:
        rows.values[name] = new.astype(dtype)
        rows.missing[name] = ~use
        return
    rows.values[name] = np.where(use, new.astype(dtype), rows.array(name))
    if name in rows.missing:
        rows.missing[name] = rows.missing[name] & ~use


def _partial(rows: Columns) -> Columns:
    """Mark rows that are stored without the rest of their pack."""
    rows.values["blocks"] = rows.array("blocks") | np.uint32(1 << BLOCK_PARTIAL)
    return rows
