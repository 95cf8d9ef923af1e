"""How often a login may fail: a name from one address, in a window of time."""

from collections import OrderedDict
from typing import Final

from millbrain.core.limits import LOGIN_TRIES_MAX, LOGIN_WINDOW_S

_KEPT_MAX: Final = 10_000  # names and addresses that are remembered; the oldest is forgotten


class Tries:
    """Counts failures; for one thread."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def is_closed(self, who: tuple[str, str], now_s: float) -> bool:
        """Whether `who` (address, name) has to wait for the end of the window."""
        since_s, count = self._failures.get(who, (now_s, 0))
        return count >= LOGIN_TRIES_MAX and now_s < since_s + LOGIN_WINDOW_S

    def failed(self, who: tuple[str, str], now_s: float) -> None:
        """Count a failure."""
        since_s, count = self._failures.pop(who, (now_s, 0))
        if now_s >= since_s + LOGIN_WINDOW_S:
            since_s, count = now_s, 0
        self._failures[who] = (since_s, count + 1)
        while len(self._failures) > _KEPT_MAX:
            self._failures.popitem(last=False)
