"""Working time: every expected instant was worked out by hand from the published clock changes."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from millbrain.core.plant.calendar import Calendar, Overtime, Shift, clip, merge, without

DUBLIN, SHANGHAI = ZoneInfo("Europe/Dublin"), ZoneInfo("Asia/Shanghai")
EARLY = Shift("E", "Early", "早班", time(6), time(14), ((time(9), time(9, 30)),))
NIGHT = Shift("N", "Night", "夜班", time(22), time(6), ((time(1, 15), time(1, 45)),))
ALL = {"E": EARLY, "N": NIGHT}
EVERY_NIGHT = ((("N",),) * 7,)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def told(spans: np.ndarray) -> list[tuple[str, str]]:
    return [
        (f"{datetime.fromtimestamp(a / 1000, UTC):%d %H:%M}",
         f"{datetime.fromtimestamp(b / 1000, UTC):%d %H:%M}")
        for a, b in spans
    ]  # fmt: skip


def nights(zone: ZoneInfo, **more: object) -> Calendar:
    return Calendar("nights", zone, ALL, EVERY_NIGHT, day_start=time(6), **more)  # type: ignore[arg-type]


def test_night_shift_in_shanghai() -> None:
    busy = nights(SHANGHAI).busy(ms("2026-03-02T12:00"), ms("2026-03-03T12:00"))
    assert told(busy) == [("02 14:00", "02 17:15"), ("02 17:45", "02 22:00")]  # UTC+8


def test_spring_night_in_dublin_is_an_hour_shorter() -> None:
    """29 March 2026, 01:00 GMT: clocks go to 02:00, so the break at 01:15 does not exist."""
    busy = nights(DUBLIN).busy(ms("2026-03-28T12:00"), ms("2026-03-29T12:00"))
    assert told(busy) == [("28 22:00", "29 05:00")]


def test_autumn_night_in_dublin_is_an_hour_longer() -> None:
    """25 October 2026, 02:00 IST: clocks go back to 01:00; the break is at the first 01:15."""
    busy = nights(DUBLIN).busy(ms("2026-10-24T12:00"), ms("2026-10-25T12:00"))
    assert told(busy) == [("24 21:00", "25 00:15"), ("25 00:45", "25 06:00")]
    assert (busy[:, 1] - busy[:, 0]).sum() == 8.5 * 3_600_000


def test_plant_day_of_the_autumn_change_has_25_hours() -> None:
    calendar = Calendar("d", DUBLIN, ALL, EVERY_NIGHT)  # plant day from midnight
    begin, end = calendar.bounds(date(2026, 10, 25))
    assert (begin, end - begin) == (ms("2026-10-24T23:00"), 25 * 3_600_000)
    begin, end = calendar.bounds(date(2026, 3, 29))
    assert (begin, end - begin) == (ms("2026-03-29T00:00"), 23 * 3_600_000)


def test_a_day_start_that_the_clocks_skip_is_the_instant_of_the_skip() -> None:
    calendar = Calendar("d", DUBLIN, ALL, EVERY_NIGHT, day_start=time(1, 30))
    assert calendar.begins(date(2026, 3, 29)) == ms("2026-03-29T01:00")


@pytest.mark.parametrize(
    ("at", "shift", "day"),
    [
        ("2026-03-02T13:59:59", None, None),  # 21:59:59 in Shanghai
        ("2026-03-02T14:00", "N", date(2026, 3, 2)),
        ("2026-03-02T17:30", "N", date(2026, 3, 2)),  # in its break, 01:30 of the 3rd
        ("2026-03-02T21:59:59", "N", date(2026, 3, 2)),
        ("2026-03-02T22:00", None, None),
    ],
)
def test_shift_of_an_instant(at: str, shift: str | None, day: date | None) -> None:
    found = nights(SHANGHAI).shift_of(ms(at))
    assert (found and found.shift.key, found and found.day) == (shift, day)


def test_plant_day_of_a_night_is_the_day_on_which_it_began() -> None:
    calendar = nights(SHANGHAI)
    assert calendar.plant_day(ms("2026-03-02T21:59:59")) == date(2026, 3, 2)  # 05:59:59 of the 3rd
    assert calendar.plant_day(ms("2026-03-02T22:00")) == date(2026, 3, 3)


def test_weeks_rotate_from_the_anchor() -> None:
    early, night = (("E",),) * 7, (("N",),) * 7
    calendar = Calendar("r", SHANGHAI, ALL, (early, night), anchor=date(2026, 3, 4))
    assert calendar.worked(date(2026, 3, 2)) == ("E",)  # the Monday of the anchor's week
    assert calendar.worked(date(2026, 3, 8)) == ("E",)
    assert calendar.worked(date(2026, 3, 9)) == ("N",)
    assert calendar.worked(date(2026, 3, 16)) == ("E",)
    assert calendar.worked(date(2026, 3, 1)) == ("N",)  # the week before


def test_holidays_overtime_and_touching_shifts() -> None:
    late = Shift("L", "Late", "中班", time(14), time(22))
    calendar = Calendar(
        "x", SHANGHAI, ALL | {"L": late}, ((("E", "L"),) * 7,),
        days={date(2026, 3, 3): ()},
        overtime=(Overtime(date(2026, 3, 3), time(8), time(10), "E"),),
    )  # fmt: skip
    busy = calendar.busy(ms("2026-03-01T16:00"), ms("2026-03-03T16:00"))
    assert told(busy) == [
        ("01 22:00", "02 01:00"),
        ("02 01:30", "02 14:00"),
        ("03 00:00", "03 02:00"),
    ]
    found = calendar.shift_of(ms("2026-03-03T01:00"))
    assert found
    assert (found.shift.key, found.day) == ("E", date(2026, 3, 3))


def test_spans_are_merged_clipped_and_cut() -> None:
    spans = np.array([[0, 10], [5, 20], [20, 30], [40, 50]], np.int64)
    assert merge(spans).tolist() == [[0, 30], [40, 50]]
    assert clip(spans, 7, 41).tolist() == [[7, 10], [7, 20], [20, 30], [40, 41]]
    holes = np.array([[5, 8], [29, 45]], np.int64)
    assert without(merge(spans), holes).tolist() == [[0, 5], [8, 29], [45, 50]]
    assert without(merge(spans), holes[:0]).tolist() == [[0, 30], [40, 50]]


def test_cutting_equals_a_slow_count() -> None:
    random = np.random.default_rng(4)
    for _ in range(200):
        spans = merge(np.sort(np.sort(random.integers(0, 99, (6, 2))), axis=0))
        holes = merge(np.sort(np.sort(random.integers(0, 99, (4, 2))), axis=0))
        kept = {n for a, b in spans for n in range(a, b)} - {
            n for a, b in holes for n in range(a, b)
        }
        assert {n for a, b in without(spans, holes) for n in range(a, b)} == kept


def test_week_of_a_rotation_is_the_mean() -> None:
    early, none = (("E",),) * 5 + ((),) * 2, ((),) * 7
    assert Calendar("w", SHANGHAI, ALL, (early, none)).week_s == 5 * 7.5 * 3600 / 2
