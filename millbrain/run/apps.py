"""The apps inside the engine: what each stands on, and which are shown the batches.

A fault in an app never reaches the intake: whatever it raises is caught here, logged once a minute
at most, counted and shown in the engine's status.
"""

import importlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from millbrain.core import finding_rows
from millbrain.core.columns import Columns
from millbrain.core.errors import SettingsError
from millbrain.core.findings import FINDING, Finding, finding_columns
from millbrain.core.rooms import App, Facts, Ground, Watching
from millbrain.core.tables import arrow_batch

log = logging.getLogger(__name__)

QUIET_S: Final = 60.0  # between two log lines of the same fault


class Reporter:
    """Brings findings to the alarms and into their table, again and again if need be.

    The alarms come first: what was taken and not stored is found again, since the app goes on from
    what is stored.

    Parameters
    ----------
    facts
        The warehouse.
    take
        The alarms; raises where they could not take all.
    """

    def __init__(self, facts: Facts, take: Callable[[Sequence[Finding]], None]) -> None:
        self._facts, self._take = facts, take
        self._lock = threading.Lock()
        self._as_of_ms = finding_rows.newest_ms(facts)

    def report(self, findings: Sequence[Finding]) -> None:
        """Take findings; in the alarms and on disk when this returns. From any thread.

        Raises
        ------
        MillbrainError
            A store refused; the same findings may be reported again later.
        """
        if not findings:
            return
        with self._lock:
            self._take(findings)
            # A clock that was set back must not make a new version look old.
            self._as_of_ms = max(int(time.time() * 1000), self._as_of_ms + 1)
            rows = finding_columns(findings, self._as_of_ms)
            self._facts.insert(FINDING, arrow_batch(FINDING, rows))


class Apps:
    """The started apps. `take` is called by the intake thread with every batch."""

    def __init__(self) -> None:
        self._running: dict[str, Watching] = {}
        self._failures: dict[str, int] = {}
        self._quiet_until: dict[str, float] = {}

    def start(self, card: App, ground: Ground) -> None:
        """Start an app; one that fails to start is logged and shown, the engine goes on."""
        module, _, name = card.start.partition(":")
        try:
            start = getattr(importlib.import_module(module), name)
            self._running[card.key] = start(ground)
        except Exception:
            self._fail(card.key, "did not start")

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Show a batch to every app."""
        for key, running in self._running.items():
            try:
                running.take(batch, tables)
            except Exception:
                self._fail(key, f"failed on batch {batch}")

    def running(self) -> Mapping[str, Watching]:
        """Return the started apps by key."""
        return dict(self._running)

    def status(self) -> dict[str, Any]:
        """Describe every app; `faults` counts what it let out."""
        found = {key: dict(running.status()) for key, running in self._running.items()}
        for key, count in self._failures.items():
            found.setdefault(key, {})["faults"] = count
        return found

    def stop(self) -> None:
        """Stop every app; the store must still be open."""
        for key, running in self._running.items():
            try:
                running.stop()
            except Exception:
                self._fail(key, "failed to stop")

    def _fail(self, key: str, what: str) -> None:
        self._failures[key] = self._failures.get(key, 0) + 1
        if time.monotonic() >= self._quiet_until.get(key, 0.0):
            self._quiet_until[key] = time.monotonic() + QUIET_S
            log.exception("app %s %s; the engine goes on without it", key, what)


def parameters_of(card: App, given: Mapping[str, float]) -> dict[str, float]:
    """Return what the operator set for an app, checked against its card.

    Raises
    ------
    SettingsError
        A name that the card does not declare, or a value out of its range.
    """
    declared = {p.name: p for p in card.parameters}
    unknown = given.keys() - declared.keys()
    if unknown:
        raise SettingsError(
            f"analyse.rules.{card.key}: {', '.join(sorted(unknown))} is no parameter of that app; "
            f"it has {', '.join(declared)}"
        )
    return {name: declared[name].checked(value) for name, value in given.items()}
