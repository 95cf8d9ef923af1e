"""When a place or a person works: shifts, breaks, free days, overtime, in the plant's time zone.

Shifts are local wall time and instants are UTC [ms since 1970], so a night shift over the change
of the clocks is an hour shorter or longer, as it is for those who work it. A wall time that the
clocks skip means the instant at which they skip it; one that comes twice means its first coming.
Reads no clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_MS: Final = 86_400_000
WEEK_DAYS: Final = 7
DAYS_KEPT: Final = 4_000  # days whose shifts a calendar remembers, about 1 KB each
MONDAY: Final = date(2001, 1, 1)  # weeks are counted from this Monday
Span = tuple[time, time]
Weekdays = tuple[tuple[str, ...], ...]  # shifts of each weekday, Monday first


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift: local start and end, an end that is not after the start lies on the next day.

    breaks: local spans within it that are not worked. team: whose shift it is, may be empty.
    """

    key: str
    title: str
    title_zh: str
    start: time
    end: time
    breaks: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Overtime:
    """Work besides the shifts on one day, local time; it counts to the shift named, if any."""

    day: date
    start: time
    end: time
    shift: str = ""


@dataclass(frozen=True, slots=True)
class ShiftAt:
    """A shift that was worked: its plant day and its bounds [ms since 1970 UTC], breaks within."""

    day: date
    shift: Shift
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Calendar:
    """Working time of places or people.

    zone: of all local times. shifts: by key. weeks: what is worked on each weekday; several weeks
    follow one another (rotation), the first is that of `anchor`. day_start: local time at which a
    plant day begins, so that a night shift belongs to the day on which it began. days: dates on
    which other shifts are worked than the week says: none on a holiday.
    """

    key: str
    zone: tzinfo
    shifts: Mapping[str, Shift]
    weeks: tuple[Weekdays, ...]
    title: str = ""
    title_zh: str = ""
    day_start: time = time(0)
    anchor: date = MONDAY
    days: Mapping[date, tuple[str, ...]] = field(default_factory=dict)
    overtime: tuple[Overtime, ...] = ()

    def worked(self, day: date) -> tuple[str, ...]:
        """Return the keys of the shifts that begin on a day."""
        if day in self.days:
            return self.days[day]
        monday = self.anchor - timedelta(days=self.anchor.weekday())
        week = (day - monday).days // WEEK_DAYS % len(self.weeks)
        return self.weeks[week][day.weekday()]

    def shifts_of(self, day: date) -> list[ShiftAt]:
        """Return the shifts of a plant day in the order in which they begin, without overtime."""
        return [at for at, _ in self._day(day)]

    @cached_property
    def _kept(self) -> dict[date, list[tuple[ShiftAt, list[tuple[int, int]]]]]:
        return {}

    def _day(self, day: date) -> list[tuple[ShiftAt, list[tuple[int, int]]]]:
        """Return the shifts of a day with their breaks; the same days are asked for again."""
        found = self._kept.get(day)
        if found is None:
            shifts = [self._at(day, self.shifts[key]) for key in self.worked(day)]
            shifts = sorted((s for s in shifts if s.end_ms > s.start_ms), key=lambda s: s.start_ms)
            found = [(at, sorted(self._breaks(at))) for at in shifts]
            if len(self._kept) >= DAYS_KEPT:
                self._kept.clear()
            self._kept[day] = found
        return found

    def plant_day(self, at_ms: int) -> date:
        """Return the plant day of an instant [ms since 1970 UTC]."""
        local = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(self.zone)
        day = local.date()
        return day if at_ms >= self.begins(day) else day - timedelta(days=1)

    def begins(self, day: date) -> int:
        """Return the instant at which a plant day begins [ms since 1970 UTC]."""
        return self._ms(day, self.day_start)

    def bounds(self, day: date) -> tuple[int, int]:
        """Return begin and end of a plant day [ms since 1970 UTC]: 23 to 25 hours apart."""
        return self.begins(day), self.begins(day + timedelta(days=1))

    def shift_of(self, at_ms: int) -> ShiftAt | None:
        """Return the shift that an instant [ms since 1970 UTC] falls into, breaks included.

        None where no shift is worked then. Where two overlap it is the one that began later.
        """
        local = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(self.zone).date()
        near = [s for ago in (1, 0) for s in self.shifts_of(local - timedelta(days=ago))]
        hits = [s for s in near if s.start_ms <= at_ms < s.end_ms]
        return hits[-1] if hits else self._overtime_at(at_ms)

    def busy(self, start_ms: int, end_ms: int) -> NDArray[np.int64]:
        """Return the planned busy time between two instants [ms since 1970 UTC].

        Returns
        -------
        ndarray of int64, shape (n, 2)
            Begin and end of spans of work, rising, apart from one another, breaks left out.

        """
        found = sorted(s for s in self._spans(start_ms, end_ms) if s[0] < s[1])
        return clip(merge(np.array(found, np.int64).reshape(-1, 2)), start_ms, end_ms)

    def shifts_between(self, start_ms: int, end_ms: int) -> list[ShiftAt]:
        """Return the shifts that touch a span of time [ms since 1970 UTC], in order."""
        found = [s for day in self._days(start_ms, end_ms) for s in self.shifts_of(day)]
        return [s for s in found if s.end_ms > start_ms and s.start_ms < end_ms]

    @cached_property
    def week_s(self) -> float:
        """Planned busy time of an ordinary week [s], the mean over the rotation."""
        total = 0.0
        for week in self.weeks:
            for keys in week:
                total += sum(_length_s(self.shifts[key]) for key in keys)
        return total / len(self.weeks)

    def _spans(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        for day in self._days(start_ms, end_ms):
            for at, breaks in self._day(day):
                edge = at.start_ms
                for begin, end in breaks:
                    yield edge, begin
                    edge = max(edge, end)
                yield edge, at.end_ms
        for extra in self.overtime:
            yield self._bounds(extra.day, extra.start, extra.end)

    def _breaks(self, at: ShiftAt) -> Iterator[tuple[int, int]]:
        for start, end in at.shift.breaks:
            ahead = timedelta(days=start < at.shift.start)
            begin_ms, end_ms = self._bounds(at.day + ahead, start, end)
            if at.start_ms <= begin_ms < at.end_ms:
                yield begin_ms, min(end_ms, at.end_ms)

    def _overtime_at(self, at_ms: int) -> ShiftAt | None:
        for extra in self.overtime:
            begin, end = self._bounds(extra.day, extra.start, extra.end)
            if begin <= at_ms < end and extra.shift:
                return ShiftAt(extra.day, self.shifts[extra.shift], begin, end)
        return None

    def _days(self, start_ms: int, end_ms: int) -> Iterator[date]:
        day = datetime.fromtimestamp(start_ms / 1000, tz=UTC).astimezone(self.zone).date()
        last = datetime.fromtimestamp(end_ms / 1000, tz=UTC).astimezone(self.zone).date()
        day -= timedelta(days=1)
        while day <= last:
            yield day
            day += timedelta(days=1)

    def _at(self, day: date, shift: Shift) -> ShiftAt:
        start_ms, end_ms = self._bounds(day, shift.start, shift.end)
        return ShiftAt(day, shift, start_ms, end_ms)

    def _bounds(self, day: date, start: time, end: time) -> tuple[int, int]:
        return self._ms(day, start), self._ms(day + timedelta(days=end <= start), end)

    def _ms(self, day: date, at: time) -> int:
        local = datetime.combine(day, at, self.zone)
        instant = local.astimezone(UTC)
        if instant.astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            instant = self._skip(local)
        return round(instant.timestamp() * 1000)

    def _skip(self, local: datetime) -> datetime:
        """Return the instant at which the clocks skip a wall time that does not exist."""
        after = local.astimezone(UTC)
        before = local.replace(fold=1).astimezone(UTC)
        offset = before.astimezone(self.zone).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            if middle.astimezone(self.zone).utcoffset() == offset:
                before = middle
            else:
                after = middle
        return after.replace(microsecond=0)


def merge(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join spans that touch or overlap. spans: begin and end, shape (n, 2), rising by begin."""
    if len(spans) < 2:
        return spans
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.concatenate(([True], spans[1:, 0] > reach[:-1]))
    last = np.concatenate((first[1:], [True]))
    return np.stack((spans[first, 0], reach[last]), axis=1)


def clip(spans: NDArray[np.int64], start_ms: int, end_ms: int) -> NDArray[np.int64]:
    """Return what of the spans lies between two instants; empty spans go."""
    cut = np.clip(spans, start_ms, end_ms)
    kept: NDArray[np.int64] = cut[cut[:, 0] < cut[:, 1]]
    return kept


def without(spans: NDArray[np.int64], holes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the spans with the holes taken out; both rising and free of overlap."""
    if not len(spans) or not len(holes):
        return spans
    starts = np.concatenate((spans[:, 0], holes[:, 1]))
    ends = np.concatenate((spans[:, 1], holes[:, 0]))
    edges = np.unique(np.concatenate((starts, ends)))
    middle = (edges[:-1] + edges[1:]) / 2
    kept = _inside(middle, spans) & ~_inside(middle, holes)
    return merge(np.stack((edges[:-1][kept], edges[1:][kept]), axis=1))


def _inside(at: NDArray[np.float64], spans: NDArray[np.int64]) -> NDArray[np.bool_]:
    index = np.searchsorted(spans[:, 0], at, side="right") - 1
    hit: NDArray[np.bool_] = (index >= 0) & (at < spans[np.maximum(index, 0), 1])
    return hit


def _length_s(shift: Shift) -> float:
    return _span_s((shift.start, shift.end)) - sum(_span_s(b) for b in shift.breaks)


def _span_s(span: Span) -> float:
    start, end = (t.hour * 3600 + t.minute * 60 + t.second for t in span)
    return float(end - start if end > start else end - start + 86_400)
