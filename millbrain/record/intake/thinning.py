"""Keeping some of the raw frames: so many a second, spread evenly, the others counted."""

import time

import numpy as np

from millbrain.core.columns import Columns


class TokenBucket:
    """Lets `rate_hz` rows a second through, at most one second's worth at once."""

    def __init__(self, rate_hz: int) -> None:
        self.kept = 0
        self.skipped = 0
        self._rate_hz = rate_hz
        self._tokens = float(rate_hz)
        self._filled_s = time.monotonic()

    def thin(self, rows: Columns) -> Columns:
        """Return the rows that may stay, evenly spread over the batch."""
        now_s = time.monotonic()
        earned = (now_s - self._filled_s) * self._rate_hz
        self._tokens = min(self._rate_hz, self._tokens + earned)
        self._filled_s = now_s
        keep = min(rows.rows, int(self._tokens))
        self._tokens -= keep
        self.kept += keep
        self.skipped += rows.rows - keep
        if keep == rows.rows:
            return rows
        return rows.take(np.arange(keep, dtype=np.int64) * rows.rows // max(keep, 1))
