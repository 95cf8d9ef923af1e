"""The hand of the alarms: findings and the clock in, changes of the ledger's alarms out.

Holds nothing that decides: every call reads the alarms it concerns, lets `calc` decide and writes
the outcome, all in one transaction of the store. Killed anywhere it has either done a call wholly
or not at all, and the next call of the same kind does what is missing.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

from millbrain.core.alarms import NORMAL, Alarm, AlarmChange
from millbrain.core.alarms.rules import AlarmRules
from millbrain.core.findings import Finding
from millbrain.decide.alarms import calc

TICK_ALARMS_MAX: Final = 5_000  # alarms of one transaction of a tick; the rest waits for the next
TICK_THINGS_MAX: Final = 500  # things whose suppression one transaction looks at


class Book(Protocol):
    """The alarms inside one transaction."""

    def newest(self, keys: Iterable[str]) -> dict[str, Alarm]:
        """Return the newest instance of each finding key that ever had one."""
        ...

    def standing(self, things: Iterable[str]) -> list[Alarm]:
        """Return the alarms of these things that have not ended."""
        ...

    def due(self, at: datetime, size: int) -> list[Alarm]:
        """Return alarms whose delay or shelf is over, at most `size` of them."""
        ...

    def put(self, changes: Sequence[AlarmChange]) -> Sequence[int]:
        """Write changes and their steps; return the id of each alarm."""
        ...


class AlarmStore(Protocol):
    """Where alarms are kept; the ledger implements it. Safe from any thread."""

    def changing(self) -> AbstractContextManager[Book]:
        """Give the alarms for reading and writing in one transaction."""
        ...

    def is_due(self, at: datetime) -> bool:
        """Whether a delay or a shelf is over."""
        ...

    def restless(self, after: int) -> tuple[list[str], int]:
        """Return things with standing alarms that changed after a revision, and the newest one."""
        ...

    def rules_in_force(self, declared: AlarmRules) -> AlarmRules:
        """Return the declared rules with an operator's own before them."""
        ...


class Alarms:
    """Turns findings into alarms and keeps them up to date.

    Parameters
    ----------
    store
        Where alarms are kept.
    rules
        Declared rules; an operator's own are read from the store at every tick.
    clock
        Returns the instant now, aware UTC.
    """

    def __init__(self, store: AlarmStore, rules: AlarmRules, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._declared = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._rules = store.rules_in_force(rules)
        self._mark = 0  # revision up to which suppression was looked at; 0 = look at all

    def take(self, findings: Sequence[Finding]) -> None:
        """Bring the alarms up to these versions of findings; again and again changes nothing.

        One transaction: all of them or, on an error, none. May be called from any thread.
        """
        versions = calc.newest_versions(findings)
        if not versions:
            return
        with self._store.changing() as book:
            at = self._clock()
            newest = book.newest(f.key for f in versions)
            changes: list[AlarmChange] = []
            for finding in versions:
                rule = self._rules.of(finding.app, finding.kind)
                change = calc.taken(newest.get(finding.key), finding, rule, at)
                if change:
                    newest[finding.key] = change.after
                    changes.append(change)
            if changes:
                things = dict.fromkeys(c.after.finding.thing for c in changes)
                book.put(calc.joined([*changes, *self._hiding(book, things, newest, at)]))

    def tick(self) -> None:
        """Let time pass: delays, shelves, changed rules, suppression. Meant for once a second."""
        with self._lock:
            at = self._clock()
            self._follow_rules(at)
            if self._store.is_due(at):
                self._pass_time(at)
            things, newest = self._store.restless(self._mark)
            for start in range(0, len(things), TICK_THINGS_MAX):
                some = things[start : start + TICK_THINGS_MAX]
                with self._store.changing() as book:
                    book.put(calc.joined(self._hiding(book, some, {}, at)))
            self._mark = newest

    def _pass_time(self, at: datetime) -> None:
        with self._store.changing() as book:
            changes = (
                calc.passed(alarm, self._rules.of(alarm.finding.app, alarm.finding.kind), at)
                for alarm in book.due(at, TICK_ALARMS_MAX)
            )
            book.put([change for change in changes if change])

    def _follow_rules(self, at: datetime) -> None:
        """Where an operator changed the rules, let every standing alarm follow them."""
        rules = self._store.rules_in_force(self._declared)
        if rules == self._rules:
            return
        things, _ = self._store.restless(0)
        for start in range(0, len(things), TICK_THINGS_MAX):
            with self._store.changing() as book:
                changes = (
                    calc.rejudged(alarm, rules.of(alarm.finding.app, alarm.finding.kind), at)
                    for alarm in book.standing(things[start : start + TICK_THINGS_MAX])
                )
                book.put([change for change in changes if change])
        self._rules = rules

    def _hiding(
        self, book: Book, things: Iterable[str], changed: Mapping[str, Alarm], at: datetime
    ) -> list[AlarmChange]:
        """Return what suppression changes among these things' alarms.

        changed: alarms as this transaction will write them, in place of what the book holds.
        """
        if not self._rules.suppressions:
            return []
        standing: dict[str, dict[str, Alarm]] = {thing: {} for thing in things}
        for alarm in (*book.standing(things), *changed.values()):
            if alarm.finding.thing in standing:
                standing[alarm.finding.thing][alarm.finding.key] = alarm
        return [
            change
            for alarms in standing.values()
            for change in calc.hidden(
                [a for a in alarms.values() if a.state != NORMAL], self._rules, at
            )
        ]
