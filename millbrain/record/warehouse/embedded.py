"""The warehouse in this process: ClickHouse as the library `chdb`.

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
import pyarrow as pa

from millbrain.core import limits
from millbrain.core.errors import StoreError
from millbrain.core.tables import Table
from millbrain.record.values import Params, parameters, quoted
from millbrain.record.warehouse.faults import read_error, write_error

CLOSE_WAIT_S_MAX: Final = limits.QUERY_S_MAX + 5  # no call runs longer; then it is named and left
# Backups go to a folder that the operator names; readers are refused BACKUP by the guard. Merges
# give way to what people and devices wait for.
_OPTIONS: Final = "backups.allowed_path=/&os_threads_nice_value_merge_mutate=5"
# One 20,000-row block becomes one part only if nothing splits or fans it out.
_INSERT_SETTINGS: Final = "max_insert_threads=1, max_threads=1"


class EmbeddedWarehouse:
    """A `Warehouse` over an engine inside this process. Made by `open_embedded`."""

    def __init__(self, path: Path, database: str) -> None:
        self.path = path
        self._database = database
        self._idle = threading.Condition()
        self._busy = 0
        self._closed = False
        self._connections: dict[threading.Thread, Any] = {}
        self._first = self._connect(f"?{_OPTIONS}", create=True)

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names refer to."""
        return self._database

    def query(self, sql: str, params: Params | None = None) -> pa.Table:
        """Run a query and return its rows as Arrow; see `Warehouse.query`."""
        return pa.ipc.open_stream(self.query_bytes(sql, "ArrowStream", params)).read_all()

    def batches(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows as they come; see `Warehouse.batches`."""
        with self.fresh() as connection:
            try:
                stream = connection.send_query(sql, "ArrowStream", params=parameters(params))
                while (piece := stream.fetch()) is not None:  # a whole Arrow stream each
                    yield from pa.ipc.open_stream(piece.bytes())
            except RuntimeError as error:
                raise read_error(str(error)) from error

    def query_bytes(self, sql: str, fmt: str, params: Params | None = None) -> bytes:
        """Run a query and return its answer in a ClickHouse format."""
        with self._connection() as connection:
            try:
                answer = connection.query(sql, fmt, params=parameters(params))
            except RuntimeError as error:
                raise read_error(str(error)) from error
            return bytes(answer.bytes())

    def execute(self, sql: str) -> None:
        """Run a statement that returns no rows."""
        self.query_bytes(sql, "Null")

    def insert(self, table: Table, batch: pa.RecordBatch, into: str | None = None) -> None:
        """Store a batch as one part, on disk when this returns; see `Warehouse.insert`."""
        target = into or table.name
        columns = ", ".join(quoted(n) for n in batch.schema.names)
        # chdb's streaming insert reports success on a full disk and drops the rows, so the batch is
        # read by an ordinary INSERT SELECT; `Python` finds the reader by name in this frame.
        arrow_reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
        sql = (
            f"INSERT INTO {quoted(target)} ({columns}) SETTINGS {_INSERT_SETTINGS} "
            f"SELECT {columns} FROM Python(arrow_reader)"
        )
        with self._connection() as connection:
            try:
                connection.query(sql, "Null")
            except RuntimeError as error:
                what = f"insert of {batch.num_rows} rows into {target}"
                raise write_error(what, str(error)) from error
            finally:
                arrow_reader.close()

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
            connections = [self._first, *self._connections.values()]
            self._connections.clear()
        for connection in connections:
            connection.close()

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Any]:
        """Lend a raw `chdb` connection of its own, closed afterwards; for the HTTP protocol.

        Settings made on it end with it, so that a reader can be bound for good.
        """
        with self._running():
            connection = self._connect()
            try:
                yield connection
            finally:
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

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        """Lend this thread's connection, made on its first call."""
        thread = threading.current_thread()
        with self._running():
            connection = self._connections.get(thread)
            if connection is None:
                self._close_orphans()
                connection = self._connections[thread] = self._connect()
            yield connection

    def _close_orphans(self) -> None:
        """Close the connections of threads that have ended."""
        with self._idle:
            ended = [t for t in self._connections if not t.is_alive()]
            orphans = [self._connections.pop(t) for t in ended]
        for connection in orphans:
            connection.close()

    def _connect(self, options: str = "", *, create: bool = False) -> Any:
        try:
            connection = chdb.connect(f"{self.path}{options}")
            if create:
                connection.query(
                    f"CREATE DATABASE IF NOT EXISTS {quoted(self._database)} ENGINE = Atomic"
                )
            connection.query(f"USE {quoted(self._database)}")
        except RuntimeError as error:
            raise StoreError(_open_failure(self.path, str(error))) from error
        return connection


def open_embedded(path: Path, database: str = "millbrain") -> EmbeddedWarehouse:
    """Open (or make) the warehouse folder `path` and the database in it.

    Raises
    ------
    StoreError
        Another process owns the folder, this process has another folder open, or it is damaged.

    """
    path.mkdir(parents=True, exist_ok=True)
    return EmbeddedWarehouse(path.resolve(), database)


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
