"""The report of a day or shift as data: what was made, how well, what was lost, by whom.

It is computed from what was stored up to a snapshot and from nothing else, so the same snapshot
gives the same numbers whenever it is asked for again, whatever came in meanwhile.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

from millbrain.core.errors import NotFoundError

_ID: Final = re.compile(r"B(\d{1,18})-R(\d{1,18})-T(\d{1,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a report may know.

    batch: newest commit of readings. report: newest number of a job card's report. at_ms: instant
    [ms since 1970 UTC] up to which time counts.
    """

    batch: int
    report: int
    at_ms: int

    @property
    def id(self) -> str:
        """The id that is printed, and that gives the same numbers again."""
        return f"B{self.batch}-R{self.report}-T{self.at_ms}"

    @classmethod
    def of(cls, text: str) -> "Snapshot":
        """Return the snapshot of an id; NotFoundError where it is none."""
        match = _ID.fullmatch(text)
        if not match:
            raise NotFoundError(f"{text[:60]!r} is no snapshot; one looks like B12-R345-T17953")
        return cls(*(int(n) for n in match.groups()))


@dataclass(frozen=True, slots=True)
class Loss:
    """Planned time that made no good piece. what, what_zh: its kind; reason: code, "" = none."""

    what: str
    what_zh: str
    reason: str
    time_h: float


@dataclass(frozen=True, slots=True)
class LineReport:
    """One line. elements: ISO 22400 sums by key; indicators: by key, None = not known."""

    line: str
    title: str
    title_zh: str
    machine_count: int
    elements: Mapping[str, float]
    indicators: Mapping[str, float | None]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of a machine: since when [ms since 1970 UTC], how long [s]."""

    machine: str
    state: int
    reason: str
    since_ms: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Made:
    """Pieces by something: an order, a person, a reason of scrap."""

    name: str
    good: int = 0
    scrap: int = 0
    rework: int = 0


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """A day, or one shift of it ("" = the whole day), as a snapshot knows it.

    elements, indicators: their names in both languages, in the order of printing. reasons: names of
    the codes of the plants' reason trees in both languages.
    """

    day: date
    shift: str
    snapshot: Snapshot
    zone: str
    lines: tuple[LineReport, ...]
    stops: tuple[Stop, ...]
    orders: tuple[Made, ...]
    people: tuple[Made, ...]
    scrap: tuple[Made, ...]
    element_titles: Mapping[str, tuple[str, str, str]]
    indicator_titles: Mapping[str, tuple[str, str, str]]
    reason_titles: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def reason(self, code: str, *, zh: bool) -> str:
        """Return the name of a reason; the code itself where no plant knows it."""
        return self.reason_titles.get(code, (code, code))[zh]


class ShiftDesk(Protocol):
    """Makes reports and keeps those that were written. May block."""

    def newest(self) -> Snapshot:
        """Return what is known now."""
        ...

    def report(self, day: date, shift: str, snapshot: Snapshot) -> ShiftReport:
        """Return the report of a day as a snapshot knows it."""
        ...

    def written(self) -> Sequence[str]:
        """Return the names of the files that were written, the newest first."""
        ...

    def file(self, name: str) -> bytes:
        """Return one of them; NotFoundError where there is none."""
        ...
