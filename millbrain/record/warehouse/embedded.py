"""The warehouse in this process: ClickHouse as the library `chdb`."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from millbrain.core.tables import Table
from millbrain.record.values import Params, parameters, quoted
from millbrain.record.warehouse.connections import Connections
from millbrain.record.warehouse.faults import read_error, write_error

# Half of the cores. A lower priority cannot be had: this engine ignores that setting of a query.
_ASIDE: Final = f"max_threads = {max(1, (os.cpu_count() or 1) // 2)}"
# One 20,000-row block becomes one part only if nothing splits or fans it out.
_INSERT_SETTINGS: Final = "max_insert_threads=1, max_threads=1"


class EmbeddedWarehouse:
    """A `Warehouse` over an engine inside this process. Made by `open_embedded`.

    settings: of its queries, as `SET` takes them.
    """

    def __init__(self, connections: Connections, settings: str = "") -> None:
        self._connections = connections
        self._settings = settings

    @property
    def path(self) -> Path:
        """The folder."""
        return self._connections.path

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names refer to."""
        return self._connections.database

    def query(self, sql: str, params: Params | None = None) -> pa.Table:
        """Run a query and return its rows as Arrow; see `Warehouse.query`."""
        return pa.ipc.open_stream(self.query_bytes(sql, "ArrowStream", params)).read_all()

    def batches(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows as they come; see `Warehouse.batches`."""
        with self._connections.fresh(self._settings) as connection:
            try:
                stream = connection.send_query(sql, "ArrowStream", params=parameters(params))
                while (piece := stream.fetch()) is not None:  # a whole Arrow stream each
                    yield from pa.ipc.open_stream(piece.bytes())
            except RuntimeError as error:
                raise read_error(str(error)) from error

    def query_bytes(self, sql: str, fmt: str, params: Params | None = None) -> bytes:
        """Run a query and return its answer in a ClickHouse format."""
        with self._connections.own(self._settings) as connection:
            try:
                answer = connection.query(sql, fmt, params=parameters(params))
            except RuntimeError as error:
                raise read_error(str(error)) from error
            return bytes(answer.bytes())

    def execute(self, sql: str) -> None:
        """Run a statement that returns no rows."""
        self.query_bytes(sql, "Null")

    def aside(self) -> "EmbeddedWarehouse":
        """Return the same warehouse for work that nobody waits for; see `Warehouse.aside`."""
        return EmbeddedWarehouse(self._connections, _ASIDE)

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
        with self._connections.own(self._settings) as connection:
            try:
                connection.query(sql, "Null")
            except RuntimeError as error:
                what = f"insert of {batch.num_rows} rows into {target}"
                raise write_error(what, str(error)) from error
            finally:
                arrow_reader.close()

    def close(self) -> None:
        """Wait for running calls, then close every connection; the folder is free afterwards."""
        self._connections.close()

    def fresh(self) -> AbstractContextManager[Any]:
        """Lend a raw `chdb` connection of its own, closed afterwards; for the HTTP protocol.

        Settings made on it end with it, so that a reader can be bound for good.
        """
        return self._connections.fresh()


def open_embedded(path: Path, database: str = "millbrain") -> EmbeddedWarehouse:
    """Open (or make) the warehouse folder `path` and the database in it.

    Raises
    ------
    StoreError
        Another process owns the folder, this process has another folder open, or it is damaged.

    """
    path.mkdir(parents=True, exist_ok=True)
    return EmbeddedWarehouse(Connections(path.resolve(), database))
