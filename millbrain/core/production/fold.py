"""How far an operation has come: a pure fold over its reports.

Whatever the order in which reports arrive, however often, in whatever batches: the same set of
reports gives the same state. They are put in the order of their instants (equal ones by id), what
was taken back is left out, and what does not agree is named instead of dropped.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from millbrain.core.production.reports import COUNTED, Conflict, Kind, Report

WORK: Final = "running"
SETUP: Final = "setup"


@dataclass(frozen=True, slots=True)
class Session:
    """Time that a person was at an operation. state: setup or running. end: None = still there."""

    person: str
    machine: str
    state: str
    begin: datetime
    end: datetime | None = None

    @property
    def spent_s(self) -> float:
        """How long it lasted [s], 0 where it has not ended."""
        return (self.end - self.begin).total_seconds() if self.end else 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation has come. counts: (person, kind) -> pieces that still stand."""

    state: str = "ready"
    good: int = 0
    scrap: int = 0
    rework: int = 0
    started_at: datetime | None = None
    last_at: datetime | None = None
    finished_at: datetime | None = None
    sessions: tuple[Session, ...] = ()
    counts: Mapping[tuple[str, Kind], int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    report_count: int = 0

    def spent_s(self, state: str) -> float:
        """Return the time of sessions in a state that have ended [s]."""
        return sum(s.spent_s for s in self.sessions if s.state == state)


def fold(reports: Iterable[Report]) -> Progress:
    """Return how far an operation has come by its reports, in whatever order they are given."""
    known: dict[str, Report] = {}
    for report in reports:
        first = known.setdefault(report.id, report)
        if report.sort_key < first.sort_key:
            known[report.id] = report
    ordered = sorted(known.values(), key=lambda r: r.sort_key)
    left, conflicts = standing(ordered)
    return _Walk(left, conflicts).over(ordered)


def standing(ordered: Sequence[Report]) -> tuple[dict[str, int], list[Conflict]]:
    """Return what still stands of each report that takes nothing back: id -> pieces.

    A report that counts no pieces stands with 1. One that was taken back whole is left out.
    ordered: by `Report.sort_key`. Returns the conflicts of reports that take back, too.
    """
    by_id = {r.id: r for r in ordered}
    left = {r.id: _weight(r) for r in ordered if not r.reversal_of}
    conflicts = []
    for report in ordered:
        if not report.reversal_of:
            continue
        target = by_id.get(report.reversal_of)
        if target is None:
            conflicts.append(Conflict("reverses_unknown", report.id, report.reversal_of))
        elif target.reversal_of:
            conflicts.append(Conflict("reverses_reversal", report.id, target.id))
        else:
            held = left[target.id]
            wanted = report.quantity if target.kind in COUNTED and report.quantity else held
            if wanted > held or (not held and not report.quantity):
                conflicts.append(Conflict("reverses_too_much", report.id, str(report.quantity),
                                          str(held)))  # fmt: skip
            left[target.id] = max(0, held - wanted)
    return {i: n for i, n in left.items() if n}, conflicts


def _weight(report: Report) -> int:
    return report.quantity if report.kind in COUNTED else 1


class _Walk:
    """One walk over the reports of an operation, in the order of their instants."""

    def __init__(self, left: Mapping[str, int], conflicts: list[Conflict]) -> None:
        self._left = left
        self._conflicts = conflicts
        self._open: dict[tuple[str, str], Session] = {}
        self._paused: set[tuple[str, str]] = set()
        self._ended: list[Session] = []
        self._counts: Counter[tuple[str, Kind]] = Counter()
        self._finished_at: datetime | None = None
        self._serials: set[str] = set()

    def over(self, ordered: Sequence[Report]) -> Progress:
        stands = [r for r in ordered if self._left.get(r.id)]
        for report in stands:
            for flag in report.flags:
                self._note(flag, report, _flagged(flag, report))
            self._take(report)
        sessions = sorted((*self._ended, *self._open.values()),
                          key=lambda s: (s.begin, s.person, s.machine, s.state))  # fmt: skip
        sums = {kind: sum(n for (_, k), n in self._counts.items() if k is kind)
                for kind in COUNTED}  # fmt: skip
        return Progress(
            self._state(), sums[Kind.GOOD], sums[Kind.SCRAP], sums[Kind.REWORK],
            stands[0].at if stands else None, stands[-1].at if stands else None,
            self._finished_at, tuple(sessions), dict(self._counts),
            tuple(sorted(self._conflicts, key=lambda c: (c.kind, c.report))), len(ordered),
        )  # fmt: skip

    def _take(self, report: Report) -> None:
        if report.kind is Kind.FINISH:
            self._finish(report)
            return
        if self._finished_at is not None:
            self._note("after_finish", report, _text(report.at), _text(self._finished_at))
        key = report.person, report.machine
        if report.kind in COUNTED:
            self._counts[report.person, report.kind] += self._left[report.id]
            self._look_at_serials(report)
        elif report.kind is Kind.PAUSE:
            if not self._end(key, report.at):
                self._note("not_running", report)
            self._paused.add(key)
        else:
            self._begin(key, report)

    def _look_at_serials(self, report: Report) -> None:
        for lot in report.produced:
            if lot.is_serial and lot.key in self._serials:
                self._note("serial_twice", report, lot.key)
            self._serials.add(lot.key)

    def _begin(self, key: tuple[str, str], report: Report) -> None:
        state = SETUP if report.kind is Kind.SETUP else WORK
        held = self._open.get(key)
        if held and held.state == state:
            self._note("started_twice", report, _text(report.at), _text(held.begin))
            return
        self._end(key, report.at)
        self._paused.discard(key)
        self._open[key] = Session(report.person, report.machine, state, report.at)

    def _end(self, key: tuple[str, str], at: datetime) -> bool:
        held = self._open.pop(key, None)
        if held:
            self._ended.append(Session(held.person, held.machine, held.state, held.begin, at))
        return held is not None

    def _finish(self, report: Report) -> None:
        if self._finished_at is not None:
            self._note("finished_twice", report, _text(report.at), _text(self._finished_at))
            return
        self._finished_at = report.at
        for key in list(self._open):
            self._end(key, report.at)

    def _state(self) -> str:
        if self._finished_at is not None:
            return "done"
        held = {session.state for session in self._open.values()}
        if WORK in held:
            return WORK
        if SETUP in held:
            return SETUP
        if self._paused:
            return "paused"
        return WORK if self._counts else "ready"

    def _note(self, kind: str, report: Report, found: str = "", allowed: str = "") -> None:
        self._conflicts.append(Conflict(kind, report.id, found, allowed))


def _flagged(flag: str, report: Report) -> str:
    return {"clock": _text(report.device_at), "machine": report.machine,
            "unqualified": report.person}.get(flag, "")  # fmt: skip


def _text(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def shortfalls(
    quantity: int, previous: Progress | None, progress: Progress
) -> tuple[Conflict, ...]:
    """Return what an operation says that its order and the step before do not allow.

    quantity: pieces ordered. previous: the step that its pieces come from, None = none.
    """
    found = []
    if progress.good > quantity:
        found.append(Conflict("too_many", "", str(progress.good), str(quantity)))
    handled = progress.good + progress.scrap
    if previous is not None and handled > previous.good:
        found.append(Conflict("previous_short", "", str(handled), str(previous.good)))
    return tuple(found)
