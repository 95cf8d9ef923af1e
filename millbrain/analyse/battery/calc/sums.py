"""The state of the streaming layer: running sums of every pack and day, as dense arrays.

A slot is one pack on one day, told apart by its number of cells too (a swap). All sums are whole
numbers and every tally only grows to a limit, so that reports may come in any order, late, or in
any cut: the sums are the same to the last bit, and two states are joined by adding them
(`Sums.add`). What a day meant is read off its sums later (`days.days_of`), as often as late reports
arrive.

34 bytes a cell and 384 a slot, in one stretch of memory (`room`): 100 cells on one day are 3.8 KB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc import kernels as k
from millbrain.analyse.battery.calc.inputs import PackReports
from millbrain.analyse.battery.calc.places import (
    KEY,
    Keys,
    Places,
    Slots,
    first_rows,
    last_words,
    run_begins,
)
from millbrain.analyse.battery.calc.room import Ints, Room, row_words
from millbrain.core import limits

_SHOWN: Final = 9
_ADDED: Final = (k.REPORTS, *range(k.W, k.SPREAD_MAX), *range(k.LEAKY, k.HEAD))
_LARGEST: Final = (k.LAST, k.SPREAD_MAX, k.M2_MAX, k.LEVEL, k.TEMP_MAX)
_LEAST: Final = (k.FIRST, k.M2_MIN)


@dataclass(frozen=True, slots=True)
class Features:
    """What each pack report shows by itself, shape (reports,).

    shown: as `kernels.watch` fills it.
    """

    shown: NDArray[np.int32]

    def _known(self, values: NDArray[Any]) -> NDArray[np.float32]:
        return np.where(self.shown[0] > 0, values, np.nan).astype(np.float32)

    @property
    def median_mv(self) -> NDArray[np.float32]:
        """Median; NaN where fewer than 8 cells are plausible, and so are MAD and scores."""
        return self._known(self.shown[0] / 2)

    @property
    def mad_mv(self) -> NDArray[np.float32]:
        """Median absolute deviation."""
        return self._known(self.shown[1] / 4)

    @property
    def spread_mv(self) -> NDArray[np.float32]:
        """Highest less lowest plausible cell."""
        return self._known(self.shown[3] - self.shown[2])

    @property
    def low_score(self) -> NDArray[np.float32]:
        """Deviation of the lowest cell in units of 1.4826 MAD (at least 1 mV)."""
        return self._score(self.shown[2])

    @property
    def high_score(self) -> NDArray[np.float32]:
        """Deviation of the highest cell."""
        return self._score(self.shown[3])

    def _score(self, cell_mv: NDArray[np.int32]) -> NDArray[np.float32]:
        scale = np.maximum(np.float32(1.4826) * self.mad_mv, np.float32(1))
        return np.asarray((self._known(cell_mv) - self.median_mv) / scale)

    @property
    def low_no(self) -> NDArray[np.int32]:
        """Number of the lowest cell from 1, 0 = none."""
        return np.asarray(self.shown[4])

    @property
    def high_no(self) -> NDArray[np.int32]:
        """Number of the highest cell from 1, 0 = none."""
        return np.asarray(self.shown[5])

    @property
    def lost(self) -> NDArray[np.int32]:
        """Cells that are not plausible (markers, below 0.5 V, above 5 V)."""
        return np.asarray(self.shown[6])

    @property
    def sense_no(self) -> NDArray[np.int32]:
        """Number k where cells k and k + 1 mirror each other, else 0."""
        return np.asarray(self.shown[7])

    @property
    def spikes(self) -> NDArray[np.int32]:
        """Cells more than 300 mV from the median."""
        return np.asarray(self.shown[8])


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
        self._places = Places()
        self._begins = np.zeros(16, np.int64)
        self._room = Room(cells_max, cells)
        self._scratch = np.empty(k.SCRATCH, np.int32)

    def __len__(self) -> int:
        """Count the slots."""
        return len(self._places)

    @property
    def state_bytes(self) -> int:
        """Memory of the arrays in use [B], the table of keys included."""
        return 8 * self._room.used + 8 * len(self._places.keys) + self._places.state_bytes

    @property
    def cells_held(self) -> int:
        """Cells of packs and days in memory, those of places to be used again included."""
        return self._room.cells

    def watch(self, reports: PackReports, slots: Slots | None = None) -> Features:
        """Measure every report of the batch and add it to its day; return what each shows.

        slots: what `slots_of` returned for these reports, -1 where one is only to be measured.

        Raises
        ------
        LimitError
            There is no room for new packs and days; nothing was added (`evict` makes room).
        """
        shown = np.zeros((_SHOWN, len(reports)), np.int32)
        slots = self.slots_of(reports) if slots is None else slots
        r, room = reports, self._room
        whole = (r.device_at, r.level, r.flags, r.temp_max_degc, r.temp_min_degc,
                 r.insulation_kohm, r.voltage_v)  # fmt: skip
        k.watch(
            r.cells_mv, r.begins, r.counts, r.soc_pct, r.current_da, whole, slots, _near(slots),
            self._begins, int(self.rest_a * 10), np.float32(self.leak_ohm_per_v), room.words,
            room.halves, room.quarters, self._scratch, shown,
        )  # fmt: skip
        return Features(shown)

    def slots_of(self, reports: PackReports) -> Slots:
        """Return the slot of each report, made where there is none yet, -1 = has too few cells.

        Raises
        ------
        LimitError
            There is no room for new packs and days.
        """
        last = _last_words(reports)
        slots = self._places.find_each(reports.names, last)
        is_pack = (reports.counts >= k.CELLS_MIN) & (reports.counts <= limits.PACK_CELLS_MAX)
        if not is_pack.all():
            self.oversized += int(np.count_nonzero(reports.counts > limits.PACK_CELLS_MAX))
            slots[~is_pack] = -1
        is_strange = (slots < 0) & is_pack
        if is_strange.any():
            # Reports of a pack mostly follow each other.
            runs = run_begins(reports.names, last)
            runs = runs[is_strange[runs]]
            keys = _keys(reports.names[runs], last[runs])
            self._open(keys[first_rows(keys)])
            slots = np.where(is_pack, self._places.find_each(reports.names, last), -1)
        return slots

    @staticmethod
    def keys_of(reports: PackReports) -> Keys:
        """Return the key of each report, held or not."""
        return _keys(reports.names, _last_words(reports))

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

    def _open(self, keys: Keys) -> Slots:
        """Give slots to keys that have none, each once."""
        counts = keys["count"].astype(np.int64)
        begins = self._room.take(counts)
        slots = self._places.add(keys)
        if self.slots_used > len(self._begins):
            grown = np.zeros(2 * self.slots_used, np.int64)
            grown[: len(self._begins)] = self._begins
            self._begins = grown
        self._begins[slots] = begins
        return slots

    def _counts(self, slots: Slots) -> Ints:
        return np.asarray(self._places.keys["count"][slots].astype(np.int64))

    def evict(self, slots: Slots) -> None:
        """Let go of slots; their room is used again."""
        self._room.give(self._begins[slots], self._counts(slots))
        self._places.remove(slots)
        if not len(self):
            self._room.empty()

    def clear(self, slots: Slots) -> None:
        """Set slots back to nothing seen."""
        self._room.clear(self._begins[slots], self._counts(slots))

    def blocks(self, slots: Slots) -> list[Block]:
        """Return the sums of slots as copies, one block per number of cells."""
        counts = self._counts(slots)
        return [self._block(slots[counts == count], int(count)) for count in np.unique(counts)]

    def _block(self, slots: Slots, count: int) -> Block:
        return Block(self.keys(slots), *_parts(self._room.words[self._rows(slots, count)], count))

    def _rows(self, slots: Slots, count: int) -> Ints:
        """Return where the words of slots lie, shape (slots, words)."""
        words = int(row_words(np.array([count]))[0])
        return np.asarray(self._begins[slots][:, None] + np.arange(words))

    def add(self, block: Block) -> Slots:
        """Add other sums, of the same settings, to these; each key once. Return their slots.

        Raises
        ------
        LimitError
            There is no room for new packs and days.
        """
        slots = self._places.find(block.keys)
        new = np.flatnonzero(slots < 0)
        if new.size:
            slots[new] = self._open(block.keys[new])
        if len(block):
            self._join(slots, block)
        return slots

    def _join(self, slots: Slots, block: Block) -> None:
        count = block.load.shape[1]
        places = self._rows(slots, count)
        words = self._room.words[places]
        ours, theirs = Block(block.keys, *_parts(words, count)), block.heads
        for column in _ADDED:
            ours.heads[:, column] += theirs[:, column]
        for column in _LARGEST:
            ours.heads[:, column] = np.maximum(ours.heads[:, column], theirs[:, column])
        for column in _LEAST:
            ours.heads[:, column] = np.minimum(ours.heads[:, column], theirs[:, column])
        ours.heads[:, k.FLAGS] |= theirs[:, k.FLAGS]
        ours.sums[:] += block.sums
        ours.load[:] += block.load
        total = ours.tallies.astype(np.uint32) + block.tallies
        ours.tallies[:] = np.minimum(total, 65_535)
        ours.bounds[:, 0] = np.minimum(ours.bounds[:, 0], block.bounds[:, 0])
        ours.bounds[:, 1] = np.maximum(ours.bounds[:, 1], block.bounds[:, 1])
        self._room.words[places] = words

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
        key = self._places.keys[slot]
        begin, count = int(self._begins[slot]), int(key["count"])
        words = self._room.words[begin : begin + int(row_words(np.array([count]))[0])]
        return Slot(
            bytes(key["vin"]).decode("utf-8", "replace"),
            int(key["pack_no"]),
            int(key["day"]),
            *(part[0] for part in _parts(words[None], count)),
        )


def _near(slots: Slots) -> Slots:
    """Return an order in which neighbours lie near to each other, which spares memory its time."""
    if (slots[1:] >= slots[:-1]).all():
        return np.arange(len(slots))
    coarse = (slots >> max(int(slots.max()).bit_length() - 16, 0)).astype(np.uint16)
    return np.argsort(coarse, kind="stable")


def _last_words(reports: PackReports) -> NDArray[np.uint64]:
    counts = np.minimum(reports.counts, limits.PACK_CELLS_MAX + 1)
    return last_words(reports.day, counts, reports.pack_no)


def _keys(names: NDArray[np.uint64], last: NDArray[np.uint64]) -> Keys:
    return np.concatenate([names, last[:, None]], axis=1).view(KEY).reshape(-1)


def _parts(words: Ints, count: int) -> tuple[Any, ...]:
    """Return heads, sums, load, tallies and bounds of rows, shape (rows, words); views of them."""
    rows, sums, load = len(words), k.HEAD, k.HEAD + 2 * count
    marks = words[:, load + count :].view(np.uint16)
    return (
        words[:, : k.HEAD],
        words[:, sums:load].view(np.int32).reshape(rows, k.BINS + 1, count),
        words[:, load : load + count],
        marks[:, : 3 * count].reshape(rows, 3, count),
        marks[:, 3 * count : 5 * count].reshape(rows, 2, count),
    )
