"""Conversions between instants and the clock forms that devices send. Reads no clock itself.

Inside Millbrain an instant is UTC: whole seconds since 1970 for what a device says (`device_at`)
and milliseconds for what we say (`received_at`). GB/T 32960 and JT/T 808 send Beijing time
(UTC+8, no summer time since 1991).
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import numpy as np
from numpy.typing import NDArray

BEIJING: Final = timezone(timedelta(hours=8))
BEIJING_OFFSET_S: Final = 8 * 3600


def beijing_from_six(six: bytes) -> datetime | None:
    """Read YY MM DD hh mm ss in binary, Beijing time (GB/T 32960.3 table 4, year 2000-2099).

    Returns None where the six bytes name no instant (month 13, 31 April, hour 24).
    """
    year, month, day, hour, minute, second = six
    if year > 99:
        return None
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=BEIJING)
    except ValueError:
        return None


def six_from_epoch(epoch_s: int) -> bytes:
    """Write an instant [s since 1970 UTC] as YY MM DD hh mm ss in binary, Beijing time."""
    at = datetime.fromtimestamp(epoch_s, tz=BEIJING)
    return bytes((at.year % 100, at.month, at.day, at.hour, at.minute, at.second))


def beijing_day(epoch_s: int) -> str:
    """Return the day of an instant [s since 1970 UTC] in Beijing, as 2026-01-31.

    >>> beijing_day(1_700_000_000)
    '2023-11-15'
    """
    return datetime.fromtimestamp(epoch_s, tz=BEIJING).date().isoformat()


def iso(at_ms: float) -> str:
    """Write an instant [ms since 1970 UTC] as ISO 8601 with milliseconds and Z.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    text = datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def isos(at_ms: NDArray[np.int64]) -> list[str]:
    """Write instants [ms since 1970 UTC] as `iso` does, all at once.

    >>> isos(np.array([0, 1_700_000_000_123]))
    ['1970-01-01T00:00:00.000Z', '2023-11-14T22:13:20.123Z']
    """
    texts: list[str] = np.datetime_as_string(
        at_ms.astype("datetime64[ms]"), timezone="UTC"
    ).tolist()
    return texts


def utc_from_epoch(epoch_s: float) -> datetime:
    """Return the aware UTC datetime of an instant [s since 1970]."""
    return datetime.fromtimestamp(epoch_s, tz=UTC)
