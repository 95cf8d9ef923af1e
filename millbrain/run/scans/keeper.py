"""Scans inside the web process: a scan is answered here, and what was left is brought to an end.

Somebody stands at the machine and waits, so a scan goes through no other process. What a killed one
left is found by the next (`decide.recipes.app`), with a look a second.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from millbrain.core.scans.recipes import Asked, Scan
from millbrain.core.times import utc_from_epoch
from millbrain.decide.recipes.app import Recipes
from millbrain.decide.recipes.controller import LineController
from millbrain.record.ledger import Ledger
from millbrain.run.scans.machines import Controllers, Engine, MachineController
from millbrain.run.scans.uplink import ResolverUplink

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
_ADDRESS_S: Final = 1.0  # for so long the address of a controller is remembered


class ScanKeeper:
    """Answers scans and brings to an end what was left, until it is stopped.

    Parameters
    ----------
    ledger
        Where recipes and scans are kept.
    uplink
        The resolver.
    time_zone
        Of the plant.
    engine
        Returns the running engine, through which machines are written to; None = there is none.
    """

    def __init__(
        self, ledger: Ledger, uplink: ResolverUplink, time_zone: str,
        engine: Callable[[], Engine] | None = None,
    ) -> None:  # fmt: skip
        self._book = ledger.recipes
        self._uplink = uplink
        self._known: dict[str, tuple[float, str]] = {}
        self._lines = LineController(self._address_of)
        machines = MachineController(ledger, engine or _no_engine, self._address_of)
        controllers = Controllers(self._lines, machines, self._address_of)
        self._recipes = Recipes(ledger.recipes, ledger.scans, controllers, uplink, _now,
                                ZoneInfo(time_zone))  # fmt: skip
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scans", daemon=True)
        self._trouble = ""

    def start(self) -> "ScanKeeper":
        """Begin in a thread of its own; return itself."""
        self._thread.start()
        return self

    def scan(self, asked: Asked) -> Scan:
        """Resolve, check, write and read back; the answer is on disk when this returns."""
        return self._recipes.scan(asked)

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        told = dict(self._recipes.status())
        return told | {"trouble": told["trouble"] or self._trouble}

    def stop(self) -> None:
        """End the thread; the ledger must still be open."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._lines.close()
        self._uplink.close()

    def _address_of(self, station: str) -> str:
        at, address = self._known.get(station, (-_ADDRESS_S, ""))
        if time.monotonic() - at > _ADDRESS_S:
            found = self._book.station(station)
            address = found.address if found else ""
            self._known[station] = (time.monotonic(), address)
        return address

    def _run(self) -> None:
        self._book.forget_parts()
        while not self._stopping.is_set():
            try:
                self._recipes.tick()
            except Exception as trouble:
                if not self._trouble:
                    log.exception("scans failed, tried again each turn")
                self._trouble = str(trouble)
            else:
                self._trouble = ""
            self._stopping.wait(TICK_S)


def _no_engine() -> Engine:
    raise ConnectionError("no engine is running; machines cannot be written to")


def _now() -> datetime:
    return utc_from_epoch(time.time())
