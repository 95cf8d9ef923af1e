"""The state in memory and how it meets the state on disk: what is dirty, joined, to be let go.

For every slot in memory it is known since which batch it was filled (`since`) and whether what is
on disk of it was added (`is_joined`). A row on disk has all batches up to its own and none after:
where that is before `since`, the two are added. Otherwise somebody else (a backfill) wrote a row
that has some of the same batches, and the slot is summed up anew from the reports.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.inputs import PackReports, on_time, pack_reports
from millbrain.analyse.battery.calc.places import KEY, Keys
from millbrain.analyse.battery.calc.sums import Block, Sums
from millbrain.analyse.battery.days_store import ROWS_AT_ONCE_MAX, DaysStore
from millbrain.analyse.battery.model import Rules
from millbrain.core import limits
from millbrain.core.columns import Columns
from millbrain.core.rooms import Facts
from millbrain.core.times import BEIJING_OFFSET_S

_log = logging.getLogger(__name__)

Slots = NDArray[np.int64]
SHORT_RATIO: Final = 0.75
_ROOM: Final = 1_024
_NEVER: Final = np.iinfo(np.int64).max


class Held:
    """Sums in memory. Used by one thread.

    Parameters
    ----------
    facts, store
        Where reports and days are on disk.
    position
        Every row of `battery_day` has all batches up to this one.
    wait_settled
        Waits until a batch and all before it are on disk.
    """

    def __init__(
        self, facts: Facts, store: DaysStore, rules: Rules, position: int,
        wait_settled: Callable[[int], None],
    ) -> None:  # fmt: skip
        self.rebuilt = self.ahead_of_time = 0
        self.sums = Sums(rules.rest_a, rules.leak_ohm_per_v, cells=limits.BATTERY_CELLS_MAX)
        self._facts, self._store, self._rules = facts, store, rules
        self._is_dirty = np.zeros(_ROOM, np.bool_)
        self._is_joined = np.zeros(_ROOM, np.bool_)
        self._since = np.full(_ROOM, _NEVER)
        self._wait_settled = wait_settled
        keys, batches = store.ahead(position)
        order = np.argsort(keys)
        self._ahead, self._ahead_batch = keys[order], batches[order]

    def add(self, reports: PackReports, batch: int | NDArray[np.int64]) -> None:
        """Add reports. batch: of all, or of each row of the batch that they were made from.

        Raises
        ------
        LimitError
            There is no room; nothing was added.
        """
        slots = self.sums.slots_of(reports)
        each = np.asarray(batch, np.int64)
        numbers = each[reports.row] if each.ndim else np.broadcast_to(each, len(slots))
        self._grow()
        slots = self._without_stored(reports, slots, numbers)
        self.sums.watch(reports, slots)
        kept = slots >= 0
        np.minimum.at(self._since, slots[kept], numbers[kept])
        self._is_dirty[slots[kept]] = True

    def _without_stored(self, reports: PackReports, slots: Slots, numbers: Slots) -> Slots:
        """Leave out what the row on disk has already: a writing that a crash cut off."""
        if not len(self._ahead) or not len(slots):
            return slots
        if int(numbers.min()) > int(self._ahead_batch.max()):
            self._ahead = self._ahead[:0]
            return slots
        rows = np.flatnonzero(slots >= 0)
        keys = self.sums.keys(slots[rows])
        place = np.minimum(np.searchsorted(self._ahead, keys), len(self._ahead) - 1)
        stored = (self._ahead[place] == keys) & (numbers[rows] <= self._ahead_batch[place])
        slots = slots.copy()
        slots[rows[stored]] = -1
        return slots

    def _grow(self) -> None:
        while len(self._since) < self.sums.slots_used:
            self._is_dirty = np.concatenate([self._is_dirty, np.zeros_like(self._is_dirty)])
            self._is_joined = np.concatenate([self._is_joined, np.zeros_like(self._is_joined)])
            self._since = np.concatenate([self._since, np.full_like(self._since, _NEVER)])

    def slices(self) -> list[Keys]:
        """Return the keys of what must be written, in parts of one insert each."""
        live = self.sums.live()
        keys = self.sums.keys(live[self._is_dirty[live]])
        months = keys["day"].astype("datetime64[D]").astype("datetime64[M]")
        keys = keys[np.lexsort((keys["count"], months))]
        ends = np.flatnonzero(np.diff(np.sort(months).astype(np.int64))) + 1
        return [
            part[i : i + ROWS_AT_ONCE_MAX]
            for part in np.split(keys, ends)
            for i in range(0, len(part), ROWS_AT_ONCE_MAX)
        ]

    def gather(self, keys: Keys, position: int) -> tuple[list[Block], Slots]:
        """Return the whole sums of keys as of `position`, and their slots; they are clean now."""
        slots = self.sums.find(keys)
        slots = slots[slots >= 0]
        slots = slots[self._is_dirty[slots]]
        self._join(slots, position)
        self._is_dirty[slots] = False
        return self.sums.blocks(slots), slots

    def soil(self, slots: Slots) -> None:
        """Take back that slots are clean: writing them failed."""
        self._is_dirty[slots] = True

    def let_go(self, slots: Slots, today: int | None) -> None:
        """Forget clean slots of days before `today` (days since 1970); None = of any day."""
        clean = slots[~self._is_dirty[slots]]
        if today is not None:
            clean = clean[self.sums.keys(clean)["day"] < today]
        self._is_joined[clean] = False
        self._since[clean] = _NEVER
        if clean.size:
            self.sums.evict(clean)

    def tidy(self, today: int) -> None:
        """Let go of days that are over; where memory runs short, of all that is on disk."""
        is_short = self.sums.cells_held > limits.BATTERY_CELLS_MAX * SHORT_RATIO
        self.let_go(self.sums.live(), None if is_short else today)

    def _join(self, slots: Slots, position: int) -> None:
        """Add what is on disk of slots to what is in memory."""
        strange = slots[~self._is_joined[slots]]
        if not strange.size:
            return
        again: list[Keys] = []
        for stored in self._store.read(self.sums.keys(strange)):
            mine = self.sums.find(stored.block.keys)
            is_before = stored.batch < self._since[mine]
            self.sums.add(stored.block.take(np.flatnonzero(is_before)))
            again.append(stored.block.keys[~is_before])
        self._is_joined[strange] = True
        overlapping = np.concatenate([np.zeros(0, KEY), *again])
        if len(overlapping):
            self._wait_settled(position)
            self._rebuild(overlapping, position)

    def _rebuild(self, keys: Keys, position: int) -> None:
        """Sum slots up anew from all their reports up to `position`."""
        _log.info("battery: %d days are summed up anew, a backfill wrote them too", len(keys))
        self.rebuilt += len(keys)
        slots = self.sums.find(keys)
        self.sums.clear(slots)
        for vin in np.unique(keys["vin"]):
            days = keys["day"][keys["vin"] == vin].astype(np.int64)
            found = reading.of_days(self._facts, [vin], days, position)
            reports = pack_reports(found.take(np.flatnonzero(on_time(found))))
            own = self.sums.find(self.sums.keys_of(reports))
            self.sums.watch(reports, np.where(np.isin(own, slots), own, -1))

    def accept(self, columns: Columns) -> Columns:
        """Return a batch without reports from the future, which are counted."""
        good = on_time(columns)
        if not good.all():
            self.ahead_of_time += int(np.count_nonzero(~good))
            columns = columns.take(np.flatnonzero(good))
        return columns


def today(now_s: float) -> int:
    """Return the day, Beijing time, of an instant [days since 1970]."""
    return int(now_s + BEIJING_OFFSET_S) // 86_400


def first_days(blocks: Sequence[Block]) -> dict[str, int]:
    """Return the vehicles of blocks, each with the first of its days among them."""
    keys = np.concatenate([b.keys for b in blocks])
    keys = keys[np.lexsort((keys["day"], keys["vin"]))]
    vins, first = np.unique(keys["vin"], return_index=True)
    return dict(zip(reading.texts(vins), keys["day"][first].tolist(), strict=True))
