"""The short way for what cannot wait: thermal findings are reported at once, each now and then.

Reporting waits for a disk, so a thread of its own does it. A vehicle that sends its alarm with
every report is told once, and then at most every `REPEAT_S` with the newest time.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from millbrain.analyse.battery.calc.known import joined
from millbrain.core.findings import Finding

_log = logging.getLogger(__name__)

REPEAT_S: Final = 60.0
RETRY_S: Final = 1.0


class Urgent:
    """Reports findings in the order in which they come.

    Parameters
    ----------
    report
        `Ground.report`.
    """

    def __init__(self, report: Callable[[Sequence[Finding]], None]) -> None:
        self.reported = 0
        self.last_error = ""
        self._report = report
        self._changed = threading.Condition()
        self._waiting: dict[str, Finding] = {}
        self._told: dict[str, tuple[Finding, float]] = {}
        self._is_busy = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="battery-urgent", daemon=True)
        self._thread.start()

    def put(self, findings: Sequence[Finding]) -> None:
        """Take findings; returns at once."""
        if not findings:
            return
        with self._changed:
            for finding in findings:
                self._waiting[finding.key] = joined(self._waiting.get(finding.key), finding)
            self._changed.notify_all()

    def remember(self, findings: Sequence[Finding]) -> None:
        """Take findings that were told before the start: they keep their first time."""
        with self._changed:
            self._told |= {f.key: (f, 0.0) for f in findings if f.key not in self._told}

    def forget(self, keys: Sequence[str]) -> None:
        """Let go of findings that were closed: the next one of the same key is a new one."""
        with self._changed:
            for key in keys:
                self._told.pop(key, None)

    def drain(self, wait_s: float) -> bool:
        """Wait until all that came is told; False where that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_busy and not self._due(), wait_s)

    def stop(self, wait_s: float = 5.0) -> None:
        """Tell what waits and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(wait_s)

    def status(self) -> dict[str, Any]:
        """Describe what waits and what was told."""
        with self._changed:
            return {
                "waiting": len(self._waiting), "reported": self.reported,
                "last_error": self.last_error,
            }  # fmt: skip

    def _due(self) -> list[Finding]:
        """Return what must be told now: new ones, and known ones not told for a while."""
        now = time.monotonic()
        return [
            f for key, f in self._waiting.items()
            if key not in self._told or self._stopping or now - self._told[key][1] >= REPEAT_S
        ]  # fmt: skip

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._due(), RETRY_S)
                due = self._due()
                for finding in due:
                    del self._waiting[finding.key]
                self._is_busy = bool(due)
            if due:
                self._tell(due)
            elif self._stopping:
                return

    def _tell(self, due: list[Finding]) -> None:
        with self._changed:
            versions = [joined(self._told.get(f.key, (None, 0.0))[0], f) for f in due]
        try:
            self._report(versions)
        except Exception as error:
            if not self.last_error:
                _log.exception("battery: %d thermal findings were not taken; again", len(due))
            self.last_error = f"{type(error).__name__}: {error}"
            self.put(due)
            self._end(())
            if not self._stopping:
                time.sleep(RETRY_S)
        else:
            self.last_error = ""
            self.reported += len(versions)
            self._end(versions)

    def _end(self, told: Sequence[Finding]) -> None:
        with self._changed:
            now = time.monotonic()
            self._told |= {f.key: (f, now) for f in told}
            self._is_busy = False
            self._changed.notify_all()
