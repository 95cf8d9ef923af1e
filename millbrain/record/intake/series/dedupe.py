"""Whether a reading is the same fact as one that is stored, under way, or earlier in its batch.

As for vehicles (`intake.dedupe`): the marks settle nearly all rows from memory, the late rest is
compared exactly with its own batch, the batches under way and the warehouse, in this order.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.core.columns import Columns
from millbrain.core.plant.readings import READING
from millbrain.record.intake.dedupe import fixed_text, numbers
from millbrain.record.intake.identity import Slots
from millbrain.record.intake.keys import KeySet, settle_within
from millbrain.record.intake.newness import DUPLICATE, LATE
from millbrain.record.intake.series.index import NAME_BYTES_MAX, SeriesIndex
from millbrain.record.intake.series.marks import Marks
from millbrain.record.warehouse import Warehouse

QUERY_KEYS_MAX: Final = 5_000  # late rows asked for at once ...
QUERY_BYTES_MAX: Final = 400_000  # ... and bytes of their names: a server takes 1 MiB of parameters

# The whole key in one IN: the primary index finds each identity. Hex, as a name may be any bytes.
_STORED_SQL: Final = (
    f"SELECT toFixedString(thing, {NAME_BYTES_MAX}) AS thing_text, "
    f"toFixedString(signal, {NAME_BYTES_MAX}) AS signal_text, "
    f"toUnixTimestamp64Milli(device_at) AS at FROM {READING.name} "
    "WHERE (thing, signal, device_at) IN (SELECT unhex(tupleElement(k, 1)), "
    "unhex(tupleElement(k, 2)), fromUnixTimestamp64Milli(tupleElement(k, 3), 'UTC') FROM "
    "(SELECT arrayJoin(arrayZip({things:Array(String)}, {signals:Array(String)}, "
    "{at:Array(Int64)})) AS k))"
)

Asked = Callable[[str, Callable[[], pa.Table]], pa.Table]


class Duplicates:
    """Finds readings that are there already. Used by the intake thread only.

    Parameters
    ----------
    warehouse
        Asked for late rows.
    index, marks, lock
        Slots and marks of the series, changed under `lock`, which is never held over a query.
    ask
        Runs a query patiently: ``ask(what, call)``.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        index: SeriesIndex,
        marks: Marks,
        lock: threading.Lock,
        ask: Asked,
    ) -> None:
        self.late_rows = 0
        self.queries = 0
        self._warehouse, self._index, self._marks = warehouse, index, marks
        self._lock, self._ask = lock, ask
        self._under_way: deque[tuple[int, KeySet]] = deque()

    def check(self, rows: Columns, slots: Slots, batch: int, settled: int) -> NDArray[np.bool_]:
        """Say of each row, in order of arrival, whether it is a duplicate.

        batch: number of the batch that the rows will be stored in. settled: all batches up to this
        one are on disk; must have been read before this call.
        """
        while self._under_way and self._under_way[0][0] <= settled:
            self._under_way.popleft()
        at = rows.array("device_at")
        with self._lock:
            verdict, late = self._marks.sift(slots, at)
        codes = at.view(np.uint64)
        if late:
            self.late_rows += late
            settle_within(slots, codes, verdict)
            for _, keys in self._under_way:
                keys.settle(slots, codes, verdict)
            self._settle_stored(rows, slots, verdict)
        duplicate: NDArray[np.bool_] = verdict == DUPLICATE
        kept = ~duplicate if duplicate.any() else slice(None)
        self._under_way.append((batch, KeySet(slots[kept], codes[kept])))
        return duplicate

    def _settle_stored(self, rows: Columns, slots: Slots, verdict: NDArray[np.uint8]) -> None:
        at = rows.array("device_at")
        late = np.flatnonzero(verdict == LATE)
        # Neighbours in time are asked for together: then few parts of the table are touched.
        late = late[np.argsort(at[late], kind="stable")]
        width = 2 * (rows.array("thing").itemsize + rows.array("signal").itemsize) + 24
        keys_max = min(QUERY_KEYS_MAX, QUERY_BYTES_MAX // width)
        for start in range(0, len(late), keys_max):
            some = late[start : start + keys_max]
            found = verdict[some]
            self._stored(rows, some).settle(slots[some], at[some].view(np.uint64), found)
            verdict[some] = found

    def _stored(self, rows: Columns, some: NDArray[np.intp]) -> KeySet:
        """Identities in the warehouse among those of the given rows."""
        params: dict[str, Any] = {
            "things": [t.hex() for t in rows.array("thing")[some].tolist()],
            "signals": [s.hex() for s in rows.array("signal")[some].tolist()],
            "at": rows.array("device_at")[some].tolist(),
        }
        self.queries += 1
        answer = self._ask(
            f"check of {len(some)} readings against {READING.name}",
            lambda: self._warehouse.query(_STORED_SQL, params),
        )
        slots = self._index.find(
            fixed_text(answer.column("thing_text")), fixed_text(answer.column("signal_text"))
        )
        return KeySet(slots, numbers(answer, "at").astype(np.int64).view(np.uint64))
