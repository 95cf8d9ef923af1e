"""The threads that put batches on disk, in any order, and tell the drivers in order."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from millbrain.core import facts, limits
from millbrain.core.columns import Columns, DeadLetter
from millbrain.core.tables import Table, arrow_batch
from millbrain.record.intake.batches import TABLES, Batch
from millbrain.record.intake.patience import GaveUpError, Patience
from millbrain.record.intake.recovery import insert_ledger
from millbrain.record.warehouse import Warehouse

_log = logging.getLogger(__name__)

WRITERS: Final = 2


class Writers:
    """Two threads, at most `limits.COMMITS_IN_FLIGHT_MAX` batches between them.

    Parameters
    ----------
    warehouse, patience
        Where to, and how a refusing store is waited out.
    committed
        Called with each batch once it is on disk, in the order that batches reach it.

    """

    def __init__(
        self, warehouse: Warehouse, patience: Patience, committed: Callable[[Batch], None]
    ) -> None:
        self._warehouse, self._patience, self._committed = warehouse, patience, committed
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._under_way: dict[int, Batch] = {}
        self._done: dict[int, Batch] = {}
        self._settled = 0
        self._gave_up = False
        self._held = False
        self.failed = ""
        self._threads = [
            threading.Thread(target=self._run, name=f"intake-writer-{n}") for n in range(WRITERS)
        ]

    def start(self, settled: int) -> None:
        """Begin; the next batch has number ``settled + 1``."""
        self._settled = settled
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write what is under way and end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def put(self, batch: Batch) -> None:
        """Hand over a batch, waiting while too many are under way.

        Raises
        ------
        GaveUpError
            The writers are closing and the store still refuses.

        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._gave_up or (self._may_take(batch.number) and not self._held)
            )
            if self._gave_up:
                raise GaveUpError(f"commit {batch.number}")
            self._under_way[batch.number] = batch
        self._queue.put(batch)

    @contextlib.contextmanager
    def hold(self, wait_s: float) -> Iterator[bool]:
        """Let no batch be half on disk meanwhile: the tables then agree with one another.

        Yields whether that was reached within `wait_s`; a full disk may keep a batch for ever.
        """
        with self._changed:
            self._held = True
        try:
            with self._changed:
                is_quiet = self._changed.wait_for(lambda: not self._under_way, wait_s)
            yield is_quiet
        finally:
            with self._changed:
                self._held = False
                self._changed.notify_all()

    @property
    def settled(self) -> int:
        """All batches up to this one are on disk and acknowledged."""
        return self._settled

    def wait_settled(self, batch: int) -> bool:
        """Wait until `batch` and all before it are on disk; False where that was given up."""
        with self._changed:
            self._changed.wait_for(lambda: self._gave_up or self._settled >= batch)
            return self._settled >= batch

    def rows_in_flight(self) -> int:
        """Rows handed over and not yet on disk."""
        with self._changed:
            return sum(b.rows for n, b in self._under_way.items() if n not in self._done)

    def _may_take(self, number: int) -> bool:
        busy = len(self._under_way) - len(self._done)
        return (
            busy < limits.COMMITS_IN_FLIGHT_MAX
            and number - self._settled <= limits.COMMITS_APART_MAX
        )

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            try:
                self._store(batch)
            except GaveUpError:
                self._give_up(batch)
            except Exception as error:
                # Neither the store's refusal nor bad data, but a mistake of ours: say so and close,
                # since the next start finds everything that was acknowledged.
                _log.exception("batch %d could not be written; the intake stops", batch.number)
                self.failed = (
                    f"intake stopped: batch {batch.number} could not be written, "
                    f"{type(error).__name__}: {error}; restart the engine"
                )
                self._give_up(batch)
            else:
                self._settle(batch)

    def _store(self, batch: Batch) -> None:
        name = f"commit {batch.number} ({batch.rows} rows)"
        if batch.rejected:
            self._insert(batch, name, facts.DEAD_LETTER, _letter_columns(batch.rejected))
        for table in TABLES.values():
            if table.name in batch.tables and batch.tables[table.name].rows:
                self._insert(batch, name, table, batch.tables[table.name])
        if batch.ledger is not None and batch.ledger.rows:
            ledger = batch.ledger
            self._persist(batch, name, facts.INTAKE, lambda: insert_ledger(self._warehouse, ledger))
        self._committed(batch)

    def _insert(self, batch: Batch, name: str, table: Table, rows: Columns) -> None:
        number = np.full(rows.rows, batch.number, np.uint64)
        arrow = arrow_batch(
            table, Columns(rows.rows, {**rows.values, "batch": number}, rows.missing)
        )
        self._persist(batch, name, table, lambda: self._warehouse.insert(table, arrow))

    def _persist(self, batch: Batch, name: str, table: Table, insert: Callable[[], None]) -> None:
        def once() -> None:
            if table.name not in batch.inserted:
                insert()
                batch.inserted.append(table.name)

        def check() -> None:
            # An insert whose answer was lost may be on disk all the same.
            sql = f"SELECT count() FROM {table.name} WHERE batch = {batch.number}"
            if self._warehouse.query(sql).column(0)[0].as_py():
                batch.inserted.append(table.name)

        self._patience.persist(name, once, check)

    def _settle(self, batch: Batch) -> None:
        with self._changed:
            self._done[batch.number] = batch
            ready = []
            while self._settled + 1 in self._done:
                self._settled += 1
                ready.append(self._done.pop(self._settled))
                del self._under_way[self._settled]
            for settled in ready:  # under the lock: two writers must not overtake each other here
                _acknowledge(settled)
            self._changed.notify_all()

    def _give_up(self, batch: Batch) -> None:
        with self._changed:
            self._gave_up = True
            self._under_way.pop(batch.number, None)
            self._changed.notify_all()


def _acknowledge(batch: Batch) -> None:
    try:
        batch.receipt.stored()
    except Exception:
        _log.exception("batch %d is stored, but telling a driver so failed", batch.number)


def _letter_columns(letters: list[DeadLetter]) -> Columns:
    keep = limits.DEAD_LETTER_BYTES_MAX
    return Columns(
        len(letters),
        {
            "received_at": np.array([d.received_ms for d in letters], np.int64),
            "link": _objects([d.link.encode() for d in letters]),
            "reason": _objects([d.reason.encode() for d in letters]),
            "detail": _objects([d.detail.encode(errors="replace") for d in letters]),
            "frame_count": np.array([d.frames for d in letters], np.uint8),
            "raw": _objects([d.raw[:keep] for d in letters]),
        },
    )


def _objects(texts: list[bytes]) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    """Bytes as objects: a padded NumPy text would lose their trailing NULs."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
