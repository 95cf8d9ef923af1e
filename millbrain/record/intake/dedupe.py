"""Whether a row is the same fact as one that is stored, under way, or earlier in its batch.

`newness` settles nearly all rows from memory. The late rest is compared exactly: with its own
batch, with the batches under way, and with the warehouse, in this order; what is found nowhere is
new. A batch under way is held here until the writers say that it is on disk, so that between the
two a row is never looked for in a place that it has just left.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.core.tables import Table
from millbrain.record.intake.identity import Slots, TextIndex
from millbrain.record.intake.keys import Codes, KeySet, codes, settle_within
from millbrain.record.intake.newness import DUPLICATE, LATE, Newness
from millbrain.record.warehouse import Warehouse

VIN_BYTES_MAX: Final = 24
QUERY_KEYS_MAX: Final = 5_000  # late rows asked for at once: a parameter of about 200 KB

# IN (SELECT ...) uses the sorting key; a constant array would not. Hex, as an id may be any bytes.
_VINS_GIVEN: Final = "vin IN (SELECT unhex(arrayJoin({vins:Array(String)})))"

Verdict = NDArray[np.uint8]
Asked = Callable[[str, Callable[[], pa.Table]], pa.Table]


@dataclass(frozen=True, slots=True)
class Rows:
    """What tells the rows of one batch apart; all arrays have shape (rows,)."""

    vins: NDArray[np.bytes_]
    slots: Slots
    at: NDArray[np.uint32]
    kind: NDArray[np.uint32]

    def take(self, rows: NDArray[np.intp]) -> "Rows":
        """Return the given rows."""
        return Rows(self.vins[rows], self.slots[rows], self.at[rows], self.kind[rows])


class Duplicates:
    """Finds the duplicates of one table. Used by the intake thread only.

    Parameters
    ----------
    table
        The table whose facts these are.
    kind
        The column that tells facts of one thing and instant apart.
    warehouse
        Asked for late rows.
    index
        Slots of vehicles, shared with the live state.
    ask
        Runs a query patiently: ``ask(what, call)``.
    restored
        Whether every vehicle's mark is brought back at a start. Where not, a vehicle's newest
        instant is asked for when it is first met.

    """

    def __init__(
        self,
        table: Table,
        kind: str,
        warehouse: Warehouse,
        index: TextIndex,
        ask: Asked,
        *,
        restored: bool,
    ) -> None:
        self.newness = Newness()
        self.late_rows = 0
        self.queries = 0
        self._table, self._kind = table, kind
        self._warehouse, self._index, self._ask = warehouse, index, ask
        self._restored = restored
        self._under_way: deque[tuple[int, KeySet]] = deque()

    def check(self, rows: Rows, batch: int, settled: int) -> NDArray[np.bool_]:
        """Say of each row whether it is a duplicate.

        Parameters
        ----------
        rows
            The rows in order of arrival.
        batch
            Number of the batch that they will be stored in, if they are.
        settled
            All batches up to this one are on disk; must have been read before this call.

        Returns
        -------
        bool, shape (rows,), True where the row is a duplicate.

        """
        while self._under_way and self._under_way[0][0] <= settled:
            self._under_way.popleft()
        if not self._restored:
            self._meet(rows)
        verdict, late = self.newness.sift(rows.slots, rows.at, rows.kind)
        row_codes = codes(rows.at, rows.kind)
        if late:
            self.late_rows += late
            settle_within(rows.slots, row_codes, verdict)
            for _, keys in self._under_way:
                keys.settle(rows.slots, row_codes, verdict)
            self._settle_stored(rows, row_codes, verdict)
        duplicate: NDArray[np.bool_] = verdict == DUPLICATE
        kept = ~duplicate if duplicate.any() else slice(None)
        self._under_way.append((batch, KeySet(rows.slots[kept], row_codes[kept])))
        return duplicate

    def _meet(self, rows: Rows) -> None:
        """Bring back the marks of vehicles that are met for the first time since the start."""
        strangers = np.flatnonzero(self.newness.unknown(rows.slots))
        _, first = np.unique(rows.slots[strangers], return_index=True)
        strangers = strangers[first]
        sql = (
            f"SELECT toFixedString(vin, {VIN_BYTES_MAX}) AS vin_text, "
            f"max(toUInt32(device_at)) AS at FROM {self._table.name} "
            f"WHERE {_VINS_GIVEN} GROUP BY vin"
        )
        for start in range(0, len(strangers), QUERY_KEYS_MAX):
            some = strangers[start : start + QUERY_KEYS_MAX]
            answer = self._query(sql, {"vins": _hexes(rows.vins[some])}, len(some))
            slots = self._index.find(fixed_text(answer.column("vin_text")))
            self.newness.restore(slots, numbers(answer, "at").astype(np.uint32))

    def _settle_stored(self, rows: Rows, row_codes: Codes, verdict: Verdict) -> None:
        late = np.flatnonzero(verdict == LATE)
        # Neighbours in time are asked for together: then few parts of the table are touched.
        late = late[np.argsort(rows.at[late], kind="stable")]
        for start in range(0, len(late), QUERY_KEYS_MAX):
            some = late[start : start + QUERY_KEYS_MAX]
            stored = self._stored(np.unique(rows.vins[some]), np.unique(rows.at[some]))
            found = verdict[some]
            stored.settle(rows.slots[some], row_codes[some], found)
            verdict[some] = found

    def _stored(self, vins: NDArray[np.bytes_], at: NDArray[np.uint32]) -> KeySet:
        """Identities in the warehouse of these vehicles at these instants."""
        sql = (
            f"SELECT toFixedString(vin, {VIN_BYTES_MAX}) AS vin_text, toUInt32(device_at) AS at, "
            f"toUInt32({self._kind}) AS kind FROM {self._table.name} "
            f"WHERE {_VINS_GIVEN} AND device_at IN "
            "(SELECT toDateTime(arrayJoin({at:Array(UInt32)}), 'UTC'))"
        )
        answer = self._query(sql, {"vins": _hexes(vins), "at": at.tolist()}, len(vins))
        slots = self._index.find(fixed_text(answer.column("vin_text")))
        return KeySet(slots, codes(numbers(answer, "at"), numbers(answer, "kind")))

    def _query(self, sql: str, params: dict[str, Any], vehicles: int) -> pa.Table:
        self.queries += 1
        return self._ask(
            f"check of {vehicles} vehicles against {self._table.name}",
            lambda: self._warehouse.query(sql, params),
        )


def _hexes(vins: NDArray[np.bytes_]) -> list[str]:
    return [v.hex() for v in vins.tolist()]


def fixed_text(column: "pa.ChunkedArray[Any]") -> NDArray[np.bytes_]:
    """Return a FixedString column of an answer as NumPy ``S``, without an object a row."""
    array = column.combine_chunks()
    width = array.type.byte_width
    raw = array.buffers()[1]
    text = np.frombuffer(memoryview(raw or b""), f"S{width}")
    return text[array.offset : array.offset + len(array)]


def numbers(answer: pa.Table, name: str) -> NDArray[Any]:
    """Return a numeric column of an answer as NumPy; missing values are 0."""
    column = answer.column(name)
    zero: Any = 0
    return np.asarray((column.fill_null(zero) if column.null_count else column).to_numpy())
