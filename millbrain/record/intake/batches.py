"""From deliveries to batches: joined, numbered, and cut so that one commit is one atomic part."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core import facts, limits
from millbrain.core.columns import Columns, DeadLetter, Delivery, Outcome, concat
from millbrain.core.plant.readings import READING
from millbrain.core.tables import Table

TABLES: Final[Mapping[str, Table]] = {
    t.name: t for t in (facts.LINK_EVENT, facts.RAW_FRAME, facts.VEHICLE_REPORT, READING)
}
COUNTED: Final = (facts.LINK_EVENT.name, facts.VEHICLE_REPORT.name, READING.name)
ROWS_MAX: Final[Mapping[str, int]] = {  # rows of a table that fill a commit
    name: limits.COMMIT_READINGS_MAX if name == READING.name else limits.COMMIT_ROWS_MAX
    for name in TABLES
}
ORIGIN: Final = "_origin"  # delivery of a reading, while its duplicates are counted; not stored
# Fact tables are partitioned by UTC day, the ledger counts by Beijing day: both change only at
# multiples of eight hours UTC, so rows of one such span share both.
SPAN_MS: Final = 8 * 3600 * 1000


class Receipt:
    """Says to the drivers that their deliveries are on disk, once all batches of them are."""

    def __init__(self, callbacks: Sequence[Callable[[], None]], batches: int) -> None:
        self._callbacks = callbacks
        self._left = batches
        self._lock = threading.Lock()

    def stored(self) -> None:
        """Count one batch as stored; the last one calls the drivers."""
        with self._lock:
            self._left -= 1
            ready = self._left == 0
        if ready:
            for callback in self._callbacks:
                callback()


@dataclass(slots=True)
class Batch:
    """What one commit stores. received: link -> frames; first_ms: arrival of the oldest row."""

    tables: dict[str, Columns]
    rejected: list[DeadLetter]
    received: Mapping[bytes, int]
    receipt: Receipt
    number: int = 0
    ledger: Columns | None = None
    first_ms: int = 0
    outcomes: Sequence[Outcome | None] = ()
    inserted: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of all tables and dead letters."""
        return sum(c.rows for c in self.tables.values()) + len(self.rejected)


def batches(deliveries: Sequence[Delivery]) -> list[Batch]:
    """Join deliveries; one batch, or more where they span a day's end or are very large.

    Raises
    ------
    KeyError
        A delivery carries a table that the intake does not know.

    """
    tables = {}
    for name in {n for d in deliveries for n in d.tables}:
        parts = [d.tables[name] for d in deliveries if name in d.tables and d.tables[name].rows]
        if parts:
            tables[name] = _completed(concat(parts, TABLES[name]), TABLES[name])
    rejected = [letter for d in deliveries for letter in d.rejected]
    received: Counter[bytes] = Counter()
    for delivery in deliveries:
        for link, frames in delivery.received.items():
            received[link.encode()] += frames
    callbacks = [d.on_commit for d in deliveries if d.on_commit is not None]
    outcomes = _trace(deliveries, tables)
    keys = {name: _keys(received_ms(c), ROWS_MAX[name]) for name, c in tables.items()}
    letter_keys = _keys(np.array([d.received_ms for d in rejected], np.int64))
    distinct = np.unique(np.concatenate([*keys.values(), letter_keys]))
    if len(distinct) < 2:
        return [Batch(tables, rejected, received, Receipt(callbacks, 1), outcomes=outcomes)]
    receipt = Receipt(callbacks, len(distinct))
    cut = [
        Batch(
            _where(tables, keys, key),
            _letters(rejected, letter_keys, key),
            {},
            receipt,
            outcomes=outcomes,
        )
        for key in distinct
    ]
    _share(received, cut)
    return cut


def _trace(deliveries: Sequence[Delivery], tables: dict[str, Columns]) -> list[Outcome | None]:
    """Mark each reading with its delivery where somebody wants to know what became of it."""
    outcomes = [d.outcome for d in deliveries]
    if READING.name in tables and any(o is not None for o in outcomes):
        rows = [d.tables[READING.name].rows if READING.name in d.tables else 0 for d in deliveries]
        origin = np.repeat(np.arange(len(rows), dtype=np.int32), rows)
        tables[READING.name].values[ORIGIN] = origin
        return outcomes
    return []


def tell_outcomes(batch: Batch, twice: NDArray[np.bool_]) -> None:
    """Add a batch's readings to the outcomes of their deliveries; twice: True for duplicates."""
    columns = batch.tables[READING.name]
    origin = columns.values.pop(ORIGIN, None)
    if origin is None:
        return
    total = np.bincount(np.asarray(origin), minlength=len(batch.outcomes))
    duplicate = np.bincount(np.asarray(origin)[twice], minlength=len(batch.outcomes))
    for outcome, of_all, again in zip(
        batch.outcomes, total.tolist(), duplicate.tolist(), strict=True
    ):
        if outcome is not None:
            outcome.stored += of_all - again
            outcome.duplicate += again


def _completed(columns: Columns, table: Table) -> Columns:
    """Add the code columns that no frame of the batch carried: their blank is 255, not 0."""
    blank = {
        c.name: np.full(columns.rows, c.blank, np.uint8)
        for c in table.columns
        if c.blank and c.name not in columns.values
    }
    return Columns(columns.rows, {**columns.values, **blank}, columns.missing)


def received_ms(columns: Columns) -> NDArray[np.int64]:
    """Return the arrival of each row [ms since 1970 UTC]."""
    values = columns.values["received_at"]
    return np.asarray(values).astype(np.int64, copy=False)


def frames_of(columns: Columns) -> NDArray[Any]:
    """Return how many frames each row stands for."""
    return np.asarray(columns.values["frame_count"])


def _keys(ms: NDArray[np.int64], rows_max: int = limits.COMMIT_ROWS_MAX) -> NDArray[np.int64]:
    """Span of each row, and within it which twice `rows_max` rows it belongs to."""
    share = np.arange(len(ms), dtype=np.int64) // (2 * rows_max)
    return (ms // SPAN_MS << 20) + share


def _where(
    tables: Mapping[str, Columns], keys: Mapping[str, NDArray[np.int64]], key: np.int64
) -> dict[str, Columns]:
    rows = {name: np.flatnonzero(keys[name] == key) for name in tables}
    return {name: tables[name].take(r) for name, r in rows.items() if len(r)}


def _letters(
    rejected: list[DeadLetter], keys: NDArray[np.int64], key: np.int64
) -> list[DeadLetter]:
    return [rejected[i] for i in np.flatnonzero(keys == key)]


def _share(received: Mapping[bytes, int], cut: Sequence[Batch]) -> None:
    """Give each batch its own frames as received, and the first what is left over."""
    left = Counter(received)
    for batch in cut[1:]:
        batch.received = own = _own_frames(batch)
        left.subtract(own)
    cut[0].received = left


def _own_frames(batch: Batch) -> Counter[bytes]:
    own: Counter[bytes] = Counter()
    for name in COUNTED:
        if name in batch.tables:
            columns = batch.tables[name]
            links = np.asarray(columns.values["link"], np.bytes_)
            names, place = np.unique(links, return_inverse=True)
            for link, frames in zip(
                names.tolist(), np.bincount(place, frames_of(columns)), strict=True
            ):
                own[link] += int(frames)
    for letter in batch.rejected:
        own[letter.link.encode()] += letter.frames
    return own
