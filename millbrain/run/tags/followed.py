"""Limits of signals as the engine follows them: read again only when they have changed."""

import threading

from millbrain.core.plant.signal_limits import SignalLimits
from millbrain.record.ledger.tags.signal_limits import SignalLimitBook


class FollowedLimits:
    """Returns the limits as of now; a call costs one small question where nothing changed."""

    def __init__(self, book: SignalLimitBook) -> None:
        self._book = book
        self._lock = threading.Lock()
        self._revision = -1
        self._limits: tuple[SignalLimits, ...] = ()

    def __call__(self) -> tuple[SignalLimits, ...]:
        """Return every limit, by thing and signal. From any thread."""
        with self._lock:
            revision = self._book.revision()
            if revision != self._revision:
                self._limits, self._revision = tuple(self._book.all()), revision
            return self._limits
