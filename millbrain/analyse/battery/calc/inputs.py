"""Vehicle reports as pack reports: one row per pack and report, cells in one flat array.

A vehicle with several packs has a herd of cells in each; a cell is compared with its own pack only,
since packs may stand at different states of charge.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.kernels import NO_CURRENT, TEMP_NONE, extremes
from millbrain.analyse.battery.calc.places import run_begins
from millbrain.core.columns import Columns, Ragged
from millbrain.core.times import BEIJING_OFFSET_S

SOC_NONE: Final = 255
CURRENT_NONE: Final = NO_CURRENT
INSULATION_NONE: Final = 65_535
LEVEL_NONE: Final = 255
AHEAD_S_MAX: Final = 86_400  # a device's clock may be so far ahead
NAME_WORDS: Final = 3  # of 8 bytes: a number has 17, and never more than 24
CURRENT_PER_A: Final = 10  # the wire's own step of 0.1 A, kept so that sums stay whole numbers


@dataclass(frozen=True, slots=True)
class PackReports:
    """Pack reports as columns, shape (reports,) unless said otherwise.

    row: the report's row in the batch. vin: ``S``. names: the same as words, shape (reports, 3),
    cut after 24 bytes. pack_no: from 1. device_at: [s since 1970 UTC].
    day: days since 1970, Beijing time. current_da: [0.1 A], discharge positive, `CURRENT_NONE` =
    not reported. soc_pct: 0..100, `SOC_NONE`. voltage_v: of the pack, NaN. temp_max_degc,
    temp_min_degc: over the vehicle's plausible probes, `TEMP_NONE`. insulation_kohm:
    `INSULATION_NONE`. flags: general alarm bits. level: alarm level, `LEVEL_NONE`. begins, counts:
    the report's cells are ``cells_mv[begins:begins + counts]``, uint16 [mV], 65534 abnormal and
    65535 invalid.
    """

    row: NDArray[np.int64]
    vin: NDArray[Any]
    names: NDArray[np.uint64]
    pack_no: NDArray[np.uint8]
    device_at: NDArray[np.int64]
    day: NDArray[np.int64]
    current_da: NDArray[np.int32]
    soc_pct: NDArray[np.uint8]
    voltage_v: NDArray[np.float32]
    temp_max_degc: NDArray[np.int16]
    temp_min_degc: NDArray[np.int16]
    insulation_kohm: NDArray[np.uint16]
    flags: NDArray[np.uint32]
    level: NDArray[np.uint8]
    begins: NDArray[np.int64]
    counts: NDArray[np.int64]
    cells_mv: NDArray[np.uint16]

    def __len__(self) -> int:
        """Count the pack reports."""
        return len(self.row)


def on_time(columns: Columns) -> NDArray[np.bool_]:
    """Return which rows of a batch have a device time no later than a day after their arrival.

    A clock that is ahead would open days that are still to come and end the window of days that
    counts; one that is behind only tells of an old day. Needs `received_at` [ms since 1970 UTC].
    """
    arrived = columns.array("received_at").astype(np.int64) // 1_000
    return np.asarray(columns.array("device_at").astype(np.int64) <= arrived + AHEAD_S_MAX)


def pack_reports(columns: Columns) -> PackReports:
    """Return the pack reports of a batch of `vehicle_report`.

    Only `vin` and `device_at` must be there; a column that is absent counts as not reported. Where
    every row is one pack, `pack_current_a` may be a plain column; where the cells themselves do not
    matter, `cells` says how many there are. A row without cells (a frame of position or alarms
    alone) gives one report without cells, so that its alarm bits are not lost.
    """
    rows = columns.rows
    cells = _list(columns, "cells_mv", np.uint16)
    sizes = np.diff(cells.offsets).astype(np.int64)
    if "cells" in columns.values:
        sizes = columns.array("cells").astype(np.int64)
    packs = _packs(columns, sizes)
    row, first = packs.row, packs.first
    counts = packs.each(packs.told, packs.spread(sizes))
    counted = (np.arange(len(row)) - first + 1).astype(np.uint8)
    begins = packs.spread(cells.offsets[:-1].astype(np.int64))
    if not packs.is_plain:
        before = np.cumsum(counts) - counts
        begins = begins + before - before[first]
    at = columns.array("device_at").astype(np.int64)
    high, low = temps(columns)
    vin = _text(columns.values["vin"])
    each = packs.spread
    return PackReports(
        row=row,
        vin=each(vin),
        names=each(names_of(vin)),
        pack_no=packs.each(_list(columns, "pack_no", np.uint8), counted),
        device_at=each(at),
        day=each((at + BEIJING_OFFSET_S) // 86_400),
        current_da=_current(columns, packs),
        soc_pct=each(_filled(columns, "soc_pct", np.uint8, SOC_NONE)),
        voltage_v=each(_filled(columns, "voltage_v", np.float32, np.nan)),
        temp_max_degc=each(high),
        temp_min_degc=each(low),
        insulation_kohm=each(_filled(columns, "insulation_kohm", np.uint16, INSULATION_NONE)),
        flags=each(_filled(columns, "alarm_flags", np.uint32, 0)),
        level=each(_filled(columns, "alarm_level", np.uint8, LEVEL_NONE)),
        begins=begins,
        counts=counts,
        cells_mv=np.ascontiguousarray(cells.values, np.uint16),
    ) if rows else _none()  # fmt: skip


def _none() -> PackReports:
    kinds = ("i8", "S17", "(3,)u8", "u1", "i8", "i8", "i4", "u1", "f4", "i2", "i2", "u2", "u4",
             "u1", "i8", "i8", "u2")  # fmt: skip
    return PackReports(*(np.zeros(0, kind) for kind in kinds))


@dataclass(frozen=True, slots=True)
class _Packs:
    """How the rows divide into packs. is_told: shape (rows,), the row says so itself."""

    told: Ragged
    is_told: NDArray[np.bool_]
    row: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def is_plain(self) -> bool:
        """Whether every row is one pack."""
        return len(self.row) == len(self.is_told)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return for each pack the value of its row."""
        return values if self.is_plain else values[self.row]

    def each(self, list_: Ragged, otherwise: NDArray[Any]) -> NDArray[Any]:
        """Return a value per pack: from the row's list, else `otherwise` (one per pack)."""
        if not len(self.told.values) or not np.array_equal(list_.offsets, self.told.offsets):
            return otherwise
        values = otherwise.copy()
        values[self.is_told[self.row]] = list_.values[
            np.repeat(self.is_told, np.diff(self.told.offsets))
        ]
        return values


def _packs(columns: Columns, sizes: NDArray[Any]) -> _Packs:
    """Divide the rows; one whose packs do not add up to its cells, or are not told, is one pack."""
    told = _list(columns, "pack_cell_count", np.uint16)
    if not len(told.values):
        plain = np.arange(len(sizes))
        return _Packs(told, np.zeros(len(sizes), np.bool_), plain, plain)
    if len(told.values) == len(sizes) and np.array_equal(told.values, sizes):
        plain = np.arange(len(sizes))
        if np.array_equal(told.offsets, np.arange(len(sizes) + 1)):
            return _Packs(told, np.ones(len(sizes), np.bool_), plain, plain)
    lengths = np.diff(told.offsets)
    ends = np.concatenate([[0], np.cumsum(told.values, dtype=np.int64)])
    sums = ends[told.offsets[1:]] - ends[told.offsets[:-1]]
    is_told = (lengths > 0) & (sums == sizes)
    row, first = _spread(np.where(is_told, lengths, 1))
    return _Packs(told, is_told, row, first)


def _spread(lengths: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each item of a ragged column its row and the index of the row's first item."""
    row = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    begins = np.cumsum(lengths) - lengths
    return row, begins[row]


def _current(columns: Columns, packs: _Packs) -> NDArray[np.int32]:
    """Return the pack's own current where it is told, else the vehicle's [0.1 A]."""
    whole = packs.spread(_filled(columns, "current_a", np.float64, np.nan))
    told = columns.values.get("pack_current_a")
    if isinstance(told, np.ndarray):  # of the only pack of each row
        own = packs.spread(told)
    else:
        own = packs.each(_list(columns, "pack_current_a", np.float32), np.full(len(whole), np.nan))
    current = np.where(np.isfinite(own), own, whole)
    known = np.isfinite(current)
    steps: NDArray[np.int32] = np.rint(np.where(known, current, 0) * CURRENT_PER_A).astype("i4")
    steps[~known] = CURRENT_NONE
    return steps


def temps(columns: Columns) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return the highest and lowest probe of each row: the extremes, else of the list of probes."""
    high = _filled(columns, "temp_max_degc", np.int16, TEMP_NONE)
    low = _filled(columns, "temp_min_degc", np.int16, TEMP_NONE)
    probes = _list(columns, "temps_degc", np.int16)
    extremes(probes.offsets, probes.values, high, low)
    return high, low


def _filled(columns: Columns, name: str, kind: Any, none: Any) -> NDArray[Any]:
    if name not in columns.values:
        return np.full(columns.rows, none, kind)
    values = columns.array(name).astype(kind)
    mask = columns.missing.get(name)
    if mask is not None:
        values[mask] = none
    return values


def _list(columns: Columns, name: str, kind: Any) -> Ragged:
    if name not in columns.values:
        return Ragged(np.zeros(columns.rows + 1, np.int32), np.zeros(0, kind))
    return columns.ragged(name)


def _text(values: Any) -> NDArray[Any]:
    if isinstance(values, Ragged):
        return np.array([part.tobytes() for part in values.lists()], "S")
    return np.asarray(values).astype("S", copy=False)


def names_of(vins: NDArray[Any]) -> NDArray[np.uint64]:
    """Return vehicle numbers (``S``) as words, shape (rows, 3); longer ones are cut at 24 bytes."""
    width, wanted = vins.dtype.itemsize, 8 * NAME_WORDS
    raw = np.ascontiguousarray(vins).view(np.uint8).reshape(len(vins), width)
    if width == wanted:
        return raw.view("<u8")
    padded = np.zeros((len(vins), wanted), np.uint8)
    padded[:, : min(width, wanted)] = raw[:, :wanted]
    return padded.view("<u8")


def is_ordered(columns: Columns) -> bool:
    """Whether rows are in order of vehicle and device time, one of a vehicle and instant."""
    vin = _text(columns.values["vin"])
    names, at = names_of(vin), columns.array("device_at")
    begins = run_begins(names, np.zeros(len(names), np.uint64))[1:]
    is_later = at[1:] > at[:-1]
    is_later[begins - 1] = vin[begins - 1] < vin[begins]
    return bool(is_later.all())
