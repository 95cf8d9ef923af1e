"""Working time by hand: shifts, weekends, the holidays as announced, zones, years not known yet."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.errors import SettingsError
from millbrain.core.work.working_time import WorkingCalendar, china

BEIJING = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR_S = 3600
CALENDAR = china(BEIJING)


def at(text: str, zone: ZoneInfo = BEIJING) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# 2026-11-20 is a Friday. The day shift is 08:30-12:00 and 13:30-17:30: 7.5 h.
@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-20 09:00", 1, "2026-11-20 10:00"),
        ("2026-11-20 11:30", 1, "2026-11-20 14:00"),  # over the noon break
        ("2026-11-20 17:00", 1, "2026-11-23 09:00"),  # over the weekend
        ("2026-11-20 17:00", 8, "2026-11-23 17:30"),  # the last instant of a shift still counts
        ("2026-11-21 12:00", 0, "2026-11-23 08:30"),  # a Saturday: the first working instant
        ("2026-11-20 06:00", 7.5, "2026-11-20 17:30"),
        ("2026-02-13 17:00", 1, "2026-02-14 09:00"),  # a Saturday made up before Spring Festival
        ("2026-02-14 17:00", 1, "2026-02-24 09:00"),  # 15 to 23 February are free
        ("2026-09-30 17:30", 1, "2026-10-08 09:30"),  # National Day, 1 to 7 October
        ("2026-10-09 17:30", 1, "2026-10-10 09:30"),  # 10 October is made up
        ("2025-01-27 17:30", 1, "2025-02-05 09:30"),
        ("2024-09-30 17:30", 1, "2024-10-08 09:30"),
        ("2026-12-31 17:30", 1, "2027-01-01 09:30"),  # 2027 is not known: a Friday like any other
    ],
)
def test_deadlines_by_hand(start: str, hours: float, end: str) -> None:
    assert CALENDAR.after(at(start), hours * HOUR_S) == at(end)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-20 09:00", "2026-11-20 10:30", 1.5),
        ("2026-11-20 12:10", "2026-11-20 13:20", 0),
        ("2026-11-20 17:00", "2026-11-23 09:00", 1),
        ("2026-11-21 00:00", "2026-11-22 23:59", 0),
        ("2026-11-23 09:00", "2026-11-20 17:00", -1),
        ("2026-02-09 00:00", "2026-03-02 00:00", (6 + 5) * 7.5),  # 9-14 and 24-28 February
    ],
)
def test_time_between_by_hand(start: str, end: str, hours: float) -> None:
    assert CALENDAR.between(at(start), at(end)) == hours * HOUR_S


def test_years_whose_holidays_are_not_known_say_so() -> None:
    assert CALENDAR.is_known(2026)
    assert not CALENDAR.is_known(2027)
    own = china(BEIJING, more_holidays=[date(2027, 1, 1)], more_make_up=[date(2027, 1, 3)])
    assert own.is_known(2027)
    assert own.after(at("2026-12-31 17:30"), HOUR_S) == at("2027-01-03 09:30")


def test_an_own_day_goes_before_the_announced_ones() -> None:
    own = china(BEIJING, more_holidays=[date(2026, 2, 14)], more_make_up=[date(2026, 2, 15)])
    assert not own.is_working_day(date(2026, 2, 14))
    assert own.is_working_day(date(2026, 2, 15))


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_make_up_day_is_a_weekend_and_no_holiday(year: int) -> None:
    made_up = [d for d in CALENDAR.make_up if d.year == year]
    assert made_up
    assert all(d.weekday() >= 5 for d in made_up)
    assert not CALENDAR.make_up & CALENDAR.holidays


def test_round_the_clock_and_over_midnight() -> None:
    night = WorkingCalendar(BEIJING, ((time(0), time(8)), (time(22), time(0))))
    assert night.day_s == 10 * HOUR_S
    assert night.after(at("2026-11-19 23:00"), 2 * HOUR_S) == at("2026-11-20 01:00")
    always = WorkingCalendar(BEIJING, ((time(0), time(0)),))
    assert always.after(at("2026-11-20 00:00"), 24 * HOUR_S) == at("2026-11-21 00:00")


def test_a_shift_lasts_by_the_clock_when_the_clocks_change() -> None:
    # In Berlin 29 March 2026 has 23 hours; it is a Sunday, made up here to be worked.
    local = WorkingCalendar(BERLIN, ((time(1), time(5)),), make_up=frozenset({date(2026, 3, 29)}))
    assert local.between(at("2026-03-29 00:00", BERLIN), at("2026-03-30 00:00", BERLIN)) == (
        3 * HOUR_S
    )


@pytest.mark.parametrize(
    "shifts",
    [
        (),
        ((time(9), time(9)),),
        ((time(12), time(9)),),
        ((time(9), time(12)), (time(11), time(15))),
        ((time(13), time(17)), (time(8), time(12))),
    ],
)
def test_shifts_that_no_day_could_hold_are_refused(shifts: tuple[tuple[time, time], ...]) -> None:
    with pytest.raises(SettingsError, match="shifts"):
        WorkingCalendar(BEIJING, shifts)


def test_a_deadline_that_never_comes_is_refused() -> None:
    with pytest.raises(SettingsError, match="ten years"):
        CALENDAR.after(at("2026-11-20 09:00"), 1e9)


_INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


@given(_INSTANTS, st.floats(0, 200 * HOUR_S))
def test_the_time_between_a_start_and_its_deadline_is_what_was_asked(
    start: datetime, working_s: float
) -> None:
    end = CALENDAR.after(start, working_s)
    assert CALENDAR.between(start, end) == pytest.approx(working_s, abs=1e-3)
    assert CALENDAR.between(end, start) == -CALENDAR.between(start, end)
    assert CALENDAR.between(start, end + timedelta(hours=1)) >= working_s - 1e-3
