"""Device time in the columnar decoder: the calendar is checked, Beijing time becomes UTC."""

from collections.abc import Sequence

import numpy as np
import pytest

from millbrain.connect.gbt32960 import columnar, framing
from millbrain.core.times import beijing_from_six


def decode(sixes: Sequence[bytes]) -> columnar.Decoded:
    frames = [framing.build_frame(2016, 2, 0xFE, "LNEVTEST0N0000007", six) for six in sixes]
    ends = np.cumsum([len(f) for f in frames], dtype=np.int32)
    starts = ends - np.array([len(f) for f in frames], np.int32)
    return columnar.decode_columns(np.frombuffer(b"".join(frames), np.uint8), starts, ends)


@pytest.mark.parametrize("year", [0, 1, 4, 24, 25, 99])
def test_every_day_of_a_year_is_the_calendars(year: int) -> None:
    sixes = [bytes((year, month, day, 23, 59, 58)) for month in range(14) for day in range(33)]
    decoded = decode(sixes)
    instants = [beijing_from_six(six) for six in sixes]
    assert decoded.columns.values["device_at"].tolist() == [
        at.timestamp() for at in instants if at is not None
    ]
    bad = np.array([at is None for at in instants])
    assert (decoded.status == np.where(bad, columnar.BAD_TIME, columnar.OK)).all()


@pytest.mark.parametrize("six", ["640101000000", "000101180000", "000101003c00", "00010100003c"])
def test_impossible_times_are_refused(six: str) -> None:
    assert decode([bytes.fromhex(six)]).status.tolist() == [columnar.BAD_TIME]
