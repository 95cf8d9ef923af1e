"""Working time of one machine over some months: a question costs two searches. Pure.

A projection asks for each operation and machine when its work ends; the calendar itself takes a
millisecond a question.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_MS: Final = 86_400_000


class WorkingHours:
    """Spans of work of one machine.

    Parameters
    ----------
    spans
        Begin and end [ms since 1970 UTC], shape (n, 2), rising, apart from one another.
    begin_ms, end_ms
        The time that they were asked for; outside of it nothing is known.
    """

    def __init__(self, spans: NDArray[np.int64], begin_ms: int, end_ms: int) -> None:
        self.begin_ms, self.end_ms = begin_ms, end_ms
        self._begins, self._ends = spans[:, 0], spans[:, 1]
        self._worked = np.cumsum(self._ends - self._begins)  # until the end of each span

    def after(self, start_ms: int, work_ms: int) -> int | None:
        """Return when `work_ms` of working time have passed since `start_ms`.

        With 0 it is the first working instant at or after the start. None = not within the time
        that is known.
        """
        at = int(np.searchsorted(self._ends, start_ms, side="right"))
        if at == len(self._ends) or start_ms < self.begin_ms:
            return None
        begin = max(int(self._begins[at]), start_ms)
        if not work_ms:
            return begin
        target = int(self._worked[at]) - (int(self._ends[at]) - begin) + work_ms
        last = int(np.searchsorted(self._worked, target, side="left"))
        if last == len(self._worked):
            return None
        return int(self._ends[last]) - (int(self._worked[last]) - target)
