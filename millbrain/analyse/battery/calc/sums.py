"""The state of the streaming layer: running sums of every pack and day, as dense arrays.

A slot is one pack on one day, told apart by its number of cells too (a swap). All sums are whole
numbers and every tally only grows to a limit, so that reports may come in any order, late, or in
any cut: the sums are the same to the last bit, and two states are joined by adding them
(`Sums.add`). What a day meant is read off its sums later (`days.days_of`), as often as late reports
arrive.

34 bytes a cell and 384 a slot: 100 cells on one day are 3.8 KB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc import kernels as k
from millbrain.analyse.battery.calc.inputs import INSULATION_NONE, PackReports
from millbrain.analyse.battery.calc.places import KEY, Keys, Places, Slots, first_rows
from millbrain.core import limits
from millbrain.core.errors import LimitError

_OUT: Final = 9
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

    vin: str
    pack_no: int
    day: int
    head: NDArray[np.int64]
    sums: NDArray[np.int32]
    load: NDArray[np.int64]
    tallies: NDArray[np.uint16]
    bounds: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Block:
    """The sums of many packs and days that have the same number of cells: copies, row by row.

    keys: shape (rows,), `places.KEY`. heads: (rows, HEAD), of which `BEGIN` is 0. sums: (rows,
    BINS + 1, cells). load: (rows, cells). tallies: (rows, 3, cells). bounds: (rows, 2, cells).
    """

    keys: Keys
    heads: NDArray[np.int64]
    sums: NDArray[np.int32]
    load: NDArray[np.int64]
    tallies: NDArray[np.uint16]
    bounds: NDArray[np.uint16]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.keys)

    def take(self, rows: NDArray[np.intp]) -> "Block":
        """Return the given rows, in that order."""
        return Block(*(getattr(self, name)[rows] for name in self.__slots__))

    def slots(self) -> Iterator[Slot]:
        """Yield the rows one by one."""
        for row, key in enumerate(self.keys):
            yield Slot(
                bytes(key["vin"]).decode("utf-8", "replace"), int(key["pack_no"]), int(key["day"]),
                self.heads[row], self.sums[row], self.load[row], self.tallies[row],
                self.bounds[row],
            )  # fmt: skip


class Sums:
    """Running sums of every pack and day. Not safe for two threads at once.

    rest_a: a pack whose current is no more is at rest [A]. leak_ohm_per_v: insulation below that,
    times the pack's voltage, counts as leaky. cells_max: cells of packs and days held at once.
    cells: so many are reserved at first. Memory is taken as cells are used, so that a large
    reserve costs nothing, while an array that has to grow is held twice for a moment.
    """

    def __init__(
        self, rest_a: float = 5.0, leak_ohm_per_v: float = 100.0, *,
        cells_max: int = limits.BATTERY_CELLS_MAX, cells: int = 2_048,
    ) -> None:  # fmt: skip
        self.rest_a = rest_a
        self.leak_ohm_per_v = leak_ohm_per_v
        self.oversized = 0  # reports left out: more cells than a pack can have
        self._cells_max = cells_max
        self._places = Places()
        self._heads = np.zeros((16, k.HEAD), np.int64)
        self._cells = 0
        self._spare: dict[int, list[int]] = {}  # number of cells -> places that were let go
        self._hold(min(cells, cells_max))

    def __len__(self) -> int:
        """Count the slots."""
        return len(self._places)

    def _hold(self, cells: int) -> None:
        self._sums = np.zeros((k.BINS + 1, cells), np.int32)
        self._load = np.zeros(cells, np.int64)
        self._tallies = np.zeros((3, cells), np.uint16)
        self._bounds = np.zeros((2, cells), np.uint16)

    @property
    def state_bytes(self) -> int:
        """Memory of the arrays in use [B], the table of keys included."""
        per_cell = 4 * (k.BINS + 1) + 8 + 6 + 4
        heads = len(self._places.keys) * k.HEAD * 8
        return heads + self._cells * per_cell + self._places.state_bytes

    @property
    def cells_held(self) -> int:
        """Cells of packs and days in memory, those of places to be used again included."""
        return self._cells

    def watch(self, reports: PackReports, slots: Slots | None = None) -> Features:
        """Measure every report of the batch and add it to its day; return what each shows.

        slots: what `slots_of` returned for these reports, -1 where one is only to be measured.

        Raises
        ------
        LimitError
            There is no room for new packs and days; nothing was added (`evict` makes room).
        """
        out = np.zeros((_OUT, len(reports)), np.int32)
        slots = self.slots_of(reports) if slots is None else slots
        k.watch(
            reports.cells_mv, reports.begins, reports.counts, reports.soc_pct, reports.current_da,
            slots, int(self.rest_a * 10), self._heads, self._sums, self._load, self._tallies,
            self._bounds, out,
        )  # fmt: skip
        self._note(reports, slots)
        return _features(out)

    def slots_of(self, reports: PackReports) -> Slots:
        """Return the slot of each report, made where there is none yet, -1 = has too few cells.

        Raises
        ------
        LimitError
            There is no room for new packs and days.
        """
        keys = self.keys_of(reports)
        slots = self._places.find(keys)
        is_pack = (reports.counts >= k.CELLS_MIN) & (reports.counts <= limits.PACK_CELLS_MAX)
        self.oversized += int(np.count_nonzero(reports.counts > limits.PACK_CELLS_MAX))
        strange = np.flatnonzero((slots < 0) & is_pack)
        if strange.size:
            for row in strange[first_rows(keys[strange])]:
                self._open(keys[row : row + 1])
            slots[strange] = self._places.find(keys[strange])
        slots[~is_pack] = -1
        return slots

    @staticmethod
    def keys_of(reports: PackReports) -> Keys:
        """Return the key of each report, held or not."""
        keys = np.zeros(len(reports), KEY)
        keys["vin"], keys["pack_no"], keys["day"] = reports.vin, reports.pack_no, reports.day
        keys["count"] = np.minimum(reports.counts, limits.PACK_CELLS_MAX + 1)
        return keys

    def find(self, keys: Keys) -> Slots:
        """Return the slot of each key, -1 where it is not held."""
        return self._places.find(keys)

    def keys(self, slots: Slots) -> Keys:
        """Return the keys of slots, as a copy."""
        return self._places.keys[slots]

    @property
    def slots_used(self) -> int:
        """Slots that were ever given out: every slot is below."""
        return len(self._places.keys)

    def live(self) -> Slots:
        """Return all slots held, ascending."""
        return self._places.live()

    def _open(self, key: Keys) -> int:
        count = int(key["count"][0])
        begin = self._room(count)
        slot = self._places.add(key)
        while slot >= len(self._heads):
            self._heads = np.concatenate([self._heads, np.zeros_like(self._heads)])
        self._clear(slot, begin, count)
        return slot

    def _clear(self, slot: int, begin: int, count: int) -> None:
        head, part = self._heads[slot], slice(begin, begin + count)
        head[:] = 0
        head[k.BEGIN], head[k.COUNT] = begin, count
        head[k.FIRST] = head[k.M2_MIN] = _FAR
        head[k.TEMP_MAX] = k.TEMP_NONE
        for array in (self._sums, self._load, self._tallies):
            array[..., part] = 0
        self._bounds[0, part], self._bounds[1, part] = 65_535, 0

    def _room(self, count: int) -> int:
        """Return where so many cells may lie."""
        if self._spare.get(count):
            return self._spare[count].pop()
        if self._cells + count > self._cells_max:
            raise LimitError(
                f"battery sums: {self._cells} cells of packs and days are held, {self._cells_max} "
                "are allowed; days that are on disk are let go first"
            )
        while self._cells + count > len(self._load):
            self._double()
        begin = self._cells
        self._cells += count
        return begin

    def _double(self) -> None:
        held, size = self._arrays(), len(self._load)
        self._hold(min(2 * size, self._cells_max))
        for old, new in zip(held, self._arrays(), strict=True):
            new[..., :size] = old

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self._sums, self._load, self._tallies, self._bounds

    def evict(self, slots: Slots) -> None:
        """Let go of slots; their room is used again."""
        for begin, count in self._heads[slots][:, [k.BEGIN, k.COUNT]].tolist():
            self._spare.setdefault(count, []).append(begin)
        self._places.remove(slots)
        if not len(self):
            self._spare.clear()
            self._cells = 0

    def clear(self, slots: Slots) -> None:
        """Set slots back to nothing seen."""
        for slot in slots.tolist():
            head = self._heads[slot]
            self._clear(slot, int(head[k.BEGIN]), int(head[k.COUNT]))

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

    def blocks(self, slots: Slots) -> list[Block]:
        """Return the sums of slots as copies, one block per number of cells."""
        counts = self._heads[slots, k.COUNT]
        return [self._block(slots[counts == count], int(count)) for count in np.unique(counts)]

    def _block(self, slots: Slots, count: int) -> Block:
        places = self._cells_of(slots, count)
        heads = self._heads[slots]
        heads[:, k.BEGIN] = 0
        return Block(
            self.keys(slots), heads, self._sums[:, places].transpose(1, 0, 2), self._load[places],
            self._tallies[:, places].transpose(1, 0, 2), self._bounds[:, places].transpose(1, 0, 2),
        )  # fmt: skip

    def _cells_of(self, slots: Slots, count: int) -> NDArray[np.int64]:
        return np.asarray(self._heads[slots, k.BEGIN][:, None] + np.arange(count))

    def add(self, block: Block) -> Slots:
        """Add other sums, of the same settings, to these; each key once. Return their slots.

        Raises
        ------
        LimitError
            There is no room for new packs and days.
        """
        slots = self._places.find(block.keys)
        for row in np.flatnonzero(slots < 0):
            slots[row] = self._open(block.keys[row : row + 1])
        if len(block):
            self._join(slots, block)
        return slots

    def _join(self, slots: Slots, block: Block) -> None:
        ours, theirs = self._heads, block.heads
        for column in _ADDED:
            ours[slots, column] += theirs[:, column]
        for column in _LARGEST:
            ours[slots, column] = np.maximum(ours[slots, column], theirs[:, column])
        for column in _LEAST:
            ours[slots, column] = np.minimum(ours[slots, column], theirs[:, column])
        ours[slots, k.FLAGS] |= theirs[:, k.FLAGS]
        places = self._cells_of(slots, block.load.shape[1])
        self._sums[:, places] += block.sums.transpose(1, 0, 2)
        self._load[places] += block.load
        total = self._tallies[:, places].astype(np.uint32) + block.tallies.transpose(1, 0, 2)
        self._tallies[:, places] = np.minimum(total, 65_535)
        self._bounds[0, places] = np.minimum(self._bounds[0, places], block.bounds[:, 0])
        self._bounds[1, places] = np.maximum(self._bounds[1, places], block.bounds[:, 1])

    def merge(self, other: "Sums") -> None:
        """Add another state, made with the same settings, to this one.

        Raises
        ------
        ValueError
            Where the two have different settings.
        """
        if (self.rest_a, self.leak_ohm_per_v) != (other.rest_a, other.leak_ohm_per_v):
            raise ValueError("states of different settings cannot be added: rest_a, leak_ohm_per_v")
        self.oversized += other.oversized
        for block in other.blocks(other.live()):
            self.add(block)

    def slots(self) -> Iterator[Slot]:
        """Yield the sums of every pack and day, sorted by vehicle, pack, cells and day."""
        live = self.live()
        order = self._places.keys[live].argsort(order=("vin", "pack_no", "count", "day"))
        for slot in live[order].tolist():
            yield self._slot(slot)

    def _slot(self, slot: int) -> Slot:
        key, head = self._places.keys[slot], self._heads[slot]
        part = slice(int(head[k.BEGIN]), int(head[k.BEGIN] + head[k.COUNT]))
        return Slot(
            bytes(key["vin"]).decode("utf-8", "replace"), int(key["pack_no"]), int(key["day"]),
            head, self._sums[:, part], self._load[part], self._tallies[:, part],
            self._bounds[:, part],
        )  # fmt: skip


def _tally(column: NDArray[np.int64], at: int, slot: NDArray[np.int64],
           known: NDArray[np.bool_], value: NDArray[np.int64]) -> None:  # fmt: skip
    """Count what is known in column `at` and add it up in the next one."""
    np.add.at(column[at], slot[known], 1)
    np.add.at(column[at + 1], slot[known], value[known])
