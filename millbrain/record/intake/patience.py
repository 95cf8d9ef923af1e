"""Waiting out a store that refuses: try, say why in words, pause longer each time, try again.

A full disk or a lost server is no reason to lose a fact or to fail: the intake holds what it has,
its queue fills, the drivers stop reading, and the devices wait.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from millbrain.core.errors import MillbrainError, StoreFullError
from millbrain.core.times import utc_from_epoch

_log = logging.getLogger(__name__)

PAUSE_S_MIN: Final = 0.2
PAUSE_S_MAX: Final = 5.0

_Result = TypeVar("_Result")


class GaveUpError(Exception):
    """The intake is closing and will not wait for the store any longer."""


class Patience:
    """Repeats a store call until it succeeds or `stop` is called; keeps the trouble in words."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}
        self.last_error = ""

    def stop(self) -> None:
        """Let no call wait any longer; those that fail from now on give up."""
        self._stop.set()

    def troubles(self) -> list[str]:
        """Say what is being retried at this moment, one sentence each."""
        with self._lock:
            return list(self._troubles.values())

    def persist(
        self, what: str, call: Callable[[], _Result], check: Callable[[], None] | None = None
    ) -> _Result:
        """Return what `call` returns, however often it takes.

        Parameters
        ----------
        what
            Names the work in the status, such as ``commit 17``.
        call
            Raises a `MillbrainError` where the store refuses.
        check
            Runs before every repetition, for what an error may have left half done.

        Raises
        ------
        GaveUpError
            `stop` was called and the store still refuses.

        """
        pause_s, since, tries = PAUSE_S_MIN, "", 0
        while True:
            try:
                if tries and check is not None:
                    check()
                result = call()
            except MillbrainError as error:
                tries += 1
                since = since or utc_from_epoch(time.time()).strftime("%Y-%m-%d %H:%M:%S UTC")
                self._note(what, error, since, tries)
            else:
                self._forget(what, since, tries)
                return result
            if self._stop.wait(pause_s):
                raise GaveUpError(what)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    def _note(self, what: str, error: MillbrainError, since: str, tries: int) -> None:
        reason = "disk full" if isinstance(error, StoreFullError) else "store refused"
        sentence = f"{what}: {reason} since {since}, retrying (failed {tries} times): {error}"
        with self._lock:
            self._troubles[what] = sentence
            self.last_error = sentence
        if tries == 1:
            _log.warning("%s", sentence)

    def _forget(self, what: str, since: str, tries: int) -> None:
        if tries:
            with self._lock:
                self._troubles.pop(what, None)
            _log.warning("%s: went through after %d failures since %s", what, tries, since)
