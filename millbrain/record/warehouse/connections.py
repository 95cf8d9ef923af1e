"""The connections of this process to ClickHouse as the library `chdb`.

One process owns a folder, and one folder is open in a process at a time (several databases in it
are fine). The engine serialises calls on one connection, so every thread has its own; a connection
closed under a running call, or still busy when the interpreter exits, crashes the process, so
`close` first waits for all calls to end.
"""

import contextlib
import fcntl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import chdb

from millbrain.core import limits
from millbrain.core.errors import StoreError
from millbrain.record.values import quoted

CLOSE_WAIT_S_MAX: Final = limits.QUERY_S_MAX + 5  # no call runs longer; then it is named and left
# Backups go to a folder that the operator names; readers are refused BACKUP by the guard. Merges
# give way to what people and devices wait for.
_OPTIONS: Final = "backups.allowed_path=/&os_threads_nice_value_merge_mutate=5"


class Connections:
    """The connections to one folder, of every thread. settings: of one, as `SET` takes them."""

    def __init__(self, path: Path, database: str) -> None:
        self.path = path
        self.database = database
        self._idle = threading.Condition()
        self._busy = 0
        self._closed = False
        self._kept: dict[tuple[threading.Thread, str], Any] = {}
        self._first = self._connect(f"?{_OPTIONS}", create=True)

    def __len__(self) -> int:
        """Return how many are kept for their threads."""
        return len(self._kept)

    @contextlib.contextmanager
    def fresh(self, settings: str = "") -> Iterator[Any]:
        """Lend a connection of its own, closed afterwards; settings made on it end with it."""
        with self._running():
            connection = self._connect(settings=settings)
            try:
                yield connection
            finally:
                connection.close()

    @contextlib.contextmanager
    def own(self, settings: str = "") -> Iterator[Any]:
        """Lend this thread's connection with such settings, made on its first call."""
        key = (threading.current_thread(), settings)
        with self._running():
            connection = self._kept.get(key)
            if connection is None:
                self._close_orphans()
                connection = self._kept[key] = self._connect(settings=settings)
            yield connection

    def close(self) -> None:
        """Wait for running calls, then close every connection; the folder is free afterwards."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
            self._idle.wait_for(lambda: self._busy == 0, CLOSE_WAIT_S_MAX)
            if self._busy:
                raise StoreError(
                    f"warehouse {self.path}: {self._busy} calls still ran after "
                    f"{CLOSE_WAIT_S_MAX} s; the engine was left open, end the process to free it"
                )
            connections = [self._first, *self._kept.values()]
            self._kept.clear()
        for connection in connections:
            connection.close()

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Count a call, so that `close` can wait for it."""
        with self._idle:
            if self._closed:
                raise StoreError(f"warehouse {self.path} is closed; open it again to use it")
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _close_orphans(self) -> None:
        """Close the connections of threads that have ended."""
        with self._idle:
            ended = [key for key in self._kept if not key[0].is_alive()]
            orphans = [self._kept.pop(key) for key in ended]
        for connection in orphans:
            connection.close()

    def _connect(self, options: str = "", *, settings: str = "", create: bool = False) -> Any:
        try:
            connection = chdb.connect(f"{self.path}{options}")
            if create:
                connection.query(
                    f"CREATE DATABASE IF NOT EXISTS {quoted(self.database)} ENGINE = Atomic"
                )
            connection.query(f"USE {quoted(self.database)}")
            if settings:
                connection.query(f"SET {settings}")
        except RuntimeError as error:
            raise StoreError(_open_failure(self.path, str(error))) from error
        return connection


def _open_failure(path: Path, text: str) -> str:
    """Say in plain words why the folder could not be opened."""
    if "already initialized" in text:
        return (
            f"warehouse {path}: this process has another warehouse folder open, one is allowed; "
            f"close that one first ({text})"
        )
    owner = _owner(path)
    if owner:
        return (
            f"warehouse {path}: another process (pid {owner}) owns it, one is allowed; ask that "
            "engine over its ClickHouse HTTP port, or stop it and try again"
        )
    return f"warehouse {path}: it could not be opened ({text})"


def _owner(path: Path) -> str:
    """Return the pid that holds the folder's lock, empty where nobody does."""
    with contextlib.suppress(OSError), (path / "status").open("r+") as status:
        try:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return status.readline().removeprefix("PID:").strip() or "unknown"
    return ""
