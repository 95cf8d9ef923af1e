"""Working time: which hours count towards a deadline, by weekday, holiday, make-up day and shift.

Pure and zone-aware: instants go in and come out as aware datetimes, shifts are local wall time, so
that a shift lasts as long as the clock says even on the day the clocks change. Reads no clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from millbrain.core.errors import SettingsError
from millbrain.core.work.holidays_cn import HOLIDAYS_CN

SATURDAY: Final = 5
DAYS_LOOKED_MAX: Final = 3_660  # a deadline beyond ten years is a mistake in the settings
DAY_SHIFT: Final = ((time(8, 30), time(12, 0)), (time(13, 30), time(17, 30)))
Shift = tuple[time, time]


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """When people work.

    zone: of the shifts and days. shifts: local (start, end) in rising order; an end of 00:00 is
    midnight. holidays, make_up: days that are free though a weekday, and worked though a weekend.
    known_years: years for which the holidays are known; in others only weekends are free.

    Raises
    ------
    SettingsError
        Where there is no shift, or shifts overlap or end before they start.
    """

    zone: tzinfo
    shifts: tuple[Shift, ...] = DAY_SHIFT
    holidays: frozenset[date] = frozenset()
    make_up: frozenset[date] = frozenset()
    known_years: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Refuse shifts that no day could hold."""
        edges = [m for start, end in self.shifts for m in (_minutes(start), _minutes(end) or 1440)]
        if not edges or any(a >= b for a, b in zip(edges[::2], edges[1::2], strict=True)):
            raise SettingsError("working time needs shifts, each ending after it starts")
        if edges != sorted(edges):
            raise SettingsError("shifts of a day stand in rising order and do not overlap")

    @property
    def day_s(self) -> float:
        """Working seconds of a whole working day."""
        return 60.0 * sum((_minutes(b) or 1440) - _minutes(a) for a, b in self.shifts)

    def is_known(self, year: int) -> bool:
        """Whether the holidays of that year are known; if not, only weekends are free."""
        return year in self.known_years

    def is_working_day(self, day: date) -> bool:
        """Whether people work on that day."""
        if day in self.make_up:
            return True
        return day.weekday() < SATURDAY and day not in self.holidays

    def after(self, start: datetime, working_s: float) -> datetime:
        """Return the instant at which `working_s` seconds [s] of working time have passed.

        With 0 it is the first working instant at or after `start`.

        Raises
        ------
        SettingsError
            Where no such instant comes within ten years.
        """
        left = working_s
        for opens, closes in self._spans(start):
            begin = max(opens, start)
            length_s = (closes - begin).total_seconds()
            if left <= length_s:
                return begin + timedelta(seconds=left)
            left -= length_s
        raise SettingsError(f"{working_s:g} s of working time do not fit into ten years")

    def between(self, start: datetime, end: datetime) -> float:
        """Return the working time from `start` to `end` [s], negative where `end` comes first."""
        if end < start:
            return -self.between(end, start)
        total_s = 0.0
        for opens, closes in self._spans(start):
            if opens >= end:
                break
            total_s += max(0.0, (min(closes, end) - max(opens, start)).total_seconds())
        return total_s

    def _spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield spans of work that end after `start`, in order, as UTC."""
        first = start.astimezone(self.zone).date()
        for ahead in range(DAYS_LOOKED_MAX):
            day = first + timedelta(days=ahead)
            if not self.is_working_day(day):
                continue
            for opens, closes in self.shifts:
                end = self._at(day, closes) if _minutes(closes) else self._midnight(day)
                if end > start:
                    yield self._at(day, opens), end

    def _at(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def _midnight(self, day: date) -> datetime:
        return self._at(day + timedelta(days=1), time(0))


def china(
    zone: tzinfo,
    shifts: Sequence[Shift] = DAY_SHIFT,
    more_holidays: Sequence[date] = (),
    more_make_up: Sequence[date] = (),
) -> WorkingCalendar:
    """Return the calendar of mainland China (`core.work.holidays_cn`) with days of one's own.

    more_holidays, more_make_up: what a settings file adds, such as a year whose notice is newer
    than this release; a year of which any day is given counts as known.
    """
    holidays, make_up = _listed(HOLIDAYS_CN)
    added = {d.year for d in (*more_holidays, *more_make_up)}
    return WorkingCalendar(
        zone,
        tuple(shifts),
        (holidays | frozenset(more_holidays)) - frozenset(more_make_up),
        (make_up | frozenset(more_make_up)) - frozenset(more_holidays),
        frozenset(HOLIDAYS_CN) | frozenset(added),
    )


def _listed(
    years: Mapping[int, tuple[Sequence[str], Sequence[str]]],
) -> tuple[frozenset[date], frozenset[date]]:
    holidays = (d for year, (free, _) in years.items() for text in free for d in _days(year, text))
    make_up = (d for year, (_, work) in years.items() for text in work for d in _days(year, text))
    return frozenset(holidays), frozenset(make_up)


def _days(year: int, text: str) -> Iterator[date]:
    first, _, last = text.partition("..")
    day, end = (date.fromisoformat(f"{year}-{part}") for part in (first, last or first))
    while day <= end:
        yield day
        day += timedelta(days=1)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
