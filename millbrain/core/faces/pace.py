"""Pace: how many costly sums a face does a second for whoever asks."""


class Pace:
    """Lets so many costly sums a second through, and as many at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at_s = 0.0

    def may(self, now_s: float) -> bool:
        """Whether one more may be done at an instant of any steady clock."""
        self._left = min(self._per_s, self._left + max(now_s - self._at_s, 0) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
