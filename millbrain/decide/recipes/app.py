"""The hand of the recipes: a scan in, values on the machine or a reason out, nothing written twice.

A scan is a row of the ledger before anything is sent, and the row says all that is sent. Killed
anywhere, `tick` finds what was left: a command that may or may not have been written is asked
after first, and an event that may or may not have been told is told again under the same id.
"""

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.limits import COMMAND_S_MAX
from millbrain.core.scans.commands import Command, Controller, Outcome, Result, Setting
from millbrain.core.scans.recipes import Asked, Failed, Part, Recipe, Scan, Station
from millbrain.decide.recipes import calc
from millbrain.decide.recipes.calc import Facts, Matched
from millbrain.decide.recipes.commanding import carry_out
from millbrain.decide.recipes.parts import event_of
from millbrain.decide.recipes.stores import Book, ScanStore, Uplink, UplinkError

log = logging.getLogger(__name__)

FRESH_S: Final = 300.0  # a part that was looked up before that is looked up again, behind a scan
_REFRESHED_MAX: Final = 1_000  # parts that wait to be looked up again
_TOLD: Final = 100  # events of one document


class Recipes:
    """Turns scans into commands. Thread safe.

    Parameters
    ----------
    book, scans
        Where recipes and scans are kept.
    controller
        Reaches the stations.
    uplink
        The resolver.
    clock
        Returns the instant now, aware UTC.
    zone
        Of the plant: what day it is there.
    """

    def __init__(self, book: Book, scans: ScanStore, controller: Controller, uplink: Uplink,
                 clock: Callable[[], datetime], zone: tzinfo) -> None:  # fmt: skip
        self._book, self._scans = book, scans
        self._controller, self._uplink = controller, uplink
        self._clock, self._zone = clock, zone
        self._under_way: set[str] = set()
        self._lock = threading.Lock()
        self._stale: deque[str] = deque(maxlen=_REFRESHED_MAX)
        self._trouble = ""

    def scan(self, asked: Asked) -> Scan:
        """Resolve, check, write and read back; the answer is on disk when this returns."""
        station = self._book.station(asked.station, asked.operator)
        if station is None:
            raise NotFoundError(f"no station is named {asked.station!r}")
        part = self._part(asked.text)
        matched, failed = self._judged(part, station, asked.who)
        row = self._row(asked, part, station, matched.recipe, failed)
        with self._lock:
            self._under_way.add(asked.id)
        try:
            scan, is_new = self._scans.add(row)
            if scan.station != station.name:
                raise NotFoundError(f"the id {asked.id!r} is that of another scan")
            if not is_new or scan.state != "cleared":
                return scan
            return self._carry(scan, matched.recipe.tool_cycles if matched.recipe else 0)
        finally:
            with self._lock:
                self._under_way.discard(asked.id)

    def tick(self) -> None:
        """Bring to an end what was left, tell events, look up parts again. Once a second."""
        for scan in self._scans.waiting("cleared"):
            with self._lock:
                is_ours = scan.id in self._under_way
            if not is_ours:
                recipe = self._book.recipe(scan.recipe, scan.recipe_version)
                self._carry(scan, recipe.tool_cycles if recipe else 0)
        try:
            self._tell()
            self._refresh()
        except UplinkError as error:
            if not self._trouble:
                log.warning("scans: %s; events wait, known parts go on", error)
            self._trouble = str(error)
        else:
            if self._trouble:
                log.info("scans: the resolver answers again")
            self._trouble = ""

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        counts = self._scans.counts()
        return {
            "commands_waiting": counts.get("cleared", 0),
            "events_waiting": counts.get("written", 0), "trouble": self._trouble,
        }  # fmt: skip

    # One scan -------------------------------------------------------------------------------------

    def _part(self, text: str) -> Part:
        """Return what is known of a part: from here at once, from the resolver where it is new."""
        try:
            asked = keys.parse(text).text
        except ValueError:
            return Part(text)
        known = self._book.part(asked)
        if known is not None:
            if known.fetched_at is None or self._age(known.fetched_at) > FRESH_S:
                self._stale.append(asked)
            return known
        try:
            found = self._uplink.part(asked)
        except UplinkError as error:
            self._trouble = str(error)
            return Part(asked)
        if found is None:
            return Part(asked)
        self._book.put_parts([found])
        return found

    def _judged(self, part: Part, station: Station, who: str) -> tuple[Matched, list[Failed]]:
        today = self._clock().astimezone(self._zone).date()
        recipes = self._book.recipes(part.part_type) if part.part_type else []
        valid: tuple[str, ...] = ()
        if any(recipe.qualification for recipe in recipes):
            valid = tuple(name for _, name, until in self._book.qualifications(who)
                          if until >= today.isoformat())  # fmt: skip
        done = (*part.steps, *self._scans.steps_of(part.key))
        facts = Facts(part, station, who, valid, done, today)
        matched = calc.match(recipes, facts)
        return matched, calc.judge(matched, facts)

    def _row(self, asked: Asked, part: Part, station: Station, recipe: Recipe | None,
             failed: Sequence[Failed]) -> dict[str, Any]:  # fmt: skip
        at = self._clock()
        settings = [s.as_json() for s in recipe.settings] if recipe and not failed else []
        return {
            "id": asked.id, "at": at, "who": asked.who, "station": station.name,
            "text": asked.text[:2048], "part": part.key[:255], "part_type": part.part_type,
            "revision": part.revision, "lot": part.lot, "recipe": recipe.name if recipe else "",
            "recipe_version": recipe.version if recipe else 0,
            "step": recipe.step if recipe else "",
            "state": "refused" if failed else "cleared", "failed": [f.as_json() for f in failed],
            "settings": settings, "read_back": [], "program": recipe.program if recipe else "",
            "result": "", "detail": "", "write_count": 0, "place": station.place,
            "deadline": None if failed else at + timedelta(seconds=COMMAND_S_MAX),
            "is_cached": part.is_cached,
        }  # fmt: skip

    def _carry(self, scan: Scan, tool_cycles: int) -> Scan:
        """Carry out the command of a scan; where it is not known whether it was, it stays open."""
        assert scan.deadline is not None
        settings = tuple(Setting(**s) for s in scan.settings)
        command = Command(scan.id, scan.number, scan.station, settings, scan.deadline, scan.who)
        outcome = carry_out(command, self._controller, self._clock)
        if outcome.result is Result.UNREACHED and self._clock() < scan.deadline:
            return dataclasses.replace(scan, result=str(outcome.result), detail=outcome.detail)
        return self._kept(scan, outcome, tool_cycles)

    def _kept(self, scan: Scan, outcome: Outcome, tool_cycles: int) -> Scan:
        action = "write" if outcome.result is Result.DONE else "fail"
        return self._scans.move(
            scan, action, tool_cycles if action == "write" else 0, result=str(outcome.result),
            detail=outcome.detail[:500], read_back=[s.as_json() for s in outcome.read_back],
            write_count=scan.write_count + outcome.write_count,
        )  # fmt: skip

    # Behind it ------------------------------------------------------------------------------------

    def _tell(self) -> None:
        waiting = self._scans.waiting("written", _TOLD)
        if not waiting:
            return
        try:
            self._tell_of(waiting)
        except RefusedError:
            refused = ""
            for scan in waiting:  # one of them is refused; the others must not wait for it
                try:
                    self._tell_of([scan])
                except RefusedError as error:
                    refused = f"the event of scan {scan.id} is refused: {error}"
            if refused:
                raise UplinkError(refused) from None

    def _tell_of(self, scans: Sequence[Scan]) -> None:
        self._uplink.tell([event_of(scan) for scan in scans])
        for scan in scans:
            self._scans.move(scan, "record")

    def _refresh(self) -> None:
        wanted = set()
        while self._stale:
            wanted.add(self._stale.popleft())
        found = [part for key in sorted(wanted) if (part := self._uplink.part(key))]
        if found:
            self._book.put_parts(found)

    def _age(self, at: datetime) -> float:
        return (self._clock() - at).total_seconds()
