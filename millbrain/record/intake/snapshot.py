"""The live state as the table vehicle_latest: written whole beside it, then exchanged with it.

Readers see one whole picture or the next, never half of one. A picture is written only when every
batch in it is on disk, so after a crash it never shows what was lost; `restore` adds the rows of
later batches to it and has exactly the state again.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core import facts
from millbrain.core.columns import Column, Columns, Ragged
from millbrain.core.errors import MillbrainError
from millbrain.core.tables import arrow_batch
from millbrain.record.intake.latest import EVENTS, Live, Picture
from millbrain.record.intake.regions import Regions
from millbrain.record.intake.things import Things, ragged_text
from millbrain.record.warehouse import Warehouse

_log = logging.getLogger(__name__)

TABLE: Final = facts.VEHICLE_LATEST.name
NEXT: Final = f"{TABLE}_next"
PERIOD_S_MIN: Final = 1.0
PERIOD_S_MAX: Final = 20.0  # pages grow no staler than that, whatever the picture costs
PERIOD_COSTS_MIN: Final = 20  # below that bound, the writer works one twentieth of the time
ROWS_AT_ONCE_MAX: Final = 200_000
SIMULATED_PREFIX: Final = b"sim-"


class Snapshots:
    """Writes pictures of the live state from a thread of its own.

    Parameters
    ----------
    warehouse, live, things, regions
        Where to, of what, and what is added to each vehicle.
    newest
        Returns the newest device times (reports, events) of so many slots; called with `live.lock`.
    settled
        Waits until a batch and all before it are on disk: ``settled(batch) -> bool``, False when
        the intake is closing and will not get there.

    """

    def __init__(
        self,
        warehouse: Warehouse,
        live: Live,
        things: Things,
        regions: Regions | None,
        newest: Callable[[int], tuple[NDArray[np.uint32], NDArray[np.uint32]]],
        settled: Callable[[int], bool],
    ) -> None:
        self.cost_s = 0.0
        self.period_s = PERIOD_S_MIN
        self.written = 0
        self.as_of_ms = 0
        self.last_error = ""
        self._warehouse, self._live, self._things, self._regions = warehouse, live, things, regions
        self._newest, self._settled = newest, settled
        self._changes = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake-snapshots")

    def start(self) -> None:
        """Begin; the tables must exist."""
        self._warehouse.execute(f"CREATE TABLE IF NOT EXISTS {NEXT} AS {TABLE}")
        self._thread.start()

    def stop(self) -> None:
        """End the thread, then write the last picture."""
        self._stop.set()
        if self._thread.ident is None:
            return  # never started: nothing was restored, and an empty picture would replace all
        self._thread.join()
        self._try()

    def touch(self) -> None:
        """Ask for a new picture although no report came: attributes have changed."""
        self._changes = -1

    def _run(self) -> None:
        while not self._stop.wait(self.period_s):
            self._try()

    def _try(self) -> None:
        try:
            self._write()
        except MillbrainError as error:
            if not self.last_error:
                _log.warning("live table not written, trying again: %s", error)
            self.last_error = str(error)
        else:
            self.last_error = ""

    def _write(self) -> None:
        with self._live.lock:
            changes = self._live.changes
            if changes == self._changes:
                return
            as_of_ms = int(time.time() * 1000)
            picture = self._live.picture()
            newest = self._newest(len(picture.vins))
        if not self._settled(picture.batch):
            return
        start_s = time.perf_counter()
        columns = self._columns(picture, newest, as_of_ms)
        self._warehouse.execute(f"TRUNCATE TABLE {NEXT}")
        for first in range(0, columns.rows, ROWS_AT_ONCE_MAX):
            rows = np.arange(first, min(first + ROWS_AT_ONCE_MAX, columns.rows))
            batch = arrow_batch(facts.VEHICLE_LATEST, columns.take(rows))
            self._warehouse.insert(facts.VEHICLE_LATEST, batch, into=NEXT)
        self._warehouse.execute(f"EXCHANGE TABLES {TABLE} AND {NEXT}")
        self.cost_s = time.perf_counter() - start_s
        self.period_s = min(PERIOD_S_MAX, max(PERIOD_S_MIN, PERIOD_COSTS_MIN * self.cost_s))
        self._changes, self.written, self.as_of_ms = changes, self.written + 1, as_of_ms

    def _columns(
        self, picture: Picture, newest: tuple[NDArray[np.uint32], NDArray[np.uint32]], as_of_ms: int
    ) -> Columns:
        seen = (picture.values["report_count"] > 0) | (picture.values["event"] > 0)
        slots = np.flatnonzero(seen)
        own = {n: v[slots] for n, v in picture.values.items() if n != "charging"}
        missing = {n: m[slots] for n, m in picture.missing.items()}
        missing["charge_start_at"] = own["charge_start_at"] == 0
        missing["event_at"] = own["event"] == 0
        vins = picture.vins[slots]
        things = self._things.lookup(vins)
        simulated = np.char.startswith(picture.links, SIMULATED_PREFIX)
        values: dict[str, Column] = {
            **own,
            **things.values,
            "vin": vins,
            "link": ragged_text(picture.links).take(own["link"]),
            "simulated": _known(things, "simulated") | simulated[own["link"]],
            "event": _event_names().take(own["event"]),
            "region_code": self._region_codes(own, missing),
            "as_of": np.full(len(slots), as_of_ms, np.int64),
            "batch": np.full(len(slots), picture.batch, np.uint64),
            "device_at_max": newest[0][slots],
            "event_device_at_max": newest[1][slots],
        }
        return Columns(len(slots), values, missing)

    def _region_codes(
        self, own: dict[str, NDArray[Any]], missing: dict[str, NDArray[np.bool_]]
    ) -> Ragged:
        rows = len(own["longitude_deg"])
        if self._regions is None:
            return ragged_text(np.array([b""])).take(np.zeros(rows, np.int64))
        nowhere = missing["longitude_deg"] | missing["latitude_deg"]
        longitude_deg = np.where(nowhere, np.nan, own["longitude_deg"])
        nearest = self._regions.nearest(longitude_deg, own["latitude_deg"])
        return ragged_text(np.append(b"", self._regions.codes)).take(nearest + 1)


def _known(things: Columns, name: str) -> NDArray[Any]:
    values = things.values[name]
    assert not isinstance(values, Ragged)
    return values


def _event_names() -> Ragged:
    return ragged_text(np.array([EVENTS.get(code, b"") for code in range(5)]))
