"""`millbrain up`: start the processes of one installation, watch them, start a fallen one again.

The supervisor holds no state and opens no store, so it can hardly fail; a crash of one process
never takes another down. Children are told to stop in reverse order of starting.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from millbrain.core.errors import MillbrainError
from millbrain.run import run_files
from millbrain.run.settings import Settings

log = logging.getLogger(__name__)

READY_S_MAX: Final = 120  # a first start compiles kernels; later ones take about two seconds
STOP_S_MAX: Final = 30  # a process that has not stopped by then is killed
PAUSE_S_MIN: Final = 0.5
PAUSE_S_MAX: Final = 30.0
STEADY_S: Final = 60.0  # a process that ran so long starts again without a pause


@dataclass(slots=True)
class Child:
    """One supervised process: the millbrain command that runs it, and how often it fell."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    pause_s: float = PAUSE_S_MIN
    again_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the process in its own group, so that Ctrl-C reaches only the supervisor.

        Its settings come from the file of those in force, so the environment must not win again.
        """
        self.started_at = time.monotonic()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MILLBRAIN_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "millbrain.run.cli", *self.command],
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )

    def look(self) -> None:
        """Start the process again if it fell, after a pause that grows while it keeps falling."""
        if self.process is None:
            if time.monotonic() >= self.again_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        steady = time.monotonic() - self.started_at > STEADY_S
        self.pause_s = PAUSE_S_MIN if steady else min(self.pause_s * 2, PAUSE_S_MAX)
        log.warning(
            "%s ended with code %d, starting again in %.1f s", self.name, code, self.pause_s
        )
        self.process, self.again_at = None, time.monotonic() + self.pause_s

    def stop(self) -> None:
        """Ask the process to stop, wait, and kill it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop within %d s and was killed", self.name, STOP_S_MAX)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Starts children one after the other, each once the one before is ready."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: list[Child] = []
        self._stopping = False
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def start(self, name: str, command: Sequence[str], *, waits: bool = True) -> dict[str, int]:
        """Start a child; with `waits`, return the ports it took once it is ready.

        Raises
        ------
        MillbrainError
            It ended, or was not ready within `READY_S_MAX`.
        """
        child = Child(name, command)
        self._settings.run_file(name).unlink(missing_ok=True)
        child.start()
        self._children.append(child)
        return self._wait_ready(child) if waits else {}

    def _wait_ready(self, child: Child) -> dict[str, int]:
        until = time.monotonic() + READY_S_MAX
        while time.monotonic() < until and not self._stopping:
            found = run_files.read(self._settings.run_file(child.name))
            if found and child.process and found["pid"] == child.process.pid:
                ports: dict[str, int] = found["ports"]
                return ports
            if child.process and child.process.poll() is not None:
                break
            time.sleep(0.05)
        logs = self._settings.data / "log"
        raise MillbrainError(f"{child.name} did not become ready; see {logs / child.name}.log")

    def watch(self, beat: Callable[[], None] = lambda: None) -> None:
        """Watch the children until told to stop."""
        while not self._stopping:
            for child in self._children:
                child.look()
            beat()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop all children, the last started first."""
        for child in reversed(self._children):
            child.stop()
