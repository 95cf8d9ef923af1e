"""Work orders and notices inside the engine: a look a second at what is missing and what is due."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from millbrain.core.findings import Verdict
from millbrain.core.rooms import Watching
from millbrain.core.times import utc_from_epoch
from millbrain.core.work.working_time import WorkingCalendar, china
from millbrain.decide.notices.app import Sender
from millbrain.decide.orders.app import Orders
from millbrain.decide.orders.model import OrderRules
from millbrain.record.ledger import Ledger
from millbrain.run.settings import Settings

log = logging.getLogger(__name__)

TICK_S: Final = 1.0  # between two looks
CALENDAR_WARNED: Final = "holidays of %d are not known: deadlines leave out weekends only"


def calendar_of(settings: Settings) -> WorkingCalendar:
    """Return when people work, by the settings.

    Raises
    ------
    SettingsError
        Shifts overlap or end before they start.
    """
    own = settings.decide
    zone = ZoneInfo(settings.time_zone)
    return china(zone, own.shifts, own.holidays, own.working_days)


class OrderKeeper:
    """Keeps work orders up to date and sends notices until it is stopped.

    Parameters
    ----------
    ledger
        Where orders and the outbox are.
    settings
        Rules, working time, zone and the address of the pages.
    apps
        Returns the running apps, which say what became of a repaired part.
    """

    def __init__(
        self, ledger: Ledger, settings: Settings, apps: Callable[[], Mapping[str, Watching]]
    ) -> None:
        calendar = calendar_of(settings)
        self._apps = apps
        self._orders = Orders(
            ledger.orders, calendar, OrderRules.of(settings.decide.orders), self._verdict, _now
        )  # fmt: skip
        self._sender = Sender(
            ledger.outbox, calendar.zone, _now, settings.decide.site, settings.decide.notices
        )  # fmt: skip
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="orders", daemon=True)
        self._troubles: dict[str, str] = {}
        year = _now().astimezone(calendar.zone).year
        if not calendar.is_known(year):
            log.warning(CALENDAR_WARNED, year)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """Describe what keeps it from working, empty where nothing does."""
        return {"is_alive": self._thread.is_alive(), "troubles": sorted(self._troubles.values())}

    def stop(self) -> None:
        """End the thread and the tries under way; the ledger must still be open."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._sender.stop()

    def _verdict(self, app: str, key: str, since: int) -> Verdict | None:
        running = self._apps().get(app)
        return running.verdict(key, since) if running else None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._try("orders", self._orders.tick)
            self._try("notices", self._sender.tick)
            self._stopping.wait(TICK_S)

    def _try(self, what: str, work: Callable[[], None]) -> None:
        """Work; a store that refuses is tried again at the next turn and logged once."""
        try:
            work()
        except Exception as trouble:
            if what not in self._troubles:
                log.exception("%s failed, tried again each turn", what)
            self._troubles[what] = f"{what}: {trouble}"
        else:
            if self._troubles.pop(what, None):
                log.info("%s work again", what)


def _now() -> datetime:
    return utc_from_epoch(time.time())
