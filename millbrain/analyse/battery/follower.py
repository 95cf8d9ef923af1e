"""The analysis thread: every batch into the sums, the sums to disk, changed packs judged.

    intake -> take -> inflow -> sums in memory -> battery_day -> judge -> finding -> alarms
                 `-> urgent (thermal events) ---------------------------^

A writing goes in parts between which new batches are seen. Each row is marked with the newest batch
that is in it, and is written once that batch and all before it are on disk. When a whole round is
through, `battery_progress` says up to which batch every row is complete. After a crash the batches
from there on are read again; rows that a torn round had written already are ahead, and take from
each batch only what they lack. So no report is lost or counted twice, wherever it was cut.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model, reading
from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.places import Keys
from millbrain.analyse.battery.calc.sudden import THERMAL_BIT, THERMAL_LEVEL, Heat
from millbrain.analyse.battery.calc.sums import Block
from millbrain.analyse.battery.chores.rota import Rota
from millbrain.analyse.battery.days_store import DaysStore, Progress
from millbrain.analyse.battery.held import Held, Slots, first_days, today
from millbrain.analyse.battery.inflow import Gap, Inflow, Live
from millbrain.analyse.battery.model import Rules, StreamRules, chosen
from millbrain.analyse.battery.rounds import Rounds
from millbrain.analyse.battery.urgent import Urgent
from millbrain.core import finding_rows
from millbrain.core.columns import Column, Columns
from millbrain.core.errors import LimitError
from millbrain.core.findings import Finding
from millbrain.core.rooms import Ground
from millbrain.hands.steps import Steps

_log = logging.getLogger(__name__)

WAIT_S: Final = 0.05
FLUSH_COSTS_MIN: Final = 20  # writing takes at most one twentieth of the time
SLOT_WRITE_S: Final = 80e-6  # what writing a pack and day costs, before a round has told
GAP_ROWS: Final = (50_000, 200_000)  # a gap is read in parts of about so many rows
GAP_BATCHES_MAX: Final = 65_536
SETTLE_S_MAX: Final = 60.0  # a batch that is on its way to the disk takes no longer
STOP_S_MAX: Final = 10.0  # what is not written by then is read again at the next start
REPORT = "vehicle_report"


@dataclass(slots=True)
class _Writing:
    """A round of writing. position: newest batch seen at its start. upto: newest in `blocks`."""

    position: int
    parts: list[Keys]
    started_s: float
    upto: int
    blocks: list[Block] = field(default_factory=list)
    slots: Slots = field(default_factory=lambda: np.zeros(0, np.int64))
    spent_s: float = 0.0


class Follower:
    """Follows the intake. All but `take`, `status` and `stop` happens on its own thread."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._rules = chosen(Rules, ground.parameters)
        self._stream = chosen(StreamRules, ground.parameters)
        self._inflow = Inflow(0, ground.newest)
        self._urgent = Urgent(ground.report)
        self.reports = 0
        self._open()
        self._is_open = True
        self.steps = Steps("battery", self._step, recover=self._forget)
        self.steps.start()

    def _open(self) -> None:
        """Begin from what is on disk."""
        facts, newest = self._ground.facts, self._inflow.newest
        self._store = DaysStore(facts)
        progress = self._store.progress()
        if progress is None:  # reports of before are for the backfill
            progress = Progress(newest, self._store.next_as_of_ms())
            self._store.write_progress(progress)
        self._flushed = min(progress.batch, newest)
        self._held = Held(facts, self._store, self._rules, self._flushed, self._wait_settled)
        self._heat = Heat()
        self._inflow.restart(self._flushed)
        self._rounds = Rounds(
            facts, self._store, self._rules, self._report, self._stream.judge_share_ratio
        )
        self._rounds.restore(progress.judged_ms)
        self._rota = Rota(self._ground, newest)
        known = finding_rows.still_open(facts, APP)
        self._urgent.remember([f for f in known if f.kind == model.THERMAL])
        self._gap_batches = 8
        self._writing: _Writing | None = None
        self._period_s = self._stream.flush_s
        self._write_at = time.monotonic() + self._period_s
        self._write_cost_s = 0.0

    def _report(self, findings: Sequence[Finding]) -> None:
        self._ground.report(findings)
        self._urgent.forget([f.key for f in findings if not f.is_open])

    def _wait_settled(self, batch: int) -> None:
        until_s = time.monotonic() + SETTLE_S_MAX
        while self._ground.settled() < batch:
            if time.monotonic() > until_s:
                raise LimitError(f"battery: batch {batch} was not on disk within {SETTLE_S_MAX} s")
            time.sleep(0.01)

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Look at a batch for what is urgent, and queue it."""
        columns = tables.get(REPORT)
        if columns is not None and not columns.rows:
            columns = None
        if columns is not None:
            self._urgent.put(alarmed(columns, self._rules))
            columns = needed(columns)
        self._inflow.offer(batch, columns)

    def _forget(self) -> None:
        self._is_open = False

    def _step(self) -> float:
        if not self._is_open:
            self._open()
            self._is_open = True
        is_busy = self._write_some()
        wait_s = 0.0 if is_busy or self._rounds.waiting else WAIT_S
        found = self._inflow.next(self._ground.settled(), self._gap_batches, wait_s)
        if isinstance(found, Live):
            if found.columns is not None:
                self._see(found.columns, found.batch)
            self._inflow.position = found.batch
        elif isinstance(found, Gap):
            self._read(found)
        elif not self._rounds.step() and not self._rota.step() and not is_busy:
            return WAIT_S if self._rounds.waiting else 0.0
        return 0.0

    def _read(self, gap: Gap) -> None:
        columns = reading.of_batches(self._ground.facts, gap.after, gap.upto)
        self._see(columns, 0)
        self._inflow.position = gap.upto
        few, many = GAP_ROWS
        if columns.rows < few:
            self._gap_batches = min(2 * self._gap_batches, GAP_BATCHES_MAX)
        elif columns.rows > many:
            self._gap_batches = max(self._gap_batches // 2, 1)

    def _see(self, columns: Columns, number: int) -> None:
        """Add reports of a batch, or of many where each row tells its own (`batch`)."""
        columns = self._held.accept(columns)
        if not columns.rows:
            return
        reports = pack_reports(columns)
        batch: int | NDArray[np.int64] = number
        if "batch" in columns.values:
            batch = columns.array("batch").astype(np.int64)
        try:
            self._held.add(reports, batch)
        except LimitError:
            self._make_room()
            self._held.add(reports, batch)
        self.reports += len(reports)
        self._urgent.put(self._heat.watch(reports, self._rules))

    def _make_room(self) -> None:
        """Write everything and let go of it."""
        self._write_all(None)
        self._held.let_go(self._held.sums.live(), None)

    def _write_some(self) -> bool:
        """Take one step of writing if it is time; False where there is nothing to do now."""
        if self._writing is None:
            if time.monotonic() < self._due_s() or self._inflow.position <= self._flushed:
                return False
            self._writing = self._new_writing()
        writing, before = self._writing, time.monotonic()
        if not writing.blocks and writing.parts:
            writing.upto = self._inflow.position
            writing.blocks, writing.slots = self._held.gather(writing.parts.pop(), writing.upto)
        elif self._ground.settled() < writing.upto or not self._urgent.drain(0):
            return False
        elif writing.blocks:
            self._write_part(writing)
        else:
            self._end_writing(writing)
        writing.spent_s += time.monotonic() - before
        return True

    def _due_s(self) -> float:
        """Return when to write next (monotonic): later, the more there is to write."""
        expected_s = SLOT_WRITE_S * len(self._held.sums)
        return self._write_at + max(0.0, FLUSH_COSTS_MIN * expected_s - self._period_s)

    def _new_writing(self) -> _Writing:
        position = self._inflow.position
        return _Writing(position, self._held.slices(), time.monotonic(), position)

    def _write_part(self, writing: _Writing) -> None:
        as_of_ms = self._store.next_as_of_ms()
        self._store.write(writing.blocks, writing.upto, as_of_ms)
        self._rounds.add(first_days(writing.blocks), as_of_ms)
        self._held.let_go(writing.slots, today(time.time()))
        writing.blocks = []

    def _end_writing(self, writing: _Writing) -> None:
        self._store.write_progress(Progress(writing.position, self._rounds.judged_ms))
        self._flushed = writing.position
        self._held.tidy(today(time.time()))
        self._write_cost_s = writing.spent_s
        self._period_s = max(self._stream.flush_s, FLUSH_COSTS_MIN * writing.spent_s)
        self._write_at = writing.started_s + self._period_s
        self._writing = None

    def _write_all(self, until_s: float | None) -> None:
        """Write what is dirty, as far as the time allows (monotonic; None = for ever)."""
        while self._writing is not None or self._inflow.position > self._flushed:
            if until_s is not None and time.monotonic() > until_s:
                return
            self._write_at, self._period_s = 0.0, math.inf
            if not self._write_some():
                time.sleep(0.01)

    def stop(self) -> None:
        """Write what was seen, as far as there is time, and end the threads."""
        until_s = time.monotonic() + STOP_S_MAX
        self.steps.stopping.set()
        self._inflow.wake()
        self.steps.stop(None)
        try:
            while self._is_open and self._inflow.behind and time.monotonic() < until_s:
                self._step()
            if self._is_open:
                self._write_all(until_s)
        except Exception:
            _log.exception("battery: the state was not written; it is read again at the next start")
        self._urgent.stop()

    def status(self) -> dict[str, Any]:
        """Describe how far it is, what it holds, and its troubles."""
        held = self._held
        return {
            "position": self._inflow.position,
            "behind": self._inflow.behind,
            "flushed": self._flushed,
            "missed_batches": self._inflow.missed,
            "reports": self.reports,
            "days_held": len(held.sums),
            "state_bytes": held.sums.state_bytes,
            "ahead_of_time": held.ahead_of_time,
            "oversized": held.sums.oversized,
            "rebuilt": held.rebuilt,
            "flush_cost_s": self._write_cost_s,
            "waiting_vehicles": self._rounds.waiting,
            "looks": self._rounds.looks,
            "findings": self._rounds.findings,
            "urgent": self._urgent.status(),
            "chores": self._rota.status(),
            **self.steps.status(),
        }


def needed(columns: Columns) -> Columns:
    """Return a batch without what is not looked at, so that the rest need not be kept."""
    names = set(reading.OF_DAYS)
    extremes = ("temp_max_degc", "temp_min_degc")
    if all(n in columns.values for n in extremes) and not any(
        columns.missing[n].any() for n in extremes if n in columns.missing
    ):
        names.discard("temps_degc")
    values = {n: c for n, c in columns.values.items() if n in names}
    missing = {n: m for n, m in columns.missing.items() if n in names}
    return Columns(columns.rows, values, missing)


def alarmed(columns: Columns, rules: Rules) -> list[Finding]:
    """Return the thermal findings that the vehicles' own alarms make, for most batches none."""
    hit = np.zeros(columns.rows, np.bool_)
    if "alarm_flags" in columns.values:
        hit |= columns.array("alarm_flags") & np.uint32(THERMAL_BIT) != 0
    if "alarm_level" in columns.values:
        hit |= columns.array("alarm_level") == THERMAL_LEVEL
    rows = np.flatnonzero(hit)
    if not rows.size:
        return []
    names = ("vin", "device_at", "alarm_flags", "alarm_level")
    few: dict[str, Column] = {n: columns.array(n)[rows] for n in names if n in columns.values}
    return Heat().watch(pack_reports(Columns(len(rows), few)), rules)
