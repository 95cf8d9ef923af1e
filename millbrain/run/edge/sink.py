"""Where the rooms of an edge put what they read: checked, ruled over, and committed in groups."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Final

import numpy as np

from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter, Delivery, Ragged
from millbrain.core.errors import StoreError
from millbrain.core.plant import admission
from millbrain.core.plant.readings import READING
from millbrain.run.edge.buffer import Buffer
from millbrain.run.edge.packing import Rows, joined

log = logging.getLogger(__name__)

Local = Callable[[Rows], Rows | None]  # rows that came in -> rows that rules make of them
_FULL_WAIT_S: Final = 1.0


class EdgeSink:
    """Takes deliveries into the buffer; implements `core.rooms.Sink`.

    importance: patterns of ``thing/signal`` with a number each, the first that fits counts; 0 else.
    local: rules and models of the edge. committed: called after each commit.
    """

    def __init__(
        self, buffer: Buffer, importance: Sequence[tuple[str, int]] = (), local: Local | None = None
    ) -> None:
        self.committed: Callable[[], None] = lambda: None
        self._buffer, self._patterns, self._local = buffer, importance, local
        self._changed = threading.Condition()
        self._waiting: list[Delivery] = []
        self._rows = 0
        self._closed = False
        self._ranks: dict[int, int] = {}
        self.links: dict[str, tuple[int, int]] = {}  # connection -> values, last at [ms]
        self._thread = threading.Thread(target=self._run, name="edge-buffer")

    def start(self) -> None:
        """Begin to take deliveries."""
        self._thread.start()

    def put(self, delivery: Delivery) -> None:
        """Take a delivery, waiting while buffer or queue are full.

        Raises
        ------
        StoreError
            The edge is stopping; the delivery was not taken.
        """
        rows = sum(c.rows for c in delivery.tables.values()) + len(delivery.rejected)
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._rows < limits.DELIVERY_ROWS_QUEUED_MAX
            )
            if self._closed:
                raise StoreError(f"edge: it is stopping, {rows} rows were refused")
            self._waiting.append(delivery)
            self._rows += rows
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more; whoever waits for room is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Store what was taken, as long as the buffer has room, and end the thread."""
        self.close()
        if self._thread.ident is not None:  # it was started
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                if not self._closed and self._rows < limits.COMMIT_ROWS_MAX:
                    self._changed.wait(limits.COMMIT_WAIT_MS_MAX / 1000)
                taken, self._waiting, self._rows = self._waiting, [], 0
                self._changed.notify_all()
            if not self._commit(taken):
                log.error("edge: the buffer had no room until the end; it was not acknowledged")
                return

    def _commit(self, taken: Sequence[Delivery]) -> bool:
        """Store deliveries and acknowledge them; False where the edge ended before there was room.

        What our own code trips over is refused with its delivery, so that the others go on.
        """
        try:
            parts, letters = self._parts(taken)
        except StoreError:
            parts = None
        except Exception:
            log.exception("edge: a delivery could not be processed")
            if len(taken) > 1:
                return all(self._commit([d]) for d in taken)
            parts, letters = [], _refused(taken[0])
        while True:
            if self._buffer.wait_for_room(_FULL_WAIT_S):
                try:
                    if parts is None:
                        parts, letters = self._parts(taken)
                    self._buffer.write(parts, letters)
                    break
                except StoreError as e:
                    log.warning("edge: %s; waiting", e)
                    time.sleep(_FULL_WAIT_S)
            if self._closed:
                return False
        for delivery in taken:
            if delivery.on_commit:
                delivery.on_commit()
        self.committed()
        return True

    def _parts(self, taken: Sequence[Delivery]) -> tuple[list[tuple[int, Rows]], list[DeadLetter]]:
        parts: list[Rows] = []
        letters: list[DeadLetter] = []
        for delivery in taken:
            letters += delivery.rejected
            columns = delivery.tables.get(READING.name)
            if columns is not None and columns.rows:
                fit, faults = admission.admitted(columns)
                if faults.any():
                    letters += admission.letters(fit, faults, admission.FAULTS)
                    fit = fit.take(np.flatnonzero(faults == 0))
                parts.append(self._rows_of(fit))
            now_ms = time.time_ns() // 1_000_000
            for link, values in delivery.received.items():
                self.links[link] = (self.links.get(link, (0, 0))[0] + values, now_ms)
        if not parts:
            return [], letters
        rows = joined(parts)
        made = self._local(rows) if self._local else None
        return self._ranked(joined([rows, made]) if made else rows), letters

    def _rows_of(self, columns: Columns) -> Rows:
        things = [t.decode("utf-8", "replace") for t in columns.array("thing").tolist()]
        signals = [s.decode("utf-8", "replace") for s in columns.array("signal").tolist()]
        value = columns.array("value").astype(np.float64)
        missing = columns.missing.get("value")
        if missing is not None:
            value = np.where(missing, np.nan, value)
        return Rows(
            np.array(self._buffer.series(list(zip(things, signals, strict=True))), np.int32),
            columns.array("device_at").astype(np.int64),
            value,
            columns.array("quality").astype(np.uint8),
            _texts(columns),
        )

    def _ranked(self, rows: Rows) -> list[tuple[int, Rows]]:
        """Part rows by importance."""
        if not self._patterns:
            return [(0, rows)]
        for number in np.unique(rows.series).tolist():
            if number not in self._ranks:
                name = "/".join(self._buffer.names[number])
                fits = (n for pattern, n in self._patterns if fnmatchcase(name, pattern))
                self._ranks[number] = next(fits, 0)
        ranks = np.array([self._ranks[n] for n in rows.series.tolist()])
        return [(int(r), rows.take(np.flatnonzero(ranks == r))) for r in np.unique(ranks)]


def _texts(columns: Columns) -> list[bytes] | None:
    column: Any = columns.values.get("text")
    if column is None:
        return None
    if isinstance(column, Ragged):
        raw, ends = column.values.tobytes(), column.offsets.tolist()
        texts = [raw[a:b] for a, b in pairwise(ends)]
    else:
        texts = [bytes(t) for t in column.tolist()]
    return texts if any(texts) else None


def _refused(delivery: Delivery) -> list[DeadLetter]:
    now_ms = time.time_ns() // 1_000_000
    return [
        DeadLetter(link, "fault", f"{values} values could not be processed; see the log", b"",
                   now_ms, values)
        for link, values in delivery.received.items()
    ]  # fmt: skip
