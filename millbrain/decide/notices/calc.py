"""When a notice is tried again, as pure functions."""

import random
from typing import Final

_DOUBLINGS_MAX: Final = 30  # beyond, the longest pause is reached with any setting


def pause_s(attempt: int, first_s: float, most_s: float, dice: random.Random) -> float:
    """Return the pause after a failed try [s]: it doubles, up to a bound, and is spread.

    attempt: number of the failed try, from 1. Spread over half of its length, so that deliveries
    that failed together do not come back together.

    >>> 5 <= pause_s(2, 5, 3600, random.Random(1)) <= 10
    True
    """
    whole_s: float = min(first_s * 2.0 ** min(attempt - 1, _DOUBLINGS_MAX), most_s)
    return whole_s * (0.5 + 0.5 * dice.random())
