"""The state of the streaming layer: running sums of every pack and day, as dense arrays.

A slot is one pack on one day. All sums are whole numbers and every tally only grows to a limit, so
that reports may come in any order, late, or in any cut: the sums are the same to the last bit, and
two states are joined by adding them (`Sums.merge`). What a day meant is read off its sums later
(`days.days_of`), as often as late reports arrive.

34 bytes a cell and 384 a slot: 100 cells on one day are 3.8 KB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc import kernels as k
from millbrain.analyse.battery.calc.inputs import (
    INSULATION_NONE,
    PackReports,
)

_OUT: Final = 9
_KEY: Final = np.dtype([("vin", "S20"), ("pack_no", "u1"), ("day", "<u2")])
_ADDED: Final = (k.REPORTS, *range(k.W, k.SPREAD_MAX), *range(k.LEAKY, k.HEAD))
_LARGEST: Final = (k.LAST, k.SPREAD_MAX, k.M2_MAX, k.LEVEL, k.TEMP_MAX)
_LEAST: Final = (k.FIRST, k.M2_MIN)
_FAR: Final = np.iinfo(np.int64).max
LEVELS_MAX: Final = 4  # 254 and 255 are markers
SPREAD_DEGC_MAX: Final = 40  # more is a broken probe
ISOLATED_KOHM_MAX: Final = 5_000  # above, it tells nothing of a leak; keeps a mean from drowning


@dataclass(frozen=True, slots=True)
class Features:
    """What each pack report shows by itself, shape (reports,).

    median_mv: NaN where fewer than 8 cells are plausible, and so are mad_mv and the scores.
    low_score, high_score: deviation of the lowest and highest cell in units of 1.4826 MAD (at least
    1 mV). low_no, high_no: their numbers from 1, 0 = none. lost: cells that are not plausible
    (markers, below 0.5 V, above 5 V). sense_no: k where cells k and k + 1 mirror each other, else
    0. spikes: cells more than 300 mV from the median.
    """

    median_mv: NDArray[np.float32]
    mad_mv: NDArray[np.float32]
    spread_mv: NDArray[np.float32]
    low_score: NDArray[np.float32]
    high_score: NDArray[np.float32]
    low_no: NDArray[np.int32]
    high_no: NDArray[np.int32]
    lost: NDArray[np.int32]
    sense_no: NDArray[np.int32]
    spikes: NDArray[np.int32]


def _features(out: NDArray[np.int32]) -> Features:
    known = out[0] > 0
    median, mad, low, high = (
        np.where(known, row, np.nan).astype(np.float32)
        for row in (out[0] / 2, out[1] / 4, out[2], out[3])
    )
    scale = np.maximum(np.float32(1.4826) * mad, np.float32(1))
    return Features(
        median, mad, high - low, (low - median) / scale, (high - median) / scale,
        out[4], out[5], out[6], out[7], out[8],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """The sums of one pack on one day: views, not copies."""

    key: bytes
    vin: str
    pack_no: int
    day: int
    head: NDArray[np.int64]
    sums: NDArray[np.int32]
    load: NDArray[np.int64]
    tallies: NDArray[np.uint16]
    bounds: NDArray[np.uint16]


class Sums:
    """Running sums of every pack and day.

    rest_a: a pack whose current is no more is at rest [A]. leak_ohm_per_v: insulation below that,
    times the pack's voltage, counts as leaky.
    """

    def __init__(self, rest_a: float = 5.0, leak_ohm_per_v: float = 100.0) -> None:
        self.rest_a = rest_a
        self.leak_ohm_per_v = leak_ohm_per_v
        self.other_size = 0  # reports left out: another number of cells than the day's first one
        self._places: dict[bytes, int] = {}
        self._heads = np.zeros((16, k.HEAD), np.int64)
        self._cells = 0
        self._hold(2_048)

    def __len__(self) -> int:
        """Count the slots."""
        return len(self._places)

    def _hold(self, cells: int) -> None:
        self._sums = np.zeros((k.BINS + 1, cells), np.int32)
        self._load = np.zeros(cells, np.int64)
        self._tallies = np.zeros((3, cells), np.uint16)
        self._bounds = np.zeros((2, cells), np.uint16)
        self._bounds[0] = 65_535

    @property
    def state_bytes(self) -> int:
        """Memory of the arrays in use [B]; the table of keys takes about 200 B a slot more."""
        per_cell = 4 * (k.BINS + 1) + 8 + 6 + 4
        return len(self) * k.HEAD * 8 + self._cells * per_cell

    def watch(self, reports: PackReports) -> Features:
        """Measure every report of the batch and add it to its day; return what each shows."""
        out = np.zeros((_OUT, len(reports)), np.int32)
        slots = self._slots(reports)
        k.watch(
            reports.cells_mv, reports.begins, reports.counts, reports.soc_pct, reports.current_da,
            slots, int(self.rest_a * 10), self._heads, self._sums, self._load, self._tallies,
            self._bounds, out,
        )  # fmt: skip
        self._note(reports, slots)
        return _features(out)

    def _slots(self, reports: PackReports) -> NDArray[np.int64]:
        """Return the slot of each report, made where there is none yet."""
        wanted = reports.counts >= k.CELLS_MIN
        keys = np.zeros(len(reports), _KEY)
        keys["vin"], keys["pack_no"], keys["day"] = reports.vin, reports.pack_no, reports.day
        raw: list[bytes] = keys.view(f"V{_KEY.itemsize}").tolist()
        find = self._places.get
        slots = np.array([find(key, -1) for key in raw], np.int64)
        for i in np.flatnonzero((slots < 0) & wanted):
            slots[i] = find(raw[i], -1)
            if slots[i] < 0:
                slots[i] = self._open(raw[i], int(reports.counts[i]))
        slots[~wanted] = -1
        other = (slots >= 0) & (self._heads[slots, k.COUNT] != reports.counts)
        self.other_size += int(np.count_nonzero(other))
        slots[other] = -1
        return slots

    def _open(self, key: bytes, count: int) -> int:
        slot = len(self._places)
        if slot == len(self._heads):
            self._heads = np.concatenate([self._heads, np.zeros_like(self._heads)])
        while self._cells + count > len(self._load):
            self._double()
        head = self._heads[slot]
        head[k.BEGIN], head[k.COUNT] = self._cells, count
        head[k.FIRST] = head[k.M2_MIN] = _FAR
        head[k.TEMP_MAX] = k.TEMP_NONE
        self._cells += count
        self._places[key] = slot
        return slot

    def _double(self) -> None:
        held, size = self._arrays(), len(self._load)
        self._hold(2 * size)
        for old, new in zip(held, self._arrays(), strict=True):
            new[..., :size] = old

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self._sums, self._load, self._tallies, self._bounds

    def _note(self, reports: PackReports, slots: NDArray[np.int64]) -> None:
        """Add what is known of a whole report: times, alarms, heat, insulation."""
        kept = np.flatnonzero(slots >= 0)
        slot, at = slots[kept], reports.device_at[kept]
        level = reports.level[kept].astype(np.int64)
        level[level > LEVELS_MAX] = 0
        insulation = reports.insulation_kohm[kept]
        limit = self.leak_ohm_per_v * reports.voltage_v[kept] / 1_000
        is_leaky = (insulation != INSULATION_NONE) & (insulation < limit)
        column = self._heads.T
        np.add.at(column[k.REPORTS], slot, 1)
        np.minimum.at(column[k.FIRST], slot, at)
        np.maximum.at(column[k.LAST], slot, at)
        np.maximum.at(column[k.LEVEL], slot, level)
        np.bitwise_or.at(column[k.FLAGS], slot, reports.flags[kept].astype(np.int64))
        np.maximum.at(column[k.TEMP_MAX], slot, reports.temp_max_degc[kept].astype(np.int64))
        np.add.at(column[k.LEAKY], slot[is_leaky], 1)
        kohm = np.minimum(insulation, ISOLATED_KOHM_MAX).astype(np.int64)
        _tally(column, k.ISOLATED_REPORTS, slot, insulation != INSULATION_NONE, kohm)
        high = reports.temp_max_degc[kept].astype(np.int64)
        low = reports.temp_min_degc[kept].astype(np.int64)
        _tally(column, k.WARM_REPORTS, slot, (high != k.TEMP_NONE) & (low != k.TEMP_NONE),
               np.minimum(high - low, SPREAD_DEGC_MAX))  # fmt: skip

    def merge(self, other: "Sums") -> None:
        """Add another state, made with the same settings, to this one.

        Raises
        ------
        ValueError
            Where the two have different settings.
        """
        if (self.rest_a, self.leak_ohm_per_v) != (other.rest_a, other.leak_ohm_per_v):
            raise ValueError("states of different settings cannot be added: rest_a, leak_ohm_per_v")
        self.other_size += other.other_size
        for theirs in other.slots():
            count = int(theirs.head[k.COUNT])
            ours = self._places.get(theirs.key, -1)
            ours = self._open(theirs.key, count) if ours < 0 else ours
            if self._heads[ours, k.COUNT] == count:
                _join(self._slot(theirs.key, ours), theirs)
            else:
                self.other_size += int(theirs.head[k.REPORTS])

    def slots(self) -> Iterator[Slot]:
        """Yield the sums of every pack and day, sorted by vehicle, pack and day."""
        order = np.frombuffer(b"".join(self._places), _KEY).argsort(order=("vin", "pack_no", "day"))
        raw = list(self._places.items())
        for i in order:
            yield self._slot(*raw[i])

    def _slot(self, key: bytes, slot: int) -> Slot:
        name = np.frombuffer(key, _KEY)[0]
        head = self._heads[slot]
        part = slice(int(head[k.BEGIN]), int(head[k.BEGIN] + head[k.COUNT]))
        return Slot(
            key,
            bytes(name["vin"]).decode("utf-8", "replace"), int(name["pack_no"]), int(name["day"]),
            head, self._sums[:, part], self._load[part], self._tallies[:, part],
            self._bounds[:, part],
        )  # fmt: skip


def _tally(column: NDArray[np.int64], at: int, slot: NDArray[np.int64],
           known: NDArray[np.bool_], value: NDArray[np.int64]) -> None:  # fmt: skip
    """Count what is known in column `at` and add it up in the next one."""
    np.add.at(column[at], slot[known], 1)
    np.add.at(column[at + 1], slot[known], value[known])


def _join(ours: Slot, theirs: Slot) -> None:
    for column in _ADDED:
        ours.head[column] += theirs.head[column]
    for column in _LARGEST:
        ours.head[column] = max(ours.head[column], theirs.head[column])
    for column in _LEAST:
        ours.head[column] = min(ours.head[column], theirs.head[column])
    ours.head[k.FLAGS] |= theirs.head[k.FLAGS]
    ours.sums[:] += theirs.sums
    ours.load[:] += theirs.load
    total = ours.tallies.astype(np.uint32) + theirs.tallies
    ours.tallies[:] = np.minimum(total, 65_535).astype(np.uint16)
    np.minimum(ours.bounds[0], theirs.bounds[0], out=ours.bounds[0])
    np.maximum(ours.bounds[1], theirs.bounds[1], out=ours.bounds[1])
