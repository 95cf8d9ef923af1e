"""The newest values as the table reading_latest: the changed series, again and again.

Rows of one series are versions of each other, the one with the latest `as_of` holds. A picture is
written only when every batch in it is on disk, so after a crash it never shows what was lost. Only
its last part names the batch that it stands at: a picture that was cut off is read as the one
before it, and the readings since then are applied again.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from millbrain.core.columns import Column, Columns
from millbrain.core.errors import MillbrainError
from millbrain.core.plant.readings import READING_LATEST
from millbrain.core.tables import arrow_batch
from millbrain.record.intake.series.latest import Live, Picture
from millbrain.record.intake.series.marks import Marks
from millbrain.record.intake.snapshot import PERIOD_COSTS_MIN, PERIOD_S_MAX, PERIOD_S_MIN
from millbrain.record.intake.things import ragged_text
from millbrain.record.warehouse import Warehouse

_log = logging.getLogger(__name__)

ROWS_AT_ONCE_MAX: Final = 200_000


class Snapshots:
    """Writes pictures of the newest values from a thread of its own.

    Parameters
    ----------
    warehouse, live, marks, lock
        Where to, of what; `live` and `marks` are read under `lock`.
    settled
        Waits until a batch and all before it are on disk: ``settled(batch) -> bool``, False when
        the intake is closing and will not get there.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        live: Live,
        marks: Marks,
        lock: threading.Lock,
        settled: Callable[[int], bool],
    ) -> None:
        self.cost_s = 0.0
        self.period_s = PERIOD_S_MIN
        self.as_of_ms = 0
        self.written_batch = 0
        self.last_error = ""
        self._warehouse, self._live, self._marks = warehouse, live, marks
        self._lock, self._settled = lock, settled
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake-series")

    def start(self) -> None:
        """Begin; the table must exist and what it held be restored."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, then write the last picture."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
            self._try()

    def _run(self) -> None:
        while not self._stop.wait(self.period_s):
            self._try()

    def _try(self) -> None:
        with self._lock:
            picture = self._live.picture()
            newest, gaps = self._marks.picture(picture.slots)
        if not len(picture.slots):
            return
        try:
            if self._settled(picture.batch):
                self._write(picture, newest, gaps)
                self.last_error = ""
                return
        except MillbrainError as error:
            if not self.last_error:
                _log.warning("newest readings not written, trying again: %s", error)
            self.last_error = str(error)
        with self._lock:
            self._live.forget(picture)

    def _write(
        self,
        picture: Picture,
        newest: "np.ndarray[tuple[int], np.dtype[np.int64]]",
        gaps: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    ) -> None:
        start_s = time.perf_counter()
        # A clock that was set back must not make a new version look old.
        self.as_of_ms = max(int(time.time() * 1000), self.as_of_ms + 1)
        rows = len(picture.slots)
        with self._lock:
            things, signals = self._live.index.names(picture.slots)
            links = self._live.links.texts().copy()
        values: dict[str, Column] = {
            **picture.values,
            "thing": things,
            "signal": signals,
            "link": links[picture.values["link"]],
            "device_at_max": newest,
            "gap_from": gaps[:, 0],
            "gap_to": gaps[:, 1],
            "as_of": np.full(rows, self.as_of_ms, np.int64),
        }
        if any(picture.texts):
            values["text"] = ragged_text(np.array(picture.texts, object))
        whole = Columns(rows, values, {"value": picture.missing})
        for first in range(0, rows, ROWS_AT_ONCE_MAX):
            part = whole.take(np.arange(first, min(first + ROWS_AT_ONCE_MAX, rows)))
            is_last = first + ROWS_AT_ONCE_MAX >= rows
            batch = picture.batch if is_last else self.written_batch
            part.values["batch"] = np.full(part.rows, batch, np.uint64)
            self._warehouse.insert(READING_LATEST, arrow_batch(READING_LATEST, part))
        self.written_batch = picture.batch
        self.cost_s = time.perf_counter() - start_s
        self.period_s = min(PERIOD_S_MAX, max(PERIOD_S_MIN, PERIOD_COSTS_MIN * self.cost_s))
