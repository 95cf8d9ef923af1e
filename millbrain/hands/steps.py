"""The thread of an app: it does step after step, and one that fails is told and counted."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

log = logging.getLogger(__name__)

PAUSE_S_MIN: Final = 1.0  # after a failure, doubled from one to the next ...
PAUSE_S_MAX: Final = 60.0  # ... up to this
STOP_S_MAX: Final = 10.0


class Steps:
    """Does steps until it is stopped.

    Parameters
    ----------
    name
        Of the thread; also said in the log.
    step
        Does what there is to do and returns how long to wait before the next step [s]. Whatever it
        raises, the next one comes, later from one failure to the next.
    recover
        Called after a step that failed, so that the next one begins from what is on disk.
    does_last
        Whether one more step is done when it is stopped.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        *,
        recover: Callable[[], None] | None = None,
        does_last: bool = False,
    ) -> None:
        self.stopping = threading.Event()
        self.done = self.failures = 0
        self.last_error = ""
        self._step, self._recover, self._does_last = step, recover, does_last
        self._pause_s = PAUSE_S_MIN
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; whatever the step needs must be there."""
        self._thread.start()

    def stop(self, wait_s: float | None = STOP_S_MAX) -> None:
        """End the thread, waiting for its step for at most `wait_s`; None = until it is done."""
        self.stopping.set()
        if self._thread.ident is not None:
            self._thread.join(wait_s)

    def status(self) -> dict[str, Any]:
        """Return is_alive, steps, failures and last_error, which every app tells."""
        return {
            "is_alive": self._thread.is_alive(),
            "steps": self.done,
            "failures": self.failures,
            "last_error": self.last_error,
        }

    def _run(self) -> None:
        while not self.stopping.wait(self._once()):
            pass
        if self._does_last:
            self._once()

    def _once(self) -> float:
        try:
            wait_s = self._step()
        except Exception as error:
            self.failures += 1
            self.last_error = f"{type(error).__name__}: {error}"
            pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, PAUSE_S_MAX)
            log.exception("%s: a step failed; it is done again in %g s", self._thread.name, pause_s)
            if self._recover:
                self._recover()
            return pause_s
        self.done += 1
        self._pause_s = PAUSE_S_MIN
        return wait_s
