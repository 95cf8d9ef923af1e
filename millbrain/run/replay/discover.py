"""Routings that a log shows: the activities of a part, where they are done, their times."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from millbrain.run.replay.log import DONE, SETUP, LogRow

_CODE_MAX: Final = 48


@dataclass(frozen=True, slots=True)
class FoundStep:
    """An activity of a part's routing.

    orders_ratio: orders of the part that have it. place: median position of its first report among
    the activities of an order, 0 to 1. resources: where it was done, the most frequent first.
    setup_s: median set-up of an order, run_s: median time of a piece [s]; 0 = never booked.
    """

    activity: str
    orders_ratio: float
    place: float
    resources: tuple[str, ...]
    setup_s: float
    run_s: float


def code(text: str) -> str:
    """Return a name as a code: capitals, digits and dashes."""
    return re.sub(r"[^A-Z0-9]+", "-", text.upper()).strip("-")[:_CODE_MAX].rstrip("-")


def activities(rows: Iterable[LogRow]) -> list[str]:
    """Return the activities of an order in the order of their first report."""
    first: dict[str, tuple[object, int]] = {}
    for row in rows:
        known = first.get(row.activity)
        if known is None or (row.start, row.line) < known:
            first[row.activity] = (row.start, row.line)
    return sorted(first, key=lambda a: first[a])


def routings(rows: Sequence[LogRow]) -> dict[str, tuple[FoundStep, ...]]:
    """Return part -> its steps, in the median order in which orders took them."""
    by_part: dict[str, dict[str, list[LogRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_part[row.part][row.case].append(row)
    return {part: _routing(cases) for part, cases in sorted(by_part.items())}


def _routing(cases: dict[str, list[LogRow]]) -> tuple[FoundStep, ...]:
    places: dict[str, list[float]] = defaultdict(list)
    own: dict[str, list[LogRow]] = defaultdict(list)
    for rows in cases.values():
        names = activities(rows)
        for place, name in enumerate(names):
            places[name].append(place / max(len(names) - 1, 1))
        for row in rows:
            own[row.activity].append(row)
    found = [
        FoundStep(name, len(places[name]) / len(cases), median(places[name]),
                  _resources(own[name]), _setup_s(own[name]), _run_s(own[name]))
        for name in own
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda s: (s.place, s.activity)))


def _resources(rows: Iterable[LogRow]) -> tuple[str, ...]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.resource] += 1
    return tuple(sorted(counts, key=lambda r: (-counts[r], r)))


def _setup_s(rows: Iterable[LogRow]) -> float:
    by_case: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.kind == SETUP:
            by_case[row.case] += row.booked_s
    return float(median(by_case.values())) if by_case else 0.0


def _run_s(rows: Iterable[LogRow]) -> float:
    """Return the median time of a piece over the orders that booked time and made pieces."""
    booked: dict[str, int] = defaultdict(int)
    pieces: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.kind == DONE:
            booked[row.case] += row.booked_s
            pieces[row.case] += row.good + row.rejected + row.review
    times = [booked[c] / pieces[c] for c in booked if booked[c] and pieces[c]]
    return float(median(times)) if times else 0.0
