"""Production inside the web process: a look a second at calls, projections and events.

Somebody at a station waits for the answer whether they may begin, so checks go through no other
process. What a killed one left stands in the ledger, where the next one finds it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.plant.plant import Plant
from millbrain.core.production.desk import Projection, Runnable, StartAsked
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Report
from millbrain.core.scans.recipes import Failed, Part
from millbrain.core.times import utc_from_epoch
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.production.app import Production
from millbrain.decide.production.model import ProductionRules
from millbrain.decide.recipes.stores import UplinkError
from millbrain.record.ledger import Ledger
from millbrain.run.scans.uplink import ResolverUplink

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
_KNOWN_S: Final = 300.0  # a part that was looked up before that is looked up again


class ProductionKeeper:
    """Answers what pages and job cards ask of production, until it is stopped.

    Parameters
    ----------
    ledger
        Where orders, reports and calls are kept.
    uplink
        The resolver.
    plants
        Returns the plants of the installation; asked once, in the keeper's own thread or the first
        question's.
    calendar
        Working time of machines that no plant knows.
    rules
        What an operator set.
    """

    def __init__(
        self, ledger: Ledger, uplink: ResolverUplink, plants: Callable[[], Sequence[Plant]],
        calendar: WorkingCalendar, rules: ProductionRules,
    ) -> None:  # fmt: skip
        self._ledger, self._uplink, self._read = ledger, uplink, plants
        self._calendar, self._rules = calendar, rules
        self._room: Production | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="production", daemon=True)
        self._trouble = ""

    def start(self) -> "ProductionKeeper":
        """Begin in a thread of its own; return itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread; the ledger must still be open."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    # What is asked ------------------------------------------------------------------------------

    def plants(self) -> Sequence[Plant]:
        """Return the plants that this installation knows."""
        return self._production().plants()

    def plan(self, order: ProductionOrder) -> Sequence[PlannedOperation]:
        """Return the operations that an order is released into."""
        return self._production().plan(order)

    def at_station(self, station: str, operator: str = "") -> Sequence[Runnable]:
        """Return what there is to do at a station, what can run now first."""
        return self._production().at_station(station, operator)

    def may_start(self, asked: StartAsked) -> Sequence[Failed]:
        """Return the checks that a start does not pass, none = it may go on."""
        return self._production().may_start(asked)

    def flags(self, reports: Sequence[Report]) -> Mapping[str, tuple[str, ...]]:
        """Return what is wrong with reports beyond what the ledger sees."""
        return self._production().flags(reports)

    def place(self, station: str) -> Mapping[str, str]:
        """Return a station with its titles and its line."""
        return self._production().place(station)

    def rise_at(self, *, state: str, stops_line: bool, level: int) -> datetime | None:
        """Return when a call that is in a state from now on is escalated next."""
        room = self._production()
        return room.rise_at(state=state, stops_line=stops_line, level=level)

    def projection(self, number: str) -> Projection | None:
        """Return when an order will be complete, None where it was not reckoned yet."""
        return self._production().projection(number)

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        told = dict(self._production().status())
        return told | {"trouble": told["trouble"] or self._trouble}

    # Behind it ----------------------------------------------------------------------------------

    def _production(self) -> Production:
        """Return the room, made when it is first needed: the plants take a second to read."""
        with self._lock:
            if self._room is None:
                own = self._ledger
                self._room = Production(
                    own.production, own.reports, own.andon, own.recipes, self._read(), self._part,
                    self._uplink.tell, self._calendar, self._rules, _now,
                )  # fmt: skip
            return self._room

    def _part(self, text: str) -> Part:
        """Return what is known of a scanned part: from here, from the resolver where it is new."""
        try:
            asked = keys.parse(text).text
        except ValueError:
            return Part(text)
        known = self._ledger.recipes.part(asked)
        if known and known.fetched_at and (_now() - known.fetched_at).total_seconds() < _KNOWN_S:
            return known
        try:
            found = self._uplink.part(asked)
        except UplinkError:
            return known or Part(asked)
        if found is None:
            return Part(asked)
        self._ledger.recipes.put_parts([found])
        return found

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._production().tick()
            except Exception as trouble:
                if not self._trouble:
                    log.exception("production failed, tried again each turn")
                self._trouble = str(trouble)
            else:
                self._trouble = ""
            self._stopping.wait(TICK_S)


def _now() -> datetime:
    return utc_from_epoch(time.time())
