"""The alarms inside the engine: findings in, time passing once a second, nothing forgotten.

Findings reach the alarms before they reach their table (`apps.Reporter`), so that a thermal event
is listed at once. What reached the table by another way (a backfill, an engine from before there
were alarms) is picked up from there: `Alarms.take` changes nothing that it knows.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from millbrain.core import finding_rows
from millbrain.core.alarms.rules import DECLARED
from millbrain.core.findings import Finding
from millbrain.core.rooms import Facts
from millbrain.core.times import utc_from_epoch
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import Ledger

log = logging.getLogger(__name__)

TICK_S: Final = 1.0  # between two looks at delays, shelves, rules and suppression
CATCH_UP_S: Final = 30.0  # between two looks at the table of findings
OVERLAP_MS: Final = 60_000  # versions are read again for so long: a writer may commit late
PORTION: Final = 1_000  # findings of one transaction


class AlarmKeeper:
    """Keeps the alarms up to date until it is stopped.

    Parameters
    ----------
    ledger
        Where alarms are kept.
    facts
        The warehouse with the table of findings.
    """

    def __init__(self, ledger: Ledger, facts: Facts) -> None:
        self._facts = facts
        self._alarms = Alarms(ledger.alarms, DECLARED, lambda: utc_from_epoch(time.time()))
        self._standing = ledger.alarms.standing_things
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
        self._read_ms = -1  # newest version read from the table, -1 = none yet
        self._troubles: dict[str, str] = {}

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def take(self, findings: Sequence[Finding]) -> None:
        """Take findings; in the ledger when this returns. From any thread."""
        self._alarms.take(findings)

    def status(self) -> dict[str, Any]:
        """Describe what keeps it from working, empty where nothing does."""
        return {"is_alive": self._thread.is_alive(), "troubles": sorted(self._troubles.values())}

    def stop(self) -> None:
        """End the thread; the ledger must still be open."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def catch_up(self) -> None:
        """Take what the table of findings holds and the alarms may not have heard."""
        newest_ms = finding_rows.newest_ms(self._facts)
        if self._read_ms < 0:
            self._take_all(finding_rows.still_open(self._facts))
            # What closed while nobody listened ends the alarms that stand for it.
            for app, things in self._standing().items():
                known = finding_rows.known(self._facts, app, things)
                self._take_all([f for found in known.values() for f in found])
        elif newest_ms > self._read_ms:
            since_ms = self._read_ms - OVERLAP_MS
            self._take_all(finding_rows.written_since(self._facts, since_ms))
        self._read_ms = newest_ms

    def _take_all(self, findings: Sequence[Finding]) -> None:
        for portion in _portions(findings):
            self._alarms.take(portion)

    def _run(self) -> None:
        caught_up_at = -CATCH_UP_S
        while not self._stopping.is_set():
            if time.monotonic() - caught_up_at >= CATCH_UP_S:
                self._try("findings", self.catch_up)
                caught_up_at = time.monotonic()
            self._try("clock", self._alarms.tick)
            self._stopping.wait(TICK_S)

    def _try(self, what: str, work: Any) -> None:
        """Work; a store that refuses is tried again at the next turn and logged once."""
        try:
            work()
        except Exception as trouble:
            if what not in self._troubles:
                log.exception("alarms: %s failed, tried again each turn", what)
            self._troubles[what] = f"alarms, {what}: {trouble}"
        else:
            if self._troubles.pop(what, None):
                log.info("alarms: %s works again", what)


def _portions(findings: Sequence[Finding]) -> Iterator[Sequence[Finding]]:
    for start in range(0, len(findings), PORTION):
        yield findings[start : start + PORTION]
